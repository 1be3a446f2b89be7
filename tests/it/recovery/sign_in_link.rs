//! Signing in by mail.

use crate::support::mail::Letter;
use crate::support::{Browser, Door, PASSWORD, Reply};

const SUBJECT: &str = "Sign in to";
const ADA: &str = "ada@example.com";
const SENT: &str = "/login/link/sent";
const OPENED: &str = "/login/link/open";
const ENDED: &str = "This code is not valid, or its link has ended";

fn door() -> Door {
    Door::with(&[
        ("sign_in.by_mail", "true"),
        ("limits.mail_recipient", "off"),
        ("limits.mail_address", "off"),
    ])
}

fn door_of_ada() -> Door {
    let door = door();
    door.signed_up("ada");
    door
}

fn ask(browser: &Browser, email: &str) -> Reply {
    let page = browser.get("/login/link");
    browser.submit(&page, "Send the link", &[("Email address", email)])
}

/// The message that answers this browser.
fn asked(door: &Door, browser: &Browser) -> Letter {
    door.wait_for_mail();
    let before: Vec<_> = door.letters().into_iter().map(|letter| letter.id).collect();
    assert_eq!(ask(browser, ADA).location(), SENT);
    door.wait_for_mail();
    let mut new = door.letters();
    new.retain(|letter| !before.contains(&letter.id));
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(new[0].to == ADA && new[0].subject.contains(SUBJECT));
    new.remove(0)
}

/// Opens the link and returns the page.
fn open(browser: &Browser, door: &Door, letter: &Letter) -> Reply {
    let opened = browser.get(letter.path(door));
    assert_eq!((opened.status, opened.location().as_str()), (303, OPENED));
    browser.get(OPENED)
}

/// The code that another browser shows.
fn code(door: &Door, letter: &Letter) -> String {
    let page = open(&door.browser(), door, letter);
    assert_eq!(page.forms().len(), 0, "{}", page.body);
    page.text(".code")
}

fn type_code(browser: &Browser, code: &str) -> Reply {
    let page = browser.get(SENT);
    browser.submit(&page, "Sign in", &[("Code", code)])
}

/// A code of the same form.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('A') { "B" } else { "A" };
    format!("{first}{}", &code[1..])
}

#[test]
fn a_link_signs_in_the_browser_that_asked_once() {
    let door = door_of_ada();
    let ada = door.browser();
    let wanted = ada.get("/account/activity?x=1");
    let page = ada.follow(&wanted);
    let way = page.attribute("a[href^='/login/link']", "href").unwrap();
    let page = ada.get(&way);
    let asked = ada.submit(
        &page,
        "Send the link",
        &[("Email address", "ADA@Example.com")],
    );
    assert_eq!((asked.status, asked.location().as_str()), (303, SENT));
    assert!(ada.follow(&asked).text("main").contains("is on its way"));
    let letter = door.letter(ADA, SUBJECT);

    for _ in 0..2 {
        ada.head(letter.path(&door));
        let page = open(&ada, &door, &letter);
        assert_eq!(page.text("form button"), "Sign in as ada");
        assert!(!page.body.contains("class=\"note\""), "{}", page.body);
    }
    assert!(!ada.is_signed_in(), "opening a link changes nothing");
    let verified = "SELECT count(email_verified_at) AS n FROM accounts";
    assert_eq!(door.number(verified), 0);
    let page = ada.get(OPENED);
    let done = ada.submit(&page, "Sign in as ada", &[("Stay signed in", "yes")]);
    assert_eq!(done.location(), "/account/activity?x=1");
    let shown = ada.follow(&done);
    assert!(shown.body.contains("Signed in by mail"), "{}", shown.body);
    assert!(
        shown.body.contains("Link to sign in sent"),
        "{}",
        shown.body
    );
    assert_eq!(door.number(verified), 1);
    let sessions =
        "SELECT amr || ' ' || stay_signed_in AS line FROM sessions ORDER BY created_at, amr";
    let row = &door.lines(sessions)[0];
    assert!(row == "otp 1" || row == "otp true", "{row}");

    assert_eq!(ada.get(letter.path(&door)).status, 410);
    assert_eq!(ada.get(OPENED).status, 410);
    let visitor = door.browser();
    assert_eq!(visitor.get(letter.path(&door)).status, 410);
}

