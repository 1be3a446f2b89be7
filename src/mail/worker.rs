//! The worker: sends what is due, a few messages at a time, so that a mail server that stops
//! responding delays only the message of that connection.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::letters::{Letter, Site, Written};
use super::message::{Sender, compose};
use super::store::{self, Due, Lease};
use super::{Figures, NotSent, Postbox, folder, smtp};
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::MailId;
use crate::base::names::printable;
use crate::base::random;
use crate::config::{BaseUrl, Config, TransportConfig};
use crate::storage::Db;

/// Messages that are sent at once.
const AT_ONCE: usize = 4;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LEASE: &str = "mail";
/// After a crash, mail waits for this long.
const LEASE_SECONDS: i64 = 10;
/// Longer than sending takes.
const LOST_AFTER_SECONDS: i64 = 300;
/// Delays between attempts: doubled each time.
const FIRST_DELAY_SECONDS: i64 = 60;
const DELAY_MAX_SECONDS: i64 = 6 * 3600;
const GIVE_UP_AFTER_SECONDS: i64 = 2 * 86_400;
/// Longer texts of a mail server are cut.
const PROBLEM_MAX_CHARS: usize = 300;
const INTERRUPTED: &str =
    "the server ended while it sent the message, which may have arrived; it is not sent again";

/// Sends the messages of the outbox.
pub struct Worker {
    db: Db,
    clock: Clock,
    postbox: Postbox,
    transport: TransportConfig,
    sender: Sender,
    site_name: String,
    base_url: BaseUrl,
    /// Of this process.
    holder: String,
    pub figures: Arc<Figures>,
    /// Shows the link of a message that was written to the folder.
    console: Option<fn(&dyn Display)>,
}

impl Worker {
    /// `console` prints a line for a developer on this machine; nothing is printed when others can
    /// reach the site.
    pub fn new(
        (db, clock): (Db, Clock),
        postbox: Postbox,
        config: &Config,
        base_url: &BaseUrl,
        console: Option<fn(&dyn Display)>,
    ) -> Result<Self, Fault> {
        let host = base_url.host();
        let from = match &config.mail.from {
            Some(from) => from.clone(),
            None => default_sender(&config.site.name, host)?,
        };
        Ok(Self {
            db,
            clock,
            postbox,
            transport: config.mail.transport.clone(),
            sender: Sender {
                from,
                reply_to: config.mail.reply_to.clone(),
                host: host.to_owned(),
            },
            site_name: config.site.name.clone(),
            console: console.filter(|_| base_url.is_loopback()),
            base_url: base_url.clone(),
            holder: format!("{:016x}", u64::from_be_bytes(random::bytes())),
            figures: Arc::default(),
        })
    }

