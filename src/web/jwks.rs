//! Our public keys, for whoever verifies our tokens (RFC 7517).

use actix_web::http::header::{self, HeaderName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::State;
use super::error::PageError;
use crate::tokens::PUBLISHED_SECONDS;

pub async fn serve(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, PageError> {
    let keys = state.tokens.public_keys();
    let content_type = "application/jwk-set+json";
    Ok(published(&request, &keys.etag, content_type, &keys.json))
}

/// For everyone, from every site: nothing in it is secret. Not sent again to those who have it.
pub fn published(
    request: &HttpRequest,
    etag: &str,
    content_type: &'static str,
    body: &str,
) -> HttpResponse {
    let asked = request.headers().get_all(header::IF_NONE_MATCH);
    let known = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((
            header::CACHE_CONTROL,
            format!("public, max-age={PUBLISHED_SECONDS}"),
        ))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ));
    if known {
        response.finish()
    } else {
        response
            .insert_header((header::CONTENT_TYPE, content_type))
            .body(body.to_owned())
    }
}
