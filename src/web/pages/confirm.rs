//! The page before something that cannot be taken back: it names the thing, and has the only red
//! button.

use askama::Template;

use super::{Answer, Page};

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct ConfirmPage<'a> {
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
    page.show(&ConfirmPage { what })
}
