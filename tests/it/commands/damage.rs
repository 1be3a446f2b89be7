//! What is wrong is told, with 1, and left as it was: a backup may still be put in its place.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use crate::support::{PASSWORD, Place, Ran};

/// With a server's data in it, and an account.
fn used() -> Place {
    let place = Place::on_sqlite();
    place
        .tell(&["account", "add", "--username", "ada"], PASSWORD)
        .well();
    place.serve().end();
    place
}

/// Every command says so, and none of them changes anything.
fn is_told(place: &Place, words: &str) {
    let before = place.data();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["account", "list"],
    ] {
        let stderr = place.run(arguments).ill(1);
        assert!(stderr.contains(words), "{words} in {stderr}");
        assert_eq!(place.data(), before, "{arguments:?}");
    }
    let Ran { code, stdout, .. } = place.run(&["doctor"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("FAIL"), "{stdout}");
    assert_eq!(place.data(), before);
}

#[test]
fn nothing_is_missing_from_the_database_file_of_a_server_that_has_ended() {
    let (place, copy) = (used(), Place::on_sqlite());
    std::fs::create_dir(copy.path("data")).unwrap();
    for file in ["data/doorward.db", "data/secret"] {
        std::fs::copy(place.path(file), copy.path(file)).unwrap();
    }
    let all = place.run(&["account", "list"]).well();
    assert_eq!(copy.run(&["account", "list"]).well(), all);
    assert!(all.contains("ada"));
}

#[test]
fn a_data_folder_that_cannot_be_made() {
    let place = Place::on_sqlite();
    place.write("file", "");
    // Not even root makes a folder in these.
    for folder in ["file/data", "/proc/doorward/data", "/dev/null/data"] {
        let stderr = place
            .run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder])
            .ill(1);
        assert!(
            stderr.contains(&format!("the data folder {folder} cannot be made: ")),
            "{stderr}"
        );
    }
}

#[test]
fn a_data_folder_that_is_missing_though_it_must_exist() {
    let place = Place::on_sqlite();
    place.write("doorward.toml", "data_dir_must_exist = true");
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["account", "list"],
        &["reset-db", "--yes"],
    ] {
        let stderr = place.run(arguments).ill(1);
        assert!(
            stderr.contains("the data folder data does not exist, and data_dir_must_exist is set"),
            "{stderr}"
        );
        assert!(!place.path("data").exists(), "{arguments:?}");
    }
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("FAIL  data folder: the data folder data does not exist"),
        "{}",
        doctor.stdout
    );
    std::fs::create_dir(place.path("data")).unwrap();
    place.serve().end();
}

#[test]
fn drafts_of_the_secret_that_killed_starts_left_are_removed_and_no_other_file() {
    let place = Place::on_sqlite();
    std::fs::create_dir(place.path("data")).unwrap();
    let (old, new) = (
        "data/secret.4dd0a52c-6d4b-4b2f-9f0e-6a1f6f0d8a10",
        "data/secret.4dd0a52c-6d4b-4b2f-9f0e-6a1f6f0d8a11",
    );
    let others = ["data/secret.old", "data/secret.bak", "data/notes"];
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for file in [&[old, new][..], &others].concat() {
        place.write(file, "canary-draft");
        if file != new {
            let file = std::fs::File::options()
                .write(true)
                .open(place.path(file))
                .unwrap();
            file.set_modified(an_hour_ago).unwrap();
        }
    }
    place.serve().end();
    assert!(!place.path(old).exists());
    // Another process may be writing it.
    assert!(place.path(new).exists());
    for other in others {
        assert!(place.path(other).exists(), "{other}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_data_folder_that_cannot_be_written_to() {
    let place = Place::on_sqlite();
    let stderr = place
        .run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "/proc/self",
        ])
        .ill(1);
    assert!(
        stderr.contains("the secret /proc/self/secret cannot be made: "),
        "{stderr}"
    );
}

#[test]
fn a_data_folder_that_is_a_file() {
    let place = Place::on_sqlite();
    place.write("data", "somebody's notes");
    is_told(&place, "the data folder data cannot be made: File exists");
    assert_eq!(
        std::fs::read_to_string(place.path("data")).unwrap(),
        "somebody's notes"
    );
}

#[test]
fn a_secret_that_is_damaged() {
    let place = used();
    for damaged in [
        &b""[..],
        b"\n",
        b"YWRh",
        b"not base64, and long enough to be one!!",
        b"\xff\xfe",
        &[b'A'; 41],
    ] {
        place.write("data/secret", damaged);
        is_told(&place, "the secret data/secret is damaged");
    }
}

#[test]
fn a_secret_that_is_missing_while_there_is_a_database() {
    let place = used();
    std::fs::remove_file(place.path("data/secret")).unwrap();
    is_told(&place, "the secret data/secret is missing");
}

#[test]
fn a_secret_that_is_another_than_the_databases() {
    let place = used();
    place.write(
        "data/secret",
        "YW5vdGhlciBzZWNyZXQsIGFub3RoZXIgc2VjcmV0ISE=",
    );
    let before = place.data();
    let stderr = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(1);
    assert!(stderr.contains("sealed under another secret"), "{stderr}");
    assert_eq!(place.data(), before);
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("FAIL  database and signing key: the signing key in the database was sealed under another secret"), "{}", doctor.stdout);
}

