//! Mail: an outbox of letters, and the worker that sends them.
//!
//! A room puts a letter into the outbox in the transaction of the event that it reports. A letter
//! can contain a token, so it is encrypted. The worker (a job) writes it out and sends it; one server
//! of a database sends at a time.
//!
//! A message is sent once, as far as SMTP allows: it is marked before its content is sent, so if the
//! server ends between sending it and recording that, it is not sent again. It is then listed as
//! failed. All attempts have the same `Message-ID`.

mod folder;
mod letters;
mod mailer;
mod message;
mod smtp;
mod store;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use zeroize::Zeroizing;

use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, MailId};
use crate::base::metrics::Counter;
use crate::base::sealed::SealingKey;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::storage::{AnyConnection, Db};
pub use letters::{Letter, Notice, Origin};
pub use mailer::Mailer;
pub use store::{delete_of, forget};
pub use worker::Worker;

/// A message in the outbox.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: MailId,
    pub kind: String,
    pub account: Option<AccountId>,
    pub recipient: String,
    pub created_at: UnixSeconds,
    pub state: State,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending {
        due_at: UnixSeconds,
    },
    /// It is not tried again.
    Failed,
}

/// The messages that this server has sent, by result.
#[derive(Debug, Default)]
pub struct Figures {
    pub sent: Counter,
    /// Not sent, and tried again.
    pub delayed: Counter,
    pub failed: Counter,
    /// In the outbox, at the last count.
    pub pending: AtomicI64,
    pub failed_now: AtomicI64,
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct NotSent {
    problem: String,
    /// Whether it can be sent later.
    later: bool,
}

impl NotSent {
    fn later(problem: String) -> Self {
        Self {
            problem,
            later: true,
        }
    }

    fn never(problem: String) -> Self {
        Self {
            problem,
            later: false,
        }
    }
}

/// Encrypts letters. Clones share the key; it needs no database of its own.
#[derive(Clone)]
pub struct Postbox(Arc<SealingKey>);

impl Postbox {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(Arc::new(SealingKey::new(secret, Purpose::SealedMail)))
    }

    /// Puts a letter into the outbox, in the caller's transaction. `to` is an address as the
    /// account's owner wrote it.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub fn post(
        &self,
        tx: &mut AnyConnection,
        to: &str,
        account: Option<AccountId>,
        letter: &Letter,
        now: UnixSeconds,
    ) -> Result<(), Fault> {
        let id = MailId::new();
        let sealed = self.seal(id.as_bytes(), letter)?;
        let new = store::New {
            id,
            kind: letter.kind(),
            account,
            recipient: to,
            sealed: &sealed,
        };
        store::insert(tx, new, now)
    }

    /// Encrypts `value`, bound to `id`.
    ///
    /// # Errors
    /// None that the value can cause.
    pub fn seal(&self, id: &[u8], value: &impl serde::Serialize) -> Result<Vec<u8>, Fault> {
        let plain = serde_json::to_vec(value).map(Zeroizing::new);
        let plain = plain.map_err(|error| Fault::caused("write a letter", error))?;
        self.0.seal(id, &plain)
    }

    /// # Errors
    /// When it was sealed under another secret, or by a later version.
    pub fn open<T: serde::de::DeserializeOwned>(
        &self,
        id: &[u8],
        sealed: &[u8],
    ) -> Result<T, Fault> {
        let plain = self.0.open(id, sealed).ok_or_else(|| {
            Fault::new("a letter in the database was sealed under another secret")
        })?;
        serde_json::from_slice(&plain).map_err(|error| Fault::caused("read a letter", error))
    }
}

/// The outbox, for administrators.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
}

impl Outbox {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// At most `most` pending and failed messages, latest first.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn list(&self, most: i64) -> Result<Vec<Listed>, Fault> {
        self.db.read(move |db| store::list(db, most)).await
    }

    /// # Errors
    /// When the database is unavailable.
    pub async fn find(&self, id: MailId) -> Result<Option<Listed>, Fault> {
        self.db.read(move |db| store::find(db, id)).await
    }

    /// How many messages are pending, and how many have failed.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn count(&self) -> Result<(i64, i64), Fault> {
        self.db.read(|db| store::count(db)).await
    }

    /// Sends a message again now. `false` without such a message, or while it is being sent.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn retry(&self, id: MailId) -> Result<bool, Fault> {
        self.db
            .write(move |tx| {
                let now = tx.now();
                let is_due = store::retry(tx, id, now)?;
                if is_due {
                    tx.record(Event::done(Action::RetryMail).on("message", id));
                }
                Ok(is_due)
            })
            .await
    }

    /// Deletes a message without sending it. `false` without such a message.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn delete(&self, id: MailId) -> Result<bool, Fault> {
        self.db
            .write(move |tx| {
                let is_deleted = store::delete(tx, id)?;
                if is_deleted {
                    tx.record(Event::done(Action::DeleteMail).on("message", id));
                }
                Ok(is_deleted)
            })
            .await
    }
}
