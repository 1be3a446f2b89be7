//! SIGTERM while clients are busy: what was sent is answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Place, wait_until};

const GET: &str = "GET /public HTTP/1.1\r\nhost: x\r\n\r\n";

fn post() -> String {
    let body = r#"{"username": "ada", "password": "canary-no"}"#;
    let head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The next response on a connection, whole; `None` when the connection ended without one.
fn hear(stream: &mut TcpStream) -> Option<String> {
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&heard).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return Some(text);
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => heard.extend_from_slice(&piece[..read]),
        }
    }
}

fn closes(response: &str) -> bool {
    response.contains("\r\nconnection: close\r\n")
}

/// Asks on a connection until its response closes it.
fn wait_until_it_stops(stream: &mut TcpStream) {
    loop {
        stream.write_all(GET.as_bytes()).unwrap();
        if closes(&hear(stream).expect("a response")) {
            return;
        }
    }
}

#[derive(Default)]
struct Told {
    answered: AtomicUsize,
    closed: AtomicUsize,
    /// When each request without a response had been sent whole, and whether it was the first on
    /// its connection.
    lost: Mutex<Vec<(Instant, bool)>>,
}

/// Asks until nobody listens any more; on one connection for as long as that is kept open, or on
/// a new one each time.
fn ask(address: SocketAddr, request: &str, keeps: bool, told: &Told) {
    let mut kept = None;
    loop {
        let is_first = kept.is_none();
        let stream = match kept.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(address),
        };
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            Err(error) => panic!("{error}"),
        };
        let sent = stream.write_all(request.as_bytes());
        let moment = Instant::now();
        let response = sent.ok().and_then(|()| hear(&mut stream));
        match response {
            Some(response) => {
                told.answered.fetch_add(1, Ordering::Relaxed);
                if closes(&response) {
                    told.closed.fetch_add(1, Ordering::Relaxed);
                } else if keeps {
                    kept = Some(stream);
                }
            }
            None => told.lost.lock().unwrap().push((moment, is_first)),
        }
    }
}

#[test]
fn no_request_that_was_sent_before_sigterm_or_on_a_new_connection_is_lost() {
    let place = Place::new();
    for _ in 0..3 {
        let mut serving = place.serve();
        let (address, told, post) = (serving.address, Told::default(), post());
        let mut stopped_at = Instant::now();
        std::thread::scope(|scope| {
            for n in 0..24 {
                let request = if n % 2 == 0 { GET } else { &post };
                let told = &told;
                scope.spawn(move || ask(address, request, n % 3 != 0, told));
            }
            wait_until("clients are busy", || {
                told.answered.load(Ordering::Relaxed) > 300
            });
            stopped_at = Instant::now();
            serving.signal(Signal::TERM);
        });
        let (status, _, stderr) = serving.rest();
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(stopped_at.elapsed() < Duration::from_secs(10));
        assert!(
            told.closed.load(Ordering::Relaxed) > 0,
            "responses while stopping close their connection"
        );
        let lost = told.lost.into_inner().unwrap();
        let lost = lost.iter().filter(|(sent, is_first)| {
            // New connections can be held off on Linux alone.
            *sent < stopped_at + Duration::from_secs(1) || (*is_first && cfg!(target_os = "linux"))
        });
        assert_eq!(lost.count(), 0, "of {:?}", told.answered);
    }
}

#[test]
fn an_idle_connection_gets_its_next_response_while_the_server_stops_and_is_closed_with_it() {
    let place = Place::new();
    let mut serving = place.serve();
    let mut idle: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(serving.address).unwrap();
            stream.write_all(GET.as_bytes()).unwrap();
            assert!(!closes(&hear(&mut stream).unwrap()));
            stream
        })
        .collect();
    let (mut silent, mut asked) = (idle.split_off(15), idle.pop().unwrap());
    serving.signal(Signal::TERM);
    wait_until_it_stops(&mut asked);
    for stream in &mut idle {
        stream.write_all(GET.as_bytes()).unwrap();
        let response = hear(stream).expect("a response");
        assert!(closes(&response), "{response}");
        assert_eq!(hear(stream), None);
    }
    // Who says nothing is not reset.
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(serving.rest().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_what_the_first_waits_for() {
    let place = Place::new();
    let mut serving = place.serve();
    let mut slow = TcpStream::connect(serving.address).unwrap();
    let head =
        "POST /signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded";
    slow.write_all(format!("{head}\r\ncontent-length: 12\r\n\r\n").as_bytes())
        .unwrap();
    let mut asked = TcpStream::connect(serving.address).unwrap();
    let began = Instant::now();
    serving.signal(Signal::TERM);
    wait_until_it_stops(&mut asked);
    serving.signal(Signal::TERM);
    assert_eq!(serving.rest().0.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "not in ten seconds"
    );
}
