//! Invitations.

use serde_json::{Value, json};

use crate::support::{Browser, Door, PASSWORD, Place, Reply};

const API: &str = "/api/invitations";
const DAY: i64 = 86_400;

/// An administrator who has just signed in.
fn administrator(door: &Door) -> Browser {
    let root = door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    root.sign_out();
    assert_eq!(root.sign_in("root", PASSWORD).status, 303);
    root
}

fn invite(root: &Browser, fields: &[(&str, &str)]) -> Reply {
    let page = root.get("/admin/invites");
    let made = root.submit(&page, "Create invitation", fields);
    if made.status == 303 {
        root.follow(&made)
    } else {
        made
    }
}

/// Path and query of the link on the page after an open invitation was made.
fn link(door: &Door, page: &Reply) -> String {
    let notice = page.text(".notice");
    let link = notice.split_whitespace().last().unwrap();
    link.strip_prefix(&door.url).unwrap().to_owned()
}

fn accept(browser: &Browser, link: &str, username: &str) -> Reply {
    let opened = browser.get(link);
    assert_eq!(
        (opened.status, opened.location().as_str()),
        (303, "/invitation")
    );
    let page = browser.get("/invitation");
    let email = format!("{username}@example.com");
    let mut typed = vec![("Username", username), ("Password", PASSWORD)];
    if page
        .forms()
        .iter()
        .any(|form| form.fields.iter().any(|(name, ..)| name == "email"))
    {
        typed.push(("Email address", &email));
    }
    browser.submit(&page, "Create account", &typed)
}

fn program(root: &Browser, door: &Door) -> Browser {
    door.program(Some(&root.access()))
}

#[test]
fn an_invited_person_gets_the_role_the_groups_and_a_confirmed_address() {
    let open = Door::open();
    let root = administrator(&open);
    let door = open.another_with(&[("signup.mode", "invite")]);
    let root = root.moved_to(&door.url);
    let page = invite(
        &root,
        &[
            ("Email address (optional)", "Bob@Example.com"),
            ("Role", "administrator"),
            ("Groups (optional)", "staff night"),
        ],
    );
    assert!(
        page.text(".notice")
            .contains("on its way to Bob@example.com"),
        "{}",
        page.body
    );
    let letter = door.letter("Bob@example.com", "Your invitation");
    let bob = door.browser();
    let closed = bob.get("/signup");
    assert_eq!(closed.status, 403);
    assert_eq!(closed.heading(), "Sign-up is by invitation");
    bob.head(letter.path(&door));
    let done = accept(&bob, letter.path(&door), "bob");
    assert_eq!(
        (done.status, done.location().as_str()),
        (303, "/dashboard"),
        "{}",
        done.body
    );
    let me = program(&bob, &door).get("/api/me").json();
    assert_eq!(me["role"], "administrator");
    assert_eq!(me["groups"], json!(["night", "staff"]));
    assert_eq!(me["email"], "Bob@example.com");
    assert_eq!(
        door.number("SELECT count(email_verified_at) AS n FROM accounts"),
        1
    );
    let visitor = door.browser();
    assert_eq!(visitor.get(letter.path(&door)).status, 410, "it is used up");
    assert_eq!(visitor.get("/invitation").status, 410);
}

#[test]
fn an_address_that_was_invited_cannot_be_replaced() {
    let door = Door::open();
    let root = administrator(&door);
    invite(&root, &[("Email address (optional)", "bob@example.com")]);
    let letter = door.letter("bob@example.com", "Your invitation");
    let bob = door.browser();
    bob.get(letter.path(&door));
    let page = bob.get("/invitation");
    let done = bob.post(
        "/invitation",
        &[
            ("form_token", &page.value_of("form_token")),
            ("username", "bob"),
            ("email", "mallory@example.com"),
            ("password", PASSWORD),
        ],
    );
    assert_eq!(done.status, 303, "{}", done.body);
    let me = program(&bob, &door).get("/api/me").json();
    assert_eq!(me["email"], "bob@example.com");
}

