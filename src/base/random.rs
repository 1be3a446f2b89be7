//! The only source of randomness: the operating system's, through AWS-LC.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

/// # Panics
/// When the operating system has no randomness: nothing here is safe without.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The hash that stands for a token in the database: every token has at least 128 random bits, so a
/// plain hash is enough (ASVS 6.5.2).
pub fn token_hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}

/// An opaque token of 256 random bits, base64url.
pub fn token() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes::<32>()))
}
