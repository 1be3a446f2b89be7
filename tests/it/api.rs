//! The JSON API.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Reply};

fn post(program: &Browser, path: &str, body: &Value) -> Reply {
    program.post_body(path, "application/json", body.to_string())
}

fn sign_in(door: &Door) -> Value {
    let body = json!({"username": "ada", "password": PASSWORD});
    let reply = post(&door.program(None), "/api/sessions", &body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

fn refresh(door: &Door, token: &str) -> Reply {
    let body = json!({"refresh_token": token});
    post(&door.program(None), "/api/tokens/refresh", &body)
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {json}"))
}

#[test]
fn a_program_signs_in_by_name_or_address_and_gets_both_tokens() {
    let door = Door::open();
    door.signed_up("ada");
    let granted = sign_in(&door);
    let names: BTreeSet<_> = granted.as_object().unwrap().keys().cloned().collect();
    let expected = ["access_token", "expires_in", "refresh_token", "token_type"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        (text(&granted, "token_type"), granted["expires_in"].as_i64()),
        ("Bearer", Some(900))
    );
    let holder = door.program(Some(text(&granted, "access_token")));
    assert_eq!(holder.get("/dashboard").status, 200);
    let by_address = json!({"email": "ADA@example.com", "password": PASSWORD, "stay": true});
    assert_eq!(
        post(&door.program(None), "/api/sessions", &by_address).status,
        201
    );
}

#[test]
fn a_value_of_another_type_is_refused_by_the_name_of_its_field() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let me = program.get("/api/me").json();
    let account = format!("/api/accounts/{}", text(&me, "id"));
    let groups = "must be an array, and each of its elements a string";
    for (method, path, body, named) in [
        (
            "POST",
            "/api/sessions",
            json!({"username": "ada", "password": 123_456_789_012_i64, "stay": 1}),
            json!({"password": "must be a string", "stay": "must be true or false"}),
        ),
        (
            "POST",
            "/api/tokens/refresh",
            json!({"refresh_token": null}),
            json!({"refresh_token": "must be a string"}),
        ),
        (
            "PATCH",
            account.as_str(),
            json!({"groups": ["staff", 1]}),
            json!({ "groups": groups }),
        ),
        (
            "PATCH",
            account.as_str(),
            json!({"groups": "staff"}),
            json!({"groups": "must be an array"}),
        ),
        (
            "PATCH",
            &format!("{account}/quota"),
            json!({"files_max": "many", "bytes_max": 1.5}),
            json!({"files_max": "must be a whole number", "bytes_max": "must be a whole number"}),
        ),
    ] {
        let reply = program.send_json(method, path, &body);
        assert_eq!(reply.status, 422, "{path} {}", reply.body);
        assert_eq!(reply.json()["fields"], named, "{path}");
    }
}

#[test]
fn a_refused_sign_in_says_the_same_for_every_cause() {
    let door = Door::open();
    door.signed_up("ada");
    let bodies = [
        json!({"username": "ada", "password": "canary-wrong"}),
        json!({"username": "nobody", "password": PASSWORD}),
        json!({"username": "not a name", "password": PASSWORD}),
        json!({"username": "", "password": ""}),
    ];
    let answers: BTreeSet<_> = bodies
        .iter()
        .map(|body| {
            let reply = post(&door.program(None), "/api/sessions", body);
            let json = reply.json();
            (
                reply.status,
                text(&json, "error").to_owned(),
                text(&json, "message").to_owned(),
            )
        })
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.first().unwrap().0, 401);
    let reply = post(&door.program(None), "/api/sessions", &bodies[0]);
    assert!(reply.header("www-authenticate").is_some());
}

