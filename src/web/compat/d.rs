//! The tutorial with an upload behind a token that Basic credentials are changed for.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Tried, header, issue, text, try_password};
use crate::sign_in::Delivery;
use crate::tokens::Tutorial;
use crate::web::api;
use crate::web::pages::{Answer, Page};

const TOKEN_SECONDS: i64 = 20 * 60;

pub async fn log_in(page: Page, request: HttpRequest) -> Answer {
    let refused = Ok(text(StatusCode::FORBIDDEN, "Unable to verify"));
    let Some((username, password)) = header(&request, AUTHORIZATION).and_then(basic) else {
        return refused;
    };
    let delivery = Delivery::Token {
        seconds: TOKEN_SECONDS,
    };
    match try_password(&page, &username, &password, delivery).await? {
        Tried::In(grant) => {
            let own = ("user", grant.identity.login());
            let issued = issue(&page, Tutorial::D, &grant, grant.session_ends, own)?;
            api::json(StatusCode::OK, &issued)
        }
        Tried::Wrong | Tried::Unknown => refused,
    }
}

/// RFC 7617, section 2, in UTF-8.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (username, password) = credentials.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}
