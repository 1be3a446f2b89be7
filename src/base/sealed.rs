//! Encrypts what is stored in the database: AES-256-GCM, as nonce ‖ ciphertext ‖ tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::secret::{InstanceSecret, Purpose};

/// A key under the instance's secret.
pub struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    pub fn new(secret: &InstanceSecret, purpose: Purpose) -> Self {
        let key = secret.derive::<32>(purpose);
        Self(RandomizedNonceKey::new(&AES_256_GCM, &*key).expect("an AES-256 key has 32 bytes"))
    }

    /// Encrypts `plain`, bound to `id`: it opens with the same id only.
    ///
    /// # Errors
    /// None that the input can cause.
    pub fn seal(&self, id: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(id), &mut sealed)
            .map_err(|error| Fault::caused("encrypt", error))?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// `None` if it was sealed under another secret or for another id, or was changed.
    pub fn open(&self, id: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(id), &mut plain);
        let length = opened.ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}
