use crate::support::{Place, Ran};

#[test]
fn every_command_says_what_it_does() {
    let place = Place::on_sqlite();
    let commands = [
        "",
        "serve",
        "migrate",
        "reset-db",
        "account",
        "account add",
        "account list",
        "account rename",
        "account password",
        "account role",
        "account groups",
        "account disable",
        "account enable",
        "account delete",
        "account sign-out",
        "account revoke-links",
        "import",
        "keys",
        "keys list",
        "keys rotate",
        "mail",
        "mail list",
        "mail retry",
        "mail delete",
        "audit",
        "audit verify",
        "audit export",
        "audit list",
        "token",
        "token inspect",
        "config",
        "config show",
        "doctor",
    ];
    let mut all = String::new();
    for command in commands {
        let arguments: Vec<_> = command
            .split(' ')
            .filter(|word| !word.is_empty())
            .chain(["--help"])
            .collect();
        let help = place.run(&arguments).well();
        all += &format!("$ doorward {}\n{help}\n", arguments.join(" "));
    }
    insta::assert_snapshot!(all);
    assert!(!place.path("data").exists());
}

#[test]
fn a_wrong_command_line_exits_with_2_and_a_hint() {
    let place = Place::on_sqlite();
    for (arguments, words) in [
        (&["open"][..], "unrecognized subcommand 'open'"),
        (&["serv"], "unrecognized subcommand 'serv'"),
        (&["account"], "Usage: doorward account"),
        (&["account", "add"], "--username"),
        (&["config"], "Usage: doorward config"),
        (&["serve", "now"], "unexpected argument 'now'"),
        (&["--set", "listen"], "expected KEY=VALUE"),
        (&["--set", "=x"], "expected KEY=VALUE"),
        (&["--listen"], "a value is required"),
        // A password has no place among the arguments, where everybody on the machine can read it.
        (
            &["account", "add", "--username", "ada", "--password", "x"],
            "unexpected argument '--password'",
        ),
        (
            &["token", "inspect", "a.b.c"],
            "unexpected argument 'a.b.c'",
        ),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(words), "{words} in {}", ran.stderr);
    }
    assert!(!place.path("data").exists());
}

#[test]
fn a_command_succeeds_when_its_output_is_closed() {
    let place = Place::new();
    for arguments in [
        &["--help"][..],
        &["config", "show"],
        &["doctor"],
        &["migrate"],
        &["account", "list"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(place.command(arguments).stdout(writer));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    }
}
