//! `doorward migrate`, `doorward reset-db`

use std::io::{BufRead, IsTerminal, Write};

use super::say;
use crate::app::{self, Ground};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::storage::{self, Location};

pub fn migrate(config: Config) -> Result<(), Fault> {
    Ground::prepare(config, Clock::System)?;
    say("The database is up to date.");
    Ok(())
}

pub fn reset(config: Config, yes: bool) -> Result<(), Fault> {
    let location = Location::parse(config.database_url.as_ref(), &config.data_dir)?;
    if !yes && !is_meant(&location.describe())? {
        return Err(Fault::new("nothing was deleted"));
    }
    app::make_data_dir(&config.data_dir)?;
    storage::reset(&location)?;
    // A lost one may be replaced now: what hung on it is gone.
    app::make_missing_secret(&config)?;
    say("The database is empty and up to date.");
    Ok(())
}

fn is_meant(database: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(
            "nobody is there to ask: say --yes to delete everything in the database",
        ));
    }
    print!("Delete every account and session in the database ({database})? Type yes: ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Fault::caused("read the answer", error))?;
    Ok(answer.trim() == "yes")
}
