//! `doorward serve`

use std::io::BufWriter;
use std::net::TcpListener;

use futures_util::future::poll_immediate;
use secrecy::{ExposeSecret, SecretString};
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{say, wait};
use crate::app::{self, Ground};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{BaseUrl, Config, LogConfig, LogFormat};

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
        let mut server = ready.server;
        // Its first turn starts the workers and hears signals; it is not ready before.
        let ended = match poll_immediate(&mut server).await {
            Some(ended) => ended,
            None => {
                tell(&ready.base_url, ready.first_administrator);
                tracing::info!(listen = %ready.address, base_url = ready.base_url.as_str(), "ready");
                server.await
            }
        };
        ended.map_err(|error| Fault::caused("the server stopped", error))?;
        ready.db.settle().await
    })
}

fn tell(base_url: &BaseUrl, first_administrator: Option<SecretString>) {
    say(format_args!("Doorward is ready at {}", base_url.as_str()));
    if let Some(link) = first_administrator {
        say(
            "There is no administrator yet. This link makes the one who opens it the administrator, once:",
        );
        say(format_args!("  {}", link.expose_secret()));
    }
}

/// Lines on stderr, so that what a person should read stands alone on stdout. A thread of its
/// own writes them, many at a time when there are many; the guard writes the last ones.
///
/// Ours, and what the listener has to say of itself. No other crate's: actix writes an error for
/// every byte that is no HTTP, and at `trace` nobody answers for what stands in their lines.
fn start_log(config: &LogConfig) -> WorkerGuard {
    let stderr = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (lines, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES_WAITING)
        .lossy(false)
        .finish(stderr);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(lines)
        .with_target(false);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let which = Targets::new()
        .with_target("doorward", config.level)
        .with_target("actix_server", config.level.min(Level::WARN));
    tracing_subscriber::registry()
        .with(which)
        .with(lines)
        .init();
    guard
}
