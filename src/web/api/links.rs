//! Links that show a page to anyone who has them.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Json;
use super::answers::{Answer, Made};
use super::schemas::Url;
use super::tokens::TAG;
use crate::limits::{Budget, Subject};
use crate::sessions::LinkOrigin;
use crate::web::State;
use crate::web::describe::Call;
use crate::web::problem::{Problem, TOO_MANY_ATTEMPTS};
use crate::web::proof::Recent;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// A page that links can show, such as `/dashboard`.
    path: String,
}

#[derive(Serialize, JsonSchema)]
pub struct Link {
    #[schemars(with = "Url")]
    url: String,
    /// In seconds.
    expires_in: i64,
}

pub const MAKE: Call = Call {
    id: "makeLink",
    tag: &TAG,
    summary: "Create a link that shows a page",
    description: "For 150 seconds, the link shows the page to everyone who opens it.",
    example: Some(|| json!({ "path": "/dashboard" })),
    problems: &[TOO_MANY_ATTEMPTS],
};

pub async fn make(
    Recent(who): Recent,
    state: Data<State>,
    Json(new): Json<NewLink>,
) -> Answer<Made<Link>> {
    let subject = Subject::Account(who.account);
    state.limits.take_one(Budget::Links, subject).await?;
    let mut routes = state.web.routes.iter();
    if !routes.any(|route| route.takes_links_at(&new.path)) {
        let words = "A link cannot open this path.".to_owned();
        return Err(Problem::fields(vec![("path".to_owned(), words)]));
    }
    let made = state
        .sessions
        .issue_link(LinkOrigin::Session(&who), &new.path);
    let (token, link) = made.await?;
    Ok(Made(Link {
        url: format!("{}{}?token={token}", state.base_url.as_str(), new.path),
        expires_in: link.exp - link.iat,
    }))
}
