//! Accounts, introspection, and the ways to sign in, over JSON.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Reply};

const API: &str = "/api/accounts";

fn sign_up(door: &Door, body: &Value) -> Reply {
    door.program(None).send_json("POST", API, body)
}

fn new(username: &str) -> Value {
    json!({"username": username, "email": format!("{username}@example.com"), "password": PASSWORD})
}

fn member(door: &Door, username: &str) -> Browser {
    door.program(Some(&door.signed_up(username).access()))
}

fn administrator(door: &Door, username: &str) -> Browser {
    door.signed_up(username);
    door.sql(&format!(
        "UPDATE accounts SET role = 'administrator' WHERE username = '{username}'"
    ));
    let browser = door.browser();
    assert_eq!(browser.sign_in(username, PASSWORD).status, 303);
    door.program(Some(&browser.access()))
}

fn me(who: &Browser) -> Value {
    let reply = who.get("/api/me");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn at(who: &Browser) -> String {
    format!("{API}/{}", me(who)["id"].as_str().unwrap())
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let json = reply.json();
    let found = (reply.status, json["error"].as_str().unwrap());
    assert_eq!(found, (status, code), "{json}");
    json["fields"].clone()
}

#[test]
fn a_program_signs_up_without_being_signed_in() {
    let door = Door::open();
    let made = sign_up(&door, &new("ada"));
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.cookies(), Vec::<String>::new());
    let mut account = made.json();
    let id = account["id"].take();
    assert_eq!(
        made.header("location"),
        Some(format!("{API}/{}", id.as_str().unwrap()).as_str())
    );
    let expected = json!({
        "id": null, "username": "ada", "email": "ada@example.com",
        "email_verified": false, "name": null, "role": "member", "groups": [],
        "state": "active", "created_at": "2027-01-15T08:00:00Z",
    });
    assert_eq!(account, expected);
    let browser = door.browser();
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
    let ada = door.program(Some(&browser.access()));
    let shown = ada.get("/api/me");
    assert_eq!(shown.json(), made.json());
    assert_eq!(shown.header("etag"), made.header("etag"));
    let seen = ada.with("if-none-match", made.header("etag").unwrap());
    assert_eq!(seen.get("/api/me").status, 304);
    assert_eq!(seen.get(&at(&ada)).status, 304);
}

#[test]
fn a_refused_sign_up_names_every_invalid_field() {
    let door = Door::open();
    door.signed_up("ada");
    let taken = refused(&sign_up(&door, &new("ADA")), 409, "taken");
    assert_eq!(
        taken,
        json!({"username": "This username is taken. Choose another one"})
    );
    let mut half = new("Ada");
    half["email"] = "other@example.com".into();
    let taken = refused(&sign_up(&door, &half), 409, "taken");
    assert_eq!(
        taken,
        json!({"username": "This username is taken. Choose another one"})
    );

    let bad = json!({"username": "a b", "email": "x", "name": "a\u{0}", "password": "canary-1"});
    let fields = refused(&sign_up(&door, &bad), 422, "invalid_fields");
    let named: BTreeSet<_> = fields.as_object().unwrap().keys().collect();
    assert_eq!(
        named.into_iter().collect::<Vec<_>>(),
        ["email", "name", "password", "username"]
    );
    assert_eq!(fields["password"], "Password must be 12 characters or more");
    let mut weak = new("bob");
    weak["password"] = "canary-canary-canary".into();
    let fields = refused(&sign_up(&door, &weak), 422, "invalid_fields");
    assert!(
        fields["password"]
            .as_str()
            .unwrap()
            .contains("easy to guess")
    );
    let mut odd = new("bob");
    odd["role"] = "administrator".into();
    let fields = refused(&sign_up(&door, &odd), 422, "invalid_fields");
    assert_eq!(fields, json!({"role": "is not taken here"}));

    let closed = Door::with(&[("signup.mode", "closed")]);
    refused(&sign_up(&closed, &new("ada")), 403, "sign_up_closed");
}

