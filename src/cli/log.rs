//! Writes the log to stderr: lines are gathered, and a thread writes them together.
//!
//! A system call for each line would be the main cost of logging a request. Note: a line is written
//! up to [`WRITE_EVERY`] late, so the last lines are lost when the process is killed outright.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{mem, thread};

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

const WRITE_EVERY: Duration = Duration::from_millis(20);
const WAITING_MAX_BYTES: usize = 256 * 1024;

/// Logs until the result is dropped, which writes the last lines.
///
/// Contains our own lines, and warnings of the listener. Lines of other crates are left out: actix
/// writes an error for every byte that is not HTTP, and at `trace` its lines may contain secrets.
pub fn start(config: &LogConfig) -> impl Drop + use<> {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .with_target(false);
    let layer = match config.format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let which = Targets::new()
        .with_target("doorward", config.level)
        .with_target("actix_server", config.level.min(Level::WARN));
    tracing_subscriber::registry()
        .with(which)
        .with(layer)
        .init();
    let behind = lines.clone();
    thread::spawn(move || behind.write_for_ever());
    Last(lines)
}

/// Lines that wait to be written.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self) {
        let mut written = Vec::new();
        loop {
            let mut waiting = self.waiting();
            while waiting.is_empty() {
                waiting = self
                    .0
                    .1
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            drop(waiting);
            thread::sleep(WRITE_EVERY);
            mem::swap(&mut written, &mut *self.waiting());
            // A failure to write the log cannot be logged.
            io::stderr().write_all(&written).ok();
            written.clear();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.waiting();
        if waiting.len() > WAITING_MAX_BYTES {
            // A thread that logs faster than stderr accepts waits: no line is dropped.
            io::stderr().write_all(&mem::take(&mut *waiting)).ok();
        }
        if waiting.is_empty() {
            self.0.1.notify_one();
        }
        waiting.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Last(Lines);

impl Drop for Last {
    fn drop(&mut self) {
        io::stderr()
            .write_all(&mem::take(&mut *self.0.waiting()))
            .ok();
    }
}
