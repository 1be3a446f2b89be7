//! Signed tokens (JWT): their claims, one type a purpose, and the one way each is verified.
//!
//! Follows RFC 8725. The algorithm and the key are ours, chosen by our `kid`; a token's header
//! chooses nothing. Every time is checked against our own clock without leeway, so nothing
//! here trusts the defaults of the JWT library. Knows no session and no account: that a good
//! token's session still lives is decided above.

mod checks;
mod claims;
mod compat;
mod inspect;
mod key;
mod key_set;
#[cfg(test)]
mod properties;
mod report;
mod ring;
mod store;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::Header;

use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId, TokenId};
use crate::base::secret::InstanceSecret;
use crate::config::TokensConfig;
use crate::storage::Db;
use checks::Terms;
pub use claims::{AccessClaims, LinkClaims, ShareClaims};
use claims::{Lives, Purpose};
use compat::CompatKey;
pub use compat::{CompatClaims, Tutorial};
pub use inspect::{as_pasted, by_key_set};
use key::Seal;
pub use key_set::{BadKeySet, KEY_SET_MAX_BYTES, KeySet};
pub use report::{Check, Kind, Outcome, Report};
use ring::Ring;
pub use ring::{Before, KEY_DAYS, KeyState, ListedKey, PUBLISHED_SECONDS, PublicKeys};

/// So that a cookie with a token stays within the 4096 bytes that browsers keep.
pub const TOKEN_MAX_BYTES: usize = 3800;

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
    pub groups: &'a [String],
}

/// Signs and verifies.
#[derive(Clone)]
pub struct Tokens {
    issuer: Arc<str>,
    clock: Clock,
    lives: Lives,
    keys: Arc<Keys>,
}

/// The ring as it was last read.
struct Keys {
    seal: Seal,
    compat: CompatKey,
    ring: RwLock<Arc<Ring>>,
    version: AtomicU64,
}

impl Tokens {
    /// With the keys from the database, after it was given those that the settings ask for.
    ///
    /// # Errors
    /// When the database is away, or a key in it was sealed under another secret.
    pub async fn open(
        db: &Db,
        clock: Clock,
        secret: &InstanceSecret,
        issuer: &str,
        config: &TokensConfig,
    ) -> Result<Self, Fault> {
        let (now, asked) = (clock.now(), config.clone());
        let seal = Seal::new(secret);
        let ring = db
            .write(move |tx| ring::adopt(tx, &seal, &asked, now))
            .await?;
        Ok(Self {
            issuer: issuer.into(),
            clock,
            lives: Lives::of(config),
            keys: Arc::new(Keys {
                seal: Seal::new(secret),
                compat: CompatKey::new(secret),
                ring: RwLock::new(Arc::new(ring)),
                version: AtomicU64::new(0),
            }),
        })
    }

    /// Whether this is the secret that the database was made with, as far as can be told: a
    /// database without a key takes any.
    ///
    /// # Errors
    /// When it is not, or the database is away.
    pub async fn check_secret(db: &Db, secret: &InstanceSecret) -> Result<(), Fault> {
        let seal = Seal::new(secret);
        db.read(move |db| store::load(db, &seal).map(drop)).await
    }