#[test]
fn own_names_change_and_the_session_goes_on() {
    let door = Door::open();
    door.signed_up("bob");
    let ada = member(&door, "ada");
    let patch = |who: &Browser, body: Value| who.send_json("PATCH", "/api/me", &body);
    let first = ada.get("/api/me");
    let changed = patch(&ada, json!({"name": "  Ada L. ", "email": null}));
    assert_eq!(changed.status, 200, "{}", changed.body);
    let account = changed.json();
    assert_eq!(
        (&account["name"], &account["email"], &account["username"]),
        (&json!("Ada L."), &Value::Null, &json!("ada"))
    );
    assert_eq!(me(&ada), account);
    assert_eq!(patch(&ada, json!({})).json()["name"], "Ada L.");
    assert_eq!(
        patch(&ada, json!({"name": null})).json()["name"],
        Value::Null
    );

    let stale = ada.with("if-match", first.header("etag").unwrap());
    refused(&patch(&stale, json!({"name": "x"})), 412, "stale");
    refused(
        &patch(&ada.with("if-match", "1"), json!({"name": "x"})),
        400,
        "malformed",
    );
    let fresh = ada.get("/api/me");
    let fresh = ada.with("if-match", fresh.header("etag").unwrap());
    assert_eq!(patch(&fresh, json!({"name": "x"})).status, 200);

    let nameless = patch(&ada, json!({"username": null}));
    refused(&nameless, 422, "invalid_fields");
    let taken = patch(&ada, json!({"username": "BOB", "email": "bob@example.com"}));
    let fields = refused(&taken, 409, "taken");
    assert_eq!(
        fields,
        json!({"username": "This username is taken. Choose another one"})
    );
    for (body, field) in [
        (json!({"username": ""}), "username"),
        (json!({"role": "administrator"}), "role"),
    ] {
        let fields = refused(&patch(&ada, body), 422, "invalid_fields");
        assert!(fields[field].is_string(), "{fields}");
    }
    refused(&patch(&ada, json!({"name": 1})), 422, "invalid_fields");
    refused(&patch(&ada, json!([])), 422, "invalid_fields");

    door.let_pass(600);
    assert_eq!(ada.get("/api/me").status, 200);
    refused(&patch(&ada, json!({"name": "y"})), 401, "not_recent");
    refused(&door.program(None).get("/api/me"), 401, "not_signed_in");
}

#[test]
fn members_reach_their_own_account_alone_and_govern_nobody() {
    let door = Door::open();
    let (ada, bob) = (member(&door, "ada"), member(&door, "bob"));
    let (own, other) = (at(&ada), at(&bob));
    assert_eq!(ada.get(&own).json(), me(&ada));
    refused(&ada.get(API), 403, "forbidden");
    for nobody in [other.as_str(), "/api/accounts/nonsense"] {
        refused(&ada.get(nobody), 404, "not_found");
        refused(&ada.with_method("DELETE", nobody), 404, "not_found");
        for body in [json!({}), json!({"name": "x"}), json!({"role": "member"})] {
            refused(&ada.send_json("PATCH", nobody, &body), 404, "not_found");
        }
    }
    for body in [
        json!({"role": "administrator"}),
        json!({"groups": []}),
        json!({"state": "active", "name": "x"}),
    ] {
        refused(&ada.send_json("PATCH", &own, &body), 403, "forbidden");
    }
    assert_eq!(me(&ada)["name"], Value::Null, "as a whole or not at all");
    let renamed = ada.send_json("PATCH", &own, &json!({"name": "Ada"}));
    assert_eq!(renamed.json()["name"], "Ada");

    let stale = ada.with("if-match", "\"0\"");
    refused(&stale.with_method("DELETE", &own), 412, "stale");
    let gone = ada.with_method("DELETE", &own);
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    refused(&ada.get("/api/me"), 401, "not_signed_in");
    assert_eq!(bob.get("/api/me").status, 200);
    assert_eq!(
        sign_up(&door, &new("ada")).status,
        201,
        "its names are free"
    );
}

