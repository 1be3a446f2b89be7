//! Keys that are known for a time, in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Some 3 MB of 16-byte keys.
const KEYS_MAX: usize = 32_768;
/// A sweep of expired keys reads all keys. While the map is full, one sweep is done for this many
/// new keys.
const SWEPT_EACH: usize = KEYS_MAX / 16;

/// Keys, each with the time until which it is known. A key that finds no room is forgotten at once.
/// Times are in a unit of the caller's.
pub struct Recent<K>(Mutex<Keys<K>>);

struct Keys<K> {
    until: HashMap<K, i64>,
    /// New keys since the map became full.
    without_room: usize,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::new(Keys {
            until: HashMap::new(),
            without_room: 0,
        }))
    }
}

impl<K: Eq + Hash> Keys<K> {
    /// Whether the key was stored.
    fn insert(&mut self, key: K, until: i64, now: i64) -> bool {
        if self.until.len() >= KEYS_MAX && !self.until.contains_key(&key) {
            if self.without_room.is_multiple_of(SWEPT_EACH) {
                self.until.retain(|_, until| *until > now);
            }
            if self.until.len() >= KEYS_MAX {
                self.without_room += 1;
                return false;
            }
        }
        self.without_room = 0;
        self.until.insert(key, until);
        true
    }
}

impl<K: Eq + Hash> Recent<K> {
    fn keys(&self) -> MutexGuard<'_, Keys<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a key is known; `None` if it is not, or that time is over.
    pub fn until(&self, key: &K, now: i64) -> Option<i64> {
        let until = self.keys().until.get(key).copied();
        until.filter(|until| *until > now)
    }

    pub fn insert(&self, key: K, until: i64, now: i64) {
        self.keys().insert(key, until, now);
    }

    /// Whether a key is not known; then it is known until `until`. A key without room counts as
    /// known.
    pub fn is_first(&self, key: K, now: i64, until: i64) -> bool {
        let mut keys = self.keys();
        let is_known = keys.until.get(&key).is_some_and(|until| *until > now);
        !is_known && keys.insert(key, until, now)
    }

    /// How many keys are known.
    pub fn count(&self, now: i64) -> usize {
        let keys = self.keys();
        keys.until.values().filter(|until| **until > now).count()
    }

    pub fn remove(&self, key: &K) {
        self.keys().until.remove(key);
    }

    pub fn clear(&self) {
        self.keys().until.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_first_once_in_a_time() {
        let recent = Recent::default();
        assert!(recent.is_first("a", 0, 10));
        assert!(!recent.is_first("a", 9, 19));
        assert!(recent.is_first("b", 9, 19));
        assert!(recent.is_first("a", 10, 20));
        assert!(!recent.is_first("a", 19, 29));
        assert_eq!(recent.until(&"a", 19), Some(20));
        assert_eq!((recent.until(&"a", 20), recent.count(18)), (None, 2));
    }

    #[test]
    fn there_are_never_too_many_keys() {
        let recent = Recent::default();
        let first = |from, now| {
            let keys = from..from + 2 * KEYS_MAX;
            keys.filter(|key| recent.is_first(*key, now, now + 10))
                .count()
        };
        assert_eq!(first(0, 0), KEYS_MAX);
        assert_eq!(first(KEYS_MAX, 9), 0);
        // The first new keys find no room, until the others' time is found to be over.
        let later = first(2 * KEYS_MAX, 10);
        assert!(
            (KEYS_MAX - SWEPT_EACH..=KEYS_MAX).contains(&later),
            "{later}"
        );
    }
}
