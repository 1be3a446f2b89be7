//! The address of an account: a new one waits until it is confirmed, and the old one can be
//! brought back.

use secrecy::{ExposeSecret, SecretString};

use super::store::{self, Content};
use super::{
    ConfirmError, DAY, NotAsked, Purpose, Recovery, binding, hash, issue, lock_out, owner,
};
use crate::accounts::{self, Account, Changes, Credentials};
use crate::base::event::{Action, Actor, Cause, Event};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{Email, Login, Username};
use crate::base::random;
use crate::base::version::ExpectedVersion;
use crate::limits::{self, Source};
use crate::mail::{Letter, Origin};
use crate::passwords::PasswordHash;
use crate::sessions::{self, Client, EndReason, Ended, Sessions};
use crate::storage::{self, Tx};

const CONFIRM_SECONDS: i64 = DAY;
pub const UNDO_SECONDS: i64 = 7 * DAY;

/// A change of an address that was undone.
#[derive(Debug)]
pub struct Undone {
    /// Where the link to set a new password was sent: the address before the change.
    pub email: String,
    /// Whether the account has it again; `false` if another account has it by now.
    pub is_back: bool,
    pub username: Option<String>,
}

/// Where the current request came from, for a message to the owner of `account`. Without a request
/// it is the operator, and an administrator of other accounts stays unnamed.
pub fn origin(account: AccountId) -> Origin {
    let cause = Cause::current().unwrap_or_else(|| Cause::of(Actor::Server));
    origin_of(&cause, &cause.actor, account)
}

/// As [`origin`], of an event with this cause and this actor.
pub(super) fn origin_of(cause: &Cause, actor: &Actor, account: AccountId) -> Origin {
    let is_own = match actor {
        Actor::Account(id) => *id == account,
        Actor::Visitor => true,
        Actor::Command(_) | Actor::Server => false,
    };
    if !is_own {
        return Origin {
            by_operator: true,
            ..Origin::default()
        };
    }
    let client = Client {
        address: cause.address.clone().unwrap_or_default(),
        user_agent: cause.user_agent.clone().unwrap_or_default(),
    };
    Origin {
        device: client.device(),
        address: cause.address.clone(),
        by_operator: false,
    }
}

impl Recovery {
    /// Takes the units of a message to this address.
    ///
    /// # Errors
    /// [`limits::Refused`].
    pub async fn admit_mail(&self, email: &Email, source: &Source) -> Result<(), limits::Refused> {
        // What was taken is spent: the message costs its receiver something.
        let key = email.key();
        self.limits.take_mail(&key, &source.address).await.map(drop)
    }

    /// Sends a link to confirm `email` as the address of an account. It replaces the older ones. The
    /// owner of an address that another account has is told that, without a link.
    ///
    /// # Errors
    /// When the account does not exist any more, or the database is unavailable.
    pub fn ask_to_confirm(
        &self,
        tx: &mut Tx<'_>,
        id: AccountId,
        email: &Email,
    ) -> Result<(), Fault> {
        store::delete_of(tx, id, Purpose::ConfirmEmail)?;
        let found = accounts::find_credentials_of(tx, id)?;
        let found = found.ok_or_else(|| Fault::new("an address of a missing account"))?;
        let content = Content {
            account: Some(id),
            email: Some(email.as_str().to_owned()),
            bound_to: Some(binding(&found)),
            ..Content::default()
        };
        let now = tx.now();
        // Also for an address that is taken, so that the page does not tell.
        let token = issue(tx, Purpose::ConfirmEmail, now + CONFIRM_SECONDS, content)?;
        let is_current = found.account.email.as_deref() == Some(email.as_str());
        let action = if is_current {
            Action::AskToVerifyEmail
        } else {
            Action::AskToChangeEmail
        };
        tx.record(Event::done(action).about(id));
        let holder = accounts::find_credentials(tx, &Login::from(email.clone()))?;
        match holder.map(|holder| holder.account) {
            Some(holder) if holder.id != id => {
                let to = holder.email.as_deref().unwrap_or(email.as_str());
                let other = Some(holder.id);
                self.postbox.post(tx, to, other, &Letter::HasAccount, now)
            }
            _ => {
                let token = token.expose_secret().to_owned();
                let letter = Letter::ConfirmEmail { token };
                self.postbox
                    .post(tx, email.as_str(), Some(id), &letter, now)
            }
        }
    }

