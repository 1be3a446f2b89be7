//! Accounts of other programs: their files are taken as they are, and nobody needs a new password.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::json;

use crate::support::{PASSWORD, Place, Ran, Serving, tool, wait_until};

/// Of [`PASSWORD`], made by Python's bcrypt 4.0.1.
const HASH: &str = "$2b$04$Ia33Ig3pIZ0bJcsdPQPl5.kWEnOGw8P6wMHwy2E1qsVFKEyEYQpH.";

/// Files made by the libraries themselves, in the place's folder. `None` without the libraries.
fn made_by_others(place: &Place) -> Option<()> {
    let libraries = tool("Python's password hashers", "DOORWARD_TEST_HASHES")?;
    let made = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/foreign/hashes.py"
        ))
        .args([place.folder.path().as_os_str(), PASSWORD.as_ref()])
        .env("PYTHONPATH", libraries)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    Some(())
}

/// A column of the list for each account, in the order of their usernames.
fn listed(place: &Place, column: usize) -> Vec<(String, String)> {
    let all = place.run(&["account", "list"]).well();
    let mut rows: Vec<_> = all
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|row| (row[1].to_owned(), row[column].to_owned()))
        .collect();
    rows.sort();
    rows
}

/// The beginning of everybody's stored hash, by way of what the list shows.
fn schemes(place: &Place) -> Vec<(String, String)> {
    place.sql("UPDATE accounts SET name = substr(password_hash, 1, 13)");
    listed(place, 6)
}

fn lets_in(serving: &Serving, login: &str, password: &str) -> bool {
    let status = serving.browser().sign_in(login, password).status;
    assert!([303, 422].contains(&status), "{login}: {status}");
    status == 303
}

#[test]
fn each_kind_of_hash_lets_its_owner_in_and_then_gives_way_to_ours() {
    let place = Place::new();
    let Some(()) = made_by_others(&place) else {
        return;
    };
    let said = place.run(&["import", "users.csv"]).well();
    assert!(
        said.starts_with("Added: 25. Existed already: 0. Refused: 0.\n"),
        "{said}"
    );
    // 0.2 ms of work each, where our own hash takes 1 ms.
    let weak = "accounts have a password hash that is weaker than bcrypt cost 4: ";
    assert!(said.contains(weak), "{said}");
    assert!(said.contains("2 pbkdf2-sha1:1000:20"), "{said}");
    let doctor = place.run(&["doctor"]).well();
    assert!(
        doctor.contains("warn  password hashes: ") && doctor.contains(weak),
        "{doctor}"
    );
    assert!(said.contains("Columns that were not read: id\n"), "{said}");
    let before = schemes(&place);
    assert_eq!(before.len(), 25);
    let serving = place.serve();
    for (username, scheme) in &before {
        let maker = username.split('-').next().unwrap();
        assert!(
            scheme.starts_with(&format!("{maker}:")),
            "{username}: {scheme}"
        );
        assert!(
            !lets_in(&serving, username, "canary-brine-lamp-45"),
            "{username}"
        );
        assert!(lets_in(&serving, username, PASSWORD), "{username}");
    }
    for (username, scheme) in schemes(&place) {
        assert_eq!(scheme, "bcrypt-hs384:", "{username}");
        assert!(lets_in(&serving, &username, PASSWORD), "{username}");
        assert!(
            !lets_in(&serving, &username, "canary-brine-lamp-45"),
            "{username}"
        );
    }
    let doctor = place.run(&["doctor"]).well();
    assert!(doctor.contains("ok    password hashes\n"), "{doctor}");
}

#[test]
fn two_sign_ins_at_once_with_an_old_hash_both_succeed() {
    let place = Place::new();
    place.write("users.csv", format!("username,password\nada,{HASH}\n"));
    place.run(&["import", "users.csv"]).well();
    let serving = place.serve();
    // All are looked at before the first one's new hash is stored: hashes wait for each other.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| lets_in(&serving, "ada", PASSWORD)))
            .collect();
        assert!(all.into_iter().all(|one| one.join().unwrap()));
    });
    assert!(!lets_in(&serving, "ada", "canary-brine-lamp-45"));
}

