//! What describes the API to programs (OpenAPI 3.1), and to people on `/docs`.
//!
//! `api/openapi.json` is written by hand; tests compare it with the table of routes and with
//! the codes of errors.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use serde_json::Value;

use super::State;
use super::error::PageError;
use super::jwks::published;
use crate::base::fault::Fault;
use crate::config::BaseUrl;

pub struct OpenApi {
    /// `None`: the file that was built in is no JSON.
    description: Option<Value>,
    json: Arc<str>,
    etag: String,
}

impl OpenApi {
    pub fn of(base_url: &BaseUrl) -> Self {
        let mut description = serde_json::from_str::<Value>(include_str!("api/openapi.json")).ok();
        if let Some(description) = &mut description {
            description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
            description["servers"][0]["url"] = base_url.as_str().into();
        }
        let json = description.as_ref().map(Value::to_string);
        let json: Arc<str> = json.unwrap_or_default().into();
        let hash = digest::digest(&digest::SHA256, json.as_bytes());
        let etag: String = hash.as_ref()[..16]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Self {
            description,
            json,
            etag: format!("\"{etag}\""),
        }
    }

    /// # Errors
    /// When there is none.
    pub fn description(&self) -> Result<&Value, Fault> {
        let description = self.description.as_ref();
        description.ok_or_else(|| Fault::new("openapi.json is not JSON"))
    }
}

pub async fn serve(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, PageError> {
    let openapi = &state.web.openapi;
    openapi.description()?;
    Ok(published(
        &request,
        &openapi.etag,
        "application/json",
        &openapi.json,
    ))
}