#[test]
fn a_link_that_is_opened_elsewhere_shows_a_code_for_the_browser_that_asked() {
    let door = door_of_ada();
    let (ada, phone) = (door.browser(), door.browser());
    let letter = asked(&door, &ada);
    let page = open(&phone, &door, &letter);
    assert_eq!(page.heading(), "Your code");
    assert!(!page.body.contains(">ada<"), "the name of the account");
    let code = page.text(".code");
    let (one, other) = code.split_once(' ').unwrap();
    assert_eq!((one.len(), other.len()), (4, 4), "{code}");
    assert!(!code.contains(['0', 'O', '1', 'I', 'L']), "{code}");
    // The same on every visit, and for a form that is sent to the page.
    assert_eq!(phone.get(OPENED).text(".code"), code);
    let pressed = phone.post_own(OPENED, &[]);
    assert_eq!((pressed.status, pressed.text(".code")), (200, code.clone()));

    let typed = format!(" {} - {} ", one.to_lowercase(), other);
    let done = type_code(&ada, &typed);
    assert_eq!((done.status, done.location().as_str()), (303, "/dashboard"));
    assert!(ada.is_signed_in() && !phone.is_signed_in());
    assert_eq!(phone.get(OPENED).status, 410);
    ada.sign_out();
    assert!(type_code(&ada, &code).text("main").contains(ENDED));
    assert!(!ada.is_signed_in());
}

/// It follows links and presses all buttons.
#[test]
fn a_scanner_of_mail_neither_signs_in_nor_uses_the_link_up() {
    let door = door_of_ada();
    let (ada, scanner) = (door.browser(), door.browser());
    let letter = asked(&door, &ada);
    for _ in 0..2 {
        let page = open(&scanner, &door, &letter);
        for form in page.forms() {
            let fields: Vec<_> = form
                .fields
                .iter()
                .map(|(name, _, value)| (name.as_str(), value.as_str()))
                .collect();
            scanner.post(&form.action, &fields);
        }
        scanner.post_own(OPENED, &[]);
        type_code(&ada, "");
        let typed = scanner.post_own(SENT, &[("code", &page.text(".code"))]);
        assert_eq!(typed.status, 200, "{}", typed.body);
    }
    assert!(!scanner.is_signed_in());
    let page = open(&ada, &door, &letter);
    assert_eq!(ada.submit(&page, "Sign in as ada", &[]).status, 303);
}

#[test]
fn the_fifth_wrong_code_revokes_the_link() {
    let door = door_of_ada();
    let ada = door.browser();
    let letter = asked(&door, &ada);
    let code = code(&door, &letter);
    // Not a code: not counted.
    for bad in ["", "ABCD", "0OIL 1111", "äääääääää"] {
        let refused = type_code(&ada, bad);
        assert_eq!(refused.status, 422, "{bad}");
        assert!(refused.errors()[0].1.contains("eight characters"));
    }
    for _ in 0..4 {
        let refused = type_code(&ada, &wrong(&code));
        assert_eq!(refused.status, 422);
        assert!(
            refused.errors()[0].1.contains(ENDED),
            "{:?}",
            refused.errors()
        );
    }
    assert_eq!(ada.get(letter.path(&door)).status, 303);
    type_code(&ada, &wrong(&code));
    assert_eq!(type_code(&ada, &code).status, 422);
    assert_eq!(ada.get(letter.path(&door)).status, 410);
    let events = "SELECT count(*) AS n FROM audit_events WHERE details LIKE '%wrong code%'";
    assert_eq!(door.number(events), 5);

    // The fifth may be right.
    let letter = asked(&door, &ada);
    let page = open(&door.browser(), &door, &letter);
    let code = page.text(".code");
    for _ in 0..4 {
        type_code(&ada, &wrong(&code));
    }
    assert_eq!(type_code(&ada, &code).status, 303);
}

#[test]
fn of_fifty_wrong_codes_at_once_five_are_compared() {
    let door = door_of_ada();
    let ada = door.browser();
    let code = code(&door, &asked(&door, &ada));
    let page = ada.get(SENT);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            let (ada, page, code) = (ada.copy(), &page, wrong(&code));
            scope.spawn(move || {
                assert_eq!(ada.submit(page, "Sign in", &[("Code", &code)]).status, 422);
            });
        }
    });
    let events = "SELECT count(*) AS n FROM audit_events WHERE details LIKE '%wrong code%'";
    assert_eq!(door.number(events), 5);
}

#[test]
fn a_code_works_only_in_the_browser_that_asked() {
    let door = door_of_ada();
    let (ada, mallory) = (door.browser(), door.browser());
    let letter = asked(&door, &ada);
    let code = code(&door, &letter);
    let without = mallory.post_own(SENT, &[("code", &code)]);
    assert!(
        without.body.contains("keeps no cookies"),
        "{}",
        without.body
    );
    // An attacker asks for a link to the same account, and learns the owner's code.
    let theirs = asked(&door, &mallory);
    assert_eq!(type_code(&mallory, &code).status, 422);
    for _ in 0..5 {
        type_code(&mallory, &wrong(&code));
    }
    assert!(!mallory.is_signed_in());
    assert_eq!(mallory.get(theirs.path(&door)).status, 410);
    // The owner's link is another one.
    assert_eq!(type_code(&ada, &code).status, 303);
}

