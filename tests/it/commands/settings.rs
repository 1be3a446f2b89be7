use crate::support::{Place, Ran};

const SECRET: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmFyeQ==";

#[test]
fn config_show_lists_every_setting_its_source_and_no_secret() {
    let mut place = Place::on_sqlite();
    place.write(
        "doorward.toml",
        "listen = '127.0.0.1:1'\n[proxies]\ntrusted = ['10.0.0.0/8', '::1']\n[passwords]\nmin_length = 15\n",
    );
    place.write(".env", "# a comment\nDOORWARD_SIGNUP__MODE=closed\nSOMEBODY_ELSES=x\nexport DOORWARD_LOG__FORMAT='json'\n");
    place.write("secret.txt", format!("{SECRET}\n"));
    place.set("DOORWARD_SECRET_FILE", "secret.txt");
    place.set("DOORWARD_DATABASE__URL", "postgres://u:canary@h/d");
    place.set("DOORWARD_BASE_URL", "https://Example.com:443");
    place.set("DOORWARD_PASSWORDS__BCRYPT_COST", "10");
    place.set("HOME", "/nowhere");
    let shown = place
        .run(&[
            "config",
            "show",
            "--set",
            "tokens.link_seconds=60",
            "--data-dir",
            "d",
        ])
        .well();
    insta::assert_snapshot!(shown);
    assert!(!shown.contains("canary") && !shown.contains(SECRET));
}

#[test]
fn config_show_without_settings_lists_the_defaults() {
    let mut place = Place::on_sqlite();
    place.variables.remove("DOORWARD_PASSWORDS__BCRYPT_COST");
    insta::assert_snapshot!(place.run(&["config", "show"]).well());
    assert!(!place.path("data").exists());
}

/// The value of a setting and where it comes from.
fn shown(place: &Place, arguments: &[&str], key: &str) -> String {
    let all = place.run(&[&["config", "show"], arguments].concat()).well();
    let line = all.lines().find(|line| line.split(' ').next() == Some(key));
    let words: Vec<_> = line.unwrap().split_whitespace().skip(2).collect();
    words.join(" ")
}

