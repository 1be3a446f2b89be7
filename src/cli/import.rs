//! `doorward import`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::{complain, say, wait};
use crate::app::{self, Services};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::import::{self, Event, Fate, Field, Format, Rules, Source, Summary};
use crate::storage::{Db, Location};
use crate::tokens::Tokens;
use crate::{accounts, passwords};

/// Without a terminal, prints a line for this many rows.
const PROGRESS_ROWS: u64 = 10_000;

#[derive(Args)]
pub struct Arguments {
    /// CSV, JSON Lines, a JSON array, the SQLite file of a Flask or Django app, or htpasswd; - is stdin
    file: PathBuf,
    /// csv, jsonl, json, sqlite or htpasswd; by default, from the extension of the file's name
    #[arg(long)]
    format: Option<Format>,
    /// The table of an SQLite file that holds the accounts
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Read FIELD (username, email, name, password, password_hash, role, active, created_at or email_verified) from COLUMN; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = field_and_column)]
    map: Vec<(Field, String)>,
    /// Also import administrators, which are refused otherwise
    #[arg(long)]
    administrators: bool,
    /// Accept unhashed passwords in the column password, and hash them
    #[arg(long)]
    typed_passwords: bool,
    /// Import an account whose username is not accepted under its email address alone
    #[arg(long)]
    drop_bad_usernames: bool,
    /// Print what would happen to each row, and change nothing
    #[arg(long)]
    dry_run: bool,
}

fn field_and_column(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("expected FIELD=COLUMN")?;
    let field = Field::parse(field).ok_or_else(|| {
        let known: Vec<_> = Field::ALL.into_iter().map(Field::as_str).collect();
        format!("expected one of {}", known.join(", "))
    })?;
    Ok((field, column.to_owned()))
}

pub fn run(arguments: Arguments, config: Config) -> Result<(), Fault> {
    let file = &arguments.file;
    let location = Location::of(&config)?;
    // Checked before it is opened: closing our own file would drop the locks on it.
    if location.is(file) {
        return Err(Fault::new(
            "this file is the database of this server itself: name the other program's file",
        ));
    }
    let format = arguments.format.or_else(|| Format::of(file));
    let format = format.ok_or_else(|| import::unknown_format(file))?;
    let table = arguments.table.as_deref();
    let mut source = Source::open(file, format, table, arguments.map)?;
    let rules = Rules {
        administrators: arguments.administrators,
        typed_passwords: arguments.typed_passwords,
        drop_bad_usernames: arguments.drop_bad_usernames,
        costly_hashes: config.import.costly_hashes,
        min_length: config.passwords.min_length,
        breached: app::open_breached(&config)?,
        now: Clock::System.now(),
    };
    if let Some(about) = source.about() {
        say(about);
    }
    let (mut weak, cost) = (None, config.passwords.bcrypt_cost);
    let summary = if arguments.dry_run {
        let db = existing_database(&config, location)?;
        take(&db, None, &mut source, &rules)?
    } else {
        let services = Services::prepare(config, Clock::System)?;
        // Passwords under another secret than the server's could never be verified.
        wait(Tokens::check_secret(&services.db, &services.secret))?;
        let summary = take(&services.db, Some(&services), &mut source, &rules)?;
        let (kinds, _) = wait(services.db.read(|db| accounts::count_password_kinds(db)))?;
        weak = passwords::weak_hashes(&kinds, cost);
        summary
    };
    let Summary {
        rows,
        added,
        existing,
        refused,
        warnings,
    } = summary;
    let done = if arguments.dry_run {
        "Would be added"
    } else {
        "Added"
    };
    say(format_args!(
        "{done}: {added}. Existed already: {existing}. Refused: {refused}."
    ));
    if warnings > 0 {
        say(format_args!("Warnings: {warnings}, see above."));
    }
    for note in source.notes().into_iter().chain(weak) {
        say(note);
    }
    let ignored = source.ignored();
    if !ignored.is_empty() {
        say(format_args!("Columns that were not read: {ignored}"));
    }
    match refused {
        0 if rows == 0 => Err(Fault::new(format!(
            "{} has no rows: nothing was imported",
            import::shown(file)
        ))),
        0 => Ok(()),
        1 => Err(Fault::new("1 row was refused, see above")),
        _ => Err(Fault::new(format!(
            "{refused} rows were refused, see above"
        ))),
    }
}

/// Creates nothing, as a dry run must not.
fn existing_database(config: &Config, location: Location) -> Result<Db, Fault> {
    let first = || {
        Fault::new("a dry run needs a database that is up to date: run `doorward migrate` first")
    };
    if matches!(location, Location::Sqlite(_)) && !location.has_content() {
        return Err(first());
    }
    let (db, pending) = Db::look(location)?;
    if pending > 0 {
        return Err(first());
    }
    let secret = match &config.secret {
        Some(secret) => Some(secret.clone()),
        None => app::find_secret(&app::secret_file(config))?,
    };
    if let Some(secret) = secret {
        wait(Tokens::check_secret(&db, &secret))?;
    }
    Ok(db)
}

fn take(
    db: &Db,
    services: Option<&Services>,
    source: &mut Source,
    rules: &Rules,
) -> Result<Summary, Fault> {
    let (place, is_dry) = (source.place(), services.is_none());
    let mut progress = Progress::default();
    let accounts = services.map(|services| &services.accounts);
    wait(import::run(
        db,
        accounts,
        source,
        rules,
        |event| match event {
            Event::Row {
                at,
                who,
                fate,
                warnings,
            } => {
                let outcome = match fate {
                    Fate::Added if is_dry => Some("would be added".to_owned()),
                    Fate::Exists if is_dry => Some("exists already".to_owned()),
                    Fate::Added | Fate::Exists => None,
                    Fate::Refused(why) => Some(format!("refused: {why}")),
                };
                let warnings = warnings.iter().map(|why| format!("warning: {why}"));
                let who = who.map(|who| format!(", {who}")).unwrap_or_default();
                for said in outcome.into_iter().chain(warnings) {
                    progress.clear();
                    say(format_args!("{place} {at}{who}: {said}"));
                }
            }
            Event::Hashing => {
                progress.clear();
                say(
                    "Some passwords are not hashed yet. Hashing them takes a while, some four a second.",
                );
            }
            Event::Progress { rows, percent } => progress.show(rows, percent),
        },
    ))
}

/// Progress: on a terminal one line that is updated, else a line now and then.
#[derive(Default)]
struct Progress {
    is_shown: bool,
    told: u64,
}

impl Progress {
    fn show(&mut self, rows: u64, percent: u64) {
        if std::io::stderr().is_terminal() {
            write!(std::io::stderr(), "\r{percent:3} %  {rows} rows").ok();
            self.is_shown = true;
            if percent == 100 {
                self.clear();
            }
        } else if rows / PROGRESS_ROWS > self.told {
            self.told = rows / PROGRESS_ROWS;
            complain(format_args!("{rows} rows, {percent} %"));
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            // Returns to the start of the line, and clears it to the end.
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}