    /// The address that an account has asked to confirm, if its link is valid: a new one, or the
    /// one that it has.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn find_waiting(&self, id: AccountId) -> Result<Option<String>, Fault> {
        self.db.read(move |db| waiting(db, id)).await
    }

    /// Sends a link for the address that waits, or for the one that the account has and that is not
    /// verified. Returns the address; `None` if there is none to confirm.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub async fn ask_again(
        &self,
        id: AccountId,
        source: &Source,
    ) -> Result<Option<String>, NotAsked> {
        let Some(email) = self.db.read(move |db| to_confirm(db, id)).await? else {
            return Ok(None);
        };
        self.admit_mail(&email, source).await?;
        let this = self.clone();
        let asked = self.db.write(move |tx| {
            // Of the account first, as everywhere.
            accounts::lock(tx, id)?;
            if to_confirm(tx, id)?.as_ref() != Some(&email) {
                return Ok(None);
            }
            this.ask_to_confirm(tx, id, &email)?;
            Ok::<_, Fault>(Some(email.as_str().to_owned()))
        });
        Ok(asked.await?)
    }

    /// Ends the link to confirm an address of this account.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn cancel_change(&self, id: AccountId) -> Result<(), Fault> {
        let canceled = self.db.write(move |tx| {
            if waiting(tx, id)?.is_some() {
                tx.record(Event::done(Action::CancelEmailChange).about(id));
            }
            store::delete_of(tx, id, Purpose::ConfirmEmail)
        });
        canceled.await
    }

    /// The account of a valid link, and the address that the link is about. Does not use it up.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn find_address(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Option<(Account, String)>, Fault> {
        let hash = hash(token);
        let found = self.db.read(move |db| {
            let now = db.now();
            let Some(found) = store::find(db, &hash, purpose, now)? else {
                return Ok(None);
            };
            let owner = owner(db, &found.content)?;
            Ok(owner.map(|owner| owner.account).zip(found.content.email))
        });
        found.await
    }

    /// Gives an account the address that its owner has confirmed by a link, which is used up. Tells
    /// the old address. Returns the account.
    ///
    /// # Errors
    /// [`ConfirmError`]; then the link is not used up.
    pub async fn confirm_email(&self, token: &str) -> Result<AccountId, ConfirmError> {
        let found = self.find_address(Purpose::ConfirmEmail, token).await?;
        let (account, _) = found.ok_or(ConfirmError::Ended)?;
        let (id, from) = (account.id, origin(account.id));
        let (this, hash) = (self.clone(), hash(token));
        let confirmed = self.db.write(move |tx| {
            let (owner, email, _) = use_up(tx, id, &hash, Purpose::ConfirmEmail)?;
            let now = tx.now();
            if owner.account.email.as_deref() != Some(email.as_str()) {
                let changes = to_email(email);
                let any = ExpectedVersion::Any;
                let (before, after) = accounts::update(tx, id, &changes, &any, now)?;
                accounts::record_changes(tx, &before, &after);
                this.tell_old_address(tx, &before, &after, &from)?;
            }
            tx.record(Event::done(Action::VerifyEmail).about(id));
            accounts::verify_email(tx, id, now)?;
            Ok::<_, ConfirmError>(id)
        });
        confirmed.await
    }

    /// Tells the address before a change that it was changed, with a link to bring it back, in the
    /// transaction of the change. There is no link if the address was never confirmed where that is
    /// required, or if a change is undone by hand or by the operator: the address may be a thief's.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub fn tell_old_address(
        &self,
        tx: &mut Tx<'_>,
        before: &Account,
        after: &Account,
        from: &Origin,
    ) -> Result<(), Fault> {
        let Some(old) = before
            .email
            .as_ref()
            .filter(|_| before.email != after.email)
        else {
            return Ok(());
        };
        let now = tx.now();
        let others = store::find_of(tx, after.id, Purpose::UndoEmail, now)?;
        let undone = others.iter().find(|link| link.content.email == after.email);
        if let Some(undone) = undone.filter(|_| after.email.is_some()) {
            store::delete_later(tx, after.id, Purpose::UndoEmail, undone.ends_at + 1)?;
        }
        let is_trusted = before.email_verified_at.is_some() || !self.verifies;
        if undone.is_some() || from.by_operator || !is_trusted {
            return self.tell_changed(tx, old, after.id, None, from);
        }
        // Later changes have later ends, also within one second: see `undo_email`.
        let latest = others.first().map_or(0, |latest| latest.ends_at);
        let ends_at = (now + UNDO_SECONDS).max(latest + 1);
        let content = Content {
            account: Some(after.id),
            email: Some(old.clone()),
            // Another change, or a new password, does not end it: they may be a stranger's.
            ..Content::default()
        };
        let token = issue(tx, Purpose::UndoEmail, ends_at, content)?;
        self.tell_changed(tx, old, after.id, Some(token), from)
    }

    fn tell_changed(
        &self,
        tx: &mut Tx<'_>,
        old: &str,
        id: AccountId,
        token: Option<SecretString>,
        from: &Origin,
    ) -> Result<(), Fault> {
        let now = tx.now();
        let letter = Letter::EmailChanged {
            token: token.map(|token| token.expose_secret().to_owned()),
            at: now,
            from: from.clone(),
        };
        self.postbox.post(tx, old, Some(id), &letter, now)
    }

    /// Brings the address before a change back by a link, which is used up. Ends every session and
    /// link of the account and the validity of its password, sends that address a link to set a new
    /// one, and tells the address that the account loses. The links of later changes end: they went
    /// to addresses that may be a stranger's. Those of earlier ones do not.
    ///
    /// # Errors
    /// [`ConfirmError`]; then nothing has changed.
    pub async fn undo_email(
        &self,
        sessions: &Sessions,
        token: &str,
    ) -> Result<Undone, ConfirmError> {
        let found = self.find_address(Purpose::UndoEmail, token).await?;
        let (account, email) = found.ok_or(ConfirmError::Ended)?;
        let (id, key) = (account.id, hash(token));
        let (unusable, from) = (self.accounts.prepare_unusable().await?, origin(id));
        let undo = |is_back: bool| {
            let (this, key) = (self.clone(), key.clone());
            let (unusable, from) = (unusable.clone(), from.clone());
            let undone =
                move |tx: &mut Tx<'_>| this.undo_in(tx, id, &key, is_back, &unusable, &from);
            self.db.write_on_full_disk(undone)
        };
        let ((ended, username), is_back) = match undo(true).await {
            // The account is secured nevertheless.
            Err(ConfirmError::Taken) => (undo(false).await?, false),
            undone => (undone?, true),
        };
        sessions.announce(ended);
        Ok(Undone {
            email,
            is_back,
            username,
        })
    }

    fn undo_in(
        &self,
        tx: &mut Tx<'_>,
        id: AccountId,
        hash: &[u8],
        is_back: bool,
        unusable: &PasswordHash,
        from: &Origin,
    ) -> Result<(Ended, Option<String>), ConfirmError> {
        let (owner, email, ends_at) = use_up(tx, id, hash, Purpose::UndoEmail)?;
        let now = tx.now();
        let to = email.as_str().to_owned();
        let changes = if is_back {
            to_email(email)
        } else {
            // A stranger who has the new address could set a new password by it. An account needs
            // a name, so one that had only an address gets a username.
            let made = format!("user-{:016x}", u64::from_le_bytes(random::bytes()));
            let username = Username::parse(&made).ok();
            Changes {
                email: Some(None),
                username: username
                    .filter(|_| owner.account.username.is_none())
                    .map(Some),
                ..Changes::default()
            }
        };
        let any = ExpectedVersion::Any;
        let (before, after) = accounts::update(tx, id, &changes, &any, now)?;
        accounts::record_changes(tx, &before, &after);
        tx.record(Event::done(Action::UndoEmailChange).about(id));
        if is_back {
            accounts::verify_email(tx, id, now)?;
        }
        for purpose in [
            Purpose::ConfirmEmail,
            Purpose::ResetPassword,
            Purpose::SignIn,
        ] {
            store::delete_of(tx, id, purpose)?;
        }
        store::delete_later(tx, id, Purpose::UndoEmail, ends_at)?;
        if let Some(lost) = before.email.filter(|lost| *lost != to) {
            self.tell_changed(tx, &lost, id, None, from)?;
        }
        lock_out(self, tx, id, unusable, &to)?;
        let ended = sessions::sign_out_everywhere(tx, id, None, EndReason::Account)?;
        Ok((ended, after.username))
    }
}

