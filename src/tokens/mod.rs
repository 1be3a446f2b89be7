//! Signed tokens (JWT): their claims, one type for each kind, and the one way each is verified.
//!
//! Follows RFC 8725. The algorithm and the key are ours, chosen by our `kid`; a token's header
//! chooses nothing. Every time is checked against our own clock without leeway, so nothing here
//! relies on the defaults of the JWT library. This module knows no sessions and no accounts: higher
//! floors check whether a valid token's session has ended.

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
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::Header;

use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId, TokenId};
use crate::base::secret::InstanceSecret;
use crate::config::TokensConfig;
use crate::storage::Db;
use checks::Verifier;
pub use claims::{AccessClaims, Authentication, LinkClaims, ShareClaims};
use claims::{Lifetimes, TokenKind};
use compat::CompatKey;
pub use compat::{CompatClaims, Tutorial};
pub use inspect::{as_pasted, by_key_set};
use key::KeyEncryption;
pub use key_set::{BadKeySet, KEY_SET_MAX_BYTES, KeySet};
pub use report::{Check, Kind, Outcome, Report};
use ring::Ring;
pub use ring::{KEY_DAYS, KeyState, ListedKey, PUBLISHED_SECONDS, PreviousKeys, PublicKeys};

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

/// The account that a token names.
pub struct Subject<'a> {
    pub account: AccountId,
    pub username: Option<&'a str>,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub email_verified: bool,
    pub role: &'static str,
    pub groups: &'a [String],
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub struct Tokens {
    issuer: Arc<str>,
    clock: Clock,
    lifetimes: Lifetimes,
    keys: Arc<Keys>,
}

/// The ring as it was last read.
struct Keys {
    encryption: KeyEncryption,
    compat: CompatKey,
    ring: RwLock<Arc<Ring>>,
    version: AtomicU64,
}

impl Tokens {
    /// Reads the keys from the database, and makes those that the settings require.
    ///
    /// # Errors
    /// When a key was encrypted under another secret.
    pub async fn open(
        db: &Db,
        clock: Clock,
        secret: &InstanceSecret,
        issuer: &str,
        config: &TokensConfig,
    ) -> Result<Self, Fault> {
        let (encryption, asked) = (KeyEncryption::new(secret), config.clone());
        let ring = db
            .write(move |tx| ring::adopt(tx, &encryption, &asked))
            .await?;
        Ok(Self {
            issuer: issuer.into(),
            clock,
            lifetimes: Lifetimes::of(config),
            keys: Arc::new(Keys {
                encryption: KeyEncryption::new(secret),
                compat: CompatKey::new(secret),
                ring: RwLock::new(Arc::new(ring)),
                version: AtomicU64::new(0),
            }),
        })
    }

    /// Fails if the signing keys were encrypted under another secret. A database without keys
    /// accepts every secret.
    pub async fn check_secret(db: &Db, secret: &InstanceSecret) -> Result<(), Fault> {
        let encryption = KeyEncryption::new(secret);
        db.read(move |db| store::load(db, &encryption).map(drop))
            .await
    }

    /// Reads the ring again, and makes the next key when it is due.
    ///
    /// # Errors
    /// When a key was encrypted under another secret.
    pub async fn keep_keys(&self, db: &Db) -> Result<(), Fault> {
        let ring = self.ring();
        let is_due = ring.is_due(self.clock.now());
        let same = db
            .read(move |db| Ok::<_, Fault>(ring.is(&store::list(db)?)))
            .await?;
        if same && !is_due {
            return Ok(());
        }
        let keys = self.keys.clone();
        let ring = db
            .write(move |tx| ring::keep_up(tx, &keys.encryption))
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
    /// When there are no keys yet.
    pub async fn list_keys(db: &Db, secret: &InstanceSecret) -> Result<Vec<ListedKey>, Fault> {
        let encryption = KeyEncryption::new(secret);
        db.read(move |db| Ok(Ring::load(db, &encryption)?.list(db.now())))
            .await
    }

    /// As [`Tokens::inspect`], by the ring in the database. Changes nothing and makes no keys.
    /// `issuer` is the server's own name, if it is known.
    pub async fn inspect_by(
        db: &Db,
        secret: &InstanceSecret,
        issuer: Option<&str>,
        config: &TokensConfig,
        token: &str,
    ) -> Result<Report, Fault> {
        let encryption = KeyEncryption::new(secret);
        let read = db.read(move |db| Ok::<_, Fault>((Ring::load(db, &encryption)?, db.now())));
        let (ring, now) = read.await?;
        let verifier = Verifier {
            ring: &ring,
            issuer,
            lifetimes: &Lifetimes::of(config),
            now,
        };
        Ok(inspect::by_our_keys(token, &verifier))
    }

    /// Makes the next key the active one.
    ///
    /// # Errors
    /// When the key is a shared secret, or there are no keys yet.
    pub async fn rotate_keys(
        db: &Db,
        secret: &InstanceSecret,
        previous: PreviousKeys,
    ) -> Result<Vec<ListedKey>, Fault> {
        let encryption = KeyEncryption::new(secret);
        db.write(move |tx| Ok(ring::rotate(tx, &encryption, previous)?.list(tx.now())))
            .await
    }

    /// Changes with the ring: tokens that were verified before must be verified again.
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
        self.lifetimes.access
    }

