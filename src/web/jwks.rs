//! Our public keys, for programs that verify our tokens (RFC 7517).

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::State;
use super::etags::has;
use super::proof::Public;
use crate::tokens::PUBLISHED_SECONDS;

pub async fn serve(_: Public, request: HttpRequest, state: Data<State>) -> HttpResponse {
    let keys = state.tokens.public_keys();
    let known = has(&request, &keys.etag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((header::ETAG, &*keys.etag));
    let mut response = if known {
        response.finish()
    } else {
        response
            .insert_header((header::CONTENT_TYPE, "application/jwk-set+json"))
            .body(keys.json.to_string())
    };
    for_everyone(response.headers_mut());
    response
}

/// Also from every other site, and kept for a while: nothing in it is secret.
pub fn for_everyone(headers: &mut HeaderMap) {
    let kept = format!("public, max-age={PUBLISHED_SECONDS}");
    if let Ok(kept) = HeaderValue::from_str(&kept) {
        headers.insert(header::CACHE_CONTROL, kept);
    }
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
}