#[test]
fn a_newer_link_replaces_those_of_the_same_browser_only() {
    let door = door_of_ada();
    let (ada, mallory) = (door.browser(), door.browser());
    let first = asked(&door, &ada);
    let second = asked(&door, &ada);
    asked(&door, &mallory);
    assert_eq!(ada.get(first.path(&door)).status, 410);
    let page = open(&ada, &door, &second);
    assert_eq!(ada.submit(&page, "Sign in as ada", &[]).status, 303);
}

#[test]
fn the_response_does_not_tell_whether_an_account_exists() {
    let door = door_of_ada();
    let mut seen = Vec::new();
    for email in [ADA, "bob@example.com"] {
        let visitor = door.browser();
        let asked = ask(&visitor, email);
        let mut headers: Vec<_> = asked
            .headers
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        headers.sort();
        door.wait_for_mail();
        let tokens = "SELECT count(*) AS n FROM one_time_tokens WHERE purpose = 'sign_in'";
        let mut replies = vec![(asked.status, headers.join(" "), asked.body.clone())];
        for _ in 0..6 {
            let typed = type_code(&visitor, "ABCD EFGH");
            let events = "SELECT count(*) AS n FROM audit_events WHERE result = 'refused'";
            let counts = format!("{} {}", door.number(tokens), door.number(events));
            replies.push((typed.status, counts, typed.text("main")));
        }
        door.sql("DELETE FROM audit_events WHERE result = 'refused'");
        seen.push(replies);
    }
    assert_eq!(seen[0], seen[1]);
    let letter = door.letter("bob@example.com", "No account");
    assert!(!letter.text.contains("token"), "{}", letter.text);
}

#[test]
fn a_stranger_is_written_to_once_a_day() {
    let door = door_of_ada();
    for _ in 0..3 {
        ask(&door.browser(), "bob@example.com");
        door.wait_for_mail();
    }
    door.letter("bob@example.com", "No account");
}

#[test]
fn a_link_ends_after_ten_minutes_and_with_a_change_of_the_account() {
    let door = door_of_ada();
    let browser = door.browser();
    let ends_by = |change: &dyn Fn()| {
        let letter = asked(&door, &browser);
        let code = code(&door, &letter);
        let page = open(&browser, &door, &letter);
        change();
        let pressed = browser.submit(&page, "Sign in as ada", &[]);
        assert_eq!(pressed.status, 410, "{}", pressed.body);
        assert_eq!(browser.get(letter.path(&door)).status, 410);
        assert_eq!(type_code(&browser, &code).status, 422);
        assert!(!browser.is_signed_in());
    };
    ends_by(&|| door.let_pass(600));
    let ada = door.browser();
    ada.sign_in("ada", PASSWORD);
    ends_by(&|| {
        let page = ada.get("/account/password");
        let new = [
            ("Current password", PASSWORD),
            ("New password", "canary-gravel-mitten-otter"),
        ];
        assert_eq!(ada.submit(&page, "Change password", &new).status, 303);
    });
    ends_by(&|| door.sql("UPDATE accounts SET disabled_at = 1"));
    ask(&browser, ADA);
    door.letter(ADA, "is disabled");
    door.sql("UPDATE accounts SET disabled_at = NULL");
    ends_by(&|| {
        door.sql("UPDATE accounts SET email = 'eve@example.com', email_key = 'eve@example.com'")
    });
    door.sql("UPDATE accounts SET email = 'ada@example.com', email_key = 'ada@example.com'");
    ends_by(&|| {
        let page = ada.get("/account/delete");
        assert_eq!(ada.submit(&page, "Delete my account", &[]).status, 303);
    });
}

#[test]
fn of_fifty_uses_at_once_one_succeeds() {
    let door = door_of_ada();
    let ada = door.browser();
    let letter = asked(&door, &ada);
    let code = code(&door, &letter);
    let opened = open(&ada, &door, &letter);
    let sent = ada.get(SENT);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..50)
            .map(|n| {
                let (ada, opened, sent, code) = (ada.copy(), &opened, &sent, code.as_str());
                scope.spawn(move || match n % 2 {
                    0 => ada.submit(opened, "Sign in as ada", &[]).status,
                    _ => ada.submit(sent, "Sign in", &[("Code", code)]).status,
                })
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| [303, 410, 422].contains(status))
    );
}

