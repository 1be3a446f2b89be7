//! Every error code, raised.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::codes_in_the_source;
use crate::files::store::SmallDisk;
use crate::support::{Browser, Door, Multipart, PASSWORD, Reply, wait_until};

fn send(program: &Browser, path: &str, body: &Value) -> Reply {
    program.post_body(path, "application/json", body.to_string())
}

/// What a body that never ends is answered with. Its time is fifteen seconds, so it is begun
/// first and read last.
struct Slow(TcpStream);

impl Slow {
    fn begin(door: &Door) -> Self {
        let mut stream = TcpStream::connect(door.address).unwrap();
        let head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\
                    content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
        stream.write_all(head.as_bytes()).unwrap();
        let patience = Some(Duration::from_secs(40));
        stream.set_read_timeout(patience).unwrap();
        Self(stream)
    }

    fn answer(mut self) -> (u16, Value) {
        let mut answer = Vec::new();
        // Whether it closes or resets the connection behind its answer is the server's.
        self.0.read_to_end(&mut answer).ok();
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

/// What files are refused with.
fn of_files(small: Option<&SmallDisk>) -> Vec<Reply> {
    const API: &str = "/api/files";
    let door = Door::with(&[("files.max_mb", "1"), ("files.quota_mb", "1")]);
    let ada = door.program(Some(&door.signed_up("ada").access()));
    let file = |bytes| Multipart::new().file("file", "a.txt", vec![b'a'; bytes]);
    let first = file(600_000).text("description", "mine");
    let first = ada.send_files(API, &first).json();
    let path = format!("{API}/{}", first["id"].as_str().unwrap());
    let share = json!({"minutes": 10, "password": PASSWORD});
    let share = send(&ada, &format!("{path}/shares"), &share).json();
    let link = share["url"].as_str().unwrap().replace(&door.url, "");
    let described = Multipart::new().text("description", "mine");
    let mut replies = vec![
        door.program(Some(&door.signed_up("bob").access()))
            .send_files(API, &file(1_000_001)),
        ada.send_files(API, &file(600_000)),
        ada.send_files(API, &described.file("file", "a.txt", "a")),
        ada.with("range", "bytes=600000-")
            .get(&format!("{path}/content")),
        door.program(None).get(&link[..link.len() - 1]),
        door.program(None).get(&link),
    ];
    let guess = format!("Basic {}", STANDARD.encode("x:canary-guess"));
    let guessing = door.program(None).with("authorization", &guess);
    replies.extend((0..21).map(|_| guessing.get(&link)));
    if let Some(disk) = small {
        let keep = ("files.keep_free_mb", "0");
        let door = Door::with(&[("files.store", &disk.store()), keep]);
        let bob = door.program(Some(&door.signed_up("bob").access()));
        replies.push(bob.send_files(API, &file(5_000_000)));
    }
    replies
}

#[test]
fn every_error_code_is_raised_with_a_status_of_its_own() {
    let door = Door::open();
    let slow = Slow::begin(&door);
    let disk = SmallDisk::mount();
    let nobody = door.program(None);
    door.signed_up("root");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let root = door.browser();
    root.sign_in("root", PASSWORD);
    let ada = door.signed_up("ada");
    let (access, holder) = (ada.access(), door.program(Some(&ada.access())));
    let root_holder = door.program(Some(&root.access()));
    let key = holder.with("idempotency-key", "once");
    send(&key, "/api/work-items", &json!({"title": "one"}));
    let own = holder.get("/api/me");
    let root_id = root_holder.get("/api/me").json()["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let mut replies = vec![
        nobody.get("/nowhere"),
        nobody.with_method("PUT", "/login"),
        nobody.get("/dashboard"),
        nobody
            .with("x-large", &"x".repeat(140_000))
            .get("/dashboard"),
        nobody.get("/first-administrator?token=used"),
        nobody.get(&format!("/public?token={access}")),
        nobody.post_body("/api/sessions", "application/json", "{"),
        nobody.post_body("/api/sessions", "text/plain", "{}"),
        nobody.post_body("/api/sessions", "application/json", "x".repeat(20_000)),
        send(&nobody, "/api/sessions", &json!({})),
        send(
            &nobody,
            "/api/sessions",
            &json!({"username": "ada", "password": "canary-no"}),
        ),
        send(
            &nobody,
            "/api/accounts",
            &json!({"username": "ada", "email": "new@example.com", "password": PASSWORD}),
        ),
        nobody
            .with("sec-fetch-site", "cross-site")
            .post("/logout", &[]),
        ada.with("accept", "application/json").post("/logout", &[]),
        holder.get("/api/accounts"),
        send(&key, "/api/work-items", &json!({"title": "another"})),
        root_holder.with_method("DELETE", &format!("/api/accounts/{root_id}")),
        holder
            .with("if-match", "\"77\"")
            .send_json("PATCH", "/api/me", &json!({"name": "A"})),
    ];
    replies.push(crate::search::too_slow());
    replies.push(crate::export::second_at_once());
    let elsewhere = Door::with(&[("base_url", "http://door.example")]);
    let misled = elsewhere.program(None).with("host", "evil.example");
    replies.push(misled.get("/"));
    assert_eq!(own.status, 200);

    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("deliver", "link"),
    ];
    let link = door.browser().post("/login", &fields).location();
    let closed = Door::with(&[("signup.mode", "closed")]);
    let account = json!({"username": "x", "email": "x@example.com", "password": PASSWORD});
    replies.push(send(&closed.program(None), "/api/accounts", &account));
    let invited = Door::with(&[("signup.mode", "invite")]);
    replies.push(send(&invited.program(None), "/api/accounts", &account));

    replies.extend(of_files(disk.as_ref()));

    let item = json!({"title": "one more"});
    let mut full = send(&holder, "/api/work-items", &item);
    for _ in 0..1000 {
        if full.status != 201 {
            break;
        }
        full = send(&holder, "/api/work-items", &item);
    }
    replies.push(full);

    door.let_pass(601);
    replies.push(nobody.get(&link));
    replies.push(send(&holder, "/api/links", &json!({"path": "/dashboard"})));

    // More at once than the queue of hashes takes.
    let crowd = Door::with(&[("passwords.bcrypt_cost", "11")]);
    let body = json!({"username": "ada", "password": "canary-no"});
    let turned_away = std::thread::scope(|scope| {
        let running: Vec<_> = (0..60)
            .map(|_| scope.spawn(|| send(&crowd.program(None), "/api/sessions", &body)))
            .collect();
        let replies = running.into_iter().map(|thread| thread.join().unwrap());
        replies.filter(|reply| reply.status == 503).last()
    });
    replies.push(turned_away.expect("sixty are too many"));

    let limited = Door::with(&[("limits.introspect", "1/1h")]);
    let limited = limited.program(None);
    limited.post("/api/tokens/introspect", &[("token", "x")]);
    replies.push(limited.post("/api/tokens/introspect", &[("token", "x")]));

    let away = Door::open();
    away.sql("ALTER TABLE accounts RENAME TO gone");
    replies.push(send(&away.program(None), "/api/sessions", &body));
    away.sql("ALTER TABLE sessions RENAME TO away");
    let eve = door.program(Some(&access));
    let blind = Browser::program(&away.local_url(), Some(&access));
    assert_eq!(eve.get("/dashboard").status, 200);
    let refresh = json!({"refresh_token": ada.cookie("doorward_refresh").unwrap()});
    wait_until("it tells that it cannot know", || {
        send(&blind, "/api/tokens/refresh", &refresh).status == 503
    });
    replies.push(send(&blind, "/api/tokens/refresh", &refresh));

    let mut raised: BTreeSet<(String, u16)> = replies
        .iter()
        .map(|reply| {
            let code = reply.json()["error"].as_str().map(str::to_owned);
            (code.expect(&reply.body), reply.status)
        })
        .collect();
    let (status, body) = slow.answer();
    raised.insert((body["error"].as_str().unwrap().to_owned(), status));
    let mut known = codes_in_the_source();
    if disk.is_none() {
        known.remove("store_full");
    }
    let known = known.into_iter();
    let known = known.flat_map(|(code, statuses)| {
        statuses
            .into_iter()
            .map(move |status| (code.clone(), status))
    });
    assert_eq!(raised, known.collect::<BTreeSet<_>>());
}
