//! The sessions of an account, and how to end them: others than the own one with the password
//! again, so that a stolen session cannot sign its owner out.

use askama::Template;

use super::confirm::{self, Confirm};
use super::{Answer, Page, stay_open};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::sessions::{Cursor, EndReason, Listed};
use crate::web::forms::Form;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::{Recent, SignedIn};

const HERE: &str = "/account/sessions";
const OTHERS: &str = "/account/sessions/others";
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "pages/account/sessions.html")]
struct Sessions {
    rows: Vec<Row>,
    /// The address of older sessions.
    next: Option<String>,
    /// When a session last ended because a token of it was used twice.
    reuse: Option<String>,
    open_shares: i64,
}

struct Row {
    id: String,
    is_this: bool,
    device: String,
    address: String,
    started_iso: String,
    started: String,
    seen_iso: String,
    seen: String,
}

impl Row {
    fn of(session: Listed, this: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            is_this: session.id == this,
            device: device(&session),
            started_iso: rfc3339(session.created_at),
            started: for_reading(session.created_at),
            seen_iso: rfc3339(session.last_seen_at),
            seen: for_reading(session.last_seen_at),
            address: session.client.address,
        }
    }
}

pub fn device(session: &Listed) -> String {
    let known = session.client.device();
    known.unwrap_or_else(|| "Unknown device".to_owned())
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let after = page.query("after");
    let after = match after {
        Some(text) => Some(Cursor::parse(&text).ok_or(NOT_FOUND)?),
        None => None,
    };
    let is_later = after.is_some();
    let (found, next) = page.sessions.list(who.account, after, SHOWN).await?;
    if found.is_empty() && is_later {
        // The last session of this page has ended.
        return Ok(page.go(HERE));
    }
    let reuse = page.sessions.last_reuse(who.account).await?;
    let open_shares = page.shares.count_open(who.account).await?;
    let rows = found.into_iter();
    page.show(&Sessions {
        rows: rows.map(|row| Row::of(row, who.session)).collect(),
        next: next.map(|cursor| format!("{HERE}?after={cursor}")),
        reuse: reuse.map(for_reading),
        open_shares,
    })
}

/// The number of an account's devices, in words, and the latest of them.
pub async fn count(page: &Page, account: AccountId) -> Result<(String, Vec<Listed>), Fault> {
    let (latest, next) = page.sessions.list(account, None, SHOWN).await?;
    let number = match (latest.len(), next) {
        (1, _) => "1 device".to_owned(),
        (number, None) => format!("{number} devices"),
        (number, Some(_)) => format!("More than {number} devices"),
    };
    Ok((number, latest))
}

pub async fn ask_to_end(Recent(who): Recent, page: Page) -> Answer {
    let session = find(&page, &who).await?;
    confirm::ask(
        &page,
        &Confirm {
            title: "Sign out this device",
            text: "You have to sign in again on that device.",
            facts: vec![
                ("Device", device(&session)),
                ("From", session.client.address.clone()),
                ("Signed in", for_reading(session.created_at)),
                ("Last seen", for_reading(session.last_seen_at)),
            ],
            action: &format!("{HERE}/{}", session.id),
            button: "Sign out this device",
            back: HERE,
        },
    )
}

pub async fn end(Recent(who): Recent, page: Page, _: Form) -> Answer {
    let session = find(&page, &who).await?;
    if session.id == who.session {
        page.sessions.end(session.id, EndReason::SignedOut).await?;
        let mut response = page.go_with_notice("/", "You are signed out.");
        page.forget_cookies(&mut response)?;
        return Ok(response);
    }
    page.sessions
        .end(session.id, EndReason::FromElsewhere)
        .await?;
    Ok(page.go_with_notice(HERE, "The device is signed out."))
}

pub async fn ask_to_end_others(_: Recent, page: Page) -> Answer {
    confirm::ask(
        &page,
        &Confirm {
            title: "Sign out everywhere else",
            text: "Your other devices are signed out, and links to your pages stop working.",
            facts: Vec::new(),
            action: OTHERS,
            button: "Sign out everywhere else",
            back: HERE,
        },
    )
}

pub async fn end_others(Recent(who): Recent, page: Page, _: Form) -> Answer {
    let keep = Some(who.session);
    page.sessions
        .end_all(who.account, keep, EndReason::FromElsewhere)
        .await?;
    let open = stay_open(page.shares.count_open(who.account).await?);
    let notice = format!("You are signed out everywhere else.{open}");
    Ok(page.go_with_notice(HERE, &notice))
}

/// Another account's session is answered as not found, like one that does not exist.
async fn find(page: &Page, who: &crate::sessions::Identity) -> Result<Listed, Problem> {
    let id = page.id("id")?;
    let found = page.sessions.find(who.account, id).await?;
    found.ok_or(NOT_FOUND)
}
