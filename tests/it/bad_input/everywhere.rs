//! The same bad input, by every way in: each says the same sentence.

use serde_json::{Value, json};

use crate::support::{Browser, Multipart, PASSWORD, Place, Reply, Serving};

const WEAK: &str = "This password is easy to guess. Use a longer one, such as a few words that do \
                    not belong together";
const SHORT: &str = "Password must be 12 characters or more";
const USERNAME: &str = "Username must begin with a letter or digit and use only letters a to z, \
                        digits, dots, hyphens and underscores";
const EMAIL: &str = "Enter an email address in the correct format, like name@example.com";
const TAKEN: &str = "This username is taken. Choose another one";
const EMAIL_TAKEN: &str = "Another account has this email address. Use another one";
const NAMELESS: &str = "An account needs a username or an email address";
const GROUPS: &str = "Groups must be 32 characters or fewer each and use only small letters a to \
                      z, digits, dots, hyphens and underscores";

/// A server with an administrator who is signed in, and with ada.
struct House {
    place: Place,
    serving: Serving,
    root: Browser,
}

impl House {
    fn new() -> Self {
        let place = Place::new();
        let add = ["account", "add", "--username"];
        let administrator = [&add[..], &["root", "--administrator"]].concat();
        place.tell(&administrator, PASSWORD).well();
        let ada = [&add[..], &["ada", "--email", "ada@example.com"]].concat();
        place.tell(&ada, PASSWORD).well();
        let serving = place.serve();
        let root = serving.browser();
        assert_eq!(root.sign_in("root", PASSWORD).status, 303);
        Self {
            place,
            serving,
            root,
        }
    }

    fn program(&self) -> Browser {
        Browser::program(&self.serving.url(), Some(&self.root.access()))
    }

    fn anonymous(&self) -> Browser {
        Browser::program(&self.serving.url(), None)
    }

    fn id_of(&self, username: &str) -> String {
        let sql = format!("SELECT id AS line FROM accounts WHERE username = '{username}'");
        self.place.lines(&sql).remove(0)
    }
}

/// What is said of a field on a page.
#[track_caller]
fn on_page(browser: &Browser, path: &str, button: &str, typed: &[(&str, &str)]) -> Vec<String> {
    let reply = browser.submit(&browser.get(path), button, typed);
    assert_eq!(reply.status, 422, "{path}: {}", reply.body);
    for (label, text) in typed {
        if !label.to_lowercase().contains("password") {
            assert_eq!(reply.value(label), *text, "what was typed is kept");
        }
    }
    reply.errors().into_iter().map(|(_, text)| text).collect()
}

#[track_caller]
fn in_json(reply: &Reply, field: &str) -> String {
    let json = reply.json();
    let words = json["fields"][field].as_str();
    words.unwrap_or_else(|| panic!("{json}")).to_owned()
}

/// A command says it behind a colon: with a small letter.
#[track_caller]
fn says(told: &str, sentence: &str) {
    let small = sentence[..1].to_lowercase() + &sentence[1..];
    assert!(told.contains(&small), "{small:?} in {told:?}");
}

#[test]
fn a_new_account_is_refused_in_the_same_words_by_every_way_in() {
    let house = House::new();
    let long = "a".repeat(101);
    let long_username = "a".repeat(33);
    for (at, (field, label, text, sentence)) in [
        ("username", "Username", "a b", USERNAME),
        (
            "username",
            "Username",
            &long_username,
            "Username must be 32 characters or fewer",
        ),
        ("email", "Email address", "nowhere", EMAIL),
        (
            "name",
            "Name (optional)",
            &long,
            "Name must be 100 characters or fewer",
        ),
        ("password", "Password", "canary", SHORT),
        ("password", "Password", "password1234", WEAK),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("x{at}@example.com");
        let mut all = json!({
            "username": format!("x{at}"), "email": email, "name": "X", "password": PASSWORD,
        });
        all[field] = text.into();
        let value = |field: &str| all[field].as_str().unwrap().to_owned();

        let typed = [
            ("Username", value("username")),
            ("Email address", value("email")),
            ("Name (optional)", value("name")),
            ("Password", value("password")),
        ];
        let typed = typed.each_ref().map(|(label, text)| (*label, &**text));
        let page = house.serving.browser();
        let told = on_page(&page, "/signup", "Create account", &typed);
        assert_eq!(told, [sentence], "{label} on the page");

        let reply = house.anonymous().send_json("POST", "/api/accounts", &all);
        assert_eq!(in_json(&reply, field), sentence, "{label} in the API");

        tutorials(&house, field, &all, sentence);

        let command = [
            "account",
            "add",
            "--username",
            &value("username"),
            "--email",
            &value("email"),
            "--name",
            &value("name"),
        ];
        let told = house.place.tell(&command, value("password"));
        says(&told.ill(1), sentence);

        let row = ["username", "email", "name", "password"]
            .map(value)
            .join(",");
        let file = format!("username,email,name,password\n{row}\n");
        house.place.write("users.csv", file);
        let import = ["import", "users.csv", "--typed-passwords", "--dry-run"];
        says(&house.place.run(&import).stdout, sentence);
    }
}

