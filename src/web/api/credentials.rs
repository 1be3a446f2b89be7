//! Credentials: in JSON, in a form, or as Basic (RFC 7617).

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::schemas::Secret;
use super::{JSON, Json, NAME_MAX};
use crate::web::authorization;
use crate::web::describe::{Describe, Operation};
use crate::web::forms::{FORM, Form, VisitorForm};
use crate::web::origin::Source;
use crate::web::problem::{BUSY, Problem, SIGN_IN_REFUSED};

/// Either `username` or `email`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credentials")]
pub struct NewSession {
    /// A username or an email address.
    #[serde(default)]
    #[schemars(with = "String")]
    pub username: Option<String>,
    /// The same as `username`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub email: Option<String>,
    #[schemars(with = "Secret")]
    pub password: String,
    /// As "Stay signed in" on the page.
    #[serde(default)]
    pub stay: bool,
}

pub struct Credentials(pub NewSession);

impl FromRequest for Credentials {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let new = if let Some(basic) = basic(&request)? {
                basic
            } else if request.content_type().eq_ignore_ascii_case(FORM) {
                by_form(&VisitorForm::from_request(&request, &mut payload).await?.0)?
            } else {
                Json::from_request(&request, &mut payload).await?.0
            };
            Ok(Self(new))
        })
    }
}

impl Describe for Credentials {
    fn describe(operation: &mut Operation<'_>) {
        operation.security(json!([{}, { "basic": [] }]));
        operation.body::<NewSession>(&[JSON, FORM], false);
        operation.raises(&SIGN_IN_REFUSED);
        operation.raises(&BUSY);
    }
}

fn basic(request: &HttpRequest) -> Result<Option<NewSession>, Problem> {
    let Some(credentials) = authorization::basic(request) else {
        return Ok(None);
    };
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH);
    let has_body =
        headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0");
    if has_body {
        return Err(Problem::malformed(
            "Send either Authorization: Basic or a body. Nothing was saved.",
        ));
    }
    // The same check as for a body.
    Source::must_be_known(request)?;
    let credentials = authorization::name_and_password(credentials);
    let (username, password) = credentials.ok_or(Problem::malformed(
        "Authorization: Basic takes name:password in UTF-8 and base64. Nothing was saved.",
    ))?;
    Ok(Some(NewSession {
        username: Some(username),
        email: None,
        password,
        stay: false,
    }))
}

/// As strict as for JSON.
fn by_form(form: &Form) -> Result<NewSession, Problem> {
    let known = ["username", "email", "password", "stay"];
    if let Some(unknown) = form.names().find(|name| !known.contains(name)) {
        let short: String = unknown.chars().take(NAME_MAX).collect();
        return Err(Problem::field(&short, "is not taken here"));
    }
    let text = |name| form.find(name).map(str::to_owned);
    let stay = match form.find("stay") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::field("stay", "is true or false")),
    };
    Ok(NewSession {
        username: text("username"),
        email: text("email"),
        password: text("password").ok_or_else(|| Problem::field("password", "is missing"))?,
        stay,
    })
}
