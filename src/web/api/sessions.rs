//! Sessions for programs: a thing that is made, listed and ended.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use super::paging::{self, Asked, Page};
use super::{Answer, granted, json};
use crate::base::clock::rfc3339;
use crate::base::ids::SessionId;
use crate::base::names::Password;
use crate::sessions::{ClientKind, Cursor, EndReason, Identity, Listed, Persistence};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::{Public, SignedIn};
use crate::web::{State, client};

pub async fn start(
    _: Public,
    request: HttpRequest,
    state: Data<State>,
    Credentials(new): Credentials,
) -> Answer {
    let ((Some(login), None) | (None, Some(login))) = (new.username, new.email) else {
        let words = "Send either username or email.";
        return Err(Problem::field("username", words));
    };
    let stay = if new.stay {
        Persistence::Remembered
    } else {
        Persistence::ThisVisit
    };
    let (client, password) = (client::of(&request, &state), Password::typed(&new.password));
    let proved = state.accounts.prove(&login, &password).await?;
    let who = (ClientKind::Program, client);
    let started = state.sign_in.start_session(proved, who, stay, None);
    granted(StatusCode::CREATED, &started.await?, state.clock.now())
}

#[derive(Serialize)]
struct Item {
    id: String,
    current: bool,
    device: Option<String>,
    address: String,
    created_at: String,
    last_seen_at: String,
    ends_at: String,
}

impl Item {
    fn of(session: Listed, who: &Identity) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == who.session,
            device: session.client.device(),
            address: session.client.address,
            created_at: rfc3339(session.created_at),
            last_seen_at: rfc3339(session.last_seen_at),
            ends_at: rfc3339(session.ends_at),
        }
    }
}

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Page>,
) -> Answer {
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (found, next) = state.sessions.list(who.account, after, limit).await?;
    let items = found.into_iter().map(|session| Item::of(session, &who));
    paging::list(items, next)
}

pub async fn show(SignedIn(who): SignedIn, state: Data<State>, id: Path<String>) -> Answer {
    let found = find(&state, &who, &id).await?;
    json(StatusCode::OK, &Item::of(found, &who))
}

pub async fn end(SignedIn(who): SignedIn, state: Data<State>, id: Path<String>) -> Answer {
    let found = find(&state, &who, &id).await?;
    let why = if found.id == who.session {
        EndReason::SignedOut
    } else {
        EndReason::FromElsewhere
    };
    state.sessions.end(found.id, why).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub async fn end_current(SignedIn(who): SignedIn, state: Data<State>) -> Answer {
    state
        .sessions
        .end(who.session, EndReason::SignedOut)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Except {
    except: Option<String>,
}

/// Signs out everywhere, or with `except=current` everywhere else.
pub async fn end_all(
    SignedIn(who): SignedIn,
    state: Data<State>,
    except: Result<Query<Except>, actix_web::Error>,
) -> Answer {
    let keep = match except.map(Query::into_inner) {
        Ok(Except { except: None }) => None,
        Ok(Except { except: Some(word) }) if word == "current" => Some(who.session),
        _ => {
            return Err(Problem::malformed(
                "The only accepted value is except=current.",
            ));
        }
    };
    state
        .sessions
        .end_all(who.account, keep, EndReason::FromElsewhere)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Another account's session is not found, like one that does not exist.
async fn find(state: &State, who: &Identity, id: &str) -> Result<Listed, Problem> {
    let id = SessionId::parse(id).ok_or(NOT_FOUND)?;
    let found = state.sessions.find(who.account, id).await?;
    found.ok_or(NOT_FOUND)
}
