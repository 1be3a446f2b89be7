//! The address of an account: confirmed, changed, and brought back.

use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Place, Reply};

const CONFIRM: &str = "Confirm your email address";
const CHANGED: &str = "Your email address at";
const OTHER: &str = "canary-gravel-mitten-otter";
const VERIFY: (&str, &str) = ("signup.verify_email", "true");

/// A server that verifies addresses, with accounts that signed up before it did.
fn door(names: &[&str]) -> (Door, Vec<Browser>) {
    let door = Door::open();
    let browsers: Vec<_> = names.iter().map(|name| door.signed_up(name)).collect();
    let door = door.restart_with(&[VERIFY]);
    let moved = browsers.iter().map(|one| one.moved_to(&door.local_url()));
    let moved = moved.collect();
    (door, moved)
}

fn change(browser: &Browser, fields: &[(&str, &str)]) -> Reply {
    let page = browser.get("/account/email");
    browser.submit(&page, "Save", fields)
}

fn to_email(browser: &Browser, email: &str) -> Reply {
    change(browser, &[("Email address", email)])
}

fn me(door: &Door, browser: &Browser) -> Value {
    door.program(Some(&browser.access())).get("/api/me").json()
}

/// Opens a link at this path and presses its only button.
fn press(visitor: &Browser, link: &str, button: &str) -> Reply {
    let opened = visitor.get(link);
    if opened.status != 303 {
        return opened;
    }
    let page = visitor.follow(&opened);
    visitor.submit(&page, button, &[])
}

fn confirm(visitor: &Browser, link: &str) -> Reply {
    press(visitor, link, "Confirm the address")
}

fn undo(visitor: &Browser, link: &str) -> Reply {
    press(visitor, link, "Bring the address back")
}

fn state_of_address(browser: &Browser) -> String {
    browser.get("/account").text("dl > div:nth-child(2)")
}

#[test]
fn a_new_address_waits_until_it_is_confirmed() {
    let (door, browsers) = door(&["ada"]);
    let ada = &browsers[0];
    let saved = change(
        ada,
        &[
            ("Username", "lovelace"),
            ("Email address", "new@example.com"),
        ],
    );
    assert_eq!(saved.location(), "/account/email");
    let page = ada.follow(&saved);
    assert!(
        page.text(".notice").contains("to new@example.com"),
        "{}",
        page.body
    );
    assert!(
        page.text("main").contains("new@example.com waits"),
        "{}",
        page.body
    );
    let now = me(&door, ada);
    assert_eq!(now["username"], "lovelace");
    assert_eq!(now["email"], "ada@example.com");
    assert_eq!(now["email_verified"], false);
    let state = state_of_address(ada);
    assert!(state.contains("(not confirmed)"), "{state}");
    assert!(
        state.contains("Waiting for confirmation of new@example.com"),
        "{state}"
    );

    let letter = door.letter("new@example.com", CONFIRM);
    let visitor = door.browser();
    visitor.head(letter.path(&door));
    visitor.get(letter.path(&door));
    let page = visitor.get("/verify");
    assert!(page.text("main").contains("lovelace"), "{}", page.body);
    assert_eq!(
        me(&door, ada)["email"],
        "ada@example.com",
        "opening changes nothing"
    );
    let done = confirm(ada, letter.path(&door));
    assert_eq!((done.status, done.location().as_str()), (303, "/account"));
    let now = me(&door, ada);
    assert_eq!(
        (&now["email"], &now["email_verified"]),
        (&json!("new@example.com"), &json!(true))
    );
    assert!(state_of_address(ada).contains("new@example.com Confirmed"));
    let claims = door
        .program(None)
        .post("/api/tokens/introspect", &[("token", &ada.access())]);
    assert_eq!(claims.json()["email"], "new@example.com");
    assert_eq!(claims.json()["email_verified"], true);
    door.letter("ada@example.com", CHANGED);
    assert_eq!(confirm(&visitor, letter.path(&door)).status, 410);
}