    /// Reads the ring again, and makes its next key when it is time.
    ///
    /// # Errors
    /// When the database is away, or a key in it was sealed under another secret.
    pub async fn keep_keys(&self, db: &Db) -> Result<(), Fault> {
        let (ring, now) = (self.ring(), self.clock.now());
        let is_due = ring.is_due(now);
        let same = db
            .read(move |db| Ok::<_, Fault>(ring.is(&store::list(db)?)))
            .await?;
        if same && !is_due {
            return Ok(());
        }
        let keys = self.keys.clone();
        let ring = db
            .write(move |tx| ring::keep_up(tx, &keys.seal, now))
            .await?;
        *self
            .keys
            .ring
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        self.keys.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// The ring in the database, for an operator.
    ///
    /// # Errors
    /// When there is none yet, or as [`Tokens::keep_keys`].
    pub async fn list_keys(
        db: &Db,
        clock: &Clock,
        secret: &InstanceSecret,
    ) -> Result<Vec<ListedKey>, Fault> {
        let (seal, now) = (Seal::new(secret), clock.now());
        db.read(move |db| Ok(Ring::load(db, &seal)?.list(now)))
            .await
    }

    /// As [`Tokens::inspect`], by the ring in the database. Changes nothing there, and makes no
    /// keys. Without an `issuer` it is not known what the server calls itself.
    ///
    /// # Errors
    /// As [`Tokens::list_keys`].
    pub async fn inspect_by(
        db: &Db,
        clock: &Clock,
        secret: &InstanceSecret,
        issuer: Option<&str>,
        config: &TokensConfig,
        token: &str,
    ) -> Result<Report, Fault> {
        let seal = Seal::new(secret);
        let ring = db.read(move |db| Ring::load(db, &seal)).await?;
        let terms = Terms {
            ring: &ring,
            issuer,
            lives: &Lives::of(config),
            now: clock.now(),
        };
        Ok(inspect::by_our_keys(token, &terms))
    }

    /// Lets the next key sign, in place of the active one.
    ///
    /// # Errors
    /// When the key is a secret that others share, or as [`Tokens::list_keys`].
    pub async fn rotate_keys(
        db: &Db,
        clock: &Clock,
        secret: &InstanceSecret,
        before: Before,
    ) -> Result<Vec<ListedKey>, Fault> {
        let (seal, now) = (Seal::new(secret), clock.now());
        db.write(move |tx| Ok(ring::rotate(tx, &seal, before, now)?.list(now)))
            .await
    }

    /// Changes whenever the ring has: what was verified before must be verified again.
    pub fn keys_version(&self) -> u64 {
        self.keys.version.load(Ordering::Acquire)
    }

    pub fn public_keys(&self) -> PublicKeys {
        self.ring().published().clone()
    }

    fn ring(&self) -> Arc<Ring> {
        self.keys
            .ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How long an access token lives at most, in seconds.
    pub fn access_seconds(&self) -> i64 {
        self.lives.access
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
            exp: session_ends.min(now + self.lives.access),
            auth_time,
            amr: vec!["pwd".to_owned()],
            username: subject.username.map(str::to_owned),
            name: subject.name.map(str::to_owned),
            email: subject.email.map(str::to_owned),
            roles: vec![subject.role.to_owned()],
            groups: subject.groups.to_vec(),
        };
        Ok((self.sign(&claims)?, claims))
    }

    /// A token that shows `path` to whoever holds it, made by somebody who last proved at
    /// `auth_time` who they are.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_link(
        &self,
        id: TokenId,
        account: AccountId,
        path: &str,
        auth_time: UnixSeconds,
    ) -> Result<(String, LinkClaims), Fault> {
        let now = self.clock.now();
        let claims = LinkClaims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: account.to_string(),
            jti: id.to_string(),
            iat: now,
            nbf: now,
            exp: now + self.lives.link,
            auth_time,
            amr: vec!["pwd".to_owned()],
            path: path.to_owned(),
        };
        Ok((self.sign(&claims)?, claims))
    }

    /// A token that opens one shared thing to whoever holds it, for at most thirty days.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_share(
        &self,
        account: AccountId,
        path: &str,
        seconds: i64,
    ) -> Result<(String, ShareClaims), Fault> {
        let now = self.clock.now();
        let claims = ShareClaims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: account.to_string(),
            jti: TokenId::new().to_string(),
            iat: now,
            nbf: now,
            exp: now + seconds.min(self.lives.share),
            path: path.to_owned(),
        };
        Ok((self.sign(&claims)?, claims))
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

    /// # Errors
    /// Why it is not accepted. What it opens, and whether that still is, is left to ask.
    pub fn verify_share(&self, token: &str) -> Result<ShareClaims, Refused> {
        self.verify(token)
    }

    fn sign<C: Purpose>(&self, claims: &C) -> Result<String, Fault> {
        let ring = self.ring();
        let key = ring.active(self.clock.now());
        let mut header = Header::new(key.jwt_algorithm());
        header.typ = Some(C::TYP.to_owned());
        header.kid = Some(key.id().to_string());
        let token = jsonwebtoken::encode(&header, claims, key.signing())
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
        self.terms(&self.ring()).verify(token)
    }

    /// What a token holds, and why it is or is not accepted. Whether its session still lives is
    /// left to ask.
    pub fn inspect(&self, token: &str) -> Report {
        inspect::by_our_keys(token, &self.terms(&self.ring()))
    }

    fn terms<'a>(&'a self, ring: &'a Ring) -> Terms<'a> {
        Terms {
            ring,
            issuer: Some(&self.issuer),
            lives: &self.lives,
            now: self.clock.now(),
        }
    }

    /// What can change in the life of a token that was good once.
    ///
    /// # Errors
    /// [`Refused::Early`] or [`Refused::Expired`].
    pub fn check_times<C: Purpose>(&self, claims: &C) -> Result<(), Refused> {
        checks::times(claims.times(), C::lives(&self.lives), self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::Algorithm;
    use serde_json::{Value, json};

    use super::*;
    use crate::base::ids::KeyId;
    use crate::config::SigningAlgorithm;
    use claims::LONGEST_SECONDS;

    pub(super) const NOW: UnixSeconds = 1_800_000_000;

    pub(super) fn tokens() -> (Tokens, Arc<AtomicI64>) {
        tokens_by(SigningAlgorithm::EdDsa, &[NOW])
    }

    /// With keys that sign from these times on.
    pub(super) fn tokens_by(
        algorithm: SigningAlgorithm,
        active_at: &[UnixSeconds],
    ) -> (Tokens, Arc<AtomicI64>) {
        let time = Arc::new(AtomicI64::new(NOW));
        let tokens = Tokens {
            issuer: "http://door.test".into(),
            clock: Clock::Fixed(time.clone()),
            keys: Arc::new(Keys {
                seal: Seal::new(&InstanceSecret::generate()),
                compat: CompatKey::new(&InstanceSecret::generate()),
                ring: RwLock::new(Arc::new(ring::tests::ring(algorithm, active_at))),
                version: AtomicU64::new(0),
            }),
            lives: Lives {
                access: 900,
                link: 150,
                share: LONGEST_SECONDS,
            },
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
            groups: &[],
        }
    }

    pub(super) fn access(tokens: &Tokens) -> (String, AccessClaims) {
        tokens
            .issue_access(&subject(), SessionId::new(), NOW, NOW + 86_400)
            .unwrap()
    }

    /// Signs with our key whatever a forger who had it would like to say.
    pub(super) fn forge(
        tokens: &Tokens,
        claims: &Value,
        change: impl FnOnce(&mut Header),
    ) -> String {
        let ring = tokens.ring();
        let key = ring.active(NOW);
        let mut header = Header::new(key.jwt_algorithm());
        header.typ = Some("at+jwt".into());
        header.kid = Some(key.id().to_string());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, key.signing()).unwrap()
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
    fn each_algorithm_signs_what_it_verifies_and_nothing_of_another() {
        let all = SigningAlgorithm::ALL.map(|algorithm| tokens_by(algorithm, &[NOW]).0);
        for signer in &all {
            let (token, claims) = access(signer);
            for verifier in &all {
                let verified = verifier.verify_access(&token);
                if std::ptr::eq(signer, verifier) {
                    assert_eq!(verified.as_ref(), Ok(&claims));
                } else {
                    assert_eq!(verified, Err(Refused::Key));
                }
            }
        }
    }

    #[test]
    fn a_token_outlives_the_key_that_signed_it_and_no_more() {
        let (tokens, time) = tokens_by(SigningAlgorithm::EdDsa, &[NOW, NOW + 60]);
        let share = |seconds| {
            let path = "/s/1";
            tokens
                .issue_share(AccountId::new(), path, seconds)
                .unwrap()
                .0
        };
        let (short, long) = (share(600), share(10 * LONGEST_SECONDS));
        time.store(NOW + 60, Ordering::Relaxed);
        let newer = share(600);
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
        assert_ne!(kid(&short), kid(&newer), "the next key signs now");
        assert!(tokens.verify_share(&short).is_ok());
        time.store(NOW + LONGEST_SECONDS - 1, Ordering::Relaxed);
        assert!(tokens.verify_share(&long).is_ok());
        time.store(NOW + LONGEST_SECONDS, Ordering::Relaxed);
        assert_eq!(tokens.verify_share(&long), Err(Refused::Expired));
        time.store(NOW + 60 + LONGEST_SECONDS, Ordering::Relaxed);
        assert_eq!(tokens.verify_share(&long), Err(Refused::Key));
    }

    /// Of a stolen key: what it signed while it was ours is good, what is signed with it now is not.
    #[test]
    fn a_key_that_was_retired_signs_nothing_new() {
        let (tokens, time) = tokens_by(SigningAlgorithm::EdDsa, &[NOW, NOW + 60]);
        let claims = serde_json::to_value(access(&tokens).1).unwrap();
        let issued_at = |at: UnixSeconds| {
            let mut claims = claims.clone();
            (claims["iat"], claims["exp"]) = (at.into(), (at + 600).into());
            forge(&tokens, &claims, |_| ())
        };
        let (last, new) = (issued_at(NOW + 120), issued_at(NOW + 121));
        time.store(NOW + 130, Ordering::Relaxed);
        assert!(
            tokens.verify_access(&last).is_ok(),
            "another server had not heard of the change"
        );
        assert_eq!(tokens.verify_access(&new), Err(Refused::Key));
        assert!(!tokens.inspect(&new).is_accepted() && tokens.inspect(&last).is_accepted());
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
        let access = access(&tokens).0;
        let (link, _) = tokens
            .issue_link(TokenId::new(), AccountId::new(), "/dashboard", NOW)
            .unwrap();
        let (share, _) = tokens.issue_share(AccountId::new(), "/s/1", 600).unwrap();
        for (kind, token) in ["access", "link", "share"]
            .iter()
            .zip([&access, &link, &share])
        {
            let verified = [
                ("access", tokens.verify_access(token).err()),
                ("link", tokens.verify_link(token).err()),
                ("share", tokens.verify_share(token).err()),
            ];
            for (door, refused) in verified {
                let expected = (door != *kind).then_some(Refused::Kind);
                assert_eq!(refused, expected, "{kind} at the door of {door}");
            }
        }
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
        let ours = tokens.ring().active(NOW).id().to_string();
        let claims = serde_json::to_value(claims).unwrap();
        let strange = forge(&stranger, &claims, |header| header.kid = Some(ours.clone()));
        assert_eq!(
            tokens.verify_access(&strange).err(),
            Some(Refused::Signature)
        );

        // What RFC 8725, section 2.1 warns of: the public key, taken for an HMAC secret.
        let public = serde_json::to_value(tokens.ring().active(NOW).public()).unwrap();
        let public = URL_SAFE_NO_PAD
            .decode(public["x"].as_str().unwrap())
            .unwrap();
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some(ours.clone()));
        let public_key = jsonwebtoken::EncodingKey::from_secret(&public);
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
