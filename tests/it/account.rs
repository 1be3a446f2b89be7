//! Somebody's own account: where they are signed in, the password, and leaving.

use crate::support::{Browser, Door, PASSWORD, Reply};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";

fn signed_in(door: &Door, agent: &str) -> Browser {
    let browser = door.browser().with("user-agent", agent);
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
    browser
}

/// The rows of the page, as text.
fn rows(page: &Reply) -> Vec<String> {
    let text = page.text("tbody tr");
    text.lines().map(str::to_owned).collect()
}

fn change_password(browser: &Browser, current: &str, new: &str) -> Reply {
    let page = browser.get("/account/password");
    let fields = [("Current password", current), ("New password", new)];
    browser.submit(&page, "Change password", &fields)
}

#[test]
fn the_account_page_says_who_one_is_and_leads_to_what_can_be_changed() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/account");
    assert_eq!(page.heading(), "Your account");
    for words in ["ada", "ada@example.com", "member"] {
        assert!(page.text("dl").contains(words), "{words}");
    }
    for part in ["password", "sessions", "delete"] {
        let selector = format!("main a[href='/account/{part}']");
        assert!(page.attribute(&selector, "href").is_some(), "{part}");
    }
}

#[test]
fn every_device_is_listed_with_where_from_since_when_and_last_seen() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(MINUTE);
    let phone = signed_in(&door, "Mozilla/5.0 (iPhone) Safari/604");
    door.signed_up("bob");
    let page = ada.get("/account/sessions");
    let listed = rows(&page);
    assert_eq!(listed.len(), 2, "nobody else's: {listed:?}");
    assert!(
        listed[0].starts_with("Safari on iPhone 127.0.0.1"),
        "{listed:?}"
    );
    assert!(listed[0].contains("15 Jan 2027, 08:01 UTC"), "{listed:?}");
    assert!(listed[1].contains("This device") && !listed[0].contains("This device"));
    assert!(rows(&phone.get("/account/sessions"))[0].contains("This device"));
}

#[test]
fn the_last_seen_time_is_written_at_most_once_an_hour() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let seen = || {
        let page = ada.copy().get("/account/sessions");
        page.attribute("tbody td:nth-of-type(2) time", "datetime")
            .unwrap()
    };
    let first = seen();
    for _ in 0..3 {
        door.let_pass(15 * MINUTE);
        assert!(ada.is_signed_in());
        assert_eq!(seen(), first);
    }
    door.let_pass(15 * MINUTE);
    assert!(ada.is_signed_in());
    assert_ne!(seen(), first);
}

#[test]
fn one_device_is_signed_out_through_a_page_that_names_it() {
    let door = Door::open();
    door.signed_up("ada");
    let here = signed_in(&door, "Mozilla/5.0 (X11; Linux) Firefox/130.0");
    door.let_pass(1);
    let lost = signed_in(&door, "Mozilla/5.0 (iPhone) Safari/604");
    let page = here.get("/account/sessions");
    let link = page.attribute("tbody tr:first-child a", "href").unwrap();
    let ask = here.get(&link);
    assert_eq!(ask.heading(), "Sign out this device");
    assert!(ask.text("dl").contains("Safari on iPhone"));
    assert!(lost.is_signed_in(), "looking ends nothing");
    let done = here.submit(&ask, "Sign out this device", &[]);
    assert_eq!(
        here.follow(&done).text(".notice"),
        "The device is signed out."
    );
    assert!(!lost.is_signed_in());
    assert!(here.is_signed_in());
    assert_eq!(here.get(&link).status, 404, "it is no session any more");
}

#[test]
fn signing_out_this_device_from_the_list_signs_out_without_the_password() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(11 * MINUTE);
    let page = ada.get("/account/sessions");
    assert_eq!(page.attribute("tbody a", "href"), None);
    let done = ada.submit(&page, "Sign out this device", &[]);
    assert_eq!(done.location(), "/");
    assert!(!ada.is_signed_in());
    assert_eq!(ada.cookie("doorward_refresh"), None);
}