/// Those of the tutorials that take this field.
fn tutorials(house: &House, field: &str, all: &Value, sentence: &str) {
    let text = |field: &str| all[field].as_str().unwrap();
    if field != "name" {
        let names = ["username", "email", "password"];
        let body: Value = names
            .map(|name| (name.to_owned(), all[name].clone()))
            .into_iter()
            .collect();
        let reply = house.anonymous().send_json("POST", "/api/v1/signup", &body);
        assert_eq!(reply.json(), json!({ "error": sentence }), "api_v1");
    }
    if field != "name" && field != "email" {
        let body = json!({"username": text("username"), "password": text("password")});
        let reply = house.anonymous().send_json("POST", "/signup", &body);
        assert_eq!(reply.json()["result"], sentence, "flask_jwt");
    }
    if field != "username" {
        let form = ["name", "email", "password"].map(|name| (name, text(name)));
        let reply = house.anonymous().post("/signup", &form);
        assert_eq!(reply.body, sentence, "x_access_token");
    }
}

#[test]
fn a_taken_name_is_refused_in_the_same_words_by_every_way_in() {
    let house = House::new();
    for (field, label, text, sentence) in [
        ("username", "Username", "ADA", TAKEN),
        ("email", "Email address", "ada@EXAMPLE.com", EMAIL_TAKEN),
    ] {
        let mut all = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
        all[field] = text.into();
        let value = |field: &str| all[field].as_str().unwrap();
        let typed = [
            ("Username", value("username")),
            ("Email address", value("email")),
            ("Password", PASSWORD),
        ];
        let page = house.serving.browser();
        let told = on_page(&page, "/signup", "Create account", &typed);
        assert_eq!(told, [sentence]);
        let reply = house.anonymous().send_json("POST", "/api/accounts", &all);
        assert_eq!(
            (reply.status, in_json(&reply, field).as_str()),
            (409, sentence)
        );
        let option = format!("--{field}");
        let told = house
            .place
            .tell(&["account", "add", &option, text], PASSWORD);
        says(&told.ill(1), sentence);

        // As of a change.
        let own = on_page(&house.root, "/account/email", "Save", &[(label, text)]);
        assert_eq!(own, [sentence]);
        let path = format!("/admin/accounts/{}", house.id_of("root"));
        let theirs = on_page(&house.root, &path, "Save profile", &[(label, text)]);
        assert_eq!(theirs, [sentence]);
        let reply = changed(&house, "/api/me", &json!({ field: text }));
        assert_eq!(
            (reply.status, in_json(&reply, field).as_str()),
            (409, sentence)
        );
        let told = house
            .place
            .run(&["account", "rename", "root", &option, text]);
        says(&told.ill(1), sentence);
    }
}

fn changed(house: &House, path: &str, change: &Value) -> Reply {
    let any = house.program().with("if-match", "*");
    any.send_json("PATCH", path, change)
}

#[test]
fn a_change_of_an_account_is_refused_in_the_same_words_by_every_way_in() {
    let house = House::new();
    let path = format!("/admin/accounts/{}", house.id_of("root"));
    for (field, label, text, sentence) in [
        ("username", "Username", "a b", USERNAME),
        ("email", "Email address", "nowhere", EMAIL),
        ("username", "Username", "", NAMELESS),
    ] {
        let own = on_page(&house.root, "/account/email", "Save", &[(label, text)]);
        assert_eq!(own, [sentence]);
        let theirs = on_page(&house.root, &path, "Save profile", &[(label, text)]);
        assert_eq!(theirs, [sentence]);
        let text_or_null = Some(text).filter(|text| !text.is_empty());
        let reply = changed(&house, "/api/me", &json!({ field: text_or_null }));
        assert_eq!(in_json(&reply, field), sentence);
        let option = format!("--{field}");
        let told = house
            .place
            .run(&["account", "rename", "root", &option, text]);
        says(&told.ill(1), sentence);
    }
    // An import has no name to take away.
    house.place.write(
        "users.csv",
        format!("username,email,password\n,,{PASSWORD}\n"),
    );
    let import = ["import", "users.csv", "--typed-passwords", "--dry-run"];
    says(&house.place.run(&import).stdout, NAMELESS);

    let groups = [("Groups (optional)", "Staff")];
    let theirs = on_page(&house.root, &path, "Save role and groups", &groups);
    assert_eq!(theirs, [GROUPS]);
    let at = format!("/api/accounts/{}", house.id_of("root"));
    let reply = changed(&house, &at, &json!({"groups": ["Staff"]}));
    assert_eq!(in_json(&reply, "groups"), GROUPS);
    let told = house.place.run(&["account", "groups", "root", "Staff"]);
    says(&told.ill(1), GROUPS);

    let role = "Role must be member or administrator";
    let reply = changed(&house, &at, &json!({"role": "king"}));
    assert_eq!(in_json(&reply, "role"), role);
    let form = [("role", "king"), ("groups", "staff")];
    let page = house.root.post_own(&format!("{path}/trust"), &form);
    assert_eq!(page.errors()[0].1, role);
    assert_eq!(page.value("Groups (optional)"), "staff");
    says(
        &house.place.run(&["account", "role", "root", "king"]).stderr,
        role,
    );
}

