//! Addresses and names of every form.

use mailparse::MailHeaderMap;

use super::*;
use crate::support::longest_email;

#[test]
fn every_address_that_signs_up_is_written_to() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    let longest = longest_email();
    for (address, sent, utf8) in [
        ("ada+door@example.com", "ada+door@example.com", false),
        ("Ada@EXAMPLE.com", "Ada@example.com", false),
        ("ada.@example.com", "\"ada.\"@example.com", false),
        ("a..b@example.com", "\"a..b\"@example.com", false),
        ("o'hara#1@example.com", "o'hara#1@example.com", false),
        ("grete@müller.example", "grete@xn--mller-kva.example", false),
        ("grete@例え.テスト", "grete@xn--r8jz45g.xn--zckzah", false),
        ("жанна@example.com", "жанна@example.com", true),
        (&longest, &longest, false),
    ] {
        door.post([to(address)]);
        door.wait_for_mail();
        assert_eq!(door.outbox(), [""; 0], "{address}");
        assert_eq!(server.hear("told "), format!("told TO:<{sent}>"));
        let accepted = server.hear("accepted ");
        let utf8 = if utf8 { "utf8=True" } else { "utf8=False" };
        assert!(accepted.ends_with(utf8), "{address}: {accepted}");
    }
    for to in [
        longest.as_str(),
        "\"ada.\"@example.com",
        "жанна@example.com",
    ] {
        assert!(
            server.letters().iter().any(|letter| letter.to == to),
            "{to}"
        );
    }
}

#[test]
fn an_address_beyond_ascii_needs_a_mail_server_that_takes_it() {
    let Some(mut server) = MailServer::start(&["utf8=no"]) else {
        return;
    };
    let door = door_to(&server, &[]);
    door.post([to("жанна@example.com")]);
    let why = "1; given up; the mail server takes addresses in ASCII only (it has no SMTPUTF8)";
    assert_eq!(door.tried(1), why);
    door.post([to("grete@müller.example")]);
    server.hear("accepted <grete@xn--mller-kva.example>");
    assert_eq!(server.heard("told "), 1);
}

#[test]
fn an_old_address_that_is_none_is_reported() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_to(&server, &[]);
    for address in [
        "nobody",
        "a@b@c d",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com>\r\nRCPT TO:<eve@example.com",
    ] {
        door.post([to(address)]);
        assert_eq!(door.tried(1), "1; given up; this is not an email address");
        door.sql("DELETE FROM mail_messages");
    }
    assert_eq!(server.heard("connected"), 0);
}

#[test]
fn names_in_headers_cannot_become_headers() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let long = "Größe ".repeat(10);
    for name in [
        "Ada's \"door\" <eve@example.com>, Inc.",
        "Müller & Söhne: 例え",
        "Doorward\\",
        long.trim_end(),
    ] {
        let door = Door::with(&[
            ("mail.url", &server.url()),
            ("mail.from", "grete@müller.example"),
            ("site.name", name),
        ]);
        door.post([to("ada@example.com")]);
        server.hear("from <grete@xn--mller-kva.example>");
        server.hear("accepted <ada@example.com>");
        let letters = server.letters();
        let subject = format!("A test message from {name}");
        let letter = letters.iter().find(|letter| letter.subject == subject);
        let letter = letter.unwrap_or_else(|| panic!("{name}: {letters:?}"));
        assert!(
            letter.text.contains(&format!("\n-- \n{name}\n")),
            "{}",
            letter.text
        );
        let (head, _) = letter.raw.split_once("\r\n\r\n").unwrap();
        assert!(head.is_ascii(), "{head}");
        for line in head.split("\r\n") {
            assert!(line.len() < 79, "{line}");
            let names = ["bcc", "cc"];
            let name = line.split(':').next().unwrap().to_lowercase();
            assert!(!names.contains(&name.as_str()), "{line}");
        }
    }
    // The site's name is that of the sender, without mail.from.
    let door = Door::with(&[("site.name", "Ada's \"door\", Größe")]);
    door.post([to("ada@example.com")]);
    let letter = door.letter("ada@example.com", "A test message");
    let mail = mailparse::parse_mail(letter.raw.as_bytes()).unwrap();
    let from = mail.headers.get_first_header("From").unwrap();
    let from = mailparse::addrparse_header(from).unwrap();
    let from = from.extract_single_info().unwrap();
    assert_eq!(from.display_name.as_deref(), Some("Ada's \"door\", Größe"));
    assert_eq!(from.addr, "doorward@localhost");
}
