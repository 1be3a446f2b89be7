//! Names and addresses: what is taken, what is one name, and what nobody finds out by them.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Browser, Door, Multipart, PASSWORD, Place, Reply};

const TYPED: &str = "grete@müller.example";
/// As Chromium sends it from a field of the type `email`.
const ASCII: &str = "grete@xn--mller-kva.example";

fn member(door: &Door, username: &str) -> Browser {
    door.program(Some(&door.signed_up(username).access()))
}

fn administrator(door: &Door) -> (Browser, Browser) {
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let browser = door.browser();
    assert_eq!(browser.sign_in("root", PASSWORD).status, 303);
    let program = door.program(Some(&browser.access()));
    (browser, program)
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) -> Value {
    let json = reply.json();
    let found = (reply.status, json["error"].as_str().unwrap());
    assert_eq!(found, (status, code), "{json}");
    json["fields"].clone()
}

#[test]
fn both_spellings_of_an_address_are_one_account_everywhere() {
    let door = Door::open();
    let program = door.program(None);
    let reply = door.browser().sign_up("grete", ASCII, PASSWORD);
    assert_eq!(reply.status, 303, "{}", reply.body);

    let spellings = [
        TYPED,
        ASCII,
        "GRETE@MÜLLER.EXAMPLE",
        "grete@mu\u{308}ller.example.",
    ];
    for login in spellings {
        assert_eq!(
            door.browser().sign_in(login, PASSWORD).status,
            303,
            "{login}"
        );
        let json = json!({"email": login, "password": PASSWORD});
        let reply = program.send_json("POST", "/api/sessions", &json);
        assert_eq!(reply.status, 201, "{login}");
        let me = door.program(reply.json()["access_token"].as_str());
        assert_eq!(me.get("/api/me").json()["email"], TYPED, "{login}");
        let basic = format!("Basic {}", STANDARD.encode(format!("{login}:{PASSWORD}")));
        let basic = program.with("authorization", &basic);
        assert_eq!(basic.with_method("POST", "/api/sessions").status, 201);
        assert_eq!(basic.get("/login").status, 200, "{login}");
        let form = [("email", login), ("password", PASSWORD)];
        assert_eq!(program.post("/login", &form).status, 201, "{login}");
        let json = json!({"username": login, "password": PASSWORD});
        for path in ["/api/v1/login", "/auth"] {
            assert_eq!(
                program.send_json("POST", path, &json).status,
                200,
                "{login}"
            );
        }

        let new = json!({"username": "other", "email": login, "password": PASSWORD});
        let once = program.with("idempotency-key", "k");
        for program in [&program, &once] {
            let taken = refused(
                &program.send_json("POST", "/api/accounts", &new),
                409,
                "taken",
            );
            assert_eq!(
                taken,
                json!({"email": "Another account has this email address. Use another one"}),
                "{login}"
            );
        }
        let taken = door.browser().sign_up("other", login, PASSWORD);
        assert_eq!(taken.errors()[0].0, "email", "{login}");
        let form = [("name", "x"), ("email", login), ("password", PASSWORD)];
        assert_eq!(program.post("/signup", &form).status, 202, "{login}");
    }

    let (root, of_root) = administrator(&door);
    let bob = member(&door, "bob");
    let own = format!(
        "/api/accounts/{}",
        bob.get("/api/me").json()["id"].as_str().unwrap()
    );
    let names = json!({"email": TYPED});
    for reply in [
        bob.send_json("PATCH", "/api/me", &names),
        of_root.send_json("PATCH", &own, &names),
    ] {
        refused(&reply, 409, "taken");
    }
    for query in ["m%C3%BCller", "M%C3%9CLLER", "xn--mller", "grete@m%C3%BC"] {
        let found = root.get(&format!("/admin/accounts?q={query}"));
        assert_eq!(found.text("tbody th a"), "grete", "{query}");
    }

    // Neither spelling of one's own address is a password.
    for password in [TYPED, ASCII] {
        let new = json!({"username": "eve", "email": TYPED, "password": password});
        let fields = refused(
            &program.send_json("POST", "/api/accounts", &new),
            422,
            "invalid_fields",
        );
        assert!(
            fields["password"]
                .as_str()
                .unwrap()
                .contains("easy to guess")
        );
    }
}

