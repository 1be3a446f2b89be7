//! Requests that are sent again must not make the same thing twice
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! A key is claimed in the transaction that makes the thing, so that either both are there or
//! neither. It belongs to the account, and nobody else can meet it; that of a sign-up belongs to
//! the account that it makes.

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

/// A request that makes something, as its sender named it.
#[derive(Clone)]
pub struct Once {
    key: String,
    /// SHA-256 of what was asked for.
    fingerprint: [u8; 32],
}

impl Once {
    /// `None` for a key that is not 1 to 64 visible characters of ASCII. A fast hash of `what` is
    /// stored, at which whoever has the database can guess: nothing secret may be in it.
    pub fn new(key: &str, method: &str, path: &str, what: &[u8]) -> Option<Self> {
        let good = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", what] {
            hash.update(part);
        }
        let fingerprint = hash.finish().as_ref().try_into().ok()?;
        good.then(|| Self {
            key: key.to_owned(),
            fingerprint,
        })
    }
}

/// Without the key: its sender may have put anything there.
impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

/// What a key is good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was new: go on and make the thing.
    First,
    /// The same request has made this, by its id.
    Again(String),
    /// Another request has used it.
    Reused,
}

fn oldest_kept(now: UnixSeconds) -> UnixSeconds {
    now - KEPT_HOURS * 3600
}
