//! The key ring: the signing key, the next one, and those that still verify.
//!
//! All servers of a database share it. A key's state follows from the time alone: it is *next*
//! until its `active_at`, *active* until its successor's, then *retired* until the last token that
//! it can have signed has expired, and then deleted. A next key always exists, so that programs
//! that cache our public keys have it long before it signs.

use std::sync::Arc;

use aws_lc_rs::digest;
use jsonwebtoken::jwk::JwkSet;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::claims::LONGEST_SECONDS;
use super::key::{KeyEncryption, RingKey, SigningKey};
use super::store;
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::config::{SigningAlgorithm, TokensConfig};
use crate::storage::{self, AnyConnection, Tx};

/// How long a key signs.
pub const KEY_DAYS: i64 = 90;
/// How long programs may cache our public keys.
pub const PUBLISHED_SECONDS: i64 = 300;
/// A key is published at least this long before it signs.
const AHEAD_SECONDS: i64 = 2 * PUBLISHED_SECONDS;
/// Every server has read a change of the ring by then.
const HEARD_SECONDS: i64 = 60;
const DAY: i64 = 86_400;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Next,
    Active,
    Retired,
}

impl KeyState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// A key as shown to an operator.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub id: KeyId,
    pub algorithm: SigningAlgorithm,
    pub state: KeyState,
    pub active_at: UnixSeconds,
    /// When it stops verifying; `None` while it has no successor.
    pub ends_at: Option<UnixSeconds>,
}

/// What happens to the previous keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviousKeys {
    /// They verify until the tokens that they signed have expired.
    Retire,
    /// They are deleted: the tokens that they signed are refused.
    Revoke,
}

/// The public keys as they are published (RFC 7517, section 5).
#[derive(Clone, Debug)]
pub struct PublicKeys {
    pub json: Arc<str>,
    /// The entity tag, which changes with the content.
    pub etag: Arc<str>,
}

/// Never empty.
pub struct Ring {
    keys: Vec<RingKey>,
    published: PublicKeys,
}

impl Ring {
    pub fn load(db: &mut AnyConnection, encryption: &KeyEncryption) -> Result<Self, Fault> {
        Self::of(store::load(db, encryption)?)
    }

    /// Takes keys in the order of their `active_at`.
    pub fn of(keys: Vec<RingKey>) -> Result<Self, Fault> {
        if keys.is_empty() {
            return Err(Fault::new(
                "there are no signing keys yet: a server makes them when it first starts",
            ));
        }
        let public = keys.iter().filter_map(|key| key.key.public().cloned());
        let set = JwkSet {
            keys: public.collect(),
        };
        let json = serde_json::to_string(&set)
            .map_err(|error| Fault::caused("write the public keys", error))?;
        let digest = digest::digest(&digest::SHA256, json.as_bytes());
        let etag: String = digest.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let published = PublicKeys {
            json: json.into(),
            etag: format!("\"{etag}\"").into(),
        };
        Ok(Self { keys, published })
    }

    pub fn is(&self, listed: &[(String, UnixSeconds)]) -> bool {
        let same = |(key, (id, active_at)): (&RingKey, &(String, UnixSeconds))| {
            key.active_at == *active_at && key.key.id().to_string() == *id
        };
        self.keys.len() == listed.len() && self.keys.iter().zip(listed).all(same)
    }

    pub fn published(&self) -> &PublicKeys {
        &self.published
    }

    /// The key that signs.
    pub fn active(&self, now: UnixSeconds) -> &SigningKey {
        &self.keys[self.active_at(now)].key
    }

    /// A key that verifies. The next key verifies too: another server may have made it active.
    pub fn find(&self, id: KeyId, now: UnixSeconds) -> Option<&SigningKey> {
        let at = self.keys.iter().position(|key| key.key.id() == id)?;
        (!self.has_ended(at, now)).then(|| &self.keys[at].key)
    }

    /// Until when a key signs, plus a margin, because another server may read its successor later,
    /// or its clock may be behind. `None` for the last key.
    pub fn signs_until(&self, id: KeyId) -> Option<UnixSeconds> {
        let at = self.keys.iter().position(|key| key.key.id() == id)?;
        Some(self.keys.get(at + 1)?.active_at + HEARD_SECONDS)
    }

    pub fn list(&self, now: UnixSeconds) -> Vec<ListedKey> {
        let active = self.active_at(now);
        let keys = self.keys.iter().enumerate();
        keys.map(|(at, key)| ListedKey {
            id: key.key.id(),
            algorithm: key.key.algorithm(),
            state: match at {
                _ if at > active => KeyState::Next,
                _ if at == active => KeyState::Active,
                _ => KeyState::Retired,
            },
            active_at: key.active_at,
            ends_at: self.ends_at(at),
        })
        .collect()
    }

