//! Properties of any token at any time, beyond the cases of the other tests.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::tests::{NOW, access, forge, tokens};

/// Mostly within a second of a boundary, and sometimes as far off as numbers go.
fn time() -> impl Strategy<Value = i64> {
    let edge = (-1..=1_i64, -1..=1_i64).prop_map(|(lives, seconds)| NOW + 900 * lives + seconds);
    prop_oneof![8 => edge, 1 => NOW - 1000..NOW + 1000, 1 => any::<i64>()]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((".{0,8}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_token_is_good_when_all_its_times_say_so_and_never_else(
        iat in time(), nbf in time(), exp in time(), now in time(),
    ) {
        let (tokens, clock) = tokens();
        let mut claims = serde_json::to_value(access(&tokens).1).unwrap();
        for (name, time) in [("iat", iat), ("nbf", nbf), ("exp", exp)] {
            claims[name] = time.into();
        }
        let token = forge(&tokens, &claims, |_| ());
        clock.store(now, std::sync::atomic::Ordering::Relaxed);
        let good = iat <= now + 10 && nbf <= now + 10 && now < exp.min(iat.saturating_add(900));
        prop_assert_eq!(tokens.verify_access(&token).is_ok(), good);
    }

    #[test]
    fn a_claim_is_read_exactly_or_the_token_is_refused(at in 0..14_usize, value in json()) {
        let (tokens, _) = tokens();
        let mut claims = serde_json::to_value(access(&tokens).1).unwrap();
        let names = [
            "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr", "roles",
            "username", "name", "unheard_of",
        ];
        claims[names[at]] = value.clone();
        if let Ok(taken) = tokens.verify_access(&forge(&tokens, &claims, |_| ())) {
            let taken = serde_json::to_value(taken).unwrap();
            prop_assert!(names[at] == "unheard_of" || taken[names[at]] == value);
        }
    }

    #[test]
    fn a_kind_a_key_or_a_party_that_is_spelled_otherwise_is_refused(
        typ in "(?i:at\\+jwt)|.*", kid in "[0-9a-f-]{36}|.*", party in "(?i:http://door.test/?)|.*",
    ) {
        let (tokens, _) = tokens();
        let mut claims = serde_json::to_value(access(&tokens).1).unwrap();
        let typed = forge(&tokens, &claims, |header| header.typ = Some(typ.clone()));
        prop_assert_eq!(tokens.verify_access(&typed).is_ok(), typ == "at+jwt");
        let keyed = forge(&tokens, &claims, |header| header.kid = Some(kid));
        prop_assert!(tokens.verify_access(&keyed).is_err());
        for name in ["iss", "aud"] {
            let ours = std::mem::replace(&mut claims[name], party.as_str().into());
            let token = forge(&tokens, &claims, |_| ());
            prop_assert_eq!(tokens.verify_access(&token).is_ok(), ours == party.as_str());
            claims[name] = ours;
        }
    }

    #[test]
    fn no_text_is_a_token_by_chance(text in ".*|[A-Za-z0-9_.=-]*|e[A-Za-z0-9_-]*(\\.e?[A-Za-z0-9_-]*){2}") {
        let (tokens, _) = tokens();
        prop_assert!(tokens.verify_access(&text).is_err());
        prop_assert!(tokens.verify_link(&text).is_err());
        prop_assert!(tokens.verify_share(&text).is_err());
    }
}
