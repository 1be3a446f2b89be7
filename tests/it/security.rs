//! What holds on every answer, and what never shows.

use doorward::accounts::{NewAccount, SentNames};
use doorward::base::names::Password;
use doorward::base::secret::InstanceSecret;
use doorward::config::Config;

use crate::support::{Browser, Door, PASSWORD, log, longest_email, wait_until};

#[test]
fn every_answer_has_the_headers_that_keep_a_browser_safe() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let css = ada
        .get("/public")
        .attribute("link[rel=stylesheet]", "href")
        .unwrap();
    let answers = [
        ada.get("/public"),
        ada.get("/dashboard"),
        door.browser().get("/dashboard"),
        door.browser().get("/nowhere"),
        door.browser().with_method("PUT", "/login"),
        door.browser().post("/login", &[]),
        ada.get(&css),
        Browser::sending(&door.local_url(), &[]).get("/dashboard"),
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'")
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(answer.header("server"), None);
        assert_eq!(
            answer.header("strict-transport-security"),
            None,
            "plain HTTP here"
        );
        if answer.status != 303 {
            let content_type = answer.header("content-type").unwrap();
            assert!(content_type.contains("charset=utf-8") || content_type == "application/json");
        }
        let cache = answer.header("cache-control").unwrap();
        assert!(
            cache == "no-store"
                || (answer.body.contains("--accent") && cache.contains("immutable")),
            "{cache}"
        );
    }
}

#[test]
fn cookies_are_for_this_host_and_no_script() {
    let plain = Door::open();
    let secure = Door::with(&[
        ("base_url", "https://door.example"),
        ("passwords.bcrypt_cost", "10"),
    ]);
    for (door, prefix) in [(&plain, ""), (&secure, "__Host-")] {
        let browser = door.browser();
        let page = browser.get("/signup");
        let reply = browser.sign_up("ada", "ada@example.com", PASSWORD);
        let cookies = [page.cookies(), reply.cookies()].concat();
        for name in ["doorward_form", "doorward_access", "doorward_refresh"] {
            let cookie = cookies
                .iter()
                .find(|cookie| cookie.starts_with(&format!("{prefix}{name}_")))
                .unwrap();
            assert!(cookie.len() < 4096);
            for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(part), "{part} in {cookie}");
            }
            assert!(!cookie.contains("Domain"));
            assert_eq!(cookie.contains("; Secure"), !prefix.is_empty(), "{cookie}");
        }
        let year = (!prefix.is_empty()).then_some("max-age=31536000; includeSubDomains");
        assert_eq!(page.header("strict-transport-security"), year);
        let alone = (!prefix.is_empty()).then_some("same-origin");
        assert_eq!(page.header("cross-origin-opener-policy"), alone);
    }
}

#[test]
fn the_largest_account_still_gets_a_cookie_that_browsers_keep() {
    let door = Door::open();
    let browser = door.browser();
    let email = longest_email();
    let page = browser.get("/signup");
    let fields = [
        ("Username", "u".repeat(32)),
        ("Email address", email),
        ("Name (optional)", "\u{10348}".repeat(100)),
        ("Password", PASSWORD.to_owned()),
    ];
    let fields: Vec<_> = fields
        .iter()
        .map(|(label, value)| (*label, value.as_str()))
        .collect();
    let reply = browser.submit(&page, "Create account", &fields);
    assert_eq!(reply.status, 303, "{}", reply.body);
    assert!(reply.cookies().iter().all(|cookie| cookie.len() < 4096));
    assert!(browser.is_signed_in());
}

#[test]
fn static_files_are_cached_for_ever_under_a_name_that_changes_with_them() {
    let door = Door::open();
    let browser = door.browser();
    let page = browser.get("/login");
    for (selector, attribute, kind) in [
        ("link[rel=stylesheet]", "href", "text/css; charset=utf-8"),
        ("link[rel=icon]", "href", "image/svg+xml"),
        ("script", "src", "text/javascript; charset=utf-8"),
    ] {
        let url = page.attribute(selector, attribute).unwrap();
        let plain = browser.get(&url);
        assert_eq!(
            (plain.status, plain.header("content-type")),
            (200, Some(kind))
        );
        assert_eq!(
            plain.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        let gzipped = browser.with("accept-encoding", "br, gzip").head(&url);
        assert_eq!(gzipped.header("content-encoding"), Some("gzip"));
        assert_eq!(gzipped.header("vary"), Some("Accept-Encoding"));
    }
    for path in [
        "/static/",
        "/static/app.css",
        "/static/..%2fCargo.toml",
        "/static/../Cargo.toml",
        "/.git/config",
    ] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn while_the_database_is_unavailable_requests_are_refused_without_details() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    assert!(ada.is_signed_in());
    door.sql("ALTER TABLE sessions RENAME TO away");
    let fresh = door.browser();
    fresh.set_cookie("doorward_refresh", &ada.cookie("doorward_refresh").unwrap());
    let refused = fresh.get("/dashboard");
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("30"))
    );
    assert!(
        !refused.body.contains("table") && !refused.body.contains("sessions"),
        "{}",
        refused.body
    );
    let sign_in = door.browser().sign_in("ada", PASSWORD);
    assert_eq!(
        (sign_in.status, sign_in.heading().as_str()),
        (500, "Something went wrong")
    );
    assert!(!sign_in.body.contains("away"));

    // A token that is known goes on for five seconds, in which a sign-out elsewhere could be missed.
    // This page reads nothing itself.
    let page = "/account/password";
    wait_until("it is not let in", || ada.get(page).status != 200);
    assert_eq!(ada.get(page).status, 503);

    door.sql("ALTER TABLE away RENAME TO sessions");
    wait_until("it is let in again", || ada.get(page).status == 200);
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let secret = InstanceSecret::generate().to_base64().to_string();
    let url = "postgres://canary-user:canary-pass@db/door";
    let config = Config::of(&[("secret", &secret), ("database.url", url)]).unwrap();
    let names = SentNames {
        username: Some("ada"),
        ..SentNames::default()
    };
    let new = NewAccount::parse(names, "canary-new-password", 12).unwrap();
    let printed = format!(
        "{config:?}\n{new:?}\n{:?}\n{:?}",
        Password::typed("canary-typed"),
        config.secret
    );
    assert!(!printed.contains("canary-"), "{printed}");
    assert!(!printed.contains(&secret), "{printed}");
}

