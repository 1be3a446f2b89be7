//! Messages that tell an owner what happened to the account.

use serde_json::json;

use crate::support::{Browser, Door, PASSWORD, Place, Reply};

const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";
const ADA: &str = "ada@example.com";
const DEVICE: &str = "New sign-in";
const CHANGED: &str = "password at Doorward was changed";

fn letters(door: &Door, subject: &str) -> usize {
    door.wait_for_mail();
    let all = door.letters();
    all.iter()
        .filter(|letter| letter.subject.contains(subject))
        .count()
}

fn signed_in(door: &Door, password: &str) -> Browser {
    let browser = door.browser().with(
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    );
    assert_eq!(browser.sign_in("ada", password).status, 303);
    browser
}

#[test]
fn a_sign_in_from_a_new_device_is_told_once_for_each_device() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    assert_eq!(letters(&door, DEVICE), 0, "the browser that signed up");
    ada.sign_out();
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    assert_eq!(letters(&door, DEVICE), 0, "a known browser");
    let other = signed_in(&door, PASSWORD);
    let letter = door.letter(ADA, DEVICE);
    for words in ["15 Jan 2027", "127.0.0.1", "Firefox on Linux"] {
        assert!(letter.text.contains(words), "{words} in {}", letter.text);
    }
    other.sign_out();
    assert_eq!(other.sign_in("ada", PASSWORD).status, 303);
    assert_eq!(letters(&door, DEVICE), 1, "it is known by now");
    let page = ada.get("/account/activity");
    assert!(
        page.body.contains("Signed in from a new device"),
        "{}",
        page.body
    );
}

#[test]
fn a_new_password_makes_no_device_new_and_is_told() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let other = signed_in(&door, PASSWORD);
    let page = ada.get("/account/password");
    let new = [
        ("Current password", PASSWORD),
        ("New password", NEW_PASSWORD),
    ];
    assert_eq!(ada.submit(&page, "Change password", &new).status, 303);
    assert_eq!(other.sign_in("ada", NEW_PASSWORD).status, 303);
    assert_eq!(letters(&door, CHANGED), 1);
    assert_eq!(
        letters(&door, DEVICE),
        1,
        "that of the other browser, before"
    );
}

#[test]
fn a_program_and_a_refused_sign_in_are_not_told() {
    let door = Door::open();
    door.signed_up("ada");
    let login = serde_json::json!({"username": "ada", "password": PASSWORD});
    assert_eq!(
        door.program(None)
            .send_json("POST", "/api/sessions", &login)
            .status,
        201
    );
    assert_eq!(door.browser().sign_in("ada", NEW_PASSWORD).status, 422);
    assert_eq!(letters(&door, ""), 0);
}

#[test]
fn this_was_not_me_ends_all_sessions_and_starts_recovery() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = signed_in(&door, PASSWORD);
    let letter = door.letter(ADA, DEVICE);
    let visitor = door.browser();
    visitor.head(letter.path(&door));
    assert_eq!(visitor.get(letter.path(&door)).location(), "/not-me");
    assert!(thief.is_signed_in(), "opening a link changes nothing");
    let page = visitor.get("/not-me");
    let done = visitor.submit(&page, "This was not me", &[]);
    assert_eq!((done.status, done.location().as_str()), (303, "/login"));
    assert!(!thief.is_signed_in() && !ada.is_signed_in());
    let reset = door.letter(ADA, "Set a new password");
    assert_eq!(visitor.get(reset.path(&door)).status, 303);
    assert_eq!(visitor.get(letter.path(&door)).status, 410, "it is used up");
    assert_eq!(visitor.get("/not-me").status, 410);
}

#[test]
fn this_was_not_me_sends_nothing_to_an_address_that_a_thief_has_set() {
    let door = Door::open();
    door.signed_up("ada");
    let thief = signed_in(&door, PASSWORD);
    let notice = door.letter(ADA, DEVICE);
    let page = thief.get("/account/email");
    let email = [("Email address", "thief@example.com")];
    assert_eq!(thief.submit(&page, "Save", &email).status, 303);
    let visitor = door.browser();
    visitor.get(notice.path(&door));
    let done = visitor.submit(&visitor.get("/not-me"), "This was not me", &[]);
    let page = visitor.follow(&done);
    assert!(
        page.text(".notice").contains("brings your address back"),
        "{}",
        page.body
    );
    assert!(!thief.is_signed_in());
    assert_eq!(letters(&door, "Set a new password"), 0);
}

#[test]
fn a_change_by_an_administrator_or_a_command_is_told_to_those_with_an_address() {
    let place = Place::new();
    for (name, email) in [("ada", Some(ADA)), ("bob", None)] {
        let mut add = vec!["account", "add", "--username", name];
        add.extend(email.iter().flat_map(|email| ["--email", email]));
        place.tell(&add, PASSWORD).well();
    }
    for name in ["ada", "bob"] {
        place
            .tell(&["account", "password", name], NEW_PASSWORD)
            .well();
        place
            .run(&["account", "role", name, "administrator"])
            .well();
    }
    place.run(&["account", "disable", "ada"]).well();
    place.run(&["account", "enable", "ada"]).well();
    let told = "SELECT count(*) AS n FROM mail_messages WHERE kind = 'notice' AND recipient = 'ada@example.com'";
    assert_eq!(place.number(told), 4);
    assert_eq!(place.number("SELECT count(*) AS n FROM mail_messages"), 4);
    assert_eq!(
        place.number("SELECT count(*) AS n FROM one_time_tokens WHERE purpose = 'not_me'"),
        3
    );
}

