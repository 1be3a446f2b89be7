//! A name with an account and one without, limited or not, get the same answer in the same time.

use std::time::Instant;

use super::{WRONG, basic_of, signs_in};
use crate::support::{Browser, Door, Reply, rank_score};

/// One with an account, and one without. Their lengths are equal.
const NAMES: [&str; 2] = ["hanna", "nobod"];
const ATTEMPTS: usize = 200;

type Way<'a> = &'a dyn Fn(&Browser, &str) -> Reply;

/// What a client can observe, except the time and what differs from answer to answer.
fn observed(reply: &Reply, name: &str) -> String {
    let mut body = reply.body.replace(name, "NAME");
    let id = reply.header("x-request-id").unwrap();
    body = body.replace(id, "ID");
    if let Some(token) = reply.attribute("[name=form_token]", "value") {
        body = body.replace(&token, "TOKEN");
    }
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date", "set-cookie"].contains(&name.as_str()));
    let headers: Vec<_> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    format!("{} {headers:?} {}", reply.status, body)
}

/// The times of both names, in microseconds. They take turns, so that other work on the machine
/// meets both.
fn times(program: &Browser, status: u16) -> [Vec<u64>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for attempt in 0..ATTEMPTS {
        for turn in 0..2 {
            let which = (attempt + turn) % 2;
            let start = Instant::now();
            let reply = signs_in(program, NAMES[which], WRONG);
            let took = start.elapsed().as_micros();
            assert_eq!(reply.status, status, "{attempt} {}", NAMES[which]);
            times[which].push(u64::try_from(took).unwrap());
        }
    }
    times
}

#[track_caller]
fn are_alike([known, unknown]: &[Vec<u64>; 2]) {
    // One of 15,000 runs is further away by chance.
    let score = rank_score(known, unknown);
    assert!(score.abs() < 4.0, "{score}: {known:?} {unknown:?}");
}

#[test]
fn an_account_is_told_by_neither_time_nor_answer_limited_or_not() {
    let ways: [(&str, Way<'_>); 4] = [
        ("JSON", &|client, name| signs_in(client, name, WRONG)),
        ("Basic", &|client, name| {
            client
                .with("authorization", &basic_of(name, WRONG))
                .post("/api/sessions", &[])
        }),
        ("form", &|client, name| {
            let client = client.with("accept", "text/html");
            client.post("/login", &[("username", name), ("password", WRONG)])
        }),
        ("link", &|client, name| {
            let sent = [("username", name), ("password", WRONG), ("deliver", "link")];
            client.post("/login", &sent)
        }),
    ];
    let all = ATTEMPTS + ways.len() + 10;
    let door = Door::with(&[("limits.account", &format!("{all}/1h"))]);
    door.signed_up(NAMES[0]);
    let program = door.program(None);
    let is_told_by_no_way = |status: u16| {
        for (way, send) in &ways {
            let heard = NAMES.map(|name| {
                let reply = send(&program, name);
                let refused = [status, if status == 401 { 422 } else { status }];
                assert!(refused.contains(&reply.status), "{way} {}", reply.body);
                observed(&reply, name)
            });
            assert_eq!(heard[0], heard[1], "{way}");
        }
    };
    is_told_by_no_way(401);
    for name in NAMES {
        // What is done once is done before anything is measured.
        (0..5).for_each(|_| drop(signs_in(&program, name, WRONG)));
    }
    are_alike(&times(&program, 401));
    for name in NAMES {
        (0..5).for_each(|_| drop(signs_in(&program, name, WRONG)));
    }
    is_told_by_no_way(429);
    are_alike(&times(&program, 429));
}
