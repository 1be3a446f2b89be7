//! Forms of people who have to wait: nothing that they typed is lost, except passwords.

use super::{WRONG, limited, signs_in};
use crate::support::{Browser, Door, PASSWORD, Reply};

const TOO_MANY: &str = "There were too many attempts. Nothing was checked or saved.";

/// The form again, with one message that blames no field.
fn is_shown_again(reply: &Reply, status: u16, after: &str, words: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.header("retry-after"), Some(after));
    assert_eq!(reply.text(".errors li"), words, "{}", reply.body);
    assert_eq!(reply.text(".errors a"), "", "no field is at fault");
    assert!(reply.title().starts_with("Error: "), "{}", reply.title());
    assert!(!reply.body.contains("aria-invalid"), "{}", reply.body);
    assert!(!reply.body.contains("canary"), "{}", reply.body);
}

fn fills_in(browser: &Browser, login: &str) -> Reply {
    let page = browser.get("/login?next=/work");
    let typed = [
        ("Username or email address", login),
        ("Password", PASSWORD),
        ("Stay signed in", "yes"),
    ];
    browser.submit(&page, "Sign in", &typed)
}

#[test]
fn a_limited_sign_in_shows_its_form_again_with_how_long_to_wait() {
    let door = limited();
    door.signed_up("hanna");
    for name in ["hanna", "nobody"] {
        for _ in 0..10 {
            assert_eq!(door.browser().sign_in(name, WRONG).status, 422);
        }
    }
    let words = format!("{TOO_MANY} Wait 60 seconds, then try again.");
    let told = fills_in(&door.browser(), "nobody");
    is_shown_again(&told, 429, "60", &words);
    let browser = door.browser();
    let told = fills_in(&browser, "hanna");
    is_shown_again(&told, 429, "60", &words);
    assert_eq!(told.value("Username or email address"), "hanna");

    let sent = [
        ("username", "hanna"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let program = door.program(None).post("/login", &sent);
    assert_eq!(
        (program.status, program.header("retry-after")),
        (429, Some("60"))
    );
    let json = program.json();
    assert_eq!(json["error"], "too_many_attempts");
    assert_eq!(json["message"], words);

    door.let_pass(60);
    let reply = browser.submit(&told, "Sign in", &[("Password", PASSWORD)]);
    assert_eq!((reply.status, reply.location()), (303, "/work".into()));
    let mut cookies = reply.cookies().into_iter();
    let refresh = cookies.find(|cookie| cookie.starts_with("doorward_refresh"));
    assert!(refresh.unwrap().contains("Max-Age"), "the box stays ticked");
}

#[test]
fn a_limited_sign_up_shows_its_form_again_with_what_was_typed() {
    let door = Door::with(&[("limits.sign_up_address", "1/1h")]);
    door.signed_up("hanna");
    let browser = door.browser();
    let told = browser.sign_up("ivan", "ivan@example.com", PASSWORD);
    let words = format!("{TOO_MANY} Wait 60 minutes, then try again.");
    is_shown_again(&told, 429, "3600", &words);
    assert_eq!(told.value("Username"), "ivan");
    assert_eq!(told.value("Email address"), "ivan@example.com");
    assert!(
        told.text("#password-hint")
            .starts_with("Enter your password again.")
    );
    door.let_pass(3600);
    let reply = browser.submit(&told, "Create account", &[("Password", PASSWORD)]);
    assert_eq!(reply.status, 303, "{}", reply.body);
}

#[test]
fn a_limited_confirmation_and_a_limited_change_of_password_show_their_forms_again() {
    let door = Door::with(&[("limits.device", "2/10m")]);
    let hanna = door.signed_up("hanna");
    door.let_pass(601);
    let asked = hanna.get("/account/verify?next=/account/email");
    let confirms =
        |page: &Reply, password| hanna.submit(page, "Confirm", &[("Password", password)]);
    for _ in 0..2 {
        assert_eq!(confirms(&asked, WRONG).status, 422);
    }
    let words = format!("{TOO_MANY} Wait 5 minutes, then try again.");
    let told = confirms(&asked, PASSWORD);
    is_shown_again(&told, 429, "300", &words);
    let page = hanna.get("/account/password");
    let typed = [
        ("Current password", PASSWORD),
        ("New password", "canary-brine-lamp-45"),
    ];
    let changed = hanna.submit(&page, "Change password", &typed);
    is_shown_again(&changed, 429, "300", &words);
    door.let_pass(300);
    let reply = confirms(&told, PASSWORD);
    assert_eq!(reply.location(), "/account/email");
}

#[test]
fn a_form_that_finds_the_server_busy_is_shown_again() {
    let door = Door::with(&[("passwords.bcrypt_cost", "10")]);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..24)
            .map(|_| scope.spawn(|| fills_in(&door.browser(), "hanna")))
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (busy, others): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 503);
    assert!(!busy.is_empty(), "one address has a quarter of the queue");
    assert!(others.iter().all(|reply| reply.status == 422));
    for reply in busy {
        let words = "Too many passwords are waiting to be checked. Nothing was saved. \
                     Try again in a few seconds.";
        is_shown_again(reply, 503, "5", words);
        assert_eq!(reply.value("Username or email address"), "hanna");
    }
    let sent = [("username", "hanna"), ("password", WRONG)];
    assert_eq!(door.browser().post("/login", &sent).status, 422);
    assert_eq!(signs_in(&door.program(None), "hanna", WRONG).status, 401);
}