/// Where nothing slows repeated requests for links down.
fn unlimited() -> Door {
    Door::with(&[
        ("sign_in.by_mail", "true"),
        ("limits.mail_recipient", "off"),
        ("limits.mail_address", "off"),
        ("proxies.trusted", "127.0.0.1"),
    ])
}

fn open_notice(browser: &Browser, door: &Door, subject: &str) -> Reply {
    let letter = door.letter(ADA, subject);
    let opened = browser.get(letter.path(door));
    assert_eq!(
        (opened.status, opened.location().as_str()),
        (303, "/not-me")
    );
    browser.get("/not-me")
}

fn report(browser: &Browser, page: &Reply) -> Reply {
    browser.submit(page, "This was not me", &[])
}

#[test]
fn the_sign_in_after_a_reset_in_the_same_browser_is_not_told() {
    let door = Door::open();
    door.signed_up("ada");
    let visitor = door.browser();
    let page = visitor.get("/forgot");
    visitor.submit(&page, "Send the link", &[("Email address", ADA)]);
    visitor.get(door.letter(ADA, "Set a new password").path(&door));
    let page = visitor.get("/reset");
    let new = [("New password", NEW_PASSWORD)];
    assert_eq!(visitor.submit(&page, "Set password", &new).status, 303);
    assert_eq!(letters(&door, CHANGED), 1);
    assert_eq!(visitor.sign_in("ada", NEW_PASSWORD).status, 303);
    assert_eq!(letters(&door, DEVICE), 0);
    signed_in(&door, NEW_PASSWORD);
    assert_eq!(letters(&door, DEVICE), 1);
}

#[test]
fn a_device_is_known_for_one_account_and_by_mail_too() {
    let door = unlimited();
    door.signed_up("ada");
    let bobs = door.signed_up("bob");
    bobs.sign_out();
    let page = bobs.get("/login/link");
    bobs.submit(&page, "Send the link", &[("Email address", ADA)]);
    bobs.get(door.letter(ADA, "Sign in to").path(&door));
    let page = bobs.get("/login/link/open");
    assert_eq!(bobs.submit(&page, "Sign in as ada", &[]).status, 303);
    assert_eq!(letters(&door, DEVICE), 1);
    for name in ["ada", "bob"] {
        bobs.sign_out();
        assert_eq!(bobs.sign_in(name, PASSWORD).status, 303);
    }
    assert_eq!(letters(&door, DEVICE), 1);
    let thief = door.browser();
    thief.set_cookie("doorward_device", &"A".repeat(64));
    thief.sign_in("bob", PASSWORD);
    door.letter("bob@example.com", DEVICE);
}

#[test]
fn a_session_by_a_link_in_another_browser_is_told() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    ada.sign_out();
    let page = ada.get("/login?deliver=link");
    let fields = [("Username or email address", "ada"), ("Password", PASSWORD)];
    let link = ada.submit(&page, "Sign in", &fields).location();
    assert_eq!(letters(&door, DEVICE), 0);
    let other = door.browser();
    let page = other.get(&link);
    assert_eq!(other.submit(&page, "Continue signed in", &[]).status, 303);
    assert_eq!(letters(&door, DEVICE), 1);
}

#[test]
fn an_administrator_stays_unnamed_in_a_notice() {
    let door = unlimited();
    door.signed_up("ada");
    let root = door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    root.sign_out();
    let root = root.with("x-forwarded-for", "203.0.113.9");
    root.sign_in("root", PASSWORD);
    let api = door
        .program(Some(&root.access()))
        .with("x-forwarded-for", "203.0.113.9");
    let found = api.get("/api/accounts?q=ada").json();
    let path = format!(
        "/api/accounts/{}",
        found["items"][0]["id"].as_str().unwrap()
    );
    for change in [
        json!({"state": "disabled"}),
        json!({"state": "active"}),
        json!({"role": "administrator", "groups": ["ops"], "name": "Ada"}),
    ] {
        assert_eq!(api.send_json("PATCH", &path, &change).status, 200);
    }
    for (subject, words) in [
        ("was disabled", "Nobody can sign in"),
        ("was enabled", "You can sign in"),
        ("Your role at", "administrator"),
    ] {
        letters(&door, subject);
        let letter = door.letter(ADA, subject);
        assert!(letter.text.contains(words), "{}", letter.text);
        assert!(
            letter.text.contains("By: an administrator"),
            "{}",
            letter.text
        );
        assert!(!letter.raw.contains("203.0.113.9"), "{}", letter.raw);
        assert_eq!(letter.text.contains("/not-me"), subject != "was disabled");
    }
}