#[test]
fn administrators_list_change_and_delete_all_accounts() {
    let door = Door::open();
    let root = administrator(&door, "root");
    let mut members = Vec::new();
    for name in ["ada", "bob", "eve"] {
        door.let_pass(1);
        members.push(member(&door, name));
    }
    let names = |query: &str| {
        let list = root.get(&format!("{API}{query}")).json();
        let items = list["items"].as_array().unwrap().iter();
        let names = items.map(|item| item["username"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), list["next"].clone())
    };
    assert_eq!(names("").0, "root ada bob eve");
    let (page, next) = names("?limit=3");
    assert_eq!(page, "root ada bob");
    let rest = names(&format!("?limit=3&after={}", next.as_str().unwrap()));
    assert_eq!(rest, ("eve".to_owned(), Value::Null));
    assert_eq!(names("?q=AD").0, "ada");
    assert_eq!(names("?role=administrator&state=active").0, "root");
    for bad in [
        "role=king",
        "state=",
        "x=1",
        "limit=0",
        "after=x",
        "q=a&q=b",
        "q=%00",
        "group=OPS",
        "group=ops%20wheel",
    ] {
        refused(&root.get(&format!("{API}?{bad}")), 400, "malformed");
    }

    let ada = at(&members[0]);
    let change = |body: Value| root.send_json("PATCH", &ada, &body);
    let changed = change(json!({"groups": ["wheel", "ops_1", "ops_1"], "name": "Ada"}));
    assert_eq!(changed.json()["groups"], json!(["ops_1", "wheel"]));
    for (group, members) in [
        ("wheel", "ada"),
        ("ops_1", "ada"),
        ("ops", ""),
        ("opsx1", ""),
    ] {
        assert_eq!(names(&format!("?group={group}")).0, members, "{group}");
    }
    refused(&members[0].get("/api/me"), 401, "not_signed_in");
    assert_eq!(root.get(&ada).json(), changed.json());
    for (body, field) in [
        (json!({"groups": ["a b"]}), "groups"),
        (json!({"groups": [""]}), "groups"),
        (json!({"role": "king"}), "role"),
        (json!({"state": "gone"}), "state"),
    ] {
        let fields = refused(&change(body), 422, "invalid_fields");
        assert!(fields[field].is_string(), "{fields}");
    }
    assert_eq!(
        change(json!({"state": "disabled"})).json()["state"],
        "disabled"
    );
    assert_eq!(names("?state=disabled").0, "ada");
    let body = json!({"username": "ada", "password": PASSWORD});
    let sign_in = || door.program(None).send_json("POST", "/api/sessions", &body);
    refused(&sign_in(), 401, "sign_in_refused");
    assert_eq!(change(json!({"state": "active"})).json()["state"], "active");
    assert_eq!(sign_in().status, 201);
    assert_eq!(
        change(json!({"role": "administrator"})).json()["role"],
        "administrator"
    );
    assert_eq!(change(json!({"role": "member"})).status, 200);
    assert_eq!(root.with_method("DELETE", &at(&members[1])).status, 204);
    refused(&members[1].get("/api/me"), 401, "not_signed_in");
    assert_eq!(names("").0, "root ada eve");

    let own = at(&root);
    for body in [json!({"role": "member"}), json!({"state": "disabled"})] {
        refused(
            &root.send_json("PATCH", &own, &body),
            409,
            "last_administrator",
        );
    }
    refused(&root.with_method("DELETE", &own), 409, "last_administrator");
    door.let_pass(600);
    refused(&change(json!({"name": "x"})), 401, "not_recent");
    refused(&root.with_method("DELETE", &ada), 401, "not_recent");
}

