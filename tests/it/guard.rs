//! Who gets through which door.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::compat;
use crate::support::{Browser, Door, Multipart, PASSWORD, Reply, Wire, log, status_of, wait_until};

const LINK: &str = "/dashboard?token=";
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

/// The token of a link for `login`.
fn link_of(door: &Door, login: &str) -> String {
    let reply = door.browser().post(
        "/login",
        &[
            ("username", login),
            ("password", PASSWORD),
            ("deliver", "link"),
        ],
    );
    assert_eq!(reply.status, 303, "{}", reply.body);
    assert_eq!(
        reply.cookies(),
        Vec::<String>::new(),
        "a link sets no cookie"
    );
    reply.location().strip_prefix(LINK).unwrap().to_owned()
}

fn administrator(door: &Door) -> Browser {
    let browser = door.browser();
    let link = door.first_administrator.as_ref().unwrap();
    let page = browser.get(link.strip_prefix(&door.url).unwrap());
    let fields = [
        ("Username", "root"),
        ("Email address", "root@example.com"),
        ("Password", PASSWORD),
    ];
    let button = "Create administrator";
    assert_eq!(browser.submit(&page, button, &fields).status, 303);
    browser
}

/// Makes accounts that are signed in.
struct People<'a> {
    door: &'a Door,
    made: usize,
    kept: BTreeMap<&'static str, Browser>,
}

impl<'a> People<'a> {
    fn of(door: &'a Door) -> Self {
        Self {
            door,
            made: 0,
            kept: BTreeMap::new(),
        }
    }

    fn another(&mut self, role: &str) -> Browser {
        self.made += 1;
        let name = format!("{role}{}", self.made);
        let browser = self.door.signed_up(&name);
        if role == "member" {
            return browser;
        }
        self.door.sql(&format!(
            "UPDATE accounts SET role = '{role}' WHERE username = '{name}'"
        ));
        let browser = self.door.browser();
        assert_eq!(browser.sign_in(&name, PASSWORD).status, 303);
        browser
    }

    /// The same one each time, for what changes nothing of it.
    fn same(&mut self, role: &'static str) -> Browser {
        if !self.kept.contains_key(role) {
            let somebody = self.another(role);
            self.kept.insert(role, somebody);
        }
        self.kept[role].copy()
    }
}

