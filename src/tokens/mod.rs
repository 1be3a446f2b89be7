//! Signed tokens (JWT): their claims, one type a purpose, and the one way each is verified.
//!
//! Follows RFC 8725. The algorithm and the key are ours, chosen by our `kid`; a token's header
//! chooses nothing. Every time is checked against our own clock without leeway, so nothing
//! here trusts the defaults of the JWT library. Knows no session and no account: that a good
//! token's session still lives is decided above.

mod key;
mod store;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, KeyId, SessionId, TokenId};
use crate::base::secret::InstanceSecret;
use crate::config::TokensConfig;
use crate::storage::Db;
use key::SigningKey;

/// So that a cookie with a token stays within the 4096 bytes that browsers keep.
pub const TOKEN_MAX_BYTES: usize = 3800;

/// Opens the guarded pages for the holder of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    /// The account.
    pub sub: String,
    /// The session that the token belongs to, and ends with.
    pub sid: String,
    pub jti: String,
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
    /// When the person last proved who they are.
    pub auth_time: UnixSeconds,
    /// By what (RFC 8176).
    pub amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub roles: Vec<String>,
}

/// Shows one page, read-only, to whoever holds the link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkClaims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub jti: String,
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
    pub auth_time: UnixSeconds,
    pub amr: Vec<String>,
    /// The one path that it opens.
    pub path: String,
}

/// A purpose of a token: tokens of one are never taken for another's.
pub trait Purpose: Serialize + DeserializeOwned {
    /// The header's `typ` (RFC 8725, section 3.11), compared exactly.
    const TYP: &str;
    fn parties(&self) -> (&str, &str);
    fn times(&self) -> Times;
}

#[derive(Clone, Copy)]
pub struct Times {
    pub iat: UnixSeconds,
    pub nbf: UnixSeconds,
    pub exp: UnixSeconds,
}

macro_rules! purpose {
    ($claims:ty, $typ:literal) => {
        impl Purpose for $claims {
            const TYP: &str = $typ;
            fn parties(&self) -> (&str, &str) {
                (&self.iss, &self.aud)
            }
            fn times(&self) -> Times {
                Times {
                    iat: self.iat,
                    nbf: self.nbf,
                    exp: self.exp,
                }
            }
        }
    };
}

purpose!(AccessClaims, "at+jwt");
purpose!(LinkClaims, "link+jwt");

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token is of another kind")]
    Kind,
    #[error("the token is signed with an unknown key")]
    Key,
    #[error("the token's signature does not fit")]
    Signature,
    #[error("the token is from another issuer or for another audience")]
    Parties,
    #[error("the token is not valid yet")]
    Early,
    #[error("the token has expired")]
    Expired,
}

/// Who a token is about, as it says.
pub struct Subject<'a> {
    pub account: AccountId,
    pub username: Option<&'a str>,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub role: &'static str,
}

/// Signs and verifies.
#[derive(Clone)]
pub struct Tokens {
    issuer: Arc<str>,
    clock: Clock,
    key: Arc<SigningKey>,
    access_seconds: i64,
    link_seconds: i64,
}

impl Tokens {
    /// With the key from the database; the first server that comes by makes it.
    ///
    /// # Errors
    /// When the database is away, or the key in it was sealed under another secret.
    pub async fn open(
        db: &Db,
        clock: Clock,
        secret: &InstanceSecret,
        issuer: &str,
        config: &TokensConfig,
    ) -> Result<Self, Fault> {
        let (seal, made_at) = (key::Seal::new(secret), clock.now());
        let key = db
            .write(move |tx| store::load_or_make(tx, &seal, made_at))
            .await?;
        Ok(Self {
            issuer: issuer.into(),
            clock,
            key: Arc::new(key),
            access_seconds: config.access_minutes * 60,
            link_seconds: config.link_seconds,
        })
    }

    /// Whether this is the secret that the database was made with, as far as can be told: a
    /// database without a key takes any.
    ///
    /// # Errors
    /// When it is not, or the database is away.
    pub async fn check_secret(db: &Db, secret: &InstanceSecret) -> Result<(), Fault> {
        let seal = key::Seal::new(secret);
        db.read(move |db| store::find(db, &seal).map(drop)).await
    }

    /// How long an access token lives at most, in seconds.
    pub fn access_seconds(&self) -> i64 {
        self.access_seconds
    }

