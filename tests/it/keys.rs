//! The key ring, as those see it who sign in and those who verify.

use std::collections::BTreeSet;

use crate::support::{Browser, Door, PASSWORD, Place, wait_until};

const JWKS: &str = "/.well-known/jwks.json";
const DAY: i64 = 86_400;
const HMAC_SECRET: &str = "canary-shared-with-others-0123456789";

fn kid(token: &str) -> String {
    let head = doorward_head(token);
    head["kid"].as_str().unwrap().to_owned()
}

fn doorward_head(token: &str) -> serde_json::Value {
    use base64::Engine;
    let head = token.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head);
    serde_json::from_slice(&head.unwrap()).unwrap()
}

fn published(browser: &Browser) -> BTreeSet<String> {
    let keys = browser.get(JWKS).json()["keys"].clone();
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_public_keys_are_for_everyone_and_may_be_kept_for_five_minutes() {
    let door = Door::open();
    let reply = door.program(None).get(JWKS);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("application/jwk-set+json")
    );
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let json = reply.json();
    assert_eq!(json["keys"].as_array().unwrap().len(), 2, "active and next");
    for key in json["keys"].as_array().unwrap() {
        let parts: BTreeSet<_> = key.as_object().unwrap().keys().collect();
        assert_eq!(
            parts.into_iter().collect::<Vec<_>>(),
            ["alg", "crv", "kid", "kty", "use", "x"]
        );
    }

    let etag = reply.header("etag").unwrap();
    for tag in [etag, &format!("W/{etag}"), &format!("\"x\", {etag}"), "*"] {
        let same = door.program(None).with("if-none-match", tag).get(JWKS);
        assert_eq!((same.status, same.body.as_str()), (304, ""), "{tag}");
        assert_eq!(same.header("etag"), Some(etag));
    }
    let other = door.program(None).with("if-none-match", "\"x\"");
    assert_eq!(other.get(JWKS).status, 200);
}

#[test]
fn the_journey_is_the_same_with_each_algorithm() {
    for (algorithm, public) in [("EdDSA", 2), ("ES256", 2), ("RS256", 2), ("HS256", 0)] {
        let door = Door::with(&[
            ("tokens.algorithm", algorithm),
            ("tokens.hmac_secret", HMAC_SECRET),
        ]);
        let ada = door.signed_up("ada");
        assert!(ada.is_signed_in(), "{algorithm}");
        assert_eq!(doorward_head(&ada.access())["alg"], algorithm);
        assert_eq!(published(&ada).len(), public, "{algorithm}");
        assert!(!ada.get(JWKS).body.contains("\"k\""));
        door.let_pass(15 * 60);
        assert!(ada.is_signed_in(), "{algorithm}, renewed");
        ada.sign_out();
        assert!(!ada.is_signed_in(), "{algorithm}");
    }
}

#[test]
fn servers_of_one_database_share_the_ring() {
    let door = Door::open();
    let other = door.another();
    assert_eq!(published(&door.browser()), published(&other.browser()));
    let ada = door.signed_up("ada");
    let there = Browser::program(&other.local_url(), Some(&ada.access()));
    assert!(there.is_signed_in());
}

#[test]
fn after_ninety_days_the_next_key_signs_and_one_after_it_is_published() {
    let door = Door::open();
    let before = published(&door.browser());
    let first = kid(&door.signed_up("ada").access());
    door.let_pass(90 * DAY - 1);
    assert_eq!(kid(&door.signed_up("bob").access()), first);
    door.let_pass(1);
    let second = kid(&door.signed_up("eve").access());
    assert!(second != first && before.contains(&second));
    wait_until("a third key is published", || {
        published(&door.browser()).len() == 3
    });
    assert!(
        published(&door.browser()).contains(&first),
        "still believed"
    );
    // What it signed can live for thirty days at the most.
    door.let_pass(30 * DAY);
    wait_until("the first key is forgotten", || {
        !published(&door.browser()).contains(&first)
    });
}

#[test]
fn another_algorithm_signs_from_the_next_start_and_old_tokens_live_on() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let door = door.restart_with(&[("tokens.algorithm", "ES256")]);
    let there = ada.moved_to(&door.local_url());
    there.drop_cookie("doorward_refresh");
    assert!(there.is_signed_in());
    let bob = door.signed_up("bob");
    assert_eq!(doorward_head(&bob.access())["alg"], "ES256");
    let keys = bob.get(JWKS).json();
    let kinds = keys["keys"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["EdDSA", "ES256", "ES256"]);
}

#[test]
fn tokens_by_a_shared_secret_live_on_when_another_algorithm_takes_its_place() {
    let door = Door::with(&[
        ("tokens.algorithm", "HS256"),
        ("tokens.hmac_secret", HMAC_SECRET),
    ]);
    let ada = door.signed_up("ada");
    let program = |door: &Door| door.program(Some(&ada.access()));
    let door = door.restart_with(&[("tokens.algorithm", "EdDSA"), ("tokens.hmac_secret", "")]);
    assert!(program(&door).is_signed_in());
    let bob = door.signed_up("bob");
    assert_eq!(doorward_head(&bob.access())["alg"], "EdDSA");
    // Back to the same secret, and then to another one.
    let door = door.restart_with(&[
        ("tokens.algorithm", "HS256"),
        ("tokens.hmac_secret", HMAC_SECRET),
    ]);
    assert!(program(&door).is_signed_in());
    assert!(door.program(Some(&bob.access())).is_signed_in());
    door.let_pass(15 * 60 - 1);
    assert!(program(&door).is_signed_in());
    door.let_pass(1);
    assert!(!program(&door).is_signed_in(), "its exp holds");
    let eve = door.signed_up("eve");
    let door = door.restart_with(&[("tokens.algorithm", "EdDSA")]);
    let door = door.restart_with(&[
        ("tokens.algorithm", "HS256"),
        ("tokens.hmac_secret", "canary-another-secret-9876543210-xyz"),
    ]);
    let there = door.program(Some(&eve.access()));
    assert!(!there.is_signed_in(), "somebody may have the old secret");
}

