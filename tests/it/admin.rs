//! Accounts, as administrators and their owners manage them.

use crate::support::{Browser, Door, PASSWORD, Reply, longest_email, wait_until};

/// An administrator who has just signed in.
fn administrator(door: &Door) -> Browser {
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let browser = door.browser();
    assert_eq!(browser.sign_in("root", PASSWORD).status, 303);
    browser
}

fn page_of(root: &Browser, name: &str) -> String {
    let found = root.get(&format!("/admin/accounts?q={name}"));
    let path = found.attribute("tbody a", "href");
    path.unwrap_or_else(|| panic!("no {name}: {}", found.body))
}

fn claims(browser: &Browser) -> serde_json::Value {
    use base64::Engine;
    let access = browser.access();
    let claims = access.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
    serde_json::from_slice(&claims.unwrap()).unwrap()
}

fn names(list: &Reply) -> Vec<String> {
    let text = list.text("tbody th a");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn accounts_are_listed_searched_and_paged_for_administrators_alone() {
    let door = Door::open();
    let root = administrator(&door);
    for name in ["ada", "Adam", "bob", "per_cent"] {
        door.let_pass(1);
        door.signed_up(name);
    }
    assert_eq!(root.get("/admin").location(), "/admin/accounts");
    let all = root.get("/admin/accounts");
    assert_eq!(names(&all), ["root", "ada", "Adam", "bob", "per_cent"]);
    let found = |query: &str| names(&root.get(&format!("/admin/accounts?{query}")));
    assert_eq!(found("q=ADA"), ["ada", "Adam"]);
    assert_eq!(found("q=bob@example"), ["bob"]);
    assert_eq!(found("q=r_c"), ["per_cent"], "no wildcard");
    assert_eq!(found("q=%25"), Vec::<String>::new());
    assert_eq!(found("role=administrator"), ["root"]);
    assert_eq!(
        found("role=member&q=a").len(),
        4,
        "their addresses have one"
    );
    assert_eq!(found("state=disabled"), Vec::<String>::new());
    assert_eq!(root.get("/admin/accounts?role=king").status, 404);
    let none = root.get("/admin/accounts?q=zzz");
    assert_eq!(none.text("h2"), "No matching accounts");

    let member = door.signed_up("eve");
    let refused = member.get("/admin/accounts");
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (403, "You do not have access")
    );
    let program = door.program(Some(&member.access()));
    assert_eq!(program.get("/admin/accounts").json()["error"], "forbidden");
}

#[test]
fn more_accounts_than_fit_are_on_the_next_page() {
    let door = Door::open();
    let root = administrator(&door);
    let mut rows = Vec::new();
    for n in 0..60 {
        rows.push(format!(
            "('00000000-0000-4000-8000-{n:012}', 'u{n}', 'u{n}', 'x', 'member', {n})"
        ));
    }
    door.sql(&format!(
        "INSERT INTO accounts (id, username, username_key, password_hash, role, created_at) VALUES {}",
        rows.join(",")
    ));
    let first = root.get("/admin/accounts?q=u");
    let next = first.attribute(".actions a", "href").unwrap();
    let second = root.get(&next);
    assert_eq!(
        (names(&first).len(), names(&second)[0].as_str()),
        (50, "u50")
    );
    assert!(second.attribute(".actions a", "href").is_none());
}

#[test]
fn a_role_and_groups_are_in_force_at_once_and_in_the_next_token() {
    let door = Door::open();
    let other = door.another();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    let there = ada.moved_to(&other.local_url());
    assert!(there.is_signed_in());
    let page = root.get(&page_of(&root, "ada"));
    let fields = [
        ("Role", "administrator"),
        ("Groups (optional)", "wheel, ops ops"),
    ];
    let done = root.submit(&page, "Save role and groups", &fields);
    assert_eq!(root.follow(&done).text(".notice"), "Role and groups saved.");
    assert!(!ada.is_signed_in(), "what they hold does not say it");
    wait_until("felt on the other server", || !there.is_signed_in());

    let again = door.browser();
    again.sign_in("ada", PASSWORD);
    assert_eq!(
        claims(&again)["groups"],
        serde_json::json!(["ops", "wheel"])
    );
    assert_eq!(
        claims(&again)["roles"],
        serde_json::json!(["administrator"])
    );
    assert_eq!(
        again.get("/admin/accounts?group=ops").text("tbody th a"),
        "ada"
    );
    assert_eq!(
        again.get("/admin/accounts?group=op").text("h2"),
        "No matching accounts"
    );
    assert!(again.get("/account").text("dl").contains("ops, wheel"));
    assert!(again.get("/dashboard").text("tbody").contains("ops, wheel"));

    // Saving what is so already ends nothing.
    let page = root.get(&page_of(&root, "ada"));
    root.submit(&page, "Save role and groups", &[]);
    assert!(again.is_signed_in());
    let bad = root.submit(
        &page,
        "Save role and groups",
        &[("Groups (optional)", "Ops!")],
    );
    assert_eq!((bad.status, bad.errors()[0].0.as_str()), (422, "groups"));
    assert_eq!(bad.value("Groups (optional)"), "Ops!");
}

