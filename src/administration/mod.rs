//! Changes to accounts, and what they end.
//!
//! A token says what an account may do, so an account that may do something else has to sign in
//! again: a new role, group or state ends the account's sessions in the same transaction.
//! A new name does not: the next token has it.

use crate::access::Role;
use crate::accounts::{self, Account, Accounts, Changes, Refused};
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::ids::AccountId;
use crate::base::version::Expected;
use crate::files;
use crate::sessions::{self, EndReason, Ended, Sessions};
use crate::storage::{AnyConnection, Db};

#[derive(Clone)]
pub struct Administration {
    db: Db,
    clock: Clock,
    accounts: Accounts,
    sessions: Sessions,
}

impl Administration {
    pub fn new(db: Db, clock: Clock, accounts: Accounts, sessions: Sessions) -> Self {
        Self {
            db,
            clock,
            accounts,
            sessions,
        }
    }

    /// As [`Administration::update`], by an account with this role: one that is not an
    /// administrator changes itself, and is held to [`Accounts::admit_own`].
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn update_as(
        &self,
        role: Role,
        id: AccountId,
        changes: Changes,
        expected: Expected,
    ) -> Result<Account, Refused> {
        if role != Role::Administrator {
            self.accounts.admit_own(id, &changes).await?;
        }
        self.update(id, changes, expected).await
    }

    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn update(
        &self,
        id: AccountId,
        changes: Changes,
        expected: Expected,
    ) -> Result<Account, Refused> {
        let (account, ended) = update(&self.db, &self.clock, id, changes, expected).await?;
        self.sessions.hear(ended);
        Ok(account)
    }

    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn delete(&self, id: AccountId, expected: Expected) -> Result<(), Refused> {
        let clock = self.clock.clone();
        let ended = self
            .db
            .write_on_full_disk(move |tx| delete(tx, id, &expected, clock.now()))
            .await?;
        self.sessions.hear(ended);
        Ok(())
    }
}

/// A caller that serves must tell its sessions what has ended.
///
/// # Errors
/// [`Refused`]; then nothing has changed.
pub async fn update(
    db: &Db,
    clock: &Clock,
    id: AccountId,
    changes: Changes,
    expected: Expected,
) -> Result<(Account, Ended), Refused> {
    let (clock, asked) = (clock.clone(), changes.clone());
    let updated = db
        .write_on_full_disk(move |tx| update_in(tx, id, &asked, &expected, clock.now()))
        .await;
    let Err(Refused::Taken(_)) = updated else {
        return updated;
    };
    // Asked in a transaction of its own: what was refused has ended the first one.
    let conflict = db.read(move |db| {
        let username = changes.username.as_ref().and_then(Option::as_ref);
        let email = changes.email.as_ref().and_then(Option::as_ref);
        accounts::find_conflict(db, username, email, Some(id))
    });
    let taken = conflict.await.map(Refused::Taken);
    Err(taken.unwrap_or_else(Refused::Fault))
}

fn update_in(
    tx: &mut AnyConnection,
    id: AccountId,
    changes: &Changes,
    expected: &Expected,
    now: UnixSeconds,
) -> Result<(Account, Ended), Refused> {
    let (before, after) = accounts::update(tx, id, changes, expected, now)?;
    let trusted = |account: &Account| (account.role, account.state, account.groups.clone());
    let ended = if trusted(&before) == trusted(&after) {
        Ended::nothing()
    } else {
        sessions::end_all(tx, id, None, now, EndReason::Account)?
    };
    Ok((after, ended))
}

/// In the caller's transaction; a caller that serves must tell its sessions what has ended.
///
/// # Errors
/// [`Refused`]; then the transaction has to be rolled back.
pub fn delete(
    tx: &mut AnyConnection,
    id: AccountId,
    expected: &Expected,
    now: UnixSeconds,
) -> Result<Ended, Refused> {
    accounts::delete(tx, id, expected, now)?;
    files::delete_all(tx, id, now)?;
    sessions::end_all(tx, id, None, now, EndReason::Account).map_err(Refused::Fault)
}
