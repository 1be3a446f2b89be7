//! Brings the email address before a change back, by a one-time link.

use askama::Template;

use super::{Answer, Page};
use crate::accounts::Account;
use crate::recovery::{ConfirmError, Purpose, UNDO_SECONDS, Undone};
use crate::web::forms::VisitorForm;
use crate::web::problem::{ONE_TIME_LINK_ENDED, Problem};
use crate::web::proof::{OneTime, Open};

const HERE: &str = "/undo";

#[derive(Template)]
#[template(path = "pages/undo.html")]
struct Undo<'a> {
    login: &'a str,
    email: &'a str,
}

/// Opening the link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    let opened = page.query("token");
    let token = opened.clone().or_else(|| page.link_token());
    let (account, email) = find(&page, &token.unwrap_or_default()).await?;
    match opened {
        Some(token) => page.open_link(HERE, token, UNDO_SECONDS),
        None => page.show(&Undo {
            login: account.login(),
            email: &email,
        }),
    }
}

pub async fn submit(_: Open, page: Page, _: VisitorForm) -> Answer {
    let token = page.link_token().unwrap_or_default();
    let undone = page.recovery.undo_email(&page.sessions, &token).await;
    let Undone {
        email,
        is_back,
        username,
    } = undone.map_err(problem)?;
    let first = if is_back {
        format!("Your account has the address {email} again.")
    } else {
        format!(
            "Another account has the address {email} by now, so it could not be brought back: ask \
             an administrator of this site. Sign in with the username {}.",
            username.unwrap_or_default()
        )
    };
    let notice = format!(
        "{first} All devices are signed out, the old password no longer works, and a message with \
         a link to set a new one is on its way to {email}."
    );
    let mut response = page.go_with_notice("/login", &notice);
    page.close_link(&mut response, HERE)?;
    Ok(response)
}

async fn find(page: &Page, token: &str) -> Result<(Account, String), Problem> {
    let found = page.recovery.find_address(Purpose::UndoEmail, token);
    found.await?.ok_or_else(|| problem(ConfirmError::Ended))
}

fn problem(why: ConfirmError) -> Problem {
    match why {
        ConfirmError::Ended => ONE_TIME_LINK_ENDED,
        why => why.into(),
    }
}
