//! PostgreSQL that does not answer, through a relay of the test's own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use super::*;
use crate::support::relay::Relay;
use crate::support::tools::postgres;
use crate::support::{Place, wait_until};

/// A server waits four seconds for an answer; the rest is for a slow machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
const AT_ONCE: Duration = Duration::from_secs(2);

/// A place whose database is reached through a relay. `None` where the suite runs on SQLite.
fn relayed() -> Option<(Place, Relay, String)> {
    postgres()?;
    let mut place = Place::new();
    let direct = place.variables["DOORWARD_DATABASE__URL"].clone();
    let (relay, url) = Relay::to(&direct);
    place.set("DOORWARD_DATABASE__URL", &url);
    Some((place, relay, direct))
}

#[track_caller]
fn within<T>(limit: Duration, what: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = what();
    let took = began.elapsed();
    assert!(took < limit, "it took {took:?}");
    result
}

#[test]
fn connections_that_stop_answering_are_replaced_and_every_request_is_answered() {
    let Some((mut place, relay, _)) = relayed() else {
        return;
    };
    place.set("DOORWARD_LIMITS__SIGN_UP_ADDRESS", "off");
    let serving = place.serve();
    let (frozen, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let after: Mutex<Vec<u16>> = Mutex::default();
    let saved = Mutex::new(0);
    let people: Vec<_> = (0..32)
        .map(|n| program(&serving, &format!("ada-{n}")))
        .collect();
    std::thread::scope(|scope| {
        for who in people {
            let (frozen, stop, after, saved) = (&frozen, &stop, &after, &saved);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let late = frozen.load(Ordering::Relaxed);
                    let status = within(ANSWERED_WITHIN, || add_item(&who, "an item").status);
                    assert!([201, 503].contains(&status), "{status}");
                    *saved.lock().unwrap() += usize::from(status == 201);
                    if late {
                        after.lock().unwrap().push(status);
                    }
                }
            });
        }
        wait_until("they are at it", || *saved.lock().unwrap() > 64);
        relay.freeze();
        frozen.store(true, Ordering::Relaxed);
        wait_until("it works again", || {
            let after = after.lock().unwrap();
            after.iter().filter(|status| **status == 201).count() > 64
        });
        stop.store(true, Ordering::Relaxed);
    });
    assert!(after.into_inner().unwrap().contains(&503));
    // What was acknowledged is there. What was not may be there, too.
    let items = place.number("SELECT count(*) AS n FROM work_items");
    assert!(items >= *saved.lock().unwrap() as i64);
    let (status, _, stderr) = within(ANSWERED_WITHIN, || serving.end());
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("the database is unavailable"), "{stderr}");
    assert!(
        stderr.contains("the database is available again"),
        "{stderr}"
    );
}

#[test]
fn while_the_database_does_not_answer_every_request_is_refused_at_once_and_the_server_can_be_stopped()
 {
    let Some((place, relay, _)) = relayed() else {
        return;
    };
    let serving = place.serve();
    let ada = program(&serving, "ada");
    relay.pause();
    let reply = within(ANSWERED_WITHIN, || add_item(&ada, "an item"));
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!(reply.json()["error"], "unavailable");
    assert_eq!(reply.header("retry-after"), Some("30"));
    wait_until("whether sessions have ended is not known", || {
        ada.get("/dashboard").status == 503
    });
    std::thread::scope(|scope| {
        for _ in 0..64 {
            // Making it takes longer than what is measured.
            let somebody = Browser::program(&serving.url(), None);
            scope.spawn(move || {
                let reply = within(AT_ONCE, || sign_in(&somebody, "ada"));
                assert_eq!(reply.status, 503, "{}", reply.body);
            });
        }
    });
    relay.resume();
    let back = Instant::now();
    wait_until("it works again", || add_item(&ada, "an item").status == 201);
    assert!(
        back.elapsed() < Duration::from_secs(4),
        "{:?}",
        back.elapsed()
    );
    relay.pause();
    assert_eq!(add_item(&ada, "an item").status, 503);
    let (status, _, stderr) = within(ANSWERED_WITHIN, || serving.end());
    assert_eq!(status.code(), Some(0), "{stderr}");
    let lines = stderr.lines().filter(|line| line.contains("ERROR"));
    assert!(lines.count() < 12, "not a line for each request: {stderr}");
}

#[test]
fn a_commit_without_an_answer_has_an_unknown_outcome_and_its_key_decides_on_the_retry() {
    let Some((place, relay, _)) = relayed() else {
        return;
    };
    let serving = place.serve();
    let ada = program(&serving, "ada");
    let keyed = ada.with("idempotency-key", "once");
    relay.swallow_answer("an item", "COMMIT");
    let reply = within(ANSWERED_WITHIN, || add_item(&keyed, "an item"));
    assert_eq!(reply.status, 503, "{}", reply.body);
    let words = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(words.contains("may or may not have been saved"), "{words}");
    assert!(words.contains("Idempotency-Key"), "{words}");
    wait_until("it works again", || {
        let reply = add_item(&keyed, "an item");
        assert!([201, 503].contains(&reply.status), "{}", reply.body);
        reply.status == 201
    });
    assert_eq!(place.number("SELECT count(*) AS n FROM work_items"), 1);
    // Where it is known that nothing was saved, the answer says so.
    relay.swallow_answer("another item", "another item");
    let reply = add_item(&ada, "another item");
    assert_eq!(reply.status, 503, "{}", reply.body);
    let words = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(words.contains("Nothing was changed"), "{words}");
    assert_eq!(place.number("SELECT count(*) AS n FROM work_items"), 1);
}