#[test]
fn every_route_answers_everyone_as_its_guard_says() {
    let door = Door::open();
    administrator(&door);
    let (mut table, mut people) = (String::new(), People::of(&door));
    for route in doorward::web::listed() {
        let only = if route.for_programs { ", programs" } else { "" };
        writeln!(
            table,
            "{} {} [{:?}{only}]",
            route.method, route.path, route.guard
        )
        .unwrap();
        let path = route
            .path
            .replace("{file}", "nothing")
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{share}", "00000000-0000-4000-8000-000000000000");
        let answer = |browser: &Browser| -> String {
            // A copy, so that signing out is nobody's end.
            let reply = match route.method {
                "GET" => browser.copy().get(&path),
                "POST" if path.starts_with("/api/") => {
                    browser.copy().post_body(&path, "application/json", "{}")
                }
                "POST" => browser.copy().post_own(&path, &[]),
                method => browser.copy().with_method(method, &path),
            };
            let leads = reply
                .header("location")
                .map(|to| format!(" -> {to}"))
                .unwrap_or_default();
            format!("{}{leads}", reply.status)
        };
        let mut rows = vec![
            ("browser", answer(&door.browser())),
            ("program", answer(&door.program(None))),
        ];
        for who in ["member", "administrator"] {
            // What ends a session, or an account, ends one that nobody else needs.
            let browser = match route.method {
                "GET" => people.same(who),
                _ => people.another(who),
            };
            rows.push((who, answer(&browser)));
        }
        for (who, answer) in rows {
            writeln!(table, "    {who:13} {answer}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_browser_is_led_to_sign_in_and_back_to_where_it_wanted_to_go() {
    let door = Door::open();
    door.signed_up("ada");
    let browser = door.browser();
    let refused = browser.get("/dashboard?tab=a%26b&x=%2F");
    assert_eq!(refused.status, 303);
    assert_eq!(
        refused.location(),
        "/login?next=/dashboard?tab=a%2526b%26x=%252F"
    );
    let page = browser.follow(&refused);
    let fields = [("Username or email address", "ADA"), ("Password", PASSWORD)];
    let reply = browser.submit(&page, "Sign in", &fields);
    assert_eq!(reply.location(), "/dashboard?tab=a%26b&x=%2F");
    assert_eq!(browser.follow(&reply).status, 200);
}

#[test]
fn a_program_is_told_as_rfc_6750_says() {
    let door = Door::open();
    let without = door.program(None).get("/dashboard");
    assert_eq!(without.status, 401);
    assert_eq!(
        without.header("www-authenticate"),
        Some("Bearer realm=\"Doorward\"")
    );
    let bad = door
        .program(None)
        .with("authorization", "Bearer nonsense")
        .get("/dashboard");
    assert_eq!(bad.status, 401);
    let why = "Bearer realm=\"Doorward\", error=\"invalid_token\", error_description=\"the token is malformed\"";
    assert_eq!(bad.header("www-authenticate"), Some(why));
    // Another scheme is not a token.
    let basic = door
        .program(None)
        .with("authorization", "Basic YTpi")
        .get("/dashboard");
    assert_eq!(
        basic.header("www-authenticate"),
        Some("Bearer realm=\"Doorward\"")
    );
}

#[test]
fn an_access_token_opens_the_dashboard_from_a_cookie_or_a_header() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let by_header = door
        .program(None)
        .with("authorization", &format!("bearer {}", ada.access()));
    assert_eq!(by_header.get("/dashboard").heading(), "Hello, ada");
    assert_eq!(by_header.head("/dashboard").status, 200);
    // A good cookie does not make up for a bad header: who sends both means the header.
    assert_eq!(
        ada.with("authorization", "Bearer x")
            .get("/dashboard")
            .status,
        401
    );
}

#[test]
fn a_link_shows_its_page_and_starts_no_session() {
    let door = Door::open();
    door.signed_up("ada");
    let bob = door.signed_up("bob");
    let link = link_of(&door, "ada");
    let stranger = door.browser();
    let shown = stranger.get(&format!("{LINK}{link}"));
    assert_eq!(
        (shown.status, shown.heading().as_str()),
        (200, "Hello, ada")
    );
    assert_eq!(shown.cookies(), Vec::<String>::new());
    assert_eq!(shown.text("header form"), "", "nothing to sign out of");
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(shown.header(name), Some(value));
    }
    assert!(!stranger.is_signed_in());
    // Somebody else's running session stays what it was.
    assert_eq!(bob.get(&format!("{LINK}{link}")).heading(), "Hello, ada");
    assert_eq!(bob.get("/dashboard").heading(), "Hello, bob");
}

#[test]
fn a_link_ends_after_150_seconds_and_says_so() {
    let door = Door::open();
    door.signed_up("ada");
    let link = link_of(&door, "ada");
    door.let_pass(149);
    assert_eq!(door.browser().get(&format!("{LINK}{link}")).status, 200);
    door.let_pass(1);
    let ended = door.browser().get(&format!("{LINK}{link}"));
    assert_eq!(
        (ended.status, ended.heading().as_str()),
        (401, "This link no longer works")
    );
    assert_eq!(
        ended.attribute("main a", "href").unwrap(),
        "/login?next=/dashboard"
    );
    assert_eq!(ended.header("referrer-policy"), Some("no-referrer"));
    let program = door.program(None).get(&format!("{LINK}{link}"));
    assert_eq!(program.status, 401);
    assert!(
        program
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

/// The token of a new link to a file; and path and token of one of an earlier version.
fn share(door: &Door, owner: &Browser) -> (String, String, String) {
    let program = door.program(Some(&owner.access()));
    let files = program.get("/api/files").json();
    let id = match files["items"].get(0) {
        Some(file) => id_in(file),
        None => image_of(&program),
    };
    let shares = format!("/api/files/{id}/shares");
    door.sql("UPDATE shares SET token_hash = NULL, begins = NULL");
    let old = program.get(&shares).json()["items"][0].clone();
    let path = old["url"].as_str().unwrap().strip_prefix(&door.url);
    let (path, token) = path.unwrap().split_once("?token=").unwrap();
    let new = serde_json::json!({"minutes": 60});
    let new = program.send_json("POST", &shares, &new).json();
    let short = new["url"].as_str().unwrap().rsplit('/').next().unwrap();
    (short.to_owned(), path.to_owned(), token.to_owned())
}

#[test]
fn a_token_of_one_kind_is_refused_in_every_place_of_another() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let one_time = door.first_administrator.clone().unwrap();
    let [x_access_token, query_token, api_v1, basic_upload, flask_jwt] =
        compat::all_tokens(&door, "ada").map(|(_, token)| token);
    let (short, share, share_token) = share(&door, &ada);
    let kinds = [
        ("access", ada.access()),
        ("refresh", ada.cookie("doorward_refresh").unwrap()),
        ("link", link_of(&door, "ada")),
        (
            "one-time",
            one_time.split_once("token=").unwrap().1.to_owned(),
        ),
        (
            "form",
            ada.get("/public")
                .attribute("[name=form_token]", "value")
                .unwrap(),
        ),
        ("none", "nonsense".to_owned()),
        ("share", share_token),
        ("short share", short),
        ("compat x_access_token", x_access_token),
        ("compat query_token", query_token),
        ("compat api_v1", api_v1),
        ("compat basic_upload", basic_upload),
        ("compat flask_jwt", flask_jwt),
    ];
    let with_cookie = |name: &str, token: &str| {
        let browser = door.browser();
        browser.set_cookie(name, token);
        browser.get("/dashboard").status
    };
    let refresh = |token: &str| {
        let body = serde_json::json!({ "refresh_token": token }).to_string();
        let path = "/api/tokens/refresh";
        door.program(None)
            .post_body(path, "application/json", body)
            .status
    };
    let post =
        |path: &str, name: &str, token: &str| door.browser().post(path, &[(name, token)]).status;
    // Where a token is shown, which kind opens it, and what all others get. What uses its
    // token up comes after what only looks.
    type Show<'a> = &'a dyn Fn(&str) -> u16;
    let doors: [(&str, &str, u16, u16, Show<'_>); 16] = [
        (
            "path of a link to a file",
            "short share",
            200,
            404,
            &|token| door.browser().get(&format!("/s/{token}")).status,
        ),
        ("address of a link to a file", "share", 200, 404, &|token| {
            door.browser().get(&format!("{share}?token={token}")).status
        }),
        ("form of a link to a file", "share", 200, 404, &|token| {
            post(&share, "token", token)
        }),
        ("bearer", "access", 200, 401, &|token| {
            door.program(Some(token)).get("/dashboard").status
        }),
        ("bearer of the API", "access", 200, 401, &|token| {
            door.program(Some(token)).get("/api/sessions").status
        }),
        ("access cookie", "access", 200, 303, &|token| {
            with_cookie("doorward_access", token)
        }),
        ("refresh cookie", "refresh", 200, 303, &|token| {
            with_cookie("doorward_refresh", token)
        }),
        ("refresh body", "refresh", 200, 401, &refresh),
        ("address of the dashboard", "link", 200, 400, &|token| {
            door.browser().get(&format!("{LINK}{token}")).status
        }),
        (
            "x-access-token",
            "compat x_access_token",
            200,
            401,
            &|token| compat::show_to_x_access_token(&door, token).status,
        ),
        (
            "address of /auth",
            "compat query_token",
            200,
            401,
            &|token| compat::show_to_query_token(&door, token).status,
        ),
        (
            "header without a scheme",
            "compat api_v1",
            200,
            401,
            &|token| compat::show_to_api_v1(&door, token).status,
        ),
        ("header with JWT", "compat flask_jwt", 200, 401, &|token| {
            compat::show_to_flask_jwt(&door, token).status
        }),
        ("continue", "link", 303, 401, &|token| {
            post("/login/continue", "token", token)
        }),
        (
            "address of a one-time page",
            "one-time",
            200,
            410,
            &|token| {
                door.browser()
                    .get(&format!("/first-administrator?token={token}"))
                    .status
            },
        ),
        ("form of a one-time page", "one-time", 422, 410, &|token| {
            post("/first-administrator", "token", token)
        }),
    ];
    for (place, opened_by, opened, refused, show) in doors {
        for (kind, token) in &kinds {
            let expected = if *kind == opened_by { opened } else { refused };
            assert_eq!(show(token), expected, "{kind} at {place}");
        }
    }
    // Not even its own door takes it twice over, or in two places.
    let access = format!("Bearer {}, Bearer {}", kinds[0].1, kinds[0].1);
    let twice = door.program(None).with("authorization", &access);
    assert_eq!(twice.get("/dashboard").status, 401);
    // An account's page is for sessions alone: no link opens it.
    let link = door
        .browser()
        .get(&format!("/account?token={}", kinds[2].1));
    assert_eq!(link.status, 400);
}

#[test]
fn a_token_in_the_address_is_refused_wherever_it_does_not_belong() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let link = link_of(&door, "ada");
    let refused = |reply: Reply| {
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert!(!reply.body.contains(&link), "no echo");
    };
    for path in ["/", "/public", "/login", "/signup"] {
        refused(door.browser().get(&format!("{path}?token={link}")));
    }
    refused(door.browser().post(&format!("/logout?token={link}"), &[]));
    refused(door.browser().post(&format!("/login?token={link}"), &[]));
    refused(door.browser().get(&format!("{LINK}{link}&token={link}")));
    refused(door.browser().get(&format!("{LINK}{link}&%74oken=x")));
    let both = door
        .program(None)
        .with("authorization", &format!("Bearer {}", ada.access()));
    refused(both.get(&format!("{LINK}{link}")));
}

#[test]
fn without_the_tutorials_no_address_takes_a_token_of_a_session() {
    let door = Door::with(&[("compat.enabled", "false")]);
    let ada = door.signed_up("ada");
    let refresh = ada.cookie("doorward_refresh").unwrap();
    for token in [ada.access(), refresh] {
        for route in doorward::web::listed() {
            let path = ["{file}", "{id}", "{share}"]
                .iter()
                .fold(route.path.to_owned(), |path, name| {
                    path.replace(name, NOBODYS)
                });
            let address = format!("{path}?token={token}");
            let reply = door.browser().with_method(route.method, &address);
            let shown = format!("{} {path}: {}", route.method, reply.status);
            assert!((400..500).contains(&reply.status), "{shown}");
            assert_eq!(
                reply.header("referrer-policy"),
                Some("no-referrer"),
                "{shown}"
            );
            assert!(!reply.body.contains(&token), "{shown}");
        }
    }
    assert!(ada.is_signed_in());
}

#[test]
fn a_form_from_another_site_changes_nothing() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let reply = ada.with(header, value).post("/logout", &[]);
        assert_eq!(
            (reply.status, reply.heading().as_str()),
            (403, "This form was not accepted")
        );
    }
    let plain = |origin: &str| {
        let browser =
            Browser::sending(&door.local_url(), &[("accept", "text/html")]).with("origin", origin);
        browser.set_cookie("doorward_access", &ada.access());
        browser
    };
    for origin in [
        "https://evil.test",
        "null",
        "http://127.0.0.1:1",
        &door.url.replace("http:", "ftp:").replace("127", "128"),
    ] {
        assert_eq!(plain(origin).post("/logout", &[]).status, 403, "{origin}");
    }
    assert!(ada.is_signed_in());
    assert_eq!(plain(&door.url).post_own("/logout", &[]).status, 303);
    assert!(!ada.is_signed_in());
}

