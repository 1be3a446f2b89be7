//! Messages that arrive.

use super::*;
use crate::support::browser::reach_by;
use crate::support::{PASSWORD, Place, log, wait_until};

#[test]
fn a_mail_server_gets_a_message_as_it_is_meant() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let reply_to = ("mail.reply_to", "help@example.com");
    let door = door_to(&server, &[reply_to, ("signup.verify_email", "false")]);
    door.signed_up("ada");
    ask(&door.browser(), "ada@example.com");
    // An address in place of a name is in brackets (RFC 5321, section 4.1.3).
    server.hear("accepted <ada@example.com> as [127.0.0.1] plain utf8=False");
    door.wait_for_mail();
    let letters = server.letters();
    let [letter] = &letters[..] else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.to, "ada@example.com");
    assert_eq!(letter.from, "Doorward <login@example.com>");
    assert_eq!(letter.subject, "Set a new password for Doorward");
    assert!(letter.raw.contains("\r\nReply-To: help@example.com\r\n"));
    assert!(
        letter
            .raw
            .contains("\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n")
    );
    assert!(letter.id.ends_with("@127.0.0.1>"), "{}", letter.id);
    let visitor = door.browser();
    assert_eq!(visitor.get(letter.path(&door)).status, 303);
    assert!(!door.data_dir().join("outbox").exists());
    assert!(!log::text().contains(letter.link()), "a link is in the log");
}

#[test]
fn a_mail_server_that_requires_it_is_given_the_password() {
    let options = ["user=ada@example.com", "password=canary-smtp"];
    let Some(mut server) = MailServer::start(&options) else {
        return;
    };
    let url = format!("smtp://ada%40example.com@127.0.0.1:{}", server.port);
    let with = |password| Door::with(&[("mail.url", &url), FROM, ("mail.password", password)]);
    let door = with("canary-smtp");
    door.post([to("bob@example.com")]);
    server.hear("signed-in True PLAIN");
    server.hear("accepted <bob@example.com>");
    door.wait_for_mail();

    let door = with("canary-wrong");
    door.post([to("bob@example.com")]);
    server.hear("signed-in False");
    let tried = door.tried(1);
    assert!(
        tried.starts_with("1; 60; the mail server 127.0.0.1: "),
        "{tried}"
    );
    assert!(tried.contains("535"), "{tried}");

    let door = door_to(&server, &[]);
    door.post([to("bob@example.com")]);
    let tried = door.tried(1);
    assert!(
        tried.starts_with("1; 60; the mail server 127.0.0.1: "),
        "{tried}"
    );
    assert!(tried.contains("530"), "{tried}");
    for secret in ["canary-smtp", "canary-wrong", "Y2FuYXJ5LXNtdHA", "AGFkYUBl"] {
        assert!(!log::text().contains(secret), "{secret} is in the log");
    }
}

#[test]
fn the_folder_shows_links_to_a_developer_only() {
    let mut place = Place::new();
    let mut link = |settings: &[&str]| {
        let all: Vec<_> = settings.iter().flat_map(|set| ["--set", set]).collect();
        let serving = place.serve_with(&all);
        reach_by(&serving.url(), "http://door.example");
        serving
            .browser()
            .sign_up("ada", "ada@example.com", PASSWORD);
        ask(&serving.browser(), "ada@example.com");
        wait_until("the message is sent", || {
            let all = "SELECT (SELECT count(*) FROM mail_requests) \
                       + (SELECT count(*) FROM mail_messages) AS n";
            place.number(all) == 0
        });
        let (_, stdout, stderr) = serving.end();
        assert!(!stderr.contains("?token="), "{stderr}");
        place.set("DOORWARD_LOG__LEVEL", "trace");
        let line = stdout.lines().find(|line| line.starts_with("Mail to "));
        line.map(str::to_owned)
    };
    let line = link(&[]).unwrap();
    let beginning = "Mail to ada@example.com: Set a new password for Doorward: http://127.0.0.1:";
    assert!(line.starts_with(beginning), "{line}");
    assert!(line.contains("/reset?token="), "{line}");
    let proxy = "proxies.trusted=127.0.0.1";
    assert_eq!(link(&["base_url=http://door.example", proxy]), None);
    let Some(server) = MailServer::start(&[]) else {
        return;
    };
    let url = format!("mail.url={}", server.url());
    let from = "mail.from=login@example.com";
    assert_eq!(link(&[&url, from, "signup.verify_email=false"]), None);
    assert_eq!(server.letters().len(), 1);
}
