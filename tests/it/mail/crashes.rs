//! A message is sent at most once after a crash, and by one server.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use super::*;
use crate::support::{Place, Serving, wait_until};

/// A server that has sent the content of a message, and waits for its acceptance.
fn while_sending() -> Option<(MailServer, Place, Serving)> {
    let mut server = MailServer::start(&[])?;
    let mut place = Place::new();
    place.set("DOORWARD_MAIL__URL", &server.url());
    place.set("DOORWARD_MAIL__FROM", "login@example.com");
    let serving = place.serve();
    ask(&serving.browser(), "hold@example.com");
    server.hear("held <hold@example.com>");
    Some((server, place, serving))
}

#[test]
fn a_server_that_is_killed_while_it_sends_does_not_send_again() {
    let Some((mut server, place, mut serving)) = while_sending() else {
        return;
    };
    serving.signal(Signal::KILL);
    serving.rest();
    server.tell("release");
    // Otherwise the next server waits until it is sure that no other one sends.
    place.sql("UPDATE leases SET ends_at = 0");
    let serving = place.serve();
    ask(&serving.browser(), "ada@example.com");
    server.hear("accepted <ada@example.com>");
    let failed = "SELECT problem AS line FROM mail_messages WHERE due_at IS NULL";
    wait_until("the other message is listed", || {
        place.number("SELECT count(*) AS n FROM mail_messages") == 1
    });
    let failed = place.lines(failed);
    assert!(failed[0].contains("which may have arrived"), "{failed:?}");
    assert_eq!(server.letters().len(), 2);
    let (_, _, log) = serving.end();
    assert!(log.contains("which may have arrived"), "{log}");
}

#[test]
fn a_server_that_stops_finishes_the_message_that_it_sends() {
    let Some((mut server, place, mut serving)) = while_sending() else {
        return;
    };
    serving.signal(Signal::TERM);
    // Without the message, it would end now.
    wait_until("it does not listen any more", || {
        let connected = TcpStream::connect_timeout(&serving.address, Duration::from_millis(50));
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    server.tell("release");
    let (status, _, _) = serving.rest();
    assert!(status.success());
    assert_eq!(place.number("SELECT count(*) AS n FROM mail_messages"), 0);
}

#[test]
fn of_two_servers_one_sends_at_a_time_and_each_message_once() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let first = door_to(&server, &[("mail.reply_to", "first@example.com")]);
    let second = first.another_with(&[("mail.reply_to", "second@example.com")]);
    let addresses: Vec<_> = (0..200).map(|n| format!("a{n}@example.com")).collect();
    first.post(addresses.iter().map(|address| to(address)));
    for _ in 0..200 {
        server.hear("accepted ");
    }
    first.wait_for_mail();
    let letters = server.letters();
    let to_each: BTreeSet<_> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!((letters.len(), to_each.len()), (200, 200));
    let by = |server: &MailServer, who: &str| {
        let from = format!("Reply-To: {who}@example.com");
        let letters = server.letters();
        letters
            .iter()
            .filter(|letter| letter.raw.contains(&from))
            .count()
    };
    // The lease does not end while its holder works.
    let [first_sent, second_sent] = [by(&server, "first"), by(&server, "second")];
    assert!(
        [first_sent, second_sent].contains(&200),
        "{first_sent} and {second_sent}"
    );

    let (mut holder, other) = if first_sent == 200 {
        (first, second)
    } else {
        (second, first)
    };
    holder.stop();
    other.post([to("last@example.com")]);
    other.let_pass(11);
    server.hear("accepted <last@example.com>");
    assert_eq!(by(&server, "first") + by(&server, "second"), 201);
}
