//! Ending sessions early, and announcing it.

use super::{Sessions, links, store};
use crate::accounts;
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::passwords::PasswordHash;
use crate::storage::Tx;

/// Other writers wait for each batch.
pub const ENDED_AT_ONCE: usize = 500;

/// Why a session ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    SignedOut,
    /// Another session was started in the same browser.
    Replaced,
    /// Ended from another session of the same account.
    FromElsewhere,
    /// A refresh token was used twice: a copy of it exists.
    Reuse,
    PasswordChanged,
    /// The account was changed, disabled or deleted, or the operator ended it.
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

/// Sessions that were ended in a transaction, and are announced after its commit.
#[must_use = "announce it, or this server accepts their tokens a moment longer"]
pub struct Ended {
    pub(super) sessions: Vec<SessionId>,
    pub(super) at: UnixSeconds,
}

impl Ended {
    pub fn none() -> Self {
        Self {
            sessions: Vec::new(),
            at: 0,
        }
    }
}

/// Ends every session of an account but `keep`, and every link to it, in the caller's transaction.
pub fn end_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    keep: Option<SessionId>,
    why: EndReason,
) -> Result<Ended, Fault> {
    // Before the list is read: no session can start meanwhile.
    accounts::lock(tx, account)?;
    let now = tx.now();
    let mut sessions = store::living(tx, account)?;
    sessions.retain(|id| Some(*id) != keep);
    store::end_all(tx, account, keep, now, why)?;
    links::forget_of(tx, account)?;
    Ok(Ended { sessions, at: now })
}

/// Sets a new password, and ends every session of the account and every link to it, in the
/// caller's transaction.
pub fn set_password(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: &PasswordHash,
) -> Result<Ended, Fault> {
    accounts::set_password(tx, account, new)?;
    end_all(tx, account, None, EndReason::PasswordChanged)
}

/// As [`end_all`], for a request to end all sessions.
pub fn sign_out_everywhere(
    tx: &mut Tx<'_>,
    account: AccountId,
    keep: Option<SessionId>,
    why: EndReason,
) -> Result<Ended, Fault> {
    tx.record(Event::done(Action::SignOutEverywhere).about(account));
    end_all(tx, account, keep, why)
}

/// Ends a batch of all sessions and links, and returns how many. None are left when it returns 0.
pub fn end_everywhere(tx: &mut Tx<'_>) -> Result<usize, Fault> {
    const MOST: i64 = ENDED_AT_ONCE as i64;
    let now = tx.now();
    let ended = store::end_some(tx, now, EndReason::Account, MOST)?
        + links::forget(tx, UnixSeconds::MAX, MOST)?;
    if ended > 0 {
        tx.record(Event::done(Action::SignOutEverywhere).with("ended", ended));
    }
    Ok(ended)
}

impl Sessions {
    /// Ends a session. When this returns, its tokens are refused here, also after a restart, and
    /// within a second on every other server.
    ///
    /// # Errors
    /// When the database is unavailable; then the session continues.
    pub async fn end(&self, id: SessionId, why: EndReason) -> Result<(), Fault> {
        let at = self
            .db
            .write_on_full_disk(move |tx| {
                let now = tx.now();
                let row = store::find(tx, id)?.filter(|row| row.ended_at.is_none());
                if let Some(row) = row {
                    let ended = Event::done(Action::SignOut).about(row.account_id);
                    tx.record(ended.on("session", id));
                }
                store::end(tx, id, now, why).map(|()| now)
            })
            .await?;
        self.cache.end(id, at);
        Ok(())
    }

    /// Ends every session of an account but `keep`, and every link to it.
    ///
    /// # Errors
    /// When the database is unavailable; then all continue.
    pub async fn end_all(
        &self,
        account: AccountId,
        keep: Option<SessionId>,
        why: EndReason,
    ) -> Result<(), Fault> {
        let ended = self
            .db
            .write_on_full_disk(move |tx| sign_out_everywhere(tx, account, keep, why))
            .await?;
        self.announce(ended);
        Ok(())
    }

    /// Makes a change to an account that ends all of its sessions but `keep`: all in one
    /// transaction.
    ///
    /// # Errors
    /// What `change` returns; then nothing has ended.
    pub async fn revoke<T, E>(
        &self,
        account: AccountId,
        keep: Option<SessionId>,
        why: EndReason,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (changed, ended) = self
            .db
            .write_on_full_disk(move |tx| -> Result<_, E> {
                let changed = change(tx)?;
                Ok((changed, end_all(tx, account, keep, why)?))
            })
            .await?;
        self.announce(ended);
        Ok(changed)
    }

    /// Announces the sessions that a committed transaction has ended: takes effect here with the
    /// next request.
    pub fn announce(&self, ended: Ended) {
        for id in ended.sessions {
            self.cache.end(id, ended.at);
        }
    }
}
