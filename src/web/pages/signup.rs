//! Sign up.

use askama::Template;

use super::{Answer, DASHBOARD, Page, next_page, profile};
use crate::web::forms::{Fields, VisitorForm};
use crate::web::problem::sign_up_is_open;
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUp {
    next: Option<String>,
    min_length: usize,
    fields: Fields,
}

pub async fn show(_: Open, page: Page) -> Answer {
    sign_up_is_open(page.config.signup.mode)?;
    let next = next_page(page.query("next").as_deref());
    form(&page, next, Fields::default())
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    sign_up_is_open(page.config.signup.mode)?;
    let next = next_page(sent.find("next"));
    let (mut fields, new) = profile::read_new(&sent, page.config.passwords.min_length);
    if let Some(new) = fields.note(new) {
        if page.config.signup.verify_email {
            let notice = format!(
                "Look into your mail: a message with a link is on its way to {}. Open the link \
                 within 24 hours to create the account.",
                sent.text("email").trim()
            );
            match page
                .recovery
                .ask_to_sign_up(new, &page.source(), next.clone())
                .await
            {
                Ok(()) => return Ok(page.go_with_notice("/login", &notice)),
                Err(error) => fields.explain(error.into_refusals())?,
            }
            return form(&page, next, fields);
        }
        match page
            .sign_in
            .sign_up((page.client(), page.source()), new, page.session())
            .await
        {
            Ok(grant) => return page.let_in(&grant, next.as_deref().unwrap_or(DASHBOARD)),
            Err(error) => fields.explain(error.into_refusals())?,
        }
    }
    form(&page, next, fields)
}

fn form(page: &Page, next: Option<String>, fields: Fields) -> Answer {
    let form = SignUp {
        next,
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, &form.fields)
}
