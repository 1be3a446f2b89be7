//! Mail servers that are slow, refuse or break off.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;
use crate::files::store::SmallDisk;
use crate::support::wait_until;

/// A port on which nobody listens.
fn nowhere() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("smtp://{}", free.local_addr().unwrap())
}

#[test]
fn a_message_is_tried_again_after_growing_delays_and_given_up_after_two_days() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    door.post([to("later-dot@example.com")]);
    let why = "the mail server refused the message for now: transient error (452): 4.3.1 The disk is full";
    for (attempt, delay) in [(1, 60), (2, 120), (3, 240)] {
        server.hear("heard <later-dot@example.com>");
        assert_eq!(door.tried(attempt), format!("{attempt}; {delay}; {why}"));
        door.let_pass(delay);
    }
    door.tried(4);
    door.let_pass(2 * 86_400);
    assert_eq!(door.tried(5), format!("5; given up; {why}"));
    let letters = server.letters();
    assert_eq!(letters.len(), 5);
    assert!(letters.iter().all(|letter| letter.id == letters[0].id));
    assert!(letters.iter().all(|letter| letter.text == letters[0].text));
}

#[test]
fn a_refusal_is_final_if_the_mail_server_says_so() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    let refused = "the mail server refused the message";
    let lost = "the connection to the mail server was lost: response error: incomplete response";
    for (who, then, why) in [
        (
            "later",
            "60",
            format!("{refused} for now: transient error (451): 4.7.1 Come back later"),
        ),
        (
            "never",
            "given up",
            format!("{refused}: permanent error (550): 5.1.1 No such mailbox"),
        ),
        (
            "never-dot",
            "given up",
            format!("{refused}: permanent error (554): 5.6.0 Looks like spam"),
        ),
        ("cut-data", "60", lost.to_owned()),
        ("cut-dot", "60", lost.to_owned()),
    ] {
        door.post([to(&format!("{who}@example.com"))]);
        let tried = door.tried(1);
        // What the system calls a connection that was reset.
        if !(who.starts_with("cut") && tried.contains("network error")) {
            assert_eq!(tried, format!("1; {then}; {why}"));
        }
        door.sql("DELETE FROM mail_messages");
    }
    server.tell("next busy");
    door.post([to("ada@example.com")]);
    let why = "the mail server 127.0.0.1: transient error (421): Too busy";
    assert_eq!(door.tried(1), format!("1; 60; {why}"));
    door.let_pass(60);
    server.hear("accepted <ada@example.com>");

    // The sender is a setting, so the message can be sent once it is corrected.
    let door = door_to(&server, &[("mail.from", "never@example.com")]);
    door.post([to("ada@example.com")]);
    let why = "the mail server 127.0.0.1: permanent error (550): 5.7.1 You may not write as this";
    assert_eq!(door.tried(1), format!("1; 60; {why}"));

    let door = Door::with(&[("mail.url", &nowhere()), FROM]);
    door.post([to("ada@example.com")]);
    let tried = door.tried(1);
    assert!(
        tried.starts_with("1; 60; the mail server 127.0.0.1: "),
        "{tried}"
    );
    assert!(tried.contains("refused"), "{tried}");
}

/// Takes the thirty seconds that Doorward waits for a mail server, in which it does nothing.
#[test]
fn a_mail_server_that_stops_responding_delays_the_message_of_that_connection_only() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    server.tell("next mute silent drip:1");
    door.post([
        to("one@example.com"),
        to("three@example.com"),
        to("two@example.com"),
    ]);
    for _ in 0..3 {
        server.hear("connected");
    }
    // Each byte of this one's answers comes alone, and early enough.
    server.tell("next drip:0.001");
    door.post([to("ada@example.com")]);
    server.hear("accepted <ada@example.com>");
    // The answer to a visitor is posted meanwhile.
    ask(&door.browser(), "bob@example.com");
    server.hear("accepted <bob@example.com>");
    assert!(server.heard("closed") <= 2, "the other three are open");
    while server.heard("closed") < 5 {
        server.hear("closed");
    }
    let why = "1; 60; the mail server 127.0.0.1 did not answer within 30 seconds";
    wait_until("all three were tried", || door.outbox() == [why; 3]);
}

#[test]
fn pages_do_not_wait_for_the_mail_server() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    server.tell("always mute");
    let limits = [("limits.mail_address", "off")];
    let folder = Door::with(&limits);
    let doors = [
        Door::with(&limits),
        door_to(&server, &limits),
        Door::with(&[("mail.url", &nowhere()), FROM, limits[0]]),
    ];
    let median = |door: &Door, round: usize| {
        let browser = door.browser();
        let mut times: Vec<_> = (0..15)
            .map(|n| {
                let start = Instant::now();
                ask(&browser, &format!("a{n}-{round}@example.com"));
                start.elapsed()
            })
            .collect();
        times.sort();
        times[7]
    };
    median(&folder, 0);
    let [usual, slow, down] = [0, 1, 2].map(|at| (0..2).map(|n| median(&doors[at], n)).min());
    // A page that waited would take thirty seconds, or the time to connect.
    let bound = usual.map(|usual| usual * 3 + Duration::from_millis(50));
    for (what, time) in [("slow", slow), ("down", down)] {
        assert!(time < bound, "{what}: {time:?} instead of {usual:?}");
    }
}

#[test]
fn a_full_folder_is_reported_and_tried_again() {
    let Some(disk) = SmallDisk::of("64k") else {
        return;
    };
    let filler = disk.path().join("filler");
    let full = std::fs::write(&filler, vec![0; 1 << 20]);
    assert!(full.is_err());
    let folder = disk.path().join("");
    let door = Door::with(&[("mail.folder", folder.to_str().unwrap())]);
    door.post([to("ada@example.com")]);
    let path = folder.display();
    assert_eq!(
        door.tried(1),
        format!("1; 60; {path} cannot be written: the disk is full")
    );
    std::fs::remove_file(filler).unwrap();
    door.let_pass(60);
    door.wait_for_mail();
    let names = std::fs::read_dir(disk.path()).unwrap();
    let names: Vec<_> = names.map(|file| file.unwrap().file_name()).collect();
    assert!(
        names.len() == 1 && names[0].to_string_lossy().ends_with(".eml"),
        "{names:?}"
    );
}

#[test]
fn a_letter_under_another_secret_waits_for_it() {
    let door = Door::open();
    door.post([to("later@example.com")]);
    door.wait_for_mail();
    let Some(server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    door.sql(
        "INSERT INTO mail_messages (id, kind, recipient, sealed, created_at, due_at) \
         VALUES ('5c3b6a1e-7a52-4f0c-9d1b-1f2e3d4c5b6a', 'test', 'ada@example.com', \
         'sealed by another', 1799999999, 1799999999)",
    );
    let why = "a letter in the database was sealed under another secret";
    let tried = door.tried(1);
    assert!(
        tried.starts_with("1; 60; ") && tried.contains(why),
        "{tried}"
    );
}
