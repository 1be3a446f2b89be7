//! The audit trail, for administrators.

use std::collections::HashMap;

use askama::Template;

use super::{Answer, Page, known};
use crate::audit::{Cursor, Entry, Search};
use crate::base::clock::{self, UnixSeconds, for_reading_to_the_second, rfc3339};
use crate::base::event::{Action, Actor, Outcome};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::sessions::Client;
use crate::web::proof::Administrator;

const HERE: &str = "/admin/audit";
const SHOWN: usize = 50;
const DAY: i64 = 86_400;

#[derive(Template)]
#[template(path = "pages/admin/audit.html")]
struct Trail {
    typed: Typed,
    rows: Vec<Row>,
    next: Option<String>,
}

/// The filters as they were entered.
struct Typed {
    account: String,
    action: Option<Action>,
    outcome: Option<Outcome>,
    from: String,
    to: String,
}

impl Typed {
    fn link(&self, after: &Cursor) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("after", &after.to_string());
        for (key, value) in [
            ("account", self.account.as_str()),
            ("action", self.action.map_or("", Action::as_str)),
            ("result", self.outcome.map_or("", Outcome::as_str)),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        format!("{HERE}?{}", query.finish())
    }
}

struct Row {
    seq: i64,
    what: String,
    details: String,
    request_id: Option<String>,
    at_iso: String,
    at: String,
    actor: Party,
    from: Option<String>,
    account: Option<Party>,
    target: Option<String>,
}

/// The account or client that acted, or was acted on.
struct Party {
    name: String,
    /// The page of an existing account.
    page: Option<String>,
}

impl Party {
    fn account(id: AccountId, names: &HashMap<AccountId, String>) -> Self {
        match names.get(&id) {
            Some(name) => Self {
                name: name.clone(),
                page: Some(format!("/admin/accounts/{id}")),
            },
            None => Self {
                name: format!("deleted account {id}"),
                page: None,
            },
        }
    }
}

impl Row {
    fn of(entry: Entry, names: &HashMap<AccountId, String>) -> Self {
        let actor = match entry.actor() {
            Some(Actor::Account(id)) => Party::account(id, names),
            _ => Party {
                name: entry.actor.clone(),
                page: None,
            },
        };
        let refused = match entry.outcome() {
            Some(Outcome::Done) => "",
            _ => ", refused",
        };
        let details = entry.details().into_iter();
        let details: Vec<_> = details
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        Self {
            seq: entry.seq,
            what: format!("{}{refused}", phrase(&entry.action)),
            details: details.join("; "),
            at_iso: rfc3339(entry.at),
            at: for_reading_to_the_second(entry.at),
            from: from(&entry),
            account: entry.account().map(|id| Party::account(id, names)),
            actor,
            request_id: entry.request_id,
            target: entry.target,
        }
    }
}

/// `Sign in` of `sign_in`.
fn phrase(action: &str) -> String {
    let words = action.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn from(entry: &Entry) -> Option<String> {
    let client = Client {
        address: entry.address.clone()?,
        user_agent: entry.user_agent.clone().unwrap_or_default(),
    };
    Some(match client.device() {
        Some(device) => format!("{}, {device}", client.address),
        None => client.address,
    })
}

pub async fn list(_: Administrator, page: Page) -> Answer {
    let asked = |key| page.query(key).filter(|text| !text.trim().is_empty());
    let typed = Typed {
        account: asked("account").unwrap_or_default().trim().to_owned(),
        action: known(asked("action"), Action::parse)?,
        outcome: known(asked("result"), Outcome::parse)?,
        from: asked("from").unwrap_or_default(),
        to: asked("to").unwrap_or_default(),
    };
    let last_day = known(asked("to"), day)?;
    let after = known(asked("after"), Cursor::parse)?;
    let is_later = after.is_some();
    let mut search = Search {
        account: None,
        action: typed.action,
        outcome: typed.outcome,
        from: known(asked("from"), day)?,
        before: last_day.map(|day| day + DAY),
    };
    let mut found = (Vec::new(), None);
    if !typed.account.is_empty() {
        search.account = find(&page, &typed.account).await?;
    }
    if typed.account.is_empty() || search.account.is_some() {
        found = page.audit.list(search, after, SHOWN).await?;
    }
    let (found, next) = found;
    if found.is_empty() && is_later {
        // The last event of this page was pruned.
        return Ok(page.go(HERE));
    }
    let names = names(&page, &found).await?;
    page.show(&Trail {
        next: next.map(|cursor| typed.link(&cursor)),
        rows: found
            .into_iter()
            .map(|entry| Row::of(entry, &names))
            .collect(),
        typed,
    })
}

/// The beginning of a day, in the format of a date field.
fn day(text: &str) -> Option<UnixSeconds> {
    clock::parse(text).filter(|_| text.len() == "2026-11-26".len())
}

/// An account by its id, even a deleted one, or by a name.
async fn find(page: &Page, text: &str) -> Result<Option<AccountId>, Fault> {
    if let Some(id) = AccountId::parse(text) {
        return Ok(Some(id));
    }
    let found = page.accounts.find_by_login(text).await?;
    Ok(found.map(|found| found.id))
}

/// The names of the accounts in these events, if they exist.
async fn names(page: &Page, entries: &[Entry]) -> Result<HashMap<AccountId, String>, Fault> {
    let mut ids = Vec::new();
    for entry in entries {
        ids.extend(entry.account());
        if let Some(Actor::Account(id)) = entry.actor() {
            ids.push(id);
        }
    }
    let found = page.accounts.find_all(ids).await?.into_iter();
    Ok(found
        .map(|account| (account.id, account.greeting().to_owned()))
        .collect())
}
