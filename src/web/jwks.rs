//! Our public keys, for programs that verify our tokens (RFC 7517).

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};

use super::State;
use super::describe::{Call, Describe, Operation, Tag, schema};
use super::etags::has;
use super::proof::Public;
use crate::tokens::PUBLISHED_SECONDS;

const JWK_SET: &str = "application/jwk-set+json";

pub const KEYS: Call = Call {
    id: "keys",
    tag: &Tag {
        name: "Keys",
        description: "The public keys by which other programs verify access tokens.",
    },
    summary: "List the public keys that verify access tokens",
    description: "A JWK set (RFC 7517). Keep it for five minutes, and fetch it again when a token \
                  names an unknown key.",
    example: None,
    problems: &[],
};

schema!(KeySet, {
    "type": "object",
    "required": ["keys"],
    "properties": {
        "keys": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kty", "kid", "alg"],
                "properties": {
                    "kty": { "type": "string" },
                    "kid": { "type": "string" },
                    "alg": { "type": "string" },
                },
                "additionalProperties": true,
            },
        },
    },
});

pub struct Keys(HttpResponse);

impl Describe for Keys {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with::<KeySet>(StatusCode::OK, "The keys.", JWK_SET);
        operation.is_conditional();
    }
}

impl Responder for Keys {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

pub async fn serve(_: Public, request: HttpRequest, state: Data<State>) -> Keys {
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
            .insert_header((header::CONTENT_TYPE, JWK_SET))
            .body(keys.json.to_string())
    };
    for_everyone(response.headers_mut());
    Keys(response)
}

/// Readable from every other site, and cacheable: nothing in it is secret.
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
