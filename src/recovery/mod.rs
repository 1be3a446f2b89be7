//! One-time links: opaque tokens, stored as hashes, used up by one POST.
//!
//! A visitor who asks for a link gets the same response whether an account exists or not, at the
//! same cost: the request stores one encrypted row, and a job answers it by mail.

mod change;
mod first_administrator;
mod notices;
mod requests;
mod reset;
mod sign_in_link;
mod sign_up;
mod store;

use secrecy::{ExposeSecret, SecretString};

use crate::accounts::{self, Account, Accounts, Credentials, SignUpError};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::input::Refusals;
use crate::base::random::{self, token_hash as hash};
use crate::base::secret::InstanceSecret;
use crate::limits::Limits;
use crate::mail::{Letter, Postbox};
use crate::passwords::{Busy, PasswordHash};
use crate::storage::{AnyConnection, Db, Tx};
use change::origin_of;
pub use change::{UNDO_SECONDS, Undone, origin};
pub use notices::{NOT_ME_SECONDS, Reported, telling};
pub use requests::{Asked, NotAsked};
pub use reset::{RESET_MINUTES, ResetError};
use sign_in_link::Codes;
pub use sign_in_link::{Code, Opened, SIGN_IN_MINUTES};
pub use sign_up::{CONFIRM_SECONDS, PendingSignUp};
use store::Content;
pub use store::{delete_of_account, forget};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The purpose of a one-time token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    FirstAdministrator,
    ResetPassword,
    /// Signing in by mail.
    SignIn,
    /// A sign-up that waits for its address.
    ConfirmSignUp,
    /// The address of an account, or a new one.
    ConfirmEmail,
    /// Brings the address before a change back.
    UndoEmail,
    /// "This was not me".
    NotMe,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::FirstAdministrator => "first_administrator",
            Purpose::ResetPassword => "reset_password",
            Purpose::SignIn => "sign_in",
            Purpose::ConfirmSignUp => "confirm_sign_up",
            Purpose::ConfirmEmail => "confirm_email",
            Purpose::UndoEmail => "undo_email",
            Purpose::NotMe => "not_me",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Used up, expired or invalid.
    #[error("the link has ended")]
    Ended,
    #[error(transparent)]
    SignUp(#[from] SignUpError),
}

impl From<Fault> for LinkError {
    fn from(fault: Fault) -> Self {
        Self::SignUp(SignUpError::Fault(fault))
    }
}

/// Why an address was not confirmed, or not brought back.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Used up, replaced, revoked, expired or invalid.
    #[error("the link has ended")]
    Ended,
    /// Another account has the address by now.
    #[error("another account has this address")]
    Taken,
    /// Such as a wrong password, or a username that is taken.
    #[error(transparent)]
    Input(#[from] Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SignUpError> for ConfirmError {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Taken(accounts::Conflict::Email) => Self::Taken,
            SignUpError::Busy(busy) => Self::Busy(busy),
            SignUpError::Fault(fault) => Self::Fault(fault),
            other => match other.into_refusals() {
                Ok(refusals) => Self::Input(refusals),
                Err(other) => Self::Fault(Fault::caused("a sign-up was not confirmed", other)),
            },
        }
    }
}

impl From<accounts::Refused> for ConfirmError {
    fn from(refused: accounts::Refused) -> Self {
        match refused {
            accounts::Refused::Taken(_) => Self::Taken,
            accounts::Refused::NoSuchAccount => Self::Ended,
            accounts::Refused::Fault(fault) => Self::Fault(fault),
            other => Self::Fault(Fault::caused("an address was not changed", other)),
        }
    }
}

#[derive(Clone)]
pub struct Recovery {
    db: Db,
    accounts: Accounts,
    limits: Limits,
    postbox: Postbox,
    codes: Codes,
    /// Whether addresses have to be confirmed (`signup.verify_email`).
    verifies: bool,
}

impl Recovery {
    pub fn new(
        db: Db,
        accounts: Accounts,
        limits: Limits,
        postbox: Postbox,
        secret: &InstanceSecret,
        verifies: bool,
    ) -> Self {
        Self {
            db,
            accounts,
            limits,
            postbox,
            codes: Codes::new(secret),
            verifies,
        }
    }

    /// Whether a link is valid. Does not use it up.
    pub async fn is_good(&self, purpose: Purpose, token: &str) -> Result<bool, Fault> {
        let hash = hash(token);
        self.db
            .read(move |db| {
                let now = db.now();
                Ok(store::find(db, &hash, purpose, now)?.is_some())
            })
            .await
    }

    /// The account that a valid link is for. Does not use the link up.
    pub async fn find_account(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Option<Account>, Fault> {
        let hash = hash(token);
        self.db
            .read(move |db| {
                let now = db.now();
                let found = store::find(db, &hash, purpose, now)?;
                Ok(match found {
                    Some(found) => owner(db, &found.content)?.map(|owner| owner.account),
                    None => None,
                })
            })
            .await
    }
}

/// Makes a token in the caller's transaction.
fn issue(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    ends_at: UnixSeconds,
    content: Content,
) -> Result<SecretString, Fault> {
    let token = random::token();
    let hash = hash(token.expose_secret());
    store::insert(tx, &hash, purpose, ends_at, content)?;
    Ok(token)
}

/// The active account that a token is for, unless its password or address was changed since.
fn owner(db: &mut AnyConnection, content: &Content) -> Result<Option<Credentials>, Fault> {
    let Some(id) = content.account else {
        return Ok(None);
    };
    let found = accounts::find_credentials_of(db, id)?;
    Ok(found.filter(|found| {
        found.account.is_active()
            && content
                .bound_to
                .as_ref()
                .is_none_or(|bound_to| *bound_to == binding(found))
    }))
}

/// Sets a password that nobody knows, so that a thief who knows the old one cannot sign in again and
/// end the link that the owner gets; makes that link. `to` is the address that it is sent to.
fn lock_out(
    recovery: &Recovery,
    tx: &mut Tx<'_>,
    id: AccountId,
    unusable: &PasswordHash,
    to: &str,
) -> Result<(), ConfirmError> {
    accounts::set_password(tx, id, unusable)?;
    let found = accounts::find_credentials_of(tx, id)?.ok_or(ConfirmError::Ended)?;
    let token = recovery.issue_reset(tx, &found, to)?;
    let (letter, now) = (Letter::ResetPassword { token }, tx.now());
    Ok(recovery.postbox.post(tx, to, Some(id), &letter, now)?)
}

/// What a token depends on: the account's password and address. A new one of either revokes it.
fn binding(found: &Credentials) -> Vec<u8> {
    let email = found.account.email.as_deref().unwrap_or_default();
    hash(&format!("{}\n{email}", found.hash.as_str()))
}
