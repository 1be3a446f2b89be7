//! How much of files an account has, and may have.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::{Answer, Json, json, named};
use crate::access::Action;
use crate::base::ids::AccountId;
use crate::files::{QuotaChange, Shelf};
use crate::web::State;
use crate::web::path_id::Id;
use crate::web::problem::NOT_FOUND;
use crate::web::proof::{Recent, SignedIn, may};

/// How much there is, and may be: of files, and of their bytes together.
#[derive(Serialize)]
struct Shown {
    files: i64,
    bytes: i64,
    files_max: i64,
    bytes_max: i64,
}

pub async fn show(SignedIn(who): SignedIn, state: Data<State>, Id(id): Id<AccountId>) -> Answer {
    may(&who, Action::SeeAccount, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    quota(&state, state.files.shelf(id).await?)
}

/// What is not named stays as it is; `null` is as the settings say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    files_max: Option<Option<i64>>,
    #[serde(default, deserialize_with = "named")]
    bytes_max: Option<Option<i64>>,
}

pub async fn change(
    Recent(who): Recent,
    state: Data<State>,
    Id(id): Id<AccountId>,
    Json(changes): Json<Changes>,
) -> Answer {
    may(&who, Action::GovernAccount, Some(id))?;
    let change = QuotaChange::parse(changes.files_max, changes.bytes_max)?;
    quota(&state, state.files.set_quota(id, change).await?)
}

fn quota(state: &State, shelf: Shelf) -> Answer {
    let settings = state.files.config();
    let quota = Shown {
        files: shelf.files,
        bytes: shelf.bytes,
        files_max: shelf.files_max(settings),
        bytes_max: shelf.bytes_max(settings),
    };
    json(StatusCode::OK, &quota)
}
