//! The media types that a request accepts, and whether it changes data.

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};

/// Whether the response is for a person: the request accepts HTML, and is not for the API.
pub fn is_for_a_person(request: &HttpRequest) -> bool {
    is_of_a_person(request.head())
}

/// As [`is_for_a_person`], for a request that has no handler yet.
pub fn is_of_a_person(head: &RequestHead) -> bool {
    asks_for_html(head.headers()) && !head.uri.path().starts_with("/api/")
}

/// As every browser requests a page, and the response to a form: `text/html` is among the accepted
/// media types (RFC 9110, section 12.5.1). A wildcard does not count.
pub fn asks_for_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT);
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(is_html)
}

/// Whether a media range with its parameters is `text/html`, and not of weight 0.
fn is_html(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_refused = parts
        .filter_map(|part| part.split_once('='))
        .any(|(name, weight)| {
            name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0)
        });
    media_type.eq_ignore_ascii_case("text/html") && !is_refused
}

pub fn only_looks(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}
