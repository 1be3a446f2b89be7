//! Tokens for programs.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::Deserialize;

use super::{Answer, Json, granted};
use crate::sessions::NotSignedIn;
use crate::web::State;
use crate::web::error::PageError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

pub async fn refresh(state: Data<State>, Json(sent): Json<Refresh>) -> Answer {
    match state.sessions.renew(&sent.refresh_token).await {
        Ok(grant) => granted(StatusCode::OK, &grant, state.clock.now()),
        Err(NotSignedIn::Fault(fault)) => Err(PageError::Unavailable(fault)),
        Err(refused) => Err(PageError::NotSignedIn(Some(refused.to_string()))),
    }
}
