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
            encryption: KeyEncryption::new(&InstanceSecret::generate()),
            compat: CompatKey::new(&InstanceSecret::generate()),
            ring: RwLock::new(Arc::new(ring::tests::ring(algorithm, active_at))),
            version: AtomicU64::new(0),
        }),
        lifetimes: Lifetimes {
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
        email_verified: false,
        role: "member",
        groups: &[],
    }
}

pub(super) fn proved() -> Authentication {
    Authentication {
        auth_time: NOW,
        amr: vec!["pwd".to_owned()],
    }
}

pub(super) fn access(tokens: &Tokens) -> (String, AccessClaims) {
    tokens
        .issue_access(&subject(), SessionId::new(), &proved(), NOW + 86_400)
        .unwrap()
}

/// Signs any claims with our key, as an attacker who had it could.
pub(super) fn forge(tokens: &Tokens, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
    let ring = tokens.ring();
    let key = ring.active(NOW);
    let mut header = Header::new(key.jwt_algorithm());
    header.typ = Some("at+jwt".into());
    header.kid = Some(key.id().to_string());
    change(&mut header);
    jsonwebtoken::encode(&header, claims, key.signing()).unwrap()
}

#[test]
fn a_token_is_good_from_ten_seconds_before_its_first_to_its_last() {
    let (tokens, time) = tokens();
    let (token, claims) = access(&tokens);
    assert_eq!(tokens.verify_access(&token), Ok(claims));
    for (at, expected) in [
        (-11, Some(Refused::Early)),
        (-10, None),
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

/// A stolen key: tokens signed while it was ours are valid, tokens signed with it now are not.
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
        .issue_access(&subject(), SessionId::new(), &proved(), NOW + 10)
        .unwrap();
    assert_eq!(claims.exp, NOW + 10);
}

#[test]
fn a_token_of_one_purpose_never_passes_for_another() {
    let (tokens, _) = tokens();
    let access = access(&tokens).0;
    let (link, _) = tokens
        .issue_link(TokenId::new(), AccountId::new(), "/dashboard", &proved())
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
    let refused =
        |change: &dyn Fn(&mut Header)| tokens.verify_access(&forge(&tokens, &claims, change)).err();
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
    assert_eq!(with("iat", Some(json!(NOW + 11))), Some(Refused::Early));
    assert_eq!(with("nbf", Some(json!(NOW + 11))), Some(Refused::Early));
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

    // The attack of RFC 8725, section 2.1: the public key used as an HMAC secret.
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
