//! The audit trail: actions and refusals, with actor and address, in a chain of HMACs.
//!
//! Rooms record events in their transactions (`base/event.rs`); this module writes them, lists
//! them, prunes them and verifies the chain. No code changes an event. Note: an attacker with the
//! database alone can still restore the whole database to an earlier state without breaking the
//! chain: only copies that are exported regularly show this.

mod chain;
mod store;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::clock::{Stopwatch, UnixSeconds};
use crate::base::event::{Action, Actor, Event, Outcome};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::printable;
use crate::base::paging::{self, page};
use crate::base::secret::InstanceSecret;
use crate::config::AuditConfig;
use crate::storage::{Db, SearchError, Trail, Tx};
pub use chain::Break;
use chain::{Checker, Keys};
pub use store::Entry;

const DAY: i64 = 86_400;
/// Other writers of events wait for each batch.
const PRUNED_AT_ONCE: i64 = 500;
const READ_AT_ONCE: i64 = 1000;
/// Events of one server that anyone can cause at no cost.
const FREE_EVENTS: usize = 20;
const FREE_EVENTS_EVERY: Duration = Duration::from_secs(60);

/// Which events to list. Every condition that is set has to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The account that acted, or was acted on.
    pub account: Option<AccountId>,
    pub action: Option<Action>,
    pub outcome: Option<Outcome>,
    pub from: Option<UnixSeconds>,
    pub before: Option<UnixSeconds>,
}

/// The events after this one, listed from the latest.
pub type Cursor = paging::Cursor<UnixSeconds, i64>;

/// Writes events into the trail of the instance that has this secret.
pub fn trail(secret: &InstanceSecret) -> Trail {
    let keys = Keys::new(secret);
    Arc::new(move |connection, recorded| store::append(connection, &keys, recorded))
}

#[derive(Clone)]
pub struct Audit {
    db: Db,
    keys: Arc<Keys>,
    keep_days: i64,
    free: Arc<Mutex<FreeEvents>>,
}

/// In the minute that began then.
struct FreeEvents {
    began: Stopwatch,
    recorded: usize,
    others: usize,
}

impl FreeEvents {
    fn none() -> Self {
        Self {
            began: Stopwatch::start(),
            recorded: 0,
            others: 0,
        }
    }

    /// How many were not recorded before this one; `None` if this one is not recorded either.
    fn count(&mut self) -> Option<usize> {
        if self.began.elapsed() >= FREE_EVENTS_EVERY {
            *self = Self {
                others: self.others,
                ..Self::none()
            };
        }
        if self.recorded == FREE_EVENTS {
            self.others += 1;
            return None;
        }
        self.recorded += 1;
        Some(std::mem::take(&mut self.others))
    }
}

impl Audit {
    pub fn new(db: Db, secret: &InstanceSecret, config: &AuditConfig) -> Self {
        Self {
            db,
            keys: Arc::new(Keys::new(secret)),
            keep_days: config.keep_days,
            free: Arc::new(Mutex::new(FreeEvents::none())),
        }
    }

    /// Records a refusal that costs its sender nothing, which a flood could fill the trail with: a
    /// few a minute are recorded, each with the number of those in between.
    pub async fn record_free(&self, event: Event) -> Result<(), Fault> {
        let counted = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.count()
        };
        let Some(others) = counted else {
            return Ok(());
        };
        let event = if others == 0 {
            event
        } else {
            event.with("others", others)
        };
        self.db.record(event).await
    }

    /// The events that match, latest first, and the cursor of the next page.
    pub async fn list(
        &self,
        search: Search,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), SearchError> {
        // For one account or for all, a page is read in the order of an index.
        let is_fast = Search::default()
            == Search {
                account: None,
                ..search.clone()
            };
        let list = move |db: &mut Tx<'_>| store::list(db, &search, after.as_ref(), limit + 1);
        let found = if is_fast {
            self.db.read(list).await?
        } else {
            self.db.search(list).await?
        };
        let found = found.into_iter().map(Entry::printable).collect();
        Ok(page(found, limit, |last| Cursor {
            value: last.at,
            id: last.seq,
        }))
    }

    /// Deletes the events that are older than the settings keep them.
    pub async fn prune(&self) -> Result<(), Fault> {
        if self.keep_days == 0 {
            return Ok(());
        }
        loop {
            let (keys, keep_days) = (self.keys.clone(), self.keep_days);
            let pruned = self.db.write_on_full_disk(move |tx| {
                let now = tx.now();
                store::prune(tx, &keys, now, now - keep_days * DAY, PRUNED_AT_ONCE)
            });
            if pruned.await? == 0 {
                return Ok(());
            }
        }
    }

    /// The events after this number, oldest first. None when there are no more.
    pub async fn read_on(&self, seq: i64) -> Result<Vec<Entry>, Fault> {
        self.db
            .read(move |db| store::read_on(db, seq, READ_AT_ONCE))
            .await
    }

    /// Reads the whole trail and checks the chain. A server may write meanwhile.
    pub async fn verify(&self) -> Result<Verified, Fault> {
        let head = self.db.read(|db| store::head(db)).await?;
        let mut checker = Checker::new(&self.keys, &head);
        let mut after = i64::MIN;
        loop {
            // The head before says which events must exist, the head after which may.
            let (before, batch, behind) = self
                .db
                .read(move |db| {
                    let before = store::head(db)?;
                    let batch = store::read_on(db, after, READ_AT_ONCE)?;
                    Ok::<_, Fault>((before, batch, store::head(db)?))
                })
                .await?;
            let Some(last) = batch.last() else {
                return Ok(checker.finish(&before));
            };
            after = last.seq;
            for entry in &batch {
                checker.read(entry, &behind);
            }
        }
    }
}

/// What [`Audit::verify`] found.
#[derive(Debug)]
pub struct Verified {
    pub events: u64,
    /// The first and the last, with their times.
    pub span: Option<((i64, UnixSeconds), (i64, UnixSeconds))>,
    /// How many were pruned before the first.
    pub pruned: i64,
    /// In the order of the trail; none if it is unbroken.
    pub breaks: Vec<Break>,
}

impl Entry {
    /// As it can be shown. What another program has written may hold any character.
    fn printable(self) -> Self {
        let some = |text: Option<String>| text.as_deref().map(printable);
        Self {
            actor: printable(&self.actor),
            action: printable(&self.action),
            result: printable(&self.result),
            account_id: some(self.account_id),
            target: some(self.target),
            session_id: some(self.session_id),
            address: some(self.address),
            user_agent: some(self.user_agent),
            request_id: some(self.request_id),
            details: printable(&self.details),
            ..self
        }
    }

    pub fn action(&self) -> Option<Action> {
        Action::parse(&self.action)
    }

    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::parse(&self.result)
    }

    pub fn actor(&self) -> Option<Actor> {
        Actor::parse(&self.actor)
    }

    pub fn account(&self) -> Option<AccountId> {
        AccountId::parse(self.account_id.as_deref()?)
    }

    /// As (name, value).
    pub fn details(&self) -> Vec<(String, String)> {
        let details: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.details).unwrap_or_default();
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        details
            .into_iter()
            .map(|(name, value)| (printable(&name), printable(&text(value))))
            .collect()
    }
}
