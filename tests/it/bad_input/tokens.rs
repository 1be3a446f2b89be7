//! Tokens where none belongs, and more of them than one.

use super::{Wire, refused, status_of};
use crate::support::{Browser, Door, PASSWORD};

fn link(door: &Door, username: &str) -> String {
    let fields = [
        ("username", username),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    door.browser().post("/login", &fields).location()
}

#[test]
fn two_tokens_in_the_address_are_refused() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link(&door, "ada");
    let token = link.split_once("token=").unwrap().1;
    for twice in [
        format!("{link}&token={token}"),
        format!("{link}&token="),
        format!("/dashboard?token=&token={token}"),
        format!("{link}&%74oken={token}"),
    ] {
        refused(
            &door,
            |who| who.get(&twice),
            400,
            "token_misplaced",
            "two tokens",
        );
    }
    refused(
        &door,
        |who| who.get("/first-administrator?token=a&token=b"),
        400,
        "token_misplaced",
        "two tokens",
    );
}

#[test]
fn a_token_in_the_address_and_one_in_a_header_are_refused() {
    let door = Door::open();
    let access = door.signed_up("ada").cookie("doorward_access").unwrap();
    let link = link(&door, "ada");
    for header in [
        format!("Bearer {access}"),
        "bearer canary".to_owned(),
        "Bearer  x".to_owned(),
    ] {
        let get = |who: &Browser| who.with("authorization", &header).get(&link);
        refused(&door, get, 400, "token_misplaced", "two tokens");
    }
}

#[test]
fn two_authorization_headers_are_refused() {
    let door = Door::open();
    let access = door.signed_up("ada").cookie("doorward_access").unwrap();
    for other in [&access, "canary"] {
        for path in ["/dashboard", "/", "/login"] {
            let mut wire = Wire::to(door.address);
            wire.say(format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\nauthorization: Bearer {access}\r\nauthorization: Bearer {other}\r\n\r\n"
            ));
            let answer = wire.hear();
            assert_eq!(status_of(&answer), "400", "{path}");
            assert!(answer.contains("two Authorization headers"), "{answer}");
            assert!(!answer.contains(other));
        }
    }
}

#[test]
fn a_token_in_the_address_of_a_form_or_of_any_other_page_is_refused() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link(&door, "ada");
    let query = link.split_once('?').unwrap().1;
    for path in ["/public", "/login", "/signup", "/static/app.css"] {
        let get = |who: &Browser| who.get(&format!("{path}?{query}"));
        refused(&door, get, 400, "token_misplaced", "does not belong here");
    }
    for path in ["/login", "/signup", "/logout", "/first-administrator"] {
        let post = |who: &Browser| who.post(&format!("{path}?{query}"), &[]);
        refused(&door, post, 400, "token_misplaced", "does not belong here");
    }
}

#[test]
fn a_token_that_is_not_text_is_refused() {
    let door = Door::open();
    for token in ["%ff", "%c3%28"] {
        let get = |who: &Browser| who.get(&format!("/dashboard?token={token}"));
        refused(&door, get, 400, "token_misplaced", "cannot be read");
    }
    for token in [
        "%00",
        "a%0D%0Ab",
        "..",
        ".",
        "%F0%9F%94%91",
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        let get = |who: &Browser| who.get(&format!("/dashboard?token={token}"));
        refused(&door, get, 400, "token_misplaced", "This link is not valid");
    }
}