#[test]
fn a_new_password_is_refused_in_the_same_words_on_the_page_and_by_the_command() {
    let house = House::new();
    for (text, sentence) in [
        ("", "Enter a password"),
        ("canary", SHORT),
        ("password1234", WEAK),
    ] {
        let typed = [("Current password", PASSWORD), ("New password", text)];
        let page = on_page(&house.root, "/account/password", "Change password", &typed);
        assert_eq!(page, [sentence]);
        let told = house.place.tell(&["account", "password", "root"], text);
        says(&told.ill(1), sentence);
    }
}

#[test]
fn items_files_links_and_limits_are_refused_in_the_same_words_by_every_way_in() {
    let house = House::new();
    let long = "a".repeat(201);
    let title = "Title must be 200 characters or fewer";
    let page = on_page(&house.root, "/work", "Add", &[("Title", &long)]);
    assert_eq!(page, [title]);
    let item = json!({ "title": long });
    let reply = house.program().send_json("POST", "/api/work-items", &item);
    assert_eq!(in_json(&reply, "title"), title);
    let who = json!({"username": "root", "password": PASSWORD});
    let token = house.anonymous().send_json("POST", "/auth", &who).json();
    let header = format!("JWT {}", token["access_token"].as_str().unwrap());
    let tutorial = house.anonymous().with("authorization", &header);
    let reply = tutorial.send_json("POST", "/work", &item);
    assert_eq!(reply.json()["result"], title);

    let file = Multipart::new().file("file", "a.txt", "a");
    let id = house.program().send_files("/api/files", &file).json()["id"].take();
    let id = id.as_str().unwrap();
    let (page_path, path) = (format!("/files/{id}"), format!("/api/files/{id}"));
    for (field, label, text, sentence) in [
        (
            "name",
            "Name",
            "a/b",
            "Name must be plain text on one line without / or \\, and not . or ..",
        ),
        (
            "description",
            "Description (optional)",
            &long,
            "Description must be 200 characters or fewer",
        ),
    ] {
        let page = on_page(&house.root, &page_path, "Save", &[(label, text)]);
        assert_eq!(page, [sentence]);
        let reply = changed(&house, &path, &json!({ field: text }));
        assert_eq!(in_json(&reply, field), sentence);
    }
    let described = Multipart::new()
        .text("description", &long)
        .file("file", "b.txt", "b");
    let reply = house.program().send_files("/api/files", &described);
    let words = "Description must be 200 characters or fewer";
    assert_eq!(in_json(&reply, "description"), words);

    let downloads = "Download limit must be a number from 1 to 1000000";
    let typed = [("Download limit (optional)", "0")];
    let page = on_page(&house.root, &page_path, "Create link", &typed);
    assert_eq!(page, [downloads]);
    let link = json!({"minutes": 60, "downloads": 0});
    let reply = house
        .program()
        .send_json("POST", &format!("{path}/shares"), &link);
    assert_eq!(in_json(&reply, "downloads"), downloads);

    let account = house.id_of("ada");
    for (field, label, text, most, sentence) in [
        (
            "files_max",
            "File limit (optional)",
            "-1",
            -1,
            "File limit must be a whole number from 0 to 1000000000, or empty for the default",
        ),
        (
            "bytes_max",
            "Storage limit in MB (optional)",
            "1000000001",
            1_000_000_001_000_000_i64,
            "Storage limit must be a number from 0 to 1 PB (1000000000000000 bytes), or empty for \
             the default",
        ),
    ] {
        let path = format!("/admin/accounts/{account}");
        let page = on_page(&house.root, &path, "Save limits", &[(label, text)]);
        assert_eq!(page, [sentence]);
        let path = format!("/api/accounts/{account}/quota");
        let reply = changed(&house, &path, &json!({ field: most }));
        assert_eq!(in_json(&reply, field), sentence);
    }
}
