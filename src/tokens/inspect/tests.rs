use std::sync::atomic::Ordering;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{AlgorithmFamily, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::base::ids::{AccountId, TokenId};
use crate::tokens::Tokens;
use crate::tokens::claims::LONGEST_SECONDS;
use crate::tokens::key::SigningKey;
use crate::tokens::tests::{NOW, access, forge, proved, tokens, tokens_by};

/// A token is accepted as its own kind if and only if no check of the report has failed.
#[track_caller]
fn agrees(tokens: &Tokens, token: &str) -> Report {
    let report = tokens.inspect(token);
    let opens = match report.kind {
        Kind::Access => tokens.verify_access(token).is_ok(),
        Kind::Link => tokens.verify_link(token).is_ok(),
        Kind::Share => tokens.verify_share(token).is_ok(),
        Kind::Foreign | Kind::Opaque => {
            tokens.verify_access(token).is_ok()
                || tokens.verify_link(token).is_ok()
                || tokens.verify_share(token).is_ok()
        }
    };
    assert_eq!(report.is_accepted(), opens, "{:?}", report.checks);
    report
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.failed()
}

#[test]
fn a_report_and_the_doors_agree_at_every_time() {
    for algorithm in SigningAlgorithm::ALL {
        let (tokens, time) = tokens_by(algorithm, &[NOW, NOW + 60]);
        let all = [
            access(&tokens).0,
            tokens
                .issue_link(TokenId::new(), AccountId::new(), "/dashboard", &proved())
                .unwrap()
                .0,
            tokens.issue_share(AccountId::new(), "/s/1", 600).unwrap().0,
        ];
        for at in [-11, -10, 149, 150, 599, 600, 899, 900, 60 + LONGEST_SECONDS] {
            time.store(NOW + at, Ordering::Relaxed);
            let reports = all.each_ref().map(|token| agrees(&tokens, token));
            let kinds = reports.each_ref().map(|report| report.kind);
            assert_eq!(kinds, [Kind::Access, Kind::Link, Kind::Share]);
            let expected: &[_] = match at {
                -11 => &["Issued (iat)", "Not valid before (nbf)"],
                -10..900 => &[],
                900 => &["Expires (exp)", "Lifetime"],
                _ => &["Key (kid)", "Expires (exp)"],
            };
            assert_eq!(failed(&reports[0]), expected, "{algorithm:?} at {at}");
        }
    }
}

#[test]
fn a_report_and_the_doors_agree_on_every_header_and_claim() {
    let (tokens, _) = tokens();
    let good = serde_json::to_value(access(&tokens).1).unwrap();
    let header =
        |change: &dyn Fn(&mut Header)| failed(&agrees(&tokens, &forge(&tokens, &good, change)));
    assert_eq!(header(&|_| ()), [""; 0]);
    assert_eq!(header(&|h| h.typ = None), ["Kind (typ)"]);
    assert_eq!(header(&|h| h.typ = Some("JWT".into())), ["Kind (typ)"]);
    assert_eq!(header(&|h| h.kid = None), ["Key (kid)"]);
    assert_eq!(header(&|h| h.kid = Some("x".into())), ["Key (kid)"]);
    assert_eq!(
        header(&|h| h.crit = Some(vec!["exp".into()])),
        ["Extensions (crit)"]
    );
    for typ in ["link+jwt", "share+jwt"] {
        // Another kind lacks claims, or has others.
        header(&|h| h.typ = Some(typ.into()));
    }

    let claims = |name: &str, value: Option<Value>| {
        let mut claims = good.clone();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        failed(&agrees(&tokens, &forge(&tokens, &claims, |_| ())))
    };
    for name in good.as_object().unwrap().keys() {
        let expected: &[_] = if name == "username" { &[] } else { &["Claims"] };
        assert_eq!(claims(name, None), expected, "without {name}");
        for odd in [
            json!(null),
            json!(1.5),
            json!([]),
            json!("x"),
            json!(-1),
            json!(i64::MAX),
        ] {
            claims(name, Some(odd));
        }
    }
    assert_eq!(
        claims("iss", Some(json!("http://evil.test"))),
        ["Issuer (iss)"]
    );
    assert_eq!(
        claims("aud", Some(json!("http://evil.test"))),
        ["Audience (aud)"]
    );
    assert_eq!(claims("iat", Some(json!(NOW + 11))), ["Issued (iat)"]);
    assert_eq!(
        claims("nbf", Some(json!(NOW + 11))),
        ["Not valid before (nbf)"]
    );
    assert_eq!(claims("exp", Some(json!(NOW))), ["Expires (exp)"]);
    assert_eq!(claims("iat", Some(json!(NOW - 900))), ["Lifetime"]);
    assert_eq!(claims("exp", Some(json!(NOW + 9000))), [""; 0]);
    let all_at_once = json!({"iss": "x", "aud": "x", "iat": NOW + 11, "nbf": NOW + 11, "exp": NOW});
    let all_at_once = forge(&tokens, &all_at_once, |h| h.crit = Some(Vec::new()));
    assert_eq!(
        failed(&agrees(&tokens, &all_at_once)),
        [
            "Extensions (crit)",
            "Claims",
            "Issuer (iss)",
            "Audience (aud)",
            "Issued (iat)",
            "Not valid before (nbf)",
            "Expires (exp)",
        ]
    );
}

#[test]
fn a_report_and_the_doors_agree_on_a_token_that_was_changed() {
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Hs256] {
        let (tokens, _) = tokens_by(algorithm, &[NOW]);
        let (token, claims) = access(&tokens);
        for at in 0..token.len() {
            for by in [b'A', b'.', b' '] {
                let mut changed = token.clone().into_bytes();
                changed[at] = if changed[at] == by { b'B' } else { by };
                agrees(&tokens, &String::from_utf8(changed).unwrap());
            }
        }
        let long = format!("{token}{}", "A".repeat(TOKEN_MAX_BYTES));
        for bad in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "e30.e30.",
            &token[1..],
            &long,
        ] {
            agrees(&tokens, bad);
        }
        let (stranger, _) = tokens_by(algorithm, &[NOW]);
        let ours = tokens.ring().active(NOW).id().to_string();
        let claims = serde_json::to_value(claims).unwrap();
        let strange = forge(&stranger, &claims, |header| header.kid = Some(ours.clone()));
        assert_eq!(failed(&agrees(&tokens, &strange)), ["Signature"]);

        // Signed with our key, and not base64url.
        let head = token.split('.').next().unwrap();
        let signed = format!("{head}.e30!");
        let ring = tokens.ring();
        let key = ring.active(NOW);
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), key.signing(), key.jwt_algorithm());
        let report = agrees(&tokens, &format!("{signed}.{}", signature.unwrap()));
        assert_eq!(failed(&report), ["Form", "Claims"]);
        let signature = report.checks.iter().find(|check| check.what == "Signature");
        let signature = signature.unwrap();
        assert_eq!(signature.outcome, crate::tokens::Outcome::NotChecked);
        assert!(signature.why.contains("Cannot be checked"));

        let body = token.split('.').nth(1).unwrap();
        let signed_with = |header: String| {
            agrees(
                &tokens,
                &format!("{}.{body}.", URL_SAFE_NO_PAD.encode(header)),
            )
        };
        for alg in ["none", "None", "ES512", "HS384", "PS256"] {
            let header = json!({"alg": alg, "typ": "at+jwt", "kid": ours}).to_string();
            let failed = failed(&signed_with(header));
            assert_eq!(failed, ["Algorithm (alg)", "Key (kid)"], "{alg}");
        }
        // A field twice, of the wrong type, or missing.
        for header in [
            r#"{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"alg":"EdDSA","typ":1}"#,
            r#"{"alg":"EdDSA","crit":1}"#,
            r#"{"typ":"at+jwt"}"#,
            "[]",
            "1",
        ] {
            signed_with(header.to_owned());
        }
    }
}

