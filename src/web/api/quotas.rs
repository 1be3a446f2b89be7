//! The usage and quota of an account's files.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::accounts::TAG;
use super::answers::{Answer, Shown};
use super::{Json, named};
use crate::access::Action;
use crate::base::ids::AccountId;
use crate::files::{BYTES_QUOTA_MAX, FILES_QUOTA_MAX, QuotaChange, Usage};
use crate::web::State;
use crate::web::describe::Call;
use crate::web::path_id::Id;
use crate::web::problem::{FORBIDDEN, NOT_FOUND};
use crate::web::proof::{Recent, SignedIn, may};

/// How many files, and how many bytes in all of them, an account has and may have.
#[derive(Serialize, JsonSchema)]
pub struct Quota {
    files: i64,
    bytes: i64,
    files_max: i64,
    bytes_max: i64,
}

pub const SHOW: Call = Call {
    id: "showQuota",
    tag: &TAG,
    summary: "Show the quota of an account",
    description: "How many files and bytes the account has, and may have. Members see only their \
                  own.",
    example: None,
    problems: &[],
};

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
) -> Answer<Shown<Quota>> {
    may(&who, Action::SeeAccount, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    Ok(quota(&state, state.files.usage(id).await?))
}

/// A field that is left out is not changed; `null` sets the default of the settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewQuota")]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    #[schemars(range(min = 0, max = FILES_QUOTA_MAX))]
    files_max: Option<Option<i64>>,
    #[serde(default, deserialize_with = "named")]
    #[schemars(range(min = 0, max = BYTES_QUOTA_MAX))]
    bytes_max: Option<Option<i64>>,
}

pub const CHANGE: Call = Call {
    id: "setQuota",
    tag: &TAG,
    summary: "Set the quota of an account",
    description: "For administrators. Files that the account has already stay, whatever the quota.",
    example: Some(|| json!({ "bytes_max": 50_000_000_000_u64 })),
    problems: &[FORBIDDEN],
};

pub async fn change(
    Recent(who): Recent,
    state: Data<State>,
    Id(id): Id<AccountId>,
    Json(changes): Json<Changes>,
) -> Answer<Shown<Quota>> {
    may(&who, Action::GovernAccount, Some(id))?;
    let change = QuotaChange::parse(changes.files_max, changes.bytes_max)?;
    Ok(quota(&state, state.files.set_quota(id, change).await?))
}

fn quota(state: &State, shelf: Usage) -> Shown<Quota> {
    let settings = state.files.config();
    Shown(Quota {
        files: shelf.files,
        bytes: shelf.bytes,
        files_max: shelf.files_max(settings),
        bytes_max: shelf.bytes_max(settings),
    })
}
