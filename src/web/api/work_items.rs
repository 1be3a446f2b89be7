//! Work items for programs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::creation::{New, created};
use super::paging::{self, Asked, Limit};
use super::preconditions::{IfMatch, IfNoneMatch, not_modified, tagged};
use super::{Answer, Json, json, named};
use crate::base::clock::rfc3339;
use crate::base::ids::ItemId;
use crate::web::State;
use crate::web::path_id::Id;
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;
use crate::work::{self, Change, Cursor, Item, Place, Refused, Status};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    status: Option<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    title: String,
    done: bool,
    created_at: String,
    updated_at: String,
}

impl Shown {
    fn of(item: Item) -> Self {
        Self {
            id: item.id.to_string(),
            title: item.title,
            done: item.done_at.is_some(),
            created_at: rfc3339(item.created_at),
            updated_at: rfc3339(item.updated_at),
        }
    }
}

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer {
    let status = match which.status.as_deref() {
        Some(text) => Some(Status::parse(text).ok_or(Problem::malformed(
            "status is open or done; without it, both are listed.",
        ))?),
        None => None,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (items, next) = state.work.list(who.account, status, after, limit).await?;
    paging::list(items.into_iter().map(Shown::of), next)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    title: String,
}

pub async fn add(SignedIn(who): SignedIn, state: Data<State>, new: New<NewItem>) -> Answer {
    let title = work::parse_title(&new.what.title)?;
    let added = state.work.add(who.account, title, new.once).await?;
    let version = added.item.version;
    let location = format!("/api/work-items/{}", added.item.id);
    let answer = created(&location, &Shown::of(added.item), added.replayed)?;
    Ok(tagged(answer, version))
}

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    seen: IfNoneMatch,
) -> Answer {
    let item = state.work.load(who.account, id).await?;
    if seen.has(item.version) {
        return Ok(not_modified(item.version));
    }
    one(item)
}

/// What is not named stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    title: Option<String>,
    #[serde(default, deserialize_with = "named")]
    done: Option<bool>,
    /// `null`: to the end.
    #[serde(default, deserialize_with = "named")]
    before: Option<Option<String>>,
}

pub async fn change(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer {
    let status = |done| if done { Status::Done } else { Status::Open };
    let place = match changes.before {
        Some(Some(id)) => Some(Place::Before(
            ItemId::parse(&id).ok_or(Refused::NoSuchPlace)?,
        )),
        Some(None) => Some(Place::End),
        None => None,
    };
    let title = changes.title.as_deref().map(work::parse_title);
    let change = Change {
        title: title.transpose()?,
        status: changes.done.map(status),
        place,
    };
    one(state.work.change(who.account, id, expected, change).await?)
}

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.work.delete(who.account, id, expected).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn one(item: Item) -> Answer {
    let version = item.version;
    Ok(tagged(json(StatusCode::OK, &Shown::of(item))?, version))
}