    /// An access token and what it says. It ends with its session at the latest.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_access(
        &self,
        subject: &Subject<'_>,
        session: SessionId,
        auth_time: UnixSeconds,
        session_ends: UnixSeconds,
    ) -> Result<(String, AccessClaims), Fault> {
        let now = self.clock.now();
        let claims = AccessClaims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: subject.account.to_string(),
            sid: session.to_string(),
            jti: TokenId::new().to_string(),
            iat: now,
            nbf: now,
            exp: session_ends.min(now + self.access_seconds),
            auth_time,
            amr: vec!["pwd".to_owned()],
            username: subject.username.map(str::to_owned),
            name: subject.name.map(str::to_owned),
            email: subject.email.map(str::to_owned),
            roles: vec![subject.role.to_owned()],
        };
        Ok((self.sign(&claims)?, claims))
    }

    /// A token that shows `path` to whoever holds it, for somebody who has just signed in.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_link(&self, account: AccountId, path: &str) -> Result<String, Fault> {
        let now = self.clock.now();
        self.sign(&LinkClaims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: account.to_string(),
            jti: TokenId::new().to_string(),
            iat: now,
            nbf: now,
            exp: now + self.link_seconds,
            auth_time: now,
            amr: vec!["pwd".to_owned()],
            path: path.to_owned(),
        })
    }

    /// # Errors
    /// Why it is not accepted.
    pub fn verify_access(&self, token: &str) -> Result<AccessClaims, Refused> {
        self.verify(token)
    }

    /// # Errors
    /// Why it is not accepted. Whether it opens the path that was asked for is left to ask.
    pub fn verify_link(&self, token: &str) -> Result<LinkClaims, Refused> {
        self.verify(token)
    }

    fn sign<C: Purpose>(&self, claims: &C) -> Result<String, Fault> {
        let mut header = Header::new(self.key.algorithm());
        header.typ = Some(C::TYP.to_owned());
        header.kid = Some(self.key.id().to_string());
        let token = jsonwebtoken::encode(&header, claims, self.key.signing())
            .map_err(|error| Fault::caused("sign a token", error))?;
        if token.len() > TOKEN_MAX_BYTES {
            return Err(Fault::new(format!(
                "a token of {} bytes is too large for a cookie",
                token.len()
            )));
        }
        Ok(token)
    }

    fn verify<C: Purpose>(&self, token: &str) -> Result<C, Refused> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(Refused::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Malformed)?;
        // RFC 7515, section 4.1.11: we understand no extension, so none may be critical.
        if header.crit.is_some() {
            return Err(Refused::Malformed);
        }
        if header.typ.as_deref() != Some(C::TYP) {
            return Err(Refused::Kind);
        }
        let kid = header
            .kid
            .as_deref()
            .and_then(KeyId::parse)
            .ok_or(Refused::Key)?;
        if kid != self.key.id() || header.alg != self.key.algorithm() {
            return Err(Refused::Key);
        }
        let claims = self.checked_signature::<C>(token, self.key.algorithm())?;
        self.check(&claims)?;
        Ok(claims)
    }

    /// The signature and nothing else: what is in the claims is checked by [`Tokens::check`],
    /// with our clock.
    fn checked_signature<C: Purpose>(
        &self,
        token: &str,
        algorithm: Algorithm,
    ) -> Result<C, Refused> {
        let mut only_signature = Validation::new(algorithm);
        only_signature.required_spec_claims.clear();
        only_signature.validate_exp = false;
        only_signature.validate_nbf = false;
        only_signature.validate_aud = false;
        jsonwebtoken::decode(token, self.key.verifying(), &only_signature)
            .map(|data| data.claims)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => Refused::Signature,
                _ => Refused::Malformed,
            })
    }

    /// RFC 7519, section 4.1, with no leeway; every claim is required by its type.
    fn check<C: Purpose>(&self, claims: &C) -> Result<(), Refused> {
        let (iss, aud) = claims.parties();
        if iss != &*self.issuer || aud != &*self.issuer {
            return Err(Refused::Parties);
        }
        self.check_times(claims)
    }

    /// What can change in the life of a token that was good once.
    ///
    /// # Errors
    /// [`Refused::Early`] or [`Refused::Expired`].
    pub fn check_times(&self, claims: &impl Purpose) -> Result<(), Refused> {
        let (times, now) = (claims.times(), self.clock.now());
        if times.iat > now || times.nbf > now {
            return Err(Refused::Early);
        }
        if times.exp <= now {
            return Err(Refused::Expired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const NOW: UnixSeconds = 1_800_000_000;

    fn tokens() -> (Tokens, Arc<AtomicI64>) {
        let time = Arc::new(AtomicI64::new(NOW));
        let tokens = Tokens {
            issuer: "http://door.test".into(),
            clock: Clock::Fixed(time.clone()),
            key: Arc::new(SigningKey::generate().unwrap().0),
            access_seconds: 900,
            link_seconds: 150,
        };
        (tokens, time)
    }

    fn subject() -> Subject<'static> {
        Subject {
            account: AccountId::new(),
            username: Some("ada"),
            name: None,
            email: None,
            role: "member",
        }
    }

    fn access(tokens: &Tokens) -> (String, AccessClaims) {
        tokens
            .issue_access(&subject(), SessionId::new(), NOW, NOW + 86_400)
            .unwrap()
    }

    /// Signs with our key whatever a forger who had it would like to say.
    fn forge(tokens: &Tokens, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".into());
        header.kid = Some(tokens.key.id().to_string());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, tokens.key.signing()).unwrap()
    }

    #[test]
    fn a_token_is_good_from_its_first_second_to_its_last() {
        let (tokens, time) = tokens();
        let (token, claims) = access(&tokens);
        assert_eq!(tokens.verify_access(&token), Ok(claims));
        for (at, expected) in [
            (-1, Some(Refused::Early)),
            (899, None),
            (900, Some(Refused::Expired)),
        ] {
            time.store(NOW + at, Ordering::Relaxed);
            assert_eq!(tokens.verify_access(&token).err(), expected, "at {at}");
        }
    }

    #[test]
    fn a_token_ends_with_its_session() {
        let (tokens, _) = tokens();
        let (_, claims) = tokens
            .issue_access(&subject(), SessionId::new(), NOW, NOW + 10)
            .unwrap();
        assert_eq!(claims.exp, NOW + 10);
    }

    #[test]
    fn a_token_of_one_purpose_never_passes_for_another() {
        let (tokens, _) = tokens();
        let link = tokens.issue_link(AccountId::new(), "/dashboard").unwrap();
        assert_eq!(tokens.verify_access(&link).err(), Some(Refused::Kind));
        assert_eq!(
            tokens.verify_link(&access(&tokens).0).err(),
            Some(Refused::Kind)
        );
        assert!(tokens.verify_link(&link).is_ok());
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused() {
        let (tokens, _) = tokens();
        let claims = serde_json::to_value(access(&tokens).1).unwrap();
        let refused = |change: &dyn Fn(&mut Header)| {
            tokens.verify_access(&forge(&tokens, &claims, change)).err()
        };
        assert_eq!(refused(&|_| ()), None);
        for typ in [
            None,
            Some("JWT"),
            Some("AT+JWT"),
            Some("application/at+jwt"),
            Some("link+jwt"),
        ] {
            assert_eq!(
                refused(&|h| h.typ = typ.map(str::to_owned)),
                Some(Refused::Kind),
                "{typ:?}"
            );
        }
        assert_eq!(refused(&|h| h.kid = None), Some(Refused::Key));
        assert_eq!(
            refused(&|h| h.kid = Some(KeyId::new().to_string())),
            Some(Refused::Key)
        );
        assert_eq!(
            refused(&|h| h.crit = Some(vec!["exp".into()])),
            Some(Refused::Malformed)
        );
        assert_eq!(
            refused(&|h| h.jku = Some("https://evil.test/jwks".into())),
            None,
            "ignored"
        );
    }

    #[test]
    fn claims_that_are_missing_or_not_for_us_are_refused() {
        let (tokens, _) = tokens();
        let good = serde_json::to_value(access(&tokens).1).unwrap();
        let with = |name: &str, value: Option<Value>| {
            let mut claims = good.clone();
            match value {
                Some(value) => claims[name] = value,
                None => drop(claims.as_object_mut().unwrap().remove(name)),
            }
            tokens.verify_access(&forge(&tokens, &claims, |_| ())).err()
        };
        for name in [
            "iss",
            "aud",
            "sub",
            "sid",
            "jti",
            "iat",
            "nbf",
            "exp",
            "auth_time",
            "amr",
            "roles",
        ] {
            assert_eq!(with(name, None), Some(Refused::Malformed), "without {name}");
        }
        assert_eq!(
            with("iss", Some(json!("http://evil.test"))),
            Some(Refused::Parties)
        );
        assert_eq!(
            with("aud", Some(json!("http://evil.test"))),
            Some(Refused::Parties)
        );
        assert_eq!(with("iat", Some(json!(NOW + 1))), Some(Refused::Early));
        assert_eq!(with("nbf", Some(json!(NOW + 1))), Some(Refused::Early));
        assert_eq!(
            with("exp", Some(json!("9999999999"))),
            Some(Refused::Malformed)
        );
    }

    #[test]
    fn another_key_another_algorithm_or_no_signature_is_refused() {
        let (tokens, _) = tokens();
        let (token, claims) = access(&tokens);
        let (stranger, _) = self::tokens();
        let ours = tokens.key.id().to_string();
        let claims = serde_json::to_value(claims).unwrap();
        let strange = forge(&stranger, &claims, |header| header.kid = Some(ours.clone()));
        assert_eq!(
            tokens.verify_access(&strange).err(),
            Some(Refused::Signature)
        );

        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some(ours.clone()));
        let public_key = jsonwebtoken::EncodingKey::from_secret(tokens.key.public_bytes());
        let confused = jsonwebtoken::encode(&header, &claims, &public_key).unwrap();
        assert_eq!(tokens.verify_access(&confused).err(), Some(Refused::Key));

        let none = json!({"alg": "none", "typ": "at+jwt", "kid": ours}).to_string();
        let body = token.split('.').nth(1).unwrap();
        for signature in ["", "AAAA"] {
            let unsigned = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(&none));
            assert_eq!(
                tokens.verify_access(&unsigned).err(),
                Some(Refused::Malformed)
            );
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused() {
        let (tokens, _) = tokens();
        let (token, _) = access(&tokens);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(tokens.verify_access(&changed).is_err(), "byte {at}");
        }
        let long = format!("{token}{}", "A".repeat(TOKEN_MAX_BYTES));
        for bad in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            &token[1..],
            &token[..token.len() - 1],
            &long,
        ] {
            assert!(tokens.verify_access(bad).is_err(), "{bad:?}");
        }
    }
}