#[test]
fn the_response_to_a_change_does_not_tell_whether_the_address_is_taken() {
    let (door, browsers) = door(&["ada", "bob"]);
    let ada = &browsers[0];
    let mut seen = Vec::new();
    for email in ["free@example.com", "bob@example.com"] {
        let saved = to_email(ada, email);
        let page = ada.follow(&saved);
        let words = page.text("main").replace(email, "…");
        let account = state_of_address(ada).replace(email, "…");
        let program = door.program(Some(&ada.access()));
        let answer = program.send_json("PATCH", "/api/me", &json!({"email": email}));
        seen.push((saved.status, words, account, answer.status, answer.body));
    }
    assert_eq!(seen[0], seen[1]);
    door.wait_for_mail();
    let letters = door.letters();
    let to_bob: Vec<_> = letters
        .iter()
        .filter(|one| one.to == "bob@example.com")
        .collect();
    assert_eq!(to_bob.len(), 2);
    for letter in to_bob {
        assert!(
            letter.subject.contains("already have an account"),
            "{}",
            letter.subject
        );
        assert!(!letter.text.contains("token"), "{}", letter.text);
    }
}

#[test]
fn a_link_is_sent_again_or_canceled() {
    let (door, browsers) = door(&["ada"]);
    let ada = &browsers[0];
    to_email(ada, "new@example.com");
    let first = door.letter("new@example.com", CONFIRM);
    let page = ada.get("/account/email");
    let again = ada.submit(&page, "Send it again", &[]);
    assert_eq!(again.location(), "/account/email");
    door.wait_for_mail();
    let letters = door.letters();
    let second = letters.iter().find(|letter| letter.id != first.id).unwrap();
    let visitor = door.browser();
    assert_eq!(
        confirm(&visitor, first.path(&door)).status,
        410,
        "a newer link replaces it"
    );
    let page = ada.get("/account/email");
    ada.submit(&page, "Cancel the change", &[]);
    let ended = confirm(&visitor, second.path(&door));
    assert_eq!(ended.status, 410);
    assert!(!state_of_address(ada).contains("Waiting"));
    let activity = ada.get("/account/activity");
    for words in [
        "Link to confirm a new email address sent",
        "Change of the email address canceled",
    ] {
        assert!(activity.body.contains(words), "{}", activity.body);
    }
}

#[test]
fn messages_to_confirm_an_address_are_limited() {
    let (door, browsers) = door(&["ada"]);
    let door = door.restart_with(&[("limits.mail_recipient", "2/1h")]);
    let ada = browsers[0].moved_to(&door.local_url());
    let press = || {
        let page = ada.get("/account/email");
        ada.submit(&page, "Send it again", &[])
    };
    assert_eq!(to_email(&ada, "new@example.com").status, 303);
    assert_eq!(press().status, 303);
    assert_eq!(press().status, 429);
    assert_eq!(to_email(&ada, "new@example.com").status, 429);
    door.wait_for_mail();
    assert_eq!(door.letters().len(), 2);
}

#[test]
fn an_unverified_account_confirms_the_address_that_it_has() {
    // Also where sign-up does not ask for it.
    let door = Door::open();
    let ada = door.signed_up("ada");
    let page = ada.get("/account/email");
    ada.submit(&page, "Confirm this address", &[]);
    let letter = door.letter("ada@example.com", CONFIRM);
    assert!(state_of_address(&ada).contains("A message with a link was sent"));
    let done = confirm(&door.browser(), letter.path(&door));
    assert_eq!((done.status, done.location().as_str()), (303, "/login"));
    assert_eq!(me(&door, &ada)["email_verified"], true);
    assert!(state_of_address(&ada).contains("Confirmed"));
    assert!(
        !ada.get("/account/email")
            .body
            .contains("Confirm this address")
    );
    assert_eq!(door.letters().len(), 1, "the address has not changed");
    let sent = ada.post_own("/account/email/confirm", &[]);
    assert!(
        ada.follow(&sent)
            .text(".notice")
            .contains("no address to confirm")
    );
}

