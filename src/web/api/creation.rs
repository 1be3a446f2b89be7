//! `Idempotency-Key`: a repeated request creates nothing twice.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{JSON, body_of, parsed};
use crate::idempotency::{IdempotencyKey, KEY_MAX};
use crate::web::describe::{Describe, Operation, schema};
use crate::web::problem::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

schema!(inline KeyText, {
    "type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]+$",
});

/// The `Idempotency-Key`, if one came.
pub struct Key(HttpRequest);

impl Key {
    /// `what` distinguishes its request from others. It must not be a secret.
    ///
    /// # Errors
    /// When it is not a key, or there is more than one.
    pub fn once(&self, what: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
        let request = &self.0;
        let mut keys = request.headers().get_all(KEY);
        let Some(key) = keys.next() else {
            return Ok(None);
        };
        let key = key.to_str().ok().filter(|_| keys.next().is_none());
        let once = key.and_then(|key| {
            IdempotencyKey::new(key, request.method().as_str(), request.path(), what)
        });
        once.map(Some).ok_or(Problem::malformed(
            "Idempotency-Key takes one key of 1 to 64 visible characters of ASCII. \
             Nothing was saved.",
        ))
    }
}

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

impl Describe for Key {
    fn describe(operation: &mut Operation<'_>) {
        let description = "A new key for each new request: sent again with the same key and \
                           body within 24 hours, a request creates nothing more.";
        operation.header::<KeyText>("Idempotency-Key", description);
    }
}

/// A body of JSON, as [`super::Json`] reads it, and the `Idempotency-Key` of its request. Not for a
/// body with a secret: that takes [`super::Json`], and a [`Key`] without the secret.
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
                once: Key(request).once(&body)?,
            })
        })
    }
}

impl<T: JsonSchema> Describe for New<T> {
    fn describe(operation: &mut Operation<'_>) {
        Key::describe(operation);
        operation.body::<T>(&[JSON], true);
    }
}