#[test]
fn as_many_groups_as_there_can_be_still_fit_into_a_cookie() {
    let door = Door::open();
    let browser = door.browser();
    let email = longest_email();
    let page = browser.get("/signup");
    let name = "\u{10348}".repeat(100);
    let username = "u".repeat(32);
    let fields = [
        ("Username", username.as_str()),
        ("Email address", &email),
        ("Name (optional)", &name),
        ("Password", PASSWORD),
    ];
    browser.submit(&page, "Create account", &fields);
    let groups: Vec<_> = (0..20).map(|n| format!("{n:032}")).collect();
    door.sql(&format!(
        "UPDATE accounts SET groups = '{}'",
        groups.join(" ")
    ));
    let again = door.browser();
    let reply = again.sign_in(&username, PASSWORD);
    assert_eq!(reply.status, 303, "{}", reply.body);
    assert!(again.is_signed_in());
}

#[test]
fn an_account_is_disabled_made_active_signed_out_and_deleted() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    let path = page_of(&root, "ada");
    let press = |button: &str| {
        let page = root.get(&path);
        let done = root.submit(&page, button, &[]);
        root.follow(&done).text(".notice")
    };
    assert_eq!(press("Sign out everywhere"), "Signed out everywhere.");
    assert!(!ada.is_signed_in());
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    let words = "The account is disabled and signed out everywhere.";
    assert_eq!(press("Disable the account"), words);
    assert!(!ada.is_signed_in());
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 422);
    assert_eq!(press("Enable the account"), "The account is enabled.");
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);

    let ask = root.get(&format!("{path}/delete"));
    assert!(ask.text("dl").contains("ada@example.com"));
    let done = root.submit(&ask, "Delete this account", &[]);
    assert_eq!(
        root.follow(&done).text(".notice"),
        "The account of ada is deleted."
    );
    assert!(!ada.is_signed_in());
    assert_eq!(root.get(&path).status, 404);
}

#[test]
fn the_last_administrator_stays_one() {
    let door = Door::open();
    let root = administrator(&door);
    let path = page_of(&root, "root");
    let page = root.get(&path);
    let refused = |reply: Reply| assert_eq!(reply.status, 409, "{}", reply.body);
    refused(root.submit(&page, "Save role and groups", &[("Role", "member")]));
    refused(root.submit(&page, "Disable the account", &[]));
    refused(root.submit(
        &root.get(&format!("{path}/delete")),
        "Delete this account",
        &[],
    ));
    assert!(root.is_signed_in());

    // Of two who demote each other at once, one stays.
    door.signed_up("two");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let two = door.browser();
    two.sign_in("two", PASSWORD);
    let (of_root, of_two) = (page_of(&root, "root"), page_of(&root, "two"));
    let fields = [("role", "member"), ("groups", "")];
    let demotions = [(root.copy(), of_two), (two.copy(), of_root)];
    let statuses = std::thread::scope(|scope| {
        let running = demotions.map(|(who, whom)| {
            scope.spawn(move || who.post_own(&format!("{whom}/trust"), &fields).status)
        });
        running.map(|thread| thread.join().unwrap())
    });
    assert!(statuses.contains(&303), "{statuses:?}");
    let left = [&root, &two].map(|who| {
        let again = door.browser();
        let name = if std::ptr::eq(who, &root) {
            "root"
        } else {
            "two"
        };
        again.sign_in(name, PASSWORD);
        again.get("/admin/accounts").status
    });
    assert_eq!(
        left.iter().filter(|status| **status == 200).count(),
        1,
        "{left:?}"
    );
}

