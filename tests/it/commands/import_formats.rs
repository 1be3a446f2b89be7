//! What other programs write is read as they mean it; what cannot be read is said, with its line.

use crate::support::{PASSWORD, Place};

/// Of [`PASSWORD`], made by Python's bcrypt 4.0.1.
const HASH: &str = "$2b$04$Ia33Ig3pIZ0bJcsdPQPl5.kWEnOGw8P6wMHwy2E1qsVFKEyEYQpH.";

/// The usernames that there are, in their order.
fn usernames(place: &Place) -> Vec<String> {
    place.lines("SELECT coalesce(username, email) AS line FROM accounts ORDER BY 1")
}

#[test]
fn a_stray_quote_is_said_where_it_opened_and_hides_no_row_in_silence() {
    let row = |name: &str, bio: &str| format!("{name},{HASH},{bio}\n");
    let good = |from: usize, to: usize| -> String {
        (from..to)
            .map(|number| row(&format!("good{number}"), ""))
            .collect()
    };
    let head = "username,password,bio\n";
    let stray = row("q", "\"likes 5 inch screens");
    // Never closed, in line 3 of 13.
    let unclosed = [head, &good(0, 1), &stray, &good(1, 11)].concat();
    // Closed by another stray quote in line 6, with text behind it.
    let also = row("r", "\" as well as 6");
    let closed = [head, &good(0, 1), &stray, &good(1, 3), &also, &good(3, 10)].concat();
    // On one line.
    let short = [head, &row("q", "\"the \"best\" one\""), &good(0, 10)].concat();
    for (content, said, added, unread) in [
        (
            &unclosed,
            "line 3: refused: the quote that opens in this line is never closed: nothing from here \
             to the end of the file (line 13) was read. Close it, or write a quote within quoted \
             text twice (\"\")\n",
            1,
            "11 lines",
        ),
        (
            &closed,
            "line 3: refused: the quote that opens in this line is closed in line 6, and more text \
             follows it there: lines 3 to 6 were not read. After a closing quote there must be a \
             delimiter or the end of the line; write a quote within quoted text twice (\"\")\n",
            8,
            "4 lines",
        ),
        (
            &short,
            "line 2: refused: the quote that opens in this line is closed in line 2, and more text \
             follows it there: this row was not read. ",
            10,
            "1 line",
        ),
    ] {
        let place = Place::new();
        place.run(&["migrate"]).well();
        place.write("users.csv", content);
        let dry = place.run(&["import", "--dry-run", "users.csv"]);
        assert_eq!(dry.code, Some(1));
        assert!(dry.stdout.contains(said), "{}", dry.stdout);
        let ran = place.run(&["import", "users.csv"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stdout.starts_with(said), "{}", ran.stdout);
        let sum = format!(
            "\nAdded: {added}. Existed already: 0. Refused: 1.\n\
             Not read because of a wrong quote: {unread}.\n"
        );
        assert!(ran.stdout.contains(&sum), "{}", ran.stdout);
        assert_eq!(usernames(&place).len(), added);
    }
}

#[test]
fn quoted_text_may_hold_lines_delimiters_and_quotes() {
    let place = Place::new();
    let long = "y\n".repeat(40_000);
    place.write(
        "users.csv",
        format!(
            "username,password,bio,name\r\n\
             ada,{HASH},\"first line\r\nevil,{HASH},x,y\r\nlast, \"\"quoted\"\"\",\"Ada, \"\"L\"\"\"\r\n\
             bob,{HASH},5\" screens,\r\n\
             long,{HASH},\"{long}\",\r\n\
             eve,\"{HASH}\",\"\",\"\""
        ),
    );
    let ran = place.run(&["import", "users.csv"]);
    assert_eq!(
        ran.stdout,
        "line 6: refused: it is longer than 64 kB, the most that a row may have\n\
         Added: 3. Existed already: 0. Refused: 1.\n\
         Quoted text goes over several lines in 1 row. The longest goes from line 6 to line 40006: \
         if a row is missing, look for a stray quote there.\n\
         Columns that were not read: bio\n"
    );
    assert_eq!(usernames(&place), ["ada", "bob", "eve"]);
    let names = "SELECT coalesce(name, '-') AS line FROM accounts ORDER BY username";
    assert_eq!(place.lines(names), ["Ada, \"L\"", "-", "-"]);
}

#[test]
fn delimiters_line_ends_and_standard_input_are_read_as_they_come() {
    let place = Place::new();
    let email = |name: &str| format!("{name}@example.com");
    let row = |name: &str, with: &str| [name, &email(name), HASH].join(with);
    for (name, with, end) in [
        ("semicolons.csv", ";", "\r\n"),
        ("tabs.tsv", "\t", "\n"),
        ("bars.csv", "|", "\n"),
        ("commas.csv", ",", "\r"),
    ] {
        let one = name.split('.').next().unwrap();
        let header = ["\u{feff}\"username\"", "email", "password"].join(with);
        let lines = [header, row(one, with), row(&format!("{one}2"), with)];
        place.write(name, lines.join(end));
        let said = place.run(&["import", name]).well();
        assert_eq!(
            said, "Added: 2. Existed already: 0. Refused: 0.\n",
            "{name}"
        );
    }
    let csv = format!("username,email,password\nstdin,\\N,{HASH}\n");
    let said = place.tell(&["import", "-", "--format", "csv"], csv).well();
    assert_eq!(said, "Added: 1. Existed already: 0. Refused: 0.\n");
    let stderr = place.run(&["import", "-"]).ill(1);
    assert!(
        stderr.contains("add --format csv, jsonl, json or htpasswd"),
        "{stderr}"
    );
    let stderr = place.run(&["import", "-", "--format", "sqlite"]).ill(1);
    assert!(stderr.contains("give its path"), "{stderr}");
    assert_eq!(usernames(&place).len(), 9);
}

#[test]
fn an_array_of_json_is_read_object_by_object() {
    let place = Place::new();
    let long = "x".repeat(70_000);
    place.write(
        "users.json",
        format!(
            "\n[{{\"username\": \"ada\", \"password\": \"{HASH}\", \"bio\": \"a ] \\\" }}, b\"}},\n\
             {{\n  \"username\": \"bob\",\n  \"password\": \"{HASH}\",\n  \"tags\": [1, {{}}]\n}}\n\
             , 7, {{\"username\": \"long\", \"x\": \"{long}\"}},\n\
             {{\"username\": [\"x\"], \"password\": \"{HASH}\"}},\n\
             {{\"username\": \"eve\", \"password\": \"{HASH}\", \"created_at\": {{\"$date\": \"2024-03-01T12:00:00Z\"}}}}\n]\n"
        ),
    );
    let ran = place.run(&["import", "users.json"]);
    assert_eq!(
        ran.stdout,
        "line 8: refused: it is not a JSON object; accepted are JSON Lines, one object on each line, or one array of objects, also as the only member of an object\n\
         line 8: refused: it is longer than 64 kB, the most that a row may have\n\
         line 9: refused: its username must be text, a number, true, false or null\n\
         Added: 3. Existed already: 0. Refused: 3.\n\
         Columns that were not read: bio, tags\n"
    );
    assert_eq!(usernames(&place), ["ada", "bob", "eve"]);
    assert_eq!(
        place.number("SELECT created_at AS n FROM accounts WHERE username = 'eve'"),
        1_709_294_400
    );
    for (rest, said) in [
        (
            "",
            "line 2: refused: the file ends before its array is closed: it may be cut off",
        ),
        (
            ", {\"username\": \"x\"",
            "line 2: refused: it is not a JSON object",
        ),
        (
            "]\n{}",
            "line 3: refused: the array ends before this: nothing from here on was read",
        ),
    ] {
        place.write(
            "cut.json",
            format!("[{{\"username\": \"ada\", \"password\": \"{HASH}\"}}\n{rest}"),
        );
        let ran = place.run(&["import", "cut.json"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stdout.starts_with(said), "{}", ran.stdout);
        assert!(ran.stdout.contains("Existed already: 1."), "{}", ran.stdout);
    }
}

#[test]
fn a_date_that_cannot_be_read_is_a_warning_and_others_are_read() {
    let place = Place::new();
    let dates = [
        "2024-03-01 12:00:00+00",
        "2024-03-01 12:00:00.123456+00",
        "2024-03-01 17:30:00+0530",
        "2024-03-01T12:00:00.000Z",
        "2024-03-01 12:00",
        "1709294400",
        "1709294400000",
        "Fri Mar 01 2024 12:00:00 GMT+0000 (Coordinated Universal Time)",
    ];
    let bad = [
        "infinity",
        "0000-00-00 00:00:00",
        "03/01/2024",
        "2999-01-01",
    ];
    let mut file = "username,password,created_at\n".to_owned();
    for (number, date) in dates.iter().chain(&bad).enumerate() {
        file += &format!("user{number},{HASH},{date}\n");
    }
    file += &format!("null,{HASH},NULL\n");
    place.write("users.csv", file);
    place.run(&["migrate"]).well();
    let dry = place.run(&["import", "--dry-run", "users.csv"]).well();
    assert!(
        dry.contains("line 10, user8: would be added\nline 10, user8: warning: its created_at"),
        "{dry}"
    );
    let said = place.run(&["import", "users.csv"]).well();
    let lines: Vec<_> = said.lines().collect();
    for (at, line) in lines[..bad.len()].iter().enumerate() {
        let begin = format!(
            "line {}, user{}: warning: its created_at is not a date",
            at + 10,
            at + 8
        );
        assert!(line.starts_with(&begin), "{line}");
    }
    assert_eq!(
        lines[bad.len()..],
        [
            "Added: 13. Existed already: 0. Refused: 0.",
            "Warnings: 4, see above."
        ]
    );
    let read = "SELECT count(*) AS n FROM accounts WHERE created_at = 1709294400";
    assert_eq!(place.number(read), dates.len() as i64);
    // Who is there already has no warning: nothing is taken over from the row.
    let again = place.run(&["import", "users.csv"]).well();
    assert_eq!(again, "Added: 0. Existed already: 13. Refused: 0.\n");
}

#[test]
fn a_bad_username_beside_a_good_address_can_be_dropped() {
    let place = Place::new();
    place.write(
        "users.csv",
        format!(
            "username,email,password,active,role\n\
             ada lovelace,ada@example.com,{HASH},Y,no\n\
             bob smith,,{HASH},no,N\n\
             eve,eve@example.com,{HASH},on,user\n\
             mal,mal@example.com,{HASH},yes,boss\n"
        ),
    );
    let ran = place.run(&["import", "users.csv"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("line 2, ada@example.com: refused: the username \"ada lovelace\" is not accepted: username must"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].ends_with(
            "Its email address is accepted: with --drop-bad-usernames the account is imported under the address, without a username"
        ),
        "{}",
        lines[0]
    );
    assert!(
        lines[2].contains("accepted are member, user, administrator"),
        "{}",
        lines[2]
    );
    assert_eq!(usernames(&place), ["eve"]);
    let ran = place.run(&["import", "--drop-bad-usernames", "users.csv"]);
    assert!(
        ran.stdout.starts_with(
            "line 2, ada@example.com: warning: imported without its username: the username \"ada lovelace\" is not accepted: username must"
        ),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains(
            "\nline 3: refused: the username \"bob smith\" is not accepted: username must"
        ),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("\nAdded: 1. Existed already: 1. Refused: 2.\nWarnings: 1, see above.\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(usernames(&place), ["ada@example.com", "eve"]);
    let reply = place.serve().browser().sign_in("ada@example.com", PASSWORD);
    assert_eq!(reply.status, 303);
}

#[test]
fn a_hash_above_the_limits_is_refused_unless_a_setting_allows_it() {
    let mut place = Place::new();
    let digest = "ab".repeat(32);
    let costly = [
        format!("$2b$15${}", ".".repeat(53)),
        format!("pbkdf2:sha256:1300001$salt${digest}"),
        format!(
            "$argon2id$v=19$m=65536,t=5,p=1$c2FsdHNhbHQ${}",
            "A".repeat(43)
        ),
        format!("scrypt:131072:8:2$salt${digest}"),
        format!("$6$rounds=1000001$salt${}", ".".repeat(86)),
    ];
    let mut file = "username,password_hash\n".to_owned();
    for (number, hash) in costly.iter().enumerate() {
        file += &format!("user{number},\"{hash}\"\n");
    }
    place.write("users.csv", format!("{file}ada,{HASH}\n"));
    let ran = place.run(&["import", "users.csv"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout
            .contains("Added: 1. Existed already: 0. Refused: 5.\n"),
        "{}",
        ran.stdout
    );
    for (kind, line) in [
        "bcrypt:15",
        "pbkdf2-sha256:1300001:32",
        "argon2id:65536:5:1",
        "scrypt:131072:8:2",
        "sha512-crypt:1000001",
    ]
    .iter()
    .zip(ran.stdout.lines())
    {
        let begin = format!("refused: its hash ({kind}) takes more work than the limit");
        assert!(line.contains(&begin), "{line}");
        assert!(line.contains("import.costly_hashes = true"), "{line}");
    }
    place.set("DOORWARD_IMPORT__COSTLY_HASHES", "true");
    let said = place.run(&["import", "users.csv"]).well();
    assert!(
        said.starts_with("Added: 5. Existed already: 1. Refused: 0.\n"),
        "{said}"
    );
    // What was imported goes on to work without the setting.
    place.variables.remove("DOORWARD_IMPORT__COSTLY_HASHES");
    place.sql("DELETE FROM accounts WHERE username NOT IN ('ada', 'user1')");
    let serving = place.serve();
    std::thread::scope(|scope| {
        // Each a fifth of a second of work, on a thread of their own: ada does not wait for all of
        // them.
        let costly: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    serving
                        .browser()
                        .sign_in("user1", "canary-brine-lamp-45")
                        .status
                })
            })
            .collect();
        for _ in 0..2 {
            assert_eq!(serving.browser().sign_in("ada", PASSWORD).status, 303);
        }
        let waiting = costly.iter().filter(|one| !one.is_finished()).count();
        assert!(waiting >= 1, "{waiting}");
        for one in costly {
            assert_eq!(one.join().unwrap(), 422);
        }
    });
}

#[test]
fn files_that_are_something_else_are_named_with_what_is_accepted() {
    let place = Place::new();
    for (name, content, said) in [
        (
            "users.sql",
            &b"-- MySQL dump 10.13\nCREATE TABLE `users` (\n"[..],
            "a database dump: export the table",
        ),
        (
            "dump.csv",
            b"INSERT INTO users VALUES (1, 'canary');\n",
            "a database dump: export the table",
        ),
        (
            "users.dump",
            b"PGDMP\x01\x0e\x00",
            "a database dump: export the table",
        ),
        (
            "users.xlsx",
            b"PK\x03\x04\x14\x00\x06\x00",
            "a spreadsheet (xlsx, ods)",
        ),
        (
            "renamed.csv",
            b"PK\x03\x04\x14\x00\x06\x00",
            "a spreadsheet (xlsx, ods)",
        ),
        (
            "users.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an Excel file",
        ),
        (
            "users.csv.gz",
            b"\x1f\x8b\x08\x00",
            "compressed: unpack it first",
        ),
        ("lite.csv", b"SQLite format 3\0", "add --format sqlite"),
        (
            "json.csv",
            b"[{\"username\": \"canary\"}]",
            "add --format jsonl",
        ),
        ("users.xml", b"<users><user/></users>", "XML or HTML"),
        ("users.ldif", b"dn: uid=ada,dc=example,dc=com\n", "LDIF"),
        ("fixture.yaml", b"- model: auth.user\n", "--format json"),
        ("wide.jsonl", b"\xfe\xff\0{", "UTF-16: save it as UTF-8"),
        (
            "users",
            b"username,password\n",
            "does not tell the file's format",
        ),
    ] {
        place.write(name, content);
        let stderr = place.run(&["import", name]).ill(1);
        assert!(stderr.contains(said), "{name}: {stderr}");
        assert!(
            stderr.contains(
                "accepted are CSV with a header row (commas, semicolons or tabs), JSON Lines"
            ),
            "{name}: {stderr}"
        );
    }
    assert!(!place.path("data").exists());
}