    /// An access token and its claims. It expires with its session at the latest.
    pub fn issue_access(
        &self,
        subject: &Subject<'_>,
        session: SessionId,
        proved: &Authentication,
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
            exp: session_ends.min(now + self.lifetimes.access),
            auth_time: proved.auth_time,
            amr: proved.amr.clone(),
            username: subject.username.map(str::to_owned),
            name: subject.name.map(str::to_owned),
            email: subject.email.map(str::to_owned),
            email_verified: subject.email.map(|_| subject.email_verified),
            roles: vec![subject.role.to_owned()],
            groups: subject.groups.to_vec(),
        };
        Ok((self.sign(&claims)?, claims))
    }

    /// A token that shows `path` to its holder, with its maker's authentication.
    pub fn issue_link(
        &self,
        id: TokenId,
        account: AccountId,
        path: &str,
        proved: &Authentication,
    ) -> Result<(String, LinkClaims), Fault> {
        let now = self.clock.now();
        let claims = LinkClaims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: account.to_string(),
            jti: id.to_string(),
            iat: now,
            nbf: now,
            exp: now + self.lifetimes.link,
            auth_time: proved.auth_time,
            amr: proved.amr.clone(),
            path: path.to_owned(),
        };
        Ok((self.sign(&claims)?, claims))
    }

    /// A token that gives its holder one shared file, for at most thirty days.
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
            exp: now + seconds.min(self.lifetimes.share),
            path: path.to_owned(),
        };
        Ok((self.sign(&claims)?, claims))
    }

    pub fn verify_access(&self, token: &str) -> Result<AccessClaims, Refused> {
        self.verify(token)
    }

    /// The caller compares the path with the requested one.
    pub fn verify_link(&self, token: &str) -> Result<LinkClaims, Refused> {
        self.verify(token)
    }

    /// The caller compares the path, and checks that the share still exists.
    pub fn verify_share(&self, token: &str) -> Result<ShareClaims, Refused> {
        self.verify(token)
    }

    fn sign<C: TokenKind>(&self, claims: &C) -> Result<String, Fault> {
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

    fn verify<C: TokenKind>(&self, token: &str) -> Result<C, Refused> {
        self.verifier(&self.ring()).verify(token)
    }

    /// The content of a token, and why it is or is not accepted. The caller checks whether its
    /// session has ended.
    pub fn inspect(&self, token: &str) -> Report {
        inspect::by_our_keys(token, &self.verifier(&self.ring()))
    }

    fn verifier<'a>(&'a self, ring: &'a Ring) -> Verifier<'a> {
        Verifier {
            ring,
            issuer: Some(&self.issuer),
            lifetimes: &self.lifetimes,
            now: self.clock.now(),
        }
    }

    /// The checks whose result can change after a token was verified.
    ///
    /// # Errors
    /// [`Refused::Early`] or [`Refused::Expired`].
    pub fn check_times<C: TokenKind>(&self, claims: &C) -> Result<(), Refused> {
        checks::times(
            claims.times(),
            C::lifetime(&self.lifetimes),
            self.clock.now(),
        )
    }
}
