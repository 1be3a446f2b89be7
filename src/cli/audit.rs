//! `doorward audit`: reads the trail, even while a server writes it, and changes nothing.

use clap::Subcommand;
use serde_json::json;

use super::{say, wait};
use crate::accounts;
use crate::app;
use crate::audit::{Audit, Entry, Search};
use crate::base::clock::rfc3339;
use crate::base::event::{Action, Outcome};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{Login, printable};
use crate::config::Config;
use crate::storage::{Db, Location, SearchError};
use crate::tokens::Tokens;

/// Breaks that are printed: after one inserted event, all later events have moved.
const BREAKS_SHOWN: usize = 20;

#[derive(Subcommand)]
pub enum Command {
    /// Check the chain of the trail, and report each place where it breaks
    Verify,
    /// Write all events as JSON Lines, oldest first
    Export {
        /// Only events after this number, to continue an earlier export
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
    },
    /// List events, latest first: number, time, result, action, actor, account, target, address, user agent, details
    List {
        /// Only events of this account: its username, email address or ID
        #[arg(long)]
        account: Option<String>,
        /// Only this action, such as sign_in
        #[arg(long, value_parser = action)]
        action: Option<Action>,
        /// Only this result: done or refused
        #[arg(long, value_parser = outcome)]
        result: Option<Outcome>,
        /// At most this many events
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

fn action(text: &str) -> Result<Action, String> {
    let known = || Action::ALL.iter().map(|action| action.as_str());
    Action::parse(text)
        .ok_or_else(|| format!("expected one of {}", known().collect::<Vec<_>>().join(", ")))
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| "expected done or refused".to_owned())
}

pub fn run(command: Command, config: &Config) -> Result<(), Fault> {
    let (db, audit) = open(config)?;
    match command {
        Command::Verify => verify(&audit),
        Command::Export { after } => wait(export(&audit, after)),
        Command::List {
            account,
            action,
            result,
            limit,
        } => {
            let search = Search {
                account: account.map(|who| find(&db, &who)).transpose()?,
                action,
                outcome: result,
                ..Search::default()
            };
            wait(list(&audit, search, limit))
        }
    }
}

/// Opens the trail, and creates nothing.
fn open(config: &Config) -> Result<(Db, Audit), Fault> {
    let location = Location::of(config)?;
    let first = || Fault::new("the database is not up to date: run `doorward migrate` first");
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
    let secret = secret.ok_or_else(|| {
        Fault::new("the secret is missing: restore it or set `secret`. Without it, the trail cannot be verified")
    })?;
    // Under another secret, every event would look changed.
    wait(Tokens::check_secret(&db, &secret))?;
    let audit = Audit::new(db.clone(), &secret, &config.audit);
    Ok((db, audit))
}

fn find(db: &Db, who: &str) -> Result<AccountId, Fault> {
    if let Some(id) = AccountId::parse(who) {
        return Ok(id);
    }
    let found = match Login::parse(who) {
        Some(login) => wait(db.read(move |db| accounts::find_credentials(db, &login)))?,
        None => None,
    };
    let id = found.map(|found| found.account.id);
    id.ok_or_else(|| Fault::new("there is no account with this username, email address or ID"))
}

fn verify(audit: &Audit) -> Result<(), Fault> {
    let verified = wait(audit.verify())?;
    if let Some(((first, from), (last, to))) = verified.span {
        say(format_args!(
            "Events: {}, from {first} ({}) to {last} ({}).",
            verified.events,
            rfc3339(from),
            rfc3339(to)
        ));
    } else {
        say("There are no events.");
    }
    if verified.pruned > 0 {
        say(format_args!("Events 1 to {} were pruned.", verified.pruned));
    }
    let breaks = verified.breaks.len();
    for found in verified.breaks.iter().take(BREAKS_SHOWN) {
        say(format_args!("BROKEN: {found}"));
    }
    match breaks {
        0 => {
            say("The chain is unbroken.");
            Ok(())
        }
        _ if breaks > BREAKS_SHOWN => Err(Fault::new(format!(
            "the audit trail was changed: {breaks} breaks, the first of them above"
        ))),
        _ => Err(Fault::new("the audit trail was changed, see above")),
    }
}

async fn export(audit: &Audit, mut after: i64) -> Result<(), Fault> {
    loop {
        let batch = audit.read_on(after).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = last.seq;
        for entry in &batch {
            say(as_json(entry));
        }
    }
}

/// On one line of printable characters, whatever the columns contain.
fn as_json(entry: &Entry) -> String {
    let details: serde_json::Value =
        serde_json::from_str(&entry.details).unwrap_or_else(|_| entry.details.clone().into());
    let mac: String = entry.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = json!({
        "seq": entry.seq,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "result": entry.result,
        "account": entry.account_id,
        "target": entry.target,
        "session": entry.session_id,
        "address": entry.address,
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "details": details,
        "mac": mac,
    });
    let escaped = |c: char| {
        if printable(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            c.to_string()
        } else {
            format!("\\u{:04x}", c as u32)
        }
    };
    line.to_string().chars().map(escaped).collect()
}

async fn list(audit: &Audit, search: Search, limit: usize) -> Result<(), Fault> {
    let (found, _) = audit
        .list(search, None, limit)
        .await
        .map_err(|error| match error {
            SearchError::TooSlow => Fault::new("the search took too long: add another condition"),
            SearchError::Fault(fault) => fault,
        })?;
    for entry in found {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let fields = [
            entry.seq.to_string(),
            rfc3339(entry.at),
            entry.result,
            entry.action,
            entry.actor,
            or_none(entry.account_id),
            or_none(entry.target),
            or_none(entry.address),
            or_none(entry.user_agent),
            entry.details,
        ];
        say(fields.join("\t"));
    }
    Ok(())
}
