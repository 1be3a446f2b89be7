//! `doorward doctor`: looks, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{say, wait};
use crate::app::Ground;
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{BaseUrl, Config};
use crate::storage::Location;
use crate::tokens::Tokens;

pub fn run(config: &Config) -> Result<(), Fault> {
    say("ok    settings");
    let mut failed = false;
    let mut tell = |what: &str, found: Result<Option<String>, String>| match found {
        Ok(None) => say(format_args!("ok    {what}")),
        Ok(Some(advice)) => say(format_args!("warn  {what}: {advice}")),
        Err(wrong) => {
            failed = true;
            say(format_args!("FAIL  {what}: {wrong}"));
        }
    };
    tell("address", Ok(exposed_without_https(config)));
    if !config.data_dir.exists() {
        say(format_args!(
            "warn  data folder: {} is made on the first start",
            config.data_dir.display()
        ));
        return Ok(());
    }
    tell("data folder", private(&config.data_dir));
    if config.secret.is_none() && config.data_dir.join("secret").exists() {
        tell("secret", private(&config.data_dir.join("secret")));
    }
    tell("database and signing key", database(config));
    if failed {
        Err(Fault::new("something is wrong, see above"))
    } else {
        Ok(())
    }
}

fn exposed_without_https(config: &Config) -> Option<String> {
    let https = config.base_url.as_ref().is_some_and(BaseUrl::is_https);
    (!https && !config.listen.ip().is_loopback())
        .then(|| "others can reach it without https: set base_url to the https:// address of the proxy in front".to_owned())
}

fn private(path: &Path) -> Result<Option<String>, String> {
    let mode = fs::metadata(path)
        .map_err(|error| error.to_string())?
        .permissions()
        .mode();
    Ok((mode & 0o077 != 0).then(|| {
        format!(
            "{} can be reached by other users (mode {:o})",
            path.display(),
            mode & 0o777
        )
    }))
}

fn database(config: &Config) -> Result<Option<String>, String> {
    let location = Location::parse(config.database_url.as_ref(), &config.data_dir)
        .map_err(|fault| fault.to_string())?;
    if let Location::Sqlite(path) = &location
        && !path.exists()
    {
        return Ok(Some(format!(
            "{} is made on the first start",
            path.display()
        )));
    }
    let opened = Ground::prepare(config.clone(), Clock::System).and_then(|ground| {
        wait(Tokens::open(
            &ground.db,
            Clock::System,
            &ground.secret,
            "doctor",
            &config.tokens,
        ))
    });
    opened.map(|_| None).map_err(|fault| fault.to_string())
}
