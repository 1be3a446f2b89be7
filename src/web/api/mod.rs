//! The JSON API: handlers beside what they take and answer.

mod accounts;
mod answers;
mod audit;
mod creation;
mod credentials;
mod files;
mod invitations;
mod limits;
mod links;
mod paging;
mod preconditions;
mod quotas;
mod schemas;
mod sessions;
mod shares;
mod tokens;
mod work_items;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use accounts::AccountJson;
pub use files::FileJson;
pub use sessions::Session as SessionJson;
pub use work_items::WorkItem;

pub use super::describe::JSON;
use super::describe::{Describe, Operation};
use super::forms;
use super::guard::Routes;
use super::origin::Source;
use super::problem::Problem;
use super::proof::{ADMINISTRATOR, PUBLIC, RECENT, RECENT_ADMINISTRATOR, SIGNED_IN};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::sessions::Grant;
use schemas::Bearer;

pub const NOT_JSON: &str = "The body is not JSON. Nothing was saved.";
/// A longer field name is not repeated in a message.
pub const NAME_MAX: usize = 40;

/// Every call, with who may make it.
pub fn routes(routes: &mut Routes<'_>) {
    routes.calls("/api/sessions", |at| {
        at.post(PUBLIC, sessions::start, &sessions::START)
            .get(SIGNED_IN, sessions::list, &sessions::LIST)
            .delete(RECENT, sessions::end_all, &sessions::END_ALL)
    });
    routes.calls("/api/sessions/current", |at| {
        at.delete(SIGNED_IN, sessions::end_current, &sessions::END_CURRENT)
    });
    routes.calls("/api/sessions/{id}", |at| {
        at.get(SIGNED_IN, sessions::show, &sessions::SHOW).delete(
            RECENT,
            sessions::end,
            &sessions::END,
        )
    });
    routes.calls("/api/tokens/refresh", |at| {
        at.post(PUBLIC, tokens::refresh, &tokens::REFRESH)
    });
    routes.calls("/api/tokens/introspect", |at| {
        at.post(PUBLIC, tokens::introspect, &tokens::INTROSPECT)
    });
    routes.calls("/api/me", |at| {
        at.get(SIGNED_IN, accounts::show_own, &accounts::SHOW_OWN)
            .patch(RECENT, accounts::rename_own, &accounts::RENAME_OWN)
    });
    routes.calls("/api/accounts", |at| {
        at.post(PUBLIC, accounts::sign_up, &accounts::SIGN_UP).get(
            SIGNED_IN,
            accounts::list,
            &accounts::LIST,
        )
    });
    routes.calls("/api/accounts/{id}", |at| {
        at.get(SIGNED_IN, accounts::show, &accounts::SHOW)
            .patch(RECENT, accounts::change, &accounts::CHANGE)
            .delete(RECENT, accounts::delete, &accounts::DELETE)
    });
    routes.calls("/api/accounts/{id}/quota", |at| {
        at.get(SIGNED_IN, quotas::show, &quotas::SHOW).patch(
            RECENT,
            quotas::change,
            &quotas::CHANGE,
        )
    });
    routes.calls("/api/accounts/{id}/limits", |at| {
        at.delete(RECENT, limits::clear, &limits::CLEAR)
    });
    routes.calls("/api/accounts/{id}/shares", |at| {
        at.get(SIGNED_IN, shares::count, &shares::COUNT).delete(
            SIGNED_IN,
            shares::revoke_all,
            &shares::REVOKE_ALL,
        )
    });
    routes.calls("/api/work-items", |at| {
        at.get(SIGNED_IN, work_items::list, &work_items::LIST).post(
            SIGNED_IN,
            work_items::add,
            &work_items::ADD,
        )
    });
    routes.calls("/api/work-items/{id}", |at| {
        at.get(SIGNED_IN, work_items::show, &work_items::SHOW)
            .patch(SIGNED_IN, work_items::change, &work_items::CHANGE)
            .delete(SIGNED_IN, work_items::delete, &work_items::DELETE)
    });
    routes.calls("/api/files", |at| {
        at.get(SIGNED_IN, files::list, &files::LIST)
            .post(SIGNED_IN, files::add, &files::ADD)
    });
    routes.calls("/api/files/{id}", |at| {
        at.get(SIGNED_IN, files::show, &files::SHOW)
            .patch(SIGNED_IN, files::change, &files::CHANGE)
            .delete(SIGNED_IN, files::delete, &files::DELETE)
    });
    routes.calls("/api/files/{id}/content", |at| {
        at.get(SIGNED_IN, files::content, &files::CONTENT)
    });
    routes.calls("/api/files/{id}/shares", |at| {
        at.get(SIGNED_IN, shares::list, &shares::LIST)
            .post(SIGNED_IN, shares::add, &shares::ADD)
    });
    routes.calls("/api/files/{id}/shares/{share}", |at| {
        at.delete(SIGNED_IN, shares::delete, &shares::DELETE)
    });
    routes.calls("/api/audit", |at| {
        at.get(ADMINISTRATOR, audit::list, &audit::LIST)
    });
    routes.calls("/api/invitations", |at| {
        at.get(ADMINISTRATOR, invitations::list, &invitations::LIST)
            .post(RECENT_ADMINISTRATOR, invitations::make, &invitations::MAKE)
    });
    routes.calls("/api/invitations/{id}", |at| {
        at.delete(
            RECENT_ADMINISTRATOR,
            invitations::revoke,
            &invitations::REVOKE,
        )
    });
    routes.calls("/api/links", |at| {
        at.post(RECENT, links::make, &links::MAKE)
    });
}

