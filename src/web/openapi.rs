//! What describes the API to programs (OpenAPI 3.1), and to people on `/docs`.
//!
//! `api/openapi.json` is written by hand; tests compare it with the table of routes and with
//! the codes of errors.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::State;
use super::jwks::for_everyone;
use super::prepared::Prepared;
use crate::base::fault::Fault;
use crate::config::BaseUrl;

pub struct OpenApi {
    pub description: Value,
    json: Prepared,
}

impl OpenApi {
    /// # Errors
    /// When the file that was built in is not JSON.
    pub fn of(base_url: &BaseUrl, access_cookie: &str) -> Result<Self, Fault> {
        let description = serde_json::from_str(include_str!("api/openapi.json"));
        let mut description: Value =
            description.map_err(|error| Fault::caused("read openapi.json", error))?;
        description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
        description["servers"][0]["url"] = base_url.as_str().into();
        description["components"]["securitySchemes"]["cookie"]["name"] = access_cookie.into();
        Ok(Self {
            json: Prepared::of("application/json", description.to_string()),
            description,
        })
    }
}

pub async fn serve(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let mut response = state.web.openapi.json.respond(&request);
    for_everyone(response.headers_mut());
    response
}
