//! The load benchmark: the cost of a guarded page and of a sign-in, compared with bare
//! handlers.
//!
//! Starts the release server as an operator would, and a bare actix handler that sends the same
//! bytes with the same headers; `wrk` loads them in turns, so that other load on the machine
//! affects both. CPU time per request is the reliable figure: other load changes requests per
//! second, but not CPU time.
//!
//! Run it with `scripts/bench`. Progress goes to stderr, the result to stdout, as Markdown.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and may panic; nothing of it is in the product"
)]

mod bare;
mod http;
mod process;
mod report;
mod wrk;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::{Answer, Connection, Request};
use process::Server;
use wrk::Load;

const BCRYPT_COST: u32 = 12;
const STARTS: usize = 5;
const HASHES_A_BATCH: u32 = 4;
const PARALLEL_SIGN_INS: usize = 4;

const USERNAME: &str = "bench";
const PASSWORD: &str = "canary heron 7341 lantern";

/// How long to measure.
struct Plan {
    rounds: usize,
    seconds: u64,
    /// How many tokens are sent twice: fewer than the server caches.
    tokens: usize,
}

fn main() {
    // `cargo bench` itself passes `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => measure(&Plan {
            rounds: 5,
            seconds: 5,
            tokens: 1500,
        }),
        ["--quick"] => measure(&Plan {
            rounds: 1,
            seconds: 1,
            tokens: 300,
        }),
        [bare::FLAG, address, workers, recorded] => bare::serve(address, workers, recorded),
        _ => {
            eprintln!("usage: scripts/bench [--quick]");
            std::process::exit(2);
        }
    }
}

fn measure(plan: &Plan) {
    let home = tempfile::tempdir().expect("a folder for the server's data");
    let script = wrk::write_script(home.path());

    note("starting Doorward on a new database, then on the existing one");
    drop(Server::doorward(home.path(), BCRYPT_COST));
    let mut ready_ms = Vec::new();
    let mut server = None;
    for _ in 0..STARTS {
        server = None; // the last one is stopped before the next is timed
        let started = server.insert(Server::doorward(home.path(), BCRYPT_COST));
        ready_ms.push(started.ready_after.as_secs_f64() * 1e3);
    }
    let server = server.expect("STARTS is not 0");

    sign_up(&server);
    let access = sign_in(&server).expect("the first sign-in is let in");
    let guarded_page = Request::get("/account/password").header("Cookie", &access);
    let page = guarded_page.send(server.address).must_be(200);
    let bare = bare::start(home.path(), server.workers(), &page);
    // The same request in every byte but the path.
    let root = Request::get("/").header("Cookie", &access);
    bare::check(&page, &root.send(bare.address).must_be(200));

    let load = |request: &Request, server: &Server, seconds: u64| {
        let before = server.cpu();
        let mut load = wrk::run(&script, server.address, request, seconds);
        load.cpu_us = (server.cpu() - before).as_secs_f64() * 1e6 / load.requests;
        assert!(
            load.bytes_a_response >= page.body.len() as f64,
            "{} was not answered with the page: {load:?}",
            request.path
        );
        load
    };

    let (mut guarded, mut plain) = (Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        // The first round only warms both up.
        let seconds = if round == 0 { 1 } else { plan.seconds };
        note(&format!(
            "guarded page and bare handler, round {round} of {}",
            plan.rounds
        ));
        let mut pair = [(&guarded_page, &server), (&root, &bare)];
        let swapped = round % 2 == 1;
        if swapped {
            pair.reverse(); // each goes first as often as the other
        }
        let mut loads = pair.map(|(request, server)| load(request, server, seconds));
        if swapped {
            loads.reverse();
        }
        let [of_guarded, of_bare] = loads;
        if round > 0 {
            guarded.push(of_guarded);
            plain.push(of_bare);
        }
    }
    let memory_after_pages = server.memory();

    let mut seen = Seen::default();
    for round in 1..=plan.rounds {
        note(&format!(
            "tokens seen for the first time and again, round {round} of {}",
            plan.rounds
        ));
        // A server with an empty cache: a full one caches a new token from its second use on.
        let fresh = Server::doorward(home.path(), BCRYPT_COST);
        let tokens = tokens(&fresh, plan.tokens);
        seen.first_us.push(show_each(&fresh, &tokens));
        seen.again_us.push(show_each(&fresh, &tokens));
    }

    let mut hash_ms = vec![one_hash_ms()];
    note("sign-ins, one after the other");
    let in_turn = sign_ins(&server, 1, 2 * plan.seconds, || ());
    hash_ms.push(one_hash_ms());
    note(&format!("sign-ins, {PARALLEL_SIGN_INS} at a time"));
    let parallel = sign_ins(&server, PARALLEL_SIGN_INS, 2 * plan.seconds, || ());
    hash_ms.push(one_hash_ms());
    note("the guarded page, while people sign in");
    let mut meanwhile = None;
    let beside = sign_ins(&server, PARALLEL_SIGN_INS, plan.seconds, || {
        meanwhile = Some(load(&guarded_page, &server, plan.seconds));
    });

    report::print(&report::Figures {
        guarded,
        plain,
        hash_ms: median(hash_ms),
        in_turn,
        parallel,
        beside,
        meanwhile: meanwhile.expect("the load ran"),
        seen,
        memory_after_pages,
        memory: server.memory(),
        ready_ms,
        workers: server.workers(),
        page_bytes: page.body.len(),
    });
}

