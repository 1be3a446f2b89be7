//! Accounts for programs: sign-up, the sender's own account, and all accounts for administrators.
//!
//! `access` decides who may do what: a member's own account is also at its id, and all other
//! accounts are answered as not found.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Accepted, Answer, Created, Done, Either, Shown, Tagged};
use super::creation::Key;
use super::paging::{self, Asked, Limit, List};
use super::preconditions::{IfMatch, IfNoneMatch};
use super::schemas::{self, Time, Uuid};
use super::{Json, named};
use crate::access::{Action, Role};
use crate::accounts::{self, Account, AccountState, Cursor, Search, SentChanges, SentNames};
use crate::base::clock::rfc3339;
use crate::base::ids::AccountId;
use crate::base::names::{GROUPS_MAX, Groups};
use crate::base::version::ExpectedVersion;
use crate::limits::{Budget, Source, Subject};
use crate::sessions::Identity;
use crate::sign_in::SignedUp;
use crate::web::State;
use crate::web::describe::{Call, Tag};
use crate::web::path_id::Id;
use crate::web::problem::{
    BUSY, FORBIDDEN, INVITATION_REQUIRED, LAST_ADMINISTRATOR, NOT_FOUND, Problem, SEARCH_TOO_SLOW,
    SIGN_UP_CLOSED, TAKEN, TOO_MANY_ATTEMPTS, sign_up_is_open,
};
use crate::web::proof::{Public, Recent, SignedIn, may};

pub const TAG: Tag = Tag {
    name: "Accounts",
    description: "Accounts. Members see and change their own; administrators see and change all.",
};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub struct AccountJson {
    #[schemars(with = "Uuid")]
    id: String,
    #[schemars(with = "Option<schemas::Username>")]
    username: Option<String>,
    #[schemars(with = "Option<schemas::Email>")]
    email: Option<String>,
    /// Whether the owner has shown that they receive mail at `email`.
    email_verified: bool,
    #[schemars(with = "Option<schemas::Name>")]
    name: Option<String>,
    #[schemars(with = "schemas::Role")]
    role: &'static str,
    #[schemars(with = "Vec<schemas::Group>", length(max = GROUPS_MAX))]
    groups: Vec<String>,
    #[schemars(with = "schemas::AccountState")]
    state: &'static str,
    #[schemars(with = "Time")]
    created_at: String,
}

impl AccountJson {
    pub fn of(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username,
            email: account.email,
            email_verified: account.email_verified_at.is_some(),
            name: account.name,
            role: account.role.as_str(),
            groups: account.groups.names().to_vec(),
            state: account.state.as_str(),
            created_at: rfc3339(account.created_at),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    #[schemars(with = "schemas::Username")]
    username: String,
    #[schemars(with = "schemas::Email")]
    email: String,
    #[schemars(with = "Option<schemas::Name>")]
    name: Option<String>,
    #[schemars(with = "schemas::NewPassword")]
    password: String,
}

/// A sign-up that waits until its address is confirmed.
#[derive(Serialize, JsonSchema)]
pub struct SignUpAccepted {
    status: SignUpStatus,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SignUpStatus {
    VerificationSent,
}

pub const SIGN_UP: Call = Call {
    id: "signUp",
    tag: &TAG,
    summary: "Create an account",
    description: "Starts no session: sign in with it. The same request with the same \
                  `Idempotency-Key` and the password of the account is answered with the account. \
                  With `signup.verify_email`, the answer is 202, whether the names are free or not: \
                  a message goes to the address, and its link creates the account.",
    example: Some(|| {
        json!({
            "username": "ada",
            "email": "ada@example.com",
            "password": "brine lamp heron forty-four",
        })
    }),
    problems: &[
        SIGN_UP_CLOSED,
        INVITATION_REQUIRED,
        TAKEN,
        TOO_MANY_ATTEMPTS,
        BUSY,
    ],
};

pub async fn sign_up(
    _: Public,
    state: Data<State>,
    source: Source,
    key: Key,
    Json(new): Json<NewAccount>,
) -> Answer<Either<Tagged<Created<AccountJson>>, Accepted<SignUpAccepted>>> {
    sign_up_is_open(state.config.signup.mode)?;
    // All but the password, because a fast hash of this is stored.
    let asked = json!([new.username, new.email, new.name]).to_string();
    let once = key.once(asked.as_bytes())?;
    let names = SentNames {
        username: Some(&new.username),
        email: Some(&new.email),
        name: new.name.as_deref(),
    };
    let min_length = state.config.passwords.min_length;
    let new = accounts::NewAccount::parse(names, &new.password, min_length)?;
    if state.config.signup.verify_email {
        state.recovery.ask_to_sign_up(new, &source, None).await?;
        return Ok(Either::Second(Accepted(SignUpAccepted {
            status: SignUpStatus::VerificationSent,
        })));
    }
    let SignedUp { account, replayed } = state.sign_in.sign_up_once(&source, new, once).await?;
    let version = account.version;
    let created = Created {
        at: format!("/api/accounts/{}", account.id),
        what: AccountJson::of(account),
        replayed,
    };
    Ok(Either::First(Tagged::new(version, created)))
}

pub const SHOW_OWN: Call = Call {
    id: "showOwnAccount",
    tag: &TAG,
    summary: "Show your account",
    description: "The account of the access token.",
    example: None,
    problems: &[NOT_FOUND],
};

pub async fn show_own(
    SignedIn(who): SignedIn,
    state: Data<State>,
    seen: IfNoneMatch,
) -> Answer<Tagged<Shown<AccountJson>>> {
    Ok(seen.unless(find(&state, who.account).await?))
}

/// A field that is left out is not changed; `null` removes it, but not both username and email.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Names {
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Username>")]
    username: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Email>")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Name>")]
    name: Option<Option<String>>,
}

