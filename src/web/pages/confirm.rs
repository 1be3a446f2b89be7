//! The page before something that cannot be taken back: it names the thing, and has the only red
//! button.

use actix_web::http::StatusCode;
use askama::Template;

use super::{Answer, Frame, Page};

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame,
    form_token: String,
    what: &'a Confirm<'a>,
}

pub struct Confirm<'a> {
    pub title: &'a str,
    /// What will be so afterwards.
    pub text: &'a str,
    /// What it is about, as (label, value).
    pub facts: Vec<(&'static str, String)>,
    /// Where the form is sent.
    pub action: &'a str,
    pub button: &'a str,
    /// Where it leads to think better of it.
    pub back: &'a str,
}

pub fn ask(page: &Page, what: &Confirm<'_>) -> Answer {
    page.show(
        StatusCode::OK,
        &ConfirmPage {
            frame: page.frame_with_notice(),
            form_token: page.form_token()?,
            what,
        },
    )
}