/// What an old browser sends on plain HTTP: no word of where the form came from.
#[test]
fn a_browser_that_does_not_say_where_a_form_came_from_needs_its_token() {
    let door = Door::open();
    door.signed_up("ada");
    let old = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    let page = old.get("/login");
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(
        old.post("/login", &fields).status,
        403,
        "its cookie, but no token"
    );
    let forged = [&fields[..], &[("form_token", "forged")]].concat();
    assert_eq!(old.post("/login", &forged).status, 403);
    let by_label = [("Username or email address", "ada"), ("Password", PASSWORD)];
    assert_eq!(old.submit(&page, "Sign in", &by_label).status, 303);
    // Signed in, the token is the session's.
    assert_eq!(old.post("/logout", &[]).status, 403);
    assert_eq!(old.sign_out().status, 303);
    // Somebody else's token is not mine.
    let other = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    let theirs = other
        .get("/login")
        .attribute("[name=form_token]", "value")
        .unwrap();
    let stolen = [&fields[..], &[("form_token", theirs.as_str())]].concat();
    assert_eq!(old.post("/login", &stolen).status, 403);
}

#[test]
fn a_form_that_hides_its_origin_is_told_what_hides_it() {
    let door = Door::open();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let words = [
        "Origin: null",
        "sandboxed frame",
        "opened as a file",
        "privacy setting",
        "Referrer-Policy",
        "Open the page at its own address",
    ];
    let page = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    let page = page.with("origin", "null");
    let sandboxed = page.with("sec-fetch-site", "cross-site");
    for browser in [page, sandboxed] {
        browser.set_cookie("doorward_form", "x");
        let told = browser.post("/login", &fields);
        assert_eq!(
            (told.status, told.heading().as_str()),
            (403, "This form was not accepted")
        );
        for words in words {
            assert!(told.text("main").contains(words), "{words}: {}", told.body);
        }
    }
    let program = Browser::sending(&door.local_url(), &[("accept", "*/*"), ("origin", "null")]);
    let told = program.post("/logout", &[]);
    assert_eq!(
        (told.status, &told.json()["error"]),
        (403, &"cross_site".into())
    );
    for words in words {
        assert!(told.body.contains(words), "{words}: {}", told.body);
    }
    // Where the headers say nothing at all, nothing is said of them.
    let silent = Browser::sending(&door.local_url(), &[("accept", "text/html")]);
    silent.set_cookie("doorward_form", "x");
    let told = silent.post("/login", &fields);
    assert_eq!(told.status, 403);
    assert!(!told.body.contains("Origin: null"), "{}", told.body);
}

