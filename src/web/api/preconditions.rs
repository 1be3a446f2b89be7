//! Versions in entity tags: what was not changed is not sent again, and nobody overwrites what
//! they have not seen (RFC 9110, sections 8.8.3 and 13.1).
//!
//! A tag is the version in quotes, and strong: it counts on with whatever can be read at its URL.
//! `If-Match` takes it back as a weak one too, which RFC 9110 (section 13.1.1) does not ask for: a
//! proxy that compresses answers, such as nginx, makes tags weak, and the version is the same all
//! the same. Others add the coding to the tag; a tag of ours is digits alone, so that is known.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};

use crate::base::version::{ExpectedVersion, Version};
use crate::web::etags::{Malformed, Tags};
use crate::web::problem::Problem;

/// The versions that `If-Match` names: the change is for one of them. Without the header, for
/// whatever is there.
pub struct IfMatch(pub ExpectedVersion);

/// The versions that `If-None-Match` names: their holder has them already.
pub struct IfNoneMatch(Option<ExpectedVersion>);

impl IfNoneMatch {
    pub fn has(&self, version: Version) -> bool {
        self.0.as_ref().is_some_and(|seen| seen.includes(version))
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let named = named(request.headers(), &IF_MATCH);
        std::future::ready(named.map(|named| Self(named.unwrap_or(ExpectedVersion::Any))))
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(named(request.headers(), &IF_NONE_MATCH).map(Self))
    }
}

/// The same answer with the tag of what it shows.
pub fn tagged(mut answer: HttpResponse, version: Version) -> HttpResponse {
    // Digits in quotes can always be written.
    if let Ok(tag) = format!("\"{version}\"").parse() {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

pub fn not_modified(version: Version) -> HttpResponse {
    tagged(HttpResponse::new(StatusCode::NOT_MODIFIED), version)
}

fn named(headers: &HeaderMap, name: &HeaderName) -> Result<Option<ExpectedVersion>, Problem> {
    let tags = Tags::read(headers, name).map_err(|Malformed| {
        Problem::malformed(
            "If-Match and If-None-Match take entity tags in quotes, or *. Nothing was changed.",
        )
    })?;
    Ok(tags.map(|tags| match tags {
        Tags::Any => ExpectedVersion::Any,
        // A tag that is not a version matches nothing.
        Tags::These(tags) => {
            ExpectedVersion::OneOf(tags.iter().filter_map(|tag| version(tag)).collect())
        }
    }))
}

fn version(tag: &str) -> Option<Version> {
    tag.parse().ok().filter(|v: &Version| v.to_string() == tag)
}
