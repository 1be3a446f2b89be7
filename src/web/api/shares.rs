//! Links to files, for programs.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Answer, Created, Done, Shown};
use super::creation::Key;
use super::paging::{self, Asked, List, Page};
use super::schemas::{Time, Url, Uuid};
use super::{Json, accounts, files};
use crate::access::Action;
use crate::base::clock::rfc3339;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId, ShareId};
use crate::base::names::PASSWORD_MAX;
use crate::limits::{Budget, Source, Subject};
use crate::shares::{
    Cursor, DOWNLOADS_MAX, MINUTES_MAX, MINUTES_MIN, NewShare, PASSWORD_MIN, Share, Standing,
};
use crate::web::State;
use crate::web::describe::{Call, Describe, Operation, schema};
use crate::web::path_id::{self, Id};
use crate::web::problem::{
    BUSY, KEY_REUSED, NOT_FOUND, Problem, TOO_MANY, TOO_MANY_ATTEMPTS, TRIES,
};
use crate::web::proof::{SignedIn, may};

schema!(inline ShareState, {
    "type": "string",
    "enum": ([Standing::Open, Standing::UsedUp, Standing::Ended].map(Standing::as_str)),
});

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Share")]
pub struct ShareJson {
    #[schemars(with = "Uuid")]
    id: String,
    /// The address that opens the file. Only the answer that creates the link has it; it is `null`
    /// in the list.
    #[schemars(with = "Option<Url>")]
    url: Option<String>,
    /// The first characters of the token in the address, to recognize the link by. `null` for a
    /// link of an earlier version, which the list shows whole.
    begins: Option<String>,
    /// Whether the link has a password.
    password: bool,
    /// How many there were so far.
    downloads: i64,
    downloads_max: Option<i64>,
    #[schemars(with = "ShareState")]
    state: &'static str,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    ends_at: String,
    #[schemars(with = "Option<Time>")]
    last_used_at: Option<String>,
}

impl ShareJson {
    fn of(share: &Share, link: Option<&str>, state: &State) -> Self {
        Self {
            id: share.id.to_string(),
            url: link.map(|link| format!("{}{link}", state.base_url.as_str())),
            begins: share.begins.clone(),
            password: share.has_password(),
            downloads: share.downloads,
            downloads_max: share.downloads_max,
            state: share.standing(state.clock.now()).as_str(),
            created_at: rfc3339(share.created_at),
            ends_at: rfc3339(share.ends_at),
            last_used_at: share.last_used_at.map(rfc3339),
        }
    }
}

pub const LIST: Call = Call {
    id: "listShares",
    tag: &files::TAG,
    summary: "List the links to a file",
    description: "The latest first, with those of the last thirty days that have ended.",
    example: None,
    problems: &[],
};

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    Asked(which): Asked<Page>,
) -> Answer<Shown<List<ShareJson>>> {
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (shares, next) = state.shares.list(who.account, file, after, limit).await?;
    let shown = shares.iter().map(|share| {
        let link = state.shares.signed_link(share)?;
        Ok(ShareJson::of(share, link.as_deref(), &state))
    });
    let shown: Vec<_> = shown.collect::<Result<_, Fault>>()?;
    Ok(paging::list(shown.into_iter(), next))
}

schema!(inline SharePassword, {
    "type": "string", "format": "password",
    "minLength": PASSWORD_MIN, "maxLength": PASSWORD_MAX,
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewShare")]
pub struct NewLink {
    /// How long the link works.
    #[schemars(range(min = MINUTES_MIN, max = MINUTES_MAX))]
    minutes: i64,
    /// The link stops working after this many downloads.
    #[schemars(range(min = 1, max = DOWNLOADS_MAX))]
    downloads: Option<i64>,
    #[schemars(with = "Option<SharePassword>")]
    password: Option<String>,
}

pub const ADD: Call = Call {
    id: "addShare",
    tag: &files::TAG,
    summary: "Create a link to a file",
    description: "Everyone who has its address can download the file while the link works. The \
                  address is not stored and cannot be shown again. If the link has a password, it \
                  is sent as the password of Basic credentials.",
    example: Some(|| json!({ "minutes": 1440, "downloads": 3 })),
    problems: &[TOO_MANY, KEY_REUSED, TRIES, TOO_MANY_ATTEMPTS, BUSY],
};

pub async fn add(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    source: Source,
    key: Key,
    Json(new): Json<NewLink>,
) -> Answer<Created<ShareJson>> {
    let subject = Subject::Account(who.account);
    state.limits.take_one(Budget::Links, subject).await?;
    // Without the password: a fast hash of this is stored.
    let asked = (new.minutes, new.downloads, new.password.is_some());
    let once = key.once(format!("{asked:?}").as_bytes())?;
    let wanted = NewShare::parse(Some(new.minutes), new.downloads, new.password.as_deref());
    let made = state
        .shares
        .make(who.account, file, wanted?, once, &source)
        .await?;
    Ok(Created {
        at: format!("/api/files/{file}/shares/{}", made.share.id),
        what: ShareJson::of(&made.share, Some(&made.link), &state),
        replayed: made.replayed,
    })
}

/// The part `{share}` of the path.
pub struct Part(ShareId);

impl FromRequest for Part {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(path_id::read(request, "share").map(Self))
    }
}

impl Describe for Part {
    fn describe(operation: &mut Operation<'_>) {
        operation.part::<Uuid>("share", "The id of the link.");
    }
}

pub const DELETE: Call = Call {
    id: "deleteShare",
    tag: &files::TAG,
    summary: "Revoke a link to a file",
    description: "The link stops working at once.",
    example: None,
    problems: &[],
};

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    Part(share): Part,
) -> Answer<Done> {
    state.shares.revoke(who.account, file, share).await?;
    Ok(Done)
}

#[derive(Serialize, JsonSchema)]
pub struct OpenShares {
    /// Links that have not ended and are not used up.
    open: i64,
}

pub const COUNT: Call = Call {
    id: "countAccountShares",
    tag: &accounts::TAG,
    summary: "Count the open links to the files of an account",
    description: "Members count only their own. Links stay open when the password or the role \
                  changes, or the account is signed out everywhere. While the account is \
                  disabled, its links do not work; afterwards they work again.",
    example: None,
    problems: &[],
};

pub async fn count(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
) -> Answer<Shown<OpenShares>> {
    may(&who, Action::SeeAccount, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    let open = state.shares.count_open(id).await?;
    Ok(Shown(OpenShares { open }))
}

pub const REVOKE_ALL: Call = Call {
    id: "deleteAccountShares",
    tag: &accounts::TAG,
    summary: "Revoke all links to the files of an account",
    description: "Members revoke only their own. The files stay.",
    example: None,
    problems: &[],
};

pub async fn revoke_all(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
) -> Answer<Done> {
    may(&who, Action::RevokeLinks, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    state.shares.revoke_all(id).await?;
    Ok(Done)
}
