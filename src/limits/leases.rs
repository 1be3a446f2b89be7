//! Units that this server has taken from rows and not handed out yet. They are lost when the server
//! ends: this allows less than the budget, never more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Key, Millis};

const KEYS_MAX: usize = 16_384;

struct Lease {
    left: i64,
    ends: Millis,
}

#[derive(Default)]
pub struct Leases(Mutex<HashMap<Key, Lease>>);

impl Leases {
    /// Hands out one unit, if one is left.
    pub fn spend(&self, key: Key, now: Millis) -> bool {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match leases.get_mut(&key) {
            Some(lease) if lease.left > 0 && lease.ends > now => {
                lease.left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Adds units, which expire at `ends`.
    pub fn insert(&self, key: Key, units: i64, ends: Millis, now: Millis) {
        if units == 0 {
            return;
        }
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.len() >= KEYS_MAX {
            leases.retain(|_, lease| lease.left > 0 && lease.ends > now);
        }
        if leases.len() < KEYS_MAX || leases.contains_key(&key) {
            let lease = leases.entry(key).or_insert(Lease { left: 0, ends });
            lease.left += units;
            lease.ends = ends;
        }
    }
}