#[test]
fn other_sessions_end_with_the_password_and_a_stolen_one_cannot_end_them() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let lost = signed_in(&door, "Mozilla/5.0 (iPhone) Safari/604");
    let program = door.program(Some(&ada.access()));
    let sessions = program.get("/api/sessions").json();
    let items = sessions["items"].as_array().unwrap();
    let other = items.iter().find(|item| item["current"] == false).unwrap();
    let other = other["id"].as_str().unwrap().to_owned();
    let open = ada.get("/account/sessions/others");
    door.let_pass(10 * MINUTE);
    for path in ["others", &other] {
        let path = format!("/account/sessions/{path}");
        let verify = format!("/account/verify?next={path}");
        assert_eq!(ada.get(&path).location(), verify);
        assert_eq!(ada.post_own(&path, &[]).location(), verify);
    }
    let program = door.program(Some(&ada.access()));
    for path in [
        "/api/sessions".to_owned(),
        "/api/sessions?except=current".to_owned(),
        format!("/api/sessions/{other}"),
    ] {
        let refused = program.with_method("DELETE", &path);
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.json()["error"], "not_recent", "{path}");
    }
    assert!(lost.is_signed_in());

    // A form that was open: the password, then the same page again.
    let asked = ada.submit(&open, "Sign out everywhere else", &[]);
    let page = ada.follow(&asked);
    let right = ada.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(right.location(), "/account/sessions/others");
    let again = ada.follow(&right);
    ada.submit(&again, "Sign out everywhere else", &[]);
    assert!(!lost.is_signed_in() && ada.is_signed_in());

    door.let_pass(10 * MINUTE);
    let program = door.program(Some(&ada.access()));
    let end = program.with_method("DELETE", "/api/sessions/current");
    assert_eq!(end.status, 204, "signing out needs no password");
}

#[test]
fn signing_out_everywhere_else_keeps_this_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let others: Vec<_> = (0..3).map(|_| signed_in(&door, "curl/8")).collect();
    let bob = door.signed_up("bob");
    let ask = ada.get("/account/sessions/others");
    ada.submit(&ask, "Sign out everywhere else", &[]);
    assert!(others.iter().all(|other| !other.is_signed_in()));
    assert!(ada.is_signed_in() && bob.is_signed_in());
    assert_eq!(rows(&ada.get("/account/sessions")).len(), 1);
}

#[test]
fn another_accounts_session_cannot_be_found_or_ended() {
    let door = Door::open();
    let (ada, bob) = (door.signed_up("ada"), door.signed_up("bob"));
    signed_in(&door, "curl/8");
    let page = ada.get("/account/sessions");
    let link = page.attribute("tbody a", "href").unwrap();
    assert_eq!(bob.get(&link).status, 404);
    assert_eq!(bob.post_own(&link, &[]).status, 404);
    let id = link.rsplit('/').next().unwrap();
    let api = format!("/api/sessions/{id}");
    let program = door.program(Some(&bob.access()));
    assert_eq!(program.get(&api).status, 404);
    assert_eq!(program.with_method("DELETE", &api).status, 404);
    assert!(ada.is_signed_in());
}

#[test]
fn many_sessions_are_listed_page_by_page() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    for _ in 0..60 {
        door.program(None)
            .post("/login", &[("username", "ada"), ("password", PASSWORD)]);
    }
    let first = ada.get("/account/sessions");
    let older = first.attribute("main a[href*='after=']", "href").unwrap();
    let second = ada.get(&older);
    assert_eq!((rows(&first).len(), rows(&second).len()), (50, 11));
    assert!(second.attribute("main a[href*='after=']", "href").is_none());
    assert_eq!(ada.get("/account/sessions?after=nonsense").status, 404);
}

#[test]
fn a_token_that_was_used_twice_is_told_of_on_the_sessions_page() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = ada.copy();
    door.let_pass(16 * MINUTE);
    assert!(ada.is_signed_in());
    door.let_pass(16 * MINUTE);
    assert!(!thief.is_signed_in());
    let again = signed_in(&door, "curl/8");
    let note = again.get("/account/sessions").text(".note");
    assert!(
        note.starts_with("On 15 Jan 2027, 08:32 UTC a session was ended"),
        "{note}"
    );
}