#[test]
fn names_are_changed_by_their_owner_and_by_administrators() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    door.signed_up("bob");
    let page = ada.get("/account/email");
    let fields = [
        ("Username", "lovelace"),
        ("Email address", ""),
        ("Name (optional)", "Ada L."),
    ];
    let done = ada.submit(&page, "Save", &fields);
    let shown = ada.follow(&done);
    assert_eq!(shown.text(".notice"), "Profile saved.");
    assert_eq!(
        ada.get("/dashboard").heading(),
        "Hello, Ada L.",
        "the token says it"
    );
    assert_eq!(door.browser().sign_in("lovelace", PASSWORD).status, 303);
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 422);

    let errors = |fields: &[(&str, &str)]| {
        let page = ada.get("/account/email");
        let reply = ada.submit(&page, "Save", fields);
        assert_eq!(reply.status, 422);
        reply.errors()
    };
    assert!(errors(&[("Username", "BOB")])[0].1.contains("taken"));
    assert!(
        errors(&[("Email address", "bob@EXAMPLE.com")])[0]
            .1
            .contains("email")
    );
    let nameless = errors(&[("Username", ""), ("Email address", "")]);
    assert_eq!(
        nameless[0].1,
        "An account needs a username or an email address"
    );

    // Meanwhile somebody else changes it: what was typed is kept, and counts the second time.
    let page = ada.get("/account/email");
    let there = root.get(&page_of(&root, "lovelace"));
    root.submit(&there, "Save profile", &[("Name (optional)", "Countess")]);
    let stale = ada.submit(&page, "Save", &[("Name (optional)", "Augusta")]);
    assert_eq!(stale.status, 422);
    assert!(stale.errors()[0].1.contains("changed in the meantime"));
    assert_eq!(stale.value("Name (optional)"), "Augusta");
    ada.submit(&stale, "Save", &[]);
    assert!(ada.get("/account").text("dl").contains("Augusta"));
}

#[test]
fn changes_by_administrators_need_a_recent_password() {
    let door = Door::open();
    let root = administrator(&door);
    door.signed_up("ada");
    let path = page_of(&root, "ada");
    let page = root.get(&path);
    door.let_pass(600);
    assert_eq!(root.get(&path).status, 200, "looking does not");
    let from = root.with("referer", &format!("{}{path}", door.url));
    let asked = from.submit(&page, "Disable the account", &[]);
    assert_eq!(asked.location(), format!("/account/verify?next={path}"));
    assert!(root.get(&path).text("dl").contains("active"));
    assert_eq!(
        root.get("/account/email").location(),
        "/account/verify?next=/account/email"
    );
}

#[test]
fn an_administrator_clears_the_rate_limits_of_an_account_or_an_address() {
    let door = Door::with(&[("limits.account", "2/1h")]);
    let root = administrator(&door);
    door.signed_up("hanna");
    let program = door.program(None);
    let sign_in = |password: &str| {
        let credentials = serde_json::json!({ "username": "hanna", "password": password });
        program
            .send_json("POST", "/api/sessions", &credentials)
            .status
    };
    assert_eq!([sign_in("canary-x"), sign_in("canary-x")], [401, 401]);
    assert_eq!(sign_in(PASSWORD), 429);

    let page = root.get("/admin/limits");
    assert!(page.text("table").contains("account"), "{}", page.body);
    assert!(!page.text("table").contains("hanna"), "{}", page.body);
    for (typed, error) in [
        ("", "Enter a username, an email address or an IP address."),
        (
            "<ivan>",
            "No account has this name, and it is not an IP address.",
        ),
    ] {
        let whose = [("Username, email address or IP address", typed)];
        let refused = root.submit(&page, "Clear rate limits", &whose);
        assert_eq!(refused.status, 422);
        assert_eq!(
            refused.errors(),
            [("username".to_owned(), error.to_owned())]
        );
        assert_eq!(refused.value_of("username"), typed);
    }
    for (whose, notice) in [
        ("Hanna", "Rate limits cleared for hanna."),
        ("2001:db8::1", "No rate limit was in use for 2001:db8::1."),
    ] {
        let typed = [("Username, email address or IP address", whose)];
        let cleared = root.follow(&root.submit(&page, "Clear rate limits", &typed));
        assert!(cleared.body.contains(notice), "{}", cleared.body);
    }
    assert_eq!(sign_in(PASSWORD), 201);
    let trail = root.get("/admin/audit?action=clear_limits");
    assert!(
        trail.text("table").contains("Clear limits"),
        "{}",
        trail.body
    );
}

#[test]
fn an_administrators_program_clears_the_rate_limits_of_an_account() {
    let door = Door::with(&[("limits.account", "1/1h")]);
    let root = administrator(&door);
    let hanna = door.signed_up("hanna");
    let id = claims(&hanna)["sub"].as_str().unwrap().to_owned();
    let sign_in = |password: &str| {
        let credentials = serde_json::json!({ "username": "hanna", "password": password });
        let program = door.program(None);
        program
            .send_json("POST", "/api/sessions", &credentials)
            .status
    };
    assert_eq!([sign_in("canary-x"), sign_in(PASSWORD)], [401, 429]);
    let clear = |by: &Browser, id: &str| {
        let program = door.program(Some(&by.access()));
        program
            .with_method("DELETE", &format!("/api/accounts/{id}/limits"))
            .status
    };
    assert_eq!(clear(&hanna, &id), 403);
    assert_eq!(clear(&root, "2f6f1a4e-0b07-4a5c-9d0e-3a8b5f9b0c11"), 404);
    assert_eq!(sign_in(PASSWORD), 429);
    assert_eq!(clear(&root, &id), 204);
    assert_eq!(sign_in(PASSWORD), 201);
}
