//! Redirects: always 303, so that a browser requests the next page by GET.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::query;

/// The page for people who were not on the way to another page.
pub const DASHBOARD: &str = "/dashboard";

/// What must be escaped in the value of a query key.
const QUERY_VALUE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'\'');

pub fn to(address: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, address));
    response.finish()
}

/// The address of `page`, which leads on to `next`.
pub fn by_way_of(page: &str, next: &str) -> String {
    // A page that would not be followed afterwards need not be remembered.
    match query::local_path(next) {
        Some(next) => format!("{page}?next={}", utf8_percent_encode(next, QUERY_VALUE)),
        None => page.to_owned(),
    }
}
