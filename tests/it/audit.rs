//! The audit trail: what is recorded, who sees it, and that it cannot be rewritten unnoticed.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Browser, Door, Multipart, PASSWORD, Place, Reply, wait_until};

const DAY: i64 = 86_400;
const OTHER_PASSWORD: &str = "canary-other-brine-lamp-55";

/// The events since the last call.
struct Trail<'a> {
    door: &'a Door,
    seen: i64,
}

impl<'a> Trail<'a> {
    fn of(door: &'a Door) -> Self {
        let mut trail = Self { door, seen: 0 };
        trail.news();
        trail
    }

    /// As `sign_in done`.
    fn news(&mut self) -> Vec<String> {
        let news = self.door.lines(&format!(
            "SELECT action || ' ' || result AS line FROM audit_events WHERE seq > {} ORDER BY seq",
            self.seen
        ));
        self.seen += i64::try_from(news.len()).unwrap();
        news
    }

    #[track_caller]
    fn shows(&mut self, expected: &[&str]) {
        assert_eq!(self.news(), expected);
    }
}

/// One column of the newest event.
fn newest(door: &Door, column: &str) -> String {
    let query = format!(
        "SELECT coalesce({column}, '-') AS line FROM audit_events ORDER BY seq DESC LIMIT 1"
    );
    door.lines(&query)[0].clone()
}

fn id_of(door: &Door, username: &str) -> String {
    let query = format!("SELECT id AS line FROM accounts WHERE username_key = '{username}'");
    door.lines(&query)[0].clone()
}

fn administrator(door: &Door) -> Browser {
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator' WHERE username = 'root'");
    let browser = door.browser();
    assert_eq!(browser.sign_in("root", PASSWORD).status, 303);
    browser
}

