//! `doorward serve`

use std::net::TcpListener;

use futures_util::future::poll_immediate;
use secrecy::{ExposeSecret, SecretString};

use super::{log, say, wait};
use crate::app::{self, Ground};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{BaseUrl, Config};

pub fn run(config: Config) -> Result<(), Fault> {
    let _log = log::start(&config.log);
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
