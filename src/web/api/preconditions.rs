//! Versions in entity tags: an unchanged resource is not sent again, and a client cannot overwrite
//! a version that it has not seen (RFC 9110, sections 8.8.3 and 13.1).
//!
//! A tag is the version in quotes, and strong: the version increases with every change of what can
//! be read at its URL. `If-Match` also accepts a weak tag, which RFC 9110 (section 13.1.1) does not
//! require: a proxy that compresses responses, such as nginx, makes tags weak without changing the
//! version. Other proxies append the coding to the tag; our tags are digits only, so a suffix is
//! recognised.

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};

use super::answers::Tagged;
use crate::base::version::{ExpectedVersion, Version};
use crate::web::describe::{Describe, Operation};
use crate::web::etags::{Malformed, Tags};
use crate::web::problem::{Problem, STALE};

/// The versions that `If-Match` names: the change is for one of them. Without the header, for
/// whatever is there.
pub struct IfMatch(pub ExpectedVersion);

/// The versions that `If-None-Match` names: their holder has them already.
pub struct IfNoneMatch(Option<ExpectedVersion>);

impl IfNoneMatch {
    /// The answer, unless its version is known.
    pub fn unless<A>(&self, tagged: Tagged<A>) -> Tagged<A> {
        tagged.unless(self.0.as_ref())
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

impl Describe for IfMatch {
    fn describe(operation: &mut Operation<'_>) {
        let description = "Entity tags: the change is made only if one of them is current.";
        operation.header::<String>("If-Match", description);
        operation.raises(&STALE);
    }
}

impl Describe for IfNoneMatch {
    fn describe(operation: &mut Operation<'_>) {
        operation.is_conditional();
    }
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
