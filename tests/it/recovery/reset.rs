//! A forgotten password.

use crate::support::{Browser, Door, PASSWORD, Place, Reply};

const NEW_PASSWORD: &str = "canary-gravel-mitten-otter";
const SUBJECT: &str = "Set a new password";

fn door_of_ada() -> (Door, Browser) {
    let door = Door::open();
    let ada = door.browser();
    assert_eq!(ada.sign_up("ada", "ada@example.com", PASSWORD).status, 303);
    (door, ada)
}

fn ask(browser: &Browser, email: &str) -> Reply {
    let page = browser.get("/forgot");
    browser.submit(&page, "Send the link", &[("Email address", email)])
}

fn set(browser: &Browser, page: &Reply, password: &str) -> Reply {
    browser.submit(page, "Set password", &[("New password", password)])
}

#[test]
fn a_forgotten_password_is_replaced_by_a_link() {
    let (door, ada) = door_of_ada();
    let visitor = door.browser();
    let asked = ask(&visitor, "ADA@example.com");
    assert_eq!((asked.status, asked.location().as_str()), (303, "/login"));
    let page = visitor.follow(&asked);
    assert!(
        page.text(".notice").contains("is on its way"),
        "{}",
        page.body
    );
    let letter = door.letter("ada@example.com", SUBJECT);
    assert!(letter.link().len() < door.url.len() + "/reset?token=".len() + 60);

    for _ in 0..2 {
        visitor.head(letter.path(&door));
        let opened = visitor.get(letter.path(&door));
        assert_eq!((opened.status, opened.location().as_str()), (303, "/reset"));
    }
    assert!(ada.is_signed_in(), "opening a link changes nothing");
    let page = visitor.get("/reset");
    assert_eq!(page.value("Account"), "ada");
    let weak = set(&visitor, &page, "short");
    assert_eq!(weak.status, 422, "{}", weak.body);
    let done = set(&visitor, &weak, NEW_PASSWORD);
    assert_eq!((done.status, done.location().as_str()), (303, "/login"));
    assert!(!visitor.is_signed_in() && !ada.is_signed_in());
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 422);
    assert_eq!(ada.sign_in("ada", NEW_PASSWORD).status, 303);
    assert_eq!(visitor.get(letter.path(&door)).status, 410);
    assert_eq!(visitor.get("/reset").status, 410);
    assert_eq!(
        door.number("SELECT count(email_verified_at) AS n FROM accounts"),
        1
    );
}

#[test]
fn the_response_does_not_tell_whether_an_account_exists() {
    let (door, _) = door_of_ada();
    let rows = "SELECT (SELECT count(*) FROM mail_requests) + (SELECT count(*) FROM limits) AS n";
    door.wait_for_mail();
    let mut seen = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        let before = door.number(rows);
        let visitor = door.browser();
        let asked = ask(&visitor, email);
        let mut headers: Vec<_> = asked
            .headers
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        headers.sort();
        let page = visitor.follow(&asked);
        seen.push((asked.status, headers, asked.body.clone(), page.text("main")));
        // The job may have answered it already.
        assert!(door.number(rows) <= before + 3);
    }
    assert_eq!(seen[0], seen[1]);
    let letter = door.letter("bob@example.com", "No account");
    assert!(!letter.text.contains("token"), "{}", letter.text);
}

#[test]
fn a_stranger_is_written_to_once_a_day() {
    let (door, _) = door_of_ada();
    for _ in 0..3 {
        assert_eq!(ask(&door.browser(), "bob@example.com").status, 303);
        door.wait_for_mail();
    }
    door.letter("bob@example.com", "No account");
    door.let_pass(25 * 3600);
    ask(&door.browser(), "bob@example.com");
    door.wait_for_mail();
    assert_eq!(door.letters().len(), 2);
}

#[test]
fn a_link_ends_when_a_newer_one_is_sent_or_the_password_is_changed() {
    let (door, ada) = door_of_ada();
    ask(&ada, "ada@example.com");
    let first = door.letter("ada@example.com", SUBJECT);
    ask(&ada, "ada@example.com");
    door.wait_for_mail();
    let letters = door.letters();
    let second = letters.iter().find(|letter| letter.id != first.id).unwrap();
    let visitor = door.browser();
    assert_eq!(visitor.get(first.path(&door)).status, 410);
    assert_eq!(visitor.get(second.path(&door)).status, 303);
    let page = ada.get("/account/password");
    let new = [
        ("Current password", PASSWORD),
        ("New password", NEW_PASSWORD),
    ];
    assert_eq!(ada.submit(&page, "Change password", &new).status, 303);
    assert_eq!(visitor.get(second.path(&door)).status, 410);
    assert_eq!(visitor.get("/reset").status, 410);
}

#[test]
fn of_fifty_uses_of_one_link_one_succeeds() {
    let (door, ada) = door_of_ada();
    ask(&ada, "ada@example.com");
    let letter = door.letter("ada@example.com", SUBJECT);
    let visitor = door.browser();
    visitor.get(letter.path(&door));
    let page = visitor.get("/reset");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..50)
            .map(|n| {
                let (visitor, page) = (visitor.copy(), &page);
                scope.spawn(move || set(&visitor, page, &format!("{NEW_PASSWORD}-{n}")).status)
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
}

#[test]
fn a_planted_host_does_not_reach_a_message() {
    let (door, ada) = door_of_ada();
    let planted = ada
        .with("x-forwarded-host", "evil.example")
        .with("forwarded", "host=evil.example;proto=https");
    ask(&planted, "ada@example.com");
    let letter = door.letter("ada@example.com", SUBJECT);
    assert!(!letter.raw.contains("evil"), "{}", letter.raw);
    assert!(letter.link().starts_with(&door.url));
}

#[test]
fn an_administrator_sends_a_link_and_does_not_learn_the_password() {
    let (door, ada) = door_of_ada();
    let root = door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    root.sign_out();
    assert_eq!(root.sign_in("root", PASSWORD).status, 303);
    let list = root.get("/admin/accounts?q=ada");
    let page = root.get(&list.attribute("tbody a", "href").unwrap());
    let sent = root.submit(&page, "Send a link to set a new password", &[]);
    assert!(root.follow(&sent).text(".notice").contains("on its way"));
    let letter = door.letter("ada@example.com", SUBJECT);
    assert!(ada.is_signed_in());
    ada.get(letter.path(&door));
    assert_eq!(set(&ada, &ada.get("/reset"), NEW_PASSWORD).status, 303);
    assert_eq!(ada.sign_in("ada", NEW_PASSWORD).status, 303);
}

#[test]
fn a_command_sends_a_link_to_an_account_with_an_address_only() {
    let place = Place::new();
    place
        .tell(&["account", "add", "--username", "bob"], PASSWORD)
        .well();
    let add = [
        "account",
        "add",
        "--username",
        "ada",
        "--email",
        "ada@example.com",
    ];
    place.tell(&add, PASSWORD).well();
    place.run(&["account", "reset", "ada"]).well();
    assert_eq!(place.number("SELECT count(*) AS n FROM mail_messages"), 1);
    let why = place.run(&["account", "reset", "bob"]).ill(1);
    assert!(why.contains("no email address"), "{why}");
}
