//! Changes to accounts, and the sessions that they end.
//!
//! Tokens contain role and groups, so a new role, group or state ends the account's sessions in the
//! same transaction. A new name does not: the next token has it.

use crate::access::Role;
use crate::accounts::{self, Account, Accounts, Changes, Refused};
use crate::base::event::{Action, Event};
use crate::base::ids::AccountId;
use crate::base::version::ExpectedVersion;
use crate::files;
use crate::mail;
use crate::sessions::{self, EndReason, Ended, Sessions};
use crate::storage::{Db, Tx};

#[derive(Clone)]
pub struct Administration {
    db: Db,
    accounts: Accounts,
    sessions: Sessions,
}

impl Administration {
    pub fn new(db: Db, accounts: Accounts, sessions: Sessions) -> Self {
        Self {
            db,
            accounts,
            sessions,
        }
    }

    /// As [`Administration::update`], by an account with this role. If it is not an administrator,
    /// it changes itself, and [`Accounts::admit_own`] applies.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn update_as(
        &self,
        role: Role,
        id: AccountId,
        changes: Changes,
        expected: ExpectedVersion,
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
        expected: ExpectedVersion,
    ) -> Result<Account, Refused> {
        let (account, ended) = update(&self.db, id, changes, expected).await?;
        self.sessions.announce(ended);
        Ok(account)
    }

    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn delete(&self, id: AccountId, expected: ExpectedVersion) -> Result<(), Refused> {
        let ended = self
            .db
            .write_on_full_disk(move |tx| delete(tx, id, &expected))
            .await?;
        self.sessions.announce(ended);
        Ok(())
    }
}

/// A server must announce what has ended.
///
/// # Errors
/// [`Refused`]; then nothing has changed.
pub async fn update(
    db: &Db,
    id: AccountId,
    changes: Changes,
    expected: ExpectedVersion,
) -> Result<(Account, Ended), Refused> {
    let asked = changes.clone();
    let updated = db
        .write_on_full_disk(move |tx| update_in(tx, id, &asked, &expected))
        .await;
    let Err(Refused::Taken(_)) = updated else {
        return updated;
    };
    // Queried in a separate transaction: the failed update has ended the first one.
    let conflict = db.read(move |db| {
        let username = changes.username.as_ref().and_then(Option::as_ref);
        let email = changes.email.as_ref().and_then(Option::as_ref);
        accounts::find_conflict(db, username, email, Some(id))
    });
    let taken = conflict.await.map(Refused::Taken);
    Err(taken.unwrap_or_else(Refused::Fault))
}

fn update_in(
    tx: &mut Tx<'_>,
    id: AccountId,
    changes: &Changes,
    expected: &ExpectedVersion,
) -> Result<(Account, Ended), Refused> {
    let now = tx.now();
    let (before, after) = accounts::update(tx, id, changes, expected, now)?;
    accounts::record_changes(tx, &before, &after);
    let trusted = |account: &Account| (account.role, account.state, account.groups.clone());
    let ended = if trusted(&before) == trusted(&after) {
        Ended::none()
    } else {
        sessions::end_all(tx, id, None, EndReason::Account)?
    };
    Ok((after, ended))
}

/// In the caller's transaction; a server must announce what has ended.
///
/// # Errors
/// [`Refused`]; then the transaction has to be rolled back.
pub fn delete(
    tx: &mut Tx<'_>,
    id: AccountId,
    expected: &ExpectedVersion,
) -> Result<Ended, Refused> {
    let now = tx.now();
    accounts::delete(tx, id, expected, now)?;
    tx.record(Event::done(Action::DeleteAccount).about(id));
    files::delete_all(tx, id, now)?;
    mail::delete_of(tx, id)?;
    sessions::end_all(tx, id, None, EndReason::Account).map_err(Refused::Fault)
}