#[test]
fn no_secret_reaches_the_log_an_answer_or_the_database() {
    let mut door = Door::open();
    let ada = door.signed_up("ada");
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = door.browser().post("/login", &fields).location();
    let one_time = door.first_administrator.clone().unwrap();
    let after = |text: &str| text.split_once("token=").unwrap().1.to_owned();
    let tokens = [
        ada.access(),
        ada.cookie("doorward_refresh").unwrap(),
        after(&link),
        after(&one_time),
    ];
    let mut replies = Vec::new();
    for token in &tokens {
        for path in [
            format!("/dashboard?token={token}"),
            format!("/account?token={token}"),
            format!("/public?token={token}"),
            format!("/dashboard?{token}"),
            format!("/public?{token}=1"),
            format!("/{token}"),
            format!("/account/sessions/{token}"),
            format!("/api/sessions/{token}"),
            format!("/first-administrator?token={token}"),
        ] {
            replies.push((token, ada.get(&path)));
            let from = door
                .browser()
                .with("referer", &format!("http://x.test{path}"));
            replies.push((token, from.get(&path)));
            replies.push((token, ada.with_method("DELETE", &path)));
        }
        let program = door.program(Some(token));
        replies.push((token, program.get("/dashboard")));
        replies.push((
            token,
            program
                .with("if-none-match", token)
                .get("/.well-known/jwks.json"),
        ));
        for scheme in ["Basic", "Token", ""] {
            let header = format!("{scheme} {token}");
            replies.push((
                token,
                program.with("authorization", &header).get("/dashboard"),
            ));
        }
        let holder = door.browser();
        holder.set_cookie("doorward_form", token);
        holder.set_cookie("doorward_access", token);
        replies.push((token, holder.get("/dashboard")));
        replies.push((token, door.browser().sign_in(token, token)));
        for path in [
            "/login",
            "/logout",
            "/signup",
            "/account/password",
            "/account/verify",
        ] {
            let fields = [
                ("form_token", token.as_str()),
                ("next", token),
                (token, "1"),
            ];
            replies.push((token, ada.with("cookie2", token).post(path, &fields)));
        }
        let json = format!(r#"{{"{token}": "{token}", "refresh_token": "{token}x"}}"#);
        for path in ["/api/sessions", "/api/tokens/refresh", "/api/links"] {
            replies.push((
                token,
                program.post_body(path, "application/json", json.clone()),
            ));
            replies.push((token, program.post_body(path, token, json.clone())));
        }
        replies.push((token, door.browser().with_method(&token[..40], "/")));
    }
    for (token, reply) in replies {
        let (known, shown) = (
            reply.heading(),
            format!("{:?} {}", reply.headers, reply.body),
        );
        // A link's own page has it in its form, and a one-time page too; a new cookie is one's own.
        let own = known == "Hello, ada" || known == "First administrator";
        let typed = reply.status == 422 && reply.value_of("username") == *token;
        assert!(
            own || typed || !shown.contains(token.as_str()),
            "{token} in {shown}"
        );
    }

    door.browser().sign_in("ada", "canary-wrong-password");
    let bob = door.signed_up("bob");
    door.let_pass(3600);
    bob.get("/dashboard");
    let newer = bob.cookie("doorward_refresh").unwrap();
    bob.sign_out();
    let text = log::text();
    assert!(
        text.contains("path=\"/dashboard\" query=\"token\""),
        "the log is being read"
    );
    let all = tokens.iter().chain([&newer]).map(String::as_str);
    for secret in all.clone().chain(["canary-", "eyJ"]) {
        if let Some(line) = text.lines().find(|line| line.contains(secret)) {
            panic!("{secret} in {line}");
        }
    }

    // Only after the server has let go of its files may this process open them.
    door.stop();
    if door.database_url().is_none() {
        // A look at what has ended can still be under way. The log comes first: it is folded into
        // the other file when that ends.
        let files = ["doorward.db-wal", "doorward.db"].map(|name| door.data_dir().join(name));
        let stored: Vec<u8> = files
            .iter()
            .filter_map(|file| std::fs::read(file).ok())
            .flatten()
            .collect();
        let stored = String::from_utf8_lossy(&stored);
        assert!(
            stored.contains("ada@example.com"),
            "the database is being read"
        );
        for secret in all.chain(["canary-"]) {
            assert!(!stored.contains(secret), "{secret} stands in the database");
        }
    }
}