fn introspect(door: &Door, token: &str) -> Value {
    let reply = door.program(None).post(
        "/api/tokens/introspect",
        &[("token", token), ("token_type_hint", "x")],
    );
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[test]
fn introspection_knows_access_tokens_of_living_sessions_and_nothing_else() {
    let door = Door::open();
    let browser = door.signed_up("ada");
    let access = browser.access();
    let found = introspect(&door, &access);
    let names: BTreeSet<_> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        [
            "active",
            "amr",
            "aud",
            "auth_time",
            "email",
            "email_verified",
            "exp",
            "iat",
            "iss",
            "jti",
            "nbf",
            "roles",
            "sid",
            "sub",
            "token_type",
            "username",
        ]
    );
    let me = me(&door.program(Some(&access)));
    assert_eq!(
        (&found["active"], &found["token_type"], &found["sub"]),
        (&json!(true), &json!("Bearer"), &me["id"])
    );

    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = door.browser().post("/login", &fields).location();
    let link = link.split_once("token=").unwrap().1.to_owned();
    let refresh = browser.cookie("doorward_refresh").unwrap();
    let foreign = Door::open().signed_up("ada").access();
    let nothing = json!({"active": false});
    for other in [&link, &refresh, &foreign, "", "nonsense", &access[1..]] {
        assert_eq!(introspect(&door, other), nothing, "{other}");
    }
    let missing = door.program(None).post("/api/tokens/introspect", &[]);
    assert_eq!(
        refused(&missing, 422, "invalid_fields"),
        json!({"token": "is missing"})
    );
    let as_json =
        door.program(None)
            .send_json("POST", "/api/tokens/introspect", &json!({"token": "x"}));
    refused(&as_json, 415, "unsupported_media_type");

    let again = door.browser();
    again.sign_in("ada", PASSWORD);
    let later = again.access();
    browser.sign_out();
    assert_eq!(introspect(&door, &access), nothing, "its session has ended");
    assert_eq!(introspect(&door, &later)["active"], true);
    door.let_pass(900);
    assert_eq!(introspect(&door, &later), nothing, "it has run out");
}

#[test]
fn a_program_signs_in_by_form_or_by_basic_as_by_json() {
    let door = Door::open();
    let program = door.program(None);
    let mut odd = new("ada");
    odd["password"] = "canary-brine:lämp-44".into();
    assert_eq!(sign_up(&door, &odd).status, 201);
    let password = odd["password"].as_str().unwrap();
    let form = |fields: &[(&str, &str)]| program.post("/api/sessions", fields);
    let basic = |pair: &str| {
        let encoded = STANDARD.encode(pair);
        program.with("authorization", &format!("bASIC {encoded}"))
    };
    let in_by_basic = |pair: &str| basic(pair).with_method("POST", "/api/sessions");
    for granted in [
        form(&[("username", "ada"), ("password", password)]),
        form(&[
            ("email", "ada@example.com"),
            ("password", password),
            ("stay", "true"),
        ]),
        in_by_basic(&format!("ada:{password}")),
        in_by_basic(&format!("ada@example.com:{password}")),
    ] {
        assert_eq!(granted.status, 201, "{}", granted.body);
        assert_eq!(granted.cookies(), Vec::<String>::new());
        let access = granted.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(me(&door.program(Some(&access)))["username"], "ada");
    }
    for wrong in [
        form(&[("username", "ada"), ("password", "canary-wrong")]),
        in_by_basic("ada:canary-wrong"),
        in_by_basic(":"),
    ] {
        refused(&wrong, 401, "sign_in_refused");
    }
    for (fields, field) in [
        (&[("username", "ada")][..], "password"),
        (&[("password", "canary-x")], "username"),
        (
            &[("username", "a"), ("password", "canary-x"), ("stay", "yes")],
            "stay",
        ),
        (
            &[("username", "a"), ("password", "canary-x"), ("next", "/")],
            "next",
        ),
    ] {
        let fields = refused(&form(fields), 422, "invalid_fields");
        assert!(fields[field].is_string(), "{fields}");
    }
    let pair = format!("ada:{password}");
    let twice = basic(&pair).post("/api/sessions", &[("username", "ada")]);
    refused(&twice, 400, "malformed");
    refused(&in_by_basic("no colon"), 400, "malformed");
    for bad in ["Basic %", "Basic YWRhOv8="] {
        let reply = program
            .with("authorization", bad)
            .with_method("POST", "/api/sessions");
        refused(&reply, 400, "malformed");
    }
}