#[test]
fn an_open_link_is_for_a_number_of_accounts_and_a_taken_name_costs_none() {
    let door = Door::open();
    let root = administrator(&door);
    let page = invite(&root, &[("Number of accounts", "2")]);
    let link = link(&door, &page);
    let taken = accept(&door.browser(), &link, "root");
    assert_eq!(taken.status, 422, "{}", taken.body);
    assert_eq!(accept(&door.browser(), &link, "ada").status, 303);
    assert_eq!(accept(&door.browser(), &link, "bob").status, 303);
    assert_eq!(door.browser().get(&link).status, 410);
    let listed = root.get("/admin/invites");
    assert!(listed.text("tbody").contains("2 of 2"), "{}", listed.body);
}

#[test]
fn of_ten_uses_at_once_of_the_last_place_one_succeeds() {
    let door = Door::open();
    let root = administrator(&door);
    let link = link(&door, &invite(&root, &[]));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..10)
            .map(|n| {
                let (browser, link) = (door.browser(), &link);
                scope.spawn(move || {
                    browser.get(link);
                    let page = browser.get("/invitation");
                    let form_token = match page.status {
                        200 => page.value_of("form_token"),
                        _ => return page.status,
                    };
                    let fields = [
                        ("form_token", form_token.as_str()),
                        ("username", &format!("ada-{n}")),
                        ("email", &format!("ada-{n}@example.com")),
                        ("password", PASSWORD),
                    ];
                    browser.post("/invitation", &fields).status
                })
            })
            .collect();
        uses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let succeeded = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert_eq!(door.number("SELECT count(*) AS n FROM accounts"), 2);
}

#[test]
fn an_invitation_ends_when_it_expires_or_is_revoked() {
    let door = Door::open();
    let root = administrator(&door);
    let expiring = link(&door, &invite(&root, &[("Days until it expires", "3")]));
    door.let_pass(1);
    let revoked = link(&door, &invite(&root, &[]));
    let page = root.get("/admin/invites");
    let ask = root.get(&page.attribute("tbody a", "href").unwrap());
    let done = root.submit(&ask, "Revoke this invitation", &[]);
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(door.browser().get(&revoked).status, 410);
    door.let_pass(3 * DAY - 2);
    assert_eq!(door.browser().get(&expiring).status, 303);
    door.let_pass(1);
    assert_eq!(door.browser().get(&expiring).status, 410);
}

#[test]
fn a_wrong_invitation_is_refused_with_its_input() {
    let door = Door::open();
    let root = administrator(&door);
    let typed = [
        ("Email address (optional)", "nobody"),
        ("Groups (optional)", "NOT good"),
        ("Days until it expires", "soon"),
        ("Number of accounts", "1001"),
    ];
    let refused = invite(&root, &typed);
    assert_eq!(refused.status, 422);
    let fields: Vec<_> = refused
        .errors()
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(fields, ["email", "groups", "days", "uses"]);
    assert_eq!(refused.value("Days until it expires"), "soon");
    let several = [
        ("Email address (optional)", "a@b.example"),
        ("Number of accounts", "2"),
    ];
    assert_eq!(invite(&root, &several).status, 422);
    assert_eq!(door.number("SELECT count(*) AS n FROM invitations"), 0);
}

