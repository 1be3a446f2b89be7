//! Refresh tokens: opaque, derived, never stored.
//!
//! base64url(session id ‖ generation ‖ HMAC-SHA-256(key, id ‖ generation ‖ seed)). The key comes
//! from the instance's secret, the seed from the session's row: neither alone makes a token. Since
//! any generation can be computed again, parallel requests get the same successor, and a token of
//! an older generation is distinguished from a forgery.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::base::ids::SessionId;
use crate::base::secret::{InstanceSecret, Purpose};

/// How long requests that were sent before the token changed may use the old one.
pub const GRACE_SECONDS: i64 = 10;
const MAC_BYTES: usize = 32;
const BYTES: usize = 16 + 8 + MAC_BYTES;

pub type Seed = [u8; 32];

#[derive(Clone)]
pub struct Refresh(hmac::Key);

/// A token as it was sent; not verified.
pub struct Presented {
    pub session: SessionId,
    generation: i64,
    mac: [u8; MAC_BYTES],
}

#[derive(Debug, PartialEq, Eq)]
pub enum Age {
    Current,
    InGrace,
    Reused,
}

impl Refresh {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(secret.mac_key(Purpose::RefreshTokens))
    }

    pub fn token(&self, session: SessionId, generation: i64, seed: &Seed) -> SecretString {
        let mac = self.mac(session, generation, seed);
        let bytes = [
            session.as_bytes(),
            generation.to_be_bytes().as_slice(),
            mac.as_ref(),
        ]
        .concat();
        SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn is_genuine(&self, presented: &Presented, seed: &Seed) -> bool {
        let mac = self.mac(presented.session, presented.generation, seed);
        constant_time::verify_slices_are_equal(mac.as_ref(), &presented.mac).is_ok()
    }

    fn mac(&self, session: SessionId, generation: i64, seed: &Seed) -> hmac::Tag {
        let message = [
            session.as_bytes(),
            generation.to_be_bytes().as_slice(),
            seed,
        ]
        .concat();
        hmac::sign(&self.0, &message)
    }
}

impl Presented {
    pub fn parse(token: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<8>()?;
        Some(Self {
            session: SessionId::from_bytes(*session),
            generation: i64::from_be_bytes(*generation),
            mac: mac.try_into().ok()?,
        })
    }

    /// The age of a genuine token, in a session that is at `current` since `seconds` ago.
    pub fn age(&self, current: i64, seconds: i64) -> Age {
        if self.generation == current {
            Age::Current
        } else if self.generation + 1 == current
            && (-GRACE_SECONDS..GRACE_SECONDS).contains(&seconds)
        {
            Age::InGrace
        } else {
            Age::Reused
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_genuine_for_its_own_session_generation_and_seed() {
        let refresh = Refresh::new(&InstanceSecret::generate());
        let (session, seed) = (SessionId::new(), [7; 32]);
        let token = refresh.token(session, 3, &seed);
        let presented = Presented::parse(token.expose_secret()).unwrap();
        assert!(presented.session == session && refresh.is_genuine(&presented, &seed));
        assert!(!refresh.is_genuine(&presented, &[8; 32]));
        assert!(!refresh.is_genuine(
            &Presented {
                generation: 4,
                ..presented
            },
            &seed
        ));
        assert!(
            !Refresh::new(&InstanceSecret::generate())
                .is_genuine(&Presented::parse(token.expose_secret()).unwrap(), &seed)
        );
    }

    #[test]
    fn an_old_token_has_ten_seconds() {
        let presented = |generation| Presented {
            session: SessionId::new(),
            generation,
            mac: [0; 32],
        };
        assert_eq!(presented(5).age(5, 1_000), Age::Current);
        assert_eq!(presented(4).age(5, 9), Age::InGrace);
        assert_eq!(presented(4).age(5, 10), Age::Reused);
        assert_eq!(presented(3).age(5, 0), Age::Reused);
    }

    #[test]
    fn malformed_text_is_not_a_token() {
        for bad in ["", "a", "=", &"A".repeat(76), &"A".repeat(74)] {
            assert!(Presented::parse(bad).is_none(), "{bad:?}");
        }
    }

    fn spelled(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn spelled_again(read: &Presented) -> String {
        let generation = read.generation.to_be_bytes();
        spelled(&[read.session.as_bytes(), generation.as_slice(), &read.mac].concat())
    }

    proptest! {
        #[test]
        fn a_token_has_one_spelling(
            bytes in vec(any::<u8>(), BYTES),
            at in 0..75_usize,
            letter in "[A-Za-z0-9_=+/-]",
        ) {
            let mut text = spelled(&bytes);
            prop_assert_eq!(spelled_again(&Presented::parse(&text).unwrap()), text.as_str());
            // The last letter has two unused bits, which must not allow a second spelling of the
            // token.
            for at in [at, text.len() - 1] {
                text.replace_range(at..=at, &letter);
                if let Some(read) = Presented::parse(&text) {
                    prop_assert_eq!(spelled_again(&read), text.as_str());
                }
            }
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(text in ".*|[A-Za-z0-9_-]{70,80}=?") {
            if let Some(read) = Presented::parse(&text) {
                prop_assert_eq!(spelled_again(&read), text);
            }
        }
    }
}
