//! The instance's secret, and every key derived from it.

use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub const SECRET_MIN_BYTES: usize = 32;

/// The purpose of a derived key. Two purposes never share a key.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    PasswordPepper,
    PasswordStandIns,
    SealedSigningKeys,
    RefreshTokens,
    FormTokens,
    FormCookie,
    CookieNames,
    CompatTokens,
    LimitKeys,
    DeviceCookies,
    AuditChain,
    AuditNames,
    SealedMail,
    MailCodes,
    ShareLinks,
}

impl Purpose {
    /// Part of every derived key: changing one of these words makes the data under it unreadable.
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::PasswordPepper => b"doorward password pepper",
            Purpose::PasswordStandIns => b"doorward password stand-ins",
            Purpose::SealedSigningKeys => b"doorward sealed signing keys",
            Purpose::RefreshTokens => b"doorward refresh tokens",
            Purpose::FormTokens => b"doorward form tokens",
            Purpose::FormCookie => b"doorward form cookie",
            Purpose::CookieNames => b"doorward cookie names",
            Purpose::CompatTokens => b"doorward compat tokens",
            Purpose::LimitKeys => b"doorward limit keys",
            Purpose::DeviceCookies => b"doorward device cookies",
            Purpose::AuditChain => b"doorward audit chain",
            Purpose::AuditNames => b"doorward audit names",
            Purpose::SealedMail => b"doorward sealed mail",
            Purpose::MailCodes => b"doorward mail codes",
            Purpose::ShareLinks => b"doorward share links",
        }
    }
}

/// 32 bytes or more, from which every key of this instance is derived.
#[derive(Clone)]
pub struct InstanceSecret(Zeroizing<Vec<u8>>);

impl InstanceSecret {
    /// From base64 (standard alphabet); `None` for other text, or less than 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        (bytes.len() >= SECRET_MIN_BYTES).then_some(Self(bytes))
    }

    pub fn generate() -> Self {
        Self(Zeroizing::new(
            super::random::bytes::<SECRET_MIN_BYTES>().to_vec(),
        ))
    }

    /// For the file of the secret only.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&*self.0))
    }

    /// A key of `N` bytes by HKDF-SHA-256 (RFC 5869).
    pub fn derive<const N: usize>(&self, purpose: Purpose) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward")
            .extract(&self.0)
            .expand(&[purpose.label()], Length(N))
            .and_then(|okm| okm.fill(&mut *key))
            .expect("HKDF-SHA-256 gives up to 8160 bytes");
        key
    }

    /// A key for HMAC-SHA-256.
    pub fn mac_key(&self, purpose: Purpose) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.derive::<32>(purpose))
    }
}

impl std::fmt::Debug for InstanceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstanceSecret([secret])")
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_purposes_never_share_a_key() {
        let secret = InstanceSecret::generate();
        assert_ne!(
            *secret.derive::<32>(Purpose::FormTokens),
            *secret.derive::<32>(Purpose::RefreshTokens)
        );
    }

    #[test]
    fn a_secret_of_31_bytes_is_refused_and_one_of_32_taken() {
        assert!(InstanceSecret::parse(&STANDARD.encode([7; 31])).is_none());
        assert!(InstanceSecret::parse(&STANDARD.encode([7; 32])).is_some());
        assert!(InstanceSecret::parse("not base64!").is_none());
    }

    #[test]
    fn printing_a_secret_shows_nothing_of_it() {
        let secret = InstanceSecret::generate();
        assert!(!format!("{secret:?}").contains(secret.to_base64().as_str()));
    }
}
