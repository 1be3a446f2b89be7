//! A session from its start to its end.

use crate::support::{Browser, Door, PASSWORD, Wire, status_of, wait_until};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn stay_signed_in(door: &Door) -> Browser {
    let browser = door.browser();
    let page = browser.get("/login");
    let fields = [
        ("Username or email address", "ada"),
        ("Password", PASSWORD),
        ("Stay signed in", "yes"),
    ];
    assert_eq!(browser.submit(&page, "Sign in", &fields).status, 303);
    browser
}

/// A browser that holds only the short-lived token: what somebody has who read it in passing.
fn only_access(browser: &Browser) -> Browser {
    let thief = browser.copy();
    thief.drop_cookie("doorward_refresh");
    thief
}

fn only_refresh(browser: &Browser) -> Browser {
    let thief = browser.copy();
    thief.drop_cookie("doorward_access");
    thief
}

#[test]
fn signing_out_ends_the_session_on_the_server_for_good() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let before = ada.copy();
    let reply = ada.sign_out();
    assert_eq!((reply.status, reply.location().as_str()), (303, "/"));
    assert_eq!(
        reply.header("clear-site-data"),
        Some("\"cache\", \"storage\"")
    );
    assert_eq!(ada.cookie("doorward_access"), None);
    assert_eq!(ada.cookie("doorward_refresh"), None);
    assert_eq!(ada.follow(&reply).text(".notice"), "You are signed out.");
    assert_eq!(ada.get("/").text(".notice"), "", "said once");

    // The same tokens, sent again: refused at once, and after a restart.
    assert!(!only_access(&before).is_signed_in());
    assert!(!only_refresh(&before).is_signed_in());
    let door = door.restart();
    let again = before.moved_to(&door.local_url());
    assert!(!only_access(&again).is_signed_in());
    assert!(!only_refresh(&again).is_signed_in());
}

#[test]
fn a_session_goes_on_after_a_restart() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let door = door.restart();
    assert!(only_access(&ada.moved_to(&door.local_url())).is_signed_in());
}

#[test]
fn a_sign_out_takes_effect_on_another_server_of_the_same_database() {
    let door = Door::open();
    let other = door.another();
    let ada = door.signed_up("ada");
    let there = ada.moved_to(&other.local_url());
    assert!(there.is_signed_in(), "and now its token is known there");
    ada.sign_out();
    let start = std::time::Instant::now();
    wait_until("it is signed out there", || {
        !only_access(&there).is_signed_in()
    });
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn an_expired_token_is_renewed_without_a_word() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let old = ada.copy();
    door.let_pass(15 * MINUTE);
    assert!(
        !only_access(&old).is_signed_in(),
        "the token itself has expired"
    );
    let shown = ada.get("/dashboard");
    assert_eq!(shown.status, 200);
    assert_eq!(shown.cookies().len(), 2);
    assert_ne!(
        ada.cookie("doorward_refresh"),
        old.cookie("doorward_refresh"),
        "it rotates"
    );
    assert_eq!(ada.get("/dashboard").cookies().len(), 0, "once");
}

#[test]
fn a_posted_form_is_not_lost_to_an_expired_token() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/dashboard");
    door.let_pass(20 * MINUTE);
    let before = ada.copy();
    assert_eq!(ada.submit(&page, "Sign out", &[]).location(), "/");
    assert!(
        !before.is_signed_in(),
        "the session that was renewed on the way has ended"
    );
}