#[test]
fn signing_in_and_out_and_each_refusal_leave_their_event() {
    let door = Door::open();
    let mut trail = Trail::of(&door);
    let ada = door.signed_up("ada");
    trail.shows(&["sign_up done", "sign_in done"]);
    let id = id_of(&door, "ada");
    assert_eq!(newest(&door, "actor"), id);
    assert_eq!(newest(&door, "account_id"), id);
    assert_eq!(newest(&door, "address"), "127.0.0.1");
    let session = door.lines("SELECT id AS line FROM sessions");
    assert_eq!(newest(&door, "session_id"), session[0]);

    ada.sign_out();
    trail.shows(&["sign_out done"]);
    assert_eq!(newest(&door, "session_id"), session[0]);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0";
    let ada = ada.with("user-agent", agent);
    assert_eq!(ada.sign_in("ADA", PASSWORD).status, 303);
    trail.shows(&["sign_in done"]);
    assert_eq!(newest(&door, "user_agent"), agent);

    let refused = door.browser().sign_in("ada", "canary-wrong");
    assert_eq!(refused.status, 422);
    trail.shows(&["sign_in refused"]);
    assert_eq!(newest(&door, "actor"), "visitor");
    assert_eq!(newest(&door, "account_id"), id);
    assert_eq!(newest(&door, "details"), r#"{"cause":"wrong password"}"#);
    let request_id = refused.header("x-request-id").unwrap();
    assert_eq!(newest(&door, "request_id"), request_id);

    let body = json!({"username": "ada", "password": "canary-wrong"});
    door.program(None).send_json("POST", "/api/sessions", &body);
    trail.shows(&["sign_in refused"]);
    let tutorial = json!({"username": "ada", "password": "canary-wrong"});
    door.program(None).send_json("POST", "/auth", &tutorial);
    trail.shows(&["sign_in refused"]);

    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = door.browser().post("/login", &fields).location();
    trail.shows(&["make_link done"]);
    let reader = door.browser();
    let page = reader.get(&link);
    trail.shows(&[]);
    reader.submit(&page, "Continue signed in", &[]);
    trail.shows(&["sign_in done"]);

    door.sql("UPDATE accounts SET disabled_at = 1");
    door.browser().sign_in("ada", PASSWORD);
    trail.shows(&["sign_in refused"]);
    assert_eq!(newest(&door, "details"), r#"{"cause":"disabled account"}"#);
}

#[test]
fn a_name_that_no_account_has_is_recorded_and_cannot_be_read() {
    let door = Door::open();
    let mut trail = Trail::of(&door);
    let mut recorded = Vec::new();
    for name in [
        "Canary-Typed-Here",
        "canary-typed-here",
        "canary-other",
        "canary not a name",
    ] {
        assert_eq!(door.browser().sign_in(name, PASSWORD).status, 422);
        trail.shows(&["sign_in refused"]);
        assert_eq!(newest(&door, "account_id"), "-");
        let details: Value = serde_json::from_str(&newest(&door, "details")).unwrap();
        assert_eq!(details["cause"], "unknown name");
        recorded.push(details["name_hmac"].as_str().unwrap().to_owned());
    }
    assert_eq!(recorded[0], recorded[1], "repeated tries can be seen");
    assert_eq!(recorded.iter().collect::<BTreeSet<_>>().len(), 3);
    let columns = "actor || coalesce(target, '') || coalesce(user_agent, '') || details";
    for line in door.lines(&format!("SELECT {columns} AS line FROM audit_events")) {
        assert!(!line.to_lowercase().contains("canary"), "{line}");
    }
}

#[test]
fn an_exceeded_limit_leaves_one_event_in_its_window() {
    let door = Door::with(&[
        ("limits.account", "2/10m"),
        ("limits.sign_up_address", "1/1h"),
    ]);
    let mut trail = Trail::of(&door);
    door.signed_up("ada").sign_out();
    let tries = |name: &str, times: usize| {
        let program = door.program(None);
        let body = json!({"username": name, "password": "canary-wrong"});
        let sends = (0..times).map(|_| program.send_json("POST", "/api/sessions", &body).status);
        sends.collect::<Vec<_>>()
    };
    trail.news();
    assert_eq!(tries("ada", 5), [401, 401, 429, 429, 429]);
    trail.shows(&["sign_in refused", "sign_in refused", "exceed_limit refused"]);
    assert_eq!(newest(&door, "actor"), "visitor");
    assert_eq!(newest(&door, "account_id"), id_of(&door, "ada"));
    assert_eq!(newest(&door, "address"), "127.0.0.1");
    assert_eq!(newest(&door, "details"), r#"{"budget":"account"}"#);
    // An attempt is possible each five minutes.
    door.let_pass(300);
    assert_eq!(tries("ada", 3), [401, 429, 429]);
    trail.shows(&["sign_in refused"]);
    door.let_pass(600);
    assert_eq!(tries("ADA", 3), [401, 401, 429]);
    trail.shows(&["sign_in refused", "sign_in refused", "exceed_limit refused"]);

    assert_eq!(tries("nobody", 4), [401, 401, 429, 429]);
    trail.shows(&["sign_in refused", "sign_in refused", "exceed_limit refused"]);
    let last = door.lines("SELECT details AS line FROM audit_events ORDER BY seq DESC LIMIT 2");
    let hmacs = [0, 1].map(|at| {
        let details: Value = serde_json::from_str(&last[at]).unwrap();
        details["name_hmac"].as_str().unwrap().to_owned()
    });
    assert_eq!(hmacs[0], hmacs[1]);

    for _ in 0..3 {
        let told = door.browser().sign_up("ivan", "ivan@example.com", PASSWORD);
        assert_eq!(told.status, 429);
    }
    trail.shows(&["exceed_limit refused"]);
    assert_eq!(newest(&door, "details"), r#"{"budget":"sign_up_address"}"#);

    // Refusing what is known to be over a limit needs no database.
    for table in ["accounts", "limits", "audit_events"] {
        door.sql(&format!("ALTER TABLE {table} RENAME TO gone_{table}"));
    }
    assert_eq!(tries("ada", 2), [429, 429]);
    assert_eq!(tries("other", 1), [500]);
}

#[test]
fn too_many_passwords_of_a_link_leave_an_event_with_their_sender() {
    let door = Door::with(&[("limits.share_address", "1/1h")]);
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let file = Multipart::new().file("file", "a.txt", "a");
    let id = program.send_files("/api/files", &file).json()["id"].clone();
    let shares = format!("/api/files/{}/shares", id.as_str().unwrap());
    let new = json!({"minutes": 60, "password": OTHER_PASSWORD});
    let share = program.send_json("POST", &shares, &new).json();
    let link = share["url"].as_str().unwrap().replace(&door.url, "");
    let mut trail = Trail::of(&door);
    let guessing = format!("Basic {}", STANDARD.encode(":canary-wrong"));
    let guessing = door.program(None).with("authorization", &guessing);
    let statuses = [(); 4].map(|()| guessing.get(&link).status);
    assert_eq!(statuses, [401, 429, 429, 429]);
    trail.shows(&["open_share refused", "exceed_limit refused"]);
    assert_eq!(newest(&door, "actor"), "visitor");
    assert_eq!(newest(&door, "address"), "127.0.0.1");
    assert_eq!(newest(&door, "account_id"), id_of(&door, "ada"));
    let target = format!("share {}", share["id"].as_str().unwrap());
    assert_eq!(newest(&door, "target"), target);
    assert_eq!(newest(&door, "details"), r#"{"budget":"share_address"}"#);
    let activity = ada.get("/account/activity").text("main");
    assert!(activity.contains("Further passwords for a link to a file were refused"));
}

#[test]
fn denied_access_leaves_one_event_for_each_place() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = door.program(Some(&ada.access()));
    let id = id_of(&door, "ada");
    let mut trail = Trail::of(&door);
    for _ in 0..5 {
        let denied = ada.get("/admin/accounts");
        assert_eq!(denied.status, 403);
        assert!(denied.text("header").contains("ada"), "{}", denied.body);
        assert_eq!(program.get("/api/accounts").status, 403);
    }
    trail.shows(&["deny_access refused", "deny_access refused"]);
    for n in 0..3 {
        ada.get(&format!("/admin/accounts/{n}"));
    }
    trail.shows(&["deny_access refused"]);
    assert_eq!(newest(&door, "actor"), id);
    let details = r#"{"method":"GET","path":"/admin/accounts/{id}"}"#;
    assert_eq!(newest(&door, "details"), details);
    door.let_pass(600);
    ada.get("/admin/accounts");
    trail.shows(&["deny_access refused"]);
    assert_eq!(door.browser().get("/admin/accounts").status, 303);
    trail.shows(&[]);
    let activity = ada.get("/account/activity").text("main");
    assert!(activity.contains("Access to a page was refused"));
}

#[test]
fn a_change_of_ones_own_account_leaves_exactly_its_event() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    door.signed_up("bob");
    let mut trail = Trail::of(&door);
    let id = id_of(&door, "ada");

    let page = ada.get("/account/email");
    ada.submit(&page, "Save", &[("Name (optional)", "Ada L.")]);
    trail.shows(&["change_name done"]);
    let page = ada.get("/account/email");
    let fields = [("Username", "lovelace"), ("Email address", "l@example.com")];
    ada.submit(&page, "Save", &fields);
    trail.shows(&["change_username done", "change_email done"]);
    assert_eq!(
        newest(&door, "details"),
        "{}",
        "no names: they outlive the account"
    );
    let page = ada.get("/account/email");
    assert_eq!(
        ada.submit(&page, "Save", &[("Username", "bob")]).status,
        422
    );
    trail.shows(&[]);
    assert_eq!(ada.submit(&page, "Save", &[]).status, 303);
    trail.shows(&[]);

    let page = ada.get("/account/password");
    let change = |current: &str| {
        let fields = [
            ("Current password", current),
            ("New password", OTHER_PASSWORD),
        ];
        ada.submit(&page, "Change password", &fields).status
    };
    assert_eq!(change("canary-wrong"), 422);
    trail.shows(&["change_password refused"]);
    assert_eq!(change(PASSWORD), 303);
    trail.shows(&["change_password done"]);

    door.let_pass(601);
    let page = ada.get("/account/verify");
    assert_eq!(
        ada.submit(&page, "Confirm", &[("Password", "canary-wrong")])
            .status,
        422
    );
    trail.shows(&["confirm_password refused"]);
    let page = ada.get("/account/verify");
    assert_eq!(
        ada.submit(&page, "Confirm", &[("Password", OTHER_PASSWORD)])
            .status,
        303
    );
    trail.shows(&["confirm_password done"]);

    ada.post_own("/account/sessions/others", &[]);
    trail.shows(&["sign_out_everywhere done"]);
    assert_eq!(
        (newest(&door, "actor"), newest(&door, "account_id")),
        (id.clone(), id)
    );
    ada.post_own("/account/export", &[]);
    trail.shows(&["export_account done"]);
    let page = ada.get("/account/delete");
    ada.submit(&page, "Delete my account", &[]);
    trail.shows(&["delete_account done"]);
}

#[test]
fn a_refresh_token_used_twice_leaves_its_event() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let thief = ada.copy();
    thief.drop_cookie("doorward_access");
    door.let_pass(15 * 60);
    assert!(ada.is_signed_in());
    door.let_pass(10);
    let mut trail = Trail::of(&door);
    assert!(!thief.is_signed_in());
    trail.shows(&["reuse_refresh_token refused"]);
    assert_eq!(newest(&door, "actor"), "visitor");
    assert_eq!(newest(&door, "account_id"), id_of(&door, "ada"));
    let session = door.lines("SELECT id AS line FROM sessions")[0].clone();
    assert_eq!(newest(&door, "target"), format!("session {session}"));
}

#[test]
fn what_an_administrator_does_leaves_exactly_its_event() {
    let door = Door::open();
    let root = administrator(&door);
    door.signed_up("ada");
    let (root_id, id) = (id_of(&door, "root"), id_of(&door, "ada"));
    let path = format!("/admin/accounts/{id}");
    let mut trail = Trail::of(&door);
    let press = |button: &str, fields: &[(&str, &str)]| {
        let reply = root.submit(&root.get(&path), button, fields);
        assert_eq!(reply.status, 303, "{}", reply.body);
    };
    press("Save profile", &[("Name (optional)", "Ada")]);
    trail.shows(&["change_name done"]);
    press(
        "Save role and groups",
        &[("Role", "administrator"), ("Groups (optional)", "ops")],
    );
    trail.shows(&["change_role done", "change_groups done"]);
    assert_eq!(newest(&door, "details"), r#"{"from":"","to":"ops"}"#);
    press("Save role and groups", &[]);
    trail.shows(&[]);
    press("Save limits", &[("File limit (optional)", "7")]);
    trail.shows(&["change_quota done"]);
    let quota: Value = serde_json::from_str(&newest(&door, "details")).unwrap();
    assert_eq!(quota, json!({"files": "7", "bytes": "default"}));
    press("Disable the account", &[]);
    trail.shows(&["disable_account done"]);
    press("Enable the account", &[]);
    trail.shows(&["enable_account done"]);
    press("Sign out everywhere", &[]);
    trail.shows(&["sign_out_everywhere done"]);
    root.post_own(&format!("{path}/shares"), &[]);
    trail.shows(&["revoke_all_shares done"]);
    assert_eq!(
        (newest(&door, "actor"), newest(&door, "account_id")),
        (root_id, id)
    );
    let ask = root.get(&format!("{path}/delete"));
    root.submit(&ask, "Delete this account", &[]);
    trail.shows(&["delete_account done"]);

    // Nobody is left to govern the others: refused, and rolled back.
    let own = format!("/admin/accounts/{}", id_of(&door, "root"));
    assert_eq!(
        root.submit(&root.get(&own), "Disable the account", &[])
            .status,
        409
    );
    trail.shows(&[]);
}

#[test]
fn a_link_to_a_file_leaves_its_events() {
    let door = Door::open();
    let ada = door.program(Some(&door.signed_up("ada").access()));
    let form = Multipart::new().file("file", "a.txt", "content");
    let file = ada.send_files("/api/files", &form).json()["id"].clone();
    let shares = format!("/api/files/{}/shares", file.as_str().unwrap());
    let mut trail = Trail::of(&door);
    let share = ada.send_json("POST", &shares, &json!({"minutes": 60}));
    trail.shows(&["make_share done"]);
    let id = share.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(newest(&door, "target"), format!("share {id}"));
    assert_eq!(newest(&door, "details"), format!(r#"{{"file":{file}}}"#));
    let one = format!("{shares}/{id}");
    let locked = json!({"minutes": 60, "password": "canary-hand-it-on"});
    let locked = ada.send_json("POST", &shares, &locked).json();
    trail.shows(&["make_share done"]);
    let url = locked["url"].as_str().unwrap();
    let url = &url[url.find("/s/").unwrap()..];
    let open = |password: &str| {
        let basic = STANDARD.encode(format!("x:{password}"));
        let holder = door.program(None).with("accept", "*/*");
        holder
            .with("authorization", &format!("Basic {basic}"))
            .get(url)
            .status
    };
    assert_eq!(open("canary-wrong"), 401);
    trail.shows(&["open_share refused"]);
    assert_eq!(newest(&door, "actor"), "visitor");
    assert_eq!(newest(&door, "account_id"), id_of(&door, "ada"));
    assert_eq!(open("canary-hand-it-on"), 200);
    trail.shows(&[]);
    assert_eq!(ada.with_method("DELETE", &one).status, 204);
    trail.shows(&["revoke_share done"]);
    assert_eq!(ada.with_method("DELETE", &one).status, 404);
    trail.shows(&[]);
}

#[test]
fn a_token_in_the_wrong_address_is_recorded_without_the_token_and_a_flood_is_counted() {
    let door = Door::open();
    let mut trail = Trail::of(&door);
    let ada = door.signed_up("ada");
    trail.news();
    let wrong = format!("/work?token={}", ada.access());
    assert_eq!(ada.get(&wrong).status, 400);
    trail.shows(&["misplace_token refused"]);
    assert_eq!(newest(&door, "details"), r#"{"path":"/work"}"#);
    for _ in 0..30 {
        door.browser().get("/public?token=x");
    }
    assert_eq!(trail.news().len(), 19, "twenty a minute");
}

#[test]
fn commands_and_imports_are_recorded_with_their_name() {
    let place = Place::new();
    let mut seen = Vec::new();
    let mut news = || {
        let all = place.lines(
            "SELECT actor || ': ' || action || ' ' || result || ' ' || details AS line \
             FROM audit_events ORDER BY seq",
        );
        let news = all[seen.len()..].to_vec();
        seen = all;
        news
    };
    place.run(&["migrate"]).well();
    let first = [
        "server: begin_trail done {}",
        "command migrate: migrate done {}",
    ];
    assert_eq!(news(), first);
    let add = ["account", "add", "--username", "ada", "--administrator"];
    place.tell(&add, PASSWORD).well();
    assert_eq!(
        news(),
        [r#"command account add: sign_up done {"role":"administrator"}"#]
    );
    place
        .tell(&["account", "add", "--username", "bob"], PASSWORD)
        .well();
    news();
    for (arguments, events) in [
        (
            &["account", "role", "bob", "administrator"][..],
            &[r#"command account role: change_role done {"from":"member","to":"administrator"}"#][..],
        ),
        (
            &["account", "disable", "bob"],
            &["command account disable: disable_account done {}"],
        ),
        (
            &["account", "enable", "bob"],
            &["command account enable: enable_account done {}"],
        ),
        (
            &["account", "rename", "bob", "--name", "Bob"],
            &["command account rename: change_name done {}"],
        ),
        (
            &["account", "groups", "bob", "ops"],
            &[r#"command account groups: change_groups done {"from":"","to":"ops"}"#],
        ),
        (
            &["account", "sign-out", "bob"],
            &["command account sign-out: sign_out_everywhere done {}"],
        ),
        (&["account", "sign-out", "--all"], &[]),
        (
            &["limits", "clear", "--account", "bob"],
            &["command limits clear: clear_limits done {}"],
        ),
        (
            &["limits", "clear", "--address", "192.0.2.7"],
            &[r#"command limits clear: clear_limits done {"address":"192.0.2.7"}"#],
        ),
        (&["limits", "list"], &[]),
        (
            &["account", "revoke-links", "bob"],
            &[r#"command account revoke-links: revoke_all_shares done {"open":"0"}"#],
        ),
        (&["account", "list"], &[]),
        (&["config", "show"], &[]),
        (
            &["account", "delete", "bob", "--yes"],
            &["command account delete: delete_account done {}"],
        ),
    ] {
        place.run(arguments).well();
        assert_eq!(news(), events, "{arguments:?}");
    }
    place
        .tell(&["account", "password", "ada"], OTHER_PASSWORD)
        .well();
    assert_eq!(
        news(),
        ["command account password: change_password done {}"]
    );
    let missing = place.run(&["account", "disable", "nobody"]);
    assert_eq!((missing.code, news()), (Some(1), Vec::new()));
    let last = place.run(&["account", "disable", "ada"]);
    assert_eq!((last.code, news()), (Some(1), Vec::new()));

    let hash = "$2b$04$abcdefghijklmnopqrstuuu8jYtbBXY8wzEiDz2oNLWJ1CyrBM8Ta";
    place.write(
        "users.csv",
        format!("username,password\neve,{hash}\nmallory,{hash}\n"),
    );
    place.run(&["import", "users.csv"]).well();
    assert_eq!(
        news(),
        [r#"command import: import_accounts done {"accounts":"2"}"#]
    );
    place.run(&["import", "users.csv"]).well();
    assert_eq!(news(), Vec::<String>::new());
    place.run(&["reset-db", "--yes"]).well();
    let all = place.lines("SELECT action AS line FROM audit_events ORDER BY seq");
    assert_eq!(all, ["begin_trail", "reset_database"]);
}

#[test]
fn a_start_records_its_settings_and_no_secret_and_keys_are_recorded() {
    let door = Door::with(&[
        ("tokens.link_seconds", "60"),
        ("tokens.algorithm", "HS256"),
        ("tokens.hmac_secret", "canary-shared-with-others-0123456789"),
    ]);
    let lines =
        door.lines("SELECT action || ' ' || details AS line FROM audit_events ORDER BY seq");
    let actions: Vec<_> = lines
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(actions, ["begin_trail", "make_key", "start_server"]);
    assert!(
        lines[2].contains(r#""tokens.link_seconds":"60""#),
        "{}",
        lines[2]
    );
    assert!(
        lines[2].contains(r#""tokens.hmac_secret":"[secret]""#),
        "{}",
        lines[2]
    );
    assert!(!lines.concat().contains("canary"), "{lines:?}");
    let door = door.restart();
    assert_eq!(newest(&door, "action"), "start_server");

    let place = Place::new();
    place.serve().end();
    place.run(&["keys", "rotate", "--revoke"]).well();
    let keys = place.lines(
        "SELECT action || ' ' || details AS line FROM audit_events \
         WHERE actor = 'command keys rotate' ORDER BY seq",
    );
    let expected = [
        r#"rotate_keys {"previous":"revoked"}"#,
        "delete_key {}",
        r#"make_key {"algorithm":"EdDSA"}"#,
    ];
    assert_eq!(keys, expected);
    place.run(&["keys", "rotate"]).well();
    let keys = place.lines(
        "SELECT action || ' ' || details AS line FROM audit_events \
         WHERE actor = 'command keys rotate' ORDER BY seq",
    );
    assert_eq!(keys[3], r#"rotate_keys {"previous":"retired"}"#);

    let serving = place.serve();
    serving
        .browser()
        .sign_up("ada", "ada@example.com", PASSWORD);
    serving.end();
    place.run(&["account", "sign-out", "--all"]).well();
    let last = "SELECT actor || ': ' || action || ' ' || details AS line FROM audit_events \
                ORDER BY seq DESC LIMIT 1";
    let everyone = r#"command account sign-out: sign_out_everywhere {"ended":"1"}"#;
    assert_eq!(place.lines(last), [everyone]);
}

#[test]
fn keys_that_rotate_by_themselves_leave_their_events() {
    let door = Door::open();
    let made = "SELECT count(*) AS n FROM audit_events \
                WHERE action = 'make_key' AND actor = 'server'";
    let before = door.number(made);
    door.let_pass(90 * DAY);
    let door = door.restart();
    wait_until("another is made", || door.number(made) == before + 1);
    door.let_pass(91 * DAY);
    let door = door.restart();
    let deleted = "SELECT count(*) AS n FROM audit_events \
                   WHERE action = 'delete_key' AND actor = 'server'";
    wait_until("the first is deleted", || door.number(deleted) == 1);
}

#[test]
fn every_change_by_the_api_leaves_its_event() {
    let door = Door::open();
    let root = door.program(Some(&administrator(&door).access()));
    let ada = door.signed_up("ada");
    let own = door.program(Some(&ada.access()));
    let nobody = door.program(None);
    let (root_id, id) = (id_of(&door, "root"), id_of(&door, "ada"));
    let account = format!("/api/accounts/{id}");
    let (quota, links) = (format!("{account}/quota"), format!("{account}/shares"));
    let form = Multipart::new().file("file", "a.txt", "content");
    let file = own.send_files("/api/files", &form).json()["id"].clone();
    let shares = format!("/api/files/{}/shares", file.as_str().unwrap());
    let bob = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
    let credentials = json!({"username": "bob", "password": PASSWORD});
    let names = json!({"username": "lovelace", "email": "l@example.com"});
    let none = Value::Null;
    let mut trail = Trail::of(&door);
    for (who, method, path, body, events) in [
        (&nobody, "POST", "/api/accounts", bob, &["sign_up done"][..]),
        (
            &nobody,
            "POST",
            "/api/sessions",
            credentials,
            &["sign_in done"],
        ),
        (
            &own,
            "POST",
            "/api/links",
            json!({"path": "/dashboard"}),
            &["make_link done"],
        ),
        (
            &own,
            "PATCH",
            "/api/me",
            json!({"name": "Ada"}),
            &["change_name done"],
        ),
        (
            &own,
            "PATCH",
            "/api/me",
            names,
            &["change_username done", "change_email done"],
        ),
        (
            &own,
            "POST",
            &shares,
            json!({"minutes": 60}),
            &["make_share done"],
        ),
        (
            &own,
            "DELETE",
            &links,
            none.clone(),
            &["revoke_all_shares done"],
        ),
        (
            &own,
            "DELETE",
            "/api/sessions?except=current",
            none.clone(),
            &["sign_out_everywhere done"],
        ),
        (
            &root,
            "PATCH",
            &account,
            json!({"name": "A"}),
            &["change_name done"],
        ),
        (
            &root,
            "PATCH",
            &quota,
            json!({"files_max": 7}),
            &["change_quota done"],
        ),
        (
            &root,
            "DELETE",
            &links,
            none.clone(),
            &["revoke_all_shares done"],
        ),
        (
            &root,
            "PATCH",
            &account,
            json!({"groups": ["ops"]}),
            &["change_groups done"],
        ),
        (
            &root,
            "PATCH",
            &account,
            json!({"role": "administrator"}),
            &["change_role done"],
        ),
        (
            &root,
            "PATCH",
            &account,
            json!({"state": "disabled"}),
            &["disable_account done"],
        ),
        (
            &root,
            "PATCH",
            &account,
            json!({"state": "active"}),
            &["enable_account done"],
        ),
        (
            &root,
            "DELETE",
            &account,
            none.clone(),
            &["delete_account done"],
        ),
    ] {
        let reply = match method {
            "DELETE" => who.with_method(method, path),
            _ => who.send_json(method, path, &body),
        };
        assert!(reply.status < 300, "{method} {path}: {}", reply.body);
        assert_eq!(trail.news(), events, "{method} {path} {body}");
        let actor = newest(&door, "actor");
        let is_by = |browser| std::ptr::eq(who, browser);
        assert!(!is_by(&own) || actor == id, "{method} {path}: {actor}");
        assert!(
            !is_by(&root) || actor == root_id,
            "{method} {path}: {actor}"
        );
        assert!(
            is_by(&nobody) || newest(&door, "account_id") == id,
            "{method} {path}"
        );
        assert_eq!(
            newest(&door, "request_id"),
            reply.header("x-request-id").unwrap()
        );
    }
}

#[test]
fn ending_a_session_by_the_api_and_using_a_token_twice_there_leave_their_events() {
    let door = Door::open();
    door.signed_up("ada");
    let credentials = json!({"username": "ada", "password": PASSWORD});
    let sign_in = || {
        let reply = door
            .program(None)
            .send_json("POST", "/api/sessions", &credentials);
        reply.json()
    };
    let holder = |tokens: &Value| door.program(Some(tokens["access_token"].as_str().unwrap()));
    let (one, two) = (sign_in(), sign_in());
    let sessions = holder(&two).get("/api/sessions").json();
    let items = sessions["items"].as_array().unwrap();
    let own = items.iter().find(|item| item["current"] == true).unwrap();
    let two_id = own["id"].as_str().unwrap();
    let mut trail = Trail::of(&door);
    let path = format!("/api/sessions/{two_id}");
    assert_eq!(holder(&one).with_method("DELETE", &path).status, 204);
    trail.shows(&["sign_out done"]);
    assert_eq!(newest(&door, "target"), format!("session {two_id}"));
    let refresh = |tokens: &Value| {
        let body = json!({"refresh_token": tokens["refresh_token"]});
        door.program(None)
            .send_json("POST", "/api/tokens/refresh", &body)
    };
    assert_eq!(refresh(&one).status, 200);
    trail.shows(&[]);
    door.let_pass(10);
    assert_eq!(refresh(&one).status, 401);
    trail.shows(&["reuse_refresh_token refused"]);
    let three = sign_in();
    trail.shows(&["sign_in done"]);
    let current = holder(&three).with_method("DELETE", "/api/sessions/current");
    assert_eq!(current.status, 204);
    trail.shows(&["sign_out done"]);
}

#[test]
fn the_pages_of_sessions_and_links_and_the_first_administrators_link_leave_their_events() {
    let door = Door::open();
    let link = door.first_administrator.clone().unwrap();
    let root = door.signed_up("root");
    let mut trail = Trail::of(&door);
    let page = root.get(&link.replace(&door.url, ""));
    let form = page.forms();
    let made = form
        .iter()
        .find(|form| form.action == "/first-administrator");
    let token = link.split_once("token=").unwrap().1;
    assert!(made.is_some(), "{}", page.body);
    root.post_own("/first-administrator", &[("token", token)]);
    trail.shows(&["change_role done", "sign_in done"]);

    let ada = door.signed_up("ada");
    let lost = door.browser();
    lost.sign_in("ada", PASSWORD);
    let program = door.program(Some(&ada.access()));
    let form = Multipart::new().file("file", "a.txt", "content");
    let file = program.send_files("/api/files", &form).json()["id"].clone();
    let shares = format!("/files/{}/shares", file.as_str().unwrap());
    trail.news();
    let other = ada
        .get("/account/sessions")
        .attribute("tbody a", "href")
        .unwrap();
    ada.submit(&ada.get(&other), "Sign out this device", &[]);
    trail.shows(&["sign_out done"]);
    assert!(!lost.is_signed_in());
    let id = |sql: &str| door.lines(sql)[0].clone();
    ada.submit(&ada.get(&shares.replace("/shares", "")), "Create link", &[]);
    trail.shows(&["make_share done"]);
    let share = id("SELECT id AS line FROM shares");
    ada.submit(
        &ada.get(&format!("{shares}/{share}")),
        "Revoke this link",
        &[],
    );
    trail.shows(&["revoke_share done"]);
    ada.post_own("/account/shares", &[]);
    trail.shows(&["revoke_all_shares done"]);
}

#[test]
fn signing_up_and_in_by_the_tutorials_leaves_the_same_events() {
    let door = Door::open();
    let mut trail = Trail::of(&door);
    let curl = Browser::sending(&door.local_url(), &[("accept", "*/*")]);
    let form = |path: &str, fields: &[(&str, &str)]| curl.post(path, fields).status;
    let json = |path: &str, body: Value| curl.send_json("POST", path, &body).status;
    let basic = |password: &str| {
        let pair = STANDARD.encode(format!("ada-d:{password}"));
        curl.with("authorization", &format!("Basic {pair}"))
            .get("/login")
            .status
    };
    let new = |name: &str| {
        json!({
            "username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
        })
    };
    let old = |name: &str, password: &str| json!({"username": name, "password": password});
    let wrong = "canary-wrong";

    let a = [
        ("name", "Ada"),
        ("email", "a@example.com"),
        ("password", PASSWORD),
    ];
    assert_eq!(form("/signup", &a), 201);
    trail.shows(&["sign_up done"]);
    assert_eq!(form("/login", &a[1..]), 201);
    trail.shows(&["sign_in done"]);
    assert_eq!(form("/login", &[a[1], ("password", wrong)]), 403);
    trail.shows(&["sign_in refused"]);

    door.signed_up("ada-b");
    door.signed_up("ada-d");
    trail.news();
    assert_eq!(form("/login", &[("username", "ada-b"), a[2]]), 200);
    trail.shows(&["sign_in done"]);
    assert_eq!(basic(PASSWORD), 200);
    trail.shows(&["sign_in done"]);
    assert_eq!(basic(wrong), 403);
    trail.shows(&["sign_in refused"]);

    assert_eq!(json("/api/v1/signup", new("ada-c")), 200);
    trail.shows(&["sign_up done"]);
    assert_eq!(json("/api/v1/login", old("ada-c", PASSWORD)), 200);
    trail.shows(&["sign_in done"]);
    assert_eq!(json("/api/v1/login", old("ada-c", wrong)), 401);
    trail.shows(&["sign_in refused"]);

    assert_eq!(json("/signup", old("ada-e", PASSWORD)), 200);
    trail.shows(&["sign_up done"]);
    assert_eq!(json("/auth", old("ada-e", PASSWORD)), 200);
    trail.shows(&["sign_in done"]);
    assert_eq!(json("/auth", old("ada-e", wrong)), 401);
    trail.shows(&["sign_in refused"]);
}

#[test]
fn messages_about_an_address_and_their_links_leave_their_events() {
    let door = Door::with(&[("signup.verify_email", "true")]);
    let mut trail = Trail::of(&door);
    let ada = door.browser();
    let press = |to: &str, subject: &str, button: &str, typed: &[(&str, &str)]| {
        let letter = door.letter(to, subject);
        let page = ada.follow(&ada.get(letter.path(&door)));
        assert_eq!(ada.submit(&page, button, typed).status, 303);
    };
    let (confirm, changed) = ("Confirm your email address", "was changed");
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    door.wait_for_mail();
    trail.shows(&[]);
    let password = [("Password", PASSWORD)];
    press("ada@example.com", confirm, "Create account", &password);
    trail.shows(&["verify_email done", "sign_up done", "sign_in done"]);
    let id = id_of(&door, "ada");
    assert_eq!(newest(&door, "account_id"), id);

    let change = |email: &str| {
        let page = ada.get("/account/email");
        ada.submit(&page, "Save", &[("Email address", email)]);
    };
    change("a@example.com");
    trail.shows(&["ask_to_change_email done"]);
    assert_eq!(newest(&door, "account_id"), id);
    ada.post_own("/account/email/cancel", &[]);
    trail.shows(&["cancel_email_change done"]);
    ada.post_own("/account/email/cancel", &[]);
    trail.shows(&[]);
    change("b@example.com");
    press("b@example.com", confirm, "Confirm the address", &[]);
    trail.shows(&[
        "ask_to_change_email done",
        "change_email done",
        "verify_email done",
    ]);
    press("ada@example.com", changed, "Bring the address back", &[]);
    trail.shows(&[
        "change_email done",
        "undo_email_change done",
        "sign_out_everywhere done",
    ]);
    assert_eq!(newest(&door, "account_id"), id);
    let reset = [("New password", OTHER_PASSWORD)];
    press(
        "ada@example.com",
        "Set a new password",
        "Set password",
        &reset,
    );
    trail.shows(&["change_password done"]);
    let page = ada.get("/forgot");
    let fields = [("Email address", "ada@example.com")];
    ada.submit(&page, "Send the link", &fields);
    door.wait_for_mail();
    trail.shows(&["ask_for_reset done"]);

    let door = door.restart_with(&[("signup.verify_email", "false")]);
    let bob = door.signed_up("bob");
    let mut trail = Trail::of(&door);
    bob.post_own("/account/email/confirm", &[]);
    trail.shows(&["ask_to_verify_email done"]);
}

#[test]
fn a_sign_in_by_mail_and_a_report_leave_their_events() {
    let door = Door::with(&[("sign_in.by_mail", "true")]);
    let ada = door.signed_up("ada");
    let mut trail = Trail::of(&door);
    let other = door.browser();
    let page = other.get("/login/link");
    other.submit(
        &page,
        "Send the link",
        &[("Email address", "ada@example.com")],
    );
    let letter = door.letter("ada@example.com", "Sign in to");
    trail.shows(&["ask_for_sign_in done"]);
    other.get(letter.path(&door));
    other.submit(&other.get("/login/link/open"), "Sign in as ada", &[]);
    trail.shows(&["sign_in done"]);
    let details = newest(&door, "details");
    assert!(details.contains("\"device\":\"new\""), "{details}");
    let notice = door.letter("ada@example.com", "New sign-in");
    ada.get(notice.path(&door));
    ada.submit(&ada.get("/not-me"), "This was not me", &[]);
    trail.shows(&["report_not_me done", "sign_out_everywhere done"]);
}

#[test]
fn invitations_and_changes_to_the_outbox_leave_their_events() {
    let door = Door::open();
    let root = administrator(&door);
    let mut trail = Trail::of(&door);
    let invite = || {
        let made = root.submit(&root.get("/admin/invites"), "Create invitation", &[]);
        root.follow(&made)
    };
    let notice = invite().text(".notice");
    trail.shows(&["invite done"]);
    let link = notice.split_whitespace().last().unwrap();
    let bob = door.browser();
    bob.get(link.strip_prefix(&door.url).unwrap());
    let names = [
        ("Username", "bob"),
        ("Email address", "bob@example.com"),
        ("Password", PASSWORD),
    ];
    bob.submit(&bob.get("/invitation"), "Create account", &names);
    trail.shows(&["accept_invitation done", "sign_up done", "sign_in done"]);
    let open = invite();
    trail.shows(&["invite done"]);
    let ask = root.get(&open.attribute("tbody a", "href").unwrap());
    root.submit(&ask, "Revoke this invitation", &[]);
    trail.shows(&["revoke_invitation done"]);

    // A file in the place of the folder.
    let outbox = door.data_dir().join("outbox");
    std::fs::remove_dir_all(&outbox).ok();
    std::fs::write(&outbox, "").unwrap();
    let page = root.get("/forgot");
    root.submit(
        &page,
        "Send the link",
        &[("Email address", "bob@example.com")],
    );
    wait_until("a message is not sent", || {
        door.number("SELECT count(*) AS n FROM mail_messages WHERE attempts > 0 AND recipient = 'bob@example.com'") == 1
    });
    trail.shows(&["ask_for_reset done"]);
    let id = "SELECT id AS line FROM mail_messages WHERE recipient = 'bob@example.com'";
    let id = &door.lines(id)[0];
    root.post_own(&format!("/admin/mail/{id}/retry"), &[]);
    trail.shows(&["retry_mail done"]);
    root.post_own(&format!("/admin/mail/{id}/delete"), &[]);
    trail.shows(&["delete_mail done"]);
}

/// A kind of event that no test causes may not be recorded at all.
#[test]
fn each_kind_of_event_is_in_a_test() {
    let tests = [include_str!("audit.rs"), include_str!("mail/outbox.rs")].concat();
    for action in doorward::base::event::Action::ALL {
        let name = action.as_str();
        assert!(tests.contains(name), "{name}");
    }
}

/// A database with some events.
fn place_with_events() -> (Place, i64) {
    let place = Place::new();
    for name in ["ada", "bob", "eve"] {
        place
            .tell(&["account", "add", "--username", name], PASSWORD)
            .well();
    }
    place.run(&["account", "disable", "eve"]).well();
    place.run(&["account", "enable", "eve"]).well();
    let last = place.number("SELECT max(seq) AS n FROM audit_events");
    assert_eq!(last, 6);
    (place, last)
}

/// Where `audit verify` says that the chain breaks.
fn breaks(place: &Place) -> Vec<String> {
    let ran = place.run(&["audit", "verify"]);
    let broken = ran
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("BROKEN: "));
    let broken: Vec<_> = broken.map(str::to_owned).collect();
    assert_eq!(
        ran.code,
        Some(i32::from(!broken.is_empty())),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    broken
}

const KEEP: &str = "CREATE TABLE kept_events AS SELECT * FROM audit_events; \
     CREATE TABLE kept_head AS SELECT * FROM audit_head;";
const RESTORE: &str = "DELETE FROM audit_events; DELETE FROM audit_head; \
     INSERT INTO audit_events SELECT * FROM kept_events; \
     INSERT INTO audit_head SELECT * FROM kept_head;";
const COLUMNS: &str = "at, actor, action, result, account_id, target, session_id, address, \
     user_agent, request_id, details, mac";

#[test]
fn the_chain_breaks_at_exactly_the_event_that_was_changed() {
    let (place, last) = place_with_events();
    assert_eq!(breaks(&place), Vec::<String>::new());
    place.sql(KEEP);
    for change in [
        "at = at + 1",
        "actor = 'server'",
        "action = 'sign_out'",
        "result = 'refused'",
        "account_id = NULL",
        "account_id = ''",
        "target = ''",
        "session_id = 'x'",
        "address = '192.0.2.1'",
        "user_agent = 'x'",
        "request_id = 'x'",
        "details = '[]'",
        // What is moved from one column to the next is changed as well.
        "actor = actor || 's', action = 'ign_up'",
    ] {
        for seq in [2, 3, last] {
            place.sql(&format!(
                "UPDATE audit_events SET {change} WHERE seq = {seq}"
            ));
            let expected = [format!("event {seq} was changed, or inserted in its place")];
            assert_eq!(breaks(&place), expected, "{change}");
            place.sql(RESTORE);
        }
    }
    for change in [
        "at = at + 1",
        "actor = 'x'",
        "details = '[]'",
        "mac = (SELECT mac FROM audit_head)",
    ] {
        place.sql(&format!("UPDATE audit_events SET {change} WHERE seq = 1"));
        let expected = "event 1 was changed, or inserted in its place";
        assert_eq!(breaks(&place), [expected], "{change}");
        place.sql(RESTORE);
    }
    let swap = "UPDATE audit_events SET seq = -seq WHERE seq IN (3, 4); \
                UPDATE audit_events SET seq = 7 + seq WHERE seq < 0;";
    place.sql(swap);
    assert!(breaks(&place)[0].starts_with("event 3 "));
    place.sql(RESTORE);
    place.sql("UPDATE audit_events SET mac = (SELECT mac FROM audit_head) WHERE seq = 4");
    let expected = "event 4 was changed, or inserted in its place";
    assert_eq!(breaks(&place), [expected]);
    place.sql(RESTORE);
    assert_eq!(breaks(&place), Vec::<String>::new());
}

#[test]
fn the_chain_breaks_at_exactly_the_events_that_were_removed() {
    let (place, last) = place_with_events();
    place.sql(KEEP);
    let rest = "the next one cannot be checked";
    for (which, expected) in [
        ("seq = 1", format!("event 1 is missing; {rest}")),
        ("seq = 3", format!("event 3 is missing; {rest}")),
        (
            "seq IN (3, 4)",
            format!("events 3 to 4 are missing; {rest}"),
        ),
        ("seq = 6", format!("event {last} is missing; {rest}")),
        ("seq > 0", format!("events 1 to {last} are missing; {rest}")),
    ] {
        place.sql(&format!("DELETE FROM audit_events WHERE {which}"));
        assert_eq!(breaks(&place), [expected], "{which}");
        place.sql(RESTORE);
    }
    // What is written afterwards does not heal it.
    place.sql("DELETE FROM audit_events WHERE seq > 4");
    place.run(&["account", "disable", "eve"]).well();
    assert_eq!(
        breaks(&place),
        [format!("events 5 to 6 are missing; {rest}")]
    );
}

#[test]
fn the_chain_breaks_at_exactly_the_event_that_was_inserted() {
    let (place, last) = place_with_events();
    place.sql(KEEP);
    let copy = |from: i64, to: i64| {
        format!(
            "INSERT INTO audit_events (seq, {COLUMNS}) \
             SELECT {to}, {COLUMNS} FROM kept_events WHERE seq = {from};"
        )
    };
    for seq in [-5, 0, last + 1, last + 9] {
        place.sql(&copy(3, seq));
        assert_eq!(breaks(&place), [format!("event {seq} was inserted")]);
        place.sql(RESTORE);
    }
    // The server does not stop at it, and records that it met it.
    place.sql(&copy(3, last + 1));
    place.run(&["account", "disable", "eve"]).well();
    let found = breaks(&place);
    assert!(
        found[0].starts_with("event 7 was changed, or inserted"),
        "{found:?}"
    );
    assert!(found[1].starts_with("event 8 records"), "{found:?}");
    assert_eq!(found.len(), 2);
    place.sql(RESTORE);
    let make_room = "UPDATE audit_events SET seq = -seq WHERE seq >= 3; \
                     UPDATE audit_events SET seq = 1 - seq WHERE seq < 0;";
    for seq in [1, 3, last] {
        let make_room = make_room.replace(">= 3", &format!(">= {seq}"));
        place.sql(&format!("{make_room} {}", copy(2, seq)));
        let expected = format!("event {seq} was changed, or inserted");
        assert!(breaks(&place)[0].starts_with(&expected));
        place.sql(RESTORE);
    }
}

#[test]
fn a_trail_without_its_newest_events_is_found_and_stays_so() {
    let (place, last) = place_with_events();
    // As somebody does it who has no key: the head fits, its seal does not.
    place.sql(
        "DELETE FROM audit_events WHERE seq = 6; UPDATE audit_head SET seq = 5, \
         mac = (SELECT mac FROM audit_events WHERE seq = 5)",
    );
    let head = "the head of the trail was changed: the newest events may be missing";
    assert_eq!(breaks(&place), [head]);
    place.run(&["account", "disable", "eve"]).well();
    let found = format!(
        "event {last} records that the server found a change: events before it may be missing"
    );
    assert_eq!(breaks(&place), [found.as_str()]);
    place.run(&["account", "enable", "eve"]).well();
    assert_eq!(breaks(&place), [found.as_str()]);

    // A head as on the first day does not begin a new trail.
    place.sql("UPDATE audit_head SET seq = 0, mac = pruned_mac, seal = pruned_mac");
    place.run(&["account", "disable", "eve"]).well();
    assert_eq!(breaks(&place).len(), 2);
    place.run(&["account", "list"]).well();
}

#[test]
fn another_secret_and_a_missing_one_verify_nothing() {
    let (mut place, _) = place_with_events();
    // The signing keys say whose secret it is.
    place.serve().end();
    assert_eq!(breaks(&place), Vec::<String>::new());
    place.set(
        "DOORWARD_SECRET",
        "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmFyeQ==",
    );
    let words = place.run(&["audit", "verify"]).ill(1);
    assert!(!words.contains("changed"), "{words}");
    place.variables.remove("DOORWARD_SECRET");
    std::fs::remove_file(place.path("data/secret")).unwrap();
    assert!(
        place
            .run(&["audit", "verify"])
            .ill(1)
            .contains("secret is missing")
    );

    let empty = Place::on_sqlite();
    assert!(
        empty
            .run(&["audit", "verify"])
            .ill(1)
            .contains("doorward migrate")
    );
    assert!(!empty.path("data").exists());
}

fn run_beside(door: &Door, arguments: &[&str]) -> crate::support::Ran {
    let mut place = Place::on_sqlite();
    if let Some(url) = door.database_url() {
        place.set("DOORWARD_DATABASE__URL", &url);
    }
    let folder = door.data_dir().to_str().unwrap().to_owned();
    place.run(&[arguments, &["--data-dir", &folder]].concat())
}

#[test]
fn pruning_keeps_the_chain_verifiable() {
    let door = Door::with(&[("audit.keep_days", "30")]);
    door.signed_up("ada");
    let old = door.number("SELECT max(seq) AS n FROM audit_events");
    door.let_pass(20 * DAY);
    door.signed_up("bob");
    let door = door.restart();
    assert_eq!(door.number("SELECT min(seq) AS n FROM audit_events"), 1);
    door.let_pass(10 * DAY + 1);
    // A server begins with its jobs.
    let door = door.restart();
    let first = "SELECT min(seq) AS n FROM audit_events";
    wait_until("old events are deleted", || door.number(first) == old + 1);
    let verified = run_beside(&door, &["audit", "verify"]).well();
    assert!(
        verified.contains(&format!("Events 1 to {old} were pruned.")),
        "{verified}"
    );
    assert!(verified.contains("The chain is unbroken."), "{verified}");

    door.signed_up("eve");
    run_beside(&door, &["audit", "verify"]).well();
    door.sql(&format!("DELETE FROM audit_events WHERE seq = {}", old + 1));
    let broken = run_beside(&door, &["audit", "verify"]);
    assert!(
        broken
            .stdout
            .contains(&format!("event {} is missing", old + 1)),
        "{}",
        broken.stdout
    );

    // What was broken is pruned in time, and that it was so stays recorded.
    door.let_pass(31 * DAY);
    let door = door.restart();
    let found = "SELECT count(*) AS n FROM audit_events WHERE action = 'find_changed_trail'";
    wait_until("the break is recorded", || door.number(found) == 1);
    let details = "SELECT details AS line FROM audit_events WHERE action = 'find_changed_trail'";
    assert!(door.lines(details)[0].contains("is missing"));
}

#[test]
fn without_a_limit_nothing_is_pruned() {
    let door = Door::with(&[("audit.keep_days", "0")]);
    door.signed_up("ada");
    door.let_pass(10_000 * DAY);
    let door = door.restart();
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
    assert_eq!(door.number("SELECT min(seq) AS n FROM audit_events"), 1);
}

#[test]
fn two_servers_that_write_at_once_keep_one_unbroken_chain() {
    let door = Door::open();
    let other = door.another();
    door.signed_up("ada");
    let before = door.number("SELECT max(seq) AS n FROM audit_events");
    std::thread::scope(|scope| {
        for server in [&door, &other, &door, &other] {
            scope.spawn(|| {
                for n in 0..8 {
                    let password = if n % 2 == 0 { PASSWORD } else { "canary-wrong" };
                    server.browser().sign_in("ada", password);
                }
            });
        }
    });
    let written = door.number("SELECT max(seq) AS n FROM audit_events") - before;
    assert_eq!(written, 32);
    let counted = "SELECT count(DISTINCT seq) AS n FROM audit_events";
    assert_eq!(door.number(counted), before + 32);
    let verified = run_beside(&door, &["audit", "verify"]).well();
    assert!(verified.contains("The chain is unbroken."), "{verified}");
}

#[test]
fn an_export_is_json_lines_that_can_be_continued() {
    let (place, last) = place_with_events();
    let all = place.run(&["audit", "export"]).well();
    let events: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(i64::try_from(events.len()).unwrap(), last);
    assert_eq!(events[1]["seq"], 2);
    assert_eq!(events[1]["action"], "sign_up");
    assert_eq!(events[1]["actor"], "command account add");
    assert_eq!(events[1]["details"]["role"], "member");
    assert_eq!(events[1]["mac"].as_str().unwrap().len(), 64);
    let rest = place.run(&["audit", "export", "--after", "4"]).well();
    assert_eq!(
        rest.lines().collect::<Vec<_>>(),
        all.lines().skip(4).collect::<Vec<_>>()
    );
    let listed = place.run(&["audit", "list", "--limit", "2"]).well();
    let listed: Vec<_> = listed
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .collect();
    assert_eq!(
        listed[0][..5],
        [
            "6",
            listed[0][1],
            "done",
            "enable_account",
            "command account enable"
        ]
    );
    assert_eq!(listed.len(), 2);
    let of_eve = [
        "audit",
        "list",
        "--account",
        "EVE",
        "--action",
        "disable_account",
    ];
    assert_eq!(place.run(&of_eve).well().lines().count(), 1);
    let none = ["audit", "list", "--result", "refused"];
    assert_eq!(place.run(&none).well(), "");
    assert_eq!(
        place.run(&["audit", "list", "--action", "fly"]).code,
        Some(2)
    );
    assert!(
        place
            .run(&["audit", "list", "--account", "nobody"])
            .ill(1)
            .contains("no account")
    );
}

#[test]
fn no_control_character_reaches_a_terminal_or_a_page() {
    let door = Door::open();
    let root = administrator(&door);
    // What a client can send, and what somebody with the database can write.
    door.browser()
        .with("user-agent", "a\tb")
        .sign_in("no\u{1b}[2Jbody\u{202e}", PASSWORD);
    assert_eq!(newest(&door, "user_agent"), "a\u{fffd}b");
    let bad = "'x' || chr(27) || '[2J' || chr(7) || chr(155) || chr(8238) || chr(10) || 'y'";
    let bad = match door.database_url() {
        Some(_) => bad.to_owned(),
        None => bad.replace("chr", "char"),
    };
    let columns = [
        "actor",
        "action",
        "result",
        "account_id",
        "target",
        "session_id",
        "address",
        "user_agent",
        "request_id",
        "details",
    ];
    let all = columns.map(|column| format!("{column} = {bad}")).join(", ");
    door.sql(&format!("UPDATE audit_events SET {all} WHERE seq = 2"));
    for arguments in [
        &["audit", "export"][..],
        &["audit", "list"],
        &["audit", "verify"],
    ] {
        let ran = run_beside(&door, arguments);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        let is_bad = |c: &char| c.is_control() && !"\n\t".contains(*c) || *c == '\u{202e}';
        assert_eq!(printed.chars().find(is_bad), None, "{arguments:?}");
        if arguments[1] == "export" {
            let line = ran.stdout.lines().nth(1).unwrap();
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                event["actor"], "x\u{1b}[2J\u{7}\u{9b}\u{202e}\ny",
                "nothing is lost"
            );
        }
    }
    let page = root.get("/admin/audit");
    assert_eq!(page.status, 200);
    let is_bad = |c: &char| c.is_control() && *c != '\n' || *c == '\u{202e}';
    assert_eq!(page.body.chars().find(is_bad), None);
}

fn words(page: &Reply) -> Vec<String> {
    let rows = page.text("tbody th");
    rows.lines().map(str::to_owned).collect()
}

#[test]
fn everyone_sees_the_events_of_their_own_account() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    door.signed_up("bob");
    let agent = "Mozilla/5.0 (iPhone) Safari/604";
    door.browser()
        .with("user-agent", agent)
        .sign_in("ada", "canary-wrong");
    let page = root.get(&format!("/admin/accounts/{}", id_of(&door, "ada")));
    root.submit(&page, "Save profile", &[("Name (optional)", "Ada")]);
    let shown = ada.get("/account/activity");
    assert_eq!(shown.heading(), "Your activity");
    let refused = "A sign-in with a wrong password was refused Safari on iPhone, 127.0.0.1";
    let expected = [
        "Name changed by an administrator",
        refused,
        "Signed in This device Unknown device, 127.0.0.1",
        "Account created Unknown device, 127.0.0.1",
    ];
    assert_eq!(words(&shown), expected);
    let (not_me, to) = ("tbody a", Some("/account/password".to_owned()));
    assert_eq!(shown.attribute(not_me, "href"), to);
    assert_eq!(
        shown.text(not_me).lines().count(),
        3,
        "not of what an administrator did"
    );
    assert!(shown.body.contains("This was not me"));
    assert!(
        ada.get("/account")
            .body
            .contains("href=\"/account/activity\"")
    );
    let own = words(&root.get("/account/activity"));
    assert_eq!(own[0].split(',').next().unwrap(), "Name changed");
    assert!(own[0].contains("of another account"), "{own:?}");
    assert_eq!(door.browser().get("/account/activity").status, 303);
}

#[test]
fn administrators_filter_and_page_through_all_events() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    let id = id_of(&door, "ada");
    door.browser().sign_in("ada", "canary-wrong");
    let rows = |query: &str| words(&root.get(&format!("/admin/audit?{query}")));
    assert_eq!(rows("account=ADA").len(), 3);
    assert_eq!(
        rows(&format!("account={id}")),
        rows("account=ada%40example.com")
    );
    let refused = rows("action=sign_in&result=refused&account=ada");
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].starts_with("Sign in, refused cause: wrong password No. "),
        "{refused:?}"
    );
    let day = "2027-01-15";
    assert_eq!(rows(&format!("from={day}&to={day}")), rows(""));
    assert_eq!(rows("to=2027-01-14"), Vec::<String>::new());
    assert_eq!(rows("from=2027-01-16"), Vec::<String>::new());
    let none = root.get("/admin/audit?account=zzz");
    assert_eq!(none.text("h2"), "No matching events");
    for bad in ["action=fly", "result=maybe", "from=today", "after=x"] {
        assert_eq!(
            root.get(&format!("/admin/audit?{bad}")).status,
            404,
            "{bad}"
        );
    }
    let account = root.get(&format!("/admin/accounts/{id}"));
    let link = format!("/admin/audit?account={id}");
    assert!(account.body.contains(&format!("href=\"{link}\"")));
    let shown = root.get(&link);
    assert_eq!(shown.value("Username, email address or ID"), id);
    assert_eq!(
        shown.attribute("tbody td a", "href"),
        Some(format!("/admin/accounts/{id}"))
    );

    for _ in 0..60 {
        door.browser().sign_in("ada", "canary-wrong");
    }
    let first = root.get("/admin/audit?account=ada&result=refused");
    let next = first.attribute(".actions a", "href").unwrap();
    let second = root.get(&next);
    let (first, second) = (words(&first), words(&second));
    assert_eq!((first.len(), second.len()), (50, 11));
    assert!(first.iter().all(|row| !second.contains(row)));

    assert_eq!(ada.get("/admin/audit").status, 403);
    assert_eq!(door.browser().get("/admin/audit").status, 303);
    // A deleted account keeps its events, without its name.
    let ask = root.get(&format!("/admin/accounts/{id}/delete"));
    root.submit(&ask, "Delete this account", &[]);
    let left = root.get(&format!("{link}&action=delete_account"));
    assert!(
        left.text("tbody td")
            .contains(&format!("deleted account {id}"))
    );
    assert_eq!(left.text("tbody td a"), "root");
}

#[test]
fn programs_of_administrators_read_the_trail() {
    let door = Door::open();
    let root = administrator(&door);
    let ada = door.signed_up("ada");
    let id = id_of(&door, "ada");
    let program = door.program(Some(&root.access()));
    let page = |query: &str| program.get(&format!("/api/audit?{query}")).json();
    let of_ada = page(&format!("account={id}"));
    let items = of_ada["items"].as_array().unwrap();
    assert_eq!((items.len(), &of_ada["next"]), (2, &Value::Null));
    assert_eq!(items[0]["action"], "sign_in");
    assert_eq!(items[0]["actor"], id.as_str());
    assert_eq!(items[0]["account"], id.as_str());
    assert_eq!(items[0]["result"], "done");
    assert_eq!(items[0]["address"], "127.0.0.1");
    assert_eq!(items[0]["at"], "2027-01-15T08:00:00Z");
    let details = json!({"by": "pwd", "client": "browser", "device": "known"});
    assert_eq!(items[0]["details"], details);
    let first = page("limit=1&action=sign_up");
    let next = page(&format!(
        "limit=1&action=sign_up&after={}",
        first["next"].as_str().unwrap()
    ));
    assert_eq!(first["items"][0]["account"], id.as_str());
    assert_eq!(next["items"][0]["account"], id_of(&door, "root").as_str());
    assert_eq!(next["next"], Value::Null);
    let none = page("from=2027-01-15T08:00:01Z");
    assert_eq!(none["items"], json!([]));
    assert_eq!(page("before=2027-01-15T08:00:00Z")["items"], json!([]));
    for bad in [
        "action=fly",
        "account=ada",
        "result=x",
        "from=x",
        "limit=0",
        "x=y",
    ] {
        let refused = program.get(&format!("/api/audit?{bad}"));
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (400, &json!("malformed")),
            "{bad}"
        );
    }
    let member = door.program(Some(&ada.access())).get("/api/audit");
    assert_eq!(
        (member.status, &member.json()["error"]),
        (403, &json!("forbidden"))
    );
    assert_eq!(door.program(None).get("/api/audit").status, 401);
}
