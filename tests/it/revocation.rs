//! What has ended stays ended: at once here, within a second elsewhere, and after a crash.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Place, Serving, wait_until};

/// What SECURITY-MODEL.md promises, and what reading twice a second needs.
const SOON: Duration = Duration::from_secs(1);

fn sign_in(url: &str, login: &str) -> Value {
    let body = json!({"username": login, "password": PASSWORD}).to_string();
    let reply = Browser::program(url, None).post_body("/api/sessions", "application/json", body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

fn refresh(url: &str, granted: &Value) -> crate::support::Reply {
    let body = json!({"refresh_token": granted["refresh_token"]}).to_string();
    Browser::program(url, None).post_body("/api/tokens/refresh", "application/json", body)
}

fn holder(url: &str, granted: &Value) -> Browser {
    Browser::program(url, granted["access_token"].as_str())
}

fn ended_within(what: &str, limit: Duration, holder: &Browser) {
    let began = Instant::now();
    wait_until(what, || !holder.is_signed_in());
    let took = began.elapsed();
    assert!(took <= limit, "{what}: only after {took:?}");
}

#[test]
fn every_way_to_end_a_session_works_at_once_here_and_soon_on_other_servers() {
    let door = Door::open();
    let other = door.another();
    let delete_account = |ada: &Browser| {
        ada.submit(&ada.get("/account/delete"), "Delete my account", &[]);
    };
    let change_password = |ada: &Browser| {
        let fields = [
            ("Current password", PASSWORD),
            ("New password", "canary-gravel-mitten-otter"),
        ];
        ada.submit(&ada.get("/account/password"), "Change password", &fields);
    };
    let others = |ada: &Browser| {
        let ask = ada.get("/account/sessions/others");
        ada.submit(&ask, "Sign out everywhere else", &[]);
    };
    let everywhere = |ada: &Browser| {
        let program = Browser::program(&ada.url, Some(&ada.access()));
        program.with_method("DELETE", "/api/sessions");
    };
    type Way<'a> = &'a dyn Fn(&Browser);
    let ways: [(&str, Way<'_>); 4] = [
        ("new-password", &change_password),
        ("others", &others),
        ("everywhere", &everywhere),
        ("delete", &delete_account),
    ];
    for (name, way) in ways {
        let ada = door.signed_up(name);
        let granted = sign_in(&door.local_url(), name);
        let (here, there) = (
            holder(&door.local_url(), &granted),
            holder(&other.local_url(), &granted),
        );
        assert!(here.is_signed_in() && there.is_signed_in());
        way(&ada);
        assert!(!here.is_signed_in(), "{name}: at once");
        assert_eq!(refresh(&door.local_url(), &granted).status, 401, "{name}");
        assert_eq!(refresh(&other.local_url(), &granted).status, 401, "{name}");
        ended_within(name, SOON, &there);
    }
}

/// Hashing takes its time, and whoever knows the old password can make it longer.
#[test]
fn no_sign_in_that_was_under_way_outlives_a_change_of_the_account() {
    let door = Door::with(&[("passwords.bcrypt_cost", "7")]);
    type Change<'a> = &'a dyn Fn(&Browser);
    let password = |ada: &Browser| {
        let fields = [("current", PASSWORD), ("new", "canary-gravel-mitten-otter")];
        assert_eq!(ada.post_own("/account/password", &fields).status, 303);
    };
    let delete = |ada: &Browser| {
        assert_eq!(ada.post_own("/account/delete", &[]).status, 303);
    };
    let changes: [(&str, Change<'_>); 2] = [("ada", &password), ("bob", &delete)];
    for (name, change) in changes {
        let owner = door.signed_up(name);
        let late = std::sync::atomic::AtomicBool::new(false);
        let granted: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..12)
                .map(|_| {
                    scope.spawn(|| {
                        let body = json!({"username": name, "password": PASSWORD}).to_string();
                        let mut granted = Vec::new();
                        while !late.load(std::sync::atomic::Ordering::Relaxed) {
                            let program = door.program(None);
                            let body = body.clone();
                            let reply =
                                program.post_body("/api/sessions", "application/json", body);
                            if reply.status == 201 {
                                granted.push(reply.json());
                            }
                        }
                        granted
                    })
                })
                .collect();
            change(&owner);
            late.store(true, std::sync::atomic::Ordering::Relaxed);
            running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        for granted in &granted {
            assert!(!holder(&door.local_url(), granted).is_signed_in(), "{name}");
            assert_eq!(refresh(&door.local_url(), granted).status, 401, "{name}");
        }
    }
}

#[test]
fn signing_out_everywhere_misses_no_session_that_is_being_started_from_a_link() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    for round in 0..5 {
        if round > 0 {
            ada.sign_in("ada", PASSWORD);
        }
        let program = door.program(Some(&ada.access()));
        let links: Vec<_> = (0..12)
            .map(|_| {
                let body = json!({"path": "/dashboard"}).to_string();
                let made = program
                    .post_body("/api/links", "application/json", body)
                    .json();
                let url = made["url"].as_str().unwrap().to_owned();
                url.split_once("token=").unwrap().1.to_owned()
            })
            .collect();
        let browsers: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = links
                .iter()
                .map(|token| {
                    scope.spawn(|| {
                        let browser = door.browser();
                        browser.post("/login/continue", &[("token", token)]);
                        browser
                    })
                })
                .collect();
            assert_eq!(program.with_method("DELETE", "/api/sessions").status, 204);
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for browser in browsers {
            assert!(!browser.is_signed_in(), "round {round}");
        }
    }
}

#[test]
fn changes_by_command_reach_running_servers() {
    let place = Place::new();
    let (one, two) = (place.serve(), place.serve());
    place
        .tell(&["account", "add", "--username", "root"], PASSWORD)
        .well();
    let ada = one.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    place
        .run(&["account", "role", "root", "administrator"])
        .well();
    for (command, words) in [
        (
            &["account", "sign-out", "ADA"][..],
            "ada is signed out everywhere.",
        ),
        (
            &["account", "role", "ada@example.com", "administrator"],
            "ada is an administrator now.",
        ),
        (
            &["account", "role", "ada", "member"],
            "ada is a member now.",
        ),
        (&["account", "disable", "ada"], "ada is disabled now."),
        (&["account", "delete", "ada", "--yes"], "ada is deleted."),
    ] {
        let granted = sign_in(&one.url(), "ada");
        // Each server is known by another address, so a token is good at its own only.
        let (here, there) = (
            holder(&one.url(), &granted),
            holder(&two.url(), &sign_in(&two.url(), "ada")),
        );
        assert!(here.is_signed_in() && there.is_signed_in());
        assert_eq!(place.run(command).well().trim(), words);
        ended_within(words, SOON, &here);
        ended_within(words, SOON, &there);
        assert_eq!(refresh(&one.url(), &granted).status, 401);
        if command[1] == "disable" {
            assert_eq!(one.browser().sign_in("ada", PASSWORD).status, 422);
            let listed = place.run(&["account", "list"]).well();
            assert!(
                listed
                    .lines()
                    .any(|row| row.contains("\tada\t") && row.contains("\tdisabled\t"))
            );
            assert_eq!(
                place.run(&["account", "enable", "ada"]).well().trim(),
                "ada is active now."
            );
        }
    }
    let gone = place.run(&["account", "disable", "ada"]).ill(1);
    assert!(
        gone.contains("no account with this username or email address"),
        "{gone}"
    );
    for command in [
        &["account", "delete", "root", "--yes"][..],
        &["account", "disable", "root"],
        &["account", "role", "root", "member"],
    ] {
        let refused = place.run(command).ill(1);
        assert!(refused.contains("last administrator"), "{refused}");
    }
    let unasked = place.run(&["account", "delete", "root"]).ill(1);
    assert!(unasked.contains("--yes"), "{unasked}");
    let new = "canary-gravel-mitten-otter";
    let told = place.tell(&["account", "password", "root"], new).well();
    assert_eq!(told.trim(), "root has a new password now.");
    assert_eq!(one.browser().sign_in("root", PASSWORD).status, 422);
    assert_eq!(one.browser().sign_in("root", new).status, 303);
}

/// Kills the server the moment it has answered, and starts it again.
fn crash(place: &Place, serving: Serving) -> Serving {
    let address = serving.address.to_string();
    serving.signal(Signal::KILL);
    drop(serving);
    Serving::start(&mut place.command(&["serve", "--listen", &address]))
}

#[test]
fn nothing_that_was_acknowledged_is_undone_by_a_crash() {
    let place = Place::new();
    let mut serving = place.serve();
    serving
        .browser()
        .sign_up("ada", "ada@example.com", PASSWORD);
    for round in 0..5 {
        let url = serving.url();
        let (out, ended, by) = (
            sign_in(&url, "ada"),
            sign_in(&url, "ada"),
            sign_in(&url, "ada"),
        );

        let signed_out = holder(&url, &out).with_method("DELETE", "/api/sessions/current");
        serving = crash(&place, serving);
        assert_eq!(signed_out.status, 204);
        assert!(
            !holder(&url, &out).is_signed_in(),
            "round {round}: signed out"
        );
        assert_eq!(refresh(&url, &out).status, 401, "round {round}: signed out");

        let id = holder(&url, &ended).get("/api/sessions").json();
        let items = id["items"].as_array().unwrap();
        let current = items.iter().find(|item| item["current"] == true).unwrap();
        let path = format!("/api/sessions/{}", current["id"].as_str().unwrap());
        let revoked = holder(&url, &by).with_method("DELETE", &path);
        serving = crash(&place, serving);
        assert_eq!(revoked.status, 204);
        assert!(!holder(&url, &ended).is_signed_in(), "round {round}: ended");
        assert_eq!(refresh(&url, &ended).status, 401, "round {round}: ended");

        let first = refresh(&url, &by).json();
        let second = refresh(&url, &first).json();
        serving = crash(&place, serving);
        assert!(
            holder(&url, &second).is_signed_in(),
            "round {round}: renewed"
        );
        let third = refresh(&url, &second);
        assert_eq!(third.status, 200, "round {round}: the newest token is good");
        // Two generations old: no crash makes that one good again.
        assert_eq!(
            refresh(&url, &by).status,
            401,
            "round {round}: an old token"
        );
        assert_eq!(
            refresh(&url, &third.json()).status,
            401,
            "and its session is over"
        );
    }
}

#[test]
fn a_clock_that_goes_forward_and_back_revives_no_session_and_ends_none() {
    const YEAR: i64 = 365 * 86_400;
    let door = Door::open();
    let ada = door.signed_up("ada");
    let bob = door.signed_up("bob");
    let (signed_out, stolen) = (ada.copy(), bob.copy());
    ada.sign_out();

    door.let_pass(-7200);
    assert!(!signed_out.is_signed_in(), "two hours back");
    assert_eq!(
        bob.get("/account/delete").status,
        303,
        "what was proved in the future is not recent"
    );
    let early = door.program(Some(&stolen.access()));
    assert_eq!(
        early.get("/dashboard").status,
        401,
        "a token from the future"
    );
    assert!(bob.is_signed_in(), "but its session gives a new one");
    let eve = door.signed_up("eve");
    assert!(eve.is_signed_in());

    door.let_pass(7200 + YEAR);
    for browser in [&signed_out, &stolen, &bob, &eve] {
        assert!(!browser.is_signed_in(), "a year on");
    }
    let late = door.signed_up("late");
    door.let_pass(-YEAR);
    assert!(!signed_out.is_signed_in(), "and back");
    assert!(late.is_signed_in());
    late.sign_out();
    assert!(!late.is_signed_in());
}
