//! One-time links: opaque tokens, stored as hashes, used up by one POST.
//!
//! A visitor who asks for a link gets the same response whether an account exists or not, at the
//! same cost: the request stores one encrypted row, and a job answers it by mail.

mod first_administrator;
mod requests;
mod reset;
mod sign_in_link;
mod store;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::{Account, Accounts, Credentials, SignUpError};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::random;
use crate::base::secret::InstanceSecret;
use crate::limits::Limits;
use crate::mail::Postbox;
use crate::storage::{AnyConnection, Db, Tx};
pub use requests::{Asked, NotAsked};
pub use reset::{RESET_MINUTES, ResetError};
use sign_in_link::Codes;
pub use sign_in_link::{Code, Opened, SIGN_IN_MINUTES};
use store::Content;
pub use store::forget;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

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

#[derive(Clone)]
pub struct Recovery {
    db: Db,
    accounts: Accounts,
    limits: Limits,
    postbox: Postbox,
    codes: Codes,
}

impl Recovery {
    pub fn new(
        db: Db,
        accounts: Accounts,
        limits: Limits,
        postbox: Postbox,
        secret: &InstanceSecret,
    ) -> Self {
        Self {
            db,
            accounts,
            limits,
            postbox,
            codes: Codes::new(secret),
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
    let found = crate::accounts::find_credentials_of(db, id)?;
    Ok(found.filter(|found| {
        found.account.is_active()
            && content
                .bound_to
                .as_ref()
                .is_none_or(|bound_to| *bound_to == binding(found))
    }))
}

/// What a token depends on: the account's password and address. A new one of either revokes it.
fn binding(found: &Credentials) -> Vec<u8> {
    let email = found.account.email.as_deref().unwrap_or_default();
    hash(&format!("{}\n{email}", found.hash.as_str()))
}

/// A token has 256 random bits: a plain hash is enough (ASVS 6.5.2).
fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}
