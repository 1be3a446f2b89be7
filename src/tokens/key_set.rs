//! Key sets of other issuers (RFC 7517).
//!
//! For inspecting tokens only: they never decide whether this server accepts a token.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use super::checks::decode;
use super::report::quoted;

/// Limit of the text of a key set.
pub const KEY_SET_MAX_BYTES: usize = 64 * 1024;
/// RFC 7518, section 3.3.
const RSA_MIN_BYTES: usize = 2048 / 8;

/// Why a text is not a key set; shown to the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    #[error("The keys are more than 64 kB")]
    TooLarge,
    #[error("The keys must be JSON: a JWK set, or a single JWK")]
    NotJson,
    #[error("The keys must be a JWK set with a list of “keys”, or a single JWK with a “kty”")]
    NotKeys,
    #[error("The JWK set contains no keys")]
    Empty,
}

/// Never empty. May contain secrets (`oct`), so it is never shown.
pub struct KeySet(Vec<ForeignKey>);

struct ForeignKey(Map<String, Value>);

/// A key that fits a token's header, and its name in messages.
pub struct Found {
    pub key: DecodingKey,
    pub called: String,
}

impl KeySet {
    /// A JWK set, or a single JWK.
    pub fn parse(text: &str) -> Result<Self, BadKeySet> {
        if text.len() > KEY_SET_MAX_BYTES {
            return Err(BadKeySet::TooLarge);
        }
        let Value::Object(mut given) =
            serde_json::from_str(text).map_err(|_| BadKeySet::NotJson)?
        else {
            return Err(BadKeySet::NotKeys);
        };
        let keys = match given.remove("keys") {
            Some(Value::Array(keys)) => keys,
            Some(_) => return Err(BadKeySet::NotKeys),
            None if given.contains_key("kty") => vec![Value::Object(given)],
            None => return Err(BadKeySet::NotKeys),
        };
        let keys = keys.into_iter().map(|key| match key {
            Value::Object(key) if key.contains_key("kty") => Ok(ForeignKey(key)),
            _ => Err(BadKeySet::NotKeys),
        });
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(BadKeySet::Empty);
        }
        Ok(Self(keys))
    }

    /// The key that the header names, or else the only one of the type that its algorithm needs.
    ///
    /// # Errors
    /// Why no key fits, in words.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Found, String> {
        let candidates: Vec<_> = match kid {
            None => self.0.iter().collect(),
            Some(kid) => {
                let named: Vec<_> = self.0.iter().filter(|key| key.is_called(kid)).collect();
                if named.is_empty() {
                    // A key without a `kid` matches every `kid`.
                    self.0.iter().filter(|key| key.is_nameless()).collect()
                } else {
                    named
                }
            }
        };
        if let (Some(kid), true) = (kid, candidates.is_empty()) {
            return Err(format!("No key has the kid {}.", quoted(kid)));
        }
        // Keys of different types may share a name (RFC 7517, section 4.5).
        let of_type: Vec<_> = candidates
            .into_iter()
            .filter(|key| key.is_of_type(algorithm))
            .collect();
        let (kty, crv) = type_of(algorithm);
        let needed = if crv.is_empty() {
            kty.to_owned()
        } else {
            format!("{kty} {crv}")
        };
        match of_type.as_slice() {
            [only] => only.for_algorithm(algorithm),
            [] => Err(format!(
                "No possible key has the type that {algorithm:?} needs: {needed}."
            )),
            _ => Err(format!(
                "Several keys have the type that {algorithm:?} needs ({needed}), and the token \
                 does not name one."
            )),
        }
    }
}

impl ForeignKey {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn is_called(&self, kid: &str) -> bool {
        self.text("kid") == Some(kid)
    }

    fn is_nameless(&self) -> bool {
        !self.0.contains_key("kid")
    }

    fn is_of_type(&self, algorithm: Algorithm) -> bool {
        let (kty, crv) = type_of(algorithm);
        self.text("kty") == Some(kty) && (crv.is_empty() || self.text("crv") == Some(crv))
    }

    /// Whether the key's parameters allow this use (RFC 7517, sections 4.2 to 4.4).
    fn for_algorithm(&self, algorithm: Algorithm) -> Result<Found, String> {
        let called = match self.text("kid") {
            Some(kid) => format!("the key {}", quoted(kid)),
            None => "the only key of the right type".to_owned(),
        };
        let wrong = |what: String| Err(format!("Possible key: {called}, but {what}."));
        if let Some(own) = self.0.get("alg")
            && own.as_str() != Some(&format!("{algorithm:?}"))
        {
            return wrong(format!("it is for {own} only"));
        }
        if let Some(usage) = self.0.get("use")
            && usage != "sig"
        {
            return wrong(format!("its use is {usage}, not \"sig\""));
        }
        if let Some(Value::Array(operations)) = self.0.get("key_ops")
            && !operations.iter().any(|operation| operation == "verify")
        {
            return wrong("its key_ops do not include \"verify\"".to_owned());
        }
        if let Some(least) = self.too_short_for(algorithm) {
            return wrong(format!("it is shorter than {least} bits, the safe minimum"));
        }
        let key = serde_json::from_value::<Jwk>(Value::Object(self.0.clone())).ok();
        match key.and_then(|key| DecodingKey::from_jwk(&key).ok()) {
            Some(key) if key.family() == algorithm.family() => Ok(Found { key, called }),
            _ => wrong("it is damaged".to_owned()),
        }
    }

