//! `doorward serve`

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{Either, join, poll_immediate, select};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{log, say, wait};
use crate::app::{self, Listening, Services};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::config::{BaseUrl, Config};

pub fn run(config: Config) -> Result<(), Fault> {
    let _log = log::start(&config.log);
    // Listens before anything is created, so that a second server on the same port changes nothing.
    let listening = Listening::start(&config.listen)?;
    let services = Services::prepare(config, Clock::System)?;
    wait(async {
        let mut signals = Signals::catch()?;
        let server = app::start(services, listening, Some(|line| say(line))).await?;
        server.db.keep_reserve();
        let mut http = server.http;
        // The first poll starts the workers.
        let ended = match poll_immediate(&mut http).await {
            Some(ended) => ended,
            None => {
                tell(&server.base_url, server.first_administrator);
                tracing::info!(listen = %server.listening, base_url = server.base_url.as_str(), "ready");
                if let Some(address) = server.metrics {
                    tracing::info!(%address, "metrics are served at /metrics");
                }
                let handle = http.handle();
                let is_finishing = Cell::new(false);
                let stopped = async {
                    if signals.next().await == Told::ToFinish {
                        is_finishing.set(true);
                        let answered = async {
                            server.drain.run().await;
                            handle.stop(true).await;
                        };
                        let finished = join(answered, server.jobs.finish());
                        // A second signal stops at once.
                        select(pin!(finished), pin!(signals.next())).await;
                    }
                };
                match select(http, pin!(stopped)).await {
                    // The jobs may need longer than the connections.
                    Either::Left((ended, stopped)) if is_finishing.get() => {
                        stopped.await;
                        ended
                    }
                    Either::Left((ended, _)) => ended,
                    // Dropping it closes the connections that are still open.
                    Either::Right(((), http)) => {
                        drop(http);
                        Ok(())
                    }
                }
            }
        };
        ended.map_err(|error| Fault::caused("the server stopped", error))?;
        drop(server.jobs);
        server.db.settle().await;
        Ok(())
    })
}

/// The stop that a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    ToFinish,
    ToStopAtOnce,
}

struct Signals {
    terminate: Signal,
    others: [Signal; 2],
}

impl Signals {
    fn catch() -> Result<Self, Fault> {
        let catch = |kind| signal(kind).map_err(|error| Fault::caused("catch signals", error));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            others: [catch(SignalKind::interrupt())?, catch(SignalKind::quit())?],
        })
    }

    async fn next(&mut self) -> Told {
        poll_fn(|cx| {
            if self.terminate.poll_recv(cx).is_ready() {
                return Poll::Ready(Told::ToFinish);
            }
            for other in &mut self.others {
                if other.poll_recv(cx).is_ready() {
                    return Poll::Ready(Told::ToStopAtOnce);
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn tell(base_url: &BaseUrl, first_administrator: Option<SecretString>) {
    say(format_args!("Doorward is ready at {}", base_url.as_str()));
    if let Some(link) = first_administrator {
        say(
            "There is no administrator yet. The first person who opens this link becomes the administrator:",
        );
        say(format_args!("  {}", link.expose_secret()));
    }
}
