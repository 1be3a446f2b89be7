//! `doorward serve`

use std::io::BufWriter;
use std::net::TcpListener;

use secrecy::ExposeSecret;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use super::wait;
use crate::app::{self, Ground};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{Config, LogConfig, LogFormat};

const LOG_BUFFER_BYTES: usize = 32 * 1024;
/// Each costs memory from the start. When all are taken, requests wait: no line is lost.
const LOG_LINES_WAITING: usize = 4096;

pub fn run(config: Config) -> Result<(), Fault> {
    let _log = start_log(&config.log);
    // Before anything is made, so that a second server on the same port touches nothing.
    let listener = TcpListener::bind(config.listen)
        .map_err(|error| Fault::caused(format!("cannot listen on {}", config.listen), error))?;
    let ground = Ground::prepare(config, Clock::System)?;
    wait(async {
        let ready = app::start(ground, listener).await?;
        println!("Doorward is ready at {}", ready.base_url.as_str());
        if let Some(link) = ready.first_administrator {
            println!(
                "There is no administrator yet. This link makes the one who opens it the administrator, once:"
            );
            println!("  {}", link.expose_secret());
        }
        ready
            .server
            .await
            .map_err(|error| Fault::caused("the server stopped", error))
    })
}

/// Lines on stderr, so that what a person should read stands alone on stdout. A thread of its
/// own writes them, many at a time when there are many; the guard writes the last ones.
fn start_log(config: &LogConfig) -> WorkerGuard {
    let stderr = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (lines, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES_WAITING)
        .lossy(false)
        .finish(stderr);
    let log = tracing_subscriber::fmt()
        .with_max_level(config.level)
        .with_writer(lines)
        .with_target(false);
    match config.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    guard
}
