//! The start page, and a page for everyone.

use askama::Template;

use super::{Answer, Page};
use crate::config::SignupMode;
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    is_signed_in: bool,
    signup_open: bool,
}

#[derive(Template)]
#[template(path = "pages/public.html")]
struct Public {
    is_signed_in: bool,
}

pub async fn show(_: Open, page: Page) -> Answer {
    let signup_open = page.config.signup.mode == SignupMode::Open;
    let is_signed_in = page.viewer().is_some();
    page.show(&Home {
        is_signed_in,
        signup_open,
    })
}

pub async fn public(_: Open, page: Page) -> Answer {
    let is_signed_in = page.viewer().is_some();
    page.show(&Public { is_signed_in })
}
