//! Messages that tell an owner what happened to the account.

use crate::support::{Browser, Door, PASSWORD, Place};

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
    for words in ["15 January 2027", "127.0.0.1", "Firefox on Linux"] {
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