#[test]
fn the_password_is_changed_with_the_current_one_and_signs_out_everywhere_else() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let other = signed_in(&door, "curl/8");
    let link = other.post(
        "/login",
        &[
            ("username", "ada"),
            ("password", PASSWORD),
            ("deliver", "link"),
        ],
    );
    let before = ada.copy();
    let done = change_password(&ada, PASSWORD, NEW_PASSWORD);
    let words = "Your password is changed. You are signed out everywhere else.";
    assert_eq!(ada.follow(&done).text(".notice"), words);
    assert!(ada.is_signed_in() && !other.is_signed_in());
    assert_ne!(
        before.cookie("doorward_refresh"),
        ada.cookie("doorward_refresh")
    );
    let ended = door.browser().get(&link.location());
    assert_eq!(ended.heading(), "This link no longer works");

    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 422);
    assert_eq!(door.browser().sign_in("ada", NEW_PASSWORD).status, 303);
}

#[test]
fn copied_cookies_stop_working_when_the_password_changes() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let (access, refresh) = (ada.copy(), ada.copy());
    access.drop_cookie("doorward_refresh");
    refresh.drop_cookie("doorward_access");
    change_password(&ada, PASSWORD, NEW_PASSWORD);
    assert!(ada.is_signed_in());
    assert!(!access.is_signed_in(), "at once");
    assert!(!refresh.is_signed_in(), "without any grace");
    assert!(ada.is_signed_in(), "and that ends nothing of the owner's");
}

#[test]
fn copied_cookies_stop_working_when_the_password_is_given_again() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(11 * MINUTE);
    let thief = ada.copy();
    let page = ada.get("/account/verify");
    ada.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(ada.get("/account/delete").status, 200);
    thief.drop_cookie("doorward_access");
    assert_ne!(thief.get("/account/delete").status, 200);
    assert!(!thief.is_signed_in());
}