#[test]
fn commands_know_an_address_by_every_spelling() {
    let place = Place::new();
    let add = ["account", "add", "--email", ASCII];
    let added = place.tell(&add, PASSWORD).well();
    assert!(
        added.starts_with(&format!("Added {TYPED} (member)")),
        "{added}"
    );
    let again = ["account", "add", "--email", TYPED];
    let again = place.tell(&again, PASSWORD).ill(1);
    assert!(again.contains("another account has this email address"));
    for (who, name) in [(TYPED, "G"), (ASCII, "Grete")] {
        place
            .run(&["account", "rename", who, "--name", name])
            .well();
    }
    let listed = place.run(&["account", "list", "xn--mller"]).well();
    assert!(
        listed.contains(TYPED) && listed.contains("Grete"),
        "{listed}"
    );
    let hash = "$2b$04$mDUBJH3bPLPJTd.vtGVkq.skxMomi5l5blhmyMStWBQ3yS3e19GKm";
    place.write(
        "users.csv",
        format!("email,password_hash\nGrete@MÜLLER.example,{hash}\n"),
    );
    let imported = place.run(&["import", "users.csv"]).well();
    assert!(imported.contains("Added: 0"), "{imported}");
}

/// As it was before addresses had one key for every spelling.
fn grow_old(place: &Place) {
    place.sql(
        "DROP INDEX accounts_old_keys; ALTER TABLE accounts DROP COLUMN old_keys;
         DELETE FROM __diesel_schema_migrations WHERE version = '20261126000022'",
    );
}

