//! What a person who imports for the first time gets wrong is named, with what to do.

use serde_json::json;

use crate::support::Place;

/// Of the tests' password, made by Python's bcrypt 4.0.1.
const HASH: &str = "$2b$04$Ia33Ig3pIZ0bJcsdPQPl5.kWEnOGw8P6wMHwy2E1qsVFKEyEYQpH.";

/// The username and email address of each account, in their order.
fn accounts(place: &Place) -> Vec<String> {
    place.lines(
        "SELECT coalesce(username, '-') || ' ' || coalesce(email, '-') AS line \
         FROM accounts ORDER BY 1",
    )
}

#[test]
fn a_name_that_two_rows_of_a_file_have_is_refused_with_the_line_of_the_first() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    place.write(
        "users.csv",
        format!(
            "username,email,password\n\
             ada,ada@example.com,{HASH}\n\
             ADA,,{HASH}\n\
             bob,Ada@Example.com,{HASH}\n\
             ada,ada@example.com,{HASH}\n\
             eve,eve@example.com,{HASH}\n\
             ada,eve@example.com,{HASH}\n"
        ),
    );
    let refused = "line 3, ADA: refused: it has the same username as line 2\n\
                   line 4, bob: refused: it has the same email address as line 2\n\
                   line 5, ada: refused: it has the same username and email address as line 2\n";
    let last = "line 7, ada: refused: it has the same username as line 2 and the same email \
                address as line 6\n";
    let dry = place.run(&["import", "--dry-run", "users.csv"]);
    assert_eq!(
        dry.stdout,
        format!(
            "line 2, ada: would be added\n{refused}line 6, eve: would be added\n{last}\
             Would be added: 2. Existed already: 0. Refused: 4.\n"
        )
    );
    // Run again, it says the same of the rows that are wrong.
    for sum in [
        "Added: 2. Existed already: 0. Refused: 4.\n",
        "Added: 0. Existed already: 2. Refused: 4.\n",
    ] {
        let ran = place.run(&["import", "users.csv"]);
        assert_eq!(ran.code, Some(1));
        assert_eq!(ran.stdout, format!("{refused}{last}{sum}"));
    }
    assert_eq!(
        accounts(&place),
        ["ada ada@example.com", "eve eve@example.com"]
    );
}

#[test]
fn a_name_is_found_again_after_thousands_of_rows_and_a_refused_row_does_not_hold_it() {
    let place = Place::new();
    let mut file = format!("username,password\nada,\nada,{HASH}\n");
    for number in 0..1_200 {
        file += &format!("user{number},{HASH}\n");
    }
    file += &format!("user3,{HASH}\nada,{HASH}\n");
    place.write("users.csv", file);
    for sum in [
        "Added: 1201. Existed already: 0. Refused: 3.\n",
        "Added: 0. Existed already: 1201. Refused: 3.\n",
    ] {
        let said = place.run(&["import", "users.csv"]).stdout;
        assert!(
            said.starts_with("line 2, ada: refused: it has no password"),
            "{said}"
        );
        let rest = format!(
            "line 1204, user3: refused: it has the same username as line 7\n\
             line 1205, ada: refused: it has the same username as line 3\n{sum}"
        );
        assert!(said.ends_with(&rest), "{said}");
    }
}

#[test]
fn a_header_that_names_a_column_twice_is_refused() {
    let place = Place::new();
    for (header, map, column) in [
        ("username,email,password,email", "", "email"),
        ("username;Email;password;email", "", "Email"),
        (
            "username,password,secret,secret",
            "password=secret",
            "secret",
        ),
    ] {
        place.write("users.csv", format!("{header}\nada,a,b,c\n"));
        let map = if map.is_empty() {
            vec![]
        } else {
            vec!["--map", map]
        };
        let stderr = place
            .run(&[&["import", "users.csv"], &map[..]].concat())
            .ill(1);
        let said = format!(
            "the header has the column \"{column}\" twice: rename or delete one of the two"
        );
        assert!(stderr.contains(&said), "{stderr}");
    }
    // Columns that are not read may repeat, and --map chooses one of two spellings.
    place.write(
        "users.csv",
        format!("username,Password,password,,,id,id\nada,x,{HASH},,,1,2\n"),
    );
    let chosen = ["import", "users.csv", "--map", "password=password"];
    let said = place.run(&chosen).well();
    assert!(said.starts_with("Added: 1. "), "{said}");
}

