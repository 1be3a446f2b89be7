//! Sign up.

use askama::Template;

use super::sign_up_fields::SignUpFields;
use super::{Answer, DASHBOARD, Page, next_page};
use crate::config::SignupMode;
use crate::web::forms::{FieldError, VisitorForm};
use crate::web::problem::SIGN_UP_CLOSED;
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUp {
    next: Option<String>,
    min_length: usize,
    fields: SignUpFields,
}

impl SignUp {
    fn errors(&self) -> Vec<FieldError> {
        self.fields.errors()
    }
}

pub async fn show(_: Open, page: Page) -> Answer {
    if page.config.signup.mode == SignupMode::Closed {
        return Err(SIGN_UP_CLOSED);
    }
    let next = next_page(page.query("next").as_deref());
    form(&page, next, SignUpFields::default())
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    if page.config.signup.mode == SignupMode::Closed {
        return Err(SIGN_UP_CLOSED);
    }
    let next = next_page(sent.find("next"));
    let (mut fields, new) = SignUpFields::read(&sent, page.config.passwords.min_length);
    if let Some(new) = new {
        match page
            .sign_in
            .sign_up(page.client(), new, page.session())
            .await
        {
            Ok(grant) => return page.let_in(&grant, next.as_deref().unwrap_or(DASHBOARD)),
            Err(error) => fields.note(error)?,
        }
    }
    form(&page, next, fields)
}

fn form(page: &Page, next: Option<String>, fields: SignUpFields) -> Answer {
    let form = SignUp {
        next,
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, form.errors())
}
