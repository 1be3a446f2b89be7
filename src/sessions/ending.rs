//! What ends sessions before their time, and who hears of it.

use super::{Sessions, links, store};
use crate::accounts;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::passwords::PasswordHash;
use crate::storage::AnyConnection;

/// Whoever else writes has to wait for each time.
pub const ENDED_AT_ONCE: usize = 500;

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    SignedOut,
    /// Another one was started in the same browser.
    Replaced,
    /// From another session of the same account.
    FromElsewhere,
    /// A refresh token was used again: somebody has a copy.
    Reuse,
    PasswordChanged,
    /// The account was changed, disabled or deleted, or the operator wanted it.
    Account,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
            Self::FromElsewhere => "from_elsewhere",
            Self::Reuse => "reuse",
            Self::PasswordChanged => "password_changed",
            Self::Account => "account",
        }
    }
}

/// Sessions that were ended in a transaction which is not committed yet.
#[must_use = "servers that know their tokens have to hear of it"]
pub struct Ended {
    pub(super) sessions: Vec<SessionId>,
    pub(super) at: UnixSeconds,
}

impl Ended {
    pub fn nothing() -> Self {
        Self {
            sessions: Vec::new(),
            at: 0,
        }
    }
}

/// Ends every session of an account but `keep`, and every link to it, in the caller's transaction.
pub fn end_all(
    tx: &mut AnyConnection,
    account: AccountId,
    keep: Option<SessionId>,
    now: UnixSeconds,
    why: EndReason,
) -> Result<Ended, Fault> {
    // Before anything is read: nobody starts a session meanwhile that would not be in the list.
    accounts::lock(tx, account)?;
    let mut sessions = store::living(tx, account)?;
    sessions.retain(|id| Some(*id) != keep);
    store::end_all(tx, account, keep, now, why)?;
    links::forget_of(tx, account)?;
    Ok(Ended { sessions, at: now })
}

/// Sets a new password, and ends every session of the account and every link to it, in the
/// caller's transaction.
pub fn set_password(
    tx: &mut AnyConnection,
    account: AccountId,
    new: &PasswordHash,
    now: UnixSeconds,
) -> Result<Ended, Fault> {
    accounts::set_password(tx, account, new)?;
    end_all(tx, account, None, now, EndReason::PasswordChanged)
}

/// Ends some of all sessions that were started until `now`, and of all links; says how many. None
/// are left when it says 0.
pub fn end_everywhere(tx: &mut AnyConnection, now: UnixSeconds) -> Result<usize, Fault> {
    const MOST: i64 = ENDED_AT_ONCE as i64;
    Ok(store::end_some(tx, now, EndReason::Account, MOST)?
        + links::forget(tx, UnixSeconds::MAX, MOST)?)
}

impl Sessions {
    /// Ends a session. When this returns, no token of it is accepted here any more, nor after
    /// a restart, and within a second on no other server.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn end(&self, id: SessionId, why: EndReason) -> Result<(), Fault> {
        let clock = self.clock.clone();
        let at = self
            .db
            .write_on_full_disk(move |tx| {
                let now = clock.now();
                store::end(tx, id, now, why).map(|()| now)
            })
            .await?;
        self.live.end(id, at);
        Ok(())
    }

    /// Ends every session of an account but `keep`, and every link to it.
    ///
    /// # Errors
    /// When the database is away; then all go on.
    pub async fn end_all(
        &self,
        account: AccountId,
        keep: Option<SessionId>,
        why: EndReason,
    ) -> Result<(), Fault> {
        self.revoke(account, keep, why, |_, _| Ok(())).await
    }

    /// Makes a change to an account after which none of its sessions may go on, but for `keep`:
    /// all in one transaction.
    ///
    /// # Errors
    /// What `change` returns; then nothing has ended.
    pub async fn revoke<T, E>(
        &self,
        account: AccountId,
        keep: Option<SessionId>,
        why: EndReason,
        change: impl FnOnce(&mut AnyConnection, UnixSeconds) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let clock = self.clock.clone();
        let (changed, ended) = self
            .db
            .write_on_full_disk(move |tx| -> Result<_, E> {
                let now = clock.now();
                let changed = change(tx, now)?;
                Ok((changed, end_all(tx, account, keep, now, why)?))
            })
            .await?;
        self.hear(ended);
        Ok(changed)
    }

    /// What a transaction that is committed has ended: felt here by the very next request.
    pub fn hear(&self, ended: Ended) {
        for id in ended.sessions {
            self.live.end(id, ended.at);
        }
    }
}
