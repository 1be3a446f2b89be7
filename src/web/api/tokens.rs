//! Tokens for programs.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::{Answer, Json, granted, json};
use crate::sessions::NotSignedIn;
use crate::tokens::AccessClaims;
use crate::web::State;
use crate::web::forms::Form;
use crate::web::problem::Problem;
use crate::web::proof::Public;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

pub async fn refresh(_: Public, state: Data<State>, Json(sent): Json<Refresh>) -> Answer {
    match state.sessions.renew(&sent.refresh_token).await {
        Ok(grant) => granted(StatusCode::OK, &grant, state.clock.now()),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
        Err(refused) => Err(Problem::invalid_token(refused)),
    }
}

/// RFC 7662, section 2.2.
#[derive(Serialize)]
struct Introspected<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(flatten)]
    claims: Option<&'a AccessClaims>,
}

/// Whether an access token would open anything now. Nobody has to sign in for it: who shows the
/// token could use it as well, and is told no more than that would.
pub async fn introspect(_: Public, state: Data<State>, sent: Form) -> Answer {
    let token = sent.find("token");
    let token = token.ok_or_else(|| Problem::field("token", "is missing"))?;
    let identity = match state.sessions.identify(token).await {
        Ok(identity) => Some(identity),
        Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => None,
        Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
    };
    json(
        StatusCode::OK,
        &Introspected {
            active: identity.is_some(),
            token_type: identity.is_some().then_some("Bearer"),
            claims: identity.as_ref().map(|identity| &identity.claims),
        },
    )
}