#[test]
fn a_secret_that_is_a_folder() {
    let place = Place::on_sqlite();
    std::fs::create_dir_all(place.path("data/secret")).unwrap();
    is_told(
        &place,
        "the secret data/secret cannot be read: Is a directory",
    );
}

#[test]
fn a_file_that_is_not_a_database() {
    let place = used();
    for garbage in ["This is no database. ".repeat(500), "short".to_owned()] {
        place.write("data/doorward.db", garbage);
        is_told(
            &place,
            "the database cannot be opened (SQLite, data/doorward.db): file is not a database",
        );
    }
    std::fs::remove_file(place.path("data/doorward.db")).unwrap();
    std::fs::create_dir(place.path("data/doorward.db")).unwrap();
    is_told(
        &place,
        "the database cannot be opened (SQLite, data/doorward.db): ",
    );
}

#[test]
fn a_database_of_a_newer_version() {
    let place = used();
    let path = place.path("data/doorward.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')")
        .unwrap();
    drop(connection);
    is_told(
        &place,
        "it has the migration 29991231000000, which this version of Doorward does not know",
    );
    // Not even when everything is to be deleted: how to is not known.
    let before = place.data();
    let stderr = place.run(&["reset-db", "--yes"]).ill(1);
    assert!(stderr.contains("29991231000000"), "{stderr}");
    assert_eq!(place.data(), before);
}

#[cfg(feature = "postgres")]
#[test]
fn a_database_server_that_is_unavailable() {
    let mut place = Place::on_sqlite();
    // The port is bound, and nobody listens there.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    place.set(
        "DOORWARD_DATABASE__URL",
        &format!("postgres://ada:canary@127.0.0.1:{port}/doors"),
    );
    let stderr = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(1);
    assert!(
        stderr.contains("the database cannot be opened (PostgreSQL): connection to server at"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    // What it cannot read, it would quote.
    place.set(
        "DOORWARD_DATABASE__URL",
        "postgres://ada@127.0.0.1/doors?password=canary%zz",
    );
    let stderr = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(1);
    assert!(stderr.contains("percent-encode"), "{stderr}");
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("FAIL  database"),
        "{}",
        doctor.stdout
    );
    assert!(!doctor.stdout.contains("canary"));
}

#[test]
fn doctor_finds_nothing_wrong_and_changes_nothing() {
    let place = Place::on_sqlite();
    let first = place.run(&["doctor"]).well();
    assert!(!place.path("data").exists());
    insta::assert_snapshot!(first);
    let place = used();
    let before = place.data();
    let ok = place.run(&["doctor"]).well();
    assert_eq!(place.data(), before);
    insta::assert_snapshot!(ok);
}

#[test]
fn doctor_finds_what_would_stop_the_start() {
    let place = used();
    place.write("file", "");
    for (setting, words) in [
        (
            "data_dir=file/data",
            "FAIL  data folder: file is not a folder",
        ),
        (
            "files.store=folder:file",
            "FAIL  store of files: file is not a folder",
        ),
        (
            "database.url=sqlite:missing/x.db",
            "missing cannot be written",
        ),
    ] {
        let doctor = place.run(&["doctor", "--set", setting]);
        assert_eq!(doctor.code, Some(1), "{setting}");
        assert!(doctor.stdout.contains(words), "{}", doctor.stdout);
    }
}

#[test]
fn doctor_warns_of_a_proxy_that_is_not_trusted() {
    let place = used();
    let is_warned = |settings: &[&str]| {
        let cost = "passwords.bcrypt_cost=10";
        let all = settings.iter().chain([&cost]);
        let set = all.flat_map(|setting| ["--set", setting]);
        let arguments: Vec<_> = ["doctor"].into_iter().chain(set).collect();
        let said = place.run(&arguments).well();
        let warned = said.contains("warn  client addresses: ");
        assert_eq!(warned, said.contains("Set proxies.trusted to"), "{said}");
        assert_eq!(warned, !said.contains("ok    client addresses"), "{said}");
        warned
    };
    let (https, http) = ("base_url=https://door.example", "base_url=http://door.lan");
    let everywhere = "listen=0.0.0.0:8080";
    for behind in [&[https][..], &[http], &[https, everywhere]] {
        assert!(is_warned(behind), "{behind:?}");
        let trusting = [behind, &["proxies.trusted=127.0.0.1"]].concat();
        assert!(!is_warned(&trusting), "{trusting:?}");
    }
    assert!(!is_warned(&[https, "listen=unix:door.sock"]));
    let local = "base_url=http://localhost:8080";
    for direct in [&[][..], &[local], &[everywhere], &[http, everywhere]] {
        assert!(!is_warned(direct), "{direct:?}");
    }
}

#[test]
fn doctor_warns_of_what_others_can_reach() {
    use std::os::unix::fs::PermissionsExt;

    let place = used();
    for file in ["data", "data/secret"] {
        std::fs::set_permissions(place.path(file), PermissionsExt::from_mode(0o755)).unwrap();
    }
    insta::assert_snapshot!(place.run(&["doctor", "--listen", "0.0.0.0:8080"]).well());
}
