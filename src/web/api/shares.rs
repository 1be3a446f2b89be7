//! The links that hand files on, for programs.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::creation::{created, once};
use super::paging::{self, Asked, Page};
use super::{Answer, Json, json};
use crate::access::Action;
use crate::base::clock::rfc3339;
use crate::base::ids::{AccountId, FileId};
use crate::shares::{Cursor, NewShare, Share};
use crate::web::State;
use crate::web::path_id::{self, Id};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::{SignedIn, may};

#[derive(Serialize)]
struct Shown {
    id: String,
    /// No longer works once the link has ended.
    url: String,
    password: bool,
    downloads: i64,
    downloads_max: Option<i64>,
    state: &'static str,
    created_at: String,
    ends_at: String,
    last_used_at: Option<String>,
}

impl Shown {
    fn of(share: &Share, state: &State) -> Result<Self, Problem> {
        Ok(Self {
            id: share.id.to_string(),
            url: format!("{}{}", state.base_url.as_str(), state.shares.link(share)?),
            password: share.has_password(),
            downloads: share.downloads,
            downloads_max: share.downloads_max,
            state: share.standing(state.clock.now()).as_str(),
            created_at: rfc3339(share.created_at),
            ends_at: rfc3339(share.ends_at),
            last_used_at: share.last_used_at.map(rfc3339),
        })
    }
}

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    Asked(which): Asked<Page>,
) -> Answer {
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (shares, next) = state.shares.list(who.account, file, after, limit).await?;
    let shown = shares.iter().map(|share| Shown::of(share, &state));
    let shown: Vec<_> = shown.collect::<Result<_, _>>()?;
    paging::list(shown.into_iter(), next)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    minutes: i64,
    downloads: Option<i64>,
    password: Option<String>,
}

pub async fn add(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    request: HttpRequest,
    Json(new): Json<NewLink>,
) -> Answer {
    // Without the password: a fast hash of this is stored.
    let asked = (new.minutes, new.downloads, new.password.is_some());
    let once = once(&request, format!("{asked:?}").as_bytes())?;
    let wanted = NewShare::parse(Some(new.minutes), new.downloads, new.password.as_deref());
    let made = state.shares.make(who.account, file, wanted?, once).await?;
    let (share, replayed) = made;
    let location = format!("/api/files/{file}/shares/{}", share.id);
    created(&location, &Shown::of(&share, &state)?, replayed)
}

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(file): Id<FileId>,
    request: HttpRequest,
) -> Answer {
    let share = path_id::read(&request, "share")?;
    state.shares.revoke(who.account, file, share).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize)]
struct Count {
    open: i64,
}

/// How many links of an account are open, whatever its sessions and its state.
pub async fn count(SignedIn(who): SignedIn, state: Data<State>, Id(id): Id<AccountId>) -> Answer {
    may(&who, Action::SeeAccount, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    let open = state.shares.count_open(id).await?;
    json(StatusCode::OK, &Count { open })
}

pub async fn revoke_all(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
) -> Answer {
    may(&who, Action::RevokeLinks, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    state.shares.revoke_all(id).await?;
    Ok(HttpResponse::NoContent().finish())
}
