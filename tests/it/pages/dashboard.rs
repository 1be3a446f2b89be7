use serde_json::json;

use crate::support::{Door, Multipart, PASSWORD};

#[test]
fn the_dashboard_summarises_work_files_devices_and_activity() {
    let door = Door::open();
    let ada = door.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let empty = ada.get("/dashboard").text(".tiles");
    for words in [
        "No open items.",
        "0 bytes of 5 GB used · 0 files",
        "1 device",
        "Only this device.",
        "Account created",
    ] {
        assert!(empty.contains(words), "{words} in {empty}");
    }

    let program = door.program(Some(&ada.access()));
    for title in ["First", "Second", "Third", "Fourth"] {
        let added = program.send_json("POST", "/api/work-items", &json!({ "title": title }));
        assert_eq!(added.status, 201, "{}", added.body);
    }
    let form = Multipart::new().file("file", "a.txt", b"words");
    assert_eq!(program.send_files("/api/files", &form).status, 201);
    door.let_pass(60);
    let phone = door
        .browser()
        .with("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1");
    phone.sign_in("ada", PASSWORD);

    let page = ada.get("/dashboard");
    let tiles = page.text(".tiles");
    for words in [
        "4 open items",
        "First",
        "Third",
        "5 bytes of 5 GB used · 1 file",
        "2 devices",
        "Latest other device: Safari on iPhone",
        "Signed in from a new device",
    ] {
        assert!(tiles.contains(words), "{words} in {tiles}");
    }
    assert!(!tiles.contains("Fourth"), "{tiles}");
    assert_eq!(
        page.attribute(".tiles rect + rect", "width").as_deref(),
        Some("1")
    );
}

#[test]
fn every_page_says_whose_site_it_is_and_where_one_can_go() {
    let door = Door::with(&[
        ("site.name", "Garden Club"),
        ("site.purpose", "One account for the garden."),
        ("site.contact", "help@example.org"),
        ("site.privacy", "https://example.org/privacy"),
    ]);
    let visitor = door.browser();
    let home = visitor.get("/");
    assert_eq!(home.title(), "Garden Club");
    assert_eq!(home.heading(), "Sign in to Garden Club");
    assert!(home.text("main").contains("One account for the garden."));
    assert_eq!(home.text("header nav"), "Sign in");
    assert_eq!(
        home.attribute("footer a", "href").as_deref(),
        Some("mailto:help@example.org")
    );
    assert_eq!(visitor.get("/login").title(), "Sign in – Garden Club");

    let ada = door.signed_up("ada");
    assert_eq!(ada.get("/").location(), "/dashboard");
    let page = ada.get("/work");
    assert_eq!(page.text("header nav [aria-current]"), "Work");
    assert!(!page.text("header").contains("Admin"));
    assert_eq!(page.text("footer span"), "");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let root = door.browser();
    root.sign_in("ada", PASSWORD);
    let page = root.get("/admin/accounts");
    assert_eq!(page.text("header nav [aria-current]"), "Admin");
    assert!(page.text("footer span").starts_with("Doorward "));
}

#[test]
fn the_dashboard_of_another_account_shows_nothing_of_this_one() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    program.send_json("POST", "/api/work-items", &json!({ "title": "Private" }));
    let tiles = door.signed_up("ben").get("/dashboard").text(".tiles");
    assert!(
        tiles.contains("No open items.") && tiles.contains("1 device"),
        "{tiles}"
    );
    assert!(!tiles.contains("Private"), "{tiles}");
}

#[test]
fn a_link_to_the_dashboard_shows_no_summary() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    program.send_json("POST", "/api/work-items", &json!({ "title": "Private" }));
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = door.browser().post("/login", &fields).location();
    let page = door.browser().get(&link);
    assert_eq!(page.heading(), "Hello, ada");
    assert!(!page.body.contains("Private"), "{}", page.body);
    assert!(!page.body.contains("tiles"), "{}", page.body);
}

#[test]
fn an_address_that_is_not_confirmed_is_a_pending_action() {
    let door = Door::open();
    let ada = door.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    assert_eq!(ada.get("/dashboard").text(".note"), "");

    let door = door.restart_with(&[("signup.verify_email", "true")]);
    let ada = door.browser();
    ada.sign_in("ada", PASSWORD);
    let note = ada.get("/dashboard").text(".note");
    assert!(note.contains("ada@example.com is not confirmed"), "{note}");
    door.sql("UPDATE accounts SET email_verified_at = 1");
    assert_eq!(ada.get("/dashboard").text(".note"), "");
}

#[test]
fn the_claims_of_the_token_have_readable_times() {
    let door = Door::open();
    let page = door.signed_up("ada").get("/dashboard");
    assert!(page.attribute("details", "open").is_none());
    let claims = page.text("details table");
    assert!(
        claims.contains("iat") && claims.contains("15 Jan 2027, 08:00:00 UTC"),
        "{claims}"
    );
}