#[test]
fn of_two_accounts_that_confirm_one_address_one_gets_it() {
    let (door, browsers) = door(&["ada", "bob"]);
    let mut links = Vec::new();
    for browser in &browsers {
        to_email(browser, "new@example.com");
        door.wait_for_mail();
        let letters = door.letters();
        let letter = letters.iter().find(|one| {
            one.to == "new@example.com" && !links.contains(&one.path(&door).to_owned())
        });
        links.push(letter.unwrap().path(&door).to_owned());
    }
    let pages: Vec<_> = links
        .iter()
        .map(|link| {
            let visitor = door.browser();
            let page = visitor.follow(&visitor.get(link));
            (visitor, page)
        })
        .collect();
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let uses: Vec<_> = pages
            .iter()
            .map(|(visitor, page)| {
                let visitor = visitor.copy();
                scope.spawn(move || visitor.submit(page, "Confirm the address", &[]))
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    let refused = replies.iter().find(|reply| reply.status == 409).unwrap();
    assert_eq!(refused.heading(), "Another account has this email address");
    let holders = "SELECT count(*) AS n FROM accounts WHERE email = 'new@example.com'";
    assert_eq!(door.number(holders), 1);
}

#[test]
fn of_fifty_confirmations_by_one_link_one_succeeds() {
    let (door, browsers) = door(&["ada"]);
    to_email(&browsers[0], "new@example.com");
    let letter = door.letter("new@example.com", CONFIRM);
    let visitor = door.browser();
    let page = visitor.follow(&visitor.get(letter.path(&door)));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..50)
            .map(|_| {
                let (visitor, page) = (visitor.copy(), &page);
                scope.spawn(move || visitor.submit(page, "Confirm the address", &[]).status)
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    door.wait_for_mail();
    door.letter("ada@example.com", CHANGED);
}

#[test]
fn links_of_a_changed_disabled_or_deleted_account_confirm_nothing() {
    let (door, browsers) = door(&["ada", "bob", "max"]);
    let mut links = Vec::new();
    for (browser, name) in browsers.iter().zip(["ada", "bob", "max"]) {
        let email = format!("new-{name}@example.com");
        to_email(browser, &email);
        links.push(door.letter(&email, CONFIRM).path(&door).to_owned());
    }
    let page = browsers[0].get("/account/password");
    let new = [("Current password", PASSWORD), ("New password", OTHER)];
    browsers[0].submit(&page, "Change password", &new);
    door.sql("UPDATE accounts SET disabled_at = 1 WHERE username = 'bob'");
    let page = browsers[2].get("/account/delete");
    browsers[2].submit(&page, "Delete my account", &[]);
    for link in &links {
        assert_eq!(confirm(&door.browser(), link).status, 410, "{link}");
    }
    let tokens = "SELECT count(*) AS n FROM one_time_tokens JOIN accounts \
                  ON accounts.id = account_id WHERE deleted_at IS NOT NULL";
    assert_eq!(door.number(tokens), 0);
}

/// Somebody with the session of an account changes its address, and the owner undoes that.
#[test]
fn the_old_address_brings_itself_back() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = ada.with("user-agent", "Firefox/1 Linux");
    assert_eq!(
        to_email(&thief, "first@evil.example").location(),
        "/account"
    );
    door.let_pass(1);
    to_email(&thief, "second@evil.example");
    door.wait_for_mail();
    let letter = door.letter("ada@example.com", CHANGED);
    assert!(letter.text.contains("Firefox on Linux"), "{}", letter.text);
    let theirs = door.letter("first@evil.example", CHANGED);
    // The thief also has a link to set a password.
    let page = thief.get("/forgot");
    thief.submit(
        &page,
        "Send the link",
        &[("Email address", "second@evil.example")],
    );
    let reset = door.letter("second@evil.example", "Set a new password");

    let owner = door.browser();
    owner.head(letter.path(&door));
    owner.get(letter.path(&door));
    assert!(owner.get("/undo").text("main").contains("ada@example.com"));
    assert!(thief.is_signed_in(), "opening changes nothing");
    let undone = undo(&owner, letter.path(&door));
    assert_eq!((undone.status, undone.location().as_str()), (303, "/login"));
    let page = owner.follow(&undone);
    assert!(
        page.text(".notice")
            .contains("has the address ada@example.com again"),
        "{}",
        page.body
    );
    assert!(!thief.is_signed_in());
    assert_eq!(
        door.lines("SELECT email AS line FROM accounts"),
        ["ada@example.com"]
    );
    // Neither of the thief's links does anything any more.
    assert_eq!(undo(&thief, theirs.path(&door)).status, 410);
    assert_eq!(thief.get(reset.path(&door)).status, 410);
    assert_eq!(undo(&owner, letter.path(&door)).status, 410);
    let reset = door.letter("ada@example.com", "Set a new password");
    owner.get(reset.path(&door));
    let page = owner.get("/reset");
    let set = owner.submit(&page, "Set password", &[("New password", OTHER)]);
    assert_eq!(set.status, 303);
    assert_eq!(owner.sign_in("ada@example.com", OTHER).status, 303);
    assert_eq!(me(&door, &owner)["email_verified"], true);
    let activity = owner.get("/account/activity");
    assert!(activity.body.contains("Change of the email address undone"));
}

#[test]
fn a_thief_cannot_undo_first() {
    let door = Door::open();
    let thief = door.signed_up("ada");
    to_email(&thief, "first@evil.example");
    // Within the same second.
    to_email(&thief, "second@evil.example");
    let theirs = door.letter("first@evil.example", CHANGED);
    let own = door.letter("ada@example.com", CHANGED);
    assert_eq!(undo(&thief, theirs.path(&door)).status, 303);
    assert_eq!(undo(&door.browser(), own.path(&door)).status, 303);
    assert_eq!(
        door.lines("SELECT email AS line FROM accounts"),
        ["ada@example.com"]
    );
}

#[test]
fn an_address_that_another_account_has_by_now_is_not_brought_back() {
    let door = Door::open();
    let thief = door.signed_up("ada");
    to_email(&thief, "new@evil.example");
    let letter = door.letter("ada@example.com", CHANGED);
    assert_eq!(
        door.browser()
            .sign_up("mallory", "ada@example.com", OTHER)
            .status,
        303
    );
    let owner = door.browser();
    let undone = undo(&owner, letter.path(&door));
    let page = owner.follow(&undone);
    assert!(
        page.text(".notice").contains("could not be brought back"),
        "{}",
        page.body
    );
    assert!(!thief.is_signed_in());
    // The account is secured: it has no address of the thief, and the owner gets a link.
    assert!(page.text(".notice").contains("with the username ada"));
    let addresses =
        "SELECT coalesce(email, '-') AS line FROM accounts ORDER BY created_at, username";
    assert_eq!(door.lines(addresses), ["-", "ada@example.com"]);
    let reset = door.letter("ada@example.com", "Set a new password");
    assert_eq!(owner.get(reset.path(&door)).status, 303);
    assert_eq!(owner.get("/reset").value("Account"), "ada");
}

#[test]
fn every_way_of_changing_an_address_tells_the_old_one() {
    let (door, browsers) = door(&["ada", "root"]);
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let root = &browsers[1];
    root.sign_out();
    root.sign_in("root", PASSWORD);
    let page = root.get("/admin/accounts?q=ada");
    let path = page.attribute("tbody a", "href").unwrap();
    let page = root.get(&path);
    let fields = [("Email address", "two@example.com")];
    assert_eq!(root.submit(&page, "Save profile", &fields).status, 303);
    let letter = door.letter("ada@example.com", CHANGED);
    assert!(
        letter.text.contains("By: an administrator"),
        "{}",
        letter.text
    );
    let ada = &browsers[0];
    assert_eq!(me(&door, ada)["email"], "two@example.com", "at once");
    assert_eq!(me(&door, ada)["email_verified"], false);
    assert!(root.get(&path).text("dl").contains("Not confirmed"));
    let id = path.rsplit('/').next().unwrap();
    let program = door.program(Some(&root.access()));
    let three = json!({"email": "three@example.com"});
    let changed = program.send_json("PATCH", &format!("/api/accounts/{id}"), &three);
    assert_eq!(changed.json()["email"], "three@example.com");
    let letter = door.letter("two@example.com", CHANGED);
    // What an administrator has changed is not for the old address to undo.
    assert!(!letter.text.contains("/undo"), "{}", letter.text);
    // An administrator's own address waits like any other.
    to_email(root, "root2@example.com");
    assert_eq!(me(&door, root)["email"], "root@example.com");
    door.letter("root2@example.com", CONFIRM);
    // An address that is removed is told as well.
    let removed = program.send_json(
        "PATCH",
        &format!("/api/accounts/{id}"),
        &json!({"email": null}),
    );
    assert_eq!(removed.status, 200, "{}", removed.body);
    door.letter("three@example.com", CHANGED);
}

#[test]
fn a_command_that_changes_an_address_tells_the_old_one() {
    let place = Place::new();
    let new = [
        "account",
        "add",
        "--username",
        "ada",
        "--email",
        "ada@example.com",
    ];
    place.tell(&new, format!("{PASSWORD}\n")).well();
    let listed = place.run(&["account", "list"]).well();
    assert!(listed.ends_with("\tnot confirmed\n"), "{listed}");
    place
        .run(&["account", "rename", "ada", "--email", "new@example.com"])
        .well();
    let sent = "SELECT kind || ' ' || recipient AS line FROM mail_messages";
    assert_eq!(place.lines(sent), ["address changed ada@example.com"]);
}

/// The owner changes a stolen address back by hand, or an administrator does.
#[test]
fn an_address_that_a_thief_has_set_does_not_bring_itself_back() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    to_email(&ada, "thief@evil.example");
    let own = door.letter("ada@example.com", CHANGED);
    to_email(&ada, "ada@example.com");
    let theirs = door.letter("thief@evil.example", CHANGED);
    assert!(!theirs.text.contains("/undo"), "{}", theirs.text);
    // The owner's own link still works.
    assert_eq!(undo(&door.browser(), own.path(&door)).status, 303);
}

#[test]
fn a_change_back_by_hand_ends_the_links_of_the_changes_between() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    to_email(&ada, "first@evil.example");
    to_email(&ada, "second@evil.example");
    let theirs = door.letter("first@evil.example", CHANGED);
    to_email(&ada, "ada@example.com");
    door.letter("second@evil.example", CHANGED);
    assert_eq!(undo(&door.browser(), theirs.path(&door)).status, 410);
}

