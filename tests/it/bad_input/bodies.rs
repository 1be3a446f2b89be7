//! Bodies that are too large, broken off, or never end.

use super::{FORM, Wire, form_head, refused, status_of};
use crate::support::{Door, PASSWORD};

const MEGABYTE: usize = 1 << 20;
const TOO_MUCH: &str = "larger than this address accepts";

fn lives_on(door: &Door) {
    assert_eq!(door.browser().get("/").status, 200);
}

#[test]
fn a_field_of_a_megabyte_is_too_large() {
    let door = Door::open();
    let large = "a".repeat(MEGABYTE);
    for path in ["/signup", "/login", "/first-administrator", "/logout"] {
        for field in ["username", "password", "anything"] {
            refused(
                &door,
                |who| who.post(path, &[(field, &large)]),
                413,
                "too_large",
                TOO_MUCH,
            );
        }
    }
    lives_on(&door);
}

#[test]
fn everything_up_to_16_kilobytes_is_read() {
    let door = Door::open();
    let body = |bytes: usize| format!("name={}", "a".repeat(bytes - "name=".len()));
    let status = |bytes| {
        door.browser()
            .post_body("/signup", FORM, body(bytes))
            .status
    };
    assert_eq!((status(16 * 1024), status(16 * 1024 + 1)), (422, 413));
}

#[test]
fn a_body_that_says_that_it_is_too_large_is_not_waited_for() {
    let door = Door::open();
    let mut wire = Wire::to(door.address);
    wire.say(form_head("/signup") + "content-length: 1048576\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "413", "{answer}");
    assert!(answer.contains(TOO_MUCH));
}

#[test]
fn a_body_without_a_length_is_cut_off_where_it_gets_too_large() {
    let door = Door::open();
    let mut wire = Wire::to(door.address);
    wire.say(form_head("/signup") + "transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    // One more than it takes, and never the last.
    for _ in 0..5 {
        wire.say(&chunk);
    }
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "413", "{answer}");
    assert!(answer.contains(TOO_MUCH));
    lives_on(&door);
}

#[test]
fn a_body_without_a_length_that_comes_to_an_end_keeps_its_connection() {
    let door = Door::open();
    let mut wire = Wire::to(door.address);
    let head = form_head("/signup") + "transfer-encoding: chunked\r\n";
    wire.say(head.clone() + "\r\n8\r\nusername\r\n4\r\n=ada\r\n0\r\n\r\n");
    wire.say(head + "connection: close\r\n\r\n8\r\nusername\r\n4\r\n=bob\r\n0\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(answer.matches("HTTP/1.1 422").count(), 2, "{answer}");
    assert!(answer.contains("value=\"ada\"") && answer.contains("value=\"bob\""));
}

#[test]
fn the_connection_of_a_refused_endless_body_is_closed() {
    let door = Door::open();
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    let mut wires = [
        ("413", form_head("/signup")),
        ("415", form_head("/signup").replace(FORM, "text/plain")),
        ("404", form_head("/nowhere")),
        ("405", form_head("/dashboard")),
        (
            "403",
            form_head("/login").replace("same-origin", "cross-site"),
        ),
    ]
    .map(|(status, head)| {
        let mut wire = Wire::to(door.address);
        wire.say(head + "transfer-encoding: chunked\r\n\r\n" + chunk.as_str());
        (status, wire)
    });
    for (status, wire) in &mut wires {
        assert_eq!(&status_of(&wire.hear()), status);
    }
    // Somebody who never listens, too.
    let mut wire = Wire::to(door.address);
    wire.say(form_head("/signup") + "transfer-encoding: chunked\r\n\r\n");
    while wire.say(&chunk) {}
    lives_on(&door);
}

#[test]
fn a_body_cut_off_half_way_is_refused_and_changes_nothing() {
    let door = Door::open();
    let body = format!("username=ada&email=ada%40example.com&password={PASSWORD}");
    let length = body.len() + 1;
    let chunk = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}", length);
    for rest in [
        format!("content-length: {length}\r\n\r\n{body}"),
        chunk.clone(),
        format!("{chunk}\r\n"),
        format!("{chunk}x\r\n"),
    ] {
        let mut wire = Wire::to(door.address);
        wire.say(form_head("/signup") + rest.as_str());
        wire.say_no_more();
        let answer = wire.hear();
        assert_eq!(status_of(&answer), "400", "{answer}");
        assert!(answer.contains("The request was interrupted. Nothing was saved."));
        let mut wire = Wire::to(door.address);
        wire.say(form_head("/signup") + rest.as_str());
        drop(wire);
    }
    lives_on(&door);
    assert_eq!(
        door.browser().sign_in("ada", PASSWORD).status,
        422,
        "there is no such account"
    );
}

/// RFC 9112, section 9.6.
#[test]
fn a_client_that_has_closed_its_own_direction_gets_its_response() {
    // Long enough for the server to see the end of what is sent before its response is ready.
    let door = Door::with(&[("passwords.bcrypt_cost", "10")]);
    let sign_up = format!("username=ada&email=ada%40example.com&password={PASSWORD}");
    let sign_in = format!("username=ada&password={PASSWORD}");
    for (path, body, status) in [
        ("/signup", sign_up, "303"),
        ("/login", sign_in, "303"),
        (
            "/login",
            "username=ada&password=canary-no".to_owned(),
            "422",
        ),
    ] {
        let mut wire = Wire::to(door.address);
        let length = body.len();
        wire.say(form_head(path) + format!("content-length: {length}\r\n\r\n{body}").as_str());
        wire.say_no_more();
        assert_eq!(status_of(&wire.hear()), status, "{path}");
    }
    let mut wire = Wire::to(door.address);
    wire.say("GET /public HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n");
    wire.say_no_more();
    let answers = wire.hear();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

#[test]
fn a_client_that_leaves_before_the_answer_keeps_what_it_sent() {
    let door = Door::open();
    let body = format!("username=ada&email=ada%40example.com&password={PASSWORD}");
    let mut wire = Wire::to(door.address);
    wire.say(
        form_head("/signup") + format!("content-length: {}\r\n\r\n{body}", body.len()).as_str(),
    );
    drop(wire);
    // It may or may not have been heard: either way the name can be had or used.
    let reply = door.browser().sign_up("ada", "ada@example.com", PASSWORD);
    assert!([303, 422].contains(&reply.status), "{}", reply.body);
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let door = Door::open();
    for lengths in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3\r\ntransfer-encoding: chunked",
        "content-length: -1",
        "content-length: +3",
        "content-length: 3, 3",
        "content-length: 99999999999999999999",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, chunked",
    ] {
        let mut wire = Wire::to(door.address);
        wire.say(form_head("/signup") + lengths + "\r\n\r\na=b");
        wire.say_no_more();
        let answer = wire.hear();
        assert_eq!(status_of(&answer), "400", "{lengths}: {answer}");
        // What follows is not taken for a second request.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    lives_on(&door);
}

#[test]
fn a_body_where_none_belongs_is_not_waited_for() {
    let door = Door::open();
    let mut wires = ["/", "/signup", "/nowhere"].map(|path| {
        let mut wire = Wire::to(door.address);
        wire.say(format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n"
        ));
        wire
    });
    assert_eq!(
        wires
            .each_mut()
            .map(|wire| status_of(&wire.hear()).to_owned()),
        ["200", "200", "404"]
    );
}