/// Uses up a link about an address: returns the account, the address and when the link would end.
fn use_up(
    tx: &mut Tx<'_>,
    id: AccountId,
    hash: &[u8],
    purpose: Purpose,
) -> Result<(Credentials, Email, i64), ConfirmError> {
    // In the order of every change of an account's names.
    storage::one_at_a_time(tx)?;
    accounts::lock(tx, id)?;
    let now = tx.now();
    let used = store::use_up(tx, hash, purpose, now)?;
    let used = used.ok_or(ConfirmError::Ended)?;
    let owner = owner(tx, &used.content)?.ok_or(ConfirmError::Ended)?;
    let email = used.content.email.as_deref().unwrap_or_default();
    let email = Email::parse(email).map_err(|_| ConfirmError::Ended)?;
    Ok((owner, email, used.ends_at))
}

fn to_email(email: Email) -> Changes {
    Changes {
        email: Some(Some(email)),
        ..Changes::default()
    }
}

fn waiting(db: &mut Tx<'_>, id: AccountId) -> Result<Option<String>, Fault> {
    let now = db.now();
    let found = store::find_of(db, id, Purpose::ConfirmEmail, now)?;
    let Some(found) = found.into_iter().next() else {
        return Ok(None);
    };
    let is_good = owner(db, &found.content)?.is_some();
    Ok(found.content.email.filter(|_| is_good))
}

/// The address that waits, or the one of the account that is not verified.
fn to_confirm(db: &mut Tx<'_>, id: AccountId) -> Result<Option<Email>, Fault> {
    let account = accounts::find(db, id)?;
    let current = account.filter(|account| account.email_verified_at.is_none());
    let email = match waiting(db, id)? {
        Some(waiting) => Some(waiting),
        None => current.and_then(|account| account.email),
    };
    Ok(email.and_then(|email| Email::parse(&email).ok()))
}
