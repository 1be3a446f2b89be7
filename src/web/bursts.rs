//! Which requests get a log line of their own.
//!
//! A client that sends thousands of requests a second would fill the disk with lines. So each
//! client gets a few lines a second for each status, and so do all clients together; other requests
//! are counted, and logged by status as one line a second.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connections::Block;
use crate::base::clock::Stopwatch;

const WINDOW: Duration = Duration::from_secs(1);
/// Limit of all clients. At some 125 bytes each, 11 GB a day.
const LINES: usize = 1_000;
/// Limit of one client and status.
const LINES_OF_CLIENT: usize = 200;
/// For requests that were refused because there were too many, or that were meant for another
/// server.
const LINES_OF_REFUSED: usize = 1;
const REFUSED: [u16; 2] = [421, 429];

pub struct Bursts(Mutex<Window>);

struct Window {
    began: Stopwatch,
    lines: usize,
    /// At most [`LINES`] of them.
    of_clients: HashMap<(u16, Option<Block>), usize>,
    counted: BTreeMap<u16, usize>,
}

impl Default for Bursts {
    fn default() -> Self {
        Self(Mutex::new(Window {
            began: Stopwatch::start(),
            lines: 0,
            of_clients: HashMap::new(),
            counted: BTreeMap::new(),
        }))
    }
}

impl Bursts {
    /// Whether a request gets a log line of its own; otherwise it is counted.
    pub fn has_line(&self, status: u16, client: Option<Block>) -> bool {
        let mut window = self.window();
        if window.began.elapsed() >= WINDOW {
            window.close();
        }
        let most = if REFUSED.contains(&status) {
            LINES_OF_REFUSED
        } else {
            LINES_OF_CLIENT
        };
        if window.lines < LINES {
            let of_client = window.of_clients.entry((status, client)).or_default();
            if *of_client < most {
                *of_client += 1;
                window.lines += 1;
                return true;
            }
        }
        *window.counted.entry(status).or_default() += 1;
        false
    }

    /// Logs the counts of a window that has ended.
    pub fn flush(&self) {
        let mut window = self.window();
        if window.began.elapsed() >= WINDOW {
            window.close();
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn close(&mut self) {
        for (status, requests) in std::mem::take(&mut self.counted) {
            tracing::info!(status, requests, "requests without a line of their own");
        }
        self.began = Stopwatch::start();
        self.lines = 0;
        self.of_clients.clear();
    }
}

impl Drop for Bursts {
    fn drop(&mut self) {
        self.window().close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_limited_for_each_client_and_in_all() {
        let bursts = Bursts::default();
        let client = |n: u32| Some(Block::of(std::net::Ipv4Addr::from(n).into()));
        let lines = |status, client| {
            let lines = (0..300).filter(|_| bursts.has_line(status, client));
            lines.count()
        };
        assert_eq!(lines(200, client(1)), LINES_OF_CLIENT);
        assert_eq!(lines(404, client(1)), LINES_OF_CLIENT);
        assert_eq!(lines(200, client(2)), LINES_OF_CLIENT);
        assert_eq!(lines(429, client(2)), LINES_OF_REFUSED);
        let others: usize = (3..100).map(|n| lines(200, client(n))).sum();
        assert_eq!(others, LINES - 3 * LINES_OF_CLIENT - LINES_OF_REFUSED);
        assert_eq!(bursts.window().lines, LINES);
        let counted: usize = bursts.window().counted.values().sum();
        assert_eq!(counted, 101 * 300 - LINES);
    }
}