#[test]
fn parallel_requests_with_one_refresh_token_get_the_same_successor() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(15 * MINUTE);
    let tabs: Vec<_> = (0..20).map(|_| ada.copy()).collect();
    let successors: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = tabs
            .into_iter()
            .map(|tab| {
                scope.spawn(move || {
                    assert!(tab.is_signed_in());
                    tab.cookie("doorward_refresh").unwrap()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(successors.iter().all(|token| *token == successors[0]));
    assert_ne!(
        Some(&successors[0]),
        ada.cookie("doorward_refresh").as_ref()
    );
}

#[test]
fn a_refresh_token_used_again_after_its_grace_ends_the_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = only_refresh(&ada);
    door.let_pass(15 * MINUTE);
    assert!(ada.is_signed_in());
    door.let_pass(9);
    assert!(
        thief.copy().is_signed_in(),
        "within ten seconds it may be a request that was under way"
    );
    door.let_pass(1);
    assert!(!thief.is_signed_in());
    assert!(
        !ada.is_signed_in(),
        "nobody can tell who is the thief: both are out"
    );
}

#[test]
fn a_refresh_token_of_an_older_generation_ends_the_session_at_once() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = only_refresh(&ada);
    for _ in 0..2 {
        door.let_pass(15 * MINUTE);
        assert!(ada.is_signed_in());
    }
    assert!(!thief.is_signed_in());
    assert!(!ada.is_signed_in());
}

#[test]
fn a_forged_refresh_token_does_not_end_any_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let token = ada.cookie("doorward_refresh").unwrap();
    for at in [0, 20, 40, token.len() - 2] {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forger = door.browser();
        forger.set_cookie("doorward_refresh", std::str::from_utf8(&forged).unwrap());
        assert!(!forger.is_signed_in());
        assert_eq!(forger.cookie("doorward_refresh"), None, "it is taken away");
    }
    assert!(ada.is_signed_in());
    assert!(only_refresh(&ada).is_signed_in());
}

#[test]
fn a_session_ends_after_twelve_hours_unless_one_stays_signed_in() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let staying = stay_signed_in(&door);
    door.let_pass(12 * HOUR - 1);
    assert!(ada.is_signed_in());
    door.let_pass(1);
    assert!(!ada.is_signed_in());
    assert!(staying.is_signed_in());
}

#[test]
fn staying_signed_in_ends_after_14_idle_days_and_after_90_in_any_case() {
    let door = Door::open();
    door.signed_up("ada");
    let (idle, busy) = (stay_signed_in(&door), stay_signed_in(&door));
    for _ in 0..6 {
        door.let_pass(14 * DAY - 1);
        assert!(busy.is_signed_in());
    }
    assert!(!idle.is_signed_in());
    door.let_pass(6 * DAY + 5);
    assert!(busy.is_signed_in(), "a second before its end");
    door.let_pass(1);
    assert!(!busy.is_signed_in());
}

#[test]
fn only_stay_signed_in_makes_cookies_that_outlive_the_window() {
    let door = Door::open();
    let reply = door.browser().sign_up("ada", "ada@example.com", PASSWORD);
    assert!(
        reply
            .cookies()
            .iter()
            .filter(|cookie| !cookie.contains("_form=") && !cookie.contains("_device_"))
            .all(|cookie| !cookie.contains("Max-Age"))
    );
    let browser = door.browser();
    let fields = [("username", "ada"), ("password", PASSWORD), ("stay", "yes")];
    let reply = browser.post("/login", &fields);
    let stays = format!("Max-Age={}", 90 * DAY);
    assert_eq!(
        reply
            .cookies()
            .iter()
            .filter(|cookie| cookie.contains(&stays))
            .count(),
        2
    );
}

#[test]
fn signing_in_again_ends_the_session_that_the_browser_had() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let before = ada.copy();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(ada.post("/login", &fields).status, 303);
    assert!(ada.is_signed_in());
    assert!(!only_access(&before).is_signed_in());
    assert!(!only_refresh(&before).is_signed_in());
}

#[test]
fn the_sign_in_page_redirects_a_signed_in_browser() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    assert_eq!(ada.get("/login").location(), "/dashboard");
    assert_eq!(ada.get("/login?next=/public").location(), "/public");
}

