//! The tutorial with a decorator that takes `?token=`, and a session.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use super::{Tried, issue, owner, text, tried, unknown_field};
use crate::base::names::Password;
use crate::sessions::{ClientKind, NotSignedIn, Persistence};
use crate::tokens::{Refused, Tutorial};
use crate::web::forms::Form;
use crate::web::page::{Answer, Page};
use crate::web::problem::Problem;
use crate::web::proof::{Public, PublicToken};
use crate::web::{api, cookies};

const TOKEN_SECONDS: i64 = 150;

pub async fn public(_: Public) -> Answer {
    Ok(text(StatusCode::OK, "This is a public page"))
}

/// Also sets the session's cookies: the token belongs to that session.
pub async fn log_in(page: Page, form: Form) -> Answer {
    // The last two are additional fields of the page's own form.
    if let Some(why) = unknown_field(&form, &["username", "password", "stay", "next"]) {
        return Ok(text(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let stay = match form.find("stay") {
        Some(_) => Persistence::Remembered,
        None => Persistence::ThisVisit,
    };
    let (username, password) = (form.text("username"), form.text("password"));
    let started = async {
        let proved = page
            .accounts
            .prove(username, &Password::typed(password), &page.source())
            .await?;
        let who = (ClientKind::Program, page.client());
        let started = page
            .sign_in
            .start_session(proved, who, stay, page.session());
        started.await
    };
    match tried(&page, username, started.await).await? {
        Tried::In(grant) => {
            let now = page.clock.now();
            let exp = grant.session_ends.min(now + TOKEN_SECONDS);
            let own = ("user", grant.identity.login());
            let issued = issue(&page, Tutorial::QueryToken, &grant, exp, own)?;
            let mut response = api::json(StatusCode::OK, &issued)?;
            cookies::add(&mut response, page.web.cookies.grant(&grant, now))?;
            Ok(response)
        }
        Tried::Wrong | Tried::Unknown => {
            let mut response = text(StatusCode::FORBIDDEN, "Unable to verify");
            response.headers_mut().insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Authentication Failed!\""),
            );
            Ok(response)
        }
    }
}

pub async fn auth(_: PublicToken, page: Page) -> Answer {
    let refused = |why: &str| api::json(StatusCode::UNAUTHORIZED, &json!({ "Alert!": why }));
    let token = page.query("token").filter(|token| !token.is_empty());
    let Some(token) = token else {
        return refused("Token is missing");
    };
    match owner(&page, Tutorial::QueryToken, &token).await {
        Ok(_) => Ok(text(
            StatusCode::OK,
            "You are verified. Welcome to your dashboard!",
        )),
        Err(NotSignedIn::Token(Refused::Expired)) => refused("Token has expired"),
        Err(NotSignedIn::Token(_) | NotSignedIn::Ended) => refused("Invalid Token"),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
    }
}
