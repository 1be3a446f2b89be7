//! Servers and their clients.

use std::thread;
use std::time::{Duration, Instant};

pub mod browser;
pub mod door;
pub mod log;
pub mod multipart;
pub mod place;
#[cfg(feature = "postgres")]
pub mod relay;
pub mod tools;
pub mod wire;

pub use browser::{Browser, FormOnPage, Reply};
pub use door::{Door, Schema, binary};
pub use multipart::Multipart;
pub use place::{Place, Ran, Serving};
pub use tools::tool;
pub use wire::{Wire, status_of};

/// Every password in the tests begins with this word, so that a log can be searched for it.
pub const PASSWORD: &str = "canary-brine-lamp-44";
/// What the clock of a test's server shows when it opens.
pub const NOON: i64 = 1_800_000_000;

/// As long as an address can be.
pub fn longest_email() -> String {
    let domain = ["b".repeat(63), "c".repeat(63), "d".repeat(58)].join(".");
    format!("{}@{domain}", "a".repeat(64))
}

/// Waits until the condition holds; only a failing test takes this long.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        // Looking again and again would take the time of what is waited for.
        let pause = start.elapsed() / 10;
        thread::sleep(pause.clamp(Duration::from_millis(1), Duration::from_millis(50)));
    }
}

/// How far two samples are from being drawn from the same distribution: the standard score of
/// Wilcoxon's rank sum.
pub fn rank_score(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let ranks = all.iter().enumerate();
    let sum: usize = ranks
        .filter(|(_, (_, is_one))| *is_one)
        .map(|(at, _)| at + 1)
        .sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let expected = n * (n + m + 1.0) / 2.0;
    (sum as f64 - expected) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
