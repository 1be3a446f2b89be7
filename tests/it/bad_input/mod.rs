//! What nobody should send: every answer is a clear refusal, nothing is lost, and nothing that
//! was sent comes back from where it is secret.

mod addresses;
mod bodies;
mod codes;
mod everywhere;
mod forms;
mod races;
mod tokens;

use serde_json::Value;

use crate::support::{Browser, Door, Reply, Wire, status_of};

const FORM: &str = "application/x-www-form-urlencoded";
/// In every secret that these tests send.
const CANARY: &str = "canary";

/// A program: asks for no HTML, says nothing of where it comes from, keeps no cookies.
fn program(door: &Door) -> Browser {
    Browser::sending(&door.local_url(), &[])
}

/// Sends the same as a browser and as a program: both are told the same, each in its own way.
fn refused(door: &Door, send: impl Fn(&Browser) -> Reply, status: u16, code: &str, words: &str) {
    let page = send(&door.browser());
    assert_eq!(page.status, status, "{}", page.body);
    assert!(
        page.text("main").contains(words),
        "{words} in {}",
        page.body
    );
    assert_eq!(page.text("main code"), page.header("x-request-id").unwrap());
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    is_well_dressed(&page);

    let json = send(&program(door));
    assert_eq!(json.status, status, "{}", json.body);
    told(&json, code, words);
}

/// What a program reads; returns what it says of the fields.
fn told(reply: &Reply, code: &str, words: &str) -> Value {
    is_well_dressed(reply);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let mut json: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(json["error"], code, "{json}");
    assert!(
        json["message"].as_str().unwrap().contains(words),
        "{words} in {json}"
    );
    assert_eq!(json["request_id"], reply.header("x-request-id").unwrap());
    let fields = json["fields"].take();
    assert!(fields.is_object(), "{fields}");
    assert_eq!(json.as_object().unwrap().len(), 4, "{json}");
    fields
}

/// The headers that no answer goes without, and no secret.
fn is_well_dressed(reply: &Reply) {
    for (name, part) in [
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", ""),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", ""),
        ("cache-control", "no-store"),
        ("x-request-id", "-"),
    ] {
        let value = reply.header(name);
        assert!(
            value.is_some_and(|value| value.contains(part)),
            "{name}: {value:?}"
        );
    }
    assert!(!reply.body.contains(CANARY), "{}", reply.body);
    assert!(!format!("{:?}", reply.headers).contains(CANARY));
}

/// The head of a form post as a browser sends it, up to the length of its body.
fn form_head(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nsec-fetch-site: same-origin\r\ncontent-type: {FORM}\r\n"
    )
}
