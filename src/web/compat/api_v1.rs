//! The tutorial with `/api/v1/`, JSON, and `Authorization: <token>` without a scheme.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Payload;
use serde_json::{Value, json};

use super::{Tried, header, issue, make_account, sent, text, try_password, unknown_field};
use crate::accounts::{Conflict, NewAccount, SentNames, SignUpError};
use crate::base::ids::AccountId;
use crate::base::names::Refusal;
use crate::sessions::NotSignedIn;
use crate::tokens::{Refused, Tutorial};
use crate::web::api;
use crate::web::forms::Form;
use crate::web::page::{Answer, Page};
use crate::web::problem::{Problem, sign_up_is_open};
use crate::web::proof::Public;

const TOKEN_SECONDS: i64 = 2 * 86_400;

/// A field that will not do.
fn invalid(why: &str) -> Answer {
    api::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "error": why }))
}

fn refused(status: StatusCode, why: &str) -> Answer {
    api::json(status, &json!({ "err": why }))
}

/// What is wrong with these fields, checked before they are used.
fn find_refusal(form: &Form, names: &[&str]) -> Option<Refusal> {
    match names.iter().find(|name| form.text(name).is_empty()) {
        Some(empty) => Some(format!("{empty} is empty").into()),
        None => unknown_field(form, names),
    }
}

pub async fn sign_up(_: Public, page: Page, request: HttpRequest, body: Payload) -> Answer {
    const FIELDS: [&str; 3] = ["username", "email", "password"];
    let form = sent::json(&request, body).await?;
    sign_up_is_open(page.config.signup.mode)?;
    if let Some(why) = find_refusal(&form, &FIELDS) {
        return invalid(&why);
    }
    let names = SentNames {
        username: Some(form.text("username")),
        email: Some(form.text("email")),
        name: None,
    };
    let min_length = page.config.passwords.min_length;
    let new = NewAccount::parse(names, form.text("password"), min_length);
    match make_account(&page, new).await {
        Ok(()) => api::json(StatusCode::OK, &json!({ "msg": "welcome :-)" })),
        Err(SignUpError::Taken(Conflict::Username)) => {
            refused(StatusCode::CONFLICT, "username already taken")
        }
        Err(SignUpError::Taken(Conflict::Email)) => {
            refused(StatusCode::CONFLICT, "email already signed-up")
        }
        Err(SignUpError::Input(why)) => invalid(why.first()),
        Err(error) => Err(error.into()),
    }
}

pub async fn log_in(_: Public, page: Page, request: HttpRequest, body: Payload) -> Answer {
    const FIELDS: [&str; 2] = ["username", "password"];
    let form = sent::json(&request, body).await?;
    if let Some(why) = find_refusal(&form, &FIELDS) {
        return invalid(&why);
    }
    let (username, password) = (form.text("username"), form.text("password"));
    match try_password(&page, username, password, TOKEN_SECONDS).await? {
        Tried::In(grant) => {
            let id = grant.identity.account.to_string();
            let (exp, own) = (grant.session_ends, ("user_id", id.as_str()));
            let issued = issue(&page, Tutorial::ApiV1, &grant, exp, own)?;
            api::json(StatusCode::OK, &issued)
        }
        Tried::Wrong => refused(StatusCode::UNAUTHORIZED, "password incorrect"),
        Tried::Unknown => refused(StatusCode::NOT_FOUND, "username incorrect"),
    }
}

pub async fn need_login(_: Public, page: Page, request: HttpRequest) -> Answer {
    let bad = |why| refused(StatusCode::UNAUTHORIZED, why);
    let Some(token) = header(&request, AUTHORIZATION) else {
        return refused(StatusCode::BAD_REQUEST, "no Authorization header found");
    };
    let claims = match page.tokens.verify_compat(Tutorial::ApiV1, token) {
        Ok(claims) => claims,
        Err(Refused::Expired) => return bad("Signature expired"),
        Err(_) => return bad("Invalid token"),
    };
    match page.sessions.load_owner(&claims.sid).await {
        Ok(_) => Ok(text(
            StatusCode::OK,
            "if you see this, that means your token is valid",
        )),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
        Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => {
            let id = claims.own.get("user_id").and_then(Value::as_str);
            match id.and_then(AccountId::parse) {
                Some(id) if page.accounts.find(id).await?.is_some() => bad("Session has ended"),
                _ => refused(StatusCode::BAD_REQUEST, "404 User not found"),
            }
        }
    }
}
