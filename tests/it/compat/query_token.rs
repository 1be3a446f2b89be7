//! `?token=`, a decorator, and a session.

use serde_json::json;

use super::*;
use crate::support::NOON;

const ADA: [(&str, &str); 2] = [("username", "ada"), ("password", PASSWORD)];
const WELCOME: &str = "You are verified. Welcome to your dashboard!";

#[test]
fn the_reader_of_tutorial_query_token_sees_the_public_page_signs_in_and_shows_the_token() {
    let door = Door::open();
    door.signed_up("ada");
    let public = curl(&door).get("/public");
    assert_eq!(seen(&public), (200, "This is a public page", TEXT));
    let token = token_in(&curl(&door).post("/login", &ADA), 200, "token");
    assert_eq!(claims(&token), json!({"user": "ada", "exp": NOON + 150}));
    let shown = show_to_query_token(&door, &token);
    assert_eq!(seen(&shown), (200, WELCOME, TEXT));
    assert_eq!(shown.cookies(), Vec::<String>::new());
}

#[test]
fn tutorial_query_token_sets_a_sessions_cookies_and_the_token_ends_with_it() {
    let door = Door::open();
    door.signed_up("ada");
    let session = requests(&door);
    let token = token_in(&session.post("/login", &ADA), 200, "token");
    let (_, claims) = read(&token);
    assert!(session.is_signed_in(), "by its cookies");
    let (_, access) = read(&session.access());
    assert_eq!(claims["sid"], access["sid"]);
    let same = session.with("sec-fetch-site", "same-origin");
    assert_eq!(same.post_own("/logout", &[]).status, 303);
    let ended = show_to_query_token(&door, &token);
    let invalid = r#"{"Alert!":"Invalid Token"}"#;
    assert_eq!(seen(&ended), (401, invalid, "application/json"));

    let stays = curl(&door).post("/login", &[&ADA[..], &[("stay", "on")]].concat());
    assert!(stays.cookies().iter().all(|one| one.contains("Max-Age")));
    let visits = curl(&door).post("/login", &ADA);
    assert!(visits.cookies().iter().all(|one| !one.contains("Max-Age")));
}

#[test]
fn a_client_that_keeps_its_cookies_goes_on_by_every_tutorial() {
    let door = Door::open();
    door.signed_up("ada");
    let session = requests(&door);
    for _ in 0..2 {
        token_in(&session.post("/login", &ADA), 200, "token");
    }
    assert!(session.cookie("doorward_access").is_some());
    let email = [("email", "ada@example.com"), ("password", PASSWORD)];
    token_in(&session.post("/login", &email), 201, "token");
    let json = json!({"username": "ada", "password": PASSWORD});
    token_in(&post_json(&session, "/api/v1/login", &json), 200, "token");
    token_in(&post_json(&session, "/auth", &json), 200, "access_token");
    let eve = json!({"username": "eve", "password": PASSWORD});
    assert_eq!(post_json(&session, "/signup", &eve).status, 200);
}

#[test]
fn a_sign_in_of_tutorial_query_token_is_refused_in_one_way() {
    for exact in ["false", "true"] {
        let door = Door::with(&[("compat.exact", exact)]);
        door.signed_up("ada");
        for fields in [
            [("username", "ada"), ("password", WRONG)],
            [("username", "bob"), ("password", PASSWORD)],
            [("username", ""), ("password", PASSWORD)],
            [("username", "ada"), ("password", "")],
        ] {
            let reply = curl(&door).post("/login", &fields);
            assert_eq!(seen(&reply), (403, "Unable to verify", TEXT));
            assert_eq!(
                challenge(&reply),
                Some(r#"Basic realm="Authentication Failed!""#)
            );
            assert_eq!(reply.cookies(), Vec::<String>::new());
        }
        let extra = [ADA[0], ADA[1], ("role", "administrator")];
        let reply = curl(&door).post("/login", &extra);
        assert_eq!(seen(&reply), (422, "role is not taken here", TEXT));
    }
}

#[test]
fn a_token_of_tutorial_query_token_lives_for_150_seconds_and_its_end_has_words_of_its_own() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_query_token(&door, "ada");
    let alert = |reply: Reply| {
        assert_eq!(reply.status, 401, "{}", reply.body);
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(reply.header(name), Some(value));
        }
        reply.json()["Alert!"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        seen(&curl(&door).get("/auth")),
        (401, r#"{"Alert!":"Token is missing"}"#, "application/json")
    );
    assert_eq!(alert(show_to_query_token(&door, "")), "Token is missing");
    assert_eq!(alert(show_to_query_token(&door, "x.y.z")), "Invalid Token");
    door.let_pass(149);
    assert_eq!(show_to_query_token(&door, &token).body, WELCOME);
    door.let_pass(1);
    assert_eq!(
        alert(show_to_query_token(&door, &token)),
        "Token has expired"
    );
}

#[test]
fn two_tokens_never_count_as_one_at_tutorial_b() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_query_token(&door, "ada");
    let path = format!("/auth?token={token}");
    assert_eq!(
        curl(&door).get(&format!("{path}&token={token}")).status,
        400
    );
    let both = curl(&door).with("authorization", &format!("Bearer {token}"));
    assert_eq!(both.get(&path).status, 400);
    let body = json!({"username": "ada", "password": PASSWORD});
    assert_eq!(post_json(&curl(&door), &path, &body).status, 400);
    for elsewhere in ["/public", "/user", "/need_login", "/login"] {
        let path = format!("{elsewhere}?token={token}");
        assert_eq!(curl(&door).get(&path).status, 400, "{elsewhere}");
    }
}