    /// Sends everything that is due, if no other server does.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn send_due(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        if !self.db.read(move |db| store::has_due(db, now)).await? {
            return Ok(());
        }
        let mut sending = FuturesUnordered::new();
        let mut on_the_way = HashSet::new();
        let mut failed = Ok(());
        loop {
            if self.has_lease().await? {
                let now = self.clock.now();
                let most = AT_ONCE + on_the_way.len();
                let due = self.db.read(move |db| store::due(db, now, most as i64));
                for due in due.await? {
                    if on_the_way.len() < AT_ONCE && on_the_way.insert(due.id) {
                        sending.push(async move { (due.id, self.send(due).await) });
                    }
                }
            }
            if sending.is_empty() {
                return failed;
            }
            // The lease is renewed, and new messages are sent, while others are on the way.
            if let Ok(Some((id, sent))) = timeout(LOOK_EVERY, sending.next()).await {
                on_the_way.remove(&id);
                if let Err(fault) = sent {
                    failed = Err(fault);
                }
            }
        }
    }

    /// Sends a test message at once, without the outbox.
    ///
    /// # Errors
    /// Why it was not sent.
    pub async fn test(&self, to: &str) -> Result<(), Fault> {
        let id = MailId::new();
        let written = self.write(&Letter::Test)?;
        let sent = self.send_written(id, to, self.clock.now(), written, async || Ok(true));
        match sent.await? {
            Ok(_) => Ok(()),
            Err(not_sent) => Err(Fault::new(not_sent.problem)),
        }
    }

    async fn has_lease(&self) -> Result<bool, Fault> {
        let holder = self.holder.clone();
        let lease = self.db.write(move |tx| {
            let now = tx.now();
            let lease = store::take_lease(tx, LEASE, &holder, now, now + LEASE_SECONDS)?;
            let lost = match lease {
                // What the previous server was sending.
                Lease::Taken => store::give_up_interrupted(tx, UnixSeconds::MAX, INTERRUPTED)?,
                // Whose result could not be recorded.
                Lease::Renewed => {
                    store::give_up_interrupted(tx, now - LOST_AFTER_SECONDS, INTERRUPTED)?
                }
                Lease::Others => 0,
            };
            Ok::<_, Fault>((lease, lost))
        });
        let (lease, lost) = lease.await?;
        if lost > 0 {
            tracing::error!(messages = lost, "{INTERRUPTED}");
        }
        Ok(lease != Lease::Others)
    }

    /// Sends one message and records the result.
    async fn send(&self, due: Due) -> Result<(), Fault> {
        let (id, attempts, created_at) = (due.id, due.attempts, due.created_at);
        let result = match self.try_to_send(due).await {
            Ok(result) => result,
            // A bug, or another secret: the message stays, and so does the reason.
            Err(fault) => Err(NotSent::later(fault.to_string())),
        };
        let not_sent = match result {
            Ok(true) => {
                self.figures.sent.count();
                tracing::info!(%id, "a message was sent");
                let sent = self.db.write_on_full_disk(move |tx| store::delete(tx, id));
                return sent.await.map(|_| ());
            }
            // Another server sends it, or it was deleted.
            Ok(false) => return Ok(()),
            Err(not_sent) => not_sent,
        };
        let due_at = not_sent
            .later
            .then(|| next_attempt(created_at, attempts, self.clock.now()));
        let due_at = due_at.flatten();
        let problem: String = printable(&not_sent.problem)
            .chars()
            .take(PROBLEM_MAX_CHARS)
            .collect();
        match due_at {
            Some(_) => {
                self.figures.delayed.count();
                tracing::warn!(%id, %problem, "a message is sent later");
            }
            None => {
                self.figures.failed.count();
                tracing::error!(%id, %problem, "a message was not sent, and is not tried again");
            }
        }
        self.db
            .write(move |tx| store::fail(tx, id, due_at, &problem))
            .await
    }

    /// `false` if the message is not this server's to send.
    async fn try_to_send(&self, due: Due) -> Result<Result<bool, NotSent>, Fault> {
        let letter: Letter = self.postbox.open(due.id.as_bytes(), &due.sealed)?;
        let written = self.write(&letter)?;
        let begin = async || {
            let id = due.id;
            let begun = self.db.write(move |tx| {
                let now = tx.now();
                store::begin(tx, id, now)
            });
            begun.await
        };
        self.send_written(due.id, &due.recipient, due.created_at, written, begin)
            .await
    }

    fn write(&self, letter: &Letter) -> Result<Written, Fault> {
        let site = Site {
            name: &self.site_name,
            base_url: self.base_url.as_str(),
        };
        let written = letter.write(site);
        written.map_err(|error| Fault::caused("write a letter", error))
    }

    async fn send_written(
        &self,
        id: MailId,
        to: &str,
        created_at: UnixSeconds,
        written: Written,
        begin: impl AsyncFnOnce() -> Result<bool, Fault>,
    ) -> Result<Result<bool, NotSent>, Fault> {
        let (subject, link) = (written.subject.clone(), written.link.clone());
        let (envelope, content) = match compose(&self.sender, id, created_at, to, written) {
            Ok(composed) => composed,
            Err(problem) => return Ok(Err(NotSent::never(problem))),
        };
        match &self.transport {
            TransportConfig::Folder(folder) => {
                if !begin().await? {
                    return Ok(Ok(false));
                }
                let written = folder::write(folder, id, &content);
                if let (Ok(()), Some(console), Some(link)) = (&written, self.console, &link) {
                    console(&format_args!("Mail to {to}: {subject}: {link}"));
                }
                Ok(written.map(|()| true))
            }
            TransportConfig::Smtp(config) => {
                let ready = match smtp::announce(config, &self.sender.host, &envelope).await {
                    Ok(ready) => ready,
                    Err(not_sent) => return Ok(Err(not_sent)),
                };
                if !begin().await? {
                    return Ok(Ok(false));
                }
                Ok(ready.send(&content).await.map(|()| true))
            }
        }
    }
}

/// After `attempts` earlier ones. `None`: it has been tried for long enough.
fn next_attempt(created_at: UnixSeconds, attempts: i64, now: UnixSeconds) -> Option<UnixSeconds> {
    let doubled = u32::try_from(attempts)
        .ok()
        .and_then(|times| 2_i64.checked_pow(times));
    let delay = doubled.and_then(|factor| FIRST_DELAY_SECONDS.checked_mul(factor));
    let delay = delay.map_or(DELAY_MAX_SECONDS, |delay| delay.min(DELAY_MAX_SECONDS));
    Some(now + delay).filter(|next| *next < created_at + GIVE_UP_AFTER_SECONDS)
}

fn default_sender(site: &str, host: &str) -> Result<lettre::message::Mailbox, Fault> {
    // An address of an IP address has another form, and nobody is there to answer.
    let is_name = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    let host = if is_name { host } else { "localhost" };
    let address = lettre::Address::new("doorward", host);
    let address = address.map_err(|error| {
        Fault::caused("no sender can be made of base_url: set mail.from", error)
    })?;
    Ok(lettre::message::Mailbox::new(
        Some(site.to_owned()),
        address,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_grow_from_a_minute_to_six_hours_for_two_days() {
        let (mut now, mut delays) = (0, Vec::new());
        while let Some(next) = next_attempt(0, delays.len() as i64, now) {
            delays.push((next - now) / 60);
            now = next;
        }
        assert_eq!(delays[..9], [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert!(delays[9..].iter().all(|minutes| *minutes == 360));
        assert!((GIVE_UP_AFTER_SECONDS - 6 * 3600..GIVE_UP_AFTER_SECONDS).contains(&now));
        assert_eq!(next_attempt(0, i64::MAX, 0), Some(DELAY_MAX_SECONDS));
    }
}