    /// The index of the active key: the last that is due. If the clock went back before all of
    /// them, the first.
    fn active_at(&self, now: UnixSeconds) -> usize {
        let due = self.keys.iter().rposition(|key| key.active_at <= now);
        due.unwrap_or(0)
    }

    fn ends_at(&self, at: usize) -> Option<UnixSeconds> {
        let successor = self.keys.get(at + 1)?;
        Some(successor.active_at + LONGEST_SECONDS)
    }

    fn has_ended(&self, at: usize, now: UnixSeconds) -> bool {
        self.ends_at(at).is_some_and(|end| end <= now)
    }

    /// Whether [`keep_up`] has work to do.
    pub fn is_due(&self, now: UnixSeconds) -> bool {
        self.has_ended(0, now) || self.lacks_next(now)
    }

    /// A shared secret is changed in the settings of those who share it, so it has no next key.
    fn lacks_next(&self, now: UnixSeconds) -> bool {
        let active = self.active_at(now);
        active + 1 == self.keys.len()
            && self.keys[active].key.algorithm() != SigningAlgorithm::Hs256
    }
}

/// Makes the key that the settings require: the first key, a key of another algorithm, a shared
/// secret. It signs at once, and the next key is deleted.
pub fn adopt(
    tx: &mut Tx<'_>,
    encryption: &KeyEncryption,
    config: &TokensConfig,
) -> Result<Ring, Fault> {
    storage::one_at_a_time(tx)?;
    let now = tx.now();
    let keys = store::load(tx, encryption)?;
    let ring = Ring::of(keys).ok();
    let fits = ring.as_ref().is_some_and(|ring| {
        let active = &ring.keys[ring.active_at(now)];
        active.key.algorithm() == config.algorithm
            && (config.algorithm != SigningAlgorithm::Hs256
                || config
                    .hmac_secret
                    .as_ref()
                    .is_some_and(|secret| is_key(secret, active)))
    });
    if !fits {
        // Two keys never start to sign in the same second: their order would be lost.
        let before = ring.as_ref().map(|ring| &ring.keys[ring.active_at(now)]);
        if let Some(before) = before.filter(|before| before.active_at >= now) {
            store::set_active_at(tx, before.key.id(), now - 1)?;
        }
        // A replaced shared secret may be known to others: its tokens are refused at once. A secret
        // that was replaced by another algorithm retires like every key.
        let secret = config.hmac_secret.as_ref();
        for old in ring.iter().flat_map(|ring| &ring.keys) {
            if config.algorithm == SigningAlgorithm::Hs256
                && old.key.algorithm() == SigningAlgorithm::Hs256
                && !secret.is_some_and(|secret| is_key(secret, old))
            {
                delete(tx, old.key.id())?;
            }
        }
        for next in ring
            .iter()
            .flat_map(|ring| &ring.keys[ring.active_at(now) + 1..])
        {
            delete(tx, next.key.id())?;
        }
        let new = match (config.algorithm, &config.hmac_secret) {
            (SigningAlgorithm::Hs256, Some(secret)) => shared(secret, now)?,
            (algorithm, _) => made(algorithm, now, now)?,
        };
        insert(tx, encryption, &new)?;
    }
    keep_up(tx, encryption)
}

/// Deletes the keys whose last token has expired, and makes the next key if there is none.
pub fn keep_up(tx: &mut Tx<'_>, encryption: &KeyEncryption) -> Result<Ring, Fault> {
    storage::one_at_a_time(tx)?;
    let now = tx.now();
    let ring = Ring::load(tx, encryption)?;
    if !ring.is_due(now) {
        return Ok(ring);
    }
    for (at, key) in ring.keys.iter().enumerate() {
        if ring.has_ended(at, now) {
            delete(tx, key.key.id())?;
        }
    }
    if ring.lacks_next(now) {
        let active = &ring.keys[ring.active_at(now)];
        let due = active.active_at + KEY_DAYS * DAY;
        let next = made(active.key.algorithm(), now, due.max(now + AHEAD_SECONDS))?;
        insert(tx, encryption, &next)?;
    }
    Ring::load(tx, encryption)
}

