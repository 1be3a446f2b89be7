//! Tokens, looked at on the page and by the command.

mod vectors;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::{Browser, Door, PASSWORD, Place, Ran, Reply, log};
use vectors::{ED25519, JOE, UNSECURED, Vector};

/// Shows it on the page.
fn shown(who: &Browser, token: &str, jwks: &str) -> Reply {
    let fields = [("Token", token), ("Keys (optional)", jwks)];
    let reply = who.submit(&who.get("/inspect"), "Inspect", &fields);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let parts = token.split(['.', ' ', '\n']);
    // Short ones are words of the page.
    for part in parts.filter(|part| part.len() > 20) {
        assert!(!reply.body.contains(part), "no echo");
    }
    reply
}

/// What a check says: `Passed. …`
#[track_caller]
fn check(reply: &Reply, what: &str) -> String {
    let checks = reply.text("main dl > div");
    let line = checks.lines().find_map(|line| line.strip_prefix(what));
    line.unwrap_or_else(|| panic!("no {what} in {checks}"))
        .trim()
        .to_owned()
}

fn is_accepted(reply: &Reply) -> bool {
    let failed = reply.text("main dl .error");
    let accepted = reply.text("main .notice").contains("No check failed");
    assert_eq!(accepted, failed.is_empty(), "{failed}");
    assert_eq!(
        accepted,
        !reply.text("main .errors").contains("not accepted")
    );
    accepted
}

fn changed(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

fn link_of(browser: &Browser) -> String {
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let location = browser.post("/login", &fields).location();
    location.split_once("token=").unwrap().1.to_owned()
}

#[test]
fn the_page_shows_what_an_access_token_holds_and_that_its_session_lives() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let token = ada.access();
    // Anybody may ask, and `Bearer` does no harm.
    let reply = shown(&door.browser(), &format!(" Bearer\n {token}\n"), "");
    assert!(is_accepted(&reply), "{}", reply.text("main"));
    assert!(reply.text("main").contains("This is an access token."));
    for what in [
        "Form",
        "Size",
        "Algorithm",
        "Extensions",
        "Kind",
        "Key",
        "Signature",
        "Claims",
        "Issuer",
        "Audience",
        "Issued",
        "Not valid before",
        "Expires",
        "Lifetime",
        "Session",
    ] {
        assert!(check(&reply, what).contains("Passed."), "{what}");
    }
    assert!(check(&reply, "Expires").contains("2027-01-15T08:15:00Z"));
    let parts = reply.text("pre");
    for part in ["\"alg\": \"EdDSA\"", "\"username\": \"ada\"", &door.url] {
        assert!(parts.contains(part), "{part} in {parts}");
    }
    assert_eq!(reply.cookies(), Vec::<String>::new(), "nobody is signed in");
}

#[test]
fn the_page_says_why_a_token_is_not_accepted() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let token = ada.access();
    let browser = door.browser();

    let reply = shown(&browser, &changed(&token), "");
    assert!(!is_accepted(&reply));
    assert!(check(&reply, "Signature").contains("Failed. Invalid"));
    assert!(check(&reply, "Session").contains("Not checked."));

    let link = link_of(&browser);
    let reply = shown(&browser, &link, "");
    assert!(is_accepted(&reply), "{}", reply.text("main"));
    assert!(
        reply
            .text("main")
            .contains("This is a sign-in link’s token.")
    );
    door.let_pass(150);
    let reply = shown(&browser, &link, "");
    assert!(!is_accepted(&reply));
    assert!(check(&reply, "Expires").contains("Failed. 2027-01-15T08:02:30Z: expired"));

    ada.sign_out();
    let reply = shown(&browser, &token, "");
    assert!(!is_accepted(&reply));
    assert!(check(&reply, "Signature").contains("Passed."));
    assert!(check(&reply, "Session").contains("Failed. It has ended"));

    let stranger = Door::open();
    let reply = shown(&browser, &stranger.signed_up("eve").access(), "");
    assert!(check(&reply, "Key").contains("Failed. This server has no key"));
    assert!(check(&reply, "Signature").contains("Not checked."));
    assert!(check(&reply, "Issuer").contains("Failed. \"http"));
}

#[test]
fn nothing_can_be_read_from_an_opaque_token() {
    let door = Door::open();
    let refresh = door.signed_up("ada").cookie("doorward_refresh").unwrap();
    for opaque in [refresh.as_str(), "x", "a.b.c", "e30", "..", "日本語"] {
        let reply = shown(&door.browser(), opaque, "");
        assert!(!is_accepted(&reply), "{opaque}");
        assert!(reply.text("main").contains("an opaque token"));
        assert_eq!(reply.text("pre"), "", "{opaque}");
    }
}

