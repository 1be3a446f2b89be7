//! Links that carry a token: made, looked at, used up once.

use crate::support::{Browser, Door, PASSWORD, Reply};

/// The path of a link for `login`, with its token.
fn link_of(door: &Door, login: &str) -> String {
    let fields = [
        ("username", login),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    door.program(None).post("/login", &fields).location()
}

fn token_of(link: &str) -> &str {
    link.split_once("token=").unwrap().1
}

fn make(program: &Browser, body: &str) -> Reply {
    program.post_body("/api/links", "application/json", body)
}

#[test]
fn a_link_signs_in_once_and_leads_to_the_clean_address() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link_of(&door, "ada");
    let browser = door.browser();
    let page = browser.get(&link);
    assert_eq!(
        page.cookies(),
        Vec::<String>::new(),
        "looking sets no cookie"
    );
    let done = browser.submit(&page, "Continue signed in", &[]);
    assert_eq!((done.status, done.location().as_str()), (303, "/dashboard"));
    assert!(browser.is_signed_in());
    assert_eq!(browser.follow(&done).heading(), "Hello, ada");

    // It is used up, for looking too.
    let other = door.browser();
    assert_eq!(other.get(&link).heading(), "This link no longer works");
    let again = other.submit(&page, "Continue signed in", &[]);
    assert_eq!(
        (again.status, again.heading().as_str()),
        (401, "This link no longer works")
    );
    assert!(!other.is_signed_in() && browser.is_signed_in());
}

#[test]
fn of_fifty_uses_of_a_link_at_once_one_starts_a_session() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link_of(&door, "ada");
    let token = token_of(&link);
    let signed_in = std::thread::scope(|scope| {
        let running: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    let browser = door.browser();
                    let reply = browser.post("/login/continue", &[("token", token)]);
                    assert!(matches!(reply.status, 303 | 401), "{}", reply.body);
                    browser.is_signed_in()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|signed_in| *signed_in)
            .count()
    });
    assert_eq!(signed_in, 1);
}

#[test]
fn another_persons_running_session_is_never_replaced_unasked() {
    let door = Door::open();
    door.signed_up("ada");
    let bob = door.signed_up("bob");
    let link = link_of(&door, "ada");
    let page = bob.get(&link);
    let ask = bob.submit(&page, "Continue signed in", &[]);
    assert_eq!(
        (ask.status, ask.heading().as_str()),
        (200, "Continue as ada?")
    );
    assert!(ask.text("main").contains("You are signed in here as bob"));
    assert_eq!(
        bob.get("/dashboard").heading(),
        "Hello, bob",
        "nothing has changed"
    );
    let done = bob.submit(&ask, "Continue as ada", &[]);
    assert_eq!(bob.follow(&done).heading(), "Hello, ada");

    // What was agreed to is no agreement for another session.
    let eve = door.signed_up("eve");
    let link = link_of(&door, "ada");
    let fields = [("token", token_of(&link)), ("instead_of", "somebody")];
    assert_eq!(
        eve.post("/login/continue", &fields).heading(),
        "Continue as ada?"
    );
    assert_eq!(eve.get("/dashboard").heading(), "Hello, eve");
}

#[test]
fn a_form_that_may_be_cross_site_signs_in_only_after_confirmation() {
    let door = Door::open();
    door.signed_up("mallory");
    let link = link_of(&door, "mallory");
    let fields = [("token", token_of(&link))];
    let cross = door.browser().with("sec-fetch-site", "cross-site");
    assert_eq!(cross.post("/login/continue", &fields).status, 403);

    // Under `no-referrer` old browsers send this from our own page as from any other.
    let old = Browser::sending(
        &door.local_url(),
        &[("accept", "text/html"), ("origin", "null")],
    );
    let ask = old.post("/login/continue", &fields);
    assert_eq!(ask.heading(), "Continue as mallory?");
    assert!(!old.is_signed_in());
    let forged = Browser::sending(
        &door.local_url(),
        &[("accept", "text/html"), ("origin", "null")],
    );
    let still = forged.submit(&ask, "Continue as mallory", &[]);
    assert_eq!(
        still.heading(),
        "Continue as mallory?",
        "without our cookie it is no answer"
    );
    let done = old.submit(&ask, "Continue as mallory", &[]);
    assert_eq!(done.location(), "/dashboard");
    assert!(old.is_signed_in());
}

