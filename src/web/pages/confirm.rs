//! The page before an irreversible action: it names the object, and has the only red button.

use askama::Template;

use super::{Answer, Page};

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct ConfirmPage<'a> {
    what: &'a Confirm<'a>,
}

pub struct Confirm<'a> {
    pub title: &'a str,
    /// The result of the action.
    pub text: &'a str,
    /// The object of the action, as (label, value).
    pub facts: Vec<(&'static str, String)>,
    /// Where the form is sent.
    pub action: &'a str,
    pub button: &'a str,
    /// The address of the link that cancels.
    pub back: &'a str,
}

pub fn ask(page: &Page, what: &Confirm<'_>) -> Answer {
    page.show(&ConfirmPage { what })
}
