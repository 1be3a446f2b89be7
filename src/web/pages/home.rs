//! The start page, and a page for everyone.

use actix_web::http::StatusCode;
use askama::Template;

use super::{Answer, Frame, Page};
use crate::config::SignupMode;
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    frame: Frame,
    signup_open: bool,
}

#[derive(Template)]
#[template(path = "pages/public.html")]
struct Public {
    frame: Frame,
}

pub async fn show(_: Open, page: Page) -> Answer {
    let signup_open = page.config.signup.mode == SignupMode::Open;
    page.show(
        StatusCode::OK,
        &Home {
            frame: page.frame_with_notice(),
            signup_open,
        },
    )
}

pub async fn public(_: Open, page: Page) -> Answer {
    page.show(
        StatusCode::OK,
        &Public {
            frame: page.frame_with_notice(),
        },
    )
}