#[test]
fn the_page_takes_other_keys_than_ours() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let keys = ada.get("/.well-known/jwks.json").body;
    let elsewhere = Door::open();
    let reply = shown(&elsewhere.browser(), &ada.access(), &keys);
    assert!(is_accepted(&reply), "{}", reply.text("main"));
    assert!(check(&reply, "Signature").contains("Passed."));
    assert!(check(&reply, "Issuer").contains(&format!("Not checked. \"{}\"", door.url)));
    let reply = shown(&elsewhere.browser(), &changed(&ada.access()), &keys);
    assert!(!is_accepted(&reply));
    // A secret that was pasted as a key is not shown again.
    let reply = shown(&door.browser(), JOE[0].token, JOE[0].key);
    assert!(check(&reply, "Signature").contains("Passed."));
    assert!(!reply.body.contains("AyM1SysPpbyDfgZld3umj1qz"));
}

#[test]
fn a_form_without_a_token_or_with_bad_keys_is_shown_again() {
    let door = Door::open();
    let browser = door.browser();
    let error = |field: &str, words: &str| (field.to_owned(), words.to_owned());
    let reply = browser.submit(&browser.get("/inspect"), "Inspect", &[]);
    assert_eq!(reply.status, 422);
    assert_eq!(reply.title(), "Error: Inspect a token – Doorward");
    assert_eq!(reply.errors(), [error("token", "Enter a token")]);
    let reply = browser.post("/inspect", &[("token", " Bearer "), ("jwks", "canary{")]);
    let bad_keys = error("jwks", "The keys must be JSON: a JWK set, or a single JWK");
    assert_eq!(reply.errors(), [error("token", "Enter a token"), bad_keys]);
    assert!(!reply.body.contains("canary"), "no echo");
    let program = door.program(None).post("/inspect", &[("token", "")]);
    assert_eq!(program.status, 422);
    assert_eq!(program.json()["fields"]["token"], "Enter a token");
    let large = [("token", "x"), ("jwks", &"x".repeat(16 * 1024))];
    assert_eq!(browser.post("/inspect", &large).status, 413);
}

#[test]
fn the_content_of_a_token_is_escaped() {
    let door = Door::open();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = json!({ "sub": "<script>\u{1b}[2J\u{9b}\u{202e}</script>", "iss": "<b>" });
    let header = json!({ "alg": "<i>", "kid": "<u>", "typ": "<s>", "crit": ["<p>"] });
    let token = format!(
        "{}.{}.",
        encode(&header.to_string()),
        encode(&claims.to_string())
    );
    let reply = shown(&door.browser(), &token, "");
    for markup in [
        "<script>", "<b>", "<i>", "<u>", "<s>", "\u{1b}", "\u{9b}", "\u{202e}",
    ] {
        assert!(!reply.body.contains(markup), "{markup:?}");
    }
    assert!(reply.text("pre").contains("\\u001b[2J\\u009b\\u202e"));
    let ran = Place::on_sqlite();
    ran.write("keys.json", ED25519.key);
    let ran = ran.tell(&["token", "inspect", "--jwks", "keys.json"], &token);
    assert!(!ran.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
}

#[test]
fn a_token_that_was_looked_at_is_not_in_the_log() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    shown(&ada, &ada.access(), "");
    shown(&ada, &changed(&ada.access()), "");
    let log = log::text();
    assert!(log.contains("/inspect"));
    for part in ada.access().split('.') {
        assert!(!log.contains(part));
    }
}

/// The report of `token inspect --jwks`, which needs no server.
fn by_keys(key: &str, token: &str) -> Ran {
    let place = Place::on_sqlite();
    place.write("keys.json", key);
    let ran = place.tell(&["token", "inspect", "--jwks", "keys.json"], token);
    assert!(!place.path("data").exists());
    ran
}

