//! The checks that a token of ours has to pass, each written once: [`Verifier::verify`] stops at
//! the first that fails, [`super::inspect`] goes through all of them.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde::de::DeserializeOwned;

use super::claims::{Lifetimes, Times, TokenKind};
use super::key::SigningKey;
use super::ring::Ring;
use super::{Refused, TOKEN_MAX_BYTES};
use crate::base::clock::{CLOCKS_APART_SECONDS, UnixSeconds};
use crate::base::ids::KeyId;

/// What verifies a token.
pub struct Verifier<'a> {
    pub ring: &'a Ring,
    /// Our own name; `None` if it is not known, and then it is not checked.
    pub issuer: Option<&'a str>,
    pub lifetimes: &'a Lifetimes,
    pub now: UnixSeconds,
}

impl Verifier<'_> {
    pub fn verify<C: TokenKind>(&self, token: &str) -> Result<C, Refused> {
        size(token)?;
        let parts = Parts::of(token).ok_or(Refused::Malformed)?;
        let header = parts.header().ok_or(Refused::Malformed)?;
        // RFC 7515, section 4.1.11: we understand no extension, so none may be critical.
        if header.crit.is_some() {
            return Err(Refused::Malformed);
        }
        if header.typ.as_deref() != Some(C::TYP) {
            return Err(Refused::Kind);
        }
        let key = self.find_key(header.kid.as_deref()).ok_or(Refused::Key)?;
        if header.alg != key.jwt_algorithm() {
            return Err(Refused::Key);
        }
        match parts.is_signed_with(key.verifying(), header.alg) {
            Some(true) => {}
            Some(false) => return Err(Refused::Signature),
            None => return Err(Refused::Malformed),
        }
        let claims: C = parts.claims().map_err(|_| Refused::Malformed)?;
        let (iss, aud) = claims.parties();
        if !self.is_us(iss) || !self.is_us(aud) {
            return Err(Refused::Parties);
        }
        times(claims.times(), C::lifetime(self.lifetimes), self.now)?;
        if self.is_too_new_for(key, claims.times().iat) {
            return Err(Refused::Key);
        }
        Ok(claims)
    }

    pub fn find_key(&self, kid: Option<&str>) -> Option<&SigningKey> {
        self.ring.find(KeyId::parse(kid?)?, self.now)
    }

    /// Whether the key had been retired when the token was issued: then it was signed with a stolen
    /// copy of a retired key.
    pub fn is_too_new_for(&self, key: &SigningKey, iat: UnixSeconds) -> bool {
        let until = self.ring.signs_until(key.id());
        until.is_some_and(|until| iat > until)
    }

    pub fn is_us(&self, party: &str) -> bool {
        self.issuer.is_none_or(|issuer| issuer == party)
    }
}

pub fn size(token: &str) -> Result<(), Refused> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(Refused::Malformed);
    }
    Ok(())
}

/// RFC 7519, section 4.1: for `iat` and `nbf` with a leeway for the clock of another server, for
/// `exp` with none.
pub fn times(times: Times, life: i64, now: UnixSeconds) -> Result<(), Refused> {
    if is_early(times.iat, now) || is_early(times.nbf, now) {
        return Err(Refused::Early);
    }
    if has_passed(times.exp, now) || has_passed(longest_end(times.iat, life), now) {
        return Err(Refused::Expired);
    }
    Ok(())
}

/// Whether this time is in the future for every server.
pub fn is_early(at: UnixSeconds, now: UnixSeconds) -> bool {
    at > now.saturating_add(CLOCKS_APART_SECONDS)
}

pub fn has_passed(end: UnixSeconds, now: UnixSeconds) -> bool {
    end <= now
}

/// Also checked for tokens from a time of longer lifetimes: ended sessions are remembered for the
/// current lifetime.
pub fn longest_end(iat: UnixSeconds, life: i64) -> UnixSeconds {
    iat.saturating_add(life)
}

/// A token split at its dots (RFC 7515, section 7.1).
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub header: &'a str,
    pub payload: &'a str,
    pub signature: &'a str,
    /// The signed part: header and payload with their dot.
    pub signed: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` unless there are three.
    pub fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            header,
            payload,
            signature,
            signed,
        })
    }

    /// `None` also if it names an algorithm that is unknown here.
    pub fn header(&self) -> Option<Header> {
        serde_json::from_slice(&decode(self.header)?).ok()
    }

    /// # Errors
    /// When it does not have the fields of such a token.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, serde_json::Error> {
        // Invalid base64url is invalid JSON.
        serde_json::from_slice(&decode(self.payload).unwrap_or_default())
    }

    /// Verifies only the signature. `None` if the signature is unreadable, or the key is of another
    /// type.
    pub fn is_signed_with(&self, key: &DecodingKey, algorithm: Algorithm) -> Option<bool> {
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm).ok()
    }
}

pub fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// By its name in a header; `None` for `none` (RFC 8725, section 3.2).
pub fn algorithm(name: &str) -> Option<Algorithm> {
    Algorithm::from_str(name).ok()
}
