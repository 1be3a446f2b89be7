//! What clients of the internet cannot do to a server: hold its connections, fill its memory or its
//! log, or reach it by another name. The same at full size: `scripts/attack`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::metrics::figure;
use crate::support::{
    Browser, Door, Multipart, PASSWORD, Place, Serving, Wire, status_of, wait_until,
};

const METRICS: (&str, &str) = ("metrics.listen", "127.0.0.1:0");
const GET: &str = "GET /public HTTP/1.1\r\nhost: x\r\n\r\n";

/// A response with a declared length, and nothing behind it.
fn hear_response(wire: &mut Wire) -> String {
    let mut head = Vec::new();
    loop {
        match wire.hear_line() {
            line if line.is_empty() => break,
            line => head.push(line),
        }
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    wire.hear_bytes(length);
    head.join("\n")
}

fn cut_off(door: &Door, reason: &str) -> f64 {
    let name = format!("doorward_connections_ended_total{{reason=\"{reason}\"}}");
    figure(door.metrics.unwrap(), &name)
}

#[test]
fn the_head_of_every_request_has_a_time_limit() {
    let door = Door::with(&[("connections.head_seconds", "1"), METRICS]);
    let mut first = Wire::to(door.address);
    let mut silent = Wire::to(door.address);
    let mut later = Wire::to(door.address);
    first.say("GET /public HT");
    later.say(GET);
    assert!(hear_response(&mut later).starts_with("HTTP/1.1 200"));
    later.say("GET /public HT");
    let answer = first.hear();
    assert_eq!(status_of(&answer), "408");
    assert_has_headers(&answer);
    assert_eq!(silent.hear(), "", "as a browser's spare connection");
    assert_eq!(
        later.hear(),
        "",
        "a client could take it for another response"
    );
    assert_eq!(cut_off(&door, "slow_head"), 2.0);
    assert_eq!(door.browser().get("/").status, 200);
}

#[test]
fn a_client_that_sends_its_body_too_slowly_is_cut_off() {
    let door = Door::with(&[("connections.window_seconds", "1"), METRICS]);
    let ada = door.signed_up("ada").access();
    let mut wire = Wire::to(door.address);
    wire.say(format!(
        "POST /api/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ada}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: 1000000\r\n\r\n--x\r\n"
    ));
    let (_, answer) = wire.hear_what_comes();
    assert_eq!(answer, "");
    assert_eq!(cut_off(&door, "slow_body"), 1.0);
}

#[test]
fn a_client_that_reads_its_response_too_slowly_is_cut_off() {
    let door = Door::with(&[("connections.window_seconds", "1"), METRICS]);
    let browser = door.signed_up("ada");
    let ada = door.program(Some(&browser.access()));
    let file = Multipart::new().file("file", "a.bin", vec![7; 9_000_000]);
    let file = ada.send_files("/api/files", &file).json();
    let path = format!("/api/files/{}/content", file["id"].as_str().unwrap());
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        browser.access()
    );
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&door.address.into()).unwrap();
    let mut slow = TcpStream::from(socket);
    slow.write_all(request.as_bytes()).unwrap();
    wait_until("it is cut off", || cut_off(&door, "slow_response") == 1.0);
    let mut came = Vec::new();
    slow.read_to_end(&mut came).ok();
    assert!(came.len() < 9_000_000, "{}", came.len());
    assert_eq!(
        ada.get(&path).bytes.len(),
        9_000_000,
        "another client gets all"
    );
}

