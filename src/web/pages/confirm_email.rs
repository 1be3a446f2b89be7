//! Confirms an email address by a one-time link: that of a sign-up, or that of an account.

use askama::Template;

use super::{Answer, DASHBOARD, Page};
use crate::accounts::Account;
use crate::config::SignupMode;
use crate::recovery::{CONFIRM_SECONDS, ConfirmError, Purpose};
use crate::sessions::ReissueReason;
use crate::web::forms::{Fields, VisitorForm};
use crate::web::problem::{Problem, SIGN_UP_CLOSED};
use crate::web::proof::{OneTime, Open};

const HERE: &str = "/verify";

#[derive(Template)]
#[template(path = "pages/confirm_email.html")]
struct Confirmation<'a> {
    what: &'a Confirming,
    fields: Fields,
    /// Whether the username of a sign-up is taken.
    asks_username: bool,
}

/// What a link confirms.
enum Confirming {
    /// The address of a sign-up.
    SignUp(String),
    /// An account, and the address that it gets.
    Address(Account, String),
}

/// Opening the link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    let opened = page.query("token");
    let token = opened.clone().or_else(|| page.link_token());
    let what = find(&page, &token.unwrap_or_default()).await?;
    match opened {
        Some(token) => page.open_link(HERE, token, CONFIRM_SECONDS),
        None => form(&page, &what, Fields::default()),
    }
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let token = page.link_token().unwrap_or_default();
    let what = find(&page, &token).await?;
    if let Confirming::Address(account, email) = &what {
        return confirm(&page, &token, account, email).await;
    }
    let username = sent.find("username");
    let confirmed = page
        .recovery
        .confirm_sign_up(&token, sent.text("password"), username, &page.source())
        .await;
    let mut fields = Fields::default();
    if let Some(username) = username {
        fields.set("username", username);
    }
    match confirmed {
        Ok((proved, next)) => {
            let grant = page
                .sign_in
                .let_in(proved, page.client(), page.session())
                .await?;
            let mut response = page.let_in(&grant, next.as_deref().unwrap_or(DASHBOARD))?;
            page.close_link(&mut response, HERE)?;
            return Ok(response);
        }
        Err(ConfirmError::Input(refusals)) => fields.refuse_all(refusals),
        Err(ConfirmError::Ended) => return Err(ended(&page)),
        Err(why) => fields.wait(why)?,
    }
    form(&page, &what, fields)
}

async fn confirm(page: &Page, token: &str, account: &Account, email: &str) -> Answer {
    match page.recovery.confirm_email(token).await {
        Ok(_) => {}
        Err(ConfirmError::Ended) => return Err(ended(page)),
        Err(why) => return Err(why.into()),
    }
    let notice = format!("The address {email} is confirmed.");
    let viewer = page.viewer().filter(|who| who.account == account.id);
    page.leave_notice(&notice);
    let mut response = match viewer {
        // So that this browser's token has the new address now.
        Some(who) => {
            let again = page.sessions.issue_again(&who, ReissueReason::Renamed);
            page.let_in(&again.await?, "/account")?
        }
        None => page.go("/login"),
    };
    page.close_link(&mut response, HERE)?;
    Ok(response)
}

async fn find(page: &Page, token: &str) -> Result<Confirming, Problem> {
    if let Some(email) = page.recovery.find_sign_up(token).await? {
        if page.config.signup.mode != SignupMode::Open {
            return Err(SIGN_UP_CLOSED);
        }
        return Ok(Confirming::SignUp(email));
    }
    let found = page.recovery.find_address(Purpose::ConfirmEmail, token);
    let found = found.await?.ok_or_else(|| ended(page))?;
    Ok(Confirming::Address(found.0, found.1))
}

/// An old link does not tell what it was for.
fn ended(page: &Page) -> Problem {
    let problem = Problem::from(ConfirmError::Ended);
    match page.viewer() {
        Some(_) => problem.with_action("/account/email", "Ask for a new link".to_owned()),
        None => problem,
    }
}

fn form(page: &Page, what: &Confirming, fields: Fields) -> Answer {
    let form = Confirmation {
        asks_username: !fields.get("username").value.is_empty()
            || fields.wrong().find("username").is_some(),
        what,
        fields,
    };
    page.show_form(&form, &form.fields)
}