#[test]
fn accounts_of_an_older_version_are_all_signed_in_to_after_an_update() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    // As they were stored, and as they are shown then.
    let rows = [
        (TYPED, TYPED),
        (ASCII, ASCII),
        ("Otto@XN--BCHER-KVA.example", "Otto@bücher.example"),
        ("straße@example.com", "straße@example.com"),
        ("ΟΔΟΣ@example.com", "ΟΔΟΣ@example.com"),
        ("a@xn--a", "a@xn--a"),
    ];
    for (at, (stored, _)) in rows.iter().enumerate() {
        let (free, key) = (format!("x{at}@example.com"), stored.to_lowercase());
        let key = key.replace('ς', "σ");
        place
            .tell(&["account", "add", "--email", &free], PASSWORD)
            .well();
        place.sql(&format!(
            "UPDATE accounts SET email = '{stored}', email_key = '{key}', created_at = {at} \
             WHERE email = '{free}'"
        ));
    }
    place
        .tell(&["account", "add", "--username", "ada"], PASSWORD)
        .well();
    // More than are read at a time.
    let many = (0..1100).map(|n| format!("('{n}', 'n{n}@ää.example')"));
    let many: Vec<_> = many.collect();
    place.sql(&format!(
        "CREATE TABLE many (id TEXT, email TEXT); INSERT INTO many VALUES {};
         INSERT INTO accounts (id, email, email_key, password_hash, role, created_at)
         SELECT id, email, email, '', 'member', 7 FROM many; DROP TABLE many",
        many.join(",")
    ));
    grow_old(&place);

    let told = place.run(&["doctor"]).well();
    assert!(
        told.contains("the next start runs the missing migrations (1)"),
        "{told}"
    );
    for command in ["migrate", "migrate", "doctor"] {
        let told = place.run(&[command]).well();
        for part in [
            &format!("({TYPED}) has the same address as the account"),
            &format!("({ASCII})"),
            "signs in as before",
            &format!("doorward account rename {TYPED} --email"),
            "(a@xn--a) has an address that is no longer accepted",
        ] {
            assert!(told.contains(part), "{command}: {part} in {told}");
        }
        assert_eq!(told.matches("Nothing is lost").count(), 2, "{told}");
    }
    let renewed = "SELECT count(*) AS n FROM accounts WHERE email_key LIKE 'n%@xn--4caa.example'";
    assert_eq!(place.number(renewed), 1100);

    let serving = place.serve();
    let signs_in = |login: &str| {
        let browser = serving.browser();
        let reply = browser.sign_in(login, PASSWORD);
        assert_eq!(reply.status, 303, "{login}: {}", reply.body);
        browser
    };
    for (stored, shown) in rows {
        let facts = signs_in(stored).get("/account").text("dl");
        assert!(facts.contains(&format!("Email address{shown}")), "{facts}");
    }
    for other in [
        "otto@bücher.example",
        "STRASSE@example.com",
        "οδος@example.com",
        "ada",
    ] {
        signs_in(other);
    }
    let taken = serving
        .browser()
        .sign_up("new", "GRETE@Müller.example", PASSWORD);
    assert_eq!(taken.errors()[0].0, "email");

    // Whoever kept an address from before changes another name without giving it up.
    for address in [TYPED, "a@xn--a"] {
        let browser = signs_in(address);
        let page = browser.get("/account/email");
        let saved = browser.submit(&page, "Save", &[("Name (optional)", "G")]);
        assert_eq!(saved.status, 303, "{}", saved.body);
        assert!(browser.get("/account").text("dl").contains(address));
    }

    // The address is free for the other one as soon as one of the two has given it up.
    let rename = ["account", "rename", ASCII, "--email", "grete@example.com"];
    place.run(&rename).well();
    let facts = signs_in(ASCII).get("/account").text("dl");
    assert!(facts.contains(&format!("Email address{TYPED}")), "{facts}");
    signs_in("grete@example.com");
    let told = place.run(&["doctor"]).well();
    assert!(!told.contains("same address"), "{told}");
    place
        .run(&["account", "rename", "a@xn--a", "--email", "a@example.com"])
        .well();
    let told = place.run(&["doctor"]).well();
    assert!(told.contains("ok    database"), "{told}");
}