#[test]
fn each_format_is_told_by_the_name_of_the_file() {
    let place = Place::new();
    let Some(()) = made_by_others(&place) else {
        return;
    };
    place.run(&["import", "users.jsonl"]).well();
    assert_eq!(listed(&place, 1).len(), 25);
    let said = place.run(&["import", "dumpdata.json"]).well();
    assert!(
        said.starts_with("Added: 0. Existed already: 25. Refused: 0.\n"),
        "{said}"
    );
    let ran = place.run(&["import", "users.htpasswd"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let said: Vec<_> = ran.stdout.lines().collect();
    for (line, name) in said.iter().zip(["line 2, apr1", "line 3, sha1"]) {
        let begin = format!("{name}: refused: its hash is too fast to protect the password");
        assert!(line.starts_with(&begin), "{line}");
        assert!(line.contains("`doorward account add`"), "{line}");
    }
    assert_eq!(said[2], "Added: 1. Existed already: 0. Refused: 2.");
    assert_eq!(ran.stderr, "doorward: 2 rows were refused, see above\n");
    assert!(lets_in(&place.serve(), "bcrypt", PASSWORD));
}

#[test]
fn the_tables_of_flasks_tutorials_are_found_and_read() {
    let theirs = Place::on_sqlite();
    let Some(()) = made_by_others(&theirs) else {
        return;
    };
    for (file, table, login, row) in [
        (
            "flask-email.db",
            "user",
            "ada@example.com",
            ["-", "ada@example.com", "member", "Ada Lovelace"],
        ),
        ("flask-name.db", "user", "ada", ["ada", "-", "member", "-"]),
        (
            "flask-username.db",
            "users",
            "ada",
            ["ada", "ada@example.com", "member", "-"],
        ),
    ] {
        let (place, path) = (Place::new(), theirs.path(file));
        let before = std::fs::read(&path).unwrap();
        let said = place.run(&["import", path.to_str().unwrap()]).well();
        assert!(
            said.starts_with(&format!("Reading the table {table:?}.\nAdded: 1. ")),
            "{said}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let all = place.run(&["account", "list"]).well();
        let columns: Vec<_> = all.trim_end().split('\t').collect();
        assert_eq!([columns[1], columns[2], columns[3], columns[6]], row);
        if file == "flask-username.db" {
            assert_eq!(columns[5], "2024-02-29T12:30:00Z");
        }
        assert!(lets_in(&place.serve(), login, PASSWORD), "{file}");
    }
}

#[test]
fn an_sqlite_file_is_read_as_it_is_told_to_be() {
    let place = Place::new();
    let path = place.path("app.db");
    let mut app = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // In WAL mode, held open, and with tables that nobody would guess.
    app.batch_execute(&format!(
        "PRAGMA journal_mode=WAL;
         CREATE TABLE \"odd \"\"name\" (id INTEGER PRIMARY KEY, \"who is\" TEXT, secret BLOB, is_admin BOOLEAN);
         INSERT INTO \"odd \"\"name\" VALUES
             (-1, 'ada', '{HASH}', 1), (2, 'bob', CAST('{HASH}' AS BLOB), 0), (3, NULL, NULL, NULL),
             (4, CAST(x'ff' AS TEXT), '{HASH}', 0), (5, 'long', zeroblob(100000000), 0), (6, 7, '{HASH}', NULL);
         CREATE TABLE user (name TEXT PRIMARY KEY, password TEXT) WITHOUT ROWID;
         CREATE VIEW users AS SELECT 'eve' AS username, '{HASH}' AS password;"
    ))
    .unwrap();
    let ran = place.run(&[
        "import",
        "app.db",
        "--table",
        "odd \"name",
        "--map",
        "username=who is",
        "--map",
        "password_hash=secret",
        "--map",
        "role=is_admin",
        "--administrators",
    ]);
    assert_eq!(
        ran.stdout,
        "Reading the table \"odd \\\"name\".\n\
         row 3: refused: an account needs a username or an email address\n\
         row 4: refused: it is not UTF-8: save the file as UTF-8\n\
         row 5: refused: one of its values is longer than 4096 bytes\n\
         Added: 3. Existed already: 0. Refused: 3.\n\
         Columns that were not read: id\n",
        "{}",
        ran.stderr
    );
    assert_eq!(
        listed(&place, 3),
        [("7", "member"), ("ada", "administrator"), ("bob", "member")]
            .map(|(name, role)| (name.to_owned(), role.to_owned()))
    );
    for (arguments, words) in [
        (&["import", "app.db"][..], "_rowid_"),
        (
            &["import", "app.db", "--table", "users"],
            "there is no table \"users\"; the tables are: odd",
        ),
        (
            &["import", "app.db", "--table", "odd \"name"],
            "there must be a column",
        ),
        (
            &["import", "app.db", "--map", "name=x"],
            "name it with --table",
        ),
    ] {
        let stderr = place.run(arguments).ill(1);
        assert!(stderr.contains(words), "{words} in {stderr}");
    }
    app.batch_execute("CREATE TABLE account (login TEXT, hash TEXT)")
        .unwrap();
    let stderr = place.run(&["import", "app.db"]).ill(1);
    assert!(stderr.contains("several tables"), "{stderr}");
}

/// Three good rows.
fn three() -> String {
    format!(
        "username,email,name,password_hash,created_at\r\n\
         ada,ada@example.com,Ada Lovelace,{HASH},1700000000\r\n\
         bob,,\"B, \"\"o\"\"b\",{HASH},\r\n\
         \r\n\
         eve,,Eve,{HASH},2024-02-29"
    )
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let place = Place::on_sqlite();
    place.write("users.csv", three());
    let stderr = place.run(&["import", "--dry-run", "users.csv"]).ill(1);
    assert!(stderr.contains("doorward migrate"), "{stderr}");
    assert!(!place.path("data").exists());

    place.run(&["migrate"]).well();
    let before = place.data();
    let said = place.run(&["import", "--dry-run", "users.csv"]).well();
    assert_eq!(
        said,
        "line 2, ada: would be added\nline 3, bob: would be added\nline 5, eve: would be added\n\
         Would be added: 3. Existed already: 0. Refused: 0.\n"
    );
    assert_eq!(place.data(), before);
}

#[test]
fn importing_twice_changes_nothing() {
    let place = Place::new();
    place.write("users.csv", three());
    assert_eq!(
        place.run(&["import", "users.csv"]).well(),
        "Added: 3. Existed already: 0. Refused: 0.\n"
    );
    place.write("users.csv", three().replace("Lovelace", "King"));
    assert_eq!(
        place.run(&["import", "users.csv"]).well(),
        "Added: 0. Existed already: 3. Refused: 0.\n"
    );
    let said = place.run(&["import", "--dry-run", "users.csv"]).well();
    assert!(said.starts_with("line 2, ada: exists already\n"), "{said}");
    let names = listed(&place, 6).into_iter().map(|(_, name)| name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["Ada Lovelace", "B, \"o\"b", "Eve"]
    );
    assert_eq!(listed(&place, 5)[0].1, "2023-11-14T22:13:20Z");
}

#[test]
fn an_account_that_was_inactive_is_imported_as_disabled() {
    let place = Place::new();
    let rows =
        format!("username,password,is_active\nada,{HASH},1\nbob,{HASH},f\neve,{HASH},maybe\n");
    place.write("users.csv", rows);
    let said = place.run(&["import", "users.csv"]).stdout;
    let refused = "line 4, eve: refused: its active is neither true nor false: accepted are \
                   true, t, yes, y, on, 1, false, f, no, n, off, 0, or an empty value\n";
    assert_eq!(
        said,
        format!("{refused}Added: 2. Existed already: 0. Refused: 1.\n")
    );
    let serving = place.serve();
    assert!(lets_in(&serving, "ada", PASSWORD));
    assert!(!lets_in(&serving, "bob", PASSWORD));
    assert!(place.run(&["account", "list"]).well().contains("disabled"));
}

#[test]
fn a_mapped_key_that_a_row_leaves_out_is_not_taken_from_elsewhere() {
    let place = Place::new();
    let rows = [
        json!({"nick": "ada", "login": "x", "hash": HASH}),
        json!({"login": "bob", "hash": HASH}),
    ];
    place.write("users.jsonl", rows.map(|row| row.to_string()).join("\n"));
    let said = place
        .run(&["import", "--map", "username=nick", "users.jsonl"])
        .stdout;
    assert!(
        said.contains("line 2: refused: an account needs a username or an email address"),
        "{said}"
    );
    assert!(said.contains("Added: 1. "), "{said}");
}

#[test]
fn a_table_that_cannot_be_gone_through_by_number_ends_the_import() {
    let place = Place::new();
    let file = place.path("app.db");
    let mut app = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    app.batch_execute(&format!(
        "CREATE TABLE users (username TEXT, password_hash TEXT, _rowid_ TEXT);
         INSERT INTO users VALUES ('ada', '{HASH}', 'x')",
    ))
    .unwrap();
    drop(app);
    let stderr = place.run(&["import", "app.db"]).ill(1);
    assert!(
        stderr.contains("its rows have no numbers to go by"),
        "{stderr}"
    );
}

#[test]
fn a_bad_row_is_told_with_its_line_and_the_rest_goes_on() {
    let place = Place::new();
    let rows: &[(&str, &str)] = &[
        ("good,good@example.com,,HASH,,", ""),
        (
            "a b,,,HASH,,",
            ": refused: the username \"a b\" is not accepted: username must begin",
        ),
        (
            "x1,nowhere,,HASH,,",
            ", x1: refused: the email address \"nowhere\" is not accepted: enter an email address",
        ),
        (
            ",,,HASH,,",
            ": refused: an account needs a username or an email address",
        ),
        ("x2,,,,,", ", x2: refused: it has no password"),
        (
            "x3,,,sha256$salt$0123456789abcdef0123456789abcdef,,",
            ", x3: refused: its hash is too fast to protect the password",
        ),
        (
            "x4,,,canary-brine-lamp-44,,",
            ", x4: refused: its password_hash is not a hash",
        ),
        (
            "x5,,,pbkdf2:sha256:99999999$salt$0123456789abcdef0123456789abcdef,,",
            ", x5: refused: its hash takes more than two seconds",
        ),
        ("x6,,,HASH,owner,", ", x6: refused: its role is neither"),
        (
            "x7,,,HASH,administrator,",
            ", x7: refused: it is an administrator",
        ),
        ("x8,,,HASH,,tomorrow", ", x8: warning: its created_at"),
        ("x9,,,HASH,,9999999999", ", x9: warning: its created_at"),
        (
            "x10,,,HASH,",
            ": refused: it has 5 fields, and the header has 6",
        ),
        (
            "x11,,a\u{1}b,HASH,,",
            ", x11: warning: imported without its name: name must be plain text",
        ),
        (
            "x12\0,,,HASH,,",
            ": refused: the username \"x12\\0\" is not accepted",
        ),
        (
            "good,other@example.com,,HASH,,",
            ", good: refused: it has the same username as line 2",
        ),
        (
            "other,good@example.com,,HASH,,",
            ", other: refused: it has the same email address as line 2",
        ),
        (
            "GOOD,Good@Example.com,,HASH,member,0",
            ", GOOD: refused: it has the same username and email address as line 2",
        ),
        ("last@example.com,,,HASH,,", ""),
    ];
    let mut file = "\u{feff}Username , EMAIL,name,password_hash,role,created_at\n".to_owned();
    for (row, _) in rows {
        file += &(row.replace("HASH", HASH) + "\n");
    }
    place.write("users.csv", file.as_bytes());
    let ran = place.run(&["import", "users.csv"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "doorward: 14 rows were refused, see above\n");
    let mut said = ran.stdout.lines();
    for (at, (row, refused)) in rows
        .iter()
        .enumerate()
        .filter(|(_, (_, refused))| !refused.is_empty())
    {
        let line = said.next().unwrap();
        assert!(
            line.starts_with(&format!("line {}{refused}", at + 2)),
            "{row}: {line}"
        );
    }
    assert_eq!(
        said.next(),
        Some("Added: 5. Existed already: 0. Refused: 14.")
    );
    assert_eq!(said.next(), Some("Warnings: 3, see above."));
    for secret in ["canary", "$2b$", "0123456789abcdef"] {
        assert!(!ran.stdout.contains(secret), "{}", ran.stdout);
    }
    let emails: Vec<_> = listed(&place, 2)
        .into_iter()
        .map(|(_, email)| email)
        .collect();
    assert_eq!(
        emails,
        ["last@example.com", "good@example.com", "-", "-", "-"]
    );
}

#[test]
fn hostile_files_are_refused_and_harm_nothing() {
    let place = Place::new();
    let good = format!("ok,{HASH}\n");
    let head = b"username,password_hash\n".to_vec();
    let long = "x".repeat(70_000);
    for (name, content, said) in [
        ("bytes.csv", [&head[..], b"\xff\xfe,x\n", good.as_bytes()].concat(), "line 2: refused: it is not UTF-8"),
        ("long.csv", [&head[..], long.as_bytes(), b",x\n", good.as_bytes()].concat(), "line 2: refused: it is longer than 64 kB"),
        ("field.csv", [&head[..], b"\"", long.as_bytes(), b"\nevil,", HASH.as_bytes(), b"\n\",x\n", good.as_bytes()].concat(), "line 2: refused: it is longer than 64 kB"),
        ("columns.csv", [&head[..], ",".repeat(5000).as_bytes(), b"\n", good.as_bytes()].concat(), "line 2: refused: it is longer than 64 kB"),
        ("quote.csv", [&head[..], good.as_bytes(), b"\"x,y\nevil,", HASH.as_bytes()].concat(), "line 3: refused: the quote that opens in this line is never closed"),
        ("escape.csv", [&head[..], b"\x1b[2Jx,y\n", good.as_bytes()].concat(), "line 2: refused: the username \"\\u{1b}[2Jx\" is not accepted"),
        ("lines.jsonl", format!("1\n{{\"username\":\"a\"\n\"canary\"\n{{\"username\":[1]}}\n{}\n{{\"username\":\"x\",\"x\":\"{long}\"}}\n{{\"username\":\"ok\",\"password\":\"{HASH}\"}}\n", "[".repeat(60_000)).into_bytes(),
            "line 1: refused: it is not a JSON object; accepted are JSON Lines, one object on each line, or one array of objects, also as the only member of an object\nline 2: refused: it is not a JSON object; "),
        ("x.htpasswd", format!("# canary\n\nnobody\nplain:canary-brine-lamp-44\ncrypt:rl.3StKT.4T8M\nok:{HASH}\n").into_bytes(),
            "line 3: refused: it is not USER:HASH, as htpasswd -B writes it\nline 4: refused: its password is not hashed, or by the old crypt(3), which does not protect it: make a new hash with htpasswd -B\nline 5: refused"),
    ] {
        place.write(name, content);
        let ran = place.run(&["import", name]);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stdout.starts_with(said), "{name}: {}", ran.stdout);
        assert!(!ran.stdout.contains("canary"), "{name}");
        assert_eq!(listed(&place, 1), [("ok".into(), "ok".into())], "{name}");
    }
    for (name, content, said) in [
        (
            "nothing.csv",
            &b""[..],
            "nothing.csv is empty: it has no header and no rows",
        ),
        (
            "two.csv",
            b"a,b\n",
            "there must be a column username or email, and a column password_hash or password; the first line must name the columns",
        ),
        (
            "headless.csv",
            b"ada,canary-brine-lamp-44\n",
            "the first line must name the columns",
        ),
        ("wide.csv", b"\xff\xfeu\0s\0", "UTF-16"),
        (
            "header.csv",
            b"\xfc,password\n",
            "the header cannot be read: it is not UTF-8",
        ),
        (
            "fake.db",
            b"no database, but long enough to be taken for one",
            "cannot be read as SQLite",
        ),
        ("users.txt", b"", "--format"),
    ] {
        place.write(name, content);
        let stderr = place.run(&["import", name]).ill(1);
        assert!(stderr.contains(said), "{name}: {stderr}");
    }
    for arguments in [
        &["import", "not-there.csv"][..],
        &["import", "not-there.db"],
        &["import", ".", "--format", "csv"],
        &["import", "two.csv", "--table", "x"],
        &["import", "two.csv", "--map", "username=c"],
    ] {
        place.run(arguments).ill(1);
    }
    assert!(!place.path("not-there.db").exists());
    for arguments in [
        &["import"][..],
        &["import", "x", "--map", "id=x"],
        &["import", "x", "--format", "xml"],
    ] {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn our_own_database_is_never_read_as_anothers() {
    let place = Place::on_sqlite();
    place.run(&["migrate"]).well();
    std::fs::hard_link(place.path("data/doorward.db"), place.path("other.db")).unwrap();
    std::os::unix::fs::symlink("other.db", place.path("users.csv")).unwrap();
    for file in ["data/doorward.db", "other.db", "users.csv"] {
        let stderr = place.run(&["import", file]).ill(1);
        assert!(
            stderr.contains("this file is the database of this server itself"),
            "{stderr}"
        );
    }
}

#[test]
fn nothing_is_imported_under_another_secret_than_the_servers() {
    let mut place = Place::new();
    place.serve().end();
    place.write("users.csv", three());
    place.set(
        "DOORWARD_SECRET",
        "YW5vdGhlciBzZWNyZXQsIGFub3RoZXIgc2VjcmV0ISE=",
    );
    for arguments in [
        &["import", "users.csv"][..],
        &["import", "--dry-run", "users.csv"],
    ] {
        let stderr = place.run(arguments).ill(1);
        assert!(stderr.contains("under another secret"), "{stderr}");
    }
    assert_eq!(place.run(&["account", "list"]).well(), "");
}

#[test]
fn passwords_that_were_never_hashed_are_held_to_the_rules_and_hashed() {
    let place = Place::new();
    let mut file = "login,password\n".to_owned();
    for number in 0..40 {
        file += &format!("user{number},canary-brine-lamp-{number}\n");
    }
    file += "short,canary\nweak,passwordpassword\nuser0,canary-brine-lamp-0\n";
    place.write("users.csv", file);
    place.run(&["migrate"]).well();
    // Nobody has said that they are none: a hash of an unknown kind would let in who has read it.
    let unasked = place.run(&["import", "users.csv"]).stdout;
    assert!(
        unasked.contains(
            "line 2, user0: refused: its password is not a known hash: if the column holds passwords as they were typed, --typed-passwords"
        )
    );
    assert!(
        unasked.ends_with("Added: 0. Existed already: 0. Refused: 43.\n"),
        "{unasked}"
    );
    let typed = ["import", "--typed-passwords", "users.csv"];
    let dry = place.run(&[&typed[..], &["--dry-run"]].concat()).stdout;
    let sum = "Would be added: 40. Existed already: 0. Refused: 3.\n";
    assert!(dry.ends_with(sum), "{dry}");
    let ran = place.run(&typed);
    assert_eq!(
        ran.stdout,
        "Some passwords are not hashed yet. Hashing them takes a while, some four a second.\n\
         line 42, short: refused: password must be 12 characters or more\n\
         line 43, weak: refused: this password is easy to guess. Use a longer one, such as a few words that do not belong together\n\
         line 44, user0: refused: it has the same username as line 2\n\
         Added: 40. Existed already: 0. Refused: 3.\n"
    );
    assert!(
        schemes(&place)
            .iter()
            .all(|(_, scheme)| scheme == "bcrypt-hs384:")
    );
    assert!(lets_in(&place.serve(), "user39", "canary-brine-lamp-39"));
}

/// An import that reads what a pipe brings, and the pipe.
fn piped(place: &Place) -> (std::process::Child, ChildStdin) {
    let mut child = place
        .command(&["import", "/dev/stdin", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"username,email,password_hash\n").unwrap();
    (child, pipe)
}

fn write_rows(pipe: &mut ChildStdin, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let row = format!("user{number},user{number}@example.com,{HASH}\n");
        pipe.write_all(row.as_bytes()).unwrap();
    }
}

/// The most memory that was resident while so many rows went through.
#[cfg(target_os = "linux")]
fn peak_kilobytes(rows: u32) -> u64 {
    let place = Place::new();
    let (child, mut pipe) = piped(&place);
    write_rows(&mut pipe, 0..rows);
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(pipe);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(
        ran.stdout.starts_with(&format!("Added: {rows}.")),
        "{}",
        ran.stdout
    );
    assert_eq!(
        ran.stderr.lines().count(),
        rows as usize / 10_000,
        "{}",
        ran.stderr
    );
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn twenty_thousand_rows_take_no_more_memory_than_two_thousand() {
    let measure = |rows| {
        let start = Instant::now();
        (peak_kilobytes(rows), start.elapsed())
    };
    let (few, time_for_few) = measure(2_000);
    let (many, time_for_many) = measure(20_000);
    // Ten times the rows; a hundred times as long if each row cost as much as those before it.
    assert!(
        time_for_many < time_for_few * 40,
        "{time_for_few:?} for few, {time_for_many:?} for many"
    );
    assert!(
        many < few + 8 * 1024,
        "{few} kB for few, {many} kB for many"
    );
}

#[test]
fn a_name_that_is_taken_while_it_is_written_costs_that_row_alone() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    // As if somebody had signed up between the look and the insert.
    place.sql(if std::env::var("DOORWARD_TEST_DATABASE").is_ok() {
        "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.username_key = 'user7' THEN RAISE unique_violation; END IF; RETURN NEW; END $$;
         CREATE TRIGGER taken BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION taken()"
    } else {
        "CREATE TRIGGER taken BEFORE INSERT ON accounts WHEN NEW.username_key = 'user7' BEGIN
             INSERT INTO accounts (id, username_key, password_hash, role, created_at)
             VALUES ('x', 'user7', '', 'member', 0); END"
    });
    let (child, mut pipe) = piped(&place);
    write_rows(&mut pipe, 0..20);
    drop(pipe);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(
        ran.stdout,
        "line 9, user7: refused: another account has just taken its username or email address: run the import again\n\
         Added: 19. Existed already: 0. Refused: 1.\n"
    );
    assert_eq!(listed(&place, 1).len(), 19);
}

#[test]
fn an_import_that_was_killed_is_finished_by_another() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    let (mut child, mut pipe) = piped(&place);
    write_rows(&mut pipe, 0..1_200);
    wait_until("the first batch is in", || {
        place.run(&["account", "list"]).well().lines().count() >= 500
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let before = place.run(&["account", "list"]).well().lines().count();
    assert!(
        (500..=1_200).contains(&before) && before.is_multiple_of(500),
        "{before}"
    );

    let (child, mut pipe) = piped(&place);
    write_rows(&mut pipe, 0..1_500);
    drop(pipe);
    let ran = Ran::from(child.wait_with_output().unwrap());
    let said = format!(
        "Added: {}. Existed already: {before}. Refused: 0.\n",
        1_500 - before
    );
    assert_eq!(ran.stdout, said);
    assert_eq!(listed(&place, 1).len(), 1_500);
}

#[test]
fn an_address_that_was_confirmed_elsewhere_stays_confirmed() {
    for (column, values) in [
        ("email_verified", ["true", "0", "", "soon"]),
        (
            "confirmed_at",
            ["2024-02-29 12:00:00", "NULL", "", "9999999999"],
        ),
        ("Confirmed", ["t", "f", "", "maybe"]),
    ] {
        let place = Place::new();
        let mut file = format!("username,email,password_hash,{column}\n");
        for (name, value) in ["a", "b", "c", "d"].into_iter().zip(values) {
            file += &format!("user-{name},{name}@example.com,{HASH},{value}\n");
        }
        place.write("users.csv", file);
        let said = place.run(&["import", "users.csv"]).well();
        let warning = "line 5, user-d: warning: its email_verified is neither true";
        assert!(said.contains(warning), "{said}");
        assert!(!said.contains("Ignored"), "{said}");
        let confirmed = listed(&place, 8);
        let confirmed: Vec<_> = confirmed.iter().map(|(_, value)| value.as_str()).collect();
        let not = "not confirmed";
        assert_eq!(confirmed, ["confirmed", not, not, not], "{column}");
    }
}