#[test]
fn how_long_tokens_live_is_said_to_those_only_who_have_one() {
    let (tokens, _) = tokens();
    let (token, claims) = access(&tokens);
    let says = |token: &str| format!("{:?}", agrees(&tokens, token).checks).contains("900");
    assert!(says(&token));
    let (stranger, _) = self::tokens();
    let mut claims = serde_json::to_value(claims).unwrap();
    claims["exp"] = json!(NOW + 9_999);
    assert!(!says(&forge(&stranger, &claims, |_| ())));
}

#[test]
fn a_token_is_read_as_it_is_pasted() {
    for pasted in [
        "a.b.c",
        " a.b.c\n",
        "Bearer a.b.c",
        "bearer\ta.b.c",
        "\nBEARER   a.\r\n  b.c",
    ] {
        assert_eq!(as_pasted(pasted), "a.b.c", "{pasted:?}");
    }
    assert_eq!(as_pasted("bearertoken"), "bearertoken");
    assert_eq!(as_pasted(" Bearer "), "");
    assert_eq!(as_pasted("日本語"), "日本語");
}

/// A separate key for each, and the key set that publishes it.
fn key_for(algorithm: Algorithm) -> (EncodingKey, String) {
    let random = SystemRandom::new();
    let made = |algorithm| SigningKey::generate(algorithm).unwrap();
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => EncodingKey::from_secret(&[7; 64]),
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_der(&made(SigningAlgorithm::Rs256)),
        AlgorithmFamily::Ed => EncodingKey::from_ed_der(&made(SigningAlgorithm::EdDsa)),
        AlgorithmFamily::Ec if algorithm == Algorithm::ES256 => {
            EncodingKey::from_ec_der(&made(SigningAlgorithm::Es256))
        }
        AlgorithmFamily::Ec => EncodingKey::from_ec_der(
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)
                .unwrap()
                .as_ref(),
        ),
    };
    let jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
    (key, serde_json::to_string(&jwk).unwrap())
}

