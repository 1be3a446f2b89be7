//! The responses of calls: a type for each kind, which also describes it.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, Responder};
use schemars::JsonSchema;
use serde::Serialize;

use super::json;
use crate::base::version::{ExpectedVersion, Version};
use crate::web::describe::{Describe, JSON, Operation};
use crate::web::problem::Problem;

pub type Answer<T> = Result<T, Problem>;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// 200, with this as JSON.
pub struct Shown<T>(pub T);

/// 201, with this as JSON.
pub struct Made<T>(pub T);

/// 201, with the address of what was made.
pub struct Created<T> {
    pub at: String,
    pub what: T,
    /// Whether an earlier request with the same `Idempotency-Key` made it.
    pub replayed: bool,
}

/// With the version as an entity tag: strong, since it counts on with whatever can be read at its
/// URL (RFC 9110, section 8.8.3).
pub struct Tagged<A> {
    version: Option<Version>,
    /// `None`: 304, because the client has this version.
    answer: Option<A>,
}

/// 202, with this as JSON.
pub struct Accepted<T>(pub T);

/// One of two answers, as the settings say.
pub enum Either<A, B> {
    First(A),
    Second(B),
}

/// 204.
pub struct Done;

impl<A> Tagged<A> {
    pub fn new(version: Version, answer: A) -> Self {
        Self {
            version: Some(version),
            answer: Some(answer),
        }
    }

    /// A list has no version.
    pub fn untagged(answer: A) -> Self {
        Self {
            version: None,
            answer: Some(answer),
        }
    }

    /// Without a body for a client that has one of these versions.
    pub fn unless(mut self, seen: Option<&ExpectedVersion>) -> Self {
        let is_seen = |version| seen.is_some_and(|seen| seen.includes(version));
        if self.version.is_some_and(is_seen) {
            self.answer = None;
        }
        self
    }
}

impl<T: Serialize> Responder for Shown<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::OK, &self.0).unwrap_or_else(Problem::into_response)
    }
}

impl<T: JsonSchema> Describe for Shown<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with::<T>(StatusCode::OK, "The request succeeded.", JSON);
    }
}

impl<T: Serialize> Responder for Made<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::CREATED, &self.0).unwrap_or_else(Problem::into_response)
    }
}

impl<T: JsonSchema> Describe for Made<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with::<T>(StatusCode::CREATED, "Created.", JSON);
    }
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut answer = Made(self.what).respond_to(request);
        insert(&mut answer, LOCATION, &self.at);
        if self.replayed {
            insert(&mut answer, REPLAYED, "true");
        }
        answer
    }
}

impl<T: JsonSchema> Describe for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        Made::<T>::describe(operation);
        operation.answers_with_header("Location", "The path of what was created.");
        operation.answers_with_header(
            "Idempotency-Replayed",
            "`true` if an earlier request with the same `Idempotency-Key` created it.",
        );
    }
}

impl<A: Responder<Body = BoxBody>> Responder for Tagged<A> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut answer = match self.answer {
            Some(answer) => answer.respond_to(request),
            None => HttpResponse::new(StatusCode::NOT_MODIFIED),
        };
        if let Some(version) = self.version {
            insert(&mut answer, ETAG, &format!("\"{version}\""));
        }
        answer
    }
}

impl<A: Describe> Describe for Tagged<A> {
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
        operation.answers_with_version();
    }
}

impl<T: Serialize> Responder for Accepted<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::ACCEPTED, &self.0).unwrap_or_else(Problem::into_response)
    }
}

impl<T: JsonSchema> Describe for Accepted<T> {
    fn describe(operation: &mut Operation<'_>) {
        let description = "Accepted: a message tells how to go on.";
        operation.answers_with::<T>(StatusCode::ACCEPTED, description, JSON);
    }
}

impl<A: Responder<Body = BoxBody>, B: Responder<Body = BoxBody>> Responder for Either<A, B> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        match self {
            Self::First(answer) => answer.respond_to(request),
            Self::Second(answer) => answer.respond_to(request),
        }
    }
}

impl<A: Describe, B: Describe> Describe for Either<A, B> {
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
        B::describe(operation);
    }
}

impl Responder for Done {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Describe for Done {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::NO_CONTENT, "Done.");
    }
}

/// Paths of ours, digits and `true` are always valid in a header.
fn insert(answer: &mut HttpResponse, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
