//! Accounts for programs: signing up, one's own, and for administrators everybody's.
//!
//! Who may do what is decided in `access`: a member's own account is at its id as well, and
//! everybody else's is not found.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::creation::{created, once};
use super::paging::{self, Asked, Limit};
use super::preconditions::{IfMatch, IfNoneMatch, not_modified, tagged};
use super::{Answer, Json, json, named};
use crate::access::{Action, Role};
use crate::accounts::{self, Account, Cursor, Search, SentChanges, SentNames};
use crate::base::clock::rfc3339;
use crate::base::ids::AccountId;
use crate::base::names::Groups;
use crate::base::version::Expected;
use crate::config::SignupMode;
use crate::sign_in::SignedUp;
use crate::web::State;
use crate::web::path_id::Id;
use crate::web::problem::{NOT_FOUND, Problem, SIGN_UP_CLOSED};
use crate::web::proof::{Public, Recent, SignedIn, may};

#[derive(Serialize)]
struct Shown {
    id: String,
    username: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: &'static str,
    groups: Vec<String>,
    state: &'static str,
    created_at: String,
}

impl Shown {
    fn of(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username,
            email: account.email,
            name: account.name,
            role: account.role.as_str(),
            groups: account.groups.names().to_vec(),
            state: account.state.as_str(),
            created_at: rfc3339(account.created_at),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    username: String,
    email: String,
    name: Option<String>,
    password: String,
}

/// Creates an account without a session: signing in starts one.
pub async fn sign_up(
    _: Public,
    state: Data<State>,
    request: HttpRequest,
    Json(new): Json<NewAccount>,
) -> Answer {
    if state.config.signup.mode == SignupMode::Closed {
        return Err(SIGN_UP_CLOSED);
    }
    // All but the password, because a fast hash of this is stored.
    let asked = serde_json::json!([new.username, new.email, new.name]).to_string();
    let once = once(&request, asked.as_bytes())?;
    let names = SentNames {
        username: Some(&new.username),
        email: Some(&new.email),
        name: new.name.as_deref(),
    };
    let min_length = state.config.passwords.min_length;
    let new = accounts::NewAccount::parse(names, &new.password, min_length)?;
    let SignedUp { account, replayed } = state.sign_in.sign_up_once(new, once).await?;
    let (location, version) = (path(account.id), account.version);
    let answer = created(&location, &Shown::of(account), replayed)?;
    Ok(tagged(answer, version))
}

pub async fn show_own(SignedIn(who): SignedIn, state: Data<State>, seen: IfNoneMatch) -> Answer {
    shown(&state, who.account, &seen).await
}

/// By what an account is called; `null` takes it away, and what is not named stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    #[serde(default, deserialize_with = "named")]
    username: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    name: Option<Option<String>>,
}

pub async fn rename_own(
    Recent(who): Recent,
    state: Data<State>,
    IfMatch(expected): IfMatch,
    Json(names): Json<Names>,
) -> Answer {
    let changes = Changes {
        username: names.username,
        email: names.email,
        name: names.name,
        ..Changes::default()
    };
    changed(&state, who.role, who.account, changes, expected).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    #[serde(default)]
    q: String,
    role: Option<String>,
    state: Option<String>,
    group: Option<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer {
    may(&who, Action::ListAccounts, None)?;
    let search = Search {
        text: which.q.trim().to_owned(),
        role: known(which.role, Role::parse, "role is member or administrator.")?,
        state: known(
            which.state,
            accounts::State::parse,
            "state is active or disabled.",
        )?,
        group: known(which.group, Groups::name, "group is the name of one group.")?,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (found, next) = state.accounts.search(search, after, limit).await?;
    paging::list(found.into_iter().map(Shown::of), next)
}

fn known<T>(
    asked: Option<String>,
    parse: impl FnOnce(&str) -> Option<T>,
    words: &'static str,
) -> Result<Option<T>, Problem> {
    asked
        .map(|text| parse(&text).ok_or(Problem::malformed(words)))
        .transpose()
}

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
    seen: IfNoneMatch,
) -> Answer {
    may(&who, Action::SeeAccount, Some(id))?;
    shown(&state, id, &seen).await
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changes {
    #[serde(deserialize_with = "named")]
    username: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    name: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    role: Option<String>,
    #[serde(deserialize_with = "named")]
    groups: Option<Vec<String>>,
    #[serde(deserialize_with = "named")]
    state: Option<String>,
}

pub async fn change(
    Recent(who): Recent,
    state: Data<State>,
    Id(id): Id<AccountId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer {
    // First, since it hides what is not to be seen.
    may(&who, Action::RenameAccount, Some(id))?;
    if changes.role.is_some() || changes.groups.is_some() || changes.state.is_some() {
        may(&who, Action::GovernAccount, Some(id))?;
    }
    changed(&state, who.role, id, changes, expected).await
}

pub async fn delete(
    Recent(who): Recent,
    state: Data<State>,
    Id(id): Id<AccountId>,
    IfMatch(expected): IfMatch,
) -> Answer {
    may(&who, Action::DeleteAccount, Some(id))?;
    state.administration.delete(id, expected).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn shown(state: &State, id: AccountId, seen: &IfNoneMatch) -> Answer {
    let account = state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    if seen.has(account.version) {
        return Ok(not_modified(account.version));
    }
    one(account)
}

async fn changed(
    state: &State,
    role: Role,
    id: AccountId,
    sent: Changes,
    expected: Expected,
) -> Answer {
    fn text(sent: &Option<Option<String>>) -> Option<Option<&str>> {
        sent.as_ref().map(Option::as_deref)
    }
    let account = state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    let changes = SentChanges {
        username: text(&sent.username),
        email: text(&sent.email),
        name: text(&sent.name),
        role: sent.role.as_deref(),
        groups: sent.groups,
        state: sent.state.as_deref(),
    };
    let changes = accounts::Changes::parse(changes, &account)?;
    let administration = &state.administration;
    one(administration
        .update_as(role, id, changes, expected)
        .await?)
}

fn one(account: Account) -> Answer {
    let version = account.version;
    Ok(tagged(json(StatusCode::OK, &Shown::of(account))?, version))
}

fn path(id: AccountId) -> String {
    format!("/api/accounts/{id}")
}