#[test]
fn tokens_of_others_are_verified_by_each_algorithm_and_by_no_other() {
    let families = [
        AlgorithmFamily::Hmac,
        AlgorithmFamily::Rsa,
        AlgorithmFamily::Ec,
        AlgorithmFamily::Ed,
    ];
    let all = families.iter().flat_map(|family| family.algorithms());
    let all: Vec<_> = all
        .map(|algorithm| {
            let (key, jwk) = key_for(*algorithm);
            let claims = json!({ "exp": NOW + 1 });
            let token = jsonwebtoken::encode(&Header::new(*algorithm), &claims, &key);
            (token.unwrap(), KeySet::parse(&jwk).unwrap())
        })
        .collect();
    assert_eq!(all.len(), 12);
    for (signer, (token, _)) in all.iter().enumerate() {
        for (verifier, (_, keys)) in all.iter().enumerate() {
            let report = by_key_set(token, keys, NOW);
            let expected: &[_] = if signer == verifier {
                &[]
            } else {
                &["Key (kid)"]
            };
            assert_eq!(failed(&report), expected, "{signer} by {verifier}");
        }
    }
}

#[test]
fn times_of_others_are_judged_as_far_as_they_say_them() {
    let (key, jwk) = key_for(Algorithm::HS256);
    let keys = KeySet::parse(&jwk).unwrap();
    let of = |claims: &Value| {
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key);
        failed(&by_key_set(&token.unwrap(), &keys, NOW))
    };
    for good in [
        json!({}),
        json!({ "iat": NOW, "nbf": NOW, "exp": NOW + 1 }),
        json!({ "iat": NOW as f64 - 0.5, "exp": NOW as f64 + 1.5 }),
        json!({ "iat": 0, "exp": i64::MAX }),
        json!({ "exp": 1e300 }),
    ] {
        assert_eq!(of(&good), [""; 0], "{good}");
    }
    for (name, said, what) in [
        ("exp", json!(NOW), "Expires (exp)"),
        ("exp", json!(i64::MIN), "Expires (exp)"),
        ("exp", json!("tomorrow"), "Expires (exp)"),
        ("exp", json!(null), "Expires (exp)"),
        ("nbf", json!(NOW + 1), "Not valid before (nbf)"),
        ("iat", json!(1e300), "Issued (iat)"),
        ("iat", json!([]), "Issued (iat)"),
    ] {
        assert_eq!(of(&json!({ name: said })), [what], "{name} {said}");
    }
    assert_eq!(of(&json!("text")), ["Claims"]);
}
