//! Links that show a page to anyone who has them.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::{Answer, Json, json};
use crate::sessions::LinkOrigin;
use crate::web::State;
use crate::web::problem::Problem;
use crate::web::proof::Recent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The page that it shows.
    path: String,
}

#[derive(Serialize)]
struct Made {
    url: String,
    expires_in: i64,
}

pub async fn make(Recent(who): Recent, state: Data<State>, Json(new): Json<NewLink>) -> Answer {
    let mut routes = state.web.routes.iter();
    if !routes.any(|route| route.takes_links_at(&new.path)) {
        let words = "A link cannot open this path.".to_owned();
        return Err(Problem::fields(vec![("path".to_owned(), words)]));
    }
    let made = state
        .sessions
        .issue_link(LinkOrigin::Session(&who), &new.path);
    let (token, link) = made.await?;
    let made = Made {
        url: format!("{}{}?token={token}", state.base_url.as_str(), new.path),
        expires_in: link.exp - link.iat,
    };
    json(StatusCode::CREATED, &made)
}