#[test]
fn json_is_read_strictly_and_nothing_of_it_comes_back() {
    let door = Door::open();
    let send = |content_type: &str, body: &str| {
        let reply = door
            .program(None)
            .post_body("/api/sessions", content_type, body);
        assert!(!reply.body.contains("canary"), "{}", reply.body);
        (
            reply.status,
            text(&reply.json(), "error").to_owned(),
            reply.json()["fields"].clone(),
        )
    };
    let json_type = "application/json";
    let status = |body: &str| send(json_type, body).0;
    assert_eq!(status("{"), 400);
    assert_eq!(status(""), 400);
    assert_eq!(status("{\"username\": \"canary\u{1}\"}"), 400);
    let deep = format!(r#"{{"password": {}"#, "[".repeat(10_000));
    assert_eq!(status(&deep), 422, "deeper than anybody needs");
    assert_eq!(send(json_type, "[]").0, 422);
    let in_order = r#"["ada", null, "canary-x", false]"#;
    assert_eq!(send(json_type, in_order).0, 422);
    assert_eq!(
        send(json_type, r#"{"username": {"canary": 1}, "password": "x"}"#).0,
        422
    );
    let fields = |body: &str| send(json_type, body).2;
    assert_eq!(
        fields(r#"{"username": "a"}"#),
        json!({"password": "is missing"})
    );
    let unknown = r#"{"username": "a", "password": "canary-x", "role": "canary"}"#;
    assert_eq!(fields(unknown), json!({"role": "is not taken here"}));
    let twice = r#"{"username": "a", "username": "b", "password": "canary-x"}"#;
    assert_eq!(fields(twice), json!({"username": "is there twice"}));
    let both = r#"{"username": "a", "email": "b", "password": "canary-x"}"#;
    assert_eq!(
        fields(both),
        json!({"username": "Send either username or email."})
    );
    let (status, code, _) = send("text/plain", r#"{"username": "a", "password": "canary-x"}"#);
    assert_eq!((status, code.as_str()), (415, "unsupported_media_type"));
    let long = format!(r#"{{"username": "{}"}}"#, "a".repeat(20_000));
    assert_eq!(send(json_type, &long).0, 413);
}

#[test]
fn a_refresh_token_gives_new_tokens_once() {
    let door = Door::open();
    door.signed_up("ada");
    let first = sign_in(&door);
    let reply = refresh(&door, text(&first, "refresh_token"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let second = reply.json();
    assert_ne!(
        text(&first, "refresh_token"),
        text(&second, "refresh_token")
    );
    let holder = door.program(Some(text(&second, "access_token")));
    assert_eq!(
        holder.get("/api/sessions").json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    door.let_pass(10);
    let reused = refresh(&door, text(&first, "refresh_token"));
    assert_eq!(
        (reused.status, text(&reused.json(), "error")),
        (401, "not_signed_in")
    );
    assert_eq!(
        refresh(&door, text(&second, "refresh_token")).status,
        401,
        "nobody can tell who"
    );
    assert_eq!(holder.get("/api/sessions").status, 401);
    for bad in ["", "nonsense", text(&second, "access_token")] {
        assert_eq!(refresh(&door, bad).status, 401, "{bad}");
    }
}

#[test]
fn a_hundred_refreshes_at_once_leave_one_descendant() {
    let door = Door::open();
    door.signed_up("ada");
    let first = text(&sign_in(&door), "refresh_token").to_owned();
    let successors: BTreeSet<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let reply = refresh(&door, &first);
                    assert_eq!(reply.status, 200, "{}", reply.body);
                    text(&reply.json(), "refresh_token").to_owned()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(successors.len(), 1);
    let only = successors.first().unwrap();
    assert_eq!(refresh(&door, only).status, 200, "and it lives");
}

#[test]
fn sessions_are_listed_shown_and_ended() {
    let door = Door::open();
    door.signed_up("ada");
    let (one, two) = (sign_in(&door), sign_in(&door));
    let holder = door.program(Some(text(&one, "access_token")));
    let list = holder.get("/api/sessions").json();
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &list["next"]), (3, &Value::Null));
    assert_eq!(
        items.iter().filter(|item| item["current"] == true).count(),
        1
    );
    for item in items {
        let names: BTreeSet<_> = item
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "address",
            "created_at",
            "current",
            "device",
            "ends_at",
            "id",
            "last_seen_at",
        ];
        assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
        let path = format!("/api/sessions/{}", text(item, "id"));
        assert_eq!(&holder.get(&path).json(), item);
    }
    assert_eq!(holder.get("/api/sessions?before=1").status, 400);
    assert_eq!(holder.get("/api/sessions/nonsense").status, 404);

    let gone = holder.with_method("DELETE", "/api/sessions?except=current");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    let other = door.program(Some(text(&two, "access_token")));
    assert_eq!(other.get("/api/sessions").status, 401);
    assert_eq!(
        holder.get("/api/sessions").json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        holder
            .with_method("DELETE", "/api/sessions?except=all")
            .status,
        400
    );
    assert_eq!(
        holder.with_method("DELETE", "/api/sessions/current").status,
        204
    );
    assert_eq!(holder.get("/api/sessions").status, 401);
    assert_eq!(refresh(&door, text(&one, "refresh_token")).status, 401);

    let three = sign_in(&door);
    let holder = door.program(Some(text(&three, "access_token")));
    assert_eq!(holder.with_method("DELETE", "/api/sessions").status, 204);
    assert_eq!(
        holder.get("/api/sessions").status,
        401,
        "everywhere is here, too"
    );
}

#[test]
fn the_api_answers_browsers_with_json_too() {
    let door = Door::open();
    let reply = door.browser().get("/api/sessions");
    assert_eq!(
        (reply.status, text(&reply.json(), "error")),
        (401, "not_signed_in")
    );
    assert_eq!(
        door.browser().get("/api/nothing").json()["error"],
        "not_found"
    );
}

/// The statuses of each code, as `src/web/problem/known.rs` gives them.
pub fn codes_in_the_source() -> BTreeMap<String, BTreeSet<u16>> {
    let status = |name: &str| {
        (400..600u16)
            .find(|code| {
                let status = reqwest::StatusCode::from_u16(*code).unwrap();
                let reason = status.canonical_reason().unwrap_or_default();
                reason.to_uppercase().replace([' ', '-'], "_") == name
            })
            .unwrap_or_else(|| panic!("what status is {name}?"))
    };
    let source = include_str!("../../src/web/problem/known.rs");
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    for pair in lines.windows(2) {
        if let Some(name) = pair[0].strip_prefix("status: S::") {
            let code = pair[1].trim_start_matches("code: ");
            let code = code.trim_matches(['"', ',']).to_owned();
            let status = status(name.trim_end_matches(','));
            found.entry(code).or_default().insert(status);
        }
    }
    found
}

#[test]
fn a_token_names_the_methods_by_which_its_account_was_proved() {
    let door = Door::open();
    let browser = door.signed_up("ada");
    let amr = |token: &str| {
        let fields = [("token", token)];
        let reply = door.program(None).post("/api/tokens/introspect", &fields);
        reply.json()["amr"].clone()
    };
    let granted = sign_in(&door);
    assert_eq!(amr(&browser.access()), json!(["pwd"]));
    assert_eq!(amr(text(&granted, "access_token")), json!(["pwd"]));

    // Every later token of the session, a link made by it, and a session made by the link.
    door.sql("UPDATE sessions SET amr = 'pwd otp'");
    let renewed = refresh(&door, text(&granted, "refresh_token")).json();
    let access = text(&renewed, "access_token");
    assert_eq!(amr(access), json!(["pwd", "otp"]));
    let program = door.program(Some(access));
    let made = post(&program, "/api/links", &json!({"path": "/dashboard"})).json();
    let guest = door.browser();
    let page = guest.get(text(&made, "url").strip_prefix(&door.url).unwrap());
    guest.submit(&page, "Continue signed in", &[]);
    assert_eq!(amr(&guest.access()), json!(["pwd", "otp"]));

    // A later proof replaces the first.
    door.let_pass(601);
    let page = guest.get("/account/verify");
    guest.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(amr(&guest.access()), json!(["pwd"]));
}