pub const RENAME_OWN: Call = Call {
    id: "renameOwnAccount",
    tag: &TAG,
    summary: "Change your username, email address or name",
    description: "Sessions stay; the next access token has the new names. With \
                  `signup.verify_email`, a new email address gets a link, and takes effect when its \
                  owner opens the link; until then the answer has the old one.",
    example: Some(|| json!({ "name": "Ada Lovelace" })),
    problems: &[NOT_FOUND, TAKEN, TOO_MANY_ATTEMPTS, BUSY],
};

pub async fn rename_own(
    Recent(who): Recent,
    state: Data<State>,
    source: Source,
    IfMatch(expected): IfMatch,
    Json(names): Json<Names>,
) -> Answer<Tagged<Shown<AccountJson>>> {
    let changes = Changes {
        username: names.username,
        email: names.email,
        name: names.name,
        ..Changes::default()
    };
    changed(&state, (&who, &source), who.account, changes, expected).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// A part of a username or an email address.
    q: Option<String>,
    /// Only accounts with this role.
    #[schemars(with = "schemas::Role")]
    role: Option<String>,
    /// Only accounts in this state.
    #[schemars(with = "schemas::AccountState")]
    state: Option<String>,
    /// Only accounts in this group.
    group: Option<String>,
    /// The most items of the page.
    #[serde(default)]
    limit: Limit,
    /// The value of `next` of the page before.
    after: Option<String>,
}

pub const LIST: Call = Call {
    id: "listAccounts",
    tag: &TAG,
    summary: "List accounts",
    description: "The oldest first. For administrators.",
    example: None,
    problems: &[FORBIDDEN, TOO_MANY_ATTEMPTS, SEARCH_TOO_SLOW],
};

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer<Shown<List<AccountJson>>> {
    may(&who, Action::ListAccounts, None)?;
    let search = Search {
        text: which.q.unwrap_or_default().trim().to_owned(),
        role: known(which.role, Role::parse, "role is member or administrator.")?,
        state: known(
            which.state,
            AccountState::parse,
            "state is active or disabled.",
        )?,
        group: known(which.group, Groups::name, "group is the name of one group.")?,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    if search != Search::default() {
        let subject = Subject::Account(who.account);
        state.limits.take_one(Budget::Searches, subject).await?;
    }
    let (found, next) = state.accounts.search(search, after, limit).await?;
    Ok(paging::list(found.into_iter().map(AccountJson::of), next))
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

pub const SHOW: Call = Call {
    id: "showAccount",
    tag: &TAG,
    summary: "Show an account",
    description: "Members find only their own.",
    example: None,
    problems: &[],
};

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<AccountId>,
    seen: IfNoneMatch,
) -> Answer<Tagged<Shown<AccountJson>>> {
    may(&who, Action::SeeAccount, Some(id))?;
    Ok(seen.unless(find(&state, id).await?))
}

/// A field that is left out is not changed; `null` removes it, but not both username and email.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "AccountChanges")]
pub struct Changes {
    #[serde(deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Username>")]
    username: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Email>")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Name>")]
    name: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    #[schemars(with = "schemas::Role")]
    role: Option<String>,
    #[serde(deserialize_with = "named")]
    #[schemars(with = "Vec<schemas::Group>", length(max = GROUPS_MAX))]
    groups: Option<Vec<String>>,
    #[serde(deserialize_with = "named")]
    #[schemars(with = "schemas::AccountState")]
    state: Option<String>,
}

pub const CHANGE: Call = Call {
    id: "changeAccount",
    tag: &TAG,
    summary: "Change an account",
    description: "Only administrators change role, groups and state; a change of these ends the \
                  sessions of the account.",
    example: Some(|| json!({ "groups": ["ops", "wheel"] })),
    problems: &[
        FORBIDDEN,
        TAKEN,
        LAST_ADMINISTRATOR,
        TOO_MANY_ATTEMPTS,
        BUSY,
    ],
};

pub async fn change(
    Recent(who): Recent,
    state: Data<State>,
    source: Source,
    Id(id): Id<AccountId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer<Tagged<Shown<AccountJson>>> {
    // Checked first, because a forbidden account is answered as not found.
    may(&who, Action::RenameAccount, Some(id))?;
    if changes.role.is_some() || changes.groups.is_some() || changes.state.is_some() {
        may(&who, Action::GovernAccount, Some(id))?;
    }
    changed(&state, (&who, &source), id, changes, expected).await
}

pub const DELETE: Call = Call {
    id: "deleteAccount",
    tag: &TAG,
    summary: "Delete an account",
    description: "With its sessions, work items, files and links. Members delete only their own.",
    example: None,
    problems: &[LAST_ADMINISTRATOR],
};

pub async fn delete(
    Recent(who): Recent,
    state: Data<State>,
    Id(id): Id<AccountId>,
    IfMatch(expected): IfMatch,
) -> Answer<Done> {
    may(&who, Action::DeleteAccount, Some(id))?;
    state.administration.delete(id, expected).await?;
    Ok(Done)
}

async fn find(state: &State, id: AccountId) -> Answer<Tagged<Shown<AccountJson>>> {
    Ok(one(state.accounts.find(id).await?.ok_or(NOT_FOUND)?))
}

async fn changed(
    state: &State,
    by: (&Identity, &Source),
    id: AccountId,
    sent: Changes,
    expected: ExpectedVersion,
) -> Answer<Tagged<Shown<AccountJson>>> {
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
    let (changed, _) = administration.update_as(by, id, changes, expected).await?;
    Ok(one(changed))
}

fn one(account: Account) -> Tagged<Shown<AccountJson>> {
    Tagged::new(account.version, Shown(AccountJson::of(account)))
}
