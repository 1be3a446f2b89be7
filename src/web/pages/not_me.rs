//! "This was not me": secures an account, by the link of a notice.

use askama::Template;

use super::{Answer, Page};
use crate::accounts::Account;
use crate::recovery::{NOT_ME_SECONDS, Purpose};
use crate::web::forms::VisitorForm;
use crate::web::problem::{ONE_TIME_LINK_ENDED, Problem};
use crate::web::proof::{OneTime, Open};

const HERE: &str = "/not-me";

#[derive(Template)]
#[template(path = "pages/not_me.html")]
struct NotMe<'a> {
    login: &'a str,
}

/// Opening the link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    let opened = page.query("token");
    let token = opened.clone().or_else(|| page.link_token());
    let account = owner(&page, &token.unwrap_or_default()).await?;
    match opened {
        Some(token) => page.open_link(HERE, token, NOT_ME_SECONDS),
        None => page.show(&NotMe {
            login: account.login(),
        }),
    }
}

pub async fn submit(_: Open, page: Page, _: VisitorForm) -> Answer {
    let token = page.link_token().unwrap_or_default();
    owner(&page, &token).await?;
    let reported = page.recovery.report_not_me(&page.sessions, &token).await?;
    let next = match reported.email {
        Some(email) => {
            format!("A message with a link to set a new password is on its way to {email}.")
        }
        None => {
            "Your account has another email address by now: open the link in the message about \
                 that change, which brings your address back."
                .to_owned()
        }
    };
    let notice = format!("All devices are signed out. {next}");
    let mut response = page.go_with_notice("/login", &notice);
    page.close_link(&mut response, HERE)?;
    Ok(response)
}

async fn owner(page: &Page, token: &str) -> Result<Account, Problem> {
    let found = page.recovery.find_account(Purpose::NotMe, token).await?;
    found.ok_or_else(|| {
        let words = "It was used or has expired, the account is disabled or deleted, or this \
                     browser keeps no cookies for this site. Nothing was changed. To end all \
                     sessions of your account, set a new password.";
        ONE_TIME_LINK_ENDED
            .with_text(words.to_owned())
            .with_action("/forgot", "Set a new password".to_owned())
    })
}