#[test]
fn usual_names_are_accepted_and_copied_invisible_characters_removed() {
    let door = Door::open();
    for (number, (username, email, name)) in [
        (
            "\u{a0}ada\u{200b}",
            "\u{202a}ada@example.com\u{202c}",
            "Ada",
        ),
        ("ｂｏｂ", "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ", "李"),
        (
            "o.n-e_1",
            "o'neil+tag@mail.example.org",
            "Conan O’Brien-D'Arcy",
        ),
        ("x", "\"x.\"@docomo.example", "می\u{200c}خواهم"),
        (
            "family",
            "用户@例子.公司",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let new = json!({"username": username, "email": email, "name": name, "password": PASSWORD});
        let made = door.program(None).send_json("POST", "/api/accounts", &new);
        assert_eq!(made.status, 201, "{number}: {}", made.body);
        let made = made.json();
        assert_eq!(made["name"], name, "{number}");
        for login in [username, email, made["username"].as_str().unwrap()] {
            assert_eq!(
                door.browser().sign_in(login, PASSWORD).status,
                303,
                "{login:?}"
            );
        }
    }
    // Each field says what is wrong with it, and what would do.
    let browser = door.browser();
    let page = browser.get("/signup");
    let sent = browser.submit(
        &page,
        "Create account",
        &[
            ("Username", "eve adams"),
            ("Email address", "eve@example.com"),
            ("Name (optional)", "a\u{202e}b"),
            ("Password", PASSWORD),
        ],
    );
    let errors = sent.errors();
    let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!((sent.status, fields), (422, vec!["username", "name"]));
    assert!(errors[0].1.contains("letters a to z"), "{errors:?}");
    assert!(errors[1].1.contains("direction of text"), "{errors:?}");
    assert_eq!(sent.value("Email address"), "eve@example.com");
}

#[test]
fn every_name_has_a_visible_character() {
    let door = Door::open();
    let ada = member(&door, "ada");
    let file = ada.send_files(
        "/api/files",
        &Multipart::new().file("file", "a.txt", "text"),
    );
    let file = format!("/api/files/{}", file.json()["id"].as_str().unwrap());
    for blank in [
        "\u{3164}",
        "\u{2800}\u{2800}",
        "\u{e0041}",
        "\u{ad}",
        "\u{200b}\u{3164}",
        // Not assigned, for private use, and marks without a letter.
        "\u{378}\u{fdd0}",
        "\u{e000}\u{100000}",
        "\u{903}",
        "\u{20dd}\u{301}",
    ] {
        for (method, path, field) in [
            ("POST", "/api/work-items", "title"),
            ("PATCH", "/api/me", "name"),
            ("PATCH", "/api/me", "username"),
            ("PATCH", file.as_str(), "name"),
            ("PATCH", file.as_str(), "description"),
        ] {
            let reply = ada.send_json(method, path, &json!({field: blank}));
            let fields = refused(&reply, 422, "invalid_fields");
            assert!(
                fields[field].is_string(),
                "{path} {field} {blank:?}: {fields}"
            );
        }
        let form = Multipart::new().file("file", format!("{blank}\u{200b}"), "text");
        let sent = ada.send_files("/api/files", &form);
        assert_eq!(sent.json()["name"], "unnamed", "{blank:?}");
        let work = door.browser();
        work.sign_in("ada", PASSWORD);
        let page = work.get("/work");
        let added = work.post(
            "/work",
            &[
                ("title", blank),
                ("form_token", &page.value_of("form_token")),
            ],
        );
        assert_eq!(added.status, 422, "{blank:?}");
    }
    // What is empty without what was copied along is left out, or asked for.
    let reply = ada.send_json("PATCH", "/api/me", &json!({"name": " \u{feff}\u{200b}"}));
    assert_eq!(reply.json()["name"], Value::Null);
    let reply = ada.send_json("POST", "/api/work-items", &json!({"title": "\u{200b}"}));
    refused(&reply, 422, "invalid_fields");
}

#[test]
fn a_name_that_an_older_version_took_stays_and_does_not_stand_in_the_way() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let old = "\u{e000}\u{e001}";
    door.sql(&format!("UPDATE accounts SET name = '{old}'"));
    let ada = {
        assert_eq!(ada.sign_out().status, 303);
        ada
    };
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    let names = |username: &str, name: &str| {
        let page = ada.get("/account/email");
        let typed = [("Username", username), ("Name (optional)", name)];
        ada.submit(&page, "Save", &typed)
    };
    assert_eq!(names("countess", old).status, 303);
    let told = names("countess", "\u{e000}");
    assert_eq!(told.status, 422);
    let program = door.program(Some(&ada.access()));
    let same = program.send_json("PATCH", "/api/me", &json!({"username": "ada", "name": old}));
    assert_eq!(same.status, 200, "{}", same.body);
    let other = program.send_json("PATCH", "/api/me", &json!({"name": "\u{e000}"}));
    refused(&other, 422, "invalid_fields");
    assert_eq!(program.get("/api/me").json()["name"], old);
}

