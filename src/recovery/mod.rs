//! One-time links: opaque tokens, stored as hashes, used up by one POST.

mod store;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};

use crate::access::Role;
use crate::accounts::{self, Accounts, Changes, NewAccount, Proved, Refused, SignUpError};
use crate::base::fault::Fault;
use crate::base::version::ExpectedVersion;
use crate::sessions::{EndReason, Identity, Sessions};
use crate::storage::{self, Db, Tx};

/// The link that makes the first administrator, printed at the start.
pub const FIRST_ADMINISTRATOR_HOURS: i64 = 24;

/// The purpose of a one-time token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    FirstAdministrator,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::FirstAdministrator => "first_administrator",
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
}

impl Recovery {
    pub fn new(db: Db, accounts: Accounts) -> Self {
        Self { db, accounts }
    }

    /// A token that makes its user the administrator; `None` if an administrator exists.
    pub async fn first_administrator(&self) -> Result<Option<SecretString>, Fault> {
        if self.accounts.has_administrator().await? {
            return Ok(None);
        }
        let token = crate::base::random::token();
        let hash = hash(token.expose_secret());
        self.db
            .write(move |tx| {
                let now = tx.now();
                let ends_at = now + FIRST_ADMINISTRATOR_HOURS * 3600;
                store::forget(tx, now)?;
                store::insert(tx, &hash, Purpose::FirstAdministrator, ends_at)
            })
            .await?;
        Ok(Some(token))
    }

    /// Whether a link is valid. Does not use it up.
    pub async fn is_good(&self, purpose: Purpose, token: &str) -> Result<bool, Fault> {
        let hash = hash(token);
        self.db
            .read(move |db| {
                let now = db.now();
                store::is_good(db, &hash, purpose, now)
            })
            .await
    }

    /// Uses the link up for a new account, which becomes the administrator.
    ///
    /// # Errors
    /// [`LinkError`]; then the link is not used up.
    pub async fn sign_up_first_administrator(
        &self,
        token: &str,
        new: NewAccount,
    ) -> Result<Proved, LinkError> {
        let prepared = self.accounts.prepare(new).await?;
        let hash = hash(token);
        self.accounts
            .add(
                prepared,
                move |tx| use_up_first_administrator(tx, &hash),
                |_, _| Ok(()),
            )
            .await
    }

    /// Uses the link up for an existing account.
    pub async fn make_first_administrator(
        &self,
        sessions: &Sessions,
        token: &str,
        identity: &Identity,
    ) -> Result<Proved, LinkError> {
        let (id, amr) = (identity.account, identity.claims.amr.clone());
        let hash = hash(token);
        // The tokens of its sessions have the old role.
        sessions
            .revoke(id, None, EndReason::Account, move |tx| {
                let changes = Changes {
                    role: Some(use_up_first_administrator(tx, &hash)?),
                    ..Changes::default()
                };
                let now = tx.now();
                match accounts::update(tx, id, &changes, &ExpectedVersion::Any, now) {
                    Ok((before, after)) => {
                        accounts::record_changes(tx, &before, &after);
                        Ok(Proved::by_session(tx, id, &amr)?)
                    }
                    Err(Refused::Fault(fault)) => Err(fault.into()),
                    Err(_) => Err(LinkError::Ended),
                }
            })
            .await
    }
}

/// Fails if an administrator was made since the link was printed.
fn use_up_first_administrator(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Role, LinkError> {
    // Otherwise two concurrent uses of links would wait for each other's row.
    storage::one_at_a_time(tx)?;
    let now = tx.now();
    if store::use_up(tx, hash, Purpose::FirstAdministrator, now)?
        && !accounts::has_administrator(tx)?
    {
        Ok(Role::Administrator)
    } else {
        Err(LinkError::Ended)
    }
}

/// A token has 256 random bits: a plain hash is enough (ASVS 6.5.2).
fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}
