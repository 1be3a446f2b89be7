//! Forms that are filled in wrongly, or built by hand.

use super::{CANARY, FORM, is_well_dressed, program, refused, told};
use crate::support::browser::encode;
use crate::support::{Browser, Door, PASSWORD, Reply};

const FORMS: [&str; 5] = [
    "/signup",
    "/login",
    "/first-administrator",
    "/inspect",
    "/logout",
];

/// An error as the page shows it: (field, words).
fn error(field: &str, words: &str) -> (String, String) {
    (field.to_owned(), words.to_owned())
}

/// Everything that is wrong stands in the summary and at its field, in the same words.
fn shows(reply: &Reply, errors: &[(String, String)]) {
    assert_eq!(reply.status, 422, "{}", reply.body);
    is_well_dressed(reply);
    assert_eq!(reply.errors(), errors);
    assert!(reply.title().starts_with("Error: "), "{}", reply.title());
    for (field, words) in errors {
        assert_eq!(
            reply.text(&format!("#{field}-error")),
            format!("Error: {words}")
        );
        assert_eq!(
            reply
                .attribute(&format!("#{field}"), "aria-invalid")
                .as_deref(),
            Some("true")
        );
        let described = reply
            .attribute(&format!("#{field}"), "aria-describedby")
            .unwrap();
        assert!(described.contains(&format!("{field}-error")), "{described}");
    }
}

/// The token of the console's link.
fn one_time_token(door: &Door) -> String {
    let link = door.first_administrator.as_deref().unwrap();
    link.split_once("token=").unwrap().1.to_owned()
}

fn empty_sign_up() -> [(String, String); 3] {
    [
        error("username", "Enter a username"),
        error("email", "Enter an email address"),
        error("password", "Enter a password"),
    ]
}

#[test]
fn an_empty_sign_up_names_every_field_that_is_needed() {
    let door = Door::open();
    shows(&door.browser().post("/signup", &[]), &empty_sign_up());
}

#[test]
fn an_empty_sign_in_names_both_fields() {
    let door = Door::open();
    let errors = [
        error("username", "Enter your username or email address"),
        error("password", "Enter your password"),
    ];
    shows(&door.browser().post("/login", &[]), &errors);
}

#[test]
fn a_first_administrator_without_fields_is_asked_for_them_and_the_link_stays_good() {
    let door = Door::open();
    let token = one_time_token(&door);
    let reply = door
        .browser()
        .post("/first-administrator", &[("token", &token)]);
    shows(&reply, &empty_sign_up());
    let fields = [
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", PASSWORD),
    ];
    let made = door
        .browser()
        .submit(&reply, "Create administrator", &fields);
    assert_eq!(made.location(), "/dashboard");
}

#[test]
fn a_first_administrator_without_a_link_gets_nothing() {
    let door = Door::open();
    for fields in [
        &[][..],
        &[("token", "")],
        &[("token", "canary-not-a-token")],
        &[("token", "\0")],
    ] {
        refused(
            &door,
            |who| who.post("/first-administrator", fields),
            410,
            "link_ended",
            "Nothing was changed",
        );
    }
}

#[test]
fn signing_out_needs_no_field_and_no_session() {
    let door = Door::open();
    for who in [door.browser(), door.signed_up("ada")] {
        assert_eq!(who.post_own("/logout", &[]).location(), "/");
        assert!(!who.is_signed_in());
    }
}

#[test]
fn a_refused_form_keeps_its_input_except_secrets() {
    let door = Door::open();
    let typed = [
        ("username", " a b "),
        ("email", "nowhere"),
        ("name", "Ada"),
        ("password", "canary"),
    ];
    let reply = door.browser().post("/signup", &typed);
    let errors = [
        error(
            "username",
            "Username must begin with a letter or digit and use only letters a to z, digits, dots, hyphens and underscores",
        ),
        error(
            "email",
            "Enter an email address in the correct format, like name@example.com",
        ),
        error("password", "Password must be 12 characters or more"),
    ];
    shows(&reply, &errors);
    for (label, value) in [
        ("Username", "a b"),
        ("Email address", "nowhere"),
        ("Name (optional)", "Ada"),
        ("Password", ""),
    ] {
        assert_eq!(reply.value(label), value);
    }
    let reply = door.browser().post(
        "/login",
        &[("username", "ada"), ("stay", "on"), ("next", "/public")],
    );
    shows(&reply, &[error("password", "Enter your password")]);
    assert_eq!(reply.value("Username or email address"), "ada");
    assert_eq!(
        reply.attribute("[name=stay]", "checked").as_deref(),
        Some("")
    );
    assert_eq!(
        reply.attribute("[name=next]", "value").as_deref(),
        Some("/public")
    );
}

