//! What the binary writes while people come and go: a line for each request, and no secret.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::support::{Browser, PASSWORD, Place, Reply, Serving, Wire};

/// Somebody who remembers every answer, and every secret.
struct Visitor {
    browser: Browser,
    answers: Vec<Answer>,
    secrets: Vec<String>,
}

/// What the log should know of a request.
struct Answer {
    id: String,
    status: u16,
}

impl Visitor {
    fn note(&mut self, reply: Reply) -> Reply {
        let id = reply.header("x-request-id").unwrap().to_owned();
        self.answers.push(Answer {
            id,
            status: reply.status,
        });
        for cookie in reply.cookies() {
            let value = cookie.split_once('=').unwrap().1.split(';').next().unwrap();
            self.secret(value);
        }
        if let Some(token) = reply.attribute("[name=form_token]", "value") {
            self.secret(&token);
        }
        reply
    }

    /// A token's parts are secrets too.
    fn secret(&mut self, secret: &str) {
        let parts = secret.split('.').filter(|part| part.len() > 12);
        self.secrets.extend(parts.map(str::to_owned));
    }

    fn get(&mut self, path: &str) -> Reply {
        let reply = self.browser.get(path);
        self.note(reply)
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let reply = self.browser.post(path, fields);
        self.note(reply)
    }

    fn fill_in(&mut self, path: &str, button: &str, fields: &[(&str, &str)]) -> Reply {
        let page = self.get(path);
        let reply = self.browser.submit(&page, button, fields);
        self.note(reply)
    }

    fn cookie(&self, name: &str) -> String {
        self.browser.cookie(name).unwrap()
    }
}

/// Everything that people do, and some that they should not.
fn visit(serving: &mut Serving) -> Visitor {
    let link = serving.administrator_link();
    let mut visitor = Visitor {
        browser: serving.browser(),
        answers: Vec::new(),
        secrets: vec!["canary".to_owned()],
    };
    let one_time = link.split_once("token=").unwrap().1.to_owned();
    visitor.secret(&one_time);

    let short = [
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", "canary"),
    ];
    assert_eq!(
        visitor
            .fill_in(&link, "Create administrator", &short)
            .status,
        422
    );
    let good = [
        ("Username", "ada"),
        ("Email address", "ada@example.com"),
        ("Password", PASSWORD),
    ];
    assert_eq!(
        visitor.fill_in(&link, "Create administrator", &good).status,
        303
    );
    assert_eq!(visitor.get("/dashboard").status, 200);
    let (access, refresh) = (
        visitor.cookie("doorward_access"),
        visitor.cookie("doorward_refresh"),
    );
    assert_eq!(visitor.fill_in("/public", "Sign out", &[]).status, 303);
    assert_eq!(visitor.get(&link).status, 410);

    let person = [
        ("Username", "bob"),
        ("Email address", "bob@example.com"),
        ("Password", PASSWORD),
    ];
    assert_eq!(
        visitor.fill_in("/signup", "Create account", &person).status,
        303
    );
    let bob = visitor.cookie("doorward_access");
    assert_eq!(visitor.fill_in("/public", "Sign out", &[]).status, 303);
    assert_eq!(
        visitor.fill_in("/signup", "Create account", &person).status,
        422
    );
    for (password, status) in [("canary-wrong-password", 422), (PASSWORD, 303)] {
        let fields = [("Username or email address", "ada"), ("Password", password)];
        assert_eq!(
            visitor
                .fill_in("/login?next=/public", "Sign in", &fields)
                .status,
            status
        );
    }
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = visitor.post("/login", &fields).location();
    let token = link.split_once("token=").unwrap().1.to_owned();
    visitor.secret(&token);
    assert_eq!(visitor.get(&link).status, 200);
    visitor.post(
        "/login",
        &[
            ("username", "ada"),
            ("password", PASSWORD),
            ("password", PASSWORD),
        ],
    );
    visitor.post("/login", &[("username", PASSWORD), (PASSWORD, "x")]);

    for token in [&token, &access, &refresh, &bob, &one_time] {
        misplace(&mut visitor, token);
    }
    visitor
}

