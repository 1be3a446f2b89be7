//! Tokens for the clients of five tutorials: HS256 under a separate key, with the claims of each
//! tutorial, bound to a session.
//!
//! They are made and verified apart from all others: no key of the ring signs one, and they grant
//! access to the routes of their own tutorial only.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checks::{Parts, has_passed, is_early, size};
use super::{Refused, Tokens};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{SessionId, TokenId};
use crate::base::secret::{InstanceSecret, Purpose};

/// base64url of `{"typ":"JWT","alg":"HS256"}`. A token with any other header is refused, so the
/// header cannot choose an algorithm (RFC 8725, section 3.1).
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9";

/// In the order of `docs/FROM-FLASK.md`, whose letters are in the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tutorial {
    #[serde(rename = "a")]
    XAccessToken,
    #[serde(rename = "b")]
    QueryToken,
    #[serde(rename = "c")]
    ApiV1,
    #[serde(rename = "d")]
    BasicUpload,
    #[serde(rename = "e")]
    FlaskJwt,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompatClaims {
    /// The tutorial whose routes the token grants access to.
    #[serde(rename = "use")]
    pub tutorial: Tutorial,
    /// The session that it belongs to, and ends with.
    pub sid: String,
    pub jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<UnixSeconds>,
    pub exp: UnixSeconds,
    /// The account in the tutorial's format.
    #[serde(flatten)]
    pub own: Map<String, Value>,
}

pub struct CompatKey {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl CompatKey {
    pub fn new(secret: &InstanceSecret) -> Self {
        let key = secret.derive::<32>(Purpose::CompatTokens);
        Self {
            signing: EncodingKey::from_secret(&*key),
            verifying: DecodingKey::from_secret(&*key),
        }
    }
}

impl Tokens {
    /// A token for a tutorial's client; the last argument is the account in the tutorial's format.
    pub fn issue_compat(
        &self,
        tutorial: Tutorial,
        session: SessionId,
        exp: UnixSeconds,
        (name, value): (&str, &str),
    ) -> Result<String, Fault> {
        // Only one of the five has these claims.
        let issued = (tutorial == Tutorial::FlaskJwt).then(|| self.clock.now());
        let claims = CompatClaims {
            tutorial,
            sid: session.to_string(),
            jti: TokenId::new().to_string(),
            iat: issued,
            nbf: issued,
            exp,
            own: Map::from_iter([(name.to_owned(), value.into())]),
        };
        let header = jsonwebtoken::Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, &claims, &self.keys.compat.signing)
            .map_err(|error| Fault::caused("sign a token", error))
    }

    /// The caller checks whether the session has ended.
    pub fn verify_compat(&self, tutorial: Tutorial, token: &str) -> Result<CompatClaims, Refused> {
        size(token)?;
        let parts = Parts::of(token).ok_or(Refused::Malformed)?;
        if parts.header != HEADER {
            return Err(Refused::Kind);
        }
        if parts.is_signed_with(&self.keys.compat.verifying, Algorithm::HS256) != Some(true) {
            return Err(Refused::Signature);
        }
        let claims: CompatClaims = parts.claims().map_err(|_| Refused::Malformed)?;
        if claims.tutorial != tutorial {
            return Err(Refused::Kind);
        }
        let now = self.clock.now();
        if [claims.iat, claims.nbf]
            .into_iter()
            .flatten()
            .any(|at| is_early(at, now))
        {
            return Err(Refused::Early);
        }
        if has_passed(claims.exp, now) {
            return Err(Refused::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::tokens::TOKEN_MAX_BYTES;
    use crate::tokens::tests::{NOW, tokens};

    fn issue(tokens: &Tokens, tutorial: Tutorial) -> String {
        tokens
            .issue_compat(tutorial, SessionId::new(), NOW + 60, ("user", "ada"))
            .unwrap()
    }

    #[test]
    fn the_header_is_the_tutorials_and_the_claims_too() {
        let (tokens, _) = tokens();
        let token = issue(&tokens, Tutorial::QueryToken);
        let parts = Parts::of(&token).unwrap();
        let header = URL_SAFE_NO_PAD.decode(parts.header).unwrap();
        assert_eq!(header, br#"{"typ":"JWT","alg":"HS256"}"#);
        let claims: Value = parts.claims().unwrap();
        let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["exp", "jti", "sid", "use", "user"]);
        let dated: Value = Parts::of(&issue(&tokens, Tutorial::FlaskJwt))
            .unwrap()
            .claims()
            .unwrap();
        assert_eq!((&dated["iat"], &dated["nbf"]), (&json!(NOW), &json!(NOW)));
    }

    #[test]
    fn a_token_is_good_for_its_own_tutorial_from_ten_seconds_before_its_first_to_its_last() {
        let (tokens, time) = tokens();
        let token = issue(&tokens, Tutorial::FlaskJwt);
        assert_eq!(
            tokens.verify_compat(Tutorial::XAccessToken, &token),
            Err(Refused::Kind)
        );
        for (at, expected) in [
            (-11, Some(Refused::Early)),
            (-10, None),
            (59, None),
            (60, Some(Refused::Expired)),
        ] {
            time.store(NOW + at, Ordering::Relaxed);
            let verified = tokens.verify_compat(Tutorial::FlaskJwt, &token);
            assert_eq!(verified.err(), expected, "at {at}");
        }
    }

    #[test]
    fn nothing_but_our_own_header_and_key_is_taken() {
        let (tokens, _) = tokens();
        let token = issue(&tokens, Tutorial::XAccessToken);
        let parts = Parts::of(&token).unwrap();
        let refused = |token: &str| {
            tokens
                .verify_compat(Tutorial::XAccessToken, token)
                .unwrap_err()
        };
        for header in [
            r#"{"typ":"JWT","alg":"none"}"#,
            r#"{"typ":"JWT","alg":"RS256"}"#,
            r#"{"typ":"JWT","alg":"HS512"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"typ":"at+jwt","alg":"HS256"}"#,
        ] {
            let header = URL_SAFE_NO_PAD.encode(header);
            for signature in [parts.signature, ""] {
                let forged = format!("{header}.{}.{signature}", parts.payload);
                assert_eq!(refused(&forged), Refused::Kind, "{forged}");
            }
        }
        let unsigned = format!("{}.", parts.signed);
        assert_eq!(refused(&unsigned), Refused::Signature);
        let (stranger, _) = super::super::tests::tokens();
        assert_eq!(
            refused(&issue(&stranger, Tutorial::XAccessToken)),
            Refused::Signature,
            "another instance's"
        );
        let long = format!("{token}{}", "A".repeat(TOKEN_MAX_BYTES));
        for malformed in ["", "a.b", "....", long.as_str()] {
            assert_eq!(refused(malformed), Refused::Malformed);
        }
        let (access, _) = super::super::tests::access(&tokens);
        assert_eq!(refused(&access), Refused::Kind);
        assert!(tokens.verify_access(&token).is_err() && tokens.verify_link(&token).is_err());
    }
}