#[test]
fn extensions_and_trailers_of_a_body_are_limited() {
    let door = Door::with(&[METRICS]);
    let head = "POST /login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
                content-type: application/x-www-form-urlencoded\r\naccept: text/html\r\n\
                connection: close\r\n\r\n";
    let answer = |body: &str| {
        let mut wire = Wire::to(door.address);
        wire.say(format!("{head}{body}"));
        let (_, answer) = wire.hear_what_comes();
        status_of(&answer).to_owned()
    };
    let extension = |length: usize| format!("3;{}\r\na=b\r\n0\r\n\r\n", "x".repeat(length - 1));
    let trailer = |length: usize| format!("3\r\na=b\r\n0\r\na: {}\r\n\r\n", "x".repeat(length - 5));
    assert_eq!(answer(&extension(1024)), "422", "a form without its fields");
    assert_eq!(answer(&extension(1025)), "400");
    assert_eq!(answer(&trailer(8192)), "422");
    assert_eq!(answer(&trailer(8193)), "400");
    assert_eq!(cut_off(&door, "excessive_body"), 2.0);

    // Without an end, it is refused all the same.
    let mut endless = Wire::to(door.address);
    endless.say(format!("{head}3;"));
    let part = "x".repeat(64 * 1024);
    let said = (0..1_000).take_while(|_| endless.say(&part)).count();
    assert!(said < 1_000, "it took {said} parts");
}

/// From an address of its own among those of this machine.
fn from(client: u8, door: SocketAddr) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address: SocketAddr = (Ipv4Addr::new(127, 0, 0, client), 0).into();
    socket.bind(&address.into()).unwrap();
    socket.connect(&door.into()).unwrap();
    Wire::over(socket.into())
}

fn is_served(wire: &mut Wire) -> bool {
    wire.say(GET);
    wire.hear_some().starts_with("HTTP/1.1 200")
}

/// For connections that send nothing.
const PATIENT: (&str, &str) = ("connections.head_seconds", "600");

#[test]
fn a_client_has_a_share_of_the_connections() {
    let door = Door::with(&[("connections.max_per_client", "3"), PATIENT, METRICS]);
    let open: Vec<_> = (0..3).map(|_| from(2, door.address)).collect();
    wait_until("it has its share", || {
        !is_served(&mut from(2, door.address))
    });
    assert!(cut_off(&door, "too_many_of_client") >= 1.0);
    assert!(is_served(&mut from(3, door.address)), "another client");
    drop(open);
    wait_until("it is served again", || {
        is_served(&mut from(2, door.address))
    });

    let proxy = Door::with(&[
        ("connections.max_per_client", "1"),
        ("proxies.trusted", "127.0.0.2"),
        PATIENT,
    ]);
    let mut open: Vec<_> = (0..5).map(|_| from(2, proxy.address)).collect();
    assert!(open.iter_mut().all(is_served), "a proxy has many clients");
}

#[test]
fn all_clients_together_have_a_limit_and_are_served_again_below_it() {
    let limits = [
        ("connections.max", "4"),
        ("connections.max_per_client", "4"),
    ];
    let door = Door::with(&[limits[0], limits[1], PATIENT]);
    let open: Vec<_> = (2..6).map(|client| from(client, door.address)).collect();
    wait_until("all places are taken", || {
        !is_served(&mut from(7, door.address))
    });
    drop(open);
    wait_until("there is a place again", || {
        is_served(&mut from(7, door.address))
    });
}

#[test]
fn a_process_with_few_descriptors_keeps_some_and_recovers() {
    let place = Place::new();
    let server = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    let program = server.get_program().to_str().unwrap().to_owned();
    let mut command = std::process::Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -Sn 64; ulimit -Hn 168; exec \"$@\"",
            "sh",
            &program,
        ])
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--set",
            "connections.max_per_client=1000",
        ])
        .env_clear()
        .envs(&place.variables)
        .current_dir(place.folder.path());
    let serving = Serving::start(&mut command);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.child.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<_> = files.unwrap().split_whitespace().collect();
    assert_eq!(files[3..5], ["168", "168"], "the soft limit is raised");

    let mut open: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(serving.address).unwrap())
        .collect();
    let mut served = 0;
    for stream in &mut open {
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut answer = [0; 12];
        stream.write_all(GET.as_bytes()).ok();
        served += usize::from(stream.read_exact(&mut answer).is_ok());
    }
    // 128 of 168 are reserved, and each connection may need two: twenty at once.
    assert!((10..150).contains(&served), "{served}");
    drop(open);
    wait_until("it recovers", || {
        let mut wire = Wire::to(serving.address);
        is_served(&mut wire)
    });
    let browser = serving.browser();
    assert_eq!(
        browser.sign_up("ada", "ada@example.com", PASSWORD).status,
        303
    );
}