/// Tokens where they do not belong.
fn misplace(visitor: &mut Visitor, token: &str) {
    for path in [
        format!("/{token}"),
        format!("/dashboard/{token}"),
        format!("/static/{token}"),
        format!("/dashboard?{token}"),
        format!("/dashboard?{token}=1"),
        format!("/dashboard?next={token}"),
        format!("/dashboard?a&b=c&token={token}&token={token}"),
        format!("/login?token={token}"),
        format!("/login?next=/dashboard%3Ftoken={token}"),
        format!("/first-administrator?token={token}"),
        format!("/{token}/{token}?{token}={token}"),
    ] {
        visitor.get(&path);
    }
    let reply = visitor.browser.with_method(token, "/dashboard");
    visitor.note(reply);
    visitor.post("/first-administrator", &[("token", token)]);
    visitor.post("/logout", &[("form_token", token), (token, token)]);
    let referer = format!("http://127.0.0.1/dashboard?token={token}");
    for (header, value) in [
        ("authorization", format!("Bearer {token}")),
        ("authorization", token.to_owned()),
        ("x-access-token", token.to_owned()),
        (
            "cookie",
            format!("doorward_access={token}; doorward_form={token}; other={token}"),
        ),
        ("referer", referer),
        ("user-agent", token.to_owned()),
        ("x-forwarded-for", token.to_owned()),
        ("origin", token.to_owned()),
        ("accept", format!("text/html;{token}")),
        ("content-type", token.to_owned()),
    ] {
        for path in ["/dashboard", "/login"] {
            let reply = visitor.browser.with(header, &value).get(path);
            visitor.note(reply);
        }
        let reply = visitor
            .browser
            .with(header, &value)
            .post("/login", &[("username", token), ("password", token)]);
        visitor.note(reply);
    }
}

fn no_secret_in(text: &str, secrets: &[String]) {
    for secret in secrets {
        let found = text.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "{secret}");
    }
}

/// The value of `key=` in a line of text.
fn part<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!(" {key}="))?.1;
    Some(rest.split(' ').next().unwrap().trim_matches('"'))
}

fn place_with(format: &str, level: &str) -> Place {
    let mut place = Place::new();
    place.set("DOORWARD_LOG__FORMAT", format);
    place.set("DOORWARD_LOG__LEVEL", level);
    place
}

/// A whole visit in text, line for line.
fn text_tells_of_every_request(level: &str) {
    let place = place_with("text", level);
    let mut serving = place.serve();
    let visitor = visit(&mut serving);
    let (_, stdout, stderr) = serving.end();
    assert_eq!(stdout, "");
    no_secret_in(&stderr, &visitor.secrets);
    let requests: Vec<_> = stderr
        .lines()
        .filter(|line| line.contains("  INFO request "))
        .collect();
    assert_eq!(requests.len(), visitor.answers.len());
    for (line, answer) in requests.iter().zip(&visitor.answers) {
        assert_eq!(part(line, "id"), Some(answer.id.as_str()), "{line}");
        assert_eq!(
            part(line, "status"),
            Some(answer.status.to_string().as_str()),
            "{line}"
        );
        assert!(
            matches!(part(line, "method"), Some("GET" | "POST" | "…")),
            "{line}"
        );
        assert!(part(line, "path").unwrap().starts_with('/'), "{line}");
        assert!(
            part(line, "ms").unwrap().parse::<f64>().unwrap() > 0.0,
            "{line}"
        );
        part(line, "query").unwrap();
    }
    let queries: Vec<_> = requests
        .iter()
        .filter_map(|line| part(line, "query"))
        .collect();
    for names in ["", "token", "next", "…", "a,b,token,token"] {
        assert!(queries.contains(&names), "{names} in {queries:?}");
    }
}