/// Makes the next key active: now, or as soon as it has been published for long enough. With
/// [`PreviousKeys::Revoke`] always now, and the other keys are deleted.
///
/// # Errors
/// If there is no next key: no key exists yet, or the key is a shared secret.
pub fn rotate(
    tx: &mut Tx<'_>,
    encryption: &KeyEncryption,
    previous: PreviousKeys,
) -> Result<Ring, Fault> {
    let ring = keep_up(tx, encryption)?;
    let now = tx.now();
    let Some(next) = ring.keys.get(ring.active_at(now) + 1) else {
        return Err(Fault::new(
            "the key is a secret that others share: change tokens.hmac_secret here and there, \
             and start the server again",
        ));
    };
    let active_at = match previous {
        PreviousKeys::Retire => now.max(next.created_at + AHEAD_SECONDS),
        PreviousKeys::Revoke => now,
    };
    store::set_active_at(tx, next.key.id(), active_at)?;
    let previous_keys = match previous {
        PreviousKeys::Retire => "retired",
        PreviousKeys::Revoke => "revoked",
    };
    tx.record(
        Event::done(Action::RotateKeys)
            .on("key", next.key.id())
            .with("previous", previous_keys),
    );
    if previous == PreviousKeys::Revoke {
        for key in ring.keys.iter().filter(|key| key.key.id() != next.key.id()) {
            delete(tx, key.key.id())?;
        }
    }
    keep_up(tx, encryption)
}

fn insert(tx: &mut Tx<'_>, encryption: &KeyEncryption, new: &RingKey) -> Result<(), Fault> {
    let algorithm = new.key.algorithm().as_str();
    let made = Event::done(Action::MakeKey).on("key", new.key.id());
    tx.record(made.with("algorithm", algorithm));
    store::insert(tx, encryption, new)
}

fn delete(tx: &mut Tx<'_>, id: KeyId) -> Result<(), Fault> {
    tx.record(Event::done(Action::DeleteKey).on("key", id));
    store::delete(tx, id)
}

fn is_key(secret: &SecretString, key: &RingKey) -> bool {
    secret.expose_secret().as_bytes() == key.private.as_slice()
}

fn made(
    algorithm: SigningAlgorithm,
    now: UnixSeconds,
    active_at: UnixSeconds,
) -> Result<RingKey, Fault> {
    ring_key(algorithm, SigningKey::generate(algorithm)?, now, active_at)
}

fn shared(secret: &SecretString, now: UnixSeconds) -> Result<RingKey, Fault> {
    let private = Zeroizing::new(secret.expose_secret().as_bytes().to_vec());
    ring_key(SigningAlgorithm::Hs256, private, now, now)
}

fn ring_key(
    algorithm: SigningAlgorithm,
    private: Zeroizing<Vec<u8>>,
    created_at: UnixSeconds,
    active_at: UnixSeconds,
) -> Result<RingKey, Fault> {
    Ok(RingKey {
        key: SigningKey::read(KeyId::new(), algorithm, &private)?,
        private,
        created_at,
        active_at,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_800_000_000;

    /// A ring of new keys that sign from these times on.
    pub fn ring(algorithm: SigningAlgorithm, active_at: &[UnixSeconds]) -> Ring {
        let keys = active_at.iter().map(|at| {
            let private = match algorithm {
                SigningAlgorithm::Hs256 => {
                    Zeroizing::new(crate::base::random::bytes::<32>().to_vec())
                }
                _ => SigningKey::generate(algorithm).unwrap(),
            };
            ring_key(algorithm, private, *at, *at).unwrap()
        });
        Ring::of(keys.collect()).unwrap()
    }

    #[test]
    fn a_key_is_next_then_active_then_retired_then_forgotten() {
        let ring = ring(SigningAlgorithm::EdDsa, &[NOW, NOW + 1000]);
        let states = |at| {
            let listed = ring.list(at);
            (listed[0].state, listed[1].state)
        };
        assert_eq!(states(NOW), (KeyState::Active, KeyState::Next));
        assert_eq!(states(NOW + 999), (KeyState::Active, KeyState::Next));
        assert_eq!(states(NOW + 1000), (KeyState::Retired, KeyState::Active));
        let first = ring.keys[0].key.id();
        assert_eq!(ring.active(NOW + 999).id(), first);
        assert_ne!(ring.active(NOW + 1000).id(), first);
        let end = NOW + 1000 + LONGEST_SECONDS;
        assert!(ring.find(first, end - 1).is_some());
        assert!(ring.find(first, end).is_none());
        assert!(ring.find(KeyId::new(), NOW).is_none());
    }

    #[test]
    fn the_next_key_is_believed_before_it_signs_and_a_clock_that_went_back_signs_with_the_first() {
        let ring = ring(SigningAlgorithm::EdDsa, &[NOW, NOW + 1000]);
        assert!(ring.find(ring.keys[1].key.id(), NOW).is_some());
        assert_eq!(ring.active(NOW - 5).id(), ring.keys[0].key.id());
    }

    #[test]
    fn the_public_keys_hold_every_key_but_a_shared_secret() {
        let two = ring(SigningAlgorithm::Es256, &[NOW, NOW + 1000]);
        let json: serde_json::Value = serde_json::from_str(&two.published().json).unwrap();
        assert_eq!(json["keys"].as_array().unwrap().len(), 2);
        let shared = ring(SigningAlgorithm::Hs256, &[NOW]);
        assert_eq!(&*shared.published().json, r#"{"keys":[]}"#);
    }
}
