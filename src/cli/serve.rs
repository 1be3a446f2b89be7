//! `doorward serve`

use std::net::TcpListener;

use secrecy::ExposeSecret;

use super::wait;
use crate::app::{self, Ground};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{Config, LogConfig, LogFormat};

pub fn run(config: Config) -> Result<(), Fault> {
    start_log(&config.log);
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

/// Lines on stderr, so that what a person should read stands alone on stdout.
fn start_log(config: &LogConfig) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(config.level)
        .with_writer(std::io::stderr)
        .with_target(false);
    match config.format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