/// The same in JSON.
fn json_tells_of_every_request(level: &str) {
    let place = place_with("json", level);
    let mut serving = place.serve();
    let visitor = visit(&mut serving);
    let (_, stdout, stderr) = serving.end();
    assert_eq!(stdout, "");
    no_secret_in(&stderr, &visitor.secrets);
    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .collect();
    assert_eq!(requests.len(), visitor.answers.len());
    for (line, answer) in requests.iter().zip(&visitor.answers) {
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["id"], answer.id);
        assert_eq!(line["status"], answer.status);
        assert!(line["path"].as_str().unwrap().starts_with('/'), "{line}");
        assert!(
            line["query"].is_string() && line["method"].is_string(),
            "{line}"
        );
        assert!(line["ms"].as_f64().unwrap() > 0.0, "{line}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }
}

#[test]
fn a_line_of_text_tells_of_each_request_and_of_no_secret() {
    text_tells_of_every_request("info");
}

#[test]
fn text_at_trace_tells_of_no_secret_either() {
    text_tells_of_every_request("trace");
}

#[test]
fn a_line_of_json_tells_of_each_request_and_of_no_secret() {
    json_tells_of_every_request("info");
}

#[test]
fn json_at_trace_tells_of_no_secret_either() {
    json_tells_of_every_request("trace");
}

#[test]
fn the_console_link_is_the_only_secret_that_is_ever_told() {
    let place = place_with("text", "trace");
    let mut serving = place.serve();
    let link = serving.administrator_link();
    let (_, stdout, stderr) = serving.end();
    assert_eq!(stdout, "");
    no_secret_in(&stderr, &[link.split_once("token=").unwrap().1.to_owned()]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_proxy_that_is_not_trusted_is_logged_once() {
    const WORDS: &str = "is ignored, because proxies.trusted does not contain";
    let logged = |place: &Place, headers: &[(&'static str, &str)]| {
        let serving = place.serve();
        let plain = Browser::program(&serving.url(), None);
        plain.get("/healthz");
        for (header, value) in headers {
            plain.with(header, value).get("/healthz");
        }
        let (_, _, stderr) = serving.end();
        let lines = stderr.lines().filter(|line| line.contains(WORDS));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut place = place_with("text", "info");
    let listed = ("x-forwarded-for", "198.51.100.7");
    let forwarded = ("forwarded", "for=198.51.100.7");
    assert_eq!(logged(&place, &[]), [""; 0]);
    for headers in [[listed, forwarded], [forwarded, listed]] {
        let lines = logged(&place, &headers);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let words = format!("{} from 127.0.0.1 {WORDS}", headers[0].0);
        assert!(lines[0].contains(" WARN ") && lines[0].contains(&words));
    }
    place.set("DOORWARD_PROXIES__TRUSTED", "127.0.0.1");
    assert_eq!(logged(&place, &[listed, forwarded]), [""; 0]);
}

#[test]
fn a_fault_is_told_once_with_the_id_that_the_person_reads() {
    let place = place_with("text", "trace");
    let serving = place.serve();
    let take_away = "ALTER TABLE accounts RENAME TO gone";
    place.sql(take_away);
    let reply = serving
        .browser()
        .post("/login", &[("username", "ada"), ("password", PASSWORD)]);
    assert_eq!(reply.status, 500);
    assert_eq!(reply.heading(), "Something went wrong");
    assert!(!reply.body.contains("accounts"), "{}", reply.body);
    let id = reply.text("main code");
    let (_, _, stderr) = serving.end();
    no_secret_in(&stderr, &["canary".to_owned()]);
    let told: Vec<_> = stderr.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(told.len(), 2, "{stderr}");
    assert!(
        told[0].contains(" ERROR fault ") && told[0].contains("accounts"),
        "{}",
        told[0]
    );
    assert!(told[1].contains(" INFO request "), "{}", told[1]);
}

#[test]
fn a_request_whose_client_disconnects_is_logged() {
    let mut place = place_with("text", "info");
    // Long enough to hang up meanwhile.
    place.set("DOORWARD_PASSWORDS__BCRYPT_COST", "15");
    let serving = place.serve();
    let body = json!({"username": "ada", "password": "canary-no"}).to_string();
    let mut wire = Wire::to(serving.address);
    let head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    let length = body.len();
    wire.say(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}"));
    // One that came later has been answered: this one has begun.
    for _ in 0..4 {
        assert_eq!(serving.browser().get("/public").status, 200);
    }
    wire.cut();
    let (_, _, stderr) = serving.end();
    let line = stderr.lines().find(|line| line.contains("/api/sessions"));
    assert_eq!(
        line.and_then(|line| part(line, "status")),
        Some("499"),
        "{stderr}"
    );
}

/// Sends what no client sends, and reads until the server closes.
fn send(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    assert!(answer.starts_with(b"HTTP/1.1 "));
}

#[test]
fn no_request_can_forge_a_line_or_paint_the_terminal() {
    let forged = "2026-01-01T00:00:00.000000Z  INFO request id=forged";
    let encoded = "%0d%0a2026-01-01T00:00:00.000000Z%20%20INFO%20request%20id=forged";
    let heads = [
        format!("GET /{encoded} HTTP/1.1\r\nhost: x\r\n"),
        format!("GET /?{encoded}={encoded} HTTP/1.1\r\nhost: x\r\n"),
        "GET /%1b[31mred%1b]0;title%07 HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /%e2%80%ae%c2%9b HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /\"%22,%22level%22:%22ERROR\" HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /\\n\\u000a HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "M-SEARCH / HTTP/1.1\r\nhost: x\r\n".to_owned(),
        // These are not HTTP.
        format!("GET /\r\n{forged} HTTP/1.1\r\nhost: x\r\n"),
        "GET /\x1b[31m HTTP/1.1\r\nhost: x\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx\n{forged}: y\r\n"),
    ];
    for format in ["text", "json"] {
        let place = place_with(format, "trace");
        let serving = place.serve();
        for head in &heads {
            send(
                serving.address,
                format!("{head}connection: close\r\n\r\n").as_bytes(),
            );
        }
        let (_, _, stderr) = serving.end();
        let lines: Vec<_> = stderr.lines().collect();
        assert_eq!(lines.len(), 1 + heads.len(), "{stderr}");
        for line in lines {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
            assert!(!line.starts_with(forged), "{line}");
            if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["level"], "INFO");
            }
        }
    }
}