#[test]
fn each_source_wins_over_those_before_it() {
    let mut place = Place::on_sqlite();
    let key = "tokens.access_minutes";
    assert_eq!(shown(&place, &[], key), r#""15" # default"#);
    place.write("doorward.toml", "[tokens]\naccess_minutes = 1\n");
    assert_eq!(shown(&place, &[], key), r#""1" # doorward.toml"#);
    place.write("other.toml", "tokens.access_minutes = '2'\n");
    assert_eq!(
        shown(&place, &["--config", "other.toml"], key),
        r#""2" # other.toml"#
    );
    place.write(".env", "DOORWARD_TOKENS__ACCESS_MINUTES=3\n");
    assert_eq!(shown(&place, &[], key), r#""3" # .env"#);
    place.set("DOORWARD_TOKENS__ACCESS_MINUTES", "4");
    assert_eq!(shown(&place, &[], key), r#""4" # environment"#);
    assert_eq!(
        shown(&place, &["--set", "tokens.access_minutes=5"], key),
        r#""5" # flag"#
    );

    assert_eq!(
        shown(&place, &["--listen", "127.0.0.1:6"], "listen"),
        r#""127.0.0.1:6" # flag"#
    );
    assert_eq!(
        shown(&place, &["--data-dir", "d"], "data_dir"),
        r#""d" # flag"#
    );
}

#[test]
fn an_empty_value_means_unset_in_every_source_and_for_every_key() {
    let mut place = Place::on_sqlite();
    let defaults = place.run(&["config", "show"]).well();
    // As compose writes each variable that it was not given, and for a file of a secret, too.
    let keys = defaults.lines().filter_map(|line| line.split(' ').next());
    let keys: Vec<_> = keys.map(str::to_owned).collect();
    for key in &keys {
        let name = format!("DOORWARD_{}", key.to_uppercase().replace('.', "__"));
        if key != "passwords.bcrypt_cost" {
            place.set(&name, "");
        }
    }
    for secret in [
        "SECRET",
        "DATABASE__URL",
        "TOKENS__HMAC_SECRET",
        "FILES__S3_SECRET_KEY",
    ] {
        place.set(&format!("DOORWARD_{secret}_FILE"), " ");
    }
    assert_eq!(place.run(&["config", "show"]).well(), defaults);
    assert_eq!(place.run(&["doctor"]).code, Some(0));

    place.write(
        "doorward.toml",
        "base_url = 'https://door.example'\ntokens.access_minutes = 5\nproxies.trusted = ['10.0.0.1']\n",
    );
    place.set("DOORWARD_PASSWORDS__BCRYPT_COST", "10");
    let https = r#""https://door.example" # doorward.toml"#;
    assert_eq!(shown(&place, &[], "base_url"), https);
    assert_eq!(shown(&place, &["--set", "base_url="], "base_url"), https);
    place.write(".env", "DOORWARD_BASE_URL=\nDOORWARD_PROXIES__TRUSTED=''\n");
    assert_eq!(shown(&place, &[], "base_url"), https);
    assert_eq!(
        shown(&place, &[], "tokens.access_minutes"),
        r#""5" # doorward.toml"#
    );
    assert_eq!(
        shown(&place, &[], "proxies.trusted"),
        r#""10.0.0.1" # doorward.toml"#
    );

    place.write("doorward.toml", "base_url = ''\nlisten = ''\n");
    assert_eq!(
        shown(&place, &[], "base_url"),
        r#""http://127.0.0.1:8080" # derived from listen"#
    );
    assert_eq!(
        shown(&place, &[], "listen"),
        r#""127.0.0.1:8080" # default"#
    );
    // A mistyped name is told all the same.
    place.set("DOORWARD_BASE_ULR", "");
    let unknown = place.run(&["config", "show"]).ill(2);
    assert!(
        unknown.contains("base_ulr (from environment): there is no such setting"),
        "{unknown}"
    );
}

#[test]
fn blanks_and_quotes_around_a_value_and_other_words_for_true_are_no_part_of_it() {
    let mut place = Place::on_sqlite();
    place.write("secret.txt", format!("\u{feff}{SECRET}\r\n"));
    // As `docker run --env-file` hands on what stands between quotes.
    for (variable, value) in [
        ("DOORWARD_BASE_URL", "\"https://door.example\""),
        ("DOORWARD_LISTEN", " '127.0.0.1:9' "),
        ("DOORWARD_TOKENS__ACCESS_MINUTES", "\" 5 \""),
        ("DOORWARD_COMPAT__ENABLED", "No"),
        ("DOORWARD_COMPAT__EXACT", "1"),
        ("DOORWARD_SECRET_FILE", "\"secret.txt\""),
        ("DOORWARD_DATABASE__URL", "\"sqlite:door.db\""),
        ("DOORWARD_PASSWORDS__BCRYPT_COST", "10"),
    ] {
        place.set(variable, value);
    }
    for (key, value) in [
        ("base_url", r#""https://door.example""#),
        ("listen", r#""127.0.0.1:9""#),
        ("tokens.access_minutes", r#""5""#),
        ("compat.enabled", r#""No""#),
        ("secret", "[secret]"),
        ("database.url", "[secret]"),
    ] {
        assert_eq!(shown(&place, &[], key), format!("{value} # environment"));
    }
    place.write("doorward.toml", "\u{feff}signup.mode = 'closed'\r\n");
    place.write(".env", "\u{feff}DOORWARD_TOKENS__LINK_SECONDS=\"60\"\r\n");
    let closed = r#""closed" # doorward.toml"#;
    assert_eq!(shown(&place, &[], "signup.mode"), closed);
    let minute = r#""60" # .env"#;
    assert_eq!(shown(&place, &[], "tokens.link_seconds"), minute);
    for (word, good) in [("yes", true), ("OFF", true), ("0", true), ("maybe", false)] {
        let set = format!("compat.enabled={word}");
        let ran = place.run(&["config", "show", "--set", &set]);
        assert_eq!(ran.code == Some(0), good, "{word}: {}", ran.stderr);
    }
}

#[test]
fn every_boolean_setting_takes_the_same_words_and_names_them() {
    let place = Place::on_sqlite();
    for key in [
        "data_dir_must_exist",
        "import.costly_hashes",
        "compat.enabled",
        "compat.exact",
    ] {
        for word in ["true", "Yes", "on", "1", "FALSE", "no", "off", "0"] {
            let set = format!("{key}={word}");
            place.run(&["config", "show", "--set", &set]).well();
        }
        let stderr = place
            .run(&["config", "show", "--set", &format!("{key}=maybe")])
            .ill(2);
        let said = "expected true, yes, on or 1, or false, no, off or 0";
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn config_show_derives_base_url_from_listen_as_the_server_does() {
    let place = Place::on_sqlite();
    for (listen, value) in [
        ("127.0.0.1:9000", r#""http://127.0.0.1:9000""#),
        ("0.0.0.0:9000", r#""http://localhost:9000""#),
        ("Door.example:80", r#""http://door.example""#),
        ("127.0.0.1:0", "(known once the server listens)"),
    ] {
        assert_eq!(
            shown(&place, &["--listen", listen], "base_url"),
            format!("{value} # derived from listen")
        );
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own_whatever_source_names_it() {
    let secret = "[secret]";
    for (key, content) in [("secret", SECRET), ("database.url", "sqlite:canary.db")] {
        let (file, variable) = (format!("{key}_file"), key.to_uppercase().replace('.', "__"));
        let place = || {
            let place = Place::on_sqlite();
            place.write("canary.txt", format!("  {content}\r\n"));
            place
        };
        let mut by_environment = place();
        by_environment.set(&format!("DOORWARD_{variable}_FILE"), "canary.txt");
        assert_eq!(
            shown(&by_environment, &[], key),
            format!("{secret} # environment")
        );
        let by_env = place();
        by_env.write(".env", format!("DOORWARD_{variable}_FILE=canary.txt"));
        assert_eq!(shown(&by_env, &[], key), format!("{secret} # .env"));
        let by_toml = place();
        by_toml.write("doorward.toml", format!("{file} = 'canary.txt'"));
        assert_eq!(
            shown(&by_toml, &[], key),
            format!("{secret} # doorward.toml")
        );
        let by_flag = place();
        let flag = format!("{file}=canary.txt");
        assert_eq!(
            shown(&by_flag, &["--set", &flag], key),
            format!("{secret} # flag")
        );

        let twice = by_flag
            .run(&["--set", &flag, "--set", &format!("{key}={content}")])
            .ill(2);
        assert!(
            twice.contains(&format!("{key} and {file} are both set")),
            "{twice}"
        );
        let missing = by_flag
            .run(&["--set", &format!("{file}=nowhere.txt")])
            .ill(2);
        assert!(
            missing.contains(&format!(
                "{file} = \"nowhere.txt\" (from flag): No such file"
            )),
            "{missing}"
        );
        by_flag.write("empty.txt", "\n");
        let empty = by_flag.run(&["--set", &format!("{file}=empty.txt")]).ill(2);
        assert!(
            empty.contains(&format!("{key} (from flag): expected")),
            "{empty}"
        );
    }
}

#[test]
fn an_unknown_setting_in_any_source_stops_the_start() {
    let words =
        |source: &str| format!("tokens.acces_minutes (from {source}): there is no such setting");
    let stopped = |place: &Place, arguments: &[&str], source: &str| {
        let stderr = place.run(arguments).ill(2);
        assert!(stderr.contains(&words(source)), "{stderr}");
        assert!(!place.path("data").exists());
    };
    let toml = Place::on_sqlite();
    toml.write("doorward.toml", "[tokens]\nacces_minutes = 5\n");
    stopped(&toml, &["serve"], "doorward.toml");
    let env = Place::on_sqlite();
    env.write(".env", "DOORWARD_TOKENS__ACCES_MINUTES=5\n");
    stopped(&env, &["migrate"], ".env");
    let mut environment = Place::on_sqlite();
    environment.set("DOORWARD_TOKENS__ACCES_MINUTES", "5");
    stopped(&environment, &["account", "list"], "environment");
    stopped(
        &Place::on_sqlite(),
        &["--set", "tokens.acces_minutes=5"],
        "flag",
    );
    stopped(
        &Place::on_sqlite(),
        &["doctor", "--set", "tokens.acces_minutes=5"],
        "flag",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_no_secret_with_it() {
    use std::os::unix::ffi::OsStrExt;

    let mut place = Place::on_sqlite();
    place.write("doorward.toml", "listen = 'nowhere'\n[passwords]\nmin_length = 7\nbcrypt_cost = 1.5\n[log]\nlevel = ['a', ['b']]\n");
    place.write(
        ".env",
        "DOORWARD_SECRET=canary-dotenv\nDOORWARD_SECRETS=canary\n",
    );
    place.set("DOORWARD_DATABASE__URL", "postgres://u:canary/canary@h/d");
    place.set("DOORWARD_BASE_URL", "example.com");
    place.variables.remove("DOORWARD_PASSWORDS__BCRYPT_COST");
    let mut command = place.command(&["--set", "signup.mode=maybe", "--set", "colour=x"]);
    command.env("DOORWARD_DATA_DIR", std::ffi::OsStr::from_bytes(b"\xff"));
    let ran = Ran::of(&mut command);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ran.stderr);
    assert!(!place.path("data").exists());
}

#[test]
fn a_settings_file_that_cannot_be_read_is_told_with_its_line_and_without_its_text() {
    let place = Place::on_sqlite();
    place.write("doorward.toml", "listen = '127.0.0.1:1'\nsecret = canary\n");
    place.write(".env", "DOORWARD_SECRET='canary\n");
    let stderr = place
        .run(&["serve", "--set", "tokens.link_seconds=1"])
        .ill(2);
    for words in [
        "doorward.toml, line 2: ",
        ".env: a line is not NAME=value",
        "tokens.link_seconds = \"1\"",
    ] {
        assert!(stderr.contains(words), "{words} in {stderr}");
    }
    let stderr = Place::on_sqlite().run(&["--config", "other.toml"]).ill(2);
    assert!(stderr.contains("other.toml: No such file"), "{stderr}");
    let place = Place::on_sqlite();
    place.write("latin.toml", b"# \xe9\n");
    let stderr = place.run(&["--config", "latin.toml"]).ill(2);
    assert!(
        stderr.contains("latin.toml: stream did not contain valid UTF-8"),
        "{stderr}"
    );
}
