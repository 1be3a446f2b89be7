//! Sign up.

use actix_web::http::StatusCode;
use askama::Template;

use super::sign_up_fields::SignUpFields;
use super::{Answer, Frame, Page, next_or_dashboard};
use crate::config::SignupMode;
use crate::web::error::PageError;
use crate::web::forms::{FieldError, Form};

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUp {
    frame: Frame,
    form_token: String,
    next: Option<String>,
    min_length: usize,
    fields: SignUpFields,
}

impl SignUp {
    fn errors(&self) -> Vec<FieldError<'_>> {
        self.fields.errors()
    }
}

pub async fn show(page: Page) -> Answer {
    if page.config.signup.mode == SignupMode::Closed {
        return Err(PageError::SignUpClosed);
    }
    form(
        &page,
        StatusCode::OK,
        page.query("next"),
        SignUpFields::default(),
    )
}

pub async fn submit(page: Page, sent: Form) -> Answer {
    if page.config.signup.mode == SignupMode::Closed {
        return Err(PageError::SignUpClosed);
    }
    let next = sent.find("next").map(str::to_owned);
    let (mut fields, new) = SignUpFields::read(&sent, page.config.passwords.min_length);
    if let Some(new) = new {
        match page
            .sign_in
            .sign_up(page.client(), new, page.session())
            .await
        {
            Ok(grant) => return page.let_in(&grant, next_or_dashboard(next.as_deref())),
            Err(error) => fields.note(error)?,
        }
    }
    form(&page, StatusCode::UNPROCESSABLE_ENTITY, next, fields)
}

fn form(page: &Page, status: StatusCode, next: Option<String>, fields: SignUpFields) -> Answer {
    page.show(
        status,
        &SignUp {
            frame: page.frame(),
            form_token: page.form_token(),
            next,
            min_length: page.config.passwords.min_length,
            fields,
        },
    )
}
