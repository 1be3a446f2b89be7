use crate::support::{PASSWORD, Place, wait_until};

const ADA: [&str; 6] = [
    "account",
    "add",
    "--username",
    "Ada",
    "--email",
    "Ada@example.com",
];

#[test]
fn an_account_is_added_with_the_password_from_stdin() {
    let place = Place::new();
    let added = place
        .tell(
            &[&ADA[..], &["--name", "Ada Lovelace"]].concat(),
            format!("{PASSWORD}\r\nignored\n"),
        )
        .well();
    assert!(
        added.starts_with("Added Ada Lovelace (member), "),
        "{added}"
    );
    let added = place
        .tell(
            &[
                "account",
                "add",
                "--email",
                "root@example.com",
                "--administrator",
            ],
            PASSWORD,
        )
        .well();
    assert!(
        added.starts_with("Added root@example.com (administrator), "),
        "{added}"
    );

    let listed = place.run(&["account", "list"]).well();
    let columns: Vec<Vec<_>> = listed
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(columns.len(), 2, "{listed}");
    let without_times = |row: &[&str]| [row[1], row[2], row[3], row[4], row[6]].map(str::to_owned);
    let mut rows = [without_times(&columns[0]), without_times(&columns[1])];
    rows.sort();
    assert_eq!(
        rows[0],
        ["-", "root@example.com", "administrator", "active", "-"]
    );
    assert_eq!(
        rows[1],
        ["Ada", "Ada@example.com", "member", "active", "Ada Lovelace"]
    );

    let mut serving = place.serve();
    assert_eq!(serving.browser().sign_in("ada", PASSWORD).status, 303);
    assert!(serving.line().starts_with("Doorward is ready at "));
    let (_, stdout, _) = serving.end();
    assert_eq!(stdout, "", "there is an administrator");
}

#[test]
fn an_account_can_be_added_while_the_server_runs() {
    let place = Place::new();
    let serving = place.serve();
    place.tell(&ADA, PASSWORD).well();
    assert_eq!(
        serving
            .browser()
            .sign_in("ada@example.com", PASSWORD)
            .status,
        303
    );
}

#[test]
fn an_account_that_will_not_do_is_refused_in_the_words_of_the_page() {
    let place = Place::new();
    place.tell(&ADA, PASSWORD).well();
    for (arguments, typed, words) in [
        (
            &["--username", "ADA"][..],
            PASSWORD,
            "this username is taken. Choose another one",
        ),
        (
            &["--email", "ada@EXAMPLE.com"],
            PASSWORD,
            "another account has this email address. Use another one",
        ),
        (
            &["--username", "bob"],
            "canary",
            "password must be 12 characters or more",
        ),
        (&["--username", "bob"], "", "enter a password"),
        (&["--username", "bob"], "\n", "enter a password"),
        (
            &["--username", "bob"],
            "passwordpassword",
            "this password is easy to guess. Use a longer one",
        ),
        (
            &["--username", "bob-the-builder"],
            "bob-the-builder",
            "this password is easy to guess. Use a longer one",
        ),
        (&["--username", "a b"], PASSWORD, "username must begin with"),
        (&["--username", ""], PASSWORD, "enter a username"),
        (
            &["--email", "nowhere"],
            PASSWORD,
            "enter an email address in the correct format",
        ),
        (
            &["--username", "bob", "--name", "a\nb"],
            PASSWORD,
            "name must be plain text on one line",
        ),
    ] {
        let stderr = place
            .tell(&[&["account", "add"], arguments].concat(), typed)
            .ill(1);
        assert!(stderr.contains(words), "{words} in {stderr}");
    }
    let stderr = place
        .tell(
            &["account", "add", "--username", "bob"],
            b"canary\xff-brine-lamp-44\n",
        )
        .ill(1);
    assert!(stderr.contains("UTF-8"), "{stderr}");
    assert_eq!(place.run(&["account", "list"]).well().lines().count(), 1);
}