#[test]
fn a_program_that_the_api_takes_for_another_site_is_told_what_programs_send() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    let program = Browser::sending(&door.local_url(), &[("accept", "application/json")]);
    program.set_cookie("doorward_access", &ada.access());
    let item = serde_json::json!({"title": "x"});
    for headers in [
        &[][..],
        &[("origin", "https://elsewhere.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        let mut program = program.copy();
        for (name, value) in headers {
            program = program.with(name, value);
        }
        for (method, path) in [
            ("POST", "/api/work-items"),
            ("PATCH", "/api/me"),
            ("POST", "/api/sessions"),
        ] {
            let told = program.send_json(method, path, &item);
            assert_eq!(told.status, 403, "{headers:?} {path} {}", told.body);
            let json = told.json();
            assert_eq!(json["error"], "cross_site");
            let message = json["message"].as_str().unwrap();
            for words in ["Authorization: Bearer", "no cookies"] {
                assert!(message.contains(words), "{headers:?} {message}");
            }
            assert!(!message.contains("form"), "{headers:?} {message}");
        }
        let bearer = program.with("authorization", &format!("Bearer {}", ada.access()));
        let added = bearer.send_json("POST", "/api/work-items", &item);
        assert_eq!(added.status, 201, "{headers:?} {}", added.body);
    }
}

#[test]
fn a_page_that_was_opened_at_another_address_is_told_the_right_one() {
    let door = Door::with(&[("base_url", "http://door.example:8080")]);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let words = "Open http://door.example:8080 and send it from there.";
    let from = |origin: &str, accept: &str| {
        Browser::sending(&door.local_url(), &[])
            .with("origin", origin)
            .with("accept", accept)
    };
    for _ in 0..3 {
        let page = from("http://192.0.2.77:8080", "text/html").post("/login", &fields);
        assert_eq!(
            (page.status, page.heading()),
            (403, "This form was not accepted".to_owned())
        );
        assert!(page.text("main").contains(words), "{}", page.body);
        let way = page.attribute("main .actions a", "href").unwrap();
        assert_eq!(way, "http://door.example:8080");
        let program = from("http://192.0.2.77:8080", "*/*");
        let json = program.send_json("POST", "/api/sessions", &serde_json::json!({}));
        assert_eq!(json.json()["error"], "cross_site");
        let words = "this site's own, which is http://door.example:8080";
        assert!(json.body.contains(words), "{}", json.body);
    }
    let taken = from("HTTP://Door.Example:8080", "text/html").post("/login", &fields);
    assert_eq!(taken.status, 422, "it is ours, and has no such account");
    let named = |origin: &str| {
        let words = format!("Origin {origin} is not base_url http://door.example:8080");
        log::text().matches(&words).count()
    };
    assert_eq!(named("http://192.0.2.77:8080"), 1);
    // Neither what is not an origin nor any number of them is written down.
    for odd in ["http://a.test/ fault x=1", "http://a.test\tx", "a.test"] {
        from(odd, "text/html").post("/login", &fields);
    }
    for n in 0..50 {
        from(&format!("http://many-{n}.example"), "text/html").post("/login", &fields);
    }
    let many = (0..50).map(|n| named(&format!("http://many-{n}.example")));
    assert_eq!(
        (many.sum::<usize>(), named("…")),
        (8, 1),
        "ten with the one above"
    );
    let text = log::text();
    let refusals = text.lines().filter(|line| line.contains("is not base_url"));
    assert!(refusals.clone().all(|line| !line.contains("a.test")));
}

#[test]
fn a_browser_is_known_by_a_whole_media_type() {
    let door = Door::open();
    let answered = |accept: &[&str]| {
        let mut wire = Wire::to(door.address);
        let lines = accept.iter().map(|line| format!("accept: {line}\r\n"));
        let lines: String = lines.collect();
        wire.say(format!(
            "GET /dashboard HTTP/1.1\r\nhost: x\r\n{lines}connection: close\r\n\r\n"
        ));
        status_of(&wire.hear()).to_owned()
    };
    for browser in [
        &["text/html"][..],
        &["TEXT/HTML"],
        &["application/json, Text/Html;level=1;q=0.1"],
        &["text/html ; q=0.001"],
        &["text/html;Q=1"],
        &["application/xhtml+xml,text/html;charset=utf-8"],
        &["*/*", "text/html"],
    ] {
        assert_eq!(answered(browser), "303", "{browser:?}");
    }
    for program in [
        &[][..],
        &["*/*"],
        &["text/*"],
        &["text/htmlx"],
        &["xtext/html"],
        &["text/html;q=0"],
        &["text/html; Q=0.000, application/json"],
        &["application/json;profile=text/html"],
    ] {
        assert_eq!(answered(program), "401", "{program:?}");
    }
    // So it is with the type of what is sent.
    let login = |content_type: &str| {
        let body = format!("username=ada&password={PASSWORD}");
        let reply = door.browser().post_body("/login", content_type, body);
        reply.status
    };
    for content_type in [
        "Application/X-WWW-Form-URLencoded",
        "application/x-www-form-urlencoded ; charset=UTF-8",
    ] {
        assert_eq!(login(content_type), 422, "{content_type}");
    }
    for content_type in ["application/x-www-form-urlencodedx", "text/plain"] {
        assert_eq!(login(content_type), 415, "{content_type}");
    }
    let ada = door.program(Some(&door.signed_up("ada").access()));
    let file = Multipart::new().file("file", "a.txt", "a");
    let content_type = "Multipart/Form-Data; Boundary=----WebKitFormBoundaryx9G2mQw0pLr4Tz7K";
    let sent = ada.post_body("/api/files", content_type, file.whole());
    assert_eq!(sent.status, 201, "{}", sent.body);
    let title = r#"{"title": "x"}"#;
    let content_type = "Application/JSON;charset=utf-8";
    let sent = ada.post_body("/api/work-items", content_type, title);
    assert_eq!(sent.status, 201, "{}", sent.body);
}

/// The page of a one-time link is under `no-referrer`, so its form comes with `Origin: null`.
#[test]
fn a_form_of_a_page_that_keeps_its_address_to_itself_is_taken_by_its_token() {
    let door = Door::open();
    let old = Browser::sending(
        &door.local_url(),
        &[("accept", "text/html"), ("origin", "null")],
    );
    let link = door.first_administrator.as_ref().unwrap();
    let page = old.get(link.strip_prefix(&door.url).unwrap());
    let fields = [
        ("Username", "root"),
        ("Email address", "root@example.com"),
        ("Password", PASSWORD),
    ];
    let cookieless = Browser::sending(&door.local_url(), &[("origin", "null")]);
    assert_eq!(
        cookieless
            .submit(&page, "Create administrator", &fields)
            .status,
        403
    );
    assert_eq!(
        old.submit(&page, "Create administrator", &fields).status,
        303
    );
}

#[test]
fn a_program_without_cookies_needs_no_form_token() {
    let door = Door::open();
    door.signed_up("ada");
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let page = door.program(None).with("accept", "text/html");
    assert_eq!(page.post("/login", &fields).status, 303);
    let token = door.program(None).post("/login", &fields);
    assert_eq!(token.status, 200, "as a tutorial's client");
}

pub type Make = fn(&Browser) -> String;

/// How a route's `{id}` is made by a program of its owner's.
pub const OBJECTS: [(&str, Make); 8] = [
    ("/files/{id}", image_of),
    ("/api/files/{id}", image_of),
    ("/account/sessions/{id}", session_of),
    ("/api/sessions/{id}", session_of),
    ("/work/{id}", item_of),
    ("/api/work-items/{id}", item_of),
    ("/admin/accounts/{id}", account_of),
    ("/api/accounts/{id}", account_of),
];

fn id_in(json: &serde_json::Value) -> String {
    json["id"].as_str().expect("an id").to_owned()
}

fn session_of(owner: &Browser) -> String {
    id_in(&owner.get("/api/sessions").json()["items"][0])
}

fn item_of(owner: &Browser) -> String {
    let body = serde_json::json!({"title": "Cut the hedge"});
    id_in(&owner.send_json("POST", "/api/work-items", &body).json())
}

/// With a link to it.
fn image_of(owner: &Browser) -> String {
    let mut image = std::io::Cursor::new(Vec::new());
    let pixels = image::DynamicImage::from(image::RgbImage::new(2, 2));
    pixels
        .write_to(&mut image, image::ImageFormat::Png)
        .unwrap();
    let form = Multipart::new().file("file", "dot.png", image.into_inner());
    let id = id_in(&owner.send_files("/api/files", &form).json());
    let path = format!("/api/files/{id}/shares");
    let made = owner.send_json("POST", &path, &serde_json::json!({"minutes": 10}));
    assert_eq!(made.status, 201, "{}", made.body);
    wait_until("its thumbnail is made", || {
        owner.get(&format!("/files/{id}/thumbnail")).status == 200
    });
    id
}

/// The path of what is `owner`'s.
pub fn filled(path: &str, id: &str, owner: &Browser) -> String {
    let filled = path.replace("{id}", id);
    if !path.contains("{share}") {
        return filled;
    }
    let shares = owner.get(&format!("/api/files/{id}/shares")).json();
    filled.replace("{share}", &id_in(&shares["items"][0]))
}

fn account_of(owner: &Browser) -> String {
    id_in(&owner.get("/api/me").json())
}

/// With all that any of them needs to go on.
fn ask(who: &Browser, method: &str, path: &str) -> Reply {
    let fields = [
        ("title", "x"),
        ("done", "yes"),
        ("to", "up"),
        ("version", "1"),
        ("username", "x"),
        ("role", "member"),
        ("state", "active"),
        ("minutes", "10"),
    ];
    match method {
        "GET" => who.get(path),
        "POST" if path.starts_with("/api/") => {
            who.send_json("POST", path, &serde_json::json!({"minutes": 10}))
        }
        "POST" => who.post_own(path, &fields),
        "PATCH" => who.send_json("PATCH", path, &serde_json::json!({})),
        method => who.with_method(method, path),
    }
}

#[test]
fn objects_of_another_account_are_not_found() {
    let door = Door::open();
    administrator(&door);
    let mut people = People::of(&door);
    let neighbour = people.another("member");
    for route in doorward::web::listed() {
        let (method, path) = (route.method, route.path);
        // A link to a file is for whoever holds it; messages and invitations are for all
        // administrators.
        let of_nobody = [
            "/s/",
            "/admin/mail/",
            "/admin/invites/",
            "/api/invitations/",
        ];
        let is_of_nobody = of_nobody.iter().any(|known| path.starts_with(known));
        if !path.contains("{id}") || is_of_nobody {
            continue;
        }
        let known = OBJECTS.iter().find(|(known, _)| path.starts_with(known));
        let (family, make) = known.unwrap_or_else(|| panic!("whose is {path}?"));
        for role in ["member", "administrator"] {
            for own in [true, false] {
                let is_account = family.contains("/accounts/");
                // Anew if it may end, with what is asked of it.
                let who = match own && method != "GET" {
                    true => people.another(role),
                    false => people.same(role),
                };
                let owner = match (own, role) {
                    (true, _) => who.copy(),
                    (_, "administrator") if is_account => people.another("member"),
                    _ => neighbour.copy(),
                };
                let owner = door.program(Some(&owner.access()));
                let path = filled(path, &make(&owner), &owner);
                let status = ask(&who, method, &path).status;
                let what = format!("{method} {path} by {role}, own: {own}");
                let for_administrators = path.starts_with("/admin/");
                match (role, own) {
                    ("member", true)
                        if path.ends_with("/limits")
                            || method == "PATCH" && path.ends_with("/quota") =>
                    {
                        assert_eq!(status, 403, "{what}");
                    }
                    ("member", _) if for_administrators => assert_eq!(status, 403, "{what}"),
                    ("member", false) => assert_eq!(status, 404, "{what}"),
                    (_, false) if !is_account => assert_eq!(status, 404, "{what}"),
                    _ => assert!(![400, 401, 403, 404].contains(&status), "{what}: {status}"),
                }
            }
        }
    }
}

#[test]
fn the_token_of_an_account_that_was_disabled_or_deleted_opens_nothing() {
    let door = Door::open();
    let root = administrator(&door);
    let root = door.program(Some(&root.access()));
    for end in ["disable", "delete"] {
        let browser = door.signed_up(end);
        let program = door.program(Some(&browser.access()));
        let account = format!("/api/accounts/{}", account_of(&program));
        let id = session_of(&program);
        let ended = match end {
            "delete" => root.with_method("DELETE", &account),
            _ => root.send_json("PATCH", &account, &serde_json::json!({"state": "disabled"})),
        };
        assert!(ended.status < 300, "{}", ended.body);
        for route in doorward::web::listed() {
            use doorward::web::Guard as G;
            // What takes another kind of token has its own test.
            if matches!(
                route.guard,
                G::Public | G::PublicToken | G::Open | G::OneTime
            ) {
                continue;
            }
            let path = route.path.replace("{id}", &id).replace("{share}", &id);
            let what = format!("{} {path} after {end}", route.method);
            assert_eq!(ask(&program, route.method, &path).status, 401, "{what}");
            let reply = ask(&browser.copy(), route.method, &path);
            match reply.status {
                303 => assert!(reply.location().starts_with("/login"), "{what}"),
                status => assert_eq!(status, 401, "{what}"),
            }
        }
    }
}
