//! `doorward migrate`, `doorward reset-db`

use super::{confirmed, say, wait};
use crate::accounts::{self, OldKey};
use crate::app::{self, Services};
use crate::base::clock::Clock;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::files;
use crate::storage::{self, Db, Location};

pub fn migrate(config: Config) -> Result<(), Fault> {
    let services = Services::prepare(config, Clock::System)?;
    wait(services.db.record(Event::done(Action::Migrate)))?;
    say("The database is up to date.");
    for old in wait(services.db.read(|db| accounts::list_old_keys(db)))? {
        say(old_key(&old));
    }
    Ok(())
}

/// Why an account cannot be found by its address in every spelling, and what to do.
pub fn old_key(OldKey { account, holder }: &OldKey) -> String {
    let address = account.email.as_deref().unwrap_or_default();
    let id = account.id;
    let why = match holder {
        Some(holder) => format!(
            "has the same address as the account {} ({})",
            holder.id,
            holder.email.as_deref().unwrap_or_default()
        ),
        None => "has an address that is no longer accepted".to_owned(),
    };
    format!(
        "The account {id} ({address}) {why}. Nothing is lost: its owner signs in as before, with \
         the address in this spelling. To resolve it, run `doorward account rename {address} --email \
         NEW-ADDRESS` or `doorward account delete {address}`."
    )
}

pub fn reset(config: Config, yes: bool) -> Result<(), Fault> {
    let location = Location::of(&config)?;
    let question = format!(
        "Delete every account, session and file in the database ({})?",
        location.describe()
    );
    if !yes && !confirmed(&question)? {
        return Err(Fault::new("nothing was deleted"));
    }
    app::make_data_dir(&config)?;
    // Only an up-to-date database says where the files are.
    let db = Db::open(location.clone())?;
    wait(files::clear(&db, &Blobs::open(&config.files.store)?))?;
    drop(db);
    storage::reset(&location)?;
    // A lost secret may be replaced now: the data that depended on it is deleted.
    app::make_missing_secret(&config)?;
    let services = Services::prepare(config, Clock::System)?;
    wait(services.db.record(Event::done(Action::ResetDatabase)))?;
    say("The database is empty and up to date.");
    Ok(())
}
