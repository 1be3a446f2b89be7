//! `doorward token`: shows tokens, and changes nothing.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{say, wait};
use crate::app;
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{BaseUrl, Config};
use crate::storage::{Db, Location};
use crate::tokens::{
    KEY_SET_MAX_BYTES, KeySet, Kind, Outcome, Report, Tokens, as_pasted, by_key_set,
};

/// The most that is read from stdin; every token is far shorter.
const TYPED_MAX_BYTES: usize = 64 * 1024;

#[derive(Subcommand)]
pub enum Command {
    /// Show the content of a token and why it is or is not accepted; it is read from a prompt or
    /// from stdin
    Inspect {
        /// Check with the keys in this file, a JWK set or a single JWK, instead of this server's keys
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
    },
}

pub fn run(command: Command, config: &Config) -> Result<(), Fault> {
    let Command::Inspect { jwks } = command;
    // Checked before the token is asked for, so that no token is typed in vain.
    let report = match jwks {
        Some(file) => {
            let keys = KeySet::parse(&read_keys(&file)?)
                .map_err(|bad| Fault::new(format!("{}: {bad}", file.display())))?;
            by_key_set(&read_token()?, &keys, Clock::System.now())
        }
        None => by_own_keys(config)?,
    };
    tell(&report);
    if report.is_accepted() {
        Ok(())
    } else {
        let failed = report.failed().join(", ");
        Err(Fault::new(format!("the token is not accepted: {failed}")))
    }
}

fn by_own_keys(config: &Config) -> Result<Report, Fault> {
    let location = Location::of(config)?;
    if matches!(location, Location::Sqlite(_)) && !location.has_content() {
        return Err(Fault::new(
            "there is no database, so there are no keys: run `doorward migrate` first, or use other keys with --jwks FILE",
        ));
    }
    let (db, pending) = Db::look(location)?;
    if pending > 0 {
        return Err(Fault::new(
            "the database is not up to date: run `doorward migrate` first",
        ));
    }
    let secret = match &config.secret {
        Some(secret) => Some(secret.clone()),
        None => app::find_secret(&app::secret_file(config))?,
    };
    let secret = secret.ok_or_else(|| {
        Fault::new(
            "the secret that the database was created with is missing: restore it or set `secret`",
        )
    })?;
    let token = read_token()?;
    let mut report = wait(Tokens::inspect_by(
        &db,
        &secret,
        config.base_url.as_ref().map(BaseUrl::as_str),
        &config.tokens,
        &token,
    ))?;
    if matches!(report.kind, Kind::Access | Kind::Link | Kind::Share) {
        report.add(
            "Session or link",
            Outcome::NotChecked,
            "Only the running server knows whether it has ended, was used or was revoked: see its page /inspect.",
        );
    }
    Ok(report)
}

fn tell(report: &Report) {
    let verdict = if report.is_accepted() {
        "no check failed"
    } else {
        "not accepted"
    };
    say(format_args!("This is {}: {verdict}.", report.kind.words()));
    for (heading, part) in [
        ("Header", &report.header),
        ("Claims", &report.claims),
        ("Content", &report.text),
    ] {
        if let Some(part) = part {
            say(format_args!("\n{heading}\n{part}"));
        }
    }
    say("\nChecks");
    for check in &report.checks {
        let mark = match check.outcome {
            Outcome::Passed => "ok    ",
            Outcome::Failed => "FAIL  ",
            Outcome::NotChecked => "-     ",
        };
        say(format_args!("{mark}{}: {}", check.what, check.why));
    }
}

fn read_keys(file: &Path) -> Result<String, Fault> {
    let failed = |error| Fault::caused(file.display().to_string(), error);
    // One byte more than the limit, so that a longer input is noticed.
    up_to(File::open(file).map_err(failed)?, KEY_SET_MAX_BYTES + 1).map_err(failed)
}

/// Never read from an argument, which other users of the machine could see.
fn read_token() -> Result<String, Fault> {
    let read = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Token: ")
    } else {
        up_to(std::io::stdin(), TYPED_MAX_BYTES + 1)
    };
    let typed = read.map_err(|error| Fault::caused("the token cannot be read", error))?;
    if typed.len() > TYPED_MAX_BYTES {
        return Err(Fault::new("the input is too long for a token"));
    }
    let token = as_pasted(&typed);
    if token.is_empty() {
        return Err(Fault::new("there is no token on stdin"));
    }
    Ok(token)
}

fn up_to(source: impl Read, bytes: usize) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(bytes as u64).read_to_string(&mut text)?;
    Ok(text)
}
