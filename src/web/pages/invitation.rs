//! Creates an account by an invitation.

use askama::Template;

use super::{Answer, DASHBOARD, Page, profile};
use crate::accounts::{NewAccount, SentNames};
use crate::base::input::Refusals;
use crate::invitations::{Invitation, NotAccepted, PATH};
use crate::web::forms::{Fields, Form, VisitorForm};
use crate::web::problem::{ONE_TIME_LINK_ENDED, Problem};
use crate::web::proof::{OneTime, Open};

const KEPT_SECONDS: i64 = 86_400;

#[derive(Template)]
#[template(path = "pages/invitation.html")]
struct Accept<'a> {
    site: &'a str,
    /// The address that was invited.
    email: Option<&'a str>,
    /// Who is signed in here now.
    viewer_name: Option<String>,
    min_length: usize,
    fields: Fields,
}

/// Opening the link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    let opened = page.query("token");
    let token = opened.clone().or_else(|| page.link_token());
    let invitation = find(&page, &token.unwrap_or_default()).await?;
    match opened {
        Some(token) => page.open_link(PATH, token, KEPT_SECONDS),
        None => form(&page, &invitation, Fields::default()),
    }
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let token = page.link_token().unwrap_or_default();
    let invitation = find(&page, &token).await?;
    let (mut fields, new) = read(&page, &sent, &invitation);
    if let Some(new) = fields.note(new) {
        match page.invitations.accept(&token, new, &page.source()).await {
            Ok(proved) => {
                let let_in = page.sign_in.let_in(proved, page.client(), page.session());
                let mut response = page.let_in(&let_in.await?, DASHBOARD)?;
                page.close_link(&mut response, PATH)?;
                return Ok(response);
            }
            Err(NotAccepted::Ended) => return Err(NotAccepted::Ended.into()),
            Err(NotAccepted::SignUp(error)) => fields.explain(error.into_refusals())?,
        }
    }
    form(&page, &invitation, fields)
}

/// An invitation to an address is for that address.
fn read(
    page: &Page,
    sent: &Form,
    invitation: &Invitation,
) -> (Fields, Result<NewAccount, Refusals>) {
    let min_length = page.config.passwords.min_length;
    let Some(email) = &invitation.email else {
        return profile::read_new(sent, min_length);
    };
    let names = SentNames {
        username: Some(sent.text("username")),
        email: Some(email),
        name: sent.find("name"),
    };
    let new = NewAccount::parse(names, sent.text("password"), min_length);
    (Fields::typed(sent, &["username", "name"]), new)
}

async fn find(page: &Page, token: &str) -> Result<Invitation, Problem> {
    let found = page.invitations.find(token).await?;
    found.ok_or(ONE_TIME_LINK_ENDED)
}

fn form(page: &Page, invitation: &Invitation, fields: Fields) -> Answer {
    let form = Accept {
        site: &page.config.site.name,
        email: invitation.email.as_deref(),
        viewer_name: page.viewer().map(|viewer| viewer.greeting().to_owned()),
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, &form.fields)
}