#[test]
fn the_word_that_databases_write_for_no_value_is_no_value() {
    for null in ["NULL", "\\N"] {
        let place = Place::new();
        place.write(
            "users.tsv",
            format!(
                "username\temail\tname\tpassword\trole\tactive\tcreated_at\n\
                 ada\t{null}\t{null}\t{HASH}\t{null}\t{null}\t{null}\n\
                 {null}\tbob@example.com\tBob\t{HASH}\tmember\t1\t{null}\n\
                 eve\t{null}\tEve\t{null}\tmember\t1\t{null}\n\
                 {null}\t{null}\t{null}\t{HASH}\tmember\t1\t{null}\n"
            ),
        );
        let typed = ["import", "users.tsv", "--typed-passwords"];
        for arguments in [&typed[..2], &typed] {
            let said = place.run(arguments).stdout;
            let refused = "line 4, eve: refused: it has no password: password_hash or password \
                           must be there\n\
                           line 5: refused: an account needs a username or an email address";
            assert!(said.starts_with(refused), "{null}: {said}");
        }
        assert_eq!(accounts(&place), ["- bob@example.com", "ada -"]);
        let names = "SELECT coalesce(name, '-') AS line FROM accounts ORDER BY 1";
        assert_eq!(place.lines(names), ["-", "Bob"]);
    }
}

#[test]
fn a_refused_name_is_shown_escaped_and_cut_and_a_hash_in_its_place_is_not() {
    let place = Place::new();
    let long = "x".repeat(5_000);
    let digest = "0123456789abcdef".repeat(4);
    place.write(
        "users.csv",
        format!(
            "username,email,password\n\
             ada lovelace,,{HASH}\n\
             \x1b[2Jx,,{HASH}\n\
             {long},,{HASH}\n\
             x1,nowhere,{HASH}\n\
             {HASH},,{HASH}\n\
             ada lovelace,ada@example.com,{HASH}\n\
             pbkdf2:sha256:600000$saltsalt${digest},,{HASH}\n\
             scrypt:32768:8:1$saltsaltsaltsalt${digest},,{HASH}\n\
             $argon2id$v=19$m=65536$t=3$p=4$c2FsdHNhbHQ${digest},,{HASH}\n\
             sha256$saltsalt${digest},,{HASH}\n\
             {digest},,{HASH}\n"
        ),
    );
    let said = place
        .run(&["import", "users.csv", "--drop-bad-usernames"])
        .stdout;
    let lines: Vec<_> = said.lines().collect();
    let cut = "x".repeat(40);
    for (line, begin) in lines.iter().zip([
        "line 2: refused: the username \"ada lovelace\" is not accepted: username must begin with",
        "line 3: refused: the username \"\\u{1b}[2Jx\" is not accepted: username must begin with",
        &format!("line 4: refused: the username \"{cut}…\" is not accepted: username must be 32"),
        "line 5, x1: refused: the email address \"nowhere\" is not accepted: enter an email",
        "line 6: refused: the username is not accepted: username must ",
        "line 7, ada@example.com: warning: imported without its username: the username \
         \"ada lovelace\" is not accepted: username must begin with",
    ]) {
        assert!(line.starts_with(begin), "{line}");
    }
    for hash in ["$2b$", "salt$", "argon2", "0123456789abcdef"] {
        assert!(!said.contains(hash), "{hash} in {said}");
    }
}

