//! The events of the account that is signed in.

use askama::Template;

use super::events::Seen;
use super::{Answer, Page, known};
use crate::audit::{Cursor, Entry, Search};
use crate::base::clock::{for_reading, rfc3339};
use crate::sessions::{Client, Identity};
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;

const HERE: &str = "/account/activity";
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "pages/account/activity.html")]
struct Activity {
    rows: Vec<Row>,
    /// The address of older events.
    next: Option<String>,
}

pub struct Row {
    pub what: String,
    pub at_iso: String,
    pub at: String,
    /// Device and address.
    from: Option<String>,
    is_this: bool,
    /// True for an action that another person may have done in the owner's place.
    may_be_another: bool,
}

impl Row {
    fn of(entry: &Entry, who: &Identity) -> Self {
        let (seen, session) = (Seen::of(entry, who.account), who.session.to_string());
        Self {
            what: seen.what,
            at_iso: rfc3339(entry.at),
            at: for_reading(entry.at),
            from: seen.client.map(|client| from(&client)),
            is_this: entry.session_id.as_ref() == Some(&session),
            may_be_another: seen.may_be_own,
        }
    }
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let after = known(page.query("after"), Cursor::parse)?;
    let is_later = after.is_some();
    let (rows, next) = list(&page, &who, after, SHOWN).await?;
    if rows.is_empty() && is_later {
        // The last event of this page was pruned.
        return Ok(page.go(HERE));
    }
    page.show(&Activity {
        rows,
        next: next.map(|cursor| format!("{HERE}?after={cursor}")),
    })
}

/// The account's events, latest first, and the cursor of the next page.
pub async fn list(
    page: &Page,
    who: &Identity,
    after: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<Row>, Option<Cursor>), Problem> {
    let search = Search {
        account: Some(who.account),
        ..Search::default()
    };
    let (found, next) = page.audit.list(search, after, limit).await?;
    Ok((
        found.iter().map(|entry| Row::of(entry, who)).collect(),
        next,
    ))
}

/// `Firefox on Linux, 198.51.100.7`
fn from(client: &Client) -> String {
    let device = client.device();
    let device = device.unwrap_or_else(|| "Unknown device".to_owned());
    format!("{device}, {}", client.address)
}