#[test]
fn an_account_is_not_added_under_another_secret_than_the_servers() {
    let mut place = Place::new();
    place.serve().end();
    place.set(
        "DOORWARD_SECRET",
        "YW5vdGhlciBzZWNyZXQsIGFub3RoZXIgc2VjcmV0ISE=",
    );
    let stderr = place.tell(&ADA, PASSWORD).ill(1);
    assert!(stderr.contains("under another secret"), "{stderr}");
    assert_eq!(place.run(&["account", "list"]).well(), "");
}

#[test]
fn accounts_are_searched_and_renamed_by_command() {
    let place = Place::new();
    for name in ["ada", "bob"] {
        let email = format!("{name}@example.com");
        let add = ["account", "add", "--username", name, "--email", &email];
        place.tell(&add, PASSWORD).well();
    }
    assert_eq!(
        place
            .run(&["account", "list", "ADA"])
            .well()
            .lines()
            .count(),
        1
    );
    assert_eq!(
        place
            .run(&["account", "list", "example"])
            .well()
            .lines()
            .count(),
        2
    );
    let told = place.run(&[
        "account",
        "rename",
        "ada",
        "--username",
        "lovelace",
        "--email",
        "",
    ]);
    assert_eq!(
        told.well(),
        "Username: ada → lovelace.\nEmail address: ada@example.com → none.\n"
    );
    let listed = place.run(&["account", "list", "lovelace"]).well();
    assert!(listed.contains("\tlovelace\t-\t"), "{listed}");
    let serving = place.serve();
    assert_eq!(serving.browser().sign_in("lovelace", PASSWORD).status, 303);
    for (arguments, words) in [
        (&["--username", "BOB"][..], "taken"),
        (&["--username", ""], "needs a username or an email address"),
        (&["--username", "not a name"], "username must begin"),
    ] {
        let rename = [&["account", "rename", "lovelace"], arguments].concat();
        let refused = place.run(&rename).ill(1);
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn a_rename_says_what_it_changed_and_needs_a_name() {
    let place = Place::new();
    place.tell(&ADA, PASSWORD).well();
    let rename = |arguments: &[&str]| {
        let all = [&["account", "rename", "ada"], arguments].concat();
        place.run(&all)
    };
    let unasked = rename(&[]);
    assert_eq!(unasked.code, Some(2));
    for option in ["--username", "--email", "--name"] {
        assert!(unasked.stderr.contains(option), "{}", unasked.stderr);
    }
    assert_eq!(
        rename(&["--name", "Ada\u{9f} \"L\"", "--username", "Ada"]).code,
        Some(1)
    );
    assert_eq!(
        rename(&["--name", "Ada Lovelace", "--username", "Ada"]).well(),
        "Name: none → Ada Lovelace.\n"
    );
    assert_eq!(
        rename(&["--name", "Ada Lovelace", "--username", "Ada"]).well(),
        "Nothing has changed: the account Ada Lovelace has these names already.\n"
    );
    assert_eq!(
        rename(&["--username", "ada"]).well(),
        "Username: Ada → ada.\n"
    );
    assert_eq!(
        rename(&["--name", ""]).well(),
        "Name: Ada Lovelace → none.\n"
    );
}

#[test]
fn one_command_signs_out_every_account() {
    let place = Place::new();
    let serving = place.serve();
    let people = ["ada", "bob"].map(|name| {
        let browser = serving.browser();
        let reply = browser.sign_up(name, &format!("{name}@example.com"), PASSWORD);
        assert_eq!(reply.status, 303, "{}", reply.body);
        browser
    });
    assert_eq!(
        place.run(&["account", "sign-out", "--all"]).well(),
        "2 sessions and links have ended.\n"
    );
    for who in &people {
        wait_until("they are signed out", || !who.copy().is_signed_in());
    }
    assert_eq!(people[0].sign_in("ada", PASSWORD).status, 303);
    assert!(people[0].is_signed_in());
    // Of one account or of all, and never of all by mistake.
    for arguments in [
        &["account", "sign-out"][..],
        &["account", "sign-out", "ada", "--all"],
    ] {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
    assert!(people[0].is_signed_in());
}