#[test]
fn a_file_without_rows_ends_with_1_and_says_so() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    for (name, content) in [
        ("header.csv", "username,password\n"),
        ("blank.csv", "username,password\n\n\n"),
        ("nothing.jsonl", ""),
        ("array.json", "[]\n"),
        ("wrapped.json", "{\"users\": []}\n"),
        ("comment.htpasswd", "# nobody yet\n"),
    ] {
        place.write(name, content);
        for arguments in [&["import", name][..], &["import", "--dry-run", name]] {
            let ran = place.run(arguments);
            assert_eq!(ran.code, Some(1), "{arguments:?}");
            assert_eq!(
                ran.stderr,
                format!("doorward: {name} has no rows: nothing was imported\n")
            );
        }
    }
    place.write("empty.csv", "");
    let stderr = place.run(&["import", "empty.csv"]).ill(1);
    assert!(
        stderr.contains("empty.csv is empty: it has no header and no rows"),
        "{stderr}"
    );
}

#[test]
fn an_array_in_an_object_is_read_when_it_is_all_that_the_object_has() {
    let user = |name: &str| json!({"username": name, "password": HASH});
    let both = json!({"users": [user("ada"), user("bob")]});
    let long = json!({"users": (0..900).map(|n| user(&format!("user{n}"))).collect::<Vec<_>>()});
    for (content, added) in [
        (both.to_string(), 2),
        (serde_json::to_string_pretty(&both).unwrap(), 2),
        (long.to_string(), 900),
    ] {
        let place = Place::new();
        place.write("users.json", &content);
        assert_eq!(
            place.run(&["import", "users.json"]).well(),
            format!("Added: {added}. Existed already: 0. Refused: 0.\n")
        );
        assert_eq!(accounts(&place).len(), added);
    }
    let place = Place::new();
    let mut row = user("ada");
    // A row that begins with an array is a row.
    row["addresses"] = json!([{"city": "London"}]);
    place.write("users.jsonl", format!("{row}\n{}\n", user("bob")));
    let said = place.run(&["import", "users.jsonl"]).well();
    assert!(said.starts_with("Added: 2. "), "{said}");
    // Two arrays, or more beside the array: which one is meant is for a person to say.
    let two = json!({"admins": [user("x")], "users": [user("y")]});
    for content in [
        two.to_string(),
        json!({"count": 1, "users": [user("x")]}).to_string(),
        serde_json::to_string_pretty(&two).unwrap(),
    ] {
        place.write("users.json", content);
        let ran = place.run(&["import", "users.json"]);
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.stdout.contains(
                "accepted are JSON Lines, one object on each line, or one array of objects"
            ),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn yaml_is_named_with_the_formats_that_are_accepted() {
    let place = Place::new();
    for (name, content) in [
        ("users.yaml", "users:\n  - username: ada\n"),
        ("users.yml", "ada:\n  password: x\n"),
        ("users", "---\nusers:\n"),
        ("users.csv", "- username: ada\n  password: x\n"),
    ] {
        place.write(name, content);
        let stderr = place.run(&["import", name]).ill(1);
        for said in [
            "is YAML: export the accounts as JSON or CSV",
            "accepted are CSV with a header row",
        ] {
            assert!(stderr.contains(said), "{name}: {stderr}");
        }
    }
}

#[test]
fn a_row_of_another_length_is_told_in_plain_words() {
    let place = Place::new();
    place.write(
        "users.csv",
        format!("username,password\nada\nbob,{HASH},x\neve,{HASH}\n"),
    );
    let ran = place.run(&["import", "users.csv"]);
    assert_eq!(
        ran.stdout,
        "line 2: refused: it has 1 field, and the header has 2: each row must have as many\n\
         line 3: refused: it has 3 fields, and the header has 2: each row must have as many\n\
         Added: 1. Existed already: 0. Refused: 2.\n"
    );
}