#[test]
fn a_shared_secret_that_was_changed_signs_from_the_next_start() {
    let shared = |secret| {
        [
            ("tokens.algorithm", "HS256"),
            ("tokens.hmac_secret", secret),
        ]
    };
    let door = Door::with(&shared(HMAC_SECRET));
    let ada = door.signed_up("ada");
    let door = door.restart();
    let again = door.signed_up("bob");
    assert_eq!(kid(&ada.access()), kid(&again.access()), "the same secret");
    let door = door.restart_with(&shared("canary-another-secret-9876543210-xyz"));
    let eve = door.signed_up("eve");
    assert_ne!(kid(&ada.access()), kid(&eve.access()));
    let there = Browser::program(&door.local_url(), Some(&ada.access()));
    assert!(!there.is_signed_in(), "somebody may have the old one");
    assert!(
        ada.moved_to(&door.local_url()).is_signed_in(),
        "by its session"
    );
}

/// Whoever verifies by a shared secret can sign with it: what only we know is asked of the
/// database.
#[test]
fn a_token_forged_with_the_shared_secret_gains_no_role_and_no_later_proof() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let door = Door::with(&[
        ("tokens.algorithm", "HS256"),
        ("tokens.hmac_secret", HMAC_SECRET),
    ]);
    let ada = door.signed_up("ada");
    door.let_pass(60);
    let forge = |change: &dyn Fn(&mut serde_json::Value)| {
        use base64::Engine;
        let payload = ada.access();
        let payload = payload.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
        let mut claims = serde_json::from_slice(&payload.unwrap()).unwrap();
        change(&mut claims);
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some(kid(&ada.access())));
        let key = EncodingKey::from_secret(HMAC_SECRET.as_bytes());
        let token = encode(&header, &claims, &key).unwrap();
        door.program(Some(&token)).get("/dashboard").status
    };
    assert_eq!(forge(&|_| ()), 200, "the forger can write a token");
    assert_eq!(
        forge(&|claims| claims["roles"] = serde_json::json!(["administrator"])),
        401
    );
    assert_eq!(
        forge(&|claims| claims["groups"] = serde_json::json!(["wheel"])),
        401
    );
    assert_eq!(
        forge(&|claims| claims["auth_time"] = (crate::support::NOON + 60).into()),
        401
    );
}

/// `(id, state)` of each.
fn listed(place: &Place, arguments: &[&str]) -> Vec<(String, String)> {
    let told = place.run(&[&["keys"], arguments].concat()).well();
    let rows = told.lines().filter(|line| line.contains('\t'));
    rows.map(|row| {
        let columns: Vec<_> = row.split('\t').collect();
        assert_eq!(columns.len(), 5, "{row}");
        (columns[0].to_owned(), columns[2].to_owned())
    })
    .collect()
}

#[test]
fn keys_are_rotated_by_command_under_a_running_server() {
    let place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let before = listed(&place, &["list"]);
    let states: Vec<_> = before.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(states, ["active", "next"]);
    assert_eq!(kid(&ada.access()), before[0].0);

    // It has only just been made: whoever keeps our keys does not have it yet.
    let soon = place.run(&["keys", "rotate"]).well();
    assert!(
        soon.contains("not been published for long enough"),
        "{soon}"
    );
    assert_eq!(listed(&place, &["list"]), before);

    let thief = Browser::program(&serving.url(), Some(&ada.access()));
    assert!(thief.is_signed_in(), "and now it is known there");
    let after = listed(&place, &["rotate", "--revoke"]);
    assert_eq!(after[0], (before[1].0.clone(), "active".to_owned()));
    assert_eq!((after.len(), after[1].1.as_str()), (2, "next"));
    wait_until("what the old key signed is refused", || {
        !thief.is_signed_in()
    });
    let refused = thief.get("/dashboard");
    let why = refused.header("www-authenticate").unwrap();
    assert!(why.contains("unknown key"), "{why}");
    assert!(ada.is_signed_in(), "who has a session is given a new token");
    assert_eq!(kid(&ada.access()), after[0].0);
}

#[test]
fn a_key_that_was_published_for_long_enough_signs_at_once_when_it_is_told_to() {
    let place = Place::new();
    place.serve().end();
    // As if it had been made an hour ago.
    place.sql(
        "UPDATE signing_keys SET created_at = created_at - 3600, active_at = active_at - 3600",
    );
    let before = listed(&place, &["list"]);
    let after = listed(&place, &["rotate"]);
    let states: Vec<_> = after.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(states, ["retired", "active", "next"]);
    assert_eq!(after[1].0, before[1].0);
    let mut place = place;
    place.set("DOORWARD_TOKENS__ALGORITHM", "HS256");
    place.set("DOORWARD_TOKENS__HMAC_SECRET", HMAC_SECRET);
    place.serve().end();
    let refused = place.run(&["keys", "rotate"]).ill(1);
    assert!(refused.contains("change tokens.hmac_secret"), "{refused}");
}

#[test]
fn without_keys_there_is_nothing_to_list_or_rotate() {
    let place = Place::new();
    for command in ["list", "rotate"] {
        let refused = place.run(&["keys", command]).ill(1);
        assert!(refused.contains("no signing keys yet"), "{refused}");
    }
}
