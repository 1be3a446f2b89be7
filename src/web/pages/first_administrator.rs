//! The one-time link of the console, which makes the first administrator.

use askama::Template;

use super::{Answer, DASHBOARD, Page, profile};
use crate::recovery::{LinkError, Purpose};
use crate::web::forms::{Fields, Form};
use crate::web::problem::ONE_TIME_LINK_ENDED;
use crate::web::proof::{OneTime, Open};

#[derive(Template)]
#[template(path = "pages/first_administrator.html")]
struct FirstAdministrator {
    token: String,
    /// A signed-in person needs no new account.
    viewer_name: Option<String>,
    min_length: usize,
    fields: Fields,
}

pub async fn show(_: OneTime, page: Page) -> Answer {
    let token = page.query("token").unwrap_or_default();
    if !page
        .recovery
        .is_good(Purpose::FirstAdministrator, &token)
        .await?
    {
        return Err(ONE_TIME_LINK_ENDED);
    }
    form(&page, token, Fields::default())
}

pub async fn submit(_: Open, page: Page, sent: Form) -> Answer {
    let token = sent.text("token").to_owned();
    if !page
        .recovery
        .is_good(Purpose::FirstAdministrator, &token)
        .await?
    {
        return Err(ONE_TIME_LINK_ENDED);
    }
    let mut fields = Fields::default();
    let made = match page.viewer() {
        Some(identity) => Some(
            page.recovery
                .make_first_administrator(&page.sessions, &token, &identity)
                .await,
        ),
        None => {
            let (typed, new) = profile::read_new(&sent, page.config.passwords.min_length);
            fields = typed;
            match fields.note(new) {
                Some(new) => Some(page.recovery.sign_up_first_administrator(&token, new).await),
                None => None,
            }
        }
    };
    match made {
        Some(Ok(proved)) => {
            // Starts a new session, because the old one's token has the old role.
            let grant = page
                .sign_in
                .let_in(proved, page.client(), page.session())
                .await?;
            return page.let_in(&grant, DASHBOARD);
        }
        Some(Err(LinkError::Ended)) => return Err(ONE_TIME_LINK_ENDED),
        Some(Err(LinkError::SignUp(error))) => fields.explain(error.into_refusals())?,
        None => {}
    }
    form(&page, token, fields)
}

fn form(page: &Page, token: String, fields: Fields) -> Answer {
    let form = FirstAdministrator {
        token,
        viewer_name: page.viewer().map(|identity| identity.greeting().to_owned()),
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, &form.fields)
}