#[test]
fn the_examples_of_the_standards_verify_and_changed_ones_do_not() {
    for Vector { name, token, key } in JOE.iter().chain([&ED25519]) {
        let ran = by_keys(key, token);
        assert!(
            ran.stdout.contains("ok    Signature"),
            "{name}: {}",
            ran.stdout
        );
        let in_a_set = by_keys(&format!("{{\"keys\":[{key}]}}"), token);
        // A second may have passed between the two.
        let timeless = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.contains("seconds ago"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(timeless(&in_a_set.stdout), timeless(&ran.stdout), "{name}");

        let whole: String = token.split_whitespace().collect();
        let parts: Vec<_> = whole.split('.').collect();
        for at in [1, 2] {
            let mut parts = parts.clone();
            let other = if parts[at].as_bytes()[9] == b'A' {
                "B"
            } else {
                "A"
            };
            let with = format!("{}{other}{}", &parts[at][..9], &parts[at][10..]);
            parts[at] = &with;
            let ran = by_keys(key, &parts.join("."));
            assert_eq!(ran.code, Some(1), "{name}");
            assert!(
                ran.stdout.contains("FAIL  Signature"),
                "{name}: {}",
                ran.stdout
            );
        }
    }
}

#[test]
fn the_example_tokens_of_the_standards_are_shown_unchanged() {
    let joe = by_keys(JOE[0].key, JOE[0].token);
    assert_eq!(joe.code, Some(1), "it has expired");
    for line in [
        "\"iss\": \"joe\"",
        "ok    Claims",
        "-     Issuer (iss): \"joe\"",
        "-     Kind (typ): \"JWT\"",
        "FAIL  Expires (exp): 2011-03-22T18:43:00Z: expired",
    ] {
        assert!(joe.stdout.contains(line), "{line} in {}", joe.stdout);
    }
    assert!(!joe.stdout.contains("FAIL  Signature"));

    let text = by_keys(ED25519.key, ED25519.token);
    assert_eq!(text.code, Some(1), "it is no JWT");
    for line in [
        "Content\nExample of Ed25519 signing",
        "ok    Signature",
        "FAIL  Claims: Not a JSON object",
    ] {
        assert!(text.stdout.contains(line), "{line} in {}", text.stdout);
    }

    for key in [JOE[0].key, JOE[1].key, JOE[2].key, ED25519.key] {
        let unsecured = by_keys(key, UNSECURED);
        assert_eq!(unsecured.code, Some(1));
        assert!(unsecured.stdout.contains("FAIL  Algorithm (alg): none:"));
        assert!(!unsecured.stdout.contains("ok    Signature"));
        assert!(unsecured.stdout.contains("\"iss\": \"joe\""));
    }
    // A public key, taken for a secret, is of another type.
    let confused = by_keys(JOE[1].key, JOE[0].token);
    assert!(
        confused.stdout.contains("FAIL  Key (kid): No possible key"),
        "{}",
        confused.stdout
    );
}

#[test]
fn the_command_judges_as_the_server_does_without_one() {
    let mut place = Place::new();
    let serving = place.serve();
    let ada = serving.browser();
    ada.sign_up("ada", "ada@example.com", PASSWORD);
    let (token, url) = (ada.access(), serving.url());
    serving.end();
    let before = place.data();
    let inspect = |place: &Place, token: &str| place.tell(&["token", "inspect"], token);

    let told = inspect(&place, &format!("Bearer {token}\n")).well();
    for line in [
        "This is an access token: no check failed.",
        "\"username\": \"ada\"",
        "ok    Signature",
        "-     Issuer (iss): \"http",
        "-     Session or link: ",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains(token.rsplit_once('.').unwrap().1), "no echo");
    let refused = inspect(&place, &changed(&token));
    assert!(refused.stdout.contains("FAIL  Signature"));
    assert!(refused.ill(1).contains("not accepted"));

    place.set("DOORWARD_BASE_URL", &url);
    assert!(
        inspect(&place, &token)
            .well()
            .contains("ok    Issuer (iss)")
    );
    place.set("DOORWARD_BASE_URL", "http://elsewhere.test");
    let elsewhere = inspect(&place, &token).stdout;
    assert!(elsewhere.contains("FAIL  Audience (aud)"), "{elsewhere}");
    assert_eq!(place.data(), before, "nothing was changed");
}

#[test]
fn the_command_says_what_it_lacks_and_makes_nothing() {
    let place = Place::on_sqlite();
    let inspect = |arguments: &[&str], token: &str| {
        place
            .tell(&[&["token", "inspect"], arguments].concat(), token)
            .ill(1)
    };
    assert!(inspect(&[], "a.b.c").contains("there is no database"));
    assert!(inspect(&["--jwks", "away"], "a.b.c").contains("away: No such file"));
    place.write("keys.json", "canary");
    assert!(inspect(&["--jwks", "keys.json"], "a.b.c").contains("must be JSON"));
    place.write("keys.json", " ".repeat(65 * 1024));
    assert!(inspect(&["--jwks", "keys.json"], "a.b.c").contains("more than 64 kB"));
    place.write("keys.json", ED25519.key);
    assert!(inspect(&["--jwks", "keys.json"], " \n").contains("no token"));
    let long = "x".repeat(65 * 1024);
    assert!(inspect(&["--jwks", "keys.json"], &long).contains("too long"));
    assert!(!place.path("data").exists());
}
