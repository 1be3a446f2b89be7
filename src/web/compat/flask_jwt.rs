//! The tutorial with flask-jwt: `POST /auth` and `Authorization: JWT <token>`.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;

use super::{
    Issued, Tried, header, issue, make_account, owner, pyjwt, sent, try_password, unknown_field,
};
use crate::accounts::{Account, NewAccount, SentNames, SignUpError};
use crate::sessions::NotSignedIn;
use crate::tokens::{Refused, Tutorial};
use crate::web::api;
use crate::web::forms::Form;
use crate::web::page::{Answer, Page};
use crate::web::problem::{Problem, sign_up_is_open};
use crate::web::proof::Public;
use crate::work::{self, ITEMS_MAX, Item};

const TOKEN_SECONDS: i64 = 3000;
const FIELDS: [&str; 2] = ["username", "password"];

fn done(status: StatusCode, result: impl Serialize) -> Answer {
    api::json(status, &json!({ "Status": "Success", "result": result }))
}

fn failed(status: StatusCode, why: &str) -> Answer {
    api::json(status, &json!({ "Status": "Error", "result": why }))
}

pub async fn sign_up(page: Page, form: Form) -> Answer {
    sign_up_is_open(page.config.signup.mode)?;
    if let Some(why) = unknown_field(&form, &FIELDS) {
        return failed(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    let names = SentNames {
        username: Some(form.text("username")),
        ..SentNames::default()
    };
    let min_length = page.config.passwords.min_length;
    let new = NewAccount::parse(names, form.text("password"), min_length);
    match make_account(&page, new).await {
        Ok(()) => done(StatusCode::OK, "User created"),
        Err(SignUpError::Taken(_)) => failed(StatusCode::BAD_REQUEST, "User already exists"),
        Err(SignUpError::Input(why)) => failed(StatusCode::UNPROCESSABLE_ENTITY, why.first()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct Access {
    access_token: String,
}

/// Errors in the format of flask-jwt.
#[derive(Serialize)]
struct Answered<'a> {
    status_code: u16,
    error: &'a str,
    description: &'a str,
}

fn problem(status: StatusCode, error: &str, description: &str) -> Answer {
    let problem = Answered {
        status_code: status.as_u16(),
        error,
        description,
    };
    api::json(status, &problem)
}

pub async fn auth(_: Public, page: Page, request: HttpRequest, body: Payload) -> Answer {
    let form = sent::json(&request, body).await?;
    if let Some(why) = unknown_field(&form, &FIELDS) {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return problem(status, "Unprocessable Entity", &why);
    }
    let (username, password) = (form.text("username"), form.text("password"));
    match try_password(&page, username, password, TOKEN_SECONDS).await? {
        Tried::In(grant) => {
            let id = grant.identity.account.to_string();
            let (exp, own) = (grant.session_ends, ("identity", id.as_str()));
            let Issued { token } = issue(&page, Tutorial::FlaskJwt, &grant, exp, own)?;
            let access_token = token;
            api::json(StatusCode::OK, &Access { access_token })
        }
        Tried::Wrong | Tried::Unknown => problem(
            StatusCode::UNAUTHORIZED,
            "Bad Request",
            "Invalid credentials",
        ),
    }
}

/// The owner of the token in `Authorization: JWT <token>`, or the response to send instead.
async fn holder(page: &Page, request: &HttpRequest) -> Result<Account, Answer> {
    let refused = |error: &str, why: &str| problem(StatusCode::UNAUTHORIZED, error, why);
    let Some(value) = header(request, AUTHORIZATION) else {
        let why = "Request does not contain an access token";
        return Err(refused("Authorization Required", why).map(challenging));
    };
    let mut parts = value.split_whitespace();
    let scheme = parts.next().unwrap_or_default();
    let bad_header = |why| refused("Invalid JWT header", why);
    if !scheme.eq_ignore_ascii_case("jwt") {
        return Err(bad_header("Unsupported authorization type"));
    }
    let Some(token) = parts.next() else {
        return Err(bad_header("Token missing"));
    };
    if parts.next().is_some() {
        return Err(bad_header("Token contains spaces"));
    }
    let error = match owner(page, Tutorial::FlaskJwt, token).await {
        Ok(account) => return Ok(account),
        Err(error) => error,
    };
    let why = match error {
        NotSignedIn::Fault(fault) => return Err(Err(Problem::unavailable(fault))),
        NotSignedIn::Token(Refused::Expired) => "Signature has expired".to_owned(),
        NotSignedIn::Token(Refused::Early) => {
            "Issued At claim (iat) cannot be in the future.".to_owned()
        }
        NotSignedIn::Token(_) => pyjwt::complaint(token),
        NotSignedIn::Ended => "Session has ended".to_owned(),
    };
    Err(refused("Invalid token", &why))
}

fn challenging(mut response: HttpResponse) -> HttpResponse {
    let realm = HeaderValue::from_static("JWT realm=\"Login Required\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    response
}

#[derive(Serialize)]
struct WorkItem {
    id: String,
    title: String,
}

impl From<Item> for WorkItem {
    fn from(item: Item) -> Self {
        Self {
            id: item.id.to_string(),
            title: item.title,
        }
    }
}

/// All work items of the sender.
pub async fn list(_: Public, page: Page, request: HttpRequest) -> Answer {
    let account = match holder(&page, &request).await {
        Ok(account) => account,
        Err(answer) => return answer,
    };
    let (items, _) = page
        .work
        .list(account.id, None, None, ITEMS_MAX as usize)
        .await?;
    let items: Vec<_> = items.into_iter().map(WorkItem::from).collect();
    done(StatusCode::OK, items)
}

pub async fn add(_: Public, page: Page, request: HttpRequest, body: Payload) -> Answer {
    let account = match holder(&page, &request).await {
        Ok(account) => account,
        Err(answer) => return answer,
    };
    let form = sent::json(&request, body).await?;
    if let Some(why) = unknown_field(&form, &["title"]) {
        return failed(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    match work::parse_title(form.text("title")) {
        Ok(title) => {
            let added = page.work.add(account.id, title, None).await?;
            done(StatusCode::CREATED, WorkItem::from(added.item))
        }
        Err(why) => failed(StatusCode::UNPROCESSABLE_ENTITY, why.first()),
    }
}
