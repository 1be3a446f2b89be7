//! Sign in.

use askama::Template;

use super::{Answer, DASHBOARD, Page, next_page};
use crate::accounts::NotProved;
use crate::base::input::Refusals;
use crate::base::names::Password;
use crate::config::SignupMode;
use crate::sessions::{ClientKind, Persistence};
use crate::web::forms::{Fields, VisitorForm};
use crate::web::problem::Problem;
use crate::web::proof::Open;

/// The only page that a link can open so far.
const LINKED_PAGE: &str = DASHBOARD;

#[derive(Template, Default)]
#[template(path = "pages/login.html")]
struct Login {
    next: Option<String>,
    /// About a form that waits at `next`.
    interrupted: Option<&'static str>,
    deliver: Option<String>,
    stay: bool,
    fields: Fields,
    /// The error of the form as a whole.
    refused: Option<Refusals>,
    signup_open: bool,
    by_mail: bool,
}

pub async fn show(_: Open, page: Page) -> Answer {
    let next = next_page(page.query("next").as_deref());
    if page.session().is_some() {
        return Ok(page.go(next.as_deref().unwrap_or(DASHBOARD)));
    }
    let blank = Login {
        next,
        deliver: known_way(page.query("deliver"))?,
        ..Login::default()
    };
    form(&page, blank)
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let mut again = Login {
        next: next_page(sent.find("next")),
        deliver: known_way(
            sent.find("deliver")
                .map(str::to_owned)
                .or_else(|| page.query("deliver")),
        )?,
        stay: sent.find("stay").is_some(),
        fields: Fields::typed(&sent, &["username"]),
        ..Login::default()
    };
    if again.fields.get("username").value.is_empty() {
        let words = "Enter your username or email address";
        again.fields.refuse("username", words);
    }
    if sent.text("password").is_empty() {
        again.fields.refuse("password", "Enter your password");
    }
    if !again.fields.wrong().is_empty() {
        return form(&page, again);
    }
    let password = Password::typed(sent.text("password"));
    match sign_in(&page, &again, &password).await {
        Ok(answer) => answer,
        Err(NotProved::Refused) => {
            let words = "That name and password do not match. Check both, or set a new password.";
            again.refused = Some(Refusals::of("username", words));
            form(&page, again)
        }
        Err(why) => {
            again.fields.wait(why)?;
            form(&page, again)
        }
    }
}

async fn sign_in(page: &Page, sent: &Login, password: &Password) -> Result<Answer, NotProved> {
    let login = sent.fields.get("username").value;
    let proved = page
        .accounts
        .prove(&login, password, &page.source())
        .await?;
    if sent.deliver.is_some() {
        let token = page.sign_in.issue_link(proved, LINKED_PAGE).await?;
        return Ok(Ok(page.go(&format!("{LINKED_PAGE}?token={token}"))));
    }
    let who = (ClientKind::Browser, page.client());
    let stay = if sent.stay {
        Persistence::Remembered
    } else {
        Persistence::ThisVisit
    };
    let started = page
        .sign_in
        .start_session(proved, who, stay, page.session());
    Ok(page.let_in(&started.await?, sent.next.as_deref().unwrap_or(DASHBOARD)))
}

/// The only method besides the cookies.
fn known_way(deliver: Option<String>) -> Result<Option<String>, Problem> {
    match deliver.as_deref() {
        None | Some("link") => Ok(deliver),
        Some(_) => Err(Problem::malformed(
            "Unknown value of deliver: use link, or leave it out.",
        )),
    }
}

fn form(page: &Page, login: Login) -> Answer {
    let form = Login {
        interrupted: page.interrupted_at(login.next.as_deref()),
        signup_open: page.config.signup.mode == SignupMode::Open,
        by_mail: page.config.sign_in.by_mail && login.deliver.is_none(),
        ..login
    };
    let mut shown = form.fields.clone();
    shown.refuse_all(form.refused.clone().unwrap_or_default());
    page.show_form(&form, &shown)
}