    /// The bits that the key lacks (RFC 7518, sections 3.2 and 3.3).
    fn too_short_for(&self, algorithm: Algorithm) -> Option<usize> {
        let bytes = |name| self.text(name).and_then(decode).map(|bytes| bytes.len());
        let (has, least) = match algorithm {
            Algorithm::HS256 => (bytes("k"), 32),
            Algorithm::HS384 => (bytes("k"), 48),
            Algorithm::HS512 => (bytes("k"), 64),
            _ if algorithm.family() == AlgorithmFamily::Rsa => (bytes("n"), RSA_MIN_BYTES),
            _ => return None,
        };
        has.is_some_and(|has| has < least).then_some(least * 8)
    }
}

/// `kty` and `crv` (RFC 7518, section 6.1; RFC 8037, section 3.1).
fn type_of(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm {
        Algorithm::ES256 => ("EC", "P-256"),
        Algorithm::ES384 => ("EC", "P-384"),
        Algorithm::EdDSA => ("OKP", "Ed25519"),
        other => match other.family() {
            AlgorithmFamily::Hmac => ("oct", ""),
            AlgorithmFamily::Rsa => ("RSA", ""),
            AlgorithmFamily::Ec => ("EC", ""),
            AlgorithmFamily::Ed => ("OKP", ""),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: &Value) -> KeySet {
        KeySet::parse(&json!({ "keys": keys }).to_string()).unwrap()
    }

    fn found(keys: &Value, kid: Option<&str>, algorithm: Algorithm) -> Result<String, String> {
        set(keys).find(kid, algorithm).map(|found| found.called)
    }

    #[test]
    fn a_text_that_is_no_key_set_is_told_what_it_lacks() {
        let bad = |text: &str| KeySet::parse(text).err();
        for text in ["", "{", "-----BEGIN PUBLIC KEY-----"] {
            assert_eq!(bad(text), Some(BadKeySet::NotJson), "{text}");
        }
        for text in [
            "[]",
            "1",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[{}]}"#,
            r#"{"keys":[1]}"#,
        ] {
            assert_eq!(bad(text), Some(BadKeySet::NotKeys), "{text}");
        }
        assert_eq!(bad(r#"{"keys":[]}"#), Some(BadKeySet::Empty));
        assert_eq!(
            bad(&" ".repeat(KEY_SET_MAX_BYTES + 1)),
            Some(BadKeySet::TooLarge)
        );
        assert_eq!(bad(r#"{"kty":"oct"}"#), None);
    }

    #[test]
    fn a_key_is_found_by_its_name_or_by_being_the_only_one_of_its_type() {
        let x = "A".repeat(43);
        let keys = json!([
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one"},
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "two"},
            {"kty": "EC", "crv": "P-256", "x": x, "y": x, "kid": "two"},
            {"kty": "EC", "crv": "P-521", "x": x, "y": x},
        ]);
        let eddsa = |kid| found(&keys, kid, Algorithm::EdDSA);
        assert_eq!(eddsa(Some("one")).unwrap(), "the key \"one\"");
        assert_eq!(eddsa(Some("two")).unwrap(), "the key \"two\"");
        assert!(eddsa(None).unwrap_err().contains("Several keys"));
        assert!(found(&keys, None, Algorithm::ES256).is_ok());
        assert!(found(&keys, None, Algorithm::ES384).is_err());
        let other = found(&keys, Some("one"), Algorithm::ES256).unwrap_err();
        assert!(other.contains("that ES256 needs: EC P-256"), "{other}");

        let named = json!([{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one"}]);
        let unknown = found(&named, Some("three"), Algorithm::EdDSA).unwrap_err();
        assert_eq!(unknown, "No key has the kid \"three\".");
        let nameless = json!([{"kty": "OKP", "crv": "Ed25519", "x": x}]);
        assert!(found(&nameless, Some("three"), Algorithm::EdDSA).is_ok());
        let none = found(&nameless, None, Algorithm::RS256).unwrap_err();
        assert_eq!(none, "No possible key has the type that RS256 needs: RSA.");
    }

    #[test]
    fn a_key_is_used_only_as_its_parameters_allow() {
        let with = |name: &str, value: Value| {
            let mut key = json!({"kty": "oct", "k": "A".repeat(64)});
            key[name] = value;
            found(&json!([key]), None, Algorithm::HS256).err()
        };
        for (name, value) in [
            ("alg", json!("HS256")),
            ("use", json!("sig")),
            ("key_ops", json!(["sign", "verify"])),
        ] {
            assert_eq!(with(name, value), None, "{name}");
        }
        for (name, value, words) in [
            ("alg", json!("HS512"), "for \"HS512\" only"),
            ("alg", json!("A128KW"), "for \"A128KW\" only"),
            ("use", json!("enc"), "its use is \"enc\""),
            ("key_ops", json!(["sign"]), "do not include \"verify\""),
            ("k", json!("AAAA"), "shorter than 256 bits"),
            ("k", json!("%"), "damaged"),
            ("k", json!(7), "damaged"),
        ] {
            let refused = with(name, value).unwrap();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
