//! The tutorial with `x-access-token` and a list of users.

use std::rc::Rc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, WWW_AUTHENTICATE};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, TryStreamExt, future, stream};
use serde::Serialize;
use serde_json::json;

use super::{Issued, Tried, header, issue, make_account, owner, text, try_password, unknown_field};
use crate::access::Role;
use crate::accounts::{Account, NewAccount, Search, SentNames, SignUpError};
use crate::base::fault::Fault;
use crate::sessions::NotSignedIn;
use crate::tokens::Tutorial;
use crate::web::api;
use crate::web::forms::Form;
use crate::web::page::{Answer, Page};
use crate::web::problem::{Problem, sign_up_is_open};
use crate::web::proof::Public;

const TOKEN_SECONDS: i64 = 30 * 60;
/// Some 100 kB of JSON.
const USERS_AT_ONCE: usize = 500;
const TOKEN: HeaderName = HeaderName::from_static("x-access-token");

pub async fn sign_up(page: Page, form: Form) -> Answer {
    sign_up_is_open(page.config.signup.mode)?;
    if let Some(why) = unknown_field(&form, &["name", "email", "password"]) {
        return Ok(text(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let names = SentNames {
        username: None,
        email: Some(form.text("email")),
        name: form.find("name"),
    };
    let min_length = page.config.passwords.min_length;
    let new = NewAccount::parse(names, form.text("password"), min_length);
    match make_account(&page, new).await {
        Ok(()) => Ok(text(StatusCode::CREATED, "Successfully registered.")),
        Err(SignUpError::Taken(_)) => Ok(text(
            StatusCode::ACCEPTED,
            "User already exists. Please Log in.",
        )),
        Err(SignUpError::Input(why)) => Ok(text(
            StatusCode::UNPROCESSABLE_ENTITY,
            why.first().to_owned(),
        )),
        Err(error) => Err(error.into()),
    }
}

pub async fn log_in(page: Page, form: Form) -> Answer {
    let (email, password) = (form.text("email"), form.text("password"));
    if email.is_empty() || password.is_empty() {
        return Ok(not_verified(StatusCode::UNAUTHORIZED, "Login required !!"));
    }
    if let Some(why) = unknown_field(&form, &["email", "password"]) {
        return Ok(text(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    match try_password(&page, email, password, TOKEN_SECONDS).await? {
        Tried::In(grant) => {
            let id = grant.identity.account.to_string();
            let (exp, own) = (grant.session_ends, ("public_id", id.as_str()));
            let issued: Issued = issue(&page, Tutorial::XAccessToken, &grant, exp, own)?;
            api::json(StatusCode::CREATED, &issued)
        }
        Tried::Wrong => Ok(not_verified(StatusCode::FORBIDDEN, "Wrong Password !!")),
        Tried::Unknown => Ok(not_verified(
            StatusCode::UNAUTHORIZED,
            "User does not exist !!",
        )),
    }
}

fn not_verified(status: StatusCode, realm: &str) -> HttpResponse {
    let mut response = text(status, "Could not verify");
    if let Ok(value) = format!("Basic realm =\"{realm}\"").try_into() {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

#[derive(Serialize)]
struct User {
    public_id: String,
    name: Option<String>,
    email: Option<String>,
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        Self {
            public_id: account.id.to_string(),
            name: account.name,
            email: account.email,
        }
    }
}

/// All users for an administrator; only the sender for others.
pub async fn users(_: Public, page: Page, request: HttpRequest) -> Answer {
    let refused = |why: &str| api::json(StatusCode::UNAUTHORIZED, &json!({ "message": why }));
    let Some(token) = header(&request, TOKEN) else {
        return refused("Token is missing !!");
    };
    let account = match owner(&page, Tutorial::XAccessToken, token).await {
        Ok(account) => account,
        Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
        Err(_) => return refused("Token is invalid !!"),
    };
    let token = token.to_owned();
    let (first, next) = if account.role == Role::Administrator {
        page.accounts
            .list(Search::default(), None, USERS_AT_ONCE)
            .await?
    } else {
        (vec![account], None)
    };
    let first = listed(first)?;
    let mut list = HttpResponse::Ok();
    list.content_type(api::JSON);
    if next.is_none() {
        return Ok(list.body(format!("{{\"users\":[{first}]}}")));
    }
    // Each part is read after the client has taken the one before it, however long that takes. An
    // error in between ends the connection: the sent text is not valid JSON then.
    let page = Rc::new(page);
    let rest = stream::try_unfold(next, move |next| {
        let (page, token) = (page.clone(), token.clone());
        async move {
            let Some(after) = next else { return Ok(None) };
            // The session may have ended, or the role have changed, since the part before.
            let account = owner(&page, Tutorial::XAccessToken, &token).await;
            if !account.is_ok_and(|account| account.role == Role::Administrator) {
                return Err(Fault::new("the token is no longer an administrator's"));
            }
            let part = page
                .accounts
                .list(Search::default(), Some(after), USERS_AT_ONCE);
            let (found, next) = part.await?;
            let comma = if found.is_empty() { "" } else { "," };
            let part = format!("{comma}{}", listed(found)?);
            Ok(Some((Bytes::from(part), next)))
        }
    });
    let rest = rest.inspect_err(|fault| tracing::error!(%fault, "a list of users was cut off"));
    let start = Bytes::from(format!("{{\"users\":[{first}"));
    let start = stream::once(future::ready(Ok(start)));
    let end = stream::once(future::ready(Ok(Bytes::from_static(b"]}"))));
    Ok(list.streaming(start.chain(rest).chain(end)))
}

/// The users with commas between them.
fn listed(accounts: Vec<Account>) -> Result<String, Fault> {
    let users: Vec<_> = accounts.into_iter().map(User::from).collect();
    let list = serde_json::to_string(&users).map_err(|error| Fault::caused("JSON", error))?;
    Ok(list[1..list.len() - 1].to_owned())
}
