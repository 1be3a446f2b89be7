//! Addresses, methods and headers that lead nowhere.

use super::{Wire, is_well_dressed, program, refused, status_of, told};
use crate::support::{Browser, Door};

#[test]
fn an_unknown_address_is_not_found() {
    let door = Door::open();
    for path in [
        "/nowhere",
        "/LOGIN",
        "/nowhere/",
        "//login",
        "/login/x",
        "/index.php",
        "/.env",
        "/.git/config",
        "/.well-known/nothing",
        "/data/secret",
        "/static",
        "/static/",
        "/static/app.css",
    ] {
        refused(
            &door,
            |who| who.get(path),
            404,
            "not_found",
            "no page at this address",
        );
    }
    refused(
        &door,
        |who| who.post("/nowhere", &[]),
        404,
        "not_found",
        "no page at this address",
    );
}

#[test]
fn an_address_with_slashes_at_its_end_leads_to_the_one_without() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    for (address, led_to) in [
        ("/login/", "/login"),
        ("/login/?next=/work&x=%2F", "/login?next=/work&x=%2F"),
        ("/work///", "/work"),
        ("/files/x/", "/files/x"),
        ("/api/me/", "/api/me"),
        ("/.well-known/jwks.json/", "/.well-known/jwks.json"),
    ] {
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"] {
            let reply = ada.with_method(method, address);
            assert_eq!(
                (reply.status, reply.location()),
                (308, led_to.to_owned()),
                "{method}"
            );
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
    }
    // Raw, because a client would tidy these.
    for path in [
        "//evil.test/",
        "//evil.test//",
        "///login/",
        "//login/",
        "/\\evil.test/",
        "/static/../login/",
        "/%2fevil.test/",
        "/",
        "//",
    ] {
        let mut wire = Wire::to(door.address);
        wire.say(format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        let answer = wire.hear();
        assert_ne!(status_of(&answer), "308", "{path} {answer}");
    }
}

#[test]
fn a_password_manager_finds_where_a_password_is_changed() {
    let door = Door::open();
    let reply = program(&door).get("/.well-known/change-password");
    assert_eq!(
        (reply.status, reply.location()),
        (303, "/account/password".to_owned())
    );
}

#[test]
fn no_address_leads_out_of_the_static_files() {
    let door = Door::open();
    for path in [
        "/static/../data/secret",
        "/static/../../etc/passwd",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%5c..%5cetc%5cpasswd",
        "/static/%252e%252e%252fetc%252fpasswd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/app.css%00.svg",
        "/static/%ff",
    ] {
        // Raw, because a client would tidy the dots away.
        let mut wire = Wire::to(door.address);
        wire.say(format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        let answer = wire.hear();
        assert_eq!(status_of(&answer), "404", "{path}: {answer}");
        assert!(!answer.contains("root:"));
    }
}

#[test]
fn a_method_that_an_address_does_not_take_is_refused_with_those_that_it_does() {
    let door = Door::open();
    for (path, allowed) in [
        ("/login", "GET, POST, HEAD"),
        ("/signup", "GET, POST, HEAD"),
        ("/logout", "POST"),
        ("/dashboard", "GET, HEAD"),
        ("/static/app.css", "GET, HEAD"),
    ] {
        for method in [
            "TRACE", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW",
        ] {
            let ask = |who: &Browser| who.with_method(method, path);
            refused(&door, ask, 405, "method_not_allowed", "Nothing was changed");
            assert_eq!(ask(&program(&door)).header("allow"), Some(allowed));
        }
    }
    let browser = door.signed_up("ada");
    assert_eq!(browser.get("/logout").status, 405);
    assert!(browser.is_signed_in());
    assert_eq!(browser.head("/logout").status, 405);
}

#[test]
fn a_trace_does_not_echo_the_request() {
    let door = Door::open();
    let reply = program(&door)
        .with("cookie", "doorward_access=canary")
        .with_method("TRACE", "/");
    told(&reply, "method_not_allowed", "");
}

#[test]
fn a_long_address_is_answered() {
    let door = Door::open();
    for length in [1_000, 30_000, 60_000] {
        let long = "a".repeat(length);
        refused(
            &door,
            |who| who.get(&format!("/{long}")),
            404,
            "not_found",
            "",
        );
        let page = door.browser().get(&format!("/login?next=/{long}"));
        assert_eq!(page.status, 200);
        is_well_dressed(&page);
        // Up to 2,000 characters it would be led back to.
        let led = door.browser().get(&format!("/dashboard?a={long}"));
        let expected = match length {
            1_000 => format!("/login?next=/dashboard?a={long}"),
            _ => "/login".to_owned(),
        };
        assert_eq!(led.location(), expected);
    }
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "GET /{} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(70_000)
    ));
    assert_eq!(status_of(&wire.hear()), "400");
    assert_eq!(door.browser().get("/").status, 200);
}

#[test]
fn a_head_that_is_no_http_is_refused_and_the_server_lives_on() {
    let door = Door::open();
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x: {}\r\n", "a".repeat(200_000));
    for (head, status) in [
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET /\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        (
            "GET / HTTP/1.1\r\nhost: x\r\nx y: 1\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET /\x1b[31m HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            "400",
        ),
        ("GET /\u{e9} HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET /a\nb HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{large}\r\n"), "431"),
        (
            "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
            "404",
        ),
        (
            "CONNECT evil.test:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
            "404",
        ),
    ] {
        let mut wire = Wire::to(door.address);
        wire.say(&head);
        let (_, answer) = wire.hear_what_comes();
        assert_eq!(status_of(&answer), status, "{:?}: {answer}", head.get(..40));
        assert_eq!(door.browser().get("/").status, 200);
    }
    drop(Wire::to(door.address));
}

#[test]
fn headers_that_are_no_text_are_as_good_as_none() {
    let door = Door::open();
    for header in [
        "user-agent",
        "cookie",
        "accept",
        "referer",
        "x-forwarded-for",
        "accept-encoding",
        "if-none-match",
        "range",
    ] {
        for junk in [
            &b"\xff\xfe"[..],
            b"",
            b"a=\xff; b",
            b";;;==,,,",
            &[b'%'; 4000],
        ] {
            let mut wire = Wire::to(door.address);
            wire.say(format!(
                "GET /signup HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}: "
            ));
            wire.say(junk);
            wire.say("\r\n\r\n");
            let answer = wire.hear();
            assert_eq!(status_of(&answer), "200", "{header}: {answer}");
        }
    }
    for header in ["authorization", "origin", "sec-fetch-site"] {
        let mut wire = Wire::to(door.address);
        wire.say(format!(
            "GET /dashboard HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}: "
        ));
        wire.say(b"\xff\xfe\r\n\r\n");
        assert_eq!(status_of(&wire.hear()), "401");
    }
}

#[test]
fn an_address_that_names_another_host_leads_to_this_one() {
    let door = Door::open();
    let mut wire = Wire::to(door.address);
    wire.say("GET http://evil.test/dashboard HTTP/1.1\r\nhost: evil.test\r\naccept: text/html\r\nconnection: close\r\n\r\n");
    let answer = wire.hear();
    assert_eq!(status_of(&answer), "303");
    assert!(
        answer.contains("location: /login?next=/dashboard\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("evil.test"));
}