#[test]
fn only_an_administrator_assigns_a_reserved_name() {
    let door = Door::with(&[("signup.reserved_names", "acme, the-boss")]);
    let (root, of_root) = administrator(&door);
    let ada = door.signed_up("ada");
    let of_ada = door.program(Some(&ada.access()));
    let reserved = "This username is reserved. Choose another one";
    for name in [
        "admin",
        "ROOT",
        "ａｄｍｉｎ",
        "no-reply",
        "me",
        "null",
        "Acme",
        "the.boss",
    ] {
        let errors = door
            .browser()
            .sign_up(name, "new@example.com", PASSWORD)
            .errors();
        assert_eq!(
            errors,
            [("username".to_owned(), reserved.to_owned())],
            "{name}"
        );
        let new = json!({"username": name, "email": "new@example.com", "password": PASSWORD});
        let program = door.program(None);
        for reply in [
            program.send_json("POST", "/api/accounts", &new),
            program
                .with("idempotency-key", "k")
                .send_json("POST", "/api/accounts", &new),
            of_ada.send_json("PATCH", "/api/me", &json!({"username": name})),
        ] {
            let fields = refused(&reply, 422, "invalid_fields");
            assert_eq!(fields, json!({"username": reserved}), "{name}");
        }
        let tutorial = program.send_json("POST", "/api/v1/signup", &new);
        assert_eq!(
            (tutorial.status, tutorial.json()),
            (422, json!({"error": reserved}))
        );
        let page = ada.get("/account/email");
        let errors = ada.submit(&page, "Save", &[("Username", name)]).errors();
        assert_eq!(
            errors,
            [("username".to_owned(), reserved.to_owned())],
            "{name}"
        );
    }

    let id = of_ada.get("/api/me").json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = format!("/api/accounts/{id}");
    let given = of_root.send_json("PATCH", &one, &json!({"username": "support"}));
    assert_eq!(given.status, 200, "{}", given.body);
    let page = root.get(&format!("/admin/accounts/{id}"));
    let saved = root.submit(&page, "Save profile", &[("Username", "Acme")]);
    assert_eq!(saved.status, 303, "{}", saved.body);
    // It stays its owner's, who writes it as they like.
    let again = of_ada.send_json(
        "PATCH",
        "/api/me",
        &json!({"username": "ACME", "name": "Ada"}),
    );
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(door.browser().sign_in("acme", PASSWORD).status, 303);

    let mut place = Place::new();
    place
        .tell(&["account", "add", "--username", "postmaster"], PASSWORD)
        .well();
    place
        .run(&["account", "rename", "postmaster", "--username", "abuse"])
        .well();
    place.set("DOORWARD_SIGNUP__RESERVED_NAMES", "a b");
    assert!(
        place
            .run(&["config", "show"])
            .ill(2)
            .contains("signup.reserved_names")
    );
}

#[test]
fn a_change_of_names_tells_one_conflict_and_costs_what_signing_up_costs() {
    let door = Door::with(&[("passwords.bcrypt_cost", "11")]);
    let (bob, ada) = (door.signed_up("bob"), member(&door, "ada"));
    drop(bob);
    let patch = |names: Value| ada.send_json("PATCH", "/api/me", &names);
    let fastest = |what: &dyn Fn(usize)| -> Duration {
        let times = (0..3).map(|at| {
            let start = Instant::now();
            what(at);
            start.elapsed()
        });
        times.min().unwrap()
    };
    let conflict = fastest(&|_| {
        // One of them is named, and it is the same whether the other one is taken or not.
        for names in [
            json!({"username": "BOB", "email": "bob@example.com"}),
            json!({"username": "bob", "email": "free@example.com"}),
        ] {
            let taken = refused(&patch(names), 409, "taken");
            assert_eq!(
                taken,
                json!({"username": "This username is taken. Choose another one"})
            );
        }
    });
    let change = fastest(&|at| {
        let reply = patch(json!({"username": format!("ada{at}")}));
        assert_eq!(reply.status, 200, "{}", reply.body);
    });
    // No computer of today makes 2^11 rounds of bcrypt in less; a change without a hash takes some
    // milliseconds. Two conflicts were measured together.
    let hash = Duration::from_millis(40);
    assert!(conflict > 2 * hash, "{conflict:?}");
    assert!(change > hash, "{change:?}");

    let page = door.browser();
    page.sign_in("ada2", PASSWORD);
    let form = page.get("/account/email");
    let taken = [("Username", "bob"), ("Email address", "bob@example.com")];
    let errors = page.submit(&form, "Save", &taken).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].0, "username");
    let errors = door
        .browser()
        .sign_up("bob", "bob@example.com", PASSWORD)
        .errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
}
