//! The start page, and a page for everyone.

use askama::Template;

use super::{Answer, DASHBOARD, Page};
use crate::config::SignupMode;
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home<'a> {
    name: &'a str,
    purpose: &'a str,
    signup_open: bool,
}

#[derive(Template)]
#[template(path = "pages/public.html")]
struct Public {
    is_signed_in: bool,
}

pub async fn show(_: Open, page: Page) -> Answer {
    if page.viewer().is_some() {
        return Ok(page.go(DASHBOARD));
    }
    page.show(&Home {
        name: &page.config.site.name,
        purpose: &page.config.site.purpose,
        signup_open: page.config.signup.mode == SignupMode::Open,
    })
}

pub async fn public(_: Open, page: Page) -> Answer {
    let is_signed_in = page.viewer().is_some();
    page.show(&Public { is_signed_in })
}
