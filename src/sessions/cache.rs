//! The sessions in this server's memory: verified tokens, and which sessions have ended.
//!
//! Sign-outs on other servers are read twice a second (`jobs.rs`), with changes of the keys. When
//! the database has been unavailable for longer than [`BLIND_AFTER`], every request is refused: a
//! session that was ended elsewhere must not continue here. Entries are dropped when their tokens
//! have expired.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest;

use super::{Identity, store};
use crate::base::clock::{Clock, Stopwatch, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::base::metrics::Counter;
use crate::storage::Db;
use crate::tokens::Tokens;

pub const LOOK_EVERY: Duration = Duration::from_millis(500);
pub const BLIND_AFTER: Duration = Duration::from_secs(5);
/// How far other servers' clocks may be off, plus the longest commit.
const OVERLAP_SECONDS: i64 = 60;
/// Some 2 kB each.
const TOKENS_KEPT: usize = 2_000;

pub struct SessionCache {
    /// Verified tokens, each with the version of the key ring that verified it.
    verified: quick_cache::sync::Cache<Key, (u64, Arc<Identity>)>,
    ended: RwLock<EndedSessions>,
    access_seconds: i64,
    db: Db,
    pub figures: Figures,
}

/// Counts of this server's operations on sessions.
#[derive(Default)]
pub struct Figures {
    pub started: Counter,
    pub renewed: Counter,
    pub ended: Counter,
}

/// The SHA-256 of a whole token, from which the token cannot be computed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

struct EndedSessions {
    at: HashMap<SessionId, UnixSeconds>,
    /// When the table was last read, by the clock and by a monotonic one.
    read_at: UnixSeconds,
    read: Stopwatch,
}

impl SessionCache {
    /// Reads which sessions have recently ended.
    pub async fn open(db: Db, clock: &Clock, tokens: &Tokens) -> Result<Arc<Self>, Fault> {
        let access_seconds = tokens.access_seconds();
        let never = clock.now() - access_seconds;
        let cache = Arc::new(Self {
            verified: quick_cache::sync::Cache::new(TOKENS_KEPT),
            ended: RwLock::new(EndedSessions {
                at: HashMap::new(),
                read_at: never,
                read: Stopwatch::start(),
            }),
            access_seconds,
            db,
            figures: Figures::default(),
        });
        cache.look(clock.now()).await?;
        Ok(cache)
    }

    /// The identity of a token that was verified by this version of the key ring.
    pub fn find(&self, key: &Key, keys_version: u64) -> Option<Arc<Identity>> {
        let (version, identity) = self.verified.get(key)?;
        (version == keys_version).then_some(identity)
    }

    pub fn keep(&self, key: Key, keys_version: u64, identity: Arc<Identity>) -> Arc<Identity> {
        self.verified.insert(key, (keys_version, identity.clone()));
        identity
    }

    /// # Errors
    /// When the database has been unavailable for too long.
    pub fn has_ended(&self, session: SessionId) -> Result<bool, Fault> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if ended.read.elapsed() > BLIND_AFTER {
            let why = "it could not be read for five seconds";
            return Err(Fault::unavailable(
                "which sessions have ended is not known",
                why,
            ));
        }
        // Acknowledged changes may be in a file that was lost.
        if self.db.is_replaced() {
            let why = "the database file was taken away";
            return Err(Fault::unavailable(
                "which sessions have ended is not known",
                why,
            ));
        }
        Ok(ended.at.contains_key(&session))
    }

    /// The time since the table was last read.
    pub fn lag(&self) -> Duration {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        ended.read.elapsed()
    }

    /// Takes effect with the next request.
    pub fn end(&self, session: SessionId, now: UnixSeconds) {
        self.figures.ended.count();
        self.ended
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .at
            .insert(session, now);
    }

    /// Reads which sessions have ended since the last read.
    pub async fn look(&self, now: UnixSeconds) -> Result<(), Fault> {
        let started = Stopwatch::start();
        let before = self
            .ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .read_at;
        let since = before.min(now) - OVERLAP_SECONDS;
        let looking = self.db.read(move |db| store::ended_since(db, since));
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
            // Their tokens have expired. If the clock goes back, the row has to be read.
            self.verified
                .retain(|_, (_, identity)| !old.contains(&identity.session));
        }
        (ended.read_at, ended.read) = (now, started);
        Ok(())
    }
}