#[test]
fn a_link_of_this_was_not_me_outlives_others_and_a_new_password_for_seven_days() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = signed_in(&door, PASSWORD);
    letters(&door, DEVICE);
    let page = thief.get("/account/password");
    let new = [
        ("Current password", PASSWORD),
        ("New password", NEW_PASSWORD),
    ];
    assert_eq!(thief.submit(&page, "Change password", &new).status, 303);
    let page = open_notice(&ada, &door, DEVICE);
    assert_eq!(report(&ada, &page).status, 303);
    assert!(!thief.is_signed_in());
    door.let_pass(7 * 86_400 - 1);
    let page = open_notice(&ada, &door, CHANGED);
    door.let_pass(1);
    assert_eq!(report(&ada, &page).status, 410);
}

#[test]
fn of_fifty_reports_by_one_link_one_succeeds() {
    let door = Door::open();
    door.signed_up("ada");
    signed_in(&door, PASSWORD);
    let visitor = door.browser();
    let page = open_notice(&visitor, &door, DEVICE);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..50)
            .map(|_| {
                let (visitor, page) = (visitor.copy(), &page);
                scope.spawn(move || report(&visitor, page).status)
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [303, 410].contains(status)));
}

#[test]
fn a_changed_foreign_or_orphaned_link_of_this_was_not_me_is_refused() {
    let door = Door::with(&[("sign_in.by_mail", "true")]);
    let ada = door.signed_up("ada");
    signed_in(&door, PASSWORD);
    let letter = door.letter(ADA, DEVICE);
    let path = letter.path(&door);
    let token = path.split_once('=').unwrap().1;
    let visitor = door.browser();
    let none = visitor.get("/not-me");
    assert_eq!(none.status, 410);
    assert!(
        none.text("main").contains("keeps no cookies"),
        "{}",
        none.body
    );
    for bad in [&token[1..], &token.to_lowercase(), "", "nonsense"] {
        assert_eq!(visitor.get(&format!("/not-me?token={bad}")).status, 410);
    }
    assert_eq!(visitor.get(&format!("{path}&token={token}")).status, 400);
    assert_eq!(visitor.post(path, &[]).status, 400);
    for other in ["/reset", "/login/link", "/first-administrator"] {
        assert_eq!(visitor.get(&format!("{other}?token={token}")).status, 410);
    }
    let page = open_notice(&visitor, &door, DEVICE);
    let foreign = visitor.with("sec-fetch-site", "cross-site");
    assert_eq!(foreign.post("/not-me", &[]).status, 403);
    door.sql("UPDATE accounts SET disabled_at = 1");
    assert_eq!(report(&visitor, &page).status, 410);
    door.sql("UPDATE accounts SET disabled_at = NULL");
    assert!(ada.is_signed_in());
    let page = ada.get("/account/delete");
    assert_eq!(ada.submit(&page, "Delete my account", &[]).status, 303);
    assert_eq!(visitor.get(path).status, 410);
    assert_eq!(visitor.get("/not-me").status, 410);
}

#[test]
fn what_a_client_says_of_itself_reaches_no_notice() {
    let door = Door::open();
    door.signed_up("ada");
    let odd = door
        .browser()
        .with("user-agent", "<b>evil\tFirefox/1</b> Windows")
        .with("x-forwarded-host", "evil.example")
        .with("forwarded", "host=evil.example");
    odd.sign_in("ada", PASSWORD);
    let letter = door.letter(ADA, DEVICE);
    let device = "Device: Firefox on Windows";
    assert!(letter.text.contains(device), "{}", letter.text);
    assert!(!letter.raw.contains("evil"), "{}", letter.raw);
}

#[test]
fn the_old_password_ends_with_a_report() {
    let door = unlimited();
    door.signed_up("ada");
    door.let_pass(2 * 86_400);
    let thief = signed_in(&door, PASSWORD);
    let owner = door.browser();
    let page = open_notice(&owner, &door, "New sign-in");
    report(&owner, &page);
    assert!(!thief.is_signed_in());
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 422);
    door.letter("ada@example.com", "Set a new password");
}

#[test]
fn new_devices_of_one_account_send_ten_messages_an_hour_at_most() {
    let door = unlimited();
    door.signed_up("ada");
    door.let_pass(2 * 86_400);
    for _ in 0..13 {
        signed_in(&door, PASSWORD);
    }
    door.wait_for_mail();
    assert_eq!(letters(&door, "New sign-in"), 10);
    // A new password is told nevertheless.
    let ada = signed_in(&door, PASSWORD);
    let page = ada.get("/account/password");
    let fields = [
        ("Current password", PASSWORD),
        ("New password", "a quite new passphrase 7"),
    ];
    assert_eq!(ada.submit(&page, "Change password", &fields).status, 303);
    door.wait_for_mail();
    assert_eq!(letters(&door, "Your password"), 1);
    door.let_pass(3601);
    signed_in(&door, "a quite new passphrase 7");
    door.wait_for_mail();
    assert_eq!(letters(&door, "New sign-in"), 11);
}
