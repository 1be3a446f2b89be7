//! `/api/v1/`, JSON, and a header without a scheme.

use serde_json::json;

use super::*;
use crate::support::NOON;

const JSON: &str = "application/json";
const DAY: i64 = 86_400;
const VALID: &str = "if you see this, that means your token is valid";

fn sign_up(door: &Door, body: &Value) -> (u16, String) {
    let reply = post_json(&requests(door), "/api/v1/signup", body);
    assert_eq!(reply.header("content-type"), Some(JSON));
    (reply.status, reply.body)
}

fn log_in(door: &Door, body: &Value) -> (u16, String) {
    let reply = post_json(&requests(door), "/api/v1/login", body);
    assert_eq!(reply.header("content-type"), Some(JSON));
    (reply.status, reply.body)
}

fn ada() -> Value {
    json!({"username": "ada", "email": "ada@example.com", "password": PASSWORD})
}

#[test]
fn the_reader_of_tutorial_api_v1_says_hello_signs_up_in_and_passes() {
    let door = Door::open();
    assert_eq!(seen(&curl(&door).get("/")), (200, "Hello, World!", TEXT));
    let welcome = (200, r#"{"msg":"welcome :-)"}"#.to_owned());
    assert_eq!(sign_up(&door, &ada()), welcome);
    let body = json!({"username": "ada", "password": PASSWORD});
    let reply = post_json(&requests(&door), "/api/v1/login", &body);
    assert_eq!(reply.cookies(), Vec::<String>::new());
    let token = token_in(&reply, 200, "token");
    let claims = claims(&token);
    assert_eq!(
        claims,
        json!({"user_id": claims["user_id"], "exp": NOON + 2 * DAY})
    );
    for path in ["/need_login", "/api/v1/need_login"] {
        let reply = requests(&door).with("authorization", &token).get(path);
        assert_eq!(seen(&reply), (200, VALID, TEXT));
    }
}

#[test]
fn a_sign_up_of_tutorial_api_v1_names_the_first_field_that_is_empty() {
    let door = Door::open();
    let error = |why: &str| (422, json!({ "error": why }).to_string());
    for (body, why) in [
        (json!({}), "username is empty"),
        (json!([]), "username is empty"),
        (json!(null), "username is empty"),
        (json!({"password": PASSWORD}), "username is empty"),
        (
            json!({"username": 7, "email": "a@b", "password": PASSWORD}),
            "username is empty",
        ),
        (json!({"username": "ada"}), "email is empty"),
        (
            json!({"username": "ada", "email": null, "password": PASSWORD}),
            "email is empty",
        ),
        (
            json!({"username": "ada", "email": "ada@example.com"}),
            "password is empty",
        ),
        (
            json!({"username": "ada", "email": "ada@example.com", "password": ""}),
            "password is empty",
        ),
        (
            json!({"username": "ada", "email": "ada@example.com", "password": "canary"}),
            "Password must be 12 characters or more",
        ),
        (
            json!({"username": "ada", "email": "ada", "password": PASSWORD}),
            "Enter an email address in the correct format, like name@example.com",
        ),
        (
            json!({"username": "ada", "email": "ada@example.com", "password": PASSWORD, "role": "x"}),
            "role is not taken here",
        ),
    ] {
        assert_eq!(sign_up(&door, &body), error(why), "{body}");
    }
    let weak = json!({"username": "ada", "email": "ada@example.com", "password": "password1234"});
    assert!(sign_up(&door, &weak).1.contains("easy to guess"));
    for (content_type, body, status) in [
        ("application/json; charset=utf-8", ada().to_string(), 200),
        ("application/json", "{".to_owned(), 400),
        ("text/plain", ada().to_string(), 415),
        (
            "application/json",
            format!("\"{}\"", "a".repeat(17_000)),
            413,
        ),
    ] {
        let reply = curl(&door).post_body("/api/v1/signup", content_type, body);
        assert_eq!(reply.status, status, "{}", reply.body);
    }
}

#[test]
fn tutorial_api_v1_tells_which_name_is_taken() {
    for exact in ["false", "true"] {
        let door = Door::with(&[("compat.exact", exact)]);
        assert_eq!(sign_up(&door, &ada()).0, 200);
        let err = |why: &str| (409, json!({ "err": why }).to_string());
        let taken = err("username already taken");
        assert_eq!(sign_up(&door, &ada()), taken);
        let same_name =
            json!({"username": "ADA", "email": "other@example.com", "password": PASSWORD});
        assert_eq!(sign_up(&door, &same_name), taken);
        let same_address =
            json!({"username": "eve", "email": "Ada@example.com", "password": PASSWORD});
        assert_eq!(
            sign_up(&door, &same_address),
            err("email already signed-up")
        );
    }
}

#[test]
fn a_sign_in_of_tutorial_api_v1_is_refused_as_the_settings_want_it() {
    for (exact, unknown) in [
        ("false", (401, r#"{"err":"password incorrect"}"#)),
        ("true", (404, r#"{"err":"username incorrect"}"#)),
    ] {
        let door = Door::with(&[("compat.exact", exact)]);
        door.signed_up("ada");
        let try_in = |name: &str, password: &str| {
            log_in(&door, &json!({"username": name, "password": password}))
        };
        let unknown = (unknown.0, unknown.1.to_owned());
        assert_eq!(
            try_in("ada", WRONG),
            (401, r#"{"err":"password incorrect"}"#.to_owned())
        );
        assert_eq!(try_in("bob", PASSWORD), unknown);
        assert_eq!(try_in("no name", PASSWORD), unknown);
        let error = |why: &str| (422, json!({ "error": why }).to_string());
        assert_eq!(try_in("", ""), error("username is empty"));
        assert_eq!(try_in("ada", ""), error("password is empty"));
        assert_eq!(log_in(&door, &json!({})), error("username is empty"));
        assert_eq!(
            log_in(&door, &json!({"username": "ada", "password": [PASSWORD]})),
            error("password is empty")
        );
        let extra = json!({"username": "ada", "password": PASSWORD, "days": 900});
        assert_eq!(log_in(&door, &extra), error("days is not taken here"));
    }
}

#[test]
fn need_login_tells_why_a_token_will_not_do() {
    let door = Door::open();
    door.signed_up("ada");
    let none = r#"{"err":"no Authorization header found"}"#;
    assert_eq!(seen(&curl(&door).get("/need_login")), (400, none, JSON));
    assert_eq!(seen(&show_to_api_v1(&door, "")), (400, none, JSON));
    let invalid = r#"{"err":"Invalid token"}"#;
    let token = token_of_api_v1(&door, "ada");
    for bad in ["nonsense", &format!("Bearer {token}"), &format!("{token}x")] {
        assert_eq!(seen(&show_to_api_v1(&door, bad)), (401, invalid, JSON));
    }
    door.let_pass(2 * DAY - 1);
    assert_eq!(show_to_api_v1(&door, &token).body, VALID);
    door.let_pass(1);
    let expired = r#"{"err":"Signature expired"}"#;
    assert_eq!(seen(&show_to_api_v1(&door, &token)), (401, expired, JSON));

    // An account that is gone is not a token that is bad.
    let ada = door.browser();
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    let (ended, left) = (token_of_api_v1(&door, "ada"), token_of_api_v1(&door, "ada"));
    let (_, claims) = read(&ended);
    let path = format!("/api/sessions/{}", claims["sid"].as_str().unwrap());
    let program = door.program(Some(&ada.access()));
    assert_eq!(program.with_method("DELETE", &path).status, 204);
    let gone = r#"{"err":"Session has ended"}"#;
    assert_eq!(seen(&show_to_api_v1(&door, &ended)), (401, gone, JSON));
    let page = ada.get("/account/delete");
    assert_eq!(ada.submit(&page, "Delete my account", &[]).status, 303);
    let not_found = r#"{"err":"404 User not found"}"#;
    assert_eq!(seen(&show_to_api_v1(&door, &left)), (400, not_found, JSON));
}
