//! Two tabs of one browser, which have one session, and pages that it brings back from memory.

use super::window::Chromium;
use crate::support::{Door, PASSWORD};

const LABEL: &str = "Title";

fn sign_in(chromium: &Chromium, name: &str) {
    chromium.fill_all(&[("Username or email address", name), ("Password", PASSWORD)]);
    chromium.press("Sign in");
}

#[test]
fn a_page_left_open_in_another_tab_does_not_act_on_a_later_session() {
    let door = Door::open();
    door.signed_up("hanna");
    door.signed_up("ivan");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login?next=/account/delete");
    sign_in(&chromium, "hanna");
    assert_eq!(chromium.heading(), "Delete your account");
    let first = chromium.open_tab();
    chromium.open("/dashboard");
    chromium.press("Sign out");
    chromium.open("/login");
    sign_in(&chromium, "ivan");
    assert_eq!(chromium.heading(), "Hello, ivan");

    chromium.turn_to(&first);
    chromium.press("Delete my account");
    assert_eq!(chromium.heading(), "This page is from another session");
    let words = "You are signed in as ivan now; this page was made for hanna. Nothing was changed.";
    assert!(
        chromium.text("main").contains(words),
        "{}",
        chromium.text("main")
    );
    chromium.press("Sign out, and sign in as hanna");
    sign_in(&chromium, "hanna");
    assert!(
        chromium.text("header").contains("hanna"),
        "{}",
        chromium.text("header")
    );
    assert_eq!(
        door.number("SELECT count(*) AS n FROM accounts WHERE deleted_at IS NULL"),
        2
    );
}

#[test]
fn input_typed_while_another_tab_signed_out_is_shown_again() {
    let door = Door::open();
    door.signed_up("hanna");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login?next=/work");
    sign_in(&chromium, "hanna");
    chromium.fill(LABEL, "Cut the hedge “today”");
    let first = chromium.open_tab();
    chromium.open("/dashboard");
    chromium.press("Sign out");
    chromium.turn_to(&first);
    chromium.press("Add");
    assert_eq!(chromium.heading(), "Sign in");
    assert!(chromium.text(".note").contains("your input is shown again"));
    sign_in(&chromium, "hanna");
    assert_eq!(chromium.path(), "/work");
    assert!(
        chromium
            .text(".notice")
            .contains("Your input is shown again")
    );
    chromium.press("Add");
    assert!(chromium.text("li").contains("Cut the hedge “today”"));
}

/// As WebKit does on plain HTTP. Chromium does not keep such a page, so it is only told of it.
#[test]
fn a_page_that_comes_back_from_memory_is_shown_only_in_its_own_session() {
    let door = Door::open();
    door.signed_up("hanna");
    door.signed_up("ivan");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login?next=/work");
    sign_in(&chromium, "hanna");
    chromium.fill(LABEL, "Cut the hedge");
    let leave = "dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));";
    let come_back = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));";
    let display = "return getComputedStyle(document.documentElement).display";
    chromium.evaluate(leave);
    assert_eq!(chromium.evaluate(display), "none");
    chromium.evaluate_async(&format!(
        "const done = arguments[arguments.length - 1];
         new MutationObserver(() => document.documentElement.hidden || done(true))
             .observe(document.documentElement, {{ attributes: true }});
         {come_back}"
    ));
    assert_eq!(chromium.evaluate(display), "block");
    let typed = "return document.querySelector('#title').value";
    assert_eq!(chromium.evaluate(typed), "Cut the hedge");

    let first = chromium.open_tab();
    chromium.open("/dashboard");
    chromium.press("Sign out");
    chromium.open("/login");
    sign_in(&chromium, "ivan");
    let second = chromium.open_tab();
    chromium.turn_to(&first);
    chromium.turn_page(|| {
        chromium.evaluate(come_back);
    });
    assert_eq!(chromium.evaluate(typed), "", "it is a page of ivan's now");
    assert!(chromium.text("header").contains("ivan"));

    chromium.turn_to(&second);
    chromium.open("/dashboard");
    chromium.press("Sign out");
    chromium.turn_to(&first);
    chromium.turn_page(|| {
        chromium.evaluate(come_back);
    });
    assert_eq!(chromium.heading(), "Sign in");
}