#[test]
fn a_program_reads_what_is_wrong_with_each_field() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let words = "Nothing was saved";
    let reply = program(&door).post("/signup", &[("name", "Ada"), ("password", "canary")]);
    assert_eq!(reply.status, 422);
    let fields = told(&reply, "invalid_fields", words);
    assert_eq!(
        fields,
        serde_json::json!({
            "username": "Enter a username",
            "email": "Enter an email address",
            "password": "Password must be 12 characters or more",
        })
    );
    let reply = program(&door).post("/login", &[("username", "nobody"), ("password", PASSWORD)]);
    assert_eq!(reply.status, 422);
    let fields = told(&reply, "invalid_fields", words);
    let no_match = "That name and password do not match. Check both, or set a new password.";
    assert_eq!(fields, serde_json::json!({ "username": no_match }));
    let token = one_time_token(&door);
    let reply = program(&door).post("/first-administrator", &[("token", &token)]);
    assert_eq!(reply.status, 422);
    assert_eq!(
        told(&reply, "invalid_fields", words)
            .as_object()
            .unwrap()
            .len(),
        3
    );
    assert!(!reply.body.contains(&token));
}

#[test]
fn only_forms_are_taken_for_forms() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let multipart = "multipart/form-data; boundary=x";
    for (content_type, body) in [
        ("application/json", r#"{"username":"ada"}"#),
        (
            multipart,
            "--x\r\ncontent-disposition: form-data; name=\"username\"\r\n\r\nada\r\n--x--",
        ),
        ("text/plain", "username=ada"),
        ("", "username=ada"),
        ("junk", "username=ada"),
        ("application/x-www-form-urlencoded-not", "username=ada"),
    ] {
        for path in FORMS {
            let post = |who: &Browser| who.post_body(path, content_type, body);
            refused(&door, post, 415, "unsupported_media_type", FORM);
        }
    }
    // No type at all, which no library sends along with a body.
    let post = |who: &Browser| who.with_method("POST", "/signup");
    refused(&door, post, 415, "unsupported_media_type", FORM);
    let post = |who: &Browser| who.with("content-encoding", "gzip").post("/signup", &[]);
    refused(&door, post, 415, "unsupported_media_type", FORM);
}

#[test]
fn a_content_type_may_be_spelled_in_any_case_and_name_a_charset() {
    let door = Door::open();
    for content_type in [
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
    ] {
        let reply = door
            .browser()
            .post_body("/signup", content_type, "username=ada");
        assert_eq!(reply.status, 422);
        assert_eq!(reply.value("Username"), "ada");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let door = Door::open();
    for body in [
        &b"username=%ff"[..],
        b"username=\xff",
        b"password=canary%c3%28",
        b"name=\xed\xa0\x80",
        b"%ff=x",
        b"\xc0\xaf=x",
    ] {
        for path in FORMS {
            let post = |who: &Browser| who.post_body(path, FORM, body);
            refused(&door, post, 400, "malformed", "not UTF-8");
        }
    }
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let door = Door::open();
    for body in [
        "username=a&username=b",
        "password=canary-1&password=canary-2",
        "next=/&%6Eext=/",
        "x&x",
    ] {
        for path in FORMS {
            let post = |who: &Browser| who.post_body(path, FORM, body);
            refused(&door, post, 400, "malformed", "twice");
        }
    }
}

#[test]
fn a_nul_byte_is_refused_at_its_field_and_taken_in_a_password() {
    let door = Door::open();
    let good = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("name", "Ada"),
        ("password", PASSWORD),
    ];
    for at in 0..3 {
        let mut fields = good;
        let with_nul = format!("{}\0", good[at].1);
        fields[at].1 = &with_nul;
        let reply = door.browser().post("/signup", &fields);
        assert_eq!(reply.status, 422, "{}", good[at].0);
        assert_eq!(reply.errors().len(), 1);
        assert_eq!(reply.errors()[0].0, good[at].0);
        assert!(!reply.body.contains('\0'));
    }
    let password = format!("{PASSWORD}\0after");
    let mut fields = good;
    fields[3].1 = &password;
    assert_eq!(
        door.browser().post("/signup", &fields).location(),
        "/dashboard"
    );
    let sign_in = |password| {
        door.browser()
            .post("/login", &[("username", "ada"), ("password", password)])
            .status
    };
    assert_eq!((sign_in(PASSWORD), sign_in(&password)), (422, 303));
    for login in ["ada\0", "\0", "ada@example.com\0"] {
        let reply = door
            .browser()
            .post("/login", &[("username", login), ("password", PASSWORD)]);
        assert_eq!(reply.status, 422);
        assert!(!reply.body.contains('\0'));
    }
    let next = [
        ("username", "ada"),
        ("password", &password),
        ("next", "/public\0"),
    ];
    assert_eq!(
        door.browser().post("/login", &next).location(),
        "/dashboard"
    );
}

