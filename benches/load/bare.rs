//! The reference for the guarded page: an actix handler that sends a recorded response and does
//! nothing else, in a separate process (this same program, started again).

use std::path::Path;
use std::process::Command;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

use crate::http::Answer;
use crate::process::{Server, free_address};

pub const FLAG: &str = "--bare";

/// Headers that actix itself writes into every response, or that belong to the recorded connection.
const NOT_REPEATED: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

pub fn start(home: &Path, workers: usize, answer: &Answer) -> Server {
    let recorded = home.join("guarded.http");
    std::fs::write(&recorded, &answer.bytes).expect("the recorded answer can be kept");
    let address = free_address();
    let mut command = Command::new(std::env::current_exe().expect("the benchmark's own path"));
    command
        .arg(FLAG)
        .arg(address.to_string())
        .arg(workers.to_string())
        .arg(recorded);
    Server::start(command, address, "/")
}

pub fn serve(address: &str, workers: &str, recorded: &str) {
    let answer = Answer::parse(std::fs::read(recorded).expect("the recorded answer"));
    let headers: Vec<(HeaderName, HeaderValue)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !NOT_REPEATED.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.parse().expect("a header's name"),
                value.parse().expect("its value"),
            )
        })
        .collect();
    let body = Bytes::from(answer.body);
    let server = HttpServer::new(move || {
        let (headers, body) = (headers.clone(), body.clone());
        App::new().route(
            "/",
            web::get().to(move || {
                let mut response = HttpResponse::Ok();
                for (name, value) in &headers {
                    response.append_header((name.clone(), value.clone()));
                }
                let response = response.body(body.clone());
                async { response }
            }),
        )
    });
    let server = server
        .workers(workers.parse().expect("a number of workers"))
        .bind(address)
        .expect("a free port");
    actix_web::rt::System::new()
        .block_on(server.run())
        .expect("the bare server runs");
}

/// Panics unless both answers have the same body and the same headers.
pub fn check(guarded: &Answer, bare: &Answer) {
    let comparable = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        headers
    };
    assert_eq!(
        comparable(guarded),
        comparable(bare),
        "the bare handler's headers are not the guarded page's"
    );
    assert!(
        guarded.body == bare.body,
        "the bare handler's body is not the guarded page's"
    );
}
