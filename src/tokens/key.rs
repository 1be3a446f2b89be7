//! A signing key, and how its private part is stored.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::base::sealed::SealingKey;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::config::SigningAlgorithm;

/// 128 bits of security (NIST SP 800-57, part 1, table 2).
const RSA_SIZE: KeySize = KeySize::Rsa3072;
/// The prefix of an RSA key of this size in PKCS#8: version and algorithm (RFC 5208, section 5).
/// The JWT library takes the inner part (PKCS#1).
const RSA_PKCS8_HEAD: usize = 26;

/// A key has one algorithm for its whole lifetime (RFC 8725, section 3.1).
pub struct SigningKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    signing: EncodingKey,
    verifying: DecodingKey,
    /// The public key (RFC 7517). An HMAC key has none.
    public: Option<Jwk>,
}

/// A key with its private part and its place in the ring.
pub struct RingKey {
    pub key: SigningKey,
    pub private: Zeroizing<Vec<u8>>,
    pub created_at: UnixSeconds,
    pub active_at: UnixSeconds,
}

impl SigningKey {
    /// A new private key, in the format of [`SigningKey::read`].
    ///
    /// # Errors
    /// When the algorithm has a secret instead, or no randomness is available.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let failed = |error| Fault::caused("make a signing key", error);
        let random = SystemRandom::new();
        let private = match algorithm {
            // Version 1 of PKCS#8: the JWT library reads no other.
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map_err(failed)?
                    .as_ref()
                    .to_vec()
            }
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::generate(RSA_SIZE).map_err(failed)?;
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                pkcs8.as_ref()[RSA_PKCS8_HEAD..].to_vec()
            }
            SigningAlgorithm::Hs256 => return Err(Fault::new("an HMAC secret is not made here")),
        };
        Ok(Zeroizing::new(private))
    }

    /// # Errors
    /// When it is not a private key of this algorithm.
    pub fn read(id: KeyId, algorithm: SigningAlgorithm, private: &[u8]) -> Result<Self, Fault> {
        let damaged = |error| Fault::caused("a signing key is damaged", error);
        let signing = match algorithm {
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_der(private),
            SigningAlgorithm::Es256 => EncodingKey::from_ec_der(private),
            SigningAlgorithm::Rs256 => EncodingKey::from_rsa_der(private),
            SigningAlgorithm::Hs256 => EncodingKey::from_secret(private),
        };
        let public = match algorithm {
            // For an HMAC key this would contain the secret itself.
            SigningAlgorithm::Hs256 => None,
            _ => {
                let mut jwk =
                    Jwk::from_encoding_key(&signing, jwt_algorithm(algorithm)).map_err(damaged)?;
                jwk.common.key_id = Some(id.to_string());
                jwk.common.public_key_use = Some(PublicKeyUse::Signature);
                Some(jwk)
            }
        };
        let verifying = match &public {
            Some(jwk) => DecodingKey::from_jwk(jwk).map_err(damaged)?,
            None => DecodingKey::from_secret(private),
        };
        Ok(Self {
            id,
            algorithm,
            signing,
            verifying,
            public,
        })
    }

    pub fn id(&self) -> KeyId {
        self.id
    }

    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub fn jwt_algorithm(&self) -> Algorithm {
        jwt_algorithm(self.algorithm)
    }

    pub fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    pub fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }

    pub fn public(&self) -> Option<&Jwk> {
        self.public.as_ref()
    }
}

fn jwt_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Hs256 => Algorithm::HS256,
    }
}

/// Encrypts private keys, each bound to its id.
pub struct KeyEncryption(SealingKey);

impl KeyEncryption {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(SealingKey::new(secret, Purpose::SealedSigningKeys))
    }

    pub fn encrypt(&self, id: KeyId, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        self.0.seal(id.as_bytes(), plain)
    }

    pub fn decrypt(&self, id: KeyId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        self.0.open(id.as_bytes(), sealed).ok_or_else(|| {
            Fault::new(
                "the signing key in the database was sealed under another secret: \
                 give this server the secret that the database was made with",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_under_its_own_secret_and_id_only() {
        let (encryption, id) = (
            KeyEncryption::new(&InstanceSecret::generate()),
            KeyId::new(),
        );
        let private = SigningKey::generate(SigningAlgorithm::EdDsa).unwrap();
        let sealed = encryption.encrypt(id, &private).unwrap();
        assert_eq!(*encryption.decrypt(id, &sealed).unwrap(), *private);
        assert!(encryption.decrypt(KeyId::new(), &sealed).is_err());
        let stranger = KeyEncryption::new(&InstanceSecret::generate());
        assert!(stranger.decrypt(id, &sealed).is_err());
        assert!(encryption.decrypt(id, &sealed[..11]).is_err());
    }

    #[test]
    fn a_published_key_has_no_private_part() {
        for algorithm in [
            SigningAlgorithm::EdDsa,
            SigningAlgorithm::Es256,
            SigningAlgorithm::Rs256,
        ] {
            let private = SigningKey::generate(algorithm).unwrap();
            let key = SigningKey::read(KeyId::new(), algorithm, &private).unwrap();
            let published = serde_json::to_value(key.public()).unwrap();
            let parts: Vec<_> = published.as_object().unwrap().keys().collect();
            for private_part in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(!parts.iter().any(|part| *part == private_part), "{parts:?}");
            }
            assert_eq!(published["use"], "sig");
            assert_eq!(published["kid"], key.id().to_string());
            assert_eq!(published["alg"], algorithm.as_str());
        }
        let hmac = SigningKey::read(KeyId::new(), SigningAlgorithm::Hs256, &[7; 32]).unwrap();
        assert!(hmac.public().is_none());
    }

    #[test]
    fn a_key_of_one_algorithm_is_not_read_as_one_of_another() {
        let private = SigningKey::generate(SigningAlgorithm::EdDsa).unwrap();
        for other in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
            assert!(SigningKey::read(KeyId::new(), other, &private).is_err());
        }
    }
}