#[test]
fn a_burst_of_requests_is_counted_in_the_log() {
    let place = Place::new();
    let serving = place.serve();
    let mut wire = Wire::to(serving.address);
    for _ in 0..800 {
        wire.say(GET);
        hear_response(&mut wire);
    }
    let (_, _, log) = serving.end();
    let lines = log
        .lines()
        .filter(|line| line.contains("path=\"/public\""))
        .count();
    let counted = log
        .lines()
        .filter(|line| line.contains("requests without a line of their own"))
        .filter_map(|line| {
            line.split("requests=")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum::<usize>();
    assert!(lines >= 200, "{log}");
    assert_eq!(lines + counted, 800, "{log}");
}

/// A request of every route, with one byte or one part more than it may have.
#[test]
fn no_route_takes_a_byte_too_many() {
    const HEAD_MAX: usize = 128 * 1024;
    const BODY_MAX: usize = 16 * 1024;
    let door = Door::with(&[("connections.max_per_client", "1000")]);
    door.signed_up("ada");
    door.sql("UPDATE accounts SET role = 'administrator'");
    let browser = door.browser();
    browser.sign_in("ada", PASSWORD);
    let bearer = format!("Bearer {}", browser.access());
    door.signed_up("bob");
    let bob = serde_json::json!({"username": "bob", "password": PASSWORD});
    let none = "00000000-0000-4000-8000-000000000000";
    let mut taken = Vec::new();
    for route in doorward::web::listed() {
        let path = ["{file}", "{id}", "{share}"]
            .iter()
            .fold(route.path.to_owned(), |path, name| path.replace(name, none));
        let status = |target: &str, headers: &str, body: &str| {
            let mut wire = Wire::to(door.address);
            wire.say(format!(
                "{} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: */*\r\n{headers}\r\n{body}",
                route.method
            ));
            let (_, answer) = wire.hear_what_comes();
            status_of(&answer).to_owned()
        };
        let line = route.method.len()
            + path.len()
            + "  HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: */*\r\na: \r\n\r\n".len();
        let long = |length: usize| format!("a: {}\r\n", "a".repeat(length - line));
        let headers = |count: usize| (3..count).map(|n| format!("a{n}: 1\r\n")).collect();
        let headers: [String; 2] = [headers(96), headers(97)];
        let address = format!("{path}?{}", "a".repeat(65_534 - path.len()));
        for (what, found, expected) in [
            ("head", status(&path, &long(HEAD_MAX + 1), ""), "431"),
            ("headers", status(&path, &headers[1], ""), "431"),
            ("address", status(&address, "", ""), "400"),
        ] {
            assert_eq!(found, expected, "{what} {} {path}", route.method);
        }
        for (what, found) in [
            ("head", status(&path, &long(HEAD_MAX), "")),
            ("headers", status(&path, &headers[0], "")),
        ] {
            assert!(
                found != "431" && found != "no answer",
                "{what} {} {path}",
                route.method
            );
        }
        if ["GET", "DELETE"].contains(&route.method) {
            // They read no body.
            continue;
        }
        let sent = |bearer: &str, kind: &str, body: &str| {
            let length = body.len();
            let headers = format!(
                "authorization: {bearer}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n"
            );
            status(&path, &headers, body)
        };
        // What is not too much may end this session, or delete the account.
        let sign_in = || {
            let reply = door
                .program(None)
                .send_json("POST", "/api/sessions", &bob)
                .json();
            Some(format!("Bearer {}", reply["access_token"].as_str()?))
        };
        let member = sign_in().or_else(|| {
            door.signed_up("bob");
            sign_in()
        });
        let member = member.unwrap();
        let form = |length: usize| format!("a={}", "a".repeat(length - 2));
        let json = |length: usize| format!("\"{}\"", "a".repeat(length - 2));
        let fields = |count: usize| (0..count).map(|n| format!("a{n}=1&")).collect::<String>();
        let (url_encoded, in_json) = ("application/x-www-form-urlencoded", "application/json");
        for (what, kind, most, more) in [
            ("body", url_encoded, form(BODY_MAX), form(BODY_MAX + 1)),
            ("fields", url_encoded, fields(32), fields(33)),
            ("body", in_json, json(BODY_MAX), json(BODY_MAX + 1)),
        ] {
            let found = sent(&member, kind, &most);
            assert!(
                found != "413" && found != "no answer",
                "{what} {} {path}",
                route.method
            );
            let found = sent(&bearer, kind, &more);
            // Others refuse the request before its body.
            if !["401", "403", "413", "415"].contains(&found.as_str()) {
                taken.push(format!("{} {path} {kind} {what} {found}", route.method));
            }
        }
        let part = |head: &str, content: &str| {
            format!("--x\r\ncontent-disposition: form-data; name=\"a\"{head}\r\n\r\n{content}\r\n")
        };
        let end = "--x--\r\n";
        for (what, kind, body) in [
            (
                "depth",
                in_json,
                format!("{}{}", "[".repeat(200), "]".repeat(200)),
            ),
            (
                "parts",
                "multipart/form-data; boundary=x",
                part("", "").repeat(201) + end,
            ),
            (
                "text",
                "multipart/form-data; boundary=x",
                part("", &"a".repeat(4097)) + end,
            ),
            (
                "head of a part",
                "multipart/form-data; boundary=x",
                part(&format!("\r\na: {}", "a".repeat(70_000)), "") + end,
            ),
        ] {
            let found = sent(&bearer, kind, &body);
            assert!(
                found.starts_with('4'),
                "{found} {what} {} {path}",
                route.method
            );
        }
    }
    assert_eq!(taken, Vec::<String>::new());
    assert_eq!(door.browser().get("/").status, 200);
}

/// Each response among these bytes has the headers of every response.
fn assert_has_headers(answer: &str) {
    for response in answer.split("HTTP/1.1 ").skip(1) {
        for header in [
            "content-security-policy: default-src 'none'; ",
            " frame-ancestors 'none'\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: same-origin\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "cache-control: no-store\r\n",
            "permissions-policy: camera=()",
            "x-request-id: ",
        ] {
            assert!(response.contains(header), "{header} in {answer}");
        }
    }
}

/// Heads that cannot be read, and the status of the answer.
fn unreadable_heads() -> Vec<(Vec<u8>, &'static str)> {
    let mut heads = Vec::new();
    for line in [
        "GET /public HTTP/1.2",
        "GET /public HTTP/2.0",
        "GET /public HTTP/9",
        "GET /public http/1.1",
        "GET /public",
        "GET /public HTTP/1.1 x",
        "GET /< HTTP/1.1",
        "GET http://[ HTTP/1.1",
        "G@T /public HTTP/1.1",
        "GET\t/public HTTP/1.1",
        " GET /public HTTP/1.1",
        "\0",
        "POST /login HTTP/1.0\r\nhost: x",
    ] {
        heads.push((format!("{line}\r\nhost: x\r\n\r\n").into_bytes(), "400"));
    }
    for header in [
        "host: x",
        "a",
        ": a",
        "a b: c",
        "a : b",
        " a: b",
        "a: \0",
        "a: b\rc",
        "content-length: x",
        "content-length: +1",
        "content-length: -1",
        "content-length: 1, 1",
        "content-length: 1\r\ncontent-length: 1",
        "content-length: 18446744073709551616",
        "content-length:",
        "transfer-encoding: gzip",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 1",
    ] {
        let head = format!("POST /login HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n");
        heads.push((head.into_bytes(), "400"));
    }
    let with = |header: &str| format!("GET /public HTTP/1.1\r\n{header}\r\n\r\n").into_bytes();
    let many: String = (0..96).map(|n| format!("a{n}: 1\r\n")).collect();
    let long = "a".repeat(70_000);
    heads.extend([
        (with("a: b"), "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "400"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), "400"),
        (b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), "400"),
        (with(&format!("{many}host: x")), "431"),
        (with(&format!("host: x\r\na: {long}{long}")), "431"),
        (with(&format!("host: x\r\n{long}: a")), "431"),
        (with(&long.repeat(2)), "431"),
    ]);
    let address = format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n");
    heads.push((address.into_bytes(), "400"));
    heads
}

#[test]
fn a_request_that_cannot_be_read_gets_the_headers_of_every_other_wherever_it_comes() {
    let door = Door::with(&[("connections.max_per_client", "1000")]);
    for (head, expected) in unreadable_heads() {
        let shown = String::from_utf8_lossy(&head[..head.len().min(200)]).into_owned();
        let cut = head.len() / 2;
        for before in ["", GET, "HEAD /public HTTP/1.1\r\nhost: x\r\n\r\n"] {
            let whole = [before.as_bytes(), &head].concat();
            // At once; in two pieces; after the response to the request before it.
            for first in [0, before.len() + cut, before.len()] {
                let mut wire = Wire::to(door.address);
                let mut answer = String::new();
                wire.say(&whole[..first]);
                if first > 0 && first == before.len() {
                    answer += &wire.hear_some();
                } else if first > 0 {
                    // The server has read the first piece when it has answered this.
                    door.browser().get("/healthz");
                }
                wire.say(&whole[first..]);
                answer += &wire.hear_what_comes().1;
                let last = answer.rsplit("HTTP/1.1 ").next().unwrap();
                assert!(last.starts_with(expected), "{shown}: {answer}");
                let answers = answer.matches("HTTP/1.1 ").count();
                assert_eq!(
                    answers,
                    if before.is_empty() { 1 } else { 2 },
                    "{shown}: {answer}"
                );
                assert_has_headers(&answer);
                assert!(last.contains("connection: close"), "{shown}: {answer}");
            }
        }
    }
    assert_eq!(door.browser().get("/").status, 200);
}

#[test]
fn whatever_else_is_wrong_with_a_request_its_answer_has_the_headers_of_every_other() {
    let door = Door::with(&[("connections.max_per_client", "1000")]);
    let form = "accept: text/html\r\ncontent-type: application/x-www-form-urlencoded";
    let chunked =
        format!("POST /login HTTP/1.1\r\nhost: x\r\n{form}\r\ntransfer-encoding: chunked");
    for (request, expected) in [
        ("BREW /public HTTP/1.1\r\nhost: x".to_owned(), "405"),
        ("OPTIONS * HTTP/1.1\r\nhost: x".to_owned(), "404"),
        ("- * HTTP/1.1\r\nhost: -".to_owned(), "404"),
        ("TRACE /public HTTP/1.1\r\nhost: x".to_owned(), "405"),
        (
            "GET /public HTTP/1.1\r\nhost: x\r\nexpect: 200-ok".to_owned(),
            "200",
        ),
        ("GET /public HTTP/1.1\r\nhost: <>".to_owned(), "200"),
        ("GET /public HTTP/1.1\r\nhost:".to_owned(), "200"),
        (
            "GET /public HTTP/1.1\r\nhost: x\r\na: \u{e9}".to_owned(),
            "200",
        ),
        ("GET /%ff HTTP/1.1\r\nhost: x".to_owned(), "404"),
        (format!("{chunked}\r\n\r\nz\r\na=b\r\n0"), "400"),
        (
            format!("{chunked}\r\n\r\n11111111111111111\r\na=b\r\n0"),
            "400",
        ),
        (format!("{chunked}\r\n\r\n3\r\na=bc\r\n0"), "400"),
    ] {
        for before in ["", GET] {
            let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            let mut wire = Wire::to(door.address);
            wire.say(format!("{before}{request}\r\n\r\n"));
            let (_, answer) = wire.hear_what_comes();
            let last = answer.rsplit("HTTP/1.1 ").next().unwrap();
            assert!(last.starts_with(expected), "{request}: {answer}");
            assert_has_headers(&answer);
        }
    }
}

#[test]
fn a_request_that_cannot_be_read_is_answered_after_all_before_it_and_has_a_line_in_the_log() {
    let place = Place::new();
    let serving = place.serve();
    let mut wire = Wire::to(serving.address);
    let form = "username=ada&password=canary-wrong";
    let slow = format!(
        "POST /login HTTP/1.1\r\nhost: x\r\naccept: text/html\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    // More than the library takes at once, and one whose password is hashed.
    wire.say(format!(
        "{}{slow}{}GET /< HTTP/1.1\r\n\r\n{GET}",
        GET.repeat(20),
        GET.repeat(20)
    ));
    let (_, answer) = wire.hear_what_comes();
    let statuses: Vec<_> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|one| &one[..3])
        .collect();
    let expected = [vec!["200"; 20], vec!["422"], vec!["200"; 20], vec!["400"]].concat();
    assert_eq!(statuses, expected);
    let (_, _, log) = serving.end();
    let line = log
        .lines()
        .find(|line| line.contains("status=400"))
        .unwrap();
    assert!(line.contains("method=\"-\" path=\"*\""), "{line}");
}

#[test]
fn a_host_that_is_not_of_the_base_url_is_refused() {
    let door = Door::with(&[
        ("base_url", "http://door.example"),
        ("proxies.trusted", "127.0.0.2"),
    ]);
    let status = |client: u8, head: &str| {
        let mut wire = from(client, door.address);
        wire.say(format!("{head}\r\nconnection: close\r\n\r\n"));
        status_of(&wire.hear()).to_owned()
    };
    for (client, head, expected) in [
        (1, "GET /public HTTP/1.1\r\nhost: door.example", "200"),
        (1, "GET /public HTTP/1.1\r\nhost: DOOR.example:80", "200"),
        (1, "GET /public HTTP/1.1\r\nhost: evil.example", "421"),
        (1, "GET /public HTTP/1.1\r\nhost: door.example:8080", "421"),
        (
            1,
            "GET http://door.example/public HTTP/1.1\r\nhost: evil.example",
            "200",
        ),
        (
            1,
            "GET http://evil.example/public HTTP/1.1\r\nhost: door.example",
            "421",
        ),
        (1, "GET /public HTTP/1.0", "200"),
        (1, "GET /healthz HTTP/1.1\r\nhost: 10.0.0.7", "200"),
        (1, "GET /readyz HTTP/1.1\r\nhost: 10.0.0.7", "200"),
        (
            1,
            "GET /static/nothing HTTP/1.1\r\nhost: evil.example",
            "421",
        ),
        // Only a proxy of ours may say what was asked for.
        (
            1,
            "GET /public HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: door.example",
            "421",
        ),
        (
            1,
            "GET /public HTTP/1.1\r\nhost: door.example\r\nx-forwarded-host: evil.example",
            "200",
        ),
        (
            2,
            "GET /public HTTP/1.1\r\nhost: 10.0.0.7\r\nx-forwarded-host: door.example",
            "200",
        ),
        (
            2,
            "GET /public HTTP/1.1\r\nhost: door.example\r\nx-forwarded-host: evil.example",
            "421",
        ),
        (2, "GET /public HTTP/1.1\r\nhost: door.example", "200"),
    ] {
        assert_eq!(status(client, head), expected, "{client} {head}");
    }
    let page = door.browser().with("host", "evil.example").get("/login");
    assert_eq!(page.status, 421);
    assert_eq!(page.heading(), "This is another site", "{}", page.body);
    assert!(page.header("content-security-policy").is_some());
    // Without the setting every host may be the site's.
    let plain = Door::open();
    let other = Browser::sending(&plain.local_url(), &[("host", "door.test")]);
    assert_eq!(other.get("/public").status, 200);
}

#[test]
fn a_panic_is_answered_with_500_and_the_server_goes_on() {
    let door = Door::open();
    let ada = door.signed_up("ada");
    // Times in milliseconds do not fit in 64 bits any more: an addition or a multiplication panics.
    let far = i64::MAX - crate::support::NOON;
    door.let_pass(far);
    let visitor = door.browser();
    let panicked = visitor.post("/inspect", &[("token", "opaque")]);
    assert_eq!(panicked.status, 500, "{}", panicked.body);
    assert!(panicked.header("content-security-policy").is_some());
    assert_eq!(panicked.heading(), "Something went wrong");
    door.let_pass(-far);
    assert_eq!(visitor.post("/inspect", &[("token", "opaque")]).status, 200);
    assert!(ada.is_signed_in());
}
