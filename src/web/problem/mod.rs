//! Every problem that can end a request: its status, its stable code and its words.
//!
//! A problem that is always the same is a constant (`known.rs`); one with data is made by a function.
//! `outcomes.rs` maps each refusal of a room to a problem.

mod known;
mod outcomes;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::base::fault::{Fault, Kind};
use crate::base::input::Refusals;
use crate::limits::Limited;
pub use known::*;
use known::{
    BEARER, DISK_FULL, MALFORMED, MEDIA_TYPE, METHOD_NOT_ALLOWED, OUTCOME_UNKNOWN, SIGNED_IN_AGAIN,
    TOKENS,
};
pub use outcomes::sign_up_is_open;

type Action = (&'static str, &'static str);

/// The reason why a request did not end as requested.
#[derive(Clone, Debug)]
pub struct Problem {
    pub words: &'static Words,
    /// Replaces the text of the words.
    why: Option<&'static str>,
    /// The details of this request.
    pub more: Option<Box<More>>,
}

#[derive(Debug)]
pub struct Words {
    pub status: StatusCode,
    /// Stable: programs match on it.
    pub code: &'static str,
    /// For the description of the API: what it means to a program.
    pub when: &'static str,
    pub title: &'static str,
    pub text: &'static str,
    /// For a person: an address, and the words of the link to it.
    pub action: Option<Action>,
    pub header: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Debug, Default)]
pub struct More {
    status: Option<StatusCode>,
    text: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
    /// As (field, words).
    fields: Vec<(String, String)>,
    action: Option<(String, String)>,
    /// To sign in as another person: an address to go on to, and the words of the button.
    pub switch: Option<(String, String)>,
    fault: Option<Arc<Fault>>,
}

/// A problem as programs read it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Body<'a> {
    pub error: Code,
    /// For a person.
    pub message: &'a str,
    /// The id of the request in the log of the server.
    pub request_id: String,
    /// What is wrong with each field, by its name.
    pub fields: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
pub struct Code(pub &'static str);

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes: BTreeSet<_> = ALL.iter().map(|problem| problem.words.code).collect();
        json_schema!({
            "type": "string",
            "enum": codes,
            "description": "A code keeps its meaning. Later versions may add codes.",
        })
    }
}

const fn known(words: &'static Words) -> Problem {
    Problem {
        words,
        why: None,
        more: None,
    }
}

const fn because(words: &'static Words, why: &'static str) -> Problem {
    Problem {
        words,
        why: Some(why),
        more: None,
    }
}

impl Problem {
    /// A request that cannot be understood, and why.
    pub const fn malformed(why: &'static str) -> Self {
        because(MALFORMED, why)
    }

    /// A tutorial's response to its upload, for a person.
    pub fn not_uploaded(status: StatusCode, why: &str) -> Self {
        let mut problem = known(MALFORMED).with_text(format!("{why}. Nothing was saved."));
        problem.more().status = Some(status);
        problem
    }

    /// A token in a place for none, or for another one.
    pub const fn tokens(why: &'static str) -> Self {
        because(TOKENS, why)
    }

    /// With the reason why the token of the request is not valid (RFC 6750, section 3).
    pub fn invalid_token(why: impl fmt::Display) -> Self {
        let (_, realm) = BEARER;
        let value = format!("{realm}, error=\"invalid_token\", error_description=\"{why}\"");
        NOT_SIGNED_IN.with_header(header::WWW_AUTHENTICATE, &value)
    }

    /// With the methods that the address takes.
    pub fn method_not_allowed(allowed: &str) -> Self {
        METHOD_NOT_ALLOWED.with_header(header::ALLOW, allowed)
    }

    /// With the media type that the address takes (RFC 9110, section 15.5.16).
    pub fn media_type(taken: &'static str) -> Self {
        let why = if taken.ends_with("json") {
            "This address accepts JSON, sent as application/json. Nothing was saved."
        } else if taken.starts_with("multipart") {
            "This address accepts forms as multipart/form-data, which a page's form sends \
             with enctype=\"multipart/form-data\". Nothing was saved."
        } else {
            MEDIA_TYPE.text
        };
        because(MEDIA_TYPE, why).with_header(header::ACCEPT, taken)
    }

    /// Fields that are not valid, as (field, words).
    pub fn fields(fields: Vec<(String, String)>) -> Self {
        let mut problem = INVALID_FIELDS;
        problem.more().fields = fields;
        problem
    }