#[test]
fn a_sign_out_elsewhere_is_not_missed_while_the_database_is_unavailable() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let known = only_access(&ada);
    assert!(known.is_signed_in());
    door.sql("ALTER TABLE sessions RENAME TO away");
    door.let_pass(10);
    let at = crate::support::NOON + 10;
    door.sql(&format!("UPDATE away SET ended_at = {at}"));
    door.let_pass(5 * MINUTE);
    let wait_for = |status: u16| {
        wait_until(&status.to_string(), || {
            known.get("/dashboard").status == status
        });
    };
    wait_for(503);
    door.sql("ALTER TABLE away RENAME TO sessions");
    wait_for(303);
}

#[test]
fn a_token_from_when_tokens_lived_longer_lives_as_long_as_todays() {
    let long = Door::with(&[("tokens.access_minutes", "60")]);
    let short = long.another_with(&[("tokens.access_minutes", "1")]);
    let ada = only_access(&long.signed_up("ada"));
    let there = ada.moved_to(&short.local_url());
    long.let_pass(59);
    assert!(there.is_signed_in());
    long.let_pass(1);
    assert!(!there.is_signed_in());
    assert!(ada.is_signed_in());
}

#[test]
fn a_late_response_does_not_end_a_new_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let before = ada.copy();
    ada.sign_out();
    let open = before.get("/public").cookies();
    assert!(
        open.iter()
            .all(|cookie| cookie.starts_with("doorward_form_")),
        "{open:?}"
    );
    assert_eq!(
        before.get("/dashboard").cookies().len(),
        2,
        "where it refuses, they go"
    );
}

/// The address of the session that a sign-in with these headers starts.
fn address_of_sign_in(door: &Door, forwarded: &[&str]) -> String {
    let body = format!("username=ada&password={PASSWORD}");
    let lines = forwarded
        .iter()
        .map(|value| format!("x-forwarded-for: {value}\r\n"));
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: text/html\r\n{}\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        lines.collect::<String>(),
        body.len()
    ));
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "303", "{answer}");
    door.let_pass(1);
    door.lines("SELECT address AS line FROM sessions ORDER BY created_at DESC LIMIT 1")
        .remove(0)
}

#[test]
fn the_address_that_a_trusted_proxy_names_is_read_as_proxies_write_it() {
    let door = Door::with(&[(
        "proxies.trusted",
        "::ffff:127.0.0.1, 10.0.0.0/8, [2001:db8:ffff::5]",
    )]);
    door.signed_up("ada");
    door.let_pass(1);
    for (forwarded, address) in [
        (&["198.51.100.7:44321"][..], "198.51.100.7"),
        (&["[2001:db8::1]:443"], "2001:db8::1"),
        (&["[2001:db8::1]"], "2001:db8::1"),
        (&["2001:db8::1"], "2001:db8::1"),
        (&["\"[2001:db8::1]:443\""], "2001:db8::1"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (
            &["  198.51.100.7  ,  10.1.2.3:80 , ::ffff:10.0.0.9"],
            "198.51.100.7",
        ),
        (&["198.51.100.7,,"], "198.51.100.7"),
        (
            &[
                "192.0.2.66, 198.51.100.7:1",
                "10.0.0.1",
                "[2001:db8:ffff::5]:9",
            ],
            "198.51.100.7",
        ),
        // What a client wrote itself counts for nothing.
        (&["192.0.2.66, 198.51.100.7"], "198.51.100.7"),
        (&["192.0.2.66", "198.51.100.7"], "198.51.100.7"),
        (
            &["192.0.2.66", "\u{e9}\u{e9}, 198.51.100.7"],
            "198.51.100.7",
        ),
        // Without an address, the nearest that is known.
        (&["unknown"], "127.0.0.1"),
        (&["_hidden"], "127.0.0.1"),
        (&["198.51.100.7, _hidden, 10.0.0.1"], "10.0.0.1"),
        (&["192.0.2.66", "\u{e9}"], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(
            address_of_sign_in(&door, forwarded),
            address,
            "{forwarded:?}"
        );
    }
    let open = Door::open();
    open.signed_up("ada");
    open.let_pass(1);
    let told = address_of_sign_in(&open, &["198.51.100.7:44321"]);
    assert_eq!(told, "127.0.0.1", "a proxy that is not trusted");
}
