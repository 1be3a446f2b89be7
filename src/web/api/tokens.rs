//! Tokens for programs.

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Answer, Shown};
use super::schemas::{self, Bearer, Uuid};
use super::{Granted, Json};
use crate::base::clock::UnixSeconds;
use crate::limits::{Budget, Source};
use crate::sessions::NotSignedIn;
use crate::tokens::AccessClaims;
use crate::web::State;
use crate::web::describe::{Call, Describe, Operation, Tag, schema};
use crate::web::forms::{FORM, Form};
use crate::web::problem::{NOT_SIGNED_IN, Problem, TOO_MANY_ATTEMPTS};
use crate::web::proof::Public;

pub const TAG: Tag = Tag {
    name: "Tokens",
    description: "Refreshing and checking tokens, and links that show a page.",
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

pub const REFRESH: Call = Call {
    id: "refresh",
    tag: &TAG,
    summary: "Get new tokens for a refresh token",
    description: "A refresh token is for one use: the answer has the next one.",
    example: Some(|| json!({ "refresh_token": "…" })),
    problems: &[NOT_SIGNED_IN, TOO_MANY_ATTEMPTS],
};

pub async fn refresh(
    _: Public,
    state: Data<State>,
    source: Source,
    Json(sent): Json<Refresh>,
) -> Answer<Shown<Granted>> {
    state
        .limits
        .take_one(Budget::Refresh, source.subject())
        .await?;
    match state.sessions.renew(&sent.refresh_token).await {
        Ok(grant) => Ok(Shown(Granted::of(&grant, state.clock.now()))),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
        Err(refused) => Err(Problem::invalid_token(refused)),
    }
}

schema!(Introspect, {
    "type": "object",
    "required": ["token"],
    "properties": {
        "token": { "type": "string" },
        "token_type_hint": { "type": "string", "description": "Ignored, as other fields are." },
    },
    "additionalProperties": true,
});

/// RFC 7662, section 2.1.
pub struct Token(String);

impl FromRequest for Token {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = Form::from_request(request, payload);
        Box::pin(async move {
            let form = form.await?;
            let token = form.find("token").map(str::to_owned);
            let token = token.ok_or_else(|| Problem::field("token", "is missing"))?;
            Ok(Self(token))
        })
    }
}

impl Describe for Token {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<Introspect>(&[FORM], true);
    }
}

/// RFC 7662, section 2.2. Only `active` when it is false; otherwise the claims of the token.
#[derive(Default, Serialize, JsonSchema)]
pub struct Introspected {
    active: bool,
    #[serde(flatten)]
    claims: Option<Claims>,
}

#[derive(Serialize, JsonSchema)]
pub struct Claims {
    #[schemars(with = "Bearer")]
    token_type: &'static str,
    iss: String,
    aud: String,
    /// The account.
    #[schemars(with = "Uuid")]
    sub: String,
    /// The session.
    #[schemars(with = "Uuid")]
    sid: String,
    #[schemars(with = "Uuid")]
    jti: String,
    iat: UnixSeconds,
    nbf: UnixSeconds,
    exp: UnixSeconds,
    /// When the person last proved who they are.
    auth_time: UnixSeconds,
    /// By what (RFC 8176).
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    email: Option<String>,
    /// Whether the owner has shown that they receive mail at `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    email_verified: Option<bool>,
    #[schemars(with = "Vec<schemas::Role>")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schemas::Group>")]
    groups: Vec<String>,
}

impl From<&AccessClaims> for Claims {
    fn from(claims: &AccessClaims) -> Self {
        let AccessClaims {
            iss,
            aud,
            sub,
            sid,
            jti,
            iat,
            nbf,
            exp,
            auth_time,
            amr,
            username,
            name,
            email,
            email_verified,
            roles,
            groups,
        } = claims.clone();
        Self {
            token_type: "Bearer",
            iss,
            aud,
            sub,
            sid,
            jti,
            iat,
            nbf,
            exp,
            auth_time,
            amr,
            username,
            name,
            email,
            email_verified,
            roles,
            groups,
        }
    }
}

pub const INTROSPECT: Call = Call {
    id: "introspect",
    tag: &TAG,
    summary: "Check whether an access token is valid",
    description: "RFC 7662. An access token is active while its session is. No sign-in is \
                  required: a client that has the token could use it as well.",
    example: Some(|| json!({ "token": "…" })),
    problems: &[TOO_MANY_ATTEMPTS],
};

pub async fn introspect(
    _: Public,
    state: Data<State>,
    source: Source,
    Token(token): Token,
) -> Answer<Shown<Introspected>> {
    state
        .limits
        .take_one(Budget::Introspect, source.subject())
        .await?;
    match state.sessions.identify(&token).await {
        Ok(identity) => Ok(Shown(Introspected {
            active: true,
            claims: Some(Claims::from(&identity.claims)),
        })),
        Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Ok(Shown(Introspected::default())),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
    }
}