#[test]
fn an_expired_or_invalid_link_starts_no_session() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let link = link_of(&door, "ada");
    door.let_pass(150);
    let (access, refresh) = (ada.access(), ada.cookie("doorward_refresh").unwrap());
    for token in [token_of(&link), &access, &refresh, "nonsense", ""] {
        let browser = door.browser();
        let reply = browser.post("/login/continue", &[("token", token)]);
        assert_eq!(
            (reply.status, reply.heading().as_str()),
            (401, "This link no longer works")
        );
        assert!(!browser.is_signed_in());
    }
    let in_address = door
        .browser()
        .post(&format!("/login/continue?{}", &link[11..]), &[]);
    assert_eq!(in_address.status, 400);
}

#[test]
fn a_program_makes_links_to_pages_that_take_them() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let made = make(&program, r#"{"path": "/dashboard"}"#);
    assert_eq!(
        (made.status, made.json()["expires_in"].as_i64()),
        (201, Some(150))
    );
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&door.url).unwrap();
    assert_eq!(door.browser().get(path).heading(), "Hello, ada");

    for path in [
        "/account",
        "/",
        "dashboard",
        "//evil.test",
        "/dashboard?x=1",
        "",
    ] {
        let refused = make(&program, &serde_json::json!({ "path": path }).to_string());
        assert_eq!(refused.status, 422, "{path}");
        assert!(refused.json()["fields"]["path"].is_string(), "{path}");
    }
    assert_eq!(
        make(&door.program(None), r#"{"path": "/dashboard"}"#).status,
        401
    );
}

#[test]
fn a_link_ends_with_the_session_and_the_account_that_made_it() {
    let door = Door::open();
    let made_by = |browser: &Browser| {
        let program = door.program(Some(&browser.access()));
        let made = make(&program, r#"{"path": "/dashboard"}"#).json();
        made["url"].as_str().unwrap()[door.url.len()..].to_owned()
    };
    let ada = door.signed_up("ada");
    let link = made_by(&ada);
    assert_eq!(door.browser().get(&link).status, 200);
    ada.sign_out();
    assert_eq!(door.browser().get(&link).status, 401);
    let posted = [("token", token_of(&link))];
    assert_eq!(door.browser().post("/login/continue", &posted).status, 401);

    let bob = door.signed_up("bob");
    let links = [made_by(&bob), link_of(&door, "bob")];
    assert!(
        links
            .iter()
            .all(|link| door.browser().get(link).status == 200)
    );
    let page = bob.get("/account/delete");
    bob.submit(&page, "Delete my account", &[]);
    assert!(
        links
            .iter()
            .all(|link| door.browser().get(link).status == 401)
    );
}

#[test]
fn a_session_from_a_link_is_trusted_no_more_than_who_made_the_link() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.let_pass(9 * 60);
    let made = make(
        &door.program(Some(&ada.access())),
        r#"{"path": "/dashboard"}"#,
    );
    let link = made.json()["url"].as_str().unwrap()[door.url.len()..].to_owned();
    door.let_pass(60);
    let browser = door.browser();
    browser.submit(&browser.get(&link), "Continue signed in", &[]);
    assert!(browser.is_signed_in());
    assert_eq!(
        browser.get("/account/delete").status,
        303,
        "the password is ten minutes old"
    );
    assert_eq!(
        browser
            .get("/account/sessions")
            .text("tbody tr")
            .lines()
            .count(),
        2
    );
}

#[test]
fn a_link_to_a_disabled_account_opens_nothing() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link_of(&door, "ada");
    door.sql("UPDATE accounts SET disabled_at = 1");
    assert_eq!(door.browser().get(&link).status, 401);
    let reply = door
        .browser()
        .post("/login/continue", &[("token", token_of(&link))]);
    assert_eq!(reply.status, 401);
}
