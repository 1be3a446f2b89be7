//! From signing up to signing out, as people go.

use thirtyfour::Key;

use super::window::Chromium;
use crate::support::{Door, PASSWORD};

#[test]
fn a_person_signs_up_out_and_in_and_gets_to_the_requested_page() {
    let door = Door::open();
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/signup");
    assert!(chromium.shows("button", "Show"));
    chromium.fill("Password", PASSWORD);
    chromium.click("button", "Show");
    assert_eq!(chromium.attribute("Password", "type").unwrap(), "text");
    there_and_back(&chromium);
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn the_same_works_with_javascript_switched_off() {
    let door = Door::open();
    let Some(chromium) = Chromium::without_scripts(&door.url) else {
        return;
    };
    chromium.open("/signup");
    assert!(chromium.source().contains("<script src="));
    assert!(!chromium.shows("button", "Show"), "scripts run");
    there_and_back(&chromium);
}

#[test]
fn times_are_in_the_time_zone_of_the_reader() {
    let door = Door::open();
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/signup");
    there_and_back(&chromium);
    chromium.open("/account/sessions");
    let started = || chromium.text("td[data-label='Signed in'] time");
    let in_utc = chromium.evaluate("return document.querySelector('time').title");
    assert_eq!(in_utc, "15 Jan 2027, 08:00 UTC");
    let zone = serde_json::json!({ "timezoneId": "Asia/Tokyo" });
    chromium.devtools("Emulation.setTimezoneOverride", zone);
    chromium.reload();
    assert_eq!(started(), "15 Jan 2027, 17:00 GMT+9");
    assert_eq!(chromium.complaints(), [""; 0]);
}

/// From the empty page for signing up, by mouse and keyboard.
fn there_and_back(chromium: &Chromium) {
    chromium.fill_all(&[
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Name (optional)", "Ada Lovelace"),
        ("Password", PASSWORD),
    ]);
    chromium.press("Create account");
    assert_eq!(chromium.path(), "/dashboard");
    assert_eq!(chromium.heading(), "Hello, Ada Lovelace");

    chromium.press("Sign out");
    assert_eq!(chromium.path(), "/");
    assert_eq!(chromium.text(".notice"), "You are signed out.");

    chromium.open("/dashboard?from=afar");
    assert_eq!(chromium.heading(), "Sign in");
    chromium.fill("Username or email address", "ada");
    chromium.fill("Password", PASSWORD);
    chromium.tick("Stay signed in");
    chromium.press("Sign in");
    assert_eq!(chromium.path(), "/dashboard?from=afar");
    assert_eq!(chromium.heading(), "Hello, Ada Lovelace");
}

#[test]
fn the_keyboard_alone_is_enough() {
    let door = Door::open();
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/signup");
    assert_eq!(
        stops(&chromium),
        [
            "Skip to the content",
            "Doorward",
            "Sign in",
            "Username",
            "Email address",
            "Name (optional)",
            "Password",
            "Show password",
            "Create account",
            "Sign in",
            "API",
        ]
    );

    chromium.open("/signup");
    tab_to(&chromium, "Create account");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    assert_eq!(chromium.focus(), "There is a problem");
    tab_to(&chromium, "Enter an email address");
    chromium.strike(Key::Enter);
    assert_eq!(chromium.focus(), "Email address");
    chromium.strike("ada@example.com");
    tab_to(&chromium, "Password");
    chromium.strike(PASSWORD);
    tab_to(&chromium, "Show password");
    chromium.strike(Key::Space);
    assert_eq!(chromium.attribute("Password", "type").unwrap(), "text");
    // Round the page, by its end.
    tab_to(&chromium, "Username");
    chromium.strike("ada");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    assert_eq!(chromium.heading(), "Hello, ada");

    assert_eq!(
        stops(&chromium),
        [
            "Skip to the content",
            "Doorward",
            "Dashboard",
            "Work",
            "Files",
            "Account",
            "Sign out",
            "Work",
            "Files",
            "Devices",
            "Activity",
            "Your session and token, for developers",
            "API",
        ]
    );
    tab_to(&chromium, "Sign out");
    chromium.turn_page(|| chromium.strike(Key::Space));
    assert_eq!(chromium.text(".notice"), "You are signed out.");

    tab_to(&chromium, "Sign in");
    chromium.turn_page(|| chromium.strike(Key::Enter));
    tab_to(&chromium, "Username or email address");
    chromium.strike("ada");
    tab_to(&chromium, "Password");
    chromium.strike(PASSWORD);
    tab_to(&chromium, "Stay signed in");
    chromium.strike(Key::Space);
    chromium.turn_page(|| chromium.strike(Key::Enter));
    assert_eq!(chromium.heading(), "Hello, ada");
}

/// What Tab stops at, in its order, from the start of the page to its end.
fn stops(chromium: &Chromium) -> Vec<String> {
    let next = || {
        chromium.strike(Key::Tab);
        Some(chromium.focus()).filter(|words| !words.is_empty())
    };
    std::iter::from_fn(next).take(50).collect()
}

pub fn tab_to(chromium: &Chromium, words: &str) {
    for _ in 0..20 {
        chromium.strike(Key::Tab);
        if chromium.focus() == words {
            return;
        }
    }
    panic!("Tab never comes to {words:?}");
}

#[test]
fn a_link_opens_the_dashboard_for_a_while_and_starts_no_session() {
    let door = Door::open();
    door.signed_up("ada");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login?deliver=link");
    sign_in(&chromium);
    assert!(
        chromium.path().starts_with("/dashboard?token=ey"),
        "{}",
        chromium.path()
    );
    assert_eq!(chromium.heading(), "Hello, ada");
    let cookies = chromium.cookies();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(cookies[0].starts_with("doorward_form_"), "{cookies:?}");
    chromium.open("/dashboard");
    assert_eq!(chromium.heading(), "Sign in");

    chromium.back();
    chromium.follow("Sign in");
    assert_eq!(
        chromium.evaluate("return document.referrer"),
        "",
        "the token is told on"
    );

    chromium.back();
    door.let_pass(149);
    chromium.reload();
    assert_eq!(chromium.heading(), "Hello, ada");
    door.let_pass(1);
    chromium.reload();
    assert_eq!(chromium.heading(), "This link no longer works");
    chromium.follow("Sign in");
    sign_in(&chromium);
    assert_eq!(chromium.path(), "/dashboard");
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn a_visit_after_the_access_token_has_expired_continues_the_session() {
    let door = Door::open();
    door.signed_up("ada");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login");
    sign_in(&chromium);
    door.let_pass(16 * 60);
    chromium.open("/dashboard");
    assert_eq!(chromium.heading(), "Hello, ada");

    door.let_pass(16 * 60);
    chromium.press("Sign out");
    assert_eq!(chromium.text(".notice"), "You are signed out.");
    chromium.open("/dashboard");
    assert_eq!(chromium.heading(), "Sign in");
}

#[test]
fn going_back_after_signing_out_shows_nothing() {
    let door = Door::open();
    door.signed_up("ada");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login");
    sign_in(&chromium);
    chromium.press("Sign out");
    chromium.back();
    assert_eq!(chromium.path(), "/login?next=/dashboard");
    assert_eq!(chromium.heading(), "Sign in");
}

pub fn sign_in(chromium: &Chromium) {
    chromium.fill("Username or email address", "ada");
    chromium.fill("Password", PASSWORD);
    chromium.press("Sign in");
}

#[test]
fn a_link_signs_in_once_on_a_button_and_leaves_no_token_in_the_address() {
    let door = Door::open();
    door.signed_up("ada");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login?deliver=link");
    sign_in(&chromium);
    let link = chromium.path();
    chromium.press("Continue signed in");
    assert_eq!(chromium.path(), "/dashboard");
    assert_eq!(chromium.heading(), "Hello, ada");
    chromium.open(&link);
    assert_eq!(chromium.heading(), "This link no longer works");
    chromium.open("/account/sessions");
    assert!(chromium.text("tbody").contains("Chrome on Linux"));
}

#[test]
fn a_person_confirms_and_changes_the_password_and_signs_out() {
    let door = Door::open();
    door.signed_up("ada");
    let Some(chromium) = Chromium::without_scripts(&door.url) else {
        return;
    };
    chromium.open("/login");
    sign_in(&chromium);
    chromium.follow("Account");
    chromium.follow("Change your password");
    let new = format!("{PASSWORD}-and-more");
    chromium.fill_all(&[("Current password", PASSWORD), ("New password", &new)]);
    chromium.press("Change password");
    assert_eq!(chromium.path(), "/account");
    door.let_pass(10 * 60);
    chromium.follow("Delete your account");
    assert_eq!(chromium.heading(), "Enter your password again");
    chromium.fill("Password", &new);
    chromium.press("Confirm");
    assert_eq!(chromium.heading(), "Delete your account");
    chromium.press("Delete my account");
    assert_eq!(chromium.text(".notice"), "Your account is deleted.");
    chromium.open("/dashboard");
    assert_eq!(chromium.heading(), "Sign in");
}

#[test]
fn an_address_with_a_domain_in_unicode_signs_up_and_in_as_it_is_typed() {
    let door = Door::open();
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/signup");
    chromium.fill_all(&[
        ("Username", "grete"),
        ("Email address", "grete@müller.example"),
        ("Password", PASSWORD),
    ]);
    chromium.press("Create account");
    chromium.open("/account");
    assert!(chromium.text("dl").contains("grete@müller.example"));
    chromium.press("Sign out");
    chromium.open("/login");
    chromium.fill("Username or email address", "grete@müller.example");
    chromium.fill("Password", PASSWORD);
    chromium.press("Sign in");
    assert_eq!(chromium.heading(), "Hello, grete");
}