#[test]
fn an_address_that_was_never_confirmed_does_not_bring_itself_back() {
    let door = Door::open();
    door.signed_up("ada");
    let door = door.restart_with(&[("signup.verify_email", "true")]);
    let ada = door.browser();
    ada.sign_in("ada", PASSWORD);
    to_email(&ada, "right@example.com");
    let link = door.letter("right@example.com", CONFIRM);
    assert_eq!(confirm(&ada, link.path(&door)).status, 303);
    let letter = door.letter("ada@example.com", CHANGED);
    assert!(!letter.text.contains("/undo"), "{}", letter.text);
}

#[test]
fn an_undone_change_tells_the_address_that_the_account_loses() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    to_email(&ada, "new@example.com");
    let letter = door.letter("ada@example.com", CHANGED);
    undo(&door.browser(), letter.path(&door));
    let lost = door.letter("new@example.com", CHANGED);
    assert!(!lost.text.contains("/undo"), "{}", lost.text);
}

#[test]
fn the_old_password_ends_with_an_undone_change() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    to_email(&ada, "thief@evil.example");
    let letter = door.letter("ada@example.com", CHANGED);
    undo(&door.browser(), letter.path(&door));
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 422);
    let reset = door.letter("ada@example.com", "Set a new password");
    assert_eq!(door.browser().get(reset.path(&door)).status, 303);
}

