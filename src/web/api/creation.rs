//! Something new, made once however often it is asked for.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, LOCATION};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{body_of, json, parsed};
use crate::idempotency::IdempotencyKey;
use crate::web::problem::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A body of JSON, as [`super::Json`] reads it, and the `Idempotency-Key` that came with it. Not
/// for a body that holds a secret: that takes [`super::Json`], and [`once`] without the secret.
pub struct New<T> {
    pub what: T,
    pub once: Option<IdempotencyKey>,
}

impl<T: DeserializeOwned + 'static> FromRequest for New<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = body_of(&request, payload).await?;
            Ok(Self {
                what: parsed(&body)?,
                once: once(&request, &body)?,
            })
        })
    }
}

/// The `Idempotency-Key` that came, if one did; `what` tells its request from others.
///
/// # Errors
/// When it is not a key, or there is more than one.
pub fn once(request: &HttpRequest, what: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let mut keys = request.headers().get_all(KEY);
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let key = key.to_str().ok().filter(|_| keys.next().is_none());
    let once = key
        .and_then(|key| IdempotencyKey::new(key, request.method().as_str(), request.path(), what));
    once.map(Some).ok_or(Problem::malformed(
        "Idempotency-Key takes one key of 1 to 64 visible characters of ASCII. Nothing was saved.",
    ))
}

/// 201 with where it is; `replayed` when the same request has made it before.
pub fn created(
    location: &str,
    body: &impl Serialize,
    replayed: bool,
) -> Result<HttpResponse, Problem> {
    let mut answer = json(StatusCode::CREATED, body)?;
    let mut headers = vec![(LOCATION, location)];
    if replayed {
        headers.push((REPLAYED, "true"));
    }
    for (name, value) in headers {
        // Paths of ours can always be written.
        if let Ok(value) = value.parse() {
            answer.headers_mut().insert(name, value);
        }
    }
    Ok(answer)
}
