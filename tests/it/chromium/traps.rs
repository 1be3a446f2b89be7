//! What browsers do to forms that no other client does.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::window::Chromium;
use crate::support::{Door, PASSWORD};

/// The page had a token in its address, so Chromium says `Origin: null` with its form.
fn first_administrator_at(door: &Door, host: &str) {
    let Some(chromium) = Chromium::at(&format!("http://{host}:{}", door.address.port())) else {
        return;
    };
    let link = door.first_administrator.as_ref().unwrap();
    chromium.open(link.strip_prefix(&door.url).unwrap());
    chromium.fill_all(&[
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", PASSWORD),
    ]);
    chromium.press("Create administrator");
    assert_eq!(chromium.heading(), "Hello, ada");
    assert!(chromium.text("header nav").contains("Admin"));
}

#[test]
fn the_first_administrator_s_form_is_taken_though_it_tells_no_origin() {
    first_administrator_at(&Door::open(), "127.0.0.1");
}

/// On plain HTTP, where Chromium sends no `Sec-Fetch-Site`.
#[test]
fn the_first_administrator_s_form_is_taken_on_an_intranet_too() {
    first_administrator_at(&Door::open(), "doorward.test");
}

#[test]
fn a_form_of_another_site_is_refused_and_changes_nothing() {
    let door = Door::open();
    door.signed_up("ada");
    door.signed_up("mallory");
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    // To the same site on another port cookies come along. On loopback Chromium says which is
    // which; on an intranet it tells the origin, and with `no-referrer` not even that.
    for (host, cases) in [
        (
            "127.0.0.1",
            [
                ("localhost", "unsafe-url"),
                ("127.0.0.1", "unsafe-url"),
                ("127.0.0.1", "no-referrer"),
            ],
        ),
        (
            "doorward.test",
            [
                ("elsewhere.test", "unsafe-url"),
                ("evil.doorward.test", "unsafe-url"),
                ("evil.doorward.test", "no-referrer"),
            ],
        ),
    ] {
        let site = format!("http://{host}:{}", door.address.port());
        chromium.open(&format!("{site}/login"));
        chromium.fill("Username or email address", "ada");
        chromium.fill("Password", PASSWORD);
        chromium.press("Sign in");
        for (other, referrer_policy) in cases {
            let port = elsewhere(&site, referrer_policy);
            for button in ["Sign out", "Sign in"] {
                chromium.open(&format!("http://{other}:{port}/"));
                chromium.press(button);
                assert_eq!(
                    chromium.heading(),
                    "This form was not accepted",
                    "{button} of {other}, {referrer_policy}"
                );
            }
            chromium.open(&format!("{site}/dashboard"));
            assert_eq!(
                chromium.heading(),
                "Hello, ada",
                "by {other}, {referrer_policy}"
            );
        }
    }
}

/// Somebody's page with forms for `site`, on a port of its own.
fn elsewhere(site: &str, referrer_policy: &str) -> u16 {
    let page = format!(
        r#"<!doctype html><meta name="referrer" content="{referrer_policy}">
        <form method="post" action="{site}/logout"><button>Sign out</button></form>
        <form method="post" action="{site}/login">
          <input type="hidden" name="username" value="mallory">
          <input type="hidden" name="password" value="{PASSWORD}">
          <button>Sign in</button>
        </form>"#
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            // Chromium opens connections ahead of time and says nothing on them.
            std::thread::spawn(move || {
                if stream.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
                    stream.write_all(answer.as_bytes()).ok();
                }
            });
        }
    });
    port
}

#[test]
fn the_policy_of_a_page_keeps_foreign_code_out() {
    let door = Door::open();
    let Some(chromium) = Chromium::at(&door.url) else {
        return;
    };
    chromium.open("/login");
    assert_eq!(chromium.complaints(), [""; 0]);
    chromium.evaluate(
        "const script = document.createElement('script');
         script.textContent = 'document.title = \"taken over\"';
         document.head.append(script);",
    );
    assert_eq!(
        chromium.evaluate("return document.title"),
        "Sign in – Doorward"
    );
    let complaints = chromium.complaints();
    assert!(
        complaints[0].contains("Content Security Policy"),
        "{complaints:?}"
    );
}