#[test]
fn a_request_that_was_refused_is_not_carried_out_when_the_database_answers_after_all() {
    let Some((place, relay, direct)) = relayed() else {
        return;
    };
    let serving = place.serve();
    let ada = program(&serving, "ada");
    let mut holder = PgConnection::establish(&direct).unwrap();
    // The request begins its transaction, waits for the account, and is cut off from its answer.
    holder
        .batch_execute("BEGIN; SELECT 1 FROM accounts FOR UPDATE")
        .unwrap();
    std::thread::scope(|scope| {
        let asking = ada.copy();
        let refused = scope.spawn(move || add_item(&asking, "an item"));
        wait_until("it waits for the account", || waiting(&place) == 1);
        relay.pause();
        holder.batch_execute("ROLLBACK").unwrap();
        let refused = refused.join().unwrap();
        assert_eq!(refused.status, 503, "{}", refused.body);
    });
    relay.resume();
    wait_until("it works again", || add_item(&ada, "another").status == 201);
    assert_eq!(place.number("SELECT count(*) AS n FROM work_items"), 1);
}

#[test]
fn a_connection_that_the_server_ends_is_503_and_never_500() {
    let Some((place, relay, direct)) = relayed() else {
        return;
    };
    let serving = place.serve();
    let people: Vec<_> = (0..6)
        .map(|n| program(&serving, &format!("ada-{n}")))
        .collect();
    let mut holder = PgConnection::establish(&direct).unwrap();
    holder
        .batch_execute("BEGIN; SELECT 1 FROM accounts FOR UPDATE")
        .unwrap();
    let end_those_that_wait = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_locks \
         WHERE NOT granted AND pid <> pg_backend_pid()
           AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'accounts'::regclass)";
    std::thread::scope(|scope| {
        let running: Vec<_> = people
            .iter()
            .map(Browser::copy)
            .map(|who| scope.spawn(move || add_item(&who, "an item")))
            .collect();
        wait_until("they wait for their accounts", || waiting(&place) == 6);
        assert_eq!(place.number(end_those_that_wait), 6);
        for running in running {
            let reply = running.join().unwrap();
            assert_eq!(reply.status, 503, "{}", reply.body);
            let words = reply.json()["message"].as_str().unwrap().to_owned();
            assert!(words.contains("Nothing was changed"), "{words}");
        }
        // A statement that waits for too long is as good as one without an answer.
        let reply = within(ANSWERED_WITHIN, || add_item(&people[0], "an item"));
        assert_eq!(reply.status, 503, "{}", reply.body);
    });
    holder.batch_execute("ROLLBACK").unwrap();
    wait_until("it works again", || {
        add_item(&people[0], "an item").status == 201
    });
    relay.refuse();
    let reply = within(ANSWERED_WITHIN, || add_item(&people[0], "an item"));
    assert_eq!(reply.status, 503, "{}", reply.body);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let somebody = Browser::program(&serving.url(), None);
            scope.spawn(move || {
                let reply = within(AT_ONCE, || sign_in(&somebody, "ada-0"));
                assert_eq!(reply.status, 503, "{}", reply.body);
            });
        }
    });
    let (status, _, stderr) = serving.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[test]
fn a_long_migration_of_another_schema_delays_no_change_of_keys_or_accounts() {
    if postgres().is_none() {
        return;
    }
    let place = Place::new();
    let other = Place::new();
    let others = &other.variables["DOORWARD_DATABASE__URL"];
    let serving = place.serve();
    let ada = signed_up(&serving, "ada");
    let ada = Browser::program(&serving.url(), Some(&ada.access()));

    // The migration of the other schema waits for this table until the end of the transaction.
    let mut holder = PgConnection::establish(others).unwrap();
    let name = format!("holder-{}", uuid::Uuid::new_v4().simple());
    holder
        .batch_execute(&format!(
            "SET application_name = '{name}'; BEGIN; CREATE TABLE accounts (id INTEGER)"
        ))
        .unwrap();
    let migration = other
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut migration = Ended(migration);
    let waits = format!(
        "SELECT count(*) AS n FROM pg_stat_activity AS holder, pg_stat_activity AS migration \
         WHERE holder.application_name = '{name}' \
           AND holder.pid = ANY(pg_blocking_pids(migration.pid))"
    );
    wait_until("the migration waits", || place.number(&waits) == 1);

    within(AT_ONCE, || {
        let renamed = ada.send_json("PATCH", "/api/me", &json!({"name": "Ada"}));
        assert_eq!(renamed.status, 200, "{}", renamed.body);
    });
    within(ANSWERED_WITHIN, || {
        place.run(&["keys", "rotate", "--revoke"]).well();
        place.run(&["account", "disable", "ada"]).well();
    });
    assert_eq!(place.number(&waits), 1, "the migration still waits");
    assert!(migration.0.try_wait().unwrap().is_none());
    holder.batch_execute("ROLLBACK").unwrap();
}

/// A process that ends with its test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How many transactions wait for a lock on an account of this place.
fn waiting(place: &Place) -> i64 {
    place.number(
        "SELECT count(DISTINCT pid) AS n FROM pg_locks WHERE NOT granted
           AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'accounts'::regclass)",
    )
}
