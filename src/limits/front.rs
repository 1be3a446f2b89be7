//! The keys that are known to be over their budget, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Key, Millis};

/// Some 3 MB at most. The database answers for keys that do not fit.
const KEYS_MAX: usize = 32_768;

#[derive(Default)]
pub struct Front(Mutex<HashMap<Key, Millis>>);

impl Front {
    /// When a key has a unit again; `None` if that is unknown, or already past.
    pub fn until(&self, key: Key, now: Millis) -> Option<Millis> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&key).copied().filter(|until| *until > now)
    }

    pub fn insert(&self, key: Key, until: Millis, now: Millis) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.retain(|_, until| *until > now);
        }
        if keys.len() < KEYS_MAX || keys.contains_key(&key) {
            keys.insert(key, until);
        }
    }

    pub fn clear(&self) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.clear();
    }

    /// How many keys have no unit.
    pub fn count(&self, now: Millis) -> usize {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.values().filter(|until| **until > now).count()
    }

    pub fn remove(&self, key: Key) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&key);
    }
}
