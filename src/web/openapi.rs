//! The description of the API: OpenAPI 3.1 for programs, and `/docs` for people.
//!
//! It is made from the table of routes and the types of the handlers, at its first use. A snapshot
//! test contains all of it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::State;
use super::describe::{Components, JSON};
use super::jwks::for_everyone;
use super::prepared::Prepared;
use super::problem::Problem;
use super::proof::Public;

const TITLE: &str = "Doorward";
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// The description, with the addresses and names of this instance.
pub fn describe(state: &State) -> Value {
    let mut components = Components::new();
    let (mut tags, mut paths) = (Map::new(), Map::new());
    for route in &state.web.routes {
        if let Some(described) = route.call {
            let tag = described.call.tag;
            tags.entry(tag.name).or_insert(tag.description.into());
            let path = paths.entry(route.path).or_insert(json!({}));
            let operation = described.operation(route.method, &mut components);
            path[route.method.to_ascii_lowercase()] = operation;
        }
    }
    let tags = tags.iter();
    let tags = tags.map(|(name, words)| json!({ "name": name, "description": words }));
    let security_schemes = json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "An access token.",
        },
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": state.web.cookies.access_name(),
            "description": "For pages of this site. The end of the name differs from server to \
                            server.",
        },
        "basic": {
            "type": "http", "scheme": "basic",
            "description": "Only to sign in (RFC 7617, in UTF-8).",
        },
    });
    let url = state.base_url.as_str();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Accounts, sessions and tokens, and what an account has: work items, \
                            files, and links to files. Sign in to get an access token, and send \
                            it as `Authorization: Bearer`.",
            "contact": { "name": "The administrator of this server", "url": url },
            "license": { "name": LICENSE, "identifier": LICENSE },
        },
        "servers": [{ "url": url }],
        "security": [{ "bearer": [] }, { "cookie": [] }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": components.into_value(security_schemes),
    })
}

pub async fn serve(
    _: Public,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let make = || async { Prepared::of(JSON, describe(&state).to_string()) };
    let openapi = state.web.openapi.get_or_init(make).await;
    let mut response = openapi.respond(&request);
    for_everyone(response.headers_mut());
    Ok(response)
}