#[test]
fn of_two_changes_of_a_password_at_once_one_is_made_and_the_other_told() {
    let door = Door::open();
    door.signed_up("ada");
    for round in 0..5 {
        let current = match round {
            0 => PASSWORD.to_owned(),
            _ => format!("canary-gravel-mitten-{}", round - 1),
        };
        let new = format!("canary-gravel-mitten-{round}");
        let other = format!("canary-otter-violin-{round}");
        let both = [door.browser(), door.browser()];
        for browser in &both {
            assert_eq!(browser.sign_in("ada", &current).status, 303);
        }
        let wanted = [new.clone(), other.clone()];
        let replies: Vec<bool> = std::thread::scope(|scope| {
            let running: Vec<_> = both
                .into_iter()
                .zip(&wanted)
                .map(|(browser, wanted)| {
                    // Fetched before the race: the one who loses it is signed out.
                    let token = browser.get("/account/password").value_of("form_token");
                    let fields = [
                        ("current", current.clone()),
                        ("new", wanted.clone()),
                        ("form_token", token),
                    ];
                    scope.spawn(move || {
                        let fields = fields.each_ref().map(|(k, v)| (*k, v.as_str()));
                        let reply = browser.post("/account/password", &fields);
                        reply.status == 303 && !reply.location().starts_with("/login")
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let works = wanted
            .each_ref()
            .map(|password| door.browser().sign_in("ada", password).status == 303);
        assert_eq!(replies, works, "round {round}");
        assert_eq!(works.iter().filter(|works| **works).count(), 1);
        if works[1] {
            let last = door.browser();
            last.sign_in("ada", &other);
            assert_eq!(change_password(&last, &other, &new).status, 303);
        }
    }
}

#[test]
fn the_oldest_of_too_many_sessions_gives_way() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let start = crate::support::NOON - 1000;
    let rows: Vec<_> = (0..200)
        .map(|n| {
            format!(
                "('00000000-0000-4000-8000-{n:012}', (SELECT id FROM accounts), {}, {1}, {1}, \
                 {true_}, 'x', 'x', {seed}, 0, 0)",
                start + n,
                start + 90 * 86_400,
                true_ = if door.database_url().is_some() {
                    "TRUE"
                } else {
                    "1"
                },
                seed = if door.database_url().is_some() {
                    format!("decode('{}', 'hex')", "00".repeat(32))
                } else {
                    format!("x'{}'", "00".repeat(32))
                },
            )
        })
        .collect();
    door.sql(&format!(
        "INSERT INTO sessions (id, account_id, created_at, idle_ends_at, ends_at, stay_signed_in, \
         address, user_agent, refresh_seed, generation, rotated_at) VALUES {}",
        rows.join(",")
    ));
    let newest = signed_in(&door, "curl/8");
    let listed = |from: &str| newest.get(from).text("tbody tr").lines().count();
    let mut shown = 0;
    let mut next = Some("/account/sessions".to_owned());
    while let Some(path) = next {
        shown += listed(&path);
        next = newest
            .get(&path)
            .attribute("main a[href*='after=']", "href");
    }
    assert_eq!(shown, 200);
    assert!(ada.is_signed_in(), "those were older");
    // What has run out does not count, also where nobody has ended it.
    door.sql(&format!(
        "UPDATE sessions SET created_at = {}, ends_at = {start} WHERE id LIKE '00000000-%'",
        crate::support::NOON + 1,
    ));
    let again = signed_in(&door, "curl/8");
    for one in [ada, newest, again] {
        assert!(one.is_signed_in());
    }
}

#[test]
fn a_programs_sign_ins_end_no_session_of_a_browser() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let body = serde_json::json!({"username": "ada", "password": PASSWORD});
    let program = door.program(None);
    let sign_in = || {
        let reply = program.send_json("POST", "/api/sessions", &body);
        assert_eq!(reply.status, 201, "{}", reply.body);
        door.program(reply.json()["access_token"].as_str())
    };
    let first = sign_in();
    // Each is the newest of its second.
    let second = {
        door.let_pass(1);
        sign_in()
    };
    door.let_pass(1);
    for _ in 0..198 {
        sign_in();
    }
    assert_eq!(first.get("/api/me").status, 200);
    // The tutorials' clients are programs, with cookies or not.
    assert_eq!(program.send_json("POST", "/auth", &body).status, 200);
    assert_eq!(first.get("/api/me").status, 401, "the oldest gives way");
    assert_eq!(second.get("/api/me").status, 200);
    let form = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(door.program(None).post("/login", &form).status, 200);
    assert_eq!(second.get("/api/me").status, 401);
    assert!(ada.is_signed_in());
}

#[test]
fn a_password_that_will_not_do_changes_nothing() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let errors = |current, new| {
        let reply = change_password(&ada, current, new);
        assert_eq!(reply.status, 422);
        assert_eq!(reply.title(), "Error: Change your password – Doorward");
        assert!(!reply.body.contains("canary"), "nothing typed comes back");
        reply.errors()
    };
    let one = |id: &str, words: &str| vec![(id.to_owned(), words.to_owned())];
    // What was good is empty again, too, and says so.
    for (current, new, emptied) in [
        ("canary-wrong", NEW_PASSWORD, "new"),
        (PASSWORD, "short", "current"),
    ] {
        let reply = change_password(&ada, current, new);
        let again = reply.text(&format!("#{emptied}-hint"));
        assert!(again.starts_with("Enter your password again"), "{again}");
        assert_eq!(reply.body.matches("Enter your password again").count(), 1);
    }
    assert_eq!(
        errors("canary-wrong", NEW_PASSWORD),
        one("current", "This is not your current password")
    );
    assert_eq!(
        errors("", NEW_PASSWORD),
        one("current", "Enter your current password")
    );
    assert_eq!(errors(PASSWORD, ""), one("new", "Enter a password"));
    assert_eq!(errors("", "").len(), 2);
    assert!(
        errors(PASSWORD, "password1234")[0]
            .1
            .contains("easy to guess")
    );
    assert!(
        errors(PASSWORD, "ada@example.com")[0]
            .1
            .contains("easy to guess")
    );
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
}

#[test]
fn sensitive_actions_ask_for_the_password_after_ten_minutes_and_not_before() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(10 * MINUTE - 1);
    assert_eq!(ada.get("/account/delete").status, 200);
    door.let_pass(1);
    let asked = ada.get("/account/delete");
    assert_eq!(asked.location(), "/account/verify?next=/account/delete");
    // A form that was left open does nothing, and leads to the same place.
    let posted = ada.post_own("/account/delete", &[]);
    assert_eq!(posted.location(), "/account/verify?next=/account/delete");

    let page = ada.follow(&asked);
    assert_eq!(page.heading(), "Enter your password again");
    assert_eq!(page.value("Signed in as"), "ada");
    let wrong = ada.submit(&page, "Confirm", &[("Password", "canary-wrong")]);
    assert_eq!(wrong.errors()[0].1, "This is not your password");
    assert_eq!(ada.get("/account/delete").status, 303, "still");
    let right = ada.submit(&wrong, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(right.location(), "/account/delete");
    assert_eq!(ada.follow(&right).heading(), "Delete your account");
    assert_eq!(
        ada.get("/account/verify").location(),
        "/account",
        "once is enough"
    );
}

#[test]
fn giving_the_password_again_does_not_shorten_a_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let ends = |browser: &Browser| {
        let program = door.program(Some(&browser.access()));
        let sessions = program.get("/api/sessions").json();
        (
            sessions["items"][0]["id"].clone(),
            sessions["items"][0]["ends_at"].clone(),
        )
    };
    let before = ends(&ada);
    door.let_pass(11 * MINUTE);
    let page = ada.get("/account/verify");
    ada.submit(&page, "Confirm", &[("Password", PASSWORD)]);
    assert_eq!(ends(&ada), before);
    // Only who proved it is trusted more, not every holder of an older token.
    door.let_pass(10 * MINUTE);
    assert_eq!(ada.get("/account/delete").status, 303);
}

#[test]
fn a_program_is_told_that_the_password_has_to_be_given_again() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(11 * MINUTE);
    let body = r#"{"path": "/dashboard"}"#;
    let program = door.program(Some(&ada.access()));
    let refused = program.post_body("/api/links", "application/json", body);
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (401, Some("not_recent"))
    );
    let challenge =
        "Bearer realm=\"Doorward\", error=\"insufficient_user_authentication\", max_age=600";
    assert_eq!(refused.header("www-authenticate"), Some(challenge));
}

