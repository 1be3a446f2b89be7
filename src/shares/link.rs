//! The token of a link: 22 characters, of which only a hash is stored.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::base::ids::ShareId;
use crate::base::random;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::idempotency::IdempotencyKey;

const BYTES: usize = 16;
/// The characters that are stored, for the owner to recognize a link by: 104 bits stay secret.
const BEGINS: usize = 4;

/// 128 bits that cannot be guessed, base64url.
pub struct LinkToken(SecretString);

impl LinkToken {
    fn of(bytes: &[u8]) -> Self {
        Self(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub fn random() -> Self {
        Self::of(&random::bytes::<BYTES>())
    }

    pub fn hash(&self) -> Vec<u8> {
        random::token_hash(self.0.expose_secret())
    }

    pub fn begins(&self) -> &str {
        &self.0.expose_secret()[..BEGINS]
    }
}

impl ExposeSecret<str> for LinkToken {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Makes the tokens of requests with an idempotency key: a repeated request is answered with the
/// same link, although only its hash is stored.
pub struct LinkKey(hmac::Key);

impl LinkKey {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(secret.mac_key(Purpose::ShareLinks))
    }

    pub fn token(&self, id: ShareId, key: &IdempotencyKey) -> LinkToken {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(id.as_bytes());
        mac.update(key.text().as_bytes());
        LinkToken::of(&mac.sign().as_ref()[..BYTES])
    }
}
