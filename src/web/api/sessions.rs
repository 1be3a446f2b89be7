//! Sessions for programs: create, list and end them.

use actix_web::HttpRequest;
use actix_web::web::{Data, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Granted;
use super::answers::{Answer, Done, Made, Shown};
use super::credentials::Credentials;
use super::paging::{self, Asked, List, Page};
use super::schemas::{Time, Uuid};
use crate::base::clock::rfc3339;
use crate::base::ids::SessionId;
use crate::base::names::Password;
use crate::limits::Source;
use crate::sessions::{ClientKind, Cursor, EndReason, Identity, Listed, Persistence};
use crate::web::describe::{Call, Describe, Operation, Tag, schema};
use crate::web::path_id::Id;
use crate::web::problem::{NOT_FOUND, Problem, TOO_MANY_ATTEMPTS};
use crate::web::proof::{Public, Recent, SignedIn};
use crate::web::{State, client};

pub const TAG: Tag = Tag {
    name: "Sessions",
    description: "Signing in, and the sessions that this starts: each has an access token and a \
                  refresh token.",
};

pub const START: Call = Call {
    id: "signIn",
    tag: &TAG,
    summary: "Sign in",
    description: "With a body, or with `Authorization: Basic` and no body.",
    example: Some(|| json!({ "username": "ada", "password": "brine lamp heron forty-four" })),
    problems: &[TOO_MANY_ATTEMPTS],
};

pub async fn start(
    _: Public,
    request: HttpRequest,
    source: Source,
    state: Data<State>,
    Credentials(new): Credentials,
) -> Answer<Made<Granted>> {
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
    let proved = state.accounts.prove(&login, &password, &source).await?;
    let who = (ClientKind::Program, client);
    let started = state.sign_in.start_session(proved, who, stay, None);
    Ok(Made(Granted::of(&started.await?, state.clock.now())))
}

#[derive(Serialize, JsonSchema)]
pub struct Session {
    #[schemars(with = "Uuid")]
    id: String,
    /// Whether it is the session of this request.
    current: bool,
    device: Option<String>,
    address: String,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    last_seen_at: String,
    #[schemars(with = "Time")]
    ends_at: String,
}

impl Session {
    pub fn of(session: Listed, who: &Identity) -> Self {
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

pub const LIST: Call = Call {
    id: "listSessions",
    tag: &TAG,
    summary: "List your sessions",
    description: "The latest first.",
    example: None,
    problems: &[],
};

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Page>,
) -> Answer<Shown<List<Session>>> {
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    let (found, next) = state.sessions.list(who.account, after, limit).await?;
    let items = found.into_iter();
    let items = items.map(|session| Session::of(session, &who));
    Ok(paging::list(items, next))
}

pub const SHOW: Call = Call {
    id: "showSession",
    tag: &TAG,
    summary: "Show a session",
    description: "Sessions of other accounts are not found.",
    example: None,
    problems: &[],
};

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<SessionId>,
) -> Answer<Shown<Session>> {
    let found = find(&state, &who, id).await?;
    Ok(Shown(Session::of(found, &who)))
}

pub const END: Call = Call {
    id: "endSession",
    tag: &TAG,
    summary: "End a session",
    description: "Its tokens stop working at once. Sessions of other accounts are not found. To end \
                  the session of the access token, use `signOut`.",
    example: None,
    problems: &[],
};

pub async fn end(Recent(who): Recent, state: Data<State>, Id(id): Id<SessionId>) -> Answer<Done> {
    let found = find(&state, &who, id).await?;
    let why = if found.id == who.session {
        EndReason::SignedOut
    } else {
        EndReason::FromElsewhere
    };
    state.sessions.end(found.id, why).await?;
    Ok(Done)
}

pub const END_CURRENT: Call = Call {
    id: "signOut",
    tag: &TAG,
    summary: "Sign out",
    description: "Ends the session of the access token.",
    example: None,
    problems: &[],
};

pub async fn end_current(SignedIn(who): SignedIn, state: Data<State>) -> Answer<Done> {
    state
        .sessions
        .end(who.session, EndReason::SignedOut)
        .await?;
    Ok(Done)
}

schema!(inline Current, { "type": "string", "enum": ["current"] });

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// Signs out everywhere else.
    #[schemars(with = "Current")]
    except: Option<String>,
}

impl Describe for Result<Query<Except>, actix_web::Error> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<Except>();
    }
}

pub const END_ALL: Call = Call {
    id: "signOutEverywhere",
    tag: &TAG,
    summary: "Sign out everywhere",
    description: "Ends every session of your account, or with `except=current` every other one.",
    example: None,
    problems: &[],
};

pub async fn end_all(
    Recent(who): Recent,
    state: Data<State>,
    except: Result<Query<Except>, actix_web::Error>,
) -> Answer<Done> {
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
    Ok(Done)
}

/// Another account's session is answered as not found, like one that does not exist.
async fn find(state: &State, who: &Identity, id: SessionId) -> Result<Listed, Problem> {
    let found = state.sessions.find(who.account, id).await?;
    found.ok_or(NOT_FOUND)
}
