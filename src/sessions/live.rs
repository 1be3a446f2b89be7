//! What this server knows of sessions without asking the database: verified tokens, and which
//! sessions have ended.
//!
//! Another server's sign-outs are read twice a second, and its changes of the keys with them. When the database has been away for
//! longer than [`BLIND_AFTER`], nobody is let in: a session that was ended elsewhere must not
//! go on here. Only what could still be alive is held.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use aws_lc_rs::digest;

use super::{Identity, store};
use crate::accounts;
use crate::base::clock::{Clock, Stopwatch, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::idempotency;
use crate::storage::{AnyConnection, Db};
use crate::tokens::Tokens;

const LOOK_EVERY: Duration = Duration::from_millis(500);
pub const BLIND_AFTER: Duration = Duration::from_secs(5);
/// How far other servers' clocks may be off, and how long a commit may take.
const OVERLAP_SECONDS: i64 = 60;
/// Between lines in the log that say that it could not be read.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Some 2 kB each.
const TOKENS_KEPT: usize = 2_000;
const FORGET_AFTER_DAYS: i64 = 30;
/// By then every server has heard that a deleted account's sessions have ended.
const DELETED_KEPT_HOURS: i64 = 24;
const FORGOTTEN_AT_ONCE: i64 = 500;

pub struct Live {
    /// With the version of the key ring by which each was verified.
    verified: quick_cache::sync::Cache<Key, (u64, Arc<Identity>)>,
    ended: RwLock<Ended>,
    access_seconds: i64,
    db: Db,
}

/// The SHA-256 of a whole token: what cannot be turned back into one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

struct Ended {
    at: HashMap<SessionId, UnixSeconds>,
    /// When the table was last read, by the clock and by what cannot be set.
    read_at: UnixSeconds,
    read: Stopwatch,
}

impl Live {
    /// Reads what has ended lately, and keeps reading until nobody holds the result any more.
    pub async fn watch(db: Db, clock: Clock, tokens: Tokens) -> Result<Arc<Self>, Fault> {
        let access_seconds = tokens.access_seconds();
        let never = clock.now() - access_seconds;
        let live = Arc::new(Self {
            verified: quick_cache::sync::Cache::new(TOKENS_KEPT),
            ended: RwLock::new(Ended {
                at: HashMap::new(),
                read_at: never,
                read: Stopwatch::start(),
            }),
            access_seconds,
            db: db.clone(),
        });
        live.look(&db, clock.now()).await?;
        tokio::spawn(keep_looking(Arc::downgrade(&live), db, clock, tokens));
        Ok(live)
    }

    /// Who holds the token, if it was verified by this version of the key ring.
    pub fn find(&self, key: &Key, keys_version: u64) -> Option<Arc<Identity>> {
        let (version, identity) = self.verified.get(key)?;
        (version == keys_version).then_some(identity)
    }

    pub fn keep(&self, key: Key, keys_version: u64, identity: Arc<Identity>) -> Arc<Identity> {
        self.verified.insert(key, (keys_version, identity.clone()));
        identity
    }

    /// # Errors
    /// When the database has been away for too long to know.
    pub fn has_ended(&self, session: SessionId) -> Result<bool, Fault> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if ended.read.elapsed() > BLIND_AFTER {
            let why = "it could not be read for five seconds";
            return Err(Fault::away("which sessions have ended is not known", why));
        }
        // What was acknowledged may be in a file that nobody will find again.
        if self.db.is_replaced() {
            let why = "the database file was taken away";
            return Err(Fault::away("which sessions have ended is not known", why));
        }
        Ok(ended.at.contains_key(&session))
    }

    /// Felt by the very next request.
    pub fn end(&self, session: SessionId, now: UnixSeconds) {
        self.ended
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .at
            .insert(session, now);
    }

    /// Reads what has ended since the last look, however long ago that was.
    async fn look(&self, db: &Db, now: UnixSeconds) -> Result<(), Fault> {
        let started = Stopwatch::start();
        let before = self
            .ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .read_at;
        let since = before.min(now) - OVERLAP_SECONDS;
        let looking = db.read(move |db| store::ended_since(db, since));
        let lately = tokio::time::timeout(BLIND_AFTER, looking)
            .await
            .unwrap_or_else(|_| Err(Fault::new("the database does not answer")))?;
        let oldest = now - self.access_seconds - OVERLAP_SECONDS;
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.at.extend(lately);
        let old: Vec<_> = ended
            .at
            .extract_if(|_, at| *at < oldest)
            .map(|(id, _)| id)
            .collect();
        if !old.is_empty() {
            // Its tokens have expired. Should the clock go back, the row will have to be asked.
            self.verified
                .retain(|_, (_, identity)| !old.contains(&identity.session));
        }
        (ended.read_at, ended.read) = (now, started);
        Ok(())
    }
}

async fn keep_looking(live: Weak<Live>, db: Db, clock: Clock, tokens: Tokens) {
    let (mut since_forgetting, mut told): (Option<Stopwatch>, Option<Stopwatch>) = (None, None);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(live) = live.upgrade() else { return };
        // Which keys are believed is as good a reason to let nobody in as what has ended.
        let keys = tokio::time::timeout(BLIND_AFTER, tokens.keep_keys(&db)).await;
        let keys = keys.unwrap_or_else(|_| Err(Fault::new("the database does not answer")));
        let read = match keys {
            Ok(()) => live.look(&db, clock.now()).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = read {
            // Not twice a second.
            if told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
                tracing::error!(%fault, "ended sessions and signing keys cannot be read");
                told = Some(Stopwatch::start());
            }
            continue;
        }
        told = None;
        if since_forgetting.is_none_or(|since| since.elapsed() > Duration::from_secs(3600)) {
            // Beside this, which must not wait for anybody.
            tokio::spawn(forget(db.clone(), clock.now()));
            since_forgetting = Some(Stopwatch::start());
        }
    }
}

async fn forget(db: Db, now: UnixSeconds) {
    type Forget = fn(&mut AnyConnection, UnixSeconds, i64) -> Result<usize, Fault>;
    let all: [(Forget, UnixSeconds); 4] = [
        (store::forget, now - FORGET_AFTER_DAYS * 86_400),
        (store::forget_links, now),
        (idempotency::forget, now),
        (accounts::forget, now - DELETED_KEPT_HOURS * 3600),
    ];
    for (forget, moment) in all {
        // In small bites: whoever else writes has to wait for each.
        loop {
            match db
                .write_on_full_disk(move |tx| forget(tx, moment, FORGOTTEN_AT_ONCE))
                .await
            {
                Ok(0) => break,
                Ok(_) => {}
                Err(fault) => {
                    tracing::error!(%fault, "what is old cannot be forgotten");
                    break;
                }
            }
        }
    }
}
