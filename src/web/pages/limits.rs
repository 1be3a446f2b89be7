//! The rate limits, for administrators.

use std::net::IpAddr;

use askama::Template;

use super::{Answer, Page};
use crate::base::clock::{for_reading_to_the_second, rfc3339};
use crate::limits::{self, Subject};
use crate::web::forms::{Fields, Form};
use crate::web::proof::{Administrator, RecentAdministrator};

const HERE: &str = "/admin/limits";
const SHOWN: i64 = 50;

#[derive(Template)]
#[template(path = "pages/admin/limits.html")]
struct RateLimits {
    fields: Fields,
    rows: Vec<Row>,
}

struct Row {
    budget: String,
    key: String,
    full_at_iso: String,
    full_at: String,
}

impl From<limits::Listed> for Row {
    fn from(listed: limits::Listed) -> Self {
        Self {
            budget: listed.budget,
            key: listed.key,
            full_at_iso: rfc3339(listed.full_at),
            full_at: for_reading_to_the_second(listed.full_at),
        }
    }
}

pub async fn show(_: Administrator, page: Page) -> Answer {
    form(&page, Fields::typed(&page.typed(), &["username"])).await
}

pub async fn clear(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let mut fields = Fields::typed(&sent, &["username"]);
    let whose = sent.text("username").trim();
    let mut named = whose.to_owned();
    let subject = if whose.is_empty() {
        fields.refuse(
            "username",
            "Enter a username, an email address or an IP address.",
        );
        None
    } else if whose.parse::<IpAddr>().is_ok() {
        Some(Subject::Address(whose))
    } else {
        let account = page.accounts.find_by_login(whose).await?;
        match &account {
            Some(account) => named = account.greeting().to_owned(),
            None => fields.refuse(
                "username",
                "No account has this name, and it is not an IP address.",
            ),
        }
        account.map(|account| Subject::Account(account.id))
    };
    let Some(subject) = subject else {
        return form(&page, fields).await;
    };
    let notice = match page.limits.clear(subject).await? {
        0 => format!("No rate limit was in use for {named}."),
        _ => format!("Rate limits cleared for {named}."),
    };
    Ok(page.go_with_notice(HERE, &notice))
}

async fn form(page: &Page, fields: Fields) -> Answer {
    let listed = page.db.read(|tx| limits::list(tx, SHOWN)).await?;
    let content = RateLimits {
        fields,
        rows: listed.into_iter().map(Row::from).collect(),
    };
    page.show_form(&content, &content.fields)
}
