//! Floods of attempts, in a short form: they stop nobody else.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{WRONG, basic_of, from, is_limited, limited, signs_in};
use crate::metrics::figure;
use crate::support::{Browser, Door, Multipart, PASSWORD, Wire, wait_until};

/// Attempts of one stranger at most.
const ATTEMPTS_MAX: usize = 60;

/// Runs `work` while so many strangers try wrong passwords without a pause, from as many addresses
/// as `address` makes. Returns how many of their attempts had no place in the queue.
fn flooded(
    door: &Door,
    strangers: usize,
    address: impl Fn(usize) -> String,
    work: impl FnOnce(),
) -> usize {
    let (is_over, begun) = (
        AtomicBool::new(false),
        std::sync::Barrier::new(strangers + 1),
    );
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..strangers)
            .map(|n| {
                let client = from(&door.program(None), &address(n));
                let (is_over, begun) = (&is_over, &begun);
                scope.spawn(move || {
                    let (mut made, mut refused) = (0, 0);
                    begun.wait();
                    while made == 0 || (made < ATTEMPTS_MAX && !is_over.load(Ordering::Relaxed)) {
                        let name = format!("stranger{n}-{made}");
                        let status = signs_in(&client, &name, WRONG).status;
                        assert!([401, 429, 503].contains(&status), "{status}");
                        made += 1;
                        refused += usize::from(status == 503);
                    }
                    refused
                })
            })
            .collect();
        begun.wait();
        work();
        is_over.store(true, Ordering::Relaxed);
        running.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

fn costly() -> Door {
    Door::with(&[
        ("limits.account", "10/10m"),
        ("limits.address", "60/1h"),
        ("proxies.trusted", "127.0.0.0/8"),
        ("passwords.bcrypt_cost", "8"),
    ])
}

#[test]
fn an_owner_signs_in_with_a_known_browser_while_many_addresses_flood_the_queue() {
    for strangers in [33, 64] {
        let door = costly();
        let owner = door.signed_up("hanna");
        let refused = flooded(
            &door,
            strangers,
            |n| format!("198.51.100.{n}"),
            || {
                for _ in 0..3 {
                    owner.sign_out();
                    let reply = owner.sign_in("hanna", PASSWORD);
                    assert_eq!(reply.status, 303, "{}", reply.body);
                }
            },
        );
        assert!(refused > strangers, "{refused}");
    }
}

#[test]
fn an_owner_signs_in_with_a_new_browser_while_one_address_floods_the_queue() {
    for strangers in [33, 64] {
        let door = costly();
        door.signed_up("hanna");
        let refused = flooded(
            &door,
            strangers,
            |_| "198.51.100.1".to_owned(),
            || {
                for n in 0..3 {
                    let owner = from(&door.browser(), &format!("203.0.113.{n}"));
                    let reply = owner.sign_in("hanna", PASSWORD);
                    assert_eq!(reply.status, 303, "{}", reply.body);
                }
            },
        );
        assert!(refused > strangers, "{refused}");
    }
}

#[test]
fn an_attempt_without_a_place_in_the_queue_costs_no_query() {
    let door = Door::with(&[
        ("passwords.bcrypt_cost", "15"),
        ("proxies.trusted", "127.0.0.0/8"),
        ("limits.account", "1000/1m"),
        ("metrics.listen", "127.0.0.1:0"),
    ]);
    door.signed_up("mallory");
    let mallory = door.browser();
    mallory.sign_in("mallory", PASSWORD);
    mallory.sign_out();
    assert!(mallory.cookie("doorward_device").is_some());
    let body = json!({"username": "stranger", "password": WRONG}).to_string();
    let length = body.len();
    let queued = "doorward_password_queue_length{lane=\"usual\"}";
    let mut waiting = Vec::new();
    wait_until("a quarter of the queue is taken", || {
        if figure(door.metrics.unwrap(), queued) == 8.0 {
            return true;
        }
        // It waits for seconds, or is refused.
        let mut wire = Wire::to(door.address);
        wire.say(format!(
            "POST /api/sessions HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        waiting.push(wire);
        false
    });
    // A cookie of another account is no cookie of this one.
    let budgets = || door.number("SELECT count(*) AS n FROM limits WHERE budget = 'account'");
    let before = budgets();
    let refused = from(&mallory, "198.51.100.1").sign_in("hanna", WRONG);
    assert_eq!((refused.status, budgets()), (503, before));
    door.sql("ALTER TABLE accounts RENAME TO gone");
    let tries = |address: &str| signs_in(&from(&door.program(None), address), "hanna", WRONG);
    let statuses = ["198.51.100.1", "198.51.100.2"].map(|address| tries(address).status);
    assert_eq!(statuses, [503, 500]);
    waiting.into_iter().for_each(Wire::cut);
}

#[test]
fn wrong_passwords_of_a_link_from_one_address_close_it_for_no_other() {
    let door = limited();
    let owner = door.signed_up("hanna");
    let program = door.program(Some(&owner.access()));
    let file = Multipart::new().file("file", "a.txt", "a");
    let id = program.send_files("/api/files", &file).json()["id"].clone();
    let shares = format!("/api/files/{}/shares", id.as_str().unwrap());
    let new = json!({"minutes": 60, "password": PASSWORD});
    let share = program.send_json("POST", &shares, &new).json();
    let link = share["url"].as_str().unwrap().replace(&door.url, "");
    let opens = |address: &str, password: &str| {
        let client: Browser = from(&door.program(None), address);
        client
            .with("authorization", &basic_of("", password))
            .get(&link)
    };
    for _ in 0..20 {
        assert_eq!(opens("198.51.100.1", WRONG).status, 401);
    }
    is_limited(&opens("198.51.100.1", PASSWORD), "45");
    assert_eq!(opens("198.51.100.2", PASSWORD).status, 200);
    assert_eq!(opens("198.51.100.2", WRONG).status, 401);
}

#[test]
fn a_flood_of_sign_ups_from_one_address_makes_few_accounts_and_stops_nobody() {
    let door = &limited();
    let sign_up = |door: &Door, address: &str, name: &str| {
        let client = from(&door.program(None), address);
        let email = format!("{name}@example.com");
        let new = json!({"username": name, "email": email, "password": PASSWORD});
        client.send_json("POST", "/api/accounts", &new).status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..40)
            .map(|n| scope.spawn(move || sign_up(door, "2001:db8::1", &format!("flood{n}"))))
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = statuses.iter().filter(|status| **status == 201).count();
    assert!((1..=20).contains(&made), "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| [201, 429, 503].contains(status))
    );
    // Others of the network, and their neighbours, at a server that remembers no refusal.
    let door = &door.another();
    for n in made..25 {
        let status = sign_up(door, &format!("2001:db8::{n:x}"), &format!("more{n}"));
        assert_eq!(status, if n < 20 { 201 } else { 429 }, "{n}");
    }
    assert_eq!(sign_up(door, "2001:db8:0:1::1", "neighbour"), 201);
    let accounts = door.number("SELECT COUNT(*) AS n FROM accounts");
    assert_eq!(accounts, 21);
}
