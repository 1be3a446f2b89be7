//! Keys of which each counts once in a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Some MB at most.
const KEYS_MAX: usize = 32_768;

/// The keys that were met lately, each with the time from which on it counts again.
pub struct Recent<K>(Mutex<HashMap<K, i64>>);

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Recent<K> {
    /// Whether a key counts now; then it does not count again before `until`, which is in the unit
    /// of `now`. New keys do not count while there are too many.
    pub fn is_first(&self, key: K, now: i64, until: i64) -> bool {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() >= KEYS_MAX {
            met.retain(|_, until| *until > now);
        }
        let is_first = match met.get(&key) {
            Some(until) => *until <= now,
            None => met.len() < KEYS_MAX,
        };
        if is_first {
            met.insert(key, until);
        }
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_once_in_a_time() {
        let recent = Recent::default();
        assert!(recent.is_first("a", 0, 10));
        assert!(!recent.is_first("a", 9, 19));
        assert!(recent.is_first("b", 9, 19));
        assert!(recent.is_first("a", 10, 20));
        assert!(!recent.is_first("a", 19, 29));
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
        assert_eq!(first(0, 10), KEYS_MAX);
    }
}
