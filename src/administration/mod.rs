//! Changes to accounts, and the sessions that they end.
//!
//! Tokens contain role and groups, so a new role, group or state ends the account's sessions in the
//! same transaction. A new name does not: the next token has it. The old address is told of a new
//! one. With `signup.verify_email`, the owner's own new address waits until it is confirmed.

use crate::access::Role;
use crate::accounts::{self, Account, Accounts, Changes, Refused};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::Email;
use crate::base::version::ExpectedVersion;
use crate::files;
use crate::limits::Source;
use crate::mail::{self, Origin};
use crate::recovery::{self, Recovery};
use crate::sessions::{self, EndReason, Ended, Identity, Sessions};
use crate::storage::{Db, Tx};

#[derive(Clone)]
pub struct Administration {
    db: Db,
    accounts: Accounts,
    sessions: Sessions,
    recovery: Recovery,
    /// Whether an owner's new address waits until it is confirmed.
    verify_email: bool,
}

impl Administration {
    pub fn new(
        db: Db,
        accounts: Accounts,
        sessions: Sessions,
        recovery: Recovery,
        verify_email: bool,
    ) -> Self {
        Self {
            db,
            accounts,
            sessions,
            recovery,
            verify_email,
        }
    }

    /// As [`Administration::update`], by a signed-in account. If it is not an administrator, it
    /// changes itself, and [`Accounts::admit_own`] applies. If addresses are verified, its own new
    /// address waits: it gets a link, and the result is the same whether another account has it.
    /// Also returns the address that waits.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn update_as(
        &self,
        (who, source): (&Identity, &Source),
        id: AccountId,
        mut changes: Changes,
        expected: ExpectedVersion,
    ) -> Result<(Account, Option<Email>), Refused> {
        if who.role != Role::Administrator {
            self.accounts.admit_own(id, &changes).await?;
        }
        let waits = self.verify_email && who.account == id;
        let waiting = match changes.email.take() {
            Some(Some(email)) if waits => Some(email),
            other => {
                changes.email = other;
                None
            }
        };
        let Some(email) = waiting else {
            return Ok((self.update(id, changes, expected).await?, None));
        };
        self.recovery.admit_mail(&email, source).await?;
        let (recovery, asked) = (self.recovery.clone(), email.clone());
        let ask = move |tx: &mut Tx<'_>| recovery.ask_to_confirm(tx, id, &asked);
        let (account, ended) =
            update_with(&self.db, &self.recovery, id, changes, expected, ask).await?;
        self.sessions.announce(ended);
        Ok((account, Some(email)))
    }

    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn update(
        &self,
        id: AccountId,
        changes: Changes,
        expected: ExpectedVersion,
    ) -> Result<Account, Refused> {
        let (account, ended) = update(&self.db, &self.recovery, id, changes, expected).await?;
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
    recovery: &Recovery,
    id: AccountId,
    changes: Changes,
    expected: ExpectedVersion,
) -> Result<(Account, Ended), Refused> {
    update_with(db, recovery, id, changes, expected, |_| Ok(())).await
}

/// With `then` at the end of the transaction.
async fn update_with(
    db: &Db,
    recovery: &Recovery,
    id: AccountId,
    changes: Changes,
    expected: ExpectedVersion,
    then: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
) -> Result<(Account, Ended), Refused> {
    let (asked, recovery, from) = (changes.clone(), recovery.clone(), recovery::origin(id));
    let updated = db
        .write_on_full_disk(move |tx| {
            let updated = update_in(tx, (&recovery, &from), id, &asked, &expected)?;
            then(tx)?;
            Ok(updated)
        })
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
    (recovery, from): (&Recovery, &Origin),
    id: AccountId,
    changes: &Changes,
    expected: &ExpectedVersion,
) -> Result<(Account, Ended), Refused> {
    let now = tx.now();
    let (before, after) = accounts::update(tx, id, changes, expected, now)?;
    accounts::record_changes(tx, &before, &after);
    recovery.tell_old_address(tx, &before, &after, from)?;
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
    recovery::delete_of_account(tx, id)?;
    sessions::end_all(tx, id, None, EndReason::Account).map_err(Refused::Fault)
}