#[test]
fn an_account_is_deleted_with_all_its_sessions_and_its_names_are_free() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let other = signed_in(&door, "curl/8");
    let page = ada.get("/account/delete");
    assert!(page.text("dl").contains("ada@example.com"));
    let done = ada.submit(&page, "Delete my account", &[]);
    assert_eq!(
        ada.follow(&done).text(".notice"),
        "Your account is deleted."
    );
    assert!(!ada.is_signed_in() && !other.is_signed_in());
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 422);
    assert!(door.signed_up("ada").is_signed_in(), "the names are free");
    assert!(
        !other.is_signed_in(),
        "and nobody's old session is the new account's"
    );
}

#[test]
fn the_last_administrator_cannot_leave() {
    let door = Door::open();
    let root = door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let page = root.get("/account/delete");
    let refused = root.submit(&page, "Delete my account", &[]);
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (409, "You are the last administrator")
    );
    assert!(root.is_signed_in());
}

#[test]
fn a_form_from_elsewhere_changes_no_account() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let evil = ada.with("sec-fetch-site", "cross-site");
    let fields = [
        ("current", PASSWORD),
        ("new", NEW_PASSWORD),
        ("password", PASSWORD),
    ];
    for path in [
        "/account/password",
        "/account/delete",
        "/account/verify",
        "/account/sessions/others",
        "/login/continue",
    ] {
        assert_eq!(evil.post(path, &fields).status, 403, "{path}");
    }
    // And where the browser does not say where it is, the API takes no cookie's word.
    let old = Browser::sending(&door.local_url(), &[("accept", "*/*")]);
    old.set_cookie("doorward_access", &ada.access());
    for (method, path) in [
        ("DELETE", "/api/sessions"),
        ("DELETE", "/api/sessions/current"),
    ] {
        assert_eq!(old.with_method(method, path).status, 403, "{path}");
    }
    let body = r#"{"path": "/dashboard"}"#;
    assert_eq!(
        old.post_body("/api/links", "application/json", body).status,
        403
    );
    assert!(ada.is_signed_in());
}

#[test]
fn a_long_visit_is_never_met_by_an_expired_page() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/account/password");
    door.let_pass(11 * HOUR);
    let fields = [
        ("Current password", PASSWORD),
        ("New password", NEW_PASSWORD),
    ];
    let done = ada.submit(&page, "Change password", &fields);
    assert_eq!(done.location(), "/account", "the form is not lost");
}
