//! Basic credentials changed for a token.

use serde_json::json;

use super::*;
use crate::support::NOON;

#[test]
fn the_reader_of_tutorial_d_changes_basic_credentials_for_a_token() {
    let door = Door::open();
    door.signed_up("ada");
    let ada = curl(&door).with("authorization", &basic("ada", PASSWORD));
    let reply = ada.get("/login");
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let token = token_in(&reply, 200, "token");
    assert_eq!(
        claims(&token),
        json!({"user": "ada", "exp": NOON + 20 * 60})
    );
}

#[test]
fn tutorial_d_refuses_everything_else_in_one_way() {
    for exact in ["false", "true"] {
        let door = Door::with(&[("compat.exact", exact)]);
        let ada = door.signed_up("ada");
        assert_eq!(
            seen(&curl(&door).get("/login")),
            (403, "Unable to verify", TEXT)
        );
        for header in [
            basic("ada", WRONG),
            basic("bob", PASSWORD),
            basic("ada", ""),
            "Basic".to_owned(),
            "Basic !".to_owned(),
            format!("Basic {}", STANDARD.encode("ada")),
            format!("Basic {}", STANDARD.encode(b"\xff:\xff")),
            format!("Bearer {}", ada.access()),
        ] {
            let reply = curl(&door).with("authorization", &header).get("/login");
            assert_eq!(seen(&reply), (403, "Unable to verify", TEXT), "{header}");
        }
        let twice = reqwest::blocking::Client::new()
            .get(format!("{}/login", door.local_url()))
            .header("authorization", basic("ada", PASSWORD))
            .header("authorization", basic("ada", PASSWORD));
        assert_eq!(twice.send().unwrap().status().as_u16(), 403);
    }
}
