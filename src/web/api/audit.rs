//! The audit trail for programs of administrators.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Answer, Shown};
use super::paging::{self, Asked, Limit, List};
use super::schemas::{Time, Uuid};
use crate::audit::{Cursor, Entry, Search};
use crate::base::clock::{self, rfc3339};
use crate::base::event::{Action, Outcome};
use crate::base::ids::AccountId;
use crate::web::State;
use crate::web::describe::{Call, Tag, schema};
use crate::web::problem::Problem;
use crate::web::proof::Administrator;

pub const TAG: Tag = Tag {
    name: "Audit trail",
    description: "What was done, by whom and from where. For administrators.",
};

schema!(Result, { "type": "string", "enum": Outcome::ALL.map(Outcome::as_str) });

#[derive(Serialize, JsonSchema)]
pub struct Event {
    /// Counts up from 1 without a gap.
    seq: i64,
    #[schemars(with = "Time")]
    at: String,
    /// The ID of an account, `command`, `server`, or a word for a client that is not signed in.
    actor: String,
    action: String,
    #[schemars(with = "Result")]
    result: String,
    /// The account that it is about.
    #[schemars(with = "Option<Uuid>")]
    account: Option<String>,
    /// What else it is about, such as the ID of a file.
    target: Option<String>,
    #[schemars(with = "Option<Uuid>")]
    session: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    details: BTreeMap<String, String>,
}

impl Event {
    fn of(entry: Entry) -> Self {
        Self {
            details: entry.details().into_iter().collect(),
            seq: entry.seq,
            at: rfc3339(entry.at),
            actor: entry.actor,
            action: entry.action,
            result: entry.result,
            account: entry.account_id,
            target: entry.target,
            session: entry.session_id,
            address: entry.address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Only events by or about this account.
    #[schemars(with = "Uuid")]
    account: Option<String>,
    /// Only events of this action.
    action: Option<String>,
    /// Only events with this result.
    #[schemars(with = "Result")]
    result: Option<String>,
    /// Only events at this time or later.
    #[schemars(with = "Time")]
    from: Option<String>,
    /// Only events before this time.
    #[schemars(with = "Time")]
    before: Option<String>,
    /// The most items of the page.
    #[serde(default)]
    limit: Limit,
    /// The value of `next` of the page before.
    after: Option<String>,
}

pub const LIST: Call = Call {
    id: "listEvents",
    tag: &TAG,
    summary: "List the events of the audit trail",
    description: "The latest first. For administrators.",
    example: None,
    problems: &[],
};

pub async fn list(
    _: Administrator,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer<Shown<List<Event>>> {
    let time = "from and before are times like 2026-11-26T12:00:00Z.";
    let search = Search {
        account: known(
            which.account,
            AccountId::parse,
            "account is the ID of an account.",
        )?,
        action: known(which.action, Action::parse, "Unknown action.")?,
        outcome: known(which.result, Outcome::parse, "result is done or refused.")?,
        from: known(which.from, clock::parse, time)?,
        before: known(which.before, clock::parse, time)?,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let (found, next) = state.audit.list(search, after, which.limit.items()).await?;
    Ok(paging::list(found.into_iter().map(Event::of), next))
}

fn known<T>(
    asked: Option<String>,
    parse: impl FnOnce(&str) -> Option<T>,
    words: &'static str,
) -> std::result::Result<Option<T>, Problem> {
    asked
        .map(|text| parse(&text).ok_or(Problem::malformed(words)))
        .transpose()
}