fn sign_up(server: &Server) {
    let form = [
        ("username", USERNAME),
        ("email", "bench@example.org"),
        ("password", PASSWORD),
    ];
    let answer = Request::post_form("/signup", &form).send(server.address);
    assert!(
        matches!(answer.status, 200..=399),
        "sign up was refused: {answer:?}"
    );
}

/// Signs in as a browser's form does and returns the access cookie as `name=value`, or `None` if
/// the server is busy.
fn sign_in(server: &Server) -> Option<String> {
    let form = [("username", USERNAME), ("password", PASSWORD)];
    let answer: Answer = Request::post_form("/login", &form).send(server.address);
    if answer.status == 503 {
        return None;
    }
    let cookie = answer.must_be(303).cookie("doorward_access");
    Some(cookie.expect("signing in sets the access cookie"))
}

/// The server's CPU time for a guarded page with a token that it sees for the first time, which it has
/// to verify, and with one that it has cached.
#[derive(Default)]
pub struct Seen {
    pub first_us: Vec<f64>,
    pub again_us: Vec<f64>,
}

/// Valid access tokens of one session.
fn tokens(server: &Server, count: usize) -> Vec<String> {
    let json = |path: &str, body: String| {
        let answer = Request::post(path, "application/json", body).send(server.address);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON")
    };
    let body = serde_json::json!({"username": USERNAME, "password": PASSWORD});
    let mut granted = json("/api/sessions", body.to_string());
    (0..count)
        .map(|_| {
            let body = serde_json::json!({"refresh_token": granted["refresh_token"]});
            granted = json("/api/tokens/refresh", body.to_string());
            granted["access_token"]
                .as_str()
                .expect("a token")
                .to_owned()
        })
        .collect()
}

/// Opens the guarded page once with each, and returns the server's CPU time for one.
fn show_each(server: &Server, tokens: &[String]) -> f64 {
    let mut connection = Connection::to(server.address);
    let requests: Vec<_> = tokens
        .iter()
        .map(|token| {
            Request::get("/account/password").header("Authorization", &format!("Bearer {token}"))
        })
        .collect();
    let before = server.cpu();
    for request in &requests {
        connection.send(request).must_be(200);
    }
    (server.cpu() - before).as_secs_f64() * 1e6 / tokens.len() as f64
}

/// The sign-ins of some seconds.
pub struct SignIns {
    pub a_second: f64,
    pub median_ms: f64,
    /// The server's CPU time for each, including its other work meanwhile.
    pub cpu_ms: f64,
    pub turned_away: u32,
}

/// Signs in repeatedly in `parallel` threads, and runs `beside` on this one meanwhile.
fn sign_ins(server: &Server, parallel: usize, seconds: u64, beside: impl FnOnce()) -> SignIns {
    let over = AtomicBool::new(false);
    let turned_away = AtomicU32::new(0);
    let took_ms = Mutex::new(Vec::new());
    let (start, cpu) = (Instant::now(), server.cpu());
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    match sign_in(server) {
                        Some(_) => took_ms
                            .lock()
                            .unwrap()
                            .push(asked.elapsed().as_secs_f64() * 1e3),
                        None => {
                            turned_away.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(100));
                        }
                    }
                }
            });
        }
        beside();
        std::thread::sleep(Duration::from_secs(seconds).saturating_sub(start.elapsed()));
        over.store(true, Ordering::Relaxed);
    });
    let took_ms = took_ms.into_inner().unwrap();
    let count = took_ms.len() as f64;
    SignIns {
        a_second: count / start.elapsed().as_secs_f64(),
        median_ms: median(took_ms),
        cpu_ms: (server.cpu() - cpu).as_secs_f64() * 1e3 / count,
        turned_away: turned_away.into_inner(),
    }
}

/// The CPU time of one bcrypt hash alone, at the server's cost.
fn one_hash_ms() -> f64 {
    let before = process::cpu("self");
    for _ in 0..HASHES_A_BATCH {
        bcrypt::hash(PASSWORD, BCRYPT_COST).expect("the cost is one bcrypt knows");
    }
    (process::cpu("self") - before).as_secs_f64() * 1e3 / f64::from(HASHES_A_BATCH)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// The median of one figure over the rounds.
pub fn median_of(loads: &[Load], figure: fn(&Load) -> f64) -> f64 {
    median(loads.iter().map(figure).collect())
}

fn note(progress: &str) {
    eprintln!("bench: {progress}");
}