/// A body of JSON, read strictly: no field that is not known, none twice.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { parsed(&body_of(&request, payload).await?).map(Self) })
    }
}

impl<T: JsonSchema> Describe for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<T>(&[JSON], true);
    }
}

async fn body_of(request: &HttpRequest, payload: Payload) -> Result<BytesMut, Problem> {
    Source::must_be_known(request)?;
    forms::body_of(request, payload, JSON).await
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let read = serde_json::from_slice(body).map_err(|error| unreadable::<T>(&error, body))?;
    // The parser would also accept an array, as an object's values in order.
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        Ok(read)
    } else {
        Err(Problem::fields(Vec::new()))
    }
}

/// The parser's own message may quote a value, which may be a secret.
fn unreadable<T: DeserializeOwned>(error: &serde_json::Error, body: &[u8]) -> Problem {
    if !error.is_data() {
        return Problem::malformed(NOT_JSON);
    }
    let message = error.to_string();
    let named = |before: &str| {
        let name = message.strip_prefix(before)?.split('`').next()?;
        (name.len() <= NAME_MAX).then(|| name.to_owned())
    };
    let fields = [
        ("missing field `", "is missing"),
        ("unknown field `", "is not taken here"),
        ("duplicate field `", "is there twice"),
    ];
    let found = fields
        .iter()
        .find_map(|(before, words)| Some((named(before)?, (*words).to_owned())));
    Problem::fields(found.map_or_else(|| mistyped::<T>(body), |found| vec![found]))
}

/// The fields whose values have a wrong type. The parser does not name the field of an error, so
/// each field is parsed alone: wrong types are reported before missing fields.
fn mistyped<T: DeserializeOwned>(body: &[u8]) -> Vec<(String, String)> {
    let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let words = |(name, value): (String, Value)| {
        // Whether the field takes an array: then an element has the wrong type.
        let is_element = value.is_array() && expected::<T>(&name, Value::Array(vec![])).is_none();
        let expected = expected::<T>(&name, value)?;
        let words = if is_element {
            format!("must be an array, and each of its elements {expected}")
        } else {
            format!("must be {expected}")
        };
        Some((name, words))
    };
    fields.into_iter().filter_map(words).collect()
}

/// The type that a field takes, if the value has another one.
fn expected<T: DeserializeOwned>(name: &str, value: Value) -> Option<&'static str> {
    let alone = Value::Object(Map::from_iter([(name.to_owned(), value)]));
    let message = serde_json::from_value::<T>(alone).err()?.to_string();
    if !message.starts_with("invalid type") && !message.starts_with("invalid value") {
        return None;
    }
    // The text before it may quote the value.
    let (_, expected) = message.rsplit_once(", expected ")?;
    Some(match expected {
        "a string" => "a string",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "i64" => "a whole number",
        _ => "of another type",
    })
}

/// Distinguishes `null` from a missing field.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

pub fn json(status: StatusCode, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let text =
        serde_json::to_string(body).map_err(|error| Fault::caused("write an answer", error))?;
    Ok(HttpResponse::build(status).content_type(JSON).body(text))
}

/// The tokens of a session (RFC 6749, section 5.1).
#[derive(Serialize, JsonSchema)]
pub struct Granted {
    access_token: String,
    #[schemars(with = "Bearer")]
    token_type: &'static str,
    /// The life of the access token, in seconds.
    expires_in: i64,
    /// For one use.
    refresh_token: String,
}

impl Granted {
    fn of(grant: &Grant, now: UnixSeconds) -> Self {
        Self {
            access_token: grant.access.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: grant.identity.claims.exp - now,
            refresh_token: grant.refresh.expose_secret().to_owned(),
        }
    }
}
