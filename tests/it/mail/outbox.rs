//! The outbox, as administrators see it.

use super::*;
use crate::metrics::figure;
use crate::support::{PASSWORD, Place, wait_until};

/// With a message that failed and one that is tried again.
fn door_with_trouble(server: &MailServer) -> Door {
    let door = door_to(
        server,
        &[
            ("metrics.listen", "127.0.0.1:0"),
            ("signup.verify_email", "false"),
        ],
    );
    door.post([to("never@example.com"), to("later@example.com")]);
    wait_until("both were tried", || {
        door.number("SELECT sum(attempts) AS n FROM mail_messages") == 2
    });
    door
}

#[test]
fn an_administrator_sends_a_message_again_or_deletes_it() {
    let Some(mut server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_with_trouble(&server);
    let ada = door.signed_up("ada");
    assert_eq!(ada.get("/admin/mail").status, 403);
    door.sql("UPDATE accounts SET role = 'administrator'");
    ada.sign_out();
    assert_eq!(ada.sign_in("ada", PASSWORD).status, 303);
    assert!(
        ada.get("/admin/accounts")
            .body
            .contains("href=\"/admin/mail\"")
    );
    let page = ada.get("/admin/mail");
    let rows = page.text("tbody");
    for words in [
        "To never@example.com",
        "permanent error (550): 5.1.1 No such mailbox",
        "Failed",
        "Pending",
        "Attempts: 1",
    ] {
        assert!(rows.contains(words), "{words} in {rows}");
    }

    let again = ada.submit(&page, "Send again: test to never@example.com", &[]);
    assert_eq!(again.location(), "/admin/mail");
    server.hear("told TO:<never@example.com>");
    server.hear("told TO:<never@example.com>");
    let page = ada.follow(&again);
    assert!(page.text(".notice").contains("within a few seconds"));

    let id = |to: &str| {
        let id = format!("SELECT id AS line FROM mail_messages WHERE recipient = '{to}'");
        door.lines(&id).pop()
    };
    let path = format!("/admin/mail/{}/delete", id("never@example.com").unwrap());
    let page = ada.get(&path);
    assert!(
        page.text("dl").contains("never@example.com"),
        "{}",
        page.body
    );
    assert_eq!(
        id("never@example.com").iter().count(),
        1,
        "asking deletes nothing"
    );
    let deleted = ada.submit(&page, "Delete this message", &[]);
    assert_eq!(
        ada.follow(&deleted).text(".notice"),
        "The message is deleted."
    );
    assert_eq!(id("never@example.com"), None);
    assert_eq!(ada.get(&path).status, 404);
    let deleted = ada.submit(&page, "Delete this message", &[]);
    assert!(
        ada.follow(&deleted)
            .text(".notice")
            .contains("not in the list")
    );
    let events = "SELECT action AS line FROM audit_events WHERE action LIKE '%_mail' ORDER BY seq";
    assert_eq!(door.lines(events), ["retry_mail", "delete_mail"]);

    door.sql("DELETE FROM mail_messages");
    assert!(
        ada.get("/admin/mail")
            .text("main")
            .contains("All messages were sent.")
    );
}

#[test]
fn metrics_count_messages() {
    let Some(server) = MailServer::start(&[]) else {
        return;
    };
    let door = door_with_trouble(&server);
    door.post([to("ada@example.com")]);
    let figure = |name: &str| figure(door.metrics.unwrap(), &format!("doorward_mail_{name}"));
    wait_until("all are counted", || {
        figure("failed") == 1.0 && figure("messages_total{result=\"sent\"}") == 1.0
    });
    wait_until("the outbox is counted", || figure("pending") == 1.0);
    assert_eq!(figure("messages_total{result=\"delayed\"}"), 1.0);
    assert_eq!(figure("messages_total{result=\"failed\"}"), 1.0);
}

#[test]
fn commands_list_retry_and_delete_messages() {
    let place = Place::new();
    place.run(&["migrate"]).well();
    assert_eq!(place.run(&["mail", "list"]).well(), "");
    let id = "5c3b6a1e-7a52-4f0c-9d1b-1f2e3d4c5b6a";
    place.sql(&format!(
        "INSERT INTO mail_messages (id, kind, recipient, sealed, created_at, due_at, attempts, problem) \
         VALUES ('{id}', 'test', 'ada@example.com', 'x', 1799999999, NULL, 3, 'No such mailbox')"
    ));
    let row = "test\tada@example.com\t2027-01-15T07:59:59Z\tfailed\t3\tNo such mailbox";
    assert_eq!(
        place.run(&["mail", "list"]).well(),
        format!("{id}\t{row}\n")
    );
    place.run(&["mail", "retry", id]).well();
    let listed = place.run(&["mail", "list"]).well();
    assert!(
        !listed.contains("failed") && listed.contains("\t0\t"),
        "{listed}"
    );
    place.run(&["mail", "delete", id]).well();
    for command in ["retry", "delete"] {
        let refused = place.run(&["mail", command, id]).ill(1);
        assert!(
            refused.contains(&format!("there is no message {id}")),
            "{refused}"
        );
    }
    assert_eq!(place.run(&["mail", "retry", "x"]).code, Some(2));
}

#[test]
fn doctor_connects_to_the_mail_server_and_sends_only_if_asked() {
    let Some(mut server) = MailServer::start(&["user=ada", "password=canary-smtp"]) else {
        return;
    };
    let mut place = Place::on_sqlite();
    place.set(
        "DOORWARD_MAIL__URL",
        &format!("smtp://ada@127.0.0.1:{}", server.port),
    );
    place.set("DOORWARD_MAIL__FROM", "login@example.com");
    place.set("DOORWARD_MAIL__PASSWORD", "canary-smtp");
    let found = place.run(&["doctor"]).well();
    assert!(found.contains("ok    mail\n"), "{found}");
    server.hear("signed-in True");
    assert_eq!(server.heard("from"), 0);

    let found = place.run(&["doctor", "--mail", "bob@example.com"]).well();
    assert!(
        found.contains("accepted the test message to bob@example.com"),
        "{found}"
    );
    assert!(found.contains("ok    test message\n"), "{found}");
    let letters = server.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].subject, "A test message from Doorward");

    for (to, why) in [
        (
            "never@example.com",
            "refused the message: permanent error (550): 5.1.1 No such mailbox",
        ),
        ("nobody", "this is not an email address"),
    ] {
        let found = place.run(&["doctor", "--mail", to]);
        assert_eq!(found.code, Some(1));
        assert!(
            found.stdout.contains("FAIL  test message: "),
            "{}",
            found.stdout
        );
        assert!(found.stdout.contains(why), "{}", found.stdout);
    }
    place.set("DOORWARD_MAIL__PASSWORD", "canary-wrong");
    let found = place.run(&["doctor"]);
    assert_eq!(found.code, Some(1));
    assert!(
        found
            .stdout
            .contains("FAIL  mail: the mail server 127.0.0.1: "),
        "{}",
        found.stdout
    );
    assert!(found.stdout.contains("535"), "{}", found.stdout);
    assert!(!found.stdout.contains("canary"), "{}", found.stdout);
}

#[test]
fn doctor_writes_a_test_message_into_the_folder() {
    let place = Place::on_sqlite();
    let found = place.run(&["doctor"]).well();
    assert!(found.contains("ok    mail\n"), "{found}");
    let found = place.run(&["doctor", "--mail", "ada@example.com"]).well();
    let advice = "it was written into data/outbox, and nobody receives it";
    assert!(found.contains(advice), "{found}");
    let letters = crate::support::mail::letters_in(&place.path("data/outbox"));
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to, "ada@example.com");
    place.write("file", "");
    let found = place.run(&["doctor", "--set", "mail.folder=file/outbox"]);
    assert_eq!(found.code, Some(1));
    assert!(
        found.stdout.contains("FAIL  mail: file is not a folder"),
        "{}",
        found.stdout
    );
}
