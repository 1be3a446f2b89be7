//! The outbox, for administrators.

use askama::Template;

use super::confirm::{self, Confirm};
use super::{Answer, Page};
use crate::base::clock::{for_reading, for_reading_to_the_second, rfc3339};
use crate::mail;
use crate::web::forms::Form;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::{Administrator, RecentAdministrator};

const HERE: &str = "/admin/mail";
const SHOWN: i64 = 100;
const GONE: &str = "The message is not in the list any more, or it is being sent now.";

#[derive(Template)]
#[template(path = "pages/admin/mail.html")]
struct Mail {
    pending: i64,
    failed: i64,
    rows: Vec<Row>,
}

struct Row {
    message: mail::Listed,
    created_iso: String,
    created: String,
    /// When it is tried next.
    next: Option<(String, String)>,
}

impl From<mail::Listed> for Row {
    fn from(message: mail::Listed) -> Self {
        Self {
            created_iso: rfc3339(message.created_at),
            created: for_reading(message.created_at),
            next: match message.state {
                mail::State::Pending { due_at } => {
                    Some((rfc3339(due_at), for_reading_to_the_second(due_at)))
                }
                mail::State::Failed => None,
            },
            message,
        }
    }
}

pub async fn list(_: Administrator, page: Page) -> Answer {
    let (pending, failed) = page.outbox.count().await?;
    let rows = page.outbox.list(SHOWN).await?;
    page.show(&Mail {
        pending,
        failed,
        rows: rows.into_iter().map(Row::from).collect(),
    })
}

pub async fn retry(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let is_due = page.outbox.retry(page.id("id")?).await?;
    let notice = if is_due {
        "The message is sent within a few seconds. If that succeeds, it leaves the list."
    } else {
        GONE
    };
    Ok(page.go_with_notice(HERE, notice))
}

pub async fn ask_to_delete(_: RecentAdministrator, page: Page) -> Answer {
    let message = find(&page).await?;
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete this message",
            text: "The message is deleted without being sent. It cannot be restored.",
            facts: vec![("Message", message.kind), ("To", message.recipient)],
            action: &format!("{HERE}/{}/delete", message.id),
            button: "Delete this message",
            back: HERE,
        },
    )
}

pub async fn delete(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let is_deleted = page.outbox.delete(page.id("id")?).await?;
    let notice = if is_deleted {
        "The message is deleted."
    } else {
        GONE
    };
    Ok(page.go_with_notice(HERE, notice))
}

async fn find(page: &Page) -> Result<mail::Listed, Problem> {
    page.outbox.find(page.id("id")?).await?.ok_or(NOT_FOUND)
}
