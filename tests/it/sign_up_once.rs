//! Signing up over JSON makes one account, however often the request is sent.

use std::collections::BTreeSet;

use diesel::prelude::*;
use doorward::base::fault::Fault;
use doorward::storage::schema::idempotency_keys;
use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Reply};

const API: &str = "/api/accounts";
const HOUR: i64 = 3600;
const OTHER_PASSWORD: &str = "canary-gravel-mitten-otter";

fn ada() -> Value {
    json!({"username": "ada", "email": "ada@example.com", "name": "Ada", "password": PASSWORD})
}

/// `ada` with another value in one field.
fn but(field: &str, value: &str) -> Value {
    let mut body = ada();
    body[field] = value.into();
    body
}

fn sign_up(door: &Door, key: &str, body: &Value) -> Reply {
    let program = door.program(None).with("idempotency-key", key);
    program.send_json("POST", API, body)
}

#[track_caller]
fn is_new(reply: &Reply) {
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.header("idempotency-replayed"), None);
}

#[track_caller]
fn is_again(reply: &Reply, first: &Reply) {
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.header("idempotency-replayed"), Some("true"));
    assert_eq!(reply.json()["id"], first.json()["id"]);
    assert_eq!(reply.location(), first.location());
}

/// As it is without any key.
#[track_caller]
fn is_taken(door: &Door, reply: &Reply, body: &Value) {
    let plain = door.program(None).send_json("POST", API, body);
    for reply in [reply, &plain] {
        assert_eq!(reply.status, 409, "{}", reply.body);
        assert_eq!(reply.header("idempotency-replayed"), None);
    }
    for part in ["error", "message", "fields"] {
        assert_eq!(reply.json()[part], plain.json()[part]);
    }
}

/// A digest of what was asked for, for every key there is.
fn fingerprints(door: &Door) -> Vec<Vec<u8>> {
    let db = door.database();
    let found = db.read(|db| {
        let found = idempotency_keys::table
            .select(idempotency_keys::fingerprint)
            .load(&mut **db)?;
        Ok::<_, Fault>(found)
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(found).unwrap()
}

#[test]
fn a_sign_up_that_is_sent_again_is_answered_by_the_account_it_made() {
    let door = Door::open();
    let first = sign_up(&door, "k-1", &ada());
    is_new(&first);
    let again = sign_up(&door, "k-1", &ada());
    is_again(&again, &first);
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.cookies(), Vec::<String>::new());
}

#[test]
fn a_sign_up_with_another_password_key_or_body_is_refused_as_without_a_key() {
    let door = Door::open();
    let first = sign_up(&door, "k-1", &ada());
    is_new(&first);
    let guess = but("password", OTHER_PASSWORD);
    is_taken(&door, &sign_up(&door, "k-1", &guess), &guess);
    is_taken(&door, &sign_up(&door, "k-2", &ada()), &ada());
    for (field, value) in [
        ("username", "ADA"),
        ("username", "eve"),
        ("email", "eve@example.com"),
        ("name", "Eve"),
    ] {
        let body = but(field, value);
        is_taken(&door, &sign_up(&door, "k-1", &body), &body);
    }
    is_again(&sign_up(&door, "k-1", &ada()), &first);
}

#[test]
fn a_sign_up_without_a_key_is_not_replayed() {
    let door = Door::open();
    door.signed_up("ada");
    is_taken(&door, &sign_up(&door, "k", &ada()), &ada());
}

#[test]
fn the_same_key_of_another_account_is_another_key() {
    let door = Door::open();
    is_new(&sign_up(&door, "k", &ada()));
    let mut bob = but("username", "bob");
    bob["email"] = "bob@example.com".into();
    let first = sign_up(&door, "k", &bob);
    is_new(&first);
    is_again(&sign_up(&door, "k", &bob), &first);
}

#[test]
fn an_invalid_key_makes_no_account_and_a_refused_request_does_not_use_its_key_up() {
    let door = Door::open();
    for bad in ["", "a b", "é", &"k".repeat(65)] {
        let reply = sign_up(&door, bad, &ada());
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert_eq!(reply.json()["error"], "malformed");
    }
    assert_eq!(sign_up(&door, "k", &but("password", "canary")).status, 422);
    assert_eq!(fingerprints(&door), Vec::<Vec<u8>>::new());
    is_new(&sign_up(&door, "k", &ada()));
}

#[test]
fn of_sign_ups_at_once_with_one_key_one_makes_the_account_and_all_are_told_of_it() {
    let door = Door::open();
    let replies: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| sign_up(&door, "k", &ada())))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (again, first): (Vec<_>, Vec<_>) = replies
        .iter()
        .partition(|reply| reply.header("idempotency-replayed").is_some());
    assert_eq!(first.len(), 1);
    is_new(first[0]);
    for reply in again {
        is_again(reply, first[0]);
    }
    assert_eq!(fingerprints(&door).len(), 1);
}

#[test]
fn after_a_day_the_name_is_simply_taken() {
    let door = Door::open();
    let first = sign_up(&door, "k", &ada());
    is_new(&first);
    door.let_pass(24 * HOUR - 1);
    is_again(&sign_up(&door, "k", &ada()), &first);
    door.let_pass(1);
    is_taken(&door, &sign_up(&door, "k", &ada()), &ada());
}

#[test]
fn a_replayed_sign_up_needs_the_current_password_and_returns_the_current_account() {
    let door = Door::open();
    let first = sign_up(&door, "k", &ada());
    let browser = door.browser();
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
    let holder = door.program(Some(&browser.access()));
    let renamed = holder.send_json("PATCH", "/api/me", &json!({"username": "lovelace"}));
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    let again = sign_up(&door, "k", &ada());
    is_again(&again, &first);
    assert_eq!(again.json(), renamed.json(), "found by its address");
    assert_eq!(again.header("etag"), renamed.header("etag"));

    change_password(&browser);
    is_taken(&door, &sign_up(&door, "k", &ada()), &ada());
    is_again(
        &sign_up(&door, "k", &but("password", OTHER_PASSWORD)),
        &first,
    );
}

fn change_password(browser: &Browser) {
    let page = browser.get("/account/password");
    let fields = [
        ("Current password", PASSWORD),
        ("New password", OTHER_PASSWORD),
    ];
    let changed = browser.submit(&page, "Change password", &fields);
    assert_eq!(changed.status, 303, "{}", changed.body);
}

#[test]
fn a_disabled_account_is_only_taken_and_a_deleted_one_is_made_anew() {
    let door = Door::open();
    let first = sign_up(&door, "k", &ada());
    is_new(&first);
    door.sql("UPDATE accounts SET disabled_at = 1");
    is_taken(&door, &sign_up(&door, "k", &ada()), &ada());

    door.sql("UPDATE accounts SET disabled_at = NULL");
    let browser = door.browser();
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
    let holder = door.program(Some(&browser.access()));
    assert_eq!(holder.with_method("DELETE", &first.location()).status, 204);
    let anew = sign_up(&door, "k", &ada());
    is_new(&anew);
    assert_ne!(anew.location(), first.location());
    is_again(&sign_up(&door, "k", &ada()), &anew);
}

#[test]
fn the_stored_key_of_a_sign_up_does_not_depend_on_its_password() {
    let kept: BTreeSet<_> = [PASSWORD, OTHER_PASSWORD]
        .into_iter()
        .map(|password| {
            let door = Door::open();
            is_new(&sign_up(&door, "k", &but("password", password)));
            fingerprints(&door)
        })
        .collect();
    assert_eq!(kept.len(), 1, "another password changes nothing of it");
    assert_eq!(kept.first().map(Vec::len), Some(1));
}
