//! New passwords are compared with a file of breached ones.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;

use crate::support::{Door, PASSWORD, Place};

const WHY: &str = "This password is in a list of stolen passwords. Choose another one";
const SETTING: &str = "DOORWARD_PASSWORDS__BREACHED";
const ADD_ADA: [&str; 4] = ["account", "add", "--username", "ada"];

fn hash(password: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    hash.as_ref().iter().map(|b| format!("{b:02X}")).collect()
}

/// Passwords in order of their hashes.
fn in_order() -> Vec<String> {
    let mut passwords: Vec<_> = (0..401)
        .map(|n| format!("canary-gravel-otter-{n}"))
        .collect();
    passwords.sort_by_key(|password| hash(password));
    passwords
}

/// With every second one of them in `breached.txt`: the first, those at even positions, the last.
fn with_file() -> (Place, Vec<String>) {
    let (mut place, passwords) = (Place::new(), in_order());
    let lines = passwords.iter().step_by(2).map(|one| hash(one) + ":3\n");
    place.write("breached.txt", lines.collect::<String>());
    place.set(SETTING, "breached.txt");
    (place, passwords)
}

#[test]
fn a_breached_password_is_refused_in_every_form_of_the_file() {
    let passwords = in_order();
    let breached = || passwords.iter().step_by(2).map(|password| hash(password));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached.txt");
    for content in [
        breached().map(|hash| hash + ":12\n").collect(),
        breached()
            .map(|hash| hash.to_lowercase() + ":12345678\r\n")
            .collect(),
        breached().map(|hash| hash + "\n").collect(),
        breached().collect::<Vec<_>>().join("\n"),
        breached().collect::<Vec<_>>().join(":1\r\n"),
    ] {
        std::fs::write(&path, content).unwrap();
        let door = Door::with(&[("passwords.breached", path.to_str().unwrap())]);
        let sign_up = |at: usize| {
            let (name, email) = (format!("ada{at}"), format!("ada{at}@example.com"));
            let account = json!({"username": name, "email": email, "password": passwords[at]});
            let reply = door
                .program(None)
                .send_json("POST", "/api/accounts", &account);
            (reply.status, reply.json()["fields"].clone())
        };
        for at in [0, 2, 200, 398, 400] {
            assert_eq!(sign_up(at), (422, json!({"password": WHY})), "{at}");
        }
        for at in [1, 199, 201, 399] {
            assert_eq!(sign_up(at).0, 201, "{at}");
        }
        // Without an answer of the file, no password is accepted.
        std::fs::write(&path, "").unwrap();
        assert_eq!(sign_up(3).0, 500);
        assert_eq!(door.browser().sign_in("ada1", &passwords[1]).status, 303);
    }
}

#[test]
fn pages_and_commands_refuse_a_breached_password_and_sign_in_does_not() {
    let (mut place, passwords) = with_file();
    let (breached, neighbour) = (passwords[200].as_str(), passwords[201].as_str());
    let within = WHY.replacen('T', "t", 1);
    let refused = place.tell(&ADD_ADA, breached).ill(1);
    assert!(refused.contains(&within), "{refused}");
    place.variables.remove(SETTING);
    place.tell(&ADD_ADA, breached).well();
    place.set(SETTING, "breached.txt");

    let mut serving = place.serve();
    let ada = serving.browser();
    assert_eq!(ada.sign_in("ada", breached).status, 303);
    let change = |new| {
        let page = ada.get("/account/password");
        let fields = [("Current password", breached), ("New password", new)];
        ada.submit(&page, "Change password", &fields)
    };
    let one = |field: &str| vec![(field.to_owned(), WHY.to_owned())];
    assert_eq!(change(&passwords[0]).errors(), one("new"));
    assert_eq!(change(neighbour).status, 303);
    let sign_up = |password| {
        let bob = serving.browser();
        bob.sign_up("bob", "bob@example.com", password)
    };
    assert_eq!(sign_up(breached).errors(), one("password"));
    assert_eq!(sign_up(PASSWORD).status, 303);
    let link = serving.administrator_link();
    let root = serving.browser();
    let create = |password| {
        let fields = [
            ("Username", "root"),
            ("Email address", "root@example.com"),
            ("Password", password),
        ];
        root.submit(&root.get(&link), "Create administrator", &fields)
    };
    assert_eq!(create(breached).errors(), one("password"));
    assert_eq!(create(PASSWORD).status, 303);
    serving.end();

    let password = ["account", "password", "ada"];
    let refused = place.tell(&password, &passwords[400]).ill(1);
    assert!(refused.contains(&within), "{refused}");
    place.tell(&password, &passwords[399]).well();
    let rows = format!("username,password\ncat,{breached}\ndog,{neighbour}\n");
    place.write("users.csv", rows);
    for arguments in [&["--dry-run"][..], &[]] {
        let import = ["import", "--typed-passwords", "users.csv"];
        let ran = place.run(&[&import[..], arguments].concat());
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let line = format!("line 2, cat: refused: {within}\n");
        assert!(ran.stdout.contains(&line), "{}", ran.stdout);
        assert!(ran.stdout.contains("dded: 1."), "{}", ran.stdout);
    }
}

#[test]
fn a_file_that_cannot_be_searched_stops_the_start_and_fails_in_doctor() {
    let (mut place, passwords) = with_file();
    let doctor = place.run(&["doctor"]).well();
    assert!(doctor.contains("ok    breached passwords\n"), "{doctor}");
    let lines = |passwords: &[String]| {
        let lines = passwords.iter().map(|one| hash(one) + ":3\n");
        lines.collect::<String>()
    };
    let mut swapped = passwords.clone();
    swapped.swap(0, 1);
    place.write("swapped.txt", lines(&swapped));
    swapped = passwords.clone();
    swapped.reverse();
    place.write("reversed.txt", lines(&swapped));
    place.write("empty.txt", "");
    place.write("plain.txt", passwords.join("\n"));
    for (path, why) in [
        ("missing.txt", "No such file"),
        (".", "Is a directory"),
        ("empty.txt", "the line at byte 0 is neither"),
        ("plain.txt", "the line at byte 0 is neither"),
        (
            "swapped.txt",
            "the hash at byte 43 is less than one before it",
        ),
        ("reversed.txt", "must be in order of hash"),
    ] {
        place.set(SETTING, path);
        let start = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(1);
        let usable = format!("doorward: {path} is not usable as passwords.breached: ");
        assert!(start.starts_with(&usable), "{start}");
        assert!(start.contains(why), "{start}");
        let doctor = place.run(&["doctor"]);
        assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
        let fails = format!("FAIL  breached passwords: {path} is not usable");
        assert!(doctor.stdout.contains(&fails), "{}", doctor.stdout);
        assert!(doctor.stdout.contains(why), "{}", doctor.stdout);
    }
    assert!(
        !place.path("data").exists(),
        "a failed start creates nothing"
    );
}
