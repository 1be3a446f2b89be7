//! What begins in a message, with scripts and without.

use super::window::Chromium;
use crate::support::mail::Letter;
use crate::support::{Door, PASSWORD};

const ADA: &str = "ada@example.com";
const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";

fn door() -> Door {
    Door::with(&[("signup.verify_email", "true"), ("sign_in.by_mail", "true")])
}

#[test]
fn messages_lead_through_sign_up_sign_in_and_a_new_password() {
    let door = door();
    if let Some(chromium) = Chromium::at(&door.url) {
        from_sign_up_to_a_new_password(&chromium, &door);
        assert_eq!(chromium.complaints(), [""; 0]);
    }
}

#[test]
fn messages_lead_through_the_same_with_javascript_switched_off() {
    let door = door();
    if let Some(chromium) = Chromium::without_scripts(&door.url) {
        from_sign_up_to_a_new_password(&chromium, &door);
    }
}

/// As a person opens it in the program for mail: from another site, so strict cookies are not sent.
fn open(chromium: &Chromium, door: &Door, letter: &Letter, path: &str) {
    chromium.open(&format!(
        "data:text/html,<a href='{}'>Open</a>",
        letter.link()
    ));
    chromium.follow("Open");
    assert_eq!(chromium.path(), path);
    let address = chromium.evaluate("return location.href");
    assert_eq!(
        address,
        format!("{}{path}", door.url),
        "no token is left in it"
    );
}

fn from_sign_up_to_a_new_password(chromium: &Chromium, door: &Door) {
    chromium.open("/signup?next=/work");
    chromium.fill_all(&[
        ("Username", "ada"),
        ("Email address", ADA),
        ("Password", PASSWORD),
    ]);
    chromium.press("Create account");
    open(
        chromium,
        door,
        &door.letter(ADA, "Confirm your email address"),
        "/verify",
    );
    chromium.fill("Password", PASSWORD);
    chromium.press("Create account");
    assert_eq!(chromium.path(), "/work");
    chromium.press("Sign out");

    chromium.open("/login");
    chromium.follow("Sign in by mail");
    chromium.fill("Email address", ADA);
    chromium.press("Send the link");
    let link = door.letter(ADA, "Sign in to");
    open(chromium, door, &link, "/login/link/open");
    chromium.press("Sign in as ada");
    assert_eq!(chromium.path(), "/dashboard");
    chromium.press("Sign out");

    chromium.open("/login");
    chromium.follow("Forgot your password?");
    chromium.fill("Email address", ADA);
    chromium.press("Send the link");
    open(
        chromium,
        door,
        &door.letter(ADA, "Set a new password"),
        "/reset",
    );
    chromium.fill("New password", NEW_PASSWORD);
    chromium.press("Set password");
    assert_eq!(chromium.path(), "/login");
    chromium.fill_all(&[
        ("Username or email address", "ada"),
        ("Password", NEW_PASSWORD),
    ]);
    chromium.press("Sign in");
    assert_eq!(chromium.path(), "/dashboard");

    let changed = door.letter(ADA, "Your password at Doorward was changed");
    open(chromium, door, &changed, "/not-me");
    chromium.press("This was not me");
    assert_eq!(chromium.path(), "/login");
    chromium.open("/dashboard");
    assert_eq!(chromium.path(), "/login?next=/dashboard");
}
