//! What holds for the clients of all five.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::support::log;

const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";

/// The tutorials whose tokens [`is_taken`] can show.
const WITH_A_ROUTE: [&str; 4] = ["x_access_token", "query_token", "api_v1", "flask_jwt"];

/// Whether a token of one of these tutorials is accepted by its route.
fn is_taken(door: &Door, tutorial: &str, token: &str) -> bool {
    let reply = match tutorial {
        "x_access_token" => show_to_x_access_token(door, token),
        "query_token" => show_to_query_token(door, token),
        "api_v1" => show_to_api_v1(door, token),
        "flask_jwt" => show_to_flask_jwt(door, token),
        _ => return false,
    };
    assert!(matches!(reply.status, 200 | 401), "{}", reply.body);
    reply.status == 200
}

fn taken(door: &Door, tokens: &[(&'static str, String)]) -> Vec<&'static str> {
    let taken = tokens
        .iter()
        .filter(|(tutorial, token)| is_taken(door, tutorial, token));
    taken.map(|(tutorial, _)| *tutorial).collect()
}

fn sid(token: &str) -> String {
    read(token).1["sid"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_is_a_session_that_its_owner_sees_and_ends() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(1);
    let tokens = all_tokens(&door, "ada");
    let list = door
        .program(Some(&ada.access()))
        .get("/api/sessions")
        .json();
    let lasts = |token: &str| {
        let items = list["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["id"] == sid(token)).unwrap();
        item["ends_at"].as_str().unwrap().to_owned()
    };
    let until = ["08:30:01", "20:00:01", "08:00:01", "08:20:01", "08:50:01"];
    for ((tutorial, token), until) in tokens.iter().zip(until) {
        let ends = lasts(token);
        assert!(ends.ends_with(&format!("T{until}Z")), "{tutorial}: {ends}");
    }
    assert_eq!(taken(&door, &tokens), WITH_A_ROUTE);
    for (_, token) in &tokens {
        let ask = ada.get(&format!("/account/sessions/{}", sid(token)));
        assert_eq!(ada.submit(&ask, "Sign out this device", &[]).status, 303);
    }
    assert_eq!(taken(&door, &tokens), Vec::<&str>::new());
    assert!(ada.is_signed_in());
}

#[test]
fn ending_the_sessions_of_an_account_ends_its_tokens() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let tokens = all_tokens(&door, "ada");
    let page = ada.get("/account/password");
    let fields = [
        ("Current password", PASSWORD),
        ("New password", NEW_PASSWORD),
    ];
    assert_eq!(ada.submit(&page, "Change password", &fields).status, 303);
    assert_eq!(taken(&door, &tokens), Vec::<&str>::new());

    door.signed_up("bob");
    let tokens = all_tokens(&door, "bob");
    assert_eq!(taken(&door, &tokens), WITH_A_ROUTE);
    door.sql("UPDATE accounts SET disabled_at = 1 WHERE username = 'bob'");
    assert_eq!(taken(&door, &tokens), Vec::<&str>::new());
    let fields = [("username", "bob"), ("password", PASSWORD)];
    assert_eq!(curl(&door).post("/login", &fields).status, 403);
}

#[test]
fn a_sign_out_takes_effect_on_every_server_at_once() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let tokens = all_tokens(&door, "ada");
    let other = door.another();
    assert_eq!(taken(&other, &tokens), WITH_A_ROUTE);
    let program = door.program(Some(&ada.access()));
    let end = program.with_method("DELETE", "/api/sessions?except=current");
    assert_eq!(end.status, 204);
    assert_eq!(taken(&other, &tokens), Vec::<&str>::new());
}

#[test]
fn a_token_of_one_tutorial_opens_nothing_of_another() {
    let door = Door::open();
    door.signed_up("ada");
    for (tutorial, token) in all_tokens(&door, "ada") {
        for place in WITH_A_ROUTE {
            let expected = place == tutorial;
            assert_eq!(
                is_taken(&door, place, &token),
                expected,
                "{tutorial} at {place}"
            );
        }
    }
}

#[test]
fn a_token_that_was_made_or_changed_elsewhere_is_refused() {
    let door = Door::open();
    door.signed_up("ada");
    let tokens = all_tokens(&door, "ada");
    for (tutorial, token) in tokens
        .iter()
        .filter(|(tutorial, _)| *tutorial != "basic_upload")
    {
        let (_, claims) = read(token);
        let parts: Vec<_> = token.split('.').collect();
        let forge = |algorithm, key: &[u8]| {
            let header = Header::new(algorithm);
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key)).unwrap()
        };
        let under = |header: &str, signature: &str| {
            let header = URL_SAFE_NO_PAD.encode(header);
            format!("{header}.{}.{signature}", parts[1])
        };
        let mut longer = claims.clone();
        longer["exp"] = json!(i64::MAX);
        let longer = URL_SAFE_NO_PAD.encode(longer.to_string());
        for bad in [
            under(r#"{"typ":"JWT","alg":"none"}"#, ""),
            under(r#"{"typ":"JWT","alg":"None"}"#, parts[2]),
            under(r#"{"typ":"JWT","alg":"RS256"}"#, parts[2]),
            under(r#"{"typ":"JWT","alg":"EdDSA"}"#, parts[2]),
            under(r#"{"typ":"at+jwt","alg":"HS256"}"#, parts[2]),
            forge(Algorithm::HS256, b"thisisthesecretkey"),
            forge(Algorithm::HS512, b"Th1s1ss3cr3t"),
            forge(Algorithm::HS256, b""),
            format!("{}.{longer}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{token}{}", "A".repeat(4000)),
        ] {
            assert!(!is_taken(&door, tutorial, &bad), "{bad}");
        }
        assert!(is_taken(&door, tutorial, token));
    }
    // Another server has another secret.
    let stranger = Door::open();
    stranger.signed_up("ada");
    for (tutorial, token) in all_tokens(&stranger, "ada") {
        assert!(!is_taken(&door, tutorial, &token));
    }
}

/// What somebody gets there, less what differs each time.
fn answer(who: &Browser, method: &str, path: &str) -> (u16, String) {
    let reply = match method {
        "GET" => who.get(path),
        _ => who.post(path, &[]),
    };
    (reply.status, reply.title())
}

#[test]
fn a_browser_gets_the_pages_and_so_does_everybody_where_it_is_switched_off() {
    let (on, off) = (Door::open(), Door::with(&[("compat.enabled", "false")]));
    let mut seen = 0;
    for route in doorward::web::listed()
        .iter()
        .filter(|route| route.for_programs)
    {
        let (method, path) = (route.method, route.path);
        let as_page = answer(&off.browser(), method, path);
        if path.starts_with("/api/") {
            assert_eq!(as_page.0, 404, "{path}");
        } else {
            assert_eq!(answer(&on.browser(), method, path), as_page, "{path}");
        }
        let off = answer(&curl(&off), method, path).0;
        // Where a browser is led to sign in, a program is told.
        let led = if as_page.0 == 303 { 401 } else { as_page.0 };
        assert_eq!(off, led, "{path}");
        seen += 1;
    }
    assert_eq!(seen, 18);
    let page = curl(&off).get("/public");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    off.signed_up("ada");
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(curl(&off).post("/login", &fields).status, 303);
}

#[test]
fn a_token_is_taken_by_no_server_that_has_it_switched_off() {
    let door = Door::open();
    door.signed_up("ada");
    let token = token_of_x_access_token(&door, "ada");
    let door = door.restart_with(&[("compat.enabled", "false")]);
    assert_eq!(show_to_x_access_token(&door, &token).status, 404);
}

#[test]
fn a_form_that_says_how_to_deliver_is_for_the_page() {
    let door = Door::open();
    let ada = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    assert_eq!(curl(&door).post("/signup", &ada).location(), "/dashboard");
    let fields = [ada[0], ada[2], ada[3]];
    let by_field = curl(&door).post("/login", &fields);
    let by_query = curl(&door).post("/login?deliver=link", &fields[..2]);
    let by_parts = form_data(&postman(&door), "/login", &fields);
    for reply in [by_field, by_query, by_parts] {
        assert!(reply.location().starts_with("/dashboard?token="));
        assert_eq!(reply.cookies(), Vec::<String>::new());
    }
    let wrong = [ada[0], ("password", WRONG), ada[3]];
    let refused = curl(&door).post("/login", &wrong);
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (422, Some("invalid_fields"))
    );
}

#[test]
fn a_cross_site_request_changes_nothing() {
    let door = Door::open();
    let fields = [
        ("name", ""),
        ("email", "eve@example.com"),
        ("password", PASSWORD),
    ];
    let json = json!({"username": "eve", "email": "eve@example.com", "password": PASSWORD});
    for headers in [
        [("accept", "*/*"), ("origin", "https://evil.test")],
        [("accept", "*/*"), ("origin", "null")],
        [("accept", "*/*"), ("sec-fetch-site", "cross-site")],
        // An old one, which says nothing but that it wants a page.
        [("accept", "text/html,*/*"), ("user-agent", "old")],
    ] {
        let from = Browser::sending(&door.local_url(), &headers);
        from.set_cookie("doorward_form", "x");
        let replies = [
            from.post("/signup", &fields),
            form_data(&from, "/signup", &fields),
            from.post("/login", &fields[1..]),
            post_json(&from, "/signup", &json),
            post_json(&from, "/auth", &json),
            post_json(&from, "/api/v1/signup", &json),
            post_json(&from, "/api/v1/login", &json),
        ];
        for reply in replies {
            let found = (reply.status, reply.header("content-type"));
            // Where there is a page, it takes no JSON from anywhere; elsewhere there is none.
            let html = matches!(found, (403 | 404 | 415, Some("text/html; charset=utf-8")));
            let json = || reply.json()["error"] == "cross_site";
            assert!(html || found.0 == 403 && json(), "{}", reply.body);
        }
    }
    assert_eq!(
        curl(&door).post("/signup", &fields).status,
        201,
        "nobody was there"
    );
    let ours = curl(&door).with("sec-fetch-site", "same-origin");
    assert_eq!(ours.post("/login", &fields[1..]).status, 201);
}

#[test]
fn signing_up_is_refused_where_it_is_closed() {
    let door = Door::with(&[("signup.mode", "closed")]);
    let fields = [
        ("name", "Ada"),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
    ];
    let json = json!({"username": "ada", "email": "ada@example.com", "password": PASSWORD});
    let short = json!({"username": "ada", "password": PASSWORD});
    let replies = [
        curl(&door).post("/signup", &fields),
        post_json(&curl(&door), "/signup", &short),
        post_json(&curl(&door), "/api/v1/signup", &json),
    ];
    for reply in replies {
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (403, Some("sign_up_closed"))
        );
    }
    assert!(
        !door
            .browser()
            .sign_in("ada", PASSWORD)
            .cookies()
            .iter()
            .any(|c| c.contains("access"))
    );
}

/// No computer does 4096 rounds in the time that this allows for none.
#[test]
fn an_unknown_name_costs_a_hash_in_every_tutorial() {
    const LEAST: Duration = Duration::from_millis(30);
    let door = Door::with(&[("passwords.bcrypt_cost", "12")]);
    let json = json!({"username": "nobody", "password": PASSWORD});
    let email = [("email", "nobody@example.com"), ("password", PASSWORD)];
    let username = [("username", "nobody"), ("password", PASSWORD)];
    let header = basic("nobody", PASSWORD);
    type Try<'a> = &'a dyn Fn() -> Reply;
    let tries: [(u16, Try<'_>); 5] = [
        (403, &|| curl(&door).post("/login", &email)),
        (403, &|| curl(&door).post("/login", &username)),
        (401, &|| post_json(&curl(&door), "/api/v1/login", &json)),
        (403, &|| {
            curl(&door).with("authorization", &header).get("/login")
        }),
        (401, &|| post_json(&curl(&door), "/auth", &json)),
    ];
    for (status, send) in tries {
        let started = Instant::now();
        assert_eq!(send().status, status);
        assert!(started.elapsed() > LEAST, "{:?}", started.elapsed());
    }
}

#[test]
fn no_log_holds_a_token_of_a_tutorial() {
    let door = Door::open();
    door.signed_up("ada");
    for (_, token) in all_tokens(&door, "ada") {
        show_to_x_access_token(&door, &token);
        show_to_query_token(&door, &token);
        show_to_api_v1(&door, &token);
        show_to_flask_jwt(&door, &token);
        curl(&door).get(&format!("/user?{token}"));
        curl(&door).get(&format!("/need_login?token={token}"));
    }
    let text = log::text();
    assert!(
        text.contains("path=\"/auth\" query=\"token\""),
        "the log is being read"
    );
    for secret in ["eyJ", "canary-"] {
        assert!(
            !text.contains(secret),
            "{:?}",
            text.lines().find(|line| line.contains(secret))
        );
    }
}