    /// One field that is not valid.
    pub fn field(name: &str, words: &str) -> Self {
        INVALID_FIELDS.with_field(name, words)
    }

    /// A part of a file of `length` bytes that is not in it (RFC 9110, section 15.5.17).
    pub fn no_such_range(length: u64) -> Self {
        NO_SUCH_RANGE.with_header(header::CONTENT_RANGE, &format!("bytes */{length}"))
    }

    /// With how long the client has to wait.
    pub fn limited(self, Limited { seconds }: Limited) -> Self {
        let wait = match seconds {
            1 => "a second".to_owned(),
            2..120 => format!("{seconds} seconds"),
            _ => format!("{} minutes", (seconds + 59) / 60),
        };
        let text = format!("{} Wait {wait}, then try again.", self.words.text);
        self.with_text(text)
            .with_header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// The same person has signed in again since the form was shown: leads back to `page`, which
    /// shows it again.
    pub fn signed_in_again(page: &str) -> Self {
        let mut problem = SIGNED_IN_AGAIN.with_header(header::LOCATION, page);
        problem.more().status = Some(StatusCode::SEE_OTHER);
        problem
    }

    /// A dependency is unavailable, as the kind of the fault says.
    pub fn unavailable(fault: Fault) -> Self {
        let problem = match fault.kind() {
            Kind::Ours | Kind::Unavailable => UNAVAILABLE,
            Kind::OutcomeUnknown => OUTCOME_UNKNOWN,
            Kind::DiskFull => DISK_FULL,
        };
        problem.with_fault(fault)
    }

    fn with_fault(mut self, fault: Fault) -> Self {
        self.more().fault = Some(Arc::new(fault));
        self
    }

    pub fn with_text(mut self, text: String) -> Self {
        self.more().text = Some(text);
        self
    }

    pub fn with_action(mut self, address: &str, words: String) -> Self {
        self.more().action = Some((address.to_owned(), words));
        self
    }

    pub fn with_switch(mut self, next: String, button: String) -> Self {
        self.more().switch = Some((next, button));
        self
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.more().header = HeaderValue::from_str(value).ok().map(|value| (name, value));
        self
    }

    fn with_field(mut self, name: &str, words: &str) -> Self {
        self.more().fields.push((name.to_owned(), words.to_owned()));
        self
    }

    /// What is wrong with the fields, replacing what was said of them.
    fn with_refusals(mut self, refusals: &Refusals) -> Self {
        let fields = refusals.iter();
        let fields = fields.map(|(field, why)| (field.to_owned(), why.to_owned()));
        self.more().fields = fields.collect();
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Whether both are the same constant. Two problems can share a code, but not a text.
    pub fn is(&self, other: &Self) -> bool {
        self.words.text == other.words.text
    }

    /// Whether the same request can succeed after `Retry-After`, and nothing was done yet.
    pub fn ends_by_waiting(&self) -> bool {
        self.words.status == StatusCode::TOO_MANY_REQUESTS || self.is(&BUSY)
    }

    /// A token in an address that takes none, or another one.
    pub fn is_misplaced_token(&self) -> bool {
        std::ptr::eq(self.words, TOKENS)
    }

    pub fn text(&self) -> &str {
        let more = self.more.as_ref();
        more.and_then(|more| more.text.as_deref())
            .or(self.why)
            .unwrap_or(self.words.text)
    }

    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let more = self.more.as_ref().and_then(|more| more.header.clone());
        let always = self.words.header.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        more.or(always)
    }

    /// What is wrong with each field, as (field, words).
    pub fn wrong_fields(&self) -> &[(String, String)] {
        self.more.as_ref().map_or(&[], |more| &more.fields)
    }

    pub fn action(&self) -> Option<(String, String)> {
        let more = self.more.as_ref().and_then(|more| more.action.clone());
        let owned = |(href, words): Action| (href.to_owned(), words.to_owned());
        more.or(self.words.action.map(owned))
    }

    /// For the operator, in the log.
    pub fn fault(&self) -> Option<&Fault> {
        self.more.as_ref()?.fault.as_deref()
    }

    /// As a response that `answer::written_out` completes.
    pub fn into_response(self) -> HttpResponse {
        HttpResponse::from_error(self)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if fault.kind() == Kind::Ours {
            FAULT.with_fault(fault)
        } else {
            Self::unavailable(fault)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words.code)
    }
}

/// Without a body: whether the words are HTML or JSON depends on the request, which is known at the
/// edge.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        let status = self.more.as_ref().and_then(|more| more.status);
        status.unwrap_or(self.words.status)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
