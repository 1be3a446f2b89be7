//! Rate limits: who is slowed down, and who is not.

mod addresses;
mod floods;
mod forms;
mod likeness;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Browser, Door, PASSWORD, Place, Reply, wait_until};

const WRONG: &str = "canary-wrong-password";

/// As a server on the internet has them; the proxy in front of it is the test.
fn limited() -> Door {
    Door::with(&[
        ("limits.account", "10/10m"),
        ("limits.address", "60/1h"),
        ("limits.sign_up_address", "20/1h"),
        ("proxies.trusted", "127.0.0.0/8"),
        ("compat.exact", "true"),
    ])
}

fn basic_of(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn from(client: &Browser, address: &str) -> Browser {
    client.with("x-forwarded-for", address)
}

type Way<'a> = &'a dyn Fn(&Browser) -> Reply;

fn signs_in(client: &Browser, name: &str, password: &str) -> Reply {
    let field = if name.contains('@') {
        "email"
    } else {
        "username"
    };
    client.send_json(
        "POST",
        "/api/sessions",
        &json!({field: name, "password": password}),
    )
}

fn is_limited(reply: &Reply, seconds: &str) {
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.header("retry-after"), Some(seconds), "{}", reply.body);
}

#[test]
fn attempts_at_an_account_share_one_budget_by_every_spelling_and_every_way_in() {
    let door = limited();
    door.signed_up("hanna");
    let program = door.program(None);
    let ways: [(&str, Way<'_>); 6] = [
        ("username", &|client| signs_in(client, "hanna", WRONG)),
        ("address", &|client| {
            signs_in(client, "hanna@example.com", WRONG)
        }),
        ("capitals", &|client| {
            signs_in(client, "HANNA@Example.COM", WRONG)
        }),
        ("Basic", &|client| {
            client
                .with("authorization", &basic_of("hanna", WRONG))
                .post("/api/sessions", &[])
        }),
        ("query_token", &|client| {
            client.post("/login", &[("username", "hanna"), ("password", WRONG)])
        }),
        ("flask_jwt", &|client| {
            let sent = json!({"username": "hanna", "password": WRONG});
            client.send_json("POST", "/auth", &sent)
        }),
    ];
    for attempt in 0..10 {
        let (way, send) = ways[attempt % ways.len()];
        let reply = send(&from(&program, &format!("198.51.100.{attempt}")));
        assert_ne!(reply.status, 429, "{way} {}", reply.body);
    }
    for (way, send) in ways {
        let reply = send(&from(&program, "198.51.100.100"));
        assert_eq!(reply.status, 429, "{way} {}", reply.body);
    }
    // One more each minute, whatever the password.
    is_limited(
        &signs_in(&from(&program, "198.51.100.100"), "hanna", PASSWORD),
        "60",
    );
    door.let_pass(60);
    let reply = signs_in(&from(&program, "198.51.100.101"), "hanna", PASSWORD);
    assert_eq!(reply.status, 201, "{}", reply.body);
}

#[test]
fn a_name_without_an_account_is_limited_like_one_with_an_account() {
    let door = limited();
    door.signed_up("hanna");
    let program = door.program(None);
    let mut heard: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in ["hanna", "nobody-here"] {
        for attempt in 0..15 {
            let client = from(&program, &format!("198.51.100.{attempt}"));
            let reply = signs_in(&client, name, WRONG);
            let after = reply.header("retry-after");
            let reply = format!("{} {after:?} {}", reply.status, reply.json()["message"]);
            heard.entry(name).or_default().push(reply);
        }
    }
    assert_eq!(heard["hanna"], heard["nobody-here"]);
    assert!(heard["hanna"][14].starts_with("429"), "{heard:?}");
}

#[test]
fn a_success_gives_its_own_unit_back_and_resets_nothing() {
    let door = limited();
    door.signed_up("hanna");
    let program = from(&door.program(None), "198.51.100.1");
    for _ in 0..9 {
        assert_eq!(signs_in(&program, "hanna", WRONG).status, 401);
    }
    for _ in 0..5 {
        assert_eq!(signs_in(&program, "hanna", PASSWORD).status, 201);
    }
    assert_eq!(signs_in(&program, "hanna", WRONG).status, 401);
    is_limited(&signs_in(&program, "hanna", WRONG), "60");
}

#[test]
fn a_device_that_has_signed_in_before_is_not_slowed_down_by_strangers() {
    let door = limited();
    door.signed_up("hanna").sign_out();
    let device = door.browser();
    assert_eq!(device.sign_in("hanna", PASSWORD).status, 303);
    device.sign_out();
    let stranger = from(&door.program(None), "198.51.100.1");
    for _ in 0..12 {
        signs_in(&stranger, "hanna", WRONG);
    }
    assert_eq!(signs_in(&stranger, "hanna", WRONG).status, 429);
    for _ in 0..12 {
        assert_eq!(device.sign_in("hanna", PASSWORD).status, 303);
        device.sign_out();
    }
    // A known device has a budget of its own.
    for _ in 0..10 {
        assert_eq!(device.sign_in("hanna", WRONG).status, 422);
    }
    assert_eq!(device.sign_in("hanna", PASSWORD).status, 429);
}

#[test]
fn the_cookie_of_a_device_is_for_one_account_and_its_password() {
    let door = limited();
    for name in ["hanna", "ivan"] {
        door.signed_up(name).sign_out();
        let stranger = from(&door.program(None), "198.51.100.1");
        for _ in 0..11 {
            signs_in(&stranger, name, WRONG);
        }
    }
    // The first sign-in to an account is a stranger's.
    let device = door.browser();
    assert_eq!(device.sign_in("ivan", PASSWORD).status, 429);
    door.let_pass(60);
    assert_eq!(device.sign_in("ivan", PASSWORD).status, 303);
    device.sign_out();
    let stranger = from(&door.program(None), "198.51.100.2");
    signs_in(&stranger, "hanna", WRONG);
    assert_eq!(device.sign_in("hanna", PASSWORD).status, 429);
    assert_eq!(device.sign_in("ivan", PASSWORD).status, 303);
    device.sign_out();

    // Another person sets another password.
    signs_in(&stranger, "ivan", WRONG);
    door.sql(
        "UPDATE accounts SET password_hash = \
         (SELECT password_hash FROM accounts WHERE username = 'hanna') WHERE username = 'ivan'",
    );
    assert_eq!(device.sign_in("ivan", PASSWORD).status, 429);
}

#[test]
fn many_attempts_at_once_take_one_unit_each() {
    let door = limited();
    door.signed_up("hanna");
    let other = door.another();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..50)
            .map(|n| {
                let at = if n % 2 == 0 { &door } else { &other };
                let client = from(&at.program(None), &format!("198.51.100.{n}"));
                scope.spawn(move || signs_in(&client, "hanna", WRONG).status)
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let tried = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(tried, 10, "{statuses:?}");
}

#[test]
fn a_restart_refills_nothing_and_servers_share_their_budgets() {
    let door = limited();
    door.signed_up("hanna");
    let wrong = |door: &Door| {
        let client = from(&door.program(None), "198.51.100.1");
        signs_in(&client, "hanna", WRONG)
    };
    for _ in 0..5 {
        assert_eq!(wrong(&door).status, 401);
    }
    let other = door.another();
    for _ in 0..5 {
        assert_eq!(wrong(&other).status, 401);
    }
    is_limited(&wrong(&door), "60");
    drop(other);
    is_limited(&wrong(&door.restart()), "60");
}

#[test]
fn a_server_that_is_killed_refills_nothing() {
    let place = Place::new();
    let tries = |times: usize| {
        // It is killed where it is dropped.
        let serving = place.serve();
        let program = Browser::program(&serving.url(), None);
        let statuses = (0..times).map(|_| signs_in(&program, "nobody", WRONG).status);
        statuses.collect::<Vec<_>>()
    };
    assert_eq!(tries(6), [401; 6]);
    assert_eq!(tries(6), [401, 401, 401, 401, 429, 429]);
    assert_eq!(tries(1), [429]);
}

#[test]
fn rows_of_full_budgets_are_deleted_and_others_stay() {
    let door = Door::with(&[("limits.account", "2/10m")]);
    let program = door.program(None);
    let tries = |name: &str| signs_in(&program, name, WRONG).status;
    assert_eq!(tries("early"), 401);
    assert_eq!([tries("late"), tries("late")], [401, 401]);
    door.let_pass(400);
    assert_eq!([tries("late"), tries("late")], [401, 429]);
    assert_eq!(door.number("SELECT COUNT(*) AS n FROM limits"), 2);
    // The job runs at the start.
    let door = door.restart();
    let rows = || door.number("SELECT COUNT(*) AS n FROM limits");
    wait_until("the full one is deleted", || rows() == 1);
    assert_eq!(signs_in(&door.program(None), "late", WRONG).status, 429);
    assert_eq!(signs_in(&door.program(None), "early", WRONG).status, 401);
    assert_eq!(rows(), 2);
}

#[test]
fn a_clock_that_was_ahead_locks_nobody_out() {
    let door = limited();
    door.signed_up("hanna");
    let client = from(&door.program(None), "198.51.100.1");
    door.let_pass(365 * 86_400);
    for _ in 0..11 {
        signs_in(&client, "hanna", WRONG);
    }
    door.let_pass(-365 * 86_400);
    let other = door.another();
    let client = from(&other.program(None), "198.51.100.1");
    assert_eq!(signs_in(&client, "hanna", PASSWORD).status, 201);
}

#[test]
fn an_address_block_has_a_budget_whatever_names_it_tries() {
    let door = limited();
    let program = door.program(None);
    for attempt in 0..60 {
        let client = from(&program, &format!("2001:db8:1:2::{attempt:x}"));
        let name = format!("name{attempt}");
        assert_eq!(signs_in(&client, &name, WRONG).status, 401, "{attempt}");
    }
    is_limited(
        &signs_in(&from(&program, "2001:db8:1:2::ffff"), "name-x", WRONG),
        "60",
    );
    let neighbour = signs_in(&from(&program, "2001:db8:1:3::1"), "name-x", WRONG);
    assert_eq!(neighbour.status, 401);
    // A proxy that is not trusted states no address.
    let untrusting = Door::with(&[("limits.address", "5/1h")]);
    let program = untrusting.program(None);
    for attempt in 0..6 {
        let client = from(&program, &format!("198.51.100.{attempt}"));
        let status = signs_in(&client, &format!("name{attempt}"), WRONG).status;
        assert_eq!(status, if attempt < 5 { 401 } else { 429 });
    }
}

#[test]
fn sign_ups_have_a_budget_for_each_address_and_in_all() {
    let door = Door::with(&[
        ("limits.sign_up_address", "3/1h"),
        ("limits.sign_ups", "5/1h"),
        ("proxies.trusted", "127.0.0.0/8"),
    ]);
    let program = door.program(None);
    let sign_up = |n: usize, address: &str, password: &str| {
        let new = json!({
            "username": format!("hanna{n}"), "email": format!("hanna{n}@example.com"),
            "password": password,
        });
        from(&program, address).send_json("POST", "/api/accounts", &new)
    };
    // A weak password makes no account, and takes nothing.
    for n in 0..4 {
        assert_eq!(sign_up(n, "198.51.100.1", "canary-canary").status, 422);
    }
    for n in 0..3 {
        assert_eq!(sign_up(n, "198.51.100.1", PASSWORD).status, 201);
    }
    is_limited(&sign_up(3, "198.51.100.1", PASSWORD), "1200");
    for n in 3..5 {
        assert_eq!(sign_up(n, "198.51.100.2", PASSWORD).status, 201);
    }
    is_limited(&sign_up(5, "198.51.100.3", PASSWORD), "720");
}

#[test]
fn without_limits_nothing_is_counted() {
    let door = Door::with(&[("limits.enabled", "false"), ("limits.account", "1/1h")]);
    door.signed_up("hanna");
    for _ in 0..12 {
        assert_eq!(signs_in(&door.program(None), "hanna", WRONG).status, 401);
    }
    assert_eq!(door.number("SELECT COUNT(*) AS n FROM limits"), 0);
}

#[test]
fn what_costs_little_has_a_budget_of_which_servers_take_many_units_at_once() {
    let door = Door::with(&[("limits.introspect", "40/1m"), ("limits.inspect", "3/1m")]);
    let (program, other) = (door.program(None), door.another());
    let other = other.program(None);
    let ask = |program: &Browser| {
        let sent = [("token", "x")];
        program.post("/api/tokens/introspect", &sent).status
    };
    let asked = (0..60).map(|n| ask(if n % 2 == 0 { &program } else { &other }));
    let answered = asked.filter(|status| *status == 200).count();
    assert!((38..=40).contains(&answered), "{answered}");
    assert_eq!(ask(&program), 429);
    door.let_pass(60);
    assert_eq!(ask(&program), 200);

    let browser = door.browser();
    let inspect = || {
        let page = browser.get("/inspect");
        browser.submit(&page, "Inspect", &[("Token", "x")]).status
    };
    assert_eq!([(); 4].map(|()| inspect()), [200, 200, 200, 429]);
}

#[test]
fn a_session_is_renewed_from_one_budget_by_cookie_and_by_call() {
    let door = Door::with(&[("limits.refresh", "4/1m")]);
    let hanna = door.signed_up("hanna");
    let renews = || {
        hanna.drop_cookie("doorward_access");
        hanna.get("/account").status
    };
    assert_eq!([(); 3].map(|()| renews()), [200; 3]);
    let garbage = json!({"refresh_token": "x"});
    let call = || {
        let program = door.program(None);
        let reply = program.send_json("POST", "/api/tokens/refresh", &garbage);
        reply.status
    };
    assert_eq!([call(), call(), renews()], [401, 429, 429]);
    door.let_pass(60);
    assert_eq!(renews(), 200, "the session is still there");
    // The access token is not limited.
    for _ in 0..10 {
        assert_eq!(hanna.get("/account").status, 200);
    }
}

#[test]
fn new_usernames_and_addresses_have_a_budget_of_each_account() {
    let door = Door::with(&[("limits.names", "2/1h")]);
    let (hanna, ivan) = (door.signed_up("hanna"), door.signed_up("ivan"));
    let rename = |who: &Browser, names| {
        let program = door.program(Some(&who.access()));
        program.send_json("PATCH", "/api/me", &names)
    };
    assert_eq!(rename(&hanna, json!({"username": "ivan"})).status, 409);
    let new = json!({"email": "hanna@example.net"});
    assert_eq!(rename(&hanna, new).status, 200);
    is_limited(&rename(&hanna, json!({"username": "ivan"})), "1800");
    // A name that signs nobody in is free to change.
    assert_eq!(rename(&hanna, json!({"name": "Hanna"})).status, 200);
    assert_eq!(rename(&ivan, json!({"username": "ivo"})).status, 200);

    let page = hanna.get("/account/email");
    let told = hanna.submit(&page, "Save", &[("Username", "hanna2")]);
    is_limited(&told, "1800");
    assert_eq!(told.value("Username"), "hanna2");
    door.let_pass(1800);
    let page = hanna.get("/account/verify?next=/account/email");
    hanna.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(hanna.submit(&told, "Save", &[]).status, 303);
}

#[test]
fn the_commands_list_and_fill_budgets_without_naming_anyone() {
    let place = Place::new();
    let added = place.tell(&["account", "add", "--username", "hanna"], PASSWORD);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let tries = |expected: u16| {
        let serving = place.serve();
        let program = Browser::program(&serving.url(), None);
        let reply = signs_in(&program, "hanna", PASSWORD);
        assert_eq!(reply.status, expected, "{}", reply.body);
    };
    {
        let serving = place.serve();
        let program = Browser::program(&serving.url(), None);
        for _ in 0..10 {
            assert_eq!(signs_in(&program, "hanna", WRONG).status, 401);
        }
    }
    tries(429);
    let listed = place.run(&["limits", "list"]).well();
    assert!(
        listed.lines().any(|line| line.starts_with("account\t")),
        "{listed}"
    );
    assert!(
        !listed.contains("hanna") && !listed.contains("127.0.0.1"),
        "{listed}"
    );
    for (wrong, code) in [(["--account", "ivan"], 1), (["--address", "banana"], 2)] {
        let ran = place.run(&["limits", "clear", wrong[0], wrong[1]]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(ran.stderr.contains(wrong[1]), "{}", ran.stderr);
    }
    tries(429);
    for whose in [["--account", "hanna"], ["--address", "127.0.0.1"]] {
        let said = place.run(&["limits", "clear", whose[0], whose[1]]).well();
        assert!(said.starts_with("Budgets filled: 1."), "{said}");
    }
    tries(201);
}
