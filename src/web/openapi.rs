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
use super::problem::Problem;
use super::proof::Public;
use crate::base::fault::Fault;

/// The description, with the addresses and names of this instance.
///
/// # Errors
/// When the file that was built in is not JSON.
pub fn describe(state: &State) -> Result<Value, Fault> {
    let description = serde_json::from_str(include_str!("api/openapi.json"));
    let mut description: Value =
        description.map_err(|error| Fault::caused("read openapi.json", error))?;
    description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    description["servers"][0]["url"] = state.base_url.as_str().into();
    let cookie = state.web.cookies.access_name();
    description["components"]["securitySchemes"]["cookie"]["name"] = cookie.into();
    Ok(description)
}

pub async fn serve(
    _: Public,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let make = || async {
        let json = describe(&state)?.to_string();
        Ok::<_, Fault>(Prepared::of("application/json", json))
    };
    let mut response = state
        .web
        .openapi
        .get_or_try_init(make)
        .await?
        .respond(&request);
    for_everyone(response.headers_mut());
    Ok(response)
}
