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

use crate::base::version::{Expected, Version};
use crate::web::problem::Problem;

/// What Apache (`DeflateAlterETag`, `BrotliAlterETag`) and Caddy put at the end of a tag.
const CODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// The versions that `If-Match` names: the change is for one of them. Without the header, for
/// whatever is there.
pub struct IfMatch(pub Expected);

/// The versions that `If-None-Match` names: their holder has them already.
pub struct IfNoneMatch(Option<Expected>);

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
        std::future::ready(named.map(|named| Self(named.unwrap_or(Expected::Any))))
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

fn named(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Expected>, Problem> {
    let lines: Option<Vec<_>> = headers
        .get_all(name)
        .map(|line| line.to_str().ok())
        .collect();
    let malformed = Problem::malformed(
        "If-Match and If-None-Match take entity tags in quotes, or *. Nothing was changed.",
    );
    match lines.as_deref() {
        Some([]) => Ok(None),
        Some(lines) => versions(&lines.join(",")).map(Some).ok_or(malformed),
        None => Err(malformed),
    }
}

/// `None` when it is no list of entity tags. One that is not of ours matches nothing.
fn versions(list: &str) -> Option<Expected> {
    if list.trim() == "*" {
        return Some(Expected::Any);
    }
    let (mut rest, mut tags, mut versions) = (list, 0, Vec::new());
    loop {
        // Empty elements are to be overlooked (RFC 9110, section 5.6.1.2).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (tags > 0).then_some(Expected::OneOf(versions));
        }
        let quoted = rest.strip_prefix("W/").unwrap_or(rest);
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        rest = after.trim_start_matches([' ', '\t']);
        let ends = rest.is_empty() || rest.starts_with(',');
        if !ends || !tag.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        tags += 1;
        let mut codings = CODINGS.iter();
        let tag = codings
            .find_map(|coding| tag.strip_suffix(coding))
            .unwrap_or(tag);
        versions.extend(tag.parse().ok().filter(|v: &Version| v.to_string() == tag));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_rfc_9110_says() {
        let these = |versions: &[Version]| Some(Expected::OneOf(versions.to_vec()));
        assert_eq!(versions("*"), Some(Expected::Any));
        assert_eq!(versions("\"7\""), these(&[7]));
        assert_eq!(
            versions(" ,\"7\" ,, \"a,b\",\"08\",W/\"9\",\"10\", "),
            these(&[7, 9, 10])
        );
        for bad in [
            "",
            ",",
            "7",
            "\"7",
            "7\"",
            "\"7\"8",
            "\"7\" \"8\"",
            "w/\"7\"",
            "\"7\", *",
            "\"a b\"",
        ] {
            assert_eq!(versions(bad), None, "{bad}");
        }
    }
}