#[test]
fn html_is_shown_as_it_was_typed_and_never_obeyed() {
    let door = Door::open();
    let nasty = r#""><script>alert(1)</script><b title='"#;
    let path = r#"/"><script>alert(1)</script>"#;
    let fields = [
        ("username", nasty),
        ("email", nasty),
        ("name", nasty),
        ("password", PASSWORD),
        ("next", path),
    ];
    let reply = door.browser().post("/signup", &fields);
    assert_eq!(reply.status, 422);
    for label in ["Username", "Email address", "Name (optional)"] {
        assert_eq!(reply.value(label), nasty);
    }
    let harmless = |reply: &Reply| {
        assert!(!reply.body.contains("<script>alert"), "{}", reply.body);
        assert_eq!(reply.text("b"), "");
    };
    harmless(&reply);
    assert_eq!(
        reply.attribute("[name=next]", "value").as_deref(),
        Some(path)
    );

    let browser = door.browser();
    let fields = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("name", nasty),
        ("password", PASSWORD),
    ];
    assert_eq!(browser.post("/signup", &fields).status, 303);
    for path in ["/dashboard", "/public"] {
        let page = browser.get(path);
        harmless(&page);
        assert!(page.text("header").contains(nasty), "{path}");
    }
    assert_eq!(
        browser.get("/dashboard").heading(),
        format!("Hello, {nasty}")
    );
    let admin = door.first_administrator.as_deref().unwrap();
    let page = browser.get(admin.strip_prefix(&door.url).unwrap());
    assert_eq!(
        page.text("main button"),
        format!("Make {nasty} the administrator")
    );
    harmless(&page);

    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        format!("/login?next=/{encoded}"),
        format!("/signup?next=/{encoded}"),
        format!("/login?deliver={encoded}"),
        format!("/{encoded}"),
    ] {
        harmless(&door.browser().get(&path));
    }
}

#[test]
fn an_extra_field_grants_nothing() {
    let door = Door::open();
    let browser = door.browser();
    let fields = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("role", "administrator"),
        ("id", "1"),
    ];
    assert_eq!(browser.post("/signup", &fields).status, 303);
    assert!(browser.get("/dashboard").text("dl").contains("member"));
}

#[test]
fn a_name_or_address_that_is_taken_is_named_whatever_its_case() {
    let door = Door::open();
    door.signed_up("ada");
    door.signed_up("bob");
    let username = error("username", "This username is taken. Choose another one");
    let email = error(
        "email",
        "Another account has this email address. Use another one",
    );
    for (name, address, errors) in [
        ("ADA", "new@example.com", &[username.clone()][..]),
        ("new", "Ada@Example.COM", std::slice::from_ref(&email)),
        ("Ada", "BOB@example.com", std::slice::from_ref(&username)),
    ] {
        let reply = door.browser().sign_up(name, address, PASSWORD);
        shows(&reply, errors);
        assert_eq!(
            (reply.value("Username"), reply.value("Email address")),
            (name.to_owned(), address.to_owned())
        );
        assert!(
            reply
                .text("#password-hint")
                .starts_with("Enter your password again")
        );
        assert_eq!(
            reply
                .cookies()
                .iter()
                .filter(|cookie| cookie.contains("access"))
                .count(),
            0
        );
    }
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
}

#[test]
fn next_leads_to_a_page_of_this_site_or_to_the_dashboard() {
    let door = Door::open();
    door.signed_up("ada");
    for (next, leads_to) in [
        ("/public", "/public"),
        ("/public?a=b&c=%2F", "/public?a=b&c=%2F"),
        ("//evil.test", "/dashboard"),
        ("///evil.test", "/dashboard"),
        ("/\\evil.test", "/dashboard"),
        ("\\\\evil.test", "/dashboard"),
        ("https://evil.test", "/dashboard"),
        ("https:evil.test", "/dashboard"),
        ("javascript:alert(1)", "/dashboard"),
        ("/\t/evil.test", "/dashboard"),
        ("/\r\nset-cookie: a=b", "/dashboard"),
        ("\u{1}/evil.test", "/dashboard"),
        (" /public", "/dashboard"),
        ("", "/dashboard"),
        (".evil.test", "/dashboard"),
        ("@evil.test", "/dashboard"),
    ] {
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", next)];
        assert_eq!(
            door.browser().post("/login", &fields).location(),
            leads_to,
            "{next:?}"
        );
        let browser = door.browser();
        let query = encode([("next", next)].into_iter());
        let page = browser.get(&format!("/login?{query}"));
        let fields = [("Username or email address", "ada"), ("Password", PASSWORD)];
        assert_eq!(
            browser.submit(&page, "Sign in", &fields).location(),
            leads_to,
            "{next:?}"
        );
        // Who is signed in already is sent on without a form.
        assert_eq!(
            browser.get(&format!("/login?{query}")).location(),
            leads_to,
            "{next:?}"
        );
    }
}

#[test]
fn a_secret_never_comes_back() {
    let door = Door::open();
    let fields = [("username", "canary-not-a-name!"), ("password", CANARY)];
    let login = door.browser().post("/login", &fields);
    assert_eq!(login.status, 422);
    assert_eq!(
        login.body.matches(CANARY).count(),
        1,
        "the name, and not the password"
    );
    let unknown_way = [
        ("username", "ada"),
        ("password", "canary-x"),
        ("deliver", "canary-pigeon"),
    ];
    refused(
        &door,
        |who| who.post("/login", &unknown_way),
        400,
        "malformed",
        "deliver",
    );
}
