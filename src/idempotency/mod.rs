//! A repeated request must not create an object twice (draft-ietf-httpapi-idempotency-key-header).
//!
//! A key is claimed in the transaction that creates the object, so that both are stored or neither.
//! It belongs to one account; the key of a sign-up belongs to the account that the sign-up creates.

mod store;

use std::fmt;

use aws_lc_rs::digest;

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::storage::AnyConnection;
pub use store::{claim, forget, look};

pub const KEY_MAX: usize = 64;
pub const KEPT_HOURS: i64 = 24;

/// The `Idempotency-Key` of a request that creates an object.
#[derive(Clone)]
pub struct IdempotencyKey {
    text: String,
    /// SHA-256 of the request's content.
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// `None` for a key that is not 1 to 64 visible characters of ASCII. A fast hash of `what` is
    /// stored, which can be guessed from a copy of the database: `what` must hold no secret.
    pub fn new(key: &str, method: &str, path: &str, what: &[u8]) -> Option<Self> {
        let good = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", what] {
            hash.update(part);
        }
        let fingerprint = hash.finish().as_ref().try_into().ok()?;
        good.then(|| Self {
            text: key.to_owned(),
            fingerprint,
        })
    }

    /// The key as it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Without the key: it may contain a secret.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey")
    }
}

/// The result of looking up a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// No request has used it: create the object.
    New,
    /// The same request has created the object with this id.
    Replay(String),
    /// A different request has used it.
    Mismatch,
}

fn oldest_kept(now: UnixSeconds) -> UnixSeconds {
    now - KEPT_HOURS * 3600
}