/// An account whose owner signs in with the address alone.
#[test]
fn an_account_without_a_username_is_not_left_with_the_address_of_a_thief() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    to_email(&ada, "thief@evil.example");
    let letter = door.letter("ada@example.com", CHANGED);
    door.sql("UPDATE accounts SET username = NULL, username_key = NULL");
    door.browser().sign_up("mallory", "ada@example.com", OTHER);
    let owner = door.browser();
    let undone = undo(&owner, letter.path(&door));
    let notice = owner.follow(&undone).text(".notice");
    let names = "SELECT username || ' ' || coalesce(email, '-') AS line FROM accounts \
                 WHERE username <> 'mallory'";
    let name = door.lines(names).remove(0);
    let username = name.strip_suffix(" -").expect("no address");
    assert!(username.starts_with("user-"), "{username}");
    assert!(notice.contains(username), "{notice}");
    // The link went to an address that the account does not have, so it confirms none.
    let reset = door.letter("ada@example.com", "Set a new password");
    owner.get(reset.path(&door));
    let page = owner.get("/reset");
    let set = owner.submit(
        &page,
        "Set password",
        &[("New password", "a quite new passphrase 7")],
    );
    assert_eq!(set.status, 303, "{}", set.body);
    assert_eq!(
        door.number("SELECT count(*) AS n FROM accounts WHERE email_verified_at IS NOT NULL"),
        0
    );
}

#[test]
fn a_link_confirms_no_address_but_the_one_that_it_was_sent_to() {
    let door = Door::open();
    let thief = door.signed_up("ada");
    to_email(&thief, "new@example.com");
    let letter = door.letter("ada@example.com", CHANGED);
    door.browser().sign_up("other", "ada@example.com", OTHER);
    undo(&door.browser(), letter.path(&door));
    let reset = door.letter("ada@example.com", "Set a new password");
    let owner = door.browser();
    owner.get(reset.path(&door));
    let page = owner.get("/reset");
    owner.submit(
        &page,
        "Set password",
        &[("New password", "a quite new passphrase 7")],
    );
    assert_eq!(
        door.number("SELECT count(*) AS n FROM accounts WHERE email_verified_at IS NOT NULL"),
        0
    );
}
