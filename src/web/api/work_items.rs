//! Work items for programs.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Answer, Created, Done, Shown, Tagged};
use super::creation::New;
use super::paging::{self, Asked, Limit, List};
use super::preconditions::{IfMatch, IfNoneMatch};
use super::schemas::{self, Time, Uuid};
use super::{Json, named};
use crate::base::clock::rfc3339;
use crate::base::ids::ItemId;
use crate::web::State;
use crate::web::describe::{Call, Tag, schema};
use crate::web::path_id::Id;
use crate::web::problem::{KEY_REUSED, NOT_FOUND, Problem, TOO_MANY};
use crate::web::proof::SignedIn;
use crate::work::{self, Change, Cursor, Item, Place, Refused, Status};

pub const TAG: Tag = Tag {
    name: "Work items",
    description: "Your personal list. Items of other accounts are not found, not even \
                  by administrators.",
};

schema!(inline ItemStatus, {
    "type": "string", "enum": ([Status::Open, Status::Done].map(Status::as_str)),
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Only items of this status.
    #[schemars(with = "ItemStatus")]
    status: Option<String>,
    /// The most items of the page.
    #[serde(default)]
    limit: Limit,
    /// The value of `next` of the page before.
    after: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct WorkItem {
    #[schemars(with = "Uuid")]
    id: String,
    #[schemars(with = "schemas::Title")]
    title: String,
    done: bool,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    updated_at: String,
}

impl WorkItem {
    pub fn of(item: Item) -> Self {
        Self {
            id: item.id.to_string(),
            title: item.title,
            done: item.done_at.is_some(),
            created_at: rfc3339(item.created_at),
            updated_at: rfc3339(item.updated_at),
        }
    }
}

pub const LIST: Call = Call {
    id: "listWorkItems",
    tag: &TAG,
    summary: "List your work items",
    description: "In the order that you chose.",
    example: None,
    problems: &[],
};

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer<Shown<List<WorkItem>>> {
    let status = match which.status.as_deref() {
        Some(text) => Some(Status::parse(text).ok_or(Problem::malformed(
            "status is open or done; without it, both are listed.",
        ))?),
        None => None,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (items, next) = state.work.list(who.account, status, after, limit).await?;
    Ok(paging::list(items.into_iter().map(WorkItem::of), next))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkItem {
    #[schemars(with = "schemas::Title")]
    title: String,
}

pub const ADD: Call = Call {
    id: "addWorkItem",
    tag: &TAG,
    summary: "Add a work item",
    description: "At the end of the list. An account has at most 1,000 work items.",
    example: Some(|| json!({ "title": "Cut the hedge" })),
    problems: &[NOT_FOUND, TOO_MANY, KEY_REUSED],
};

pub async fn add(
    SignedIn(who): SignedIn,
    state: Data<State>,
    new: New<NewWorkItem>,
) -> Answer<Tagged<Created<WorkItem>>> {
    let title = work::parse_title(&new.what.title)?;
    let added = state.work.add(who.account, title, new.once).await?;
    let version = added.item.version;
    let created = Created {
        at: format!("/api/work-items/{}", added.item.id),
        what: WorkItem::of(added.item),
        replayed: added.replayed,
    };
    Ok(Tagged::new(version, created))
}

pub const SHOW: Call = Call {
    id: "showWorkItem",
    tag: &TAG,
    summary: "Show a work item",
    description: "Its place in the list is not a part of it.",
    example: None,
    problems: &[],
};

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    seen: IfNoneMatch,
) -> Answer<Tagged<Shown<WorkItem>>> {
    let item = state.work.load(who.account, id).await?;
    Ok(seen.unless(one(item)))
}

/// A field that is left out is not changed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkItemChanges")]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "schemas::Title")]
    title: Option<String>,
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "bool")]
    done: Option<bool>,
    /// The id of the item before which it is moved; null moves it to the end.
    #[serde(default, deserialize_with = "named")]
    before: Option<Option<String>>,
}

pub const CHANGE: Call = Call {
    id: "changeWorkItem",
    tag: &TAG,
    summary: "Change or move a work item",
    description: "Moving it changes neither `updated_at` nor the version.",
    example: Some(|| json!({ "done": true })),
    problems: &[],
};

pub async fn change(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer<Tagged<Shown<WorkItem>>> {
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
    let changed = state.work.change(who.account, id, expected, change);
    Ok(one(changed.await?))
}

pub const DELETE: Call = Call {
    id: "deleteWorkItem",
    tag: &TAG,
    summary: "Delete a work item",
    description: "It cannot be restored.",
    example: None,
    problems: &[],
};

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<ItemId>,
    IfMatch(expected): IfMatch,
) -> Answer<Done> {
    state.work.delete(who.account, id, expected).await?;
    Ok(Done)
}

fn one(item: Item) -> Tagged<Shown<WorkItem>> {
    Tagged::new(item.version, Shown(WorkItem::of(item)))
}