#[test]
fn programs_of_administrators_invite_list_and_revoke() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    assert_eq!(program(&ada, &door).get(API).status, 403);
    let program = program(&root, &door);
    let made = program.send_json("POST", API, &json!({"groups": ["staff"], "uses": 3}));
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let url = made["url"].as_str().unwrap();
    assert_eq!(
        door.browser()
            .get(url.strip_prefix(&door.url).unwrap())
            .status,
        303
    );
    let sent = program.send_json("POST", API, &json!({"email": "bob@example.com"}));
    assert_eq!(sent.json()["url"], Value::Null);
    let listed = program.get(&format!("{API}?limit=1")).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let next = listed["next"].as_str().unwrap();
    let rest = program.get(&format!("{API}?after={next}")).json();
    assert_eq!(rest["next"], Value::Null);
    let id = made["invitation"]["id"].as_str().unwrap();
    let revoke = |times| {
        let reply = program.with_method("DELETE", &format!("{API}/{id}"));
        assert_eq!(reply.status, times);
    };
    revoke(204);
    revoke(404);
    let wrong = program.send_json("POST", API, &json!({"role": "king", "days": 0}));
    assert_eq!(wrong.status, 422, "{}", wrong.body);
}

#[test]
fn a_command_prints_the_link_of_an_open_invitation() {
    let place = Place::new();
    let ran = place.run(&["account", "invite", "--group", "staff", "--uses", "2"]);
    let printed = ran.well();
    assert!(
        printed.starts_with("http://127.0.0.1:8080/invitation?token="),
        "{printed}"
    );
    let ran = place.run(&["account", "invite", "--email", "bob@example.com"]);
    assert_eq!(
        ran.well().trim(),
        "The server sends the invitation to bob@example.com."
    );
    let ran = place.run(&["account", "invite", "--days", "0"]);
    let why = ran.ill(1);
    assert!(why.contains("days must be a number"), "{why}");
}

#[test]
fn an_address_that_was_not_invited_is_confirmed_by_a_link() {
    let open = Door::open();
    let root = administrator(&open);
    let door = open.another_with(&[("signup.verify_email", "true")]);
    let root = root.moved_to(&door.url);
    let link = link(&door, &invite(&root, &[]));
    let bob = door.browser();
    assert_eq!(accept(&bob, &link, "bob").status, 303);
    let verified = || program(&bob, &door).get("/api/me").json()["email_verified"].clone();
    assert_eq!(verified(), false);
    let letter = door.letter("bob@example.com", "Confirm your email address");
    bob.get(letter.path(&door));
    let page = bob.get("/verify");
    assert_eq!(
        bob.submit(&page, "Confirm the address", &[]).status,
        303,
        "{}",
        page.body
    );
    assert_eq!(verified(), true);
}

#[test]
fn an_invitation_ends_when_its_maker_is_not_an_administrator_any_more() {
    let door = Door::open();
    let root = administrator(&door);
    let page = invite(&root, &[("Role", "administrator")]);
    let link = link(&door, &page);
    assert!(root.get("/admin/invites").text("table").contains("By root"));
    let opened = door.browser();
    assert_eq!(opened.get(&link).status, 303);
    let form = opened.get("/invitation");
    for lost in ["role = 'member'", "role = 'administrator', disabled_at = 1"] {
        door.sql(&format!(
            "UPDATE accounts SET {lost} WHERE username = 'root'"
        ));
        assert_eq!(door.browser().get(&link).status, 410, "{lost}");
        let fields = [
            ("Username", "eve"),
            ("Email address", "eve@example.com"),
            ("Password", PASSWORD),
        ];
        let late = opened.submit(&form, "Create account", &fields);
        assert_eq!(late.status, 410, "{lost}: {}", late.body);
    }
    door.sql("UPDATE accounts SET disabled_at = NULL WHERE username = 'root'");
    assert_eq!(accept(&door.browser(), &link, "ada").status, 303);
}

#[test]
fn an_invitation_of_an_administrator_is_for_one_account_and_seven_days() {
    let door = Door::open();
    let root = administrator(&door);
    let many = [
        ("Role", "administrator"),
        ("Number of accounts", "2"),
        ("Days until it expires", "8"),
    ];
    let refused = invite(&root, &many);
    assert_eq!(refused.status, 422);
    let errors: Vec<_> = refused.errors().into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        errors,
        [
            "An invitation of an administrator is for one account",
            "An invitation of an administrator expires after 7 days or fewer"
        ]
    );
}
