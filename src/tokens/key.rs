//! A signing key, and how its private part is kept.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::base::secret::{InstanceSecret, Purpose};

pub struct SigningKey {
    id: KeyId,
    public: Vec<u8>,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl SigningKey {
    /// A new one, and its private part in PKCS#8 (version 1, RFC 5208).
    pub fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), Fault> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&random)
            .map_err(|error| Fault::caused("make a signing key", error))?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok((Self::read(KeyId::new(), &pkcs8)?, pkcs8))
    }

    pub fn read(id: KeyId, pkcs8: &[u8]) -> Result<Self, Fault> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|error| Fault::caused("the signing key is damaged", error))?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self {
            id,
            signing: EncodingKey::from_ed_der(pkcs8),
            verifying: DecodingKey::from_ed_der(&public),
            public,
        })
    }

    pub fn id(&self) -> KeyId {
        self.id
    }

    /// A key has one algorithm (RFC 8725, section 3.1).
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }

    pub fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    pub fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }

    pub fn public_bytes(&self) -> &[u8] {
        &self.public
    }
}

/// Encrypts private keys under the instance's secret: AES-256-GCM, nonce ‖ ciphertext ‖ tag,
/// bound to the key's id.
pub struct Seal(RandomizedNonceKey);

impl Seal {
    pub fn new(secret: &InstanceSecret) -> Self {
        let key = secret.derive::<32>(Purpose::SealedSigningKeys);
        Self(RandomizedNonceKey::new(&AES_256_GCM, &*key).expect("an AES-256 key has 32 bytes"))
    }

    pub fn close(&self, id: KeyId, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(id.as_bytes()), &mut sealed)
            .map_err(|error| Fault::caused("seal a signing key", error))?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    pub fn open(&self, id: KeyId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let wrong = || {
            Fault::new(
                "the signing key in the database was sealed under another secret: \
                 give this server the secret that the database was made with",
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(id.as_bytes()), &mut plain)
            .map_err(|_| wrong())?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_under_its_own_secret_and_id_only() {
        let (seal, id) = (Seal::new(&InstanceSecret::generate()), KeyId::new());
        let (key, private) = SigningKey::generate().unwrap();
        let sealed = seal.close(id, &private).unwrap();
        let opened = seal.open(id, &sealed).unwrap();
        assert_eq!(
            SigningKey::read(id, &opened).unwrap().public_bytes(),
            key.public_bytes()
        );
        assert!(seal.open(KeyId::new(), &sealed).is_err());
        assert!(
            Seal::new(&InstanceSecret::generate())
                .open(id, &sealed)
                .is_err()
        );
        assert!(seal.open(id, &sealed[..NONCE_LEN - 1]).is_err());
    }
}