#[test]
fn a_sign_in_by_mail_replaces_the_session_of_this_browser() {
    let door = door_of_ada();
    let browser = door.browser();
    let letter = asked(&door, &browser);
    browser.sign_up("bob", "bob@example.com", PASSWORD);
    let bob = browser.copy();
    let page = open(&browser, &door, &letter);
    assert!(
        page.text(".note").contains("signed in as bob"),
        "{}",
        page.body
    );
    assert!(bob.is_signed_in());
    assert_eq!(browser.submit(&page, "Sign in as ada", &[]).status, 303);
    assert_eq!(browser.get("/dashboard").heading(), "Hello, ada");
    assert!(!bob.is_signed_in());
    // Somebody who is signed in needs no link.
    let asked = browser.get("/login/link?next=/work");
    assert_eq!((asked.status, asked.location().as_str()), (303, "/work"));
}

#[test]
fn without_the_setting_there_is_no_such_page() {
    let door = Door::open();
    let visitor = door.browser();
    assert!(!visitor.get("/login").body.contains("/login/link"));
    for path in ["/login/link", "/login/link?token=x", SENT, OPENED] {
        assert_eq!(visitor.get(path).status, 404, "{path}");
    }
    for path in ["/login/link", SENT, OPENED] {
        assert_eq!(
            visitor.post_own(path, &[("email", ADA)]).status,
            404,
            "{path}"
        );
    }
}

#[test]
fn a_changed_repeated_or_foreign_token_is_refused() {
    let door = door_of_ada();
    let ada = door.browser();
    let letter = asked(&door, &ada);
    let path = letter.path(&door);
    let (start, token) = path.split_once('=').unwrap();
    let page = ada.get("/forgot");
    ada.submit(&page, "Send the link", &[("Email address", ADA)]);
    let reset = door.letter(ADA, "Set a new password");
    let foreign = reset.path(&door).split_once('=').unwrap().1;
    let changed = [
        foreign.to_owned(),
        wrong(token),
        format!("{token}A"),
        token[1..].to_owned(),
        token.to_lowercase(),
        String::new(),
    ];
    for bad in changed {
        assert_eq!(ada.get(&format!("{start}={bad}")).status, 410, "{bad}");
    }
    for bad in [format!("{path}&token={token}"), format!("{path}&%74oken=x")] {
        assert_eq!(ada.get(&bad).status, 400, "{bad}");
    }
    assert_eq!(ada.post(path, &[("email", ADA)]).status, 400);
    assert_eq!(ada.get(&format!("{OPENED}?token={token}")).status, 400);
    assert_eq!(ada.get(&format!("/reset?token={token}")).status, 410);
    assert_eq!(ask(&ada, "not an address").status, 422);
    assert_eq!(ada.get(path).status, 303);
}

#[test]
fn a_planted_host_or_page_does_not_reach_the_message_or_the_next_page() {
    let door = door_of_ada();
    let ada = door.browser();
    let planted = ada
        .with("x-forwarded-host", "evil.example")
        .with("forwarded", "host=evil.example;proto=https");
    let page = planted.get("/login/link?next=//evil.example/");
    assert!(!page.body.contains("evil"), "{}", page.body);
    let fields = [("email", ADA), ("next", "https://evil.example/")];
    assert_eq!(planted.post_own("/login/link", &fields).location(), SENT);
    let letter = door.letter(ADA, SUBJECT);
    assert!(!letter.raw.contains("evil"), "{}", letter.raw);
    assert!(letter.link().starts_with(&door.url));
    let page = open(&planted, &door, &letter);
    let done = planted.submit(&page, "Sign in as ada", &[]);
    assert_eq!(done.location(), "/dashboard");
    // Nor does a page of another site sign anybody in.
    let other = planted.with("sec-fetch-site", "cross-site");
    for path in ["/login/link", SENT, OPENED] {
        assert_eq!(other.post(path, &[]).status, 403, "{path}");
    }
}

#[test]
fn a_browser_without_cookies_is_told_so() {
    let door = door_of_ada();
    let none = |path: &str| door.browser().get(path);
    let asked = door.browser().post("/login/link", &[("email", ADA)]);
    assert_eq!((asked.status, asked.location().as_str()), (303, SENT));
    let cookies = asked.cookies();
    let own = cookies.iter().find(|cookie| cookie.contains("_asker_"));
    let own = own.unwrap();
    for part in [
        "Path=/login/link",
        "HttpOnly",
        "SameSite=Lax",
        "Max-Age=3600",
    ] {
        assert!(own.contains(part), "{own}");
    }
    assert!(none(SENT).text("main").contains("keeps no cookies"));
    let letter = door.letter(ADA, SUBJECT);
    let opened = none(letter.path(&door));
    let told = none(&opened.location());
    assert_eq!(told.status, 410);
    assert!(
        told.text("main").contains("keeps no cookies"),
        "{}",
        told.body
    );
    assert_eq!(told.attribute("main a", "href").unwrap(), "/login/link");
}
