//! Sets a new password by a one-time link.

use askama::Template;

use super::{Answer, Page};
use crate::accounts::{Account, parse_password};
use crate::recovery::{Purpose, RESET_MINUTES, ResetError};
use crate::web::forms::{Fields, VisitorForm};
use crate::web::proof::{OneTime, Open};

const HERE: &str = "/reset";

#[derive(Template)]
#[template(path = "pages/reset.html")]
struct Reset<'a> {
    /// The account, for its owner and for password managers.
    login: &'a str,
    min_length: usize,
    fields: Fields,
}

/// Opening the link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    let opened = page.query("token");
    let token = opened.clone().or_else(|| page.link_token());
    let account = owner(&page, &token.unwrap_or_default()).await?;
    match opened {
        Some(token) => page.open_link(HERE, token, RESET_MINUTES * 60),
        None => form(&page, &account, Fields::default()),
    }
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let token = page.link_token().unwrap_or_default();
    let account = owner(&page, &token).await?;
    let mut fields = Fields::default();
    let new = parse_password(sent.text("password"), page.config.passwords.min_length);
    if let Some(new) = fields.note(new) {
        match page
            .recovery
            .reset_password(&page.sessions, &token, new)
            .await
        {
            Ok(()) => {
                let mut response = page.go_with_notice(
                    "/login",
                    "Your new password is set, and you are signed out everywhere. Sign in with \
                     the new password.",
                );
                page.close_link(&mut response, HERE)?;
                // The owner is told of the new password: the next sign-in here needs no message.
                page.know_device(&mut response, account.id, None)?;
                return Ok(response);
            }
            Err(ResetError::Input(refusals)) => fields.refuse_all(refusals),
            Err(why) => fields.wait(why)?,
        }
    }
    form(&page, &account, fields)
}

async fn owner(page: &Page, token: &str) -> Result<Account, crate::web::problem::Problem> {
    let found = page.recovery.find_account(Purpose::ResetPassword, token);
    Ok(found.await?.ok_or(ResetError::Ended)?)
}

fn form(page: &Page, account: &Account, fields: Fields) -> Answer {
    let form = Reset {
        login: account.login(),
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, &form.fields)
}
