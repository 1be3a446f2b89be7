//! The worker: sends what is due, a few messages at a time, so that a mail server that stops
//! responding delays only the message of that connection.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::letters::Letter;
use super::mailer::Mailer;
use super::store::{self, Due, Lease};
use super::{Figures, NotSent, Postbox};
use crate::base::clock::{Clock, Stopwatch, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::names::printable;
use crate::base::random;
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
/// While the server stops: less than the time that open requests have.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
const FINISH_LOOK_EVERY: Duration = Duration::from_millis(10);
/// Longer texts of a mail server are cut.
const PROBLEM_MAX_CHARS: usize = 300;
const INTERRUPTED: &str =
    "the server ended while it sent the message, which may have arrived; it is not sent again";

/// Sends the messages of the outbox.
pub struct Worker {
    db: Db,
    clock: Clock,
    postbox: Postbox,
    mailer: Mailer,
    /// Of this process.
    holder: String,
    pub figures: Figures,
    /// Messages whose content is on its way.
    begun: AtomicUsize,
    /// No other message is begun.
    ending: AtomicBool,
    has_held: AtomicBool,
}

/// Counts a message whose content is on its way, until its result is recorded.
struct Begun<'a>(&'a AtomicUsize);

impl<'a> Begun<'a> {
    fn new(begun: &'a AtomicUsize) -> Self {
        begun.fetch_add(1, Ordering::SeqCst);
        Self(begun)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Worker {
    pub fn new(db: Db, clock: Clock, postbox: Postbox, mailer: Mailer) -> Self {
        Self {
            db,
            clock,
            postbox,
            mailer,
            holder: format!("{:016x}", u64::from_be_bytes(random::bytes())),
            figures: Figures::default(),
            begun: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            has_held: AtomicBool::new(false),
        }
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
            match self.due(AT_ONCE + on_the_way.len()).await {
                Ok(due) => {
                    for due in due {
                        if on_the_way.len() < AT_ONCE && on_the_way.insert(due.id) {
                            sending.push(async move { (due.id, self.send(due).await) });
                        }
                    }
                }
                // Those on the way can still arrive.
                Err(fault) => failed = Err(fault),
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

    /// Counts the messages in the outbox, for the metrics.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn count(&self) -> Result<(), Fault> {
        let (pending, failed) = self.db.read(|db| store::count(db)).await?;
        self.figures.pending.store(pending, Ordering::Relaxed);
        self.figures.failed_now.store(failed, Ordering::Relaxed);
        Ok(())
    }

    /// Begins no other message, and waits until those are sent whose content is on its way, for a
    /// few seconds at most. Then another server can send at once.
    pub async fn finish(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let clock = Stopwatch::start();
        while self.begun.load(Ordering::SeqCst) > 0 {
            if clock.elapsed() > FINISH_WITHIN {
                return;
            }
            tokio::time::sleep(FINISH_LOOK_EVERY).await;
        }
        if self.has_held.load(Ordering::Relaxed) {
            let holder = self.holder.clone();
            let ended = self.db.write(move |tx| {
                let now = tx.now();
                store::end_lease(tx, LEASE, &holder, now)
            });
            // Without this, it ends by itself.
            ended.await.ok();
        }
    }

    /// The messages that are due, if this server has the lease.
    async fn due(&self, most: usize) -> Result<Vec<Due>, Fault> {
        if self.ending.load(Ordering::SeqCst) || !self.has_lease().await? {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        self.db
            .read(move |db| store::due(db, now, most as i64))
            .await
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
            self.figures.failed.add(lost as u64);
            tracing::error!(messages = lost, "{INTERRUPTED}");
        }
        let is_held = lease != Lease::Others;
        self.has_held.fetch_or(is_held, Ordering::Relaxed);
        Ok(is_held)
    }

    /// Sends one message and records the result.
    async fn send(&self, due: Due) -> Result<(), Fault> {
        let (id, attempts, created_at) = (due.id, due.attempts, due.created_at);
        let mut begun = None;
        let result = match self.try_to_send(due, &mut begun).await {
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
    async fn try_to_send<'a>(
        &'a self,
        due: Due,
        begun: &mut Option<Begun<'a>>,
    ) -> Result<Result<bool, NotSent>, Fault> {
        let letter: Letter = self.postbox.open(due.id.as_bytes(), &due.sealed)?;
        let composed = self
            .mailer
            .compose(due.id, due.created_at, &due.recipient, &letter)?;
        let composed = match composed {
            Ok(composed) => composed,
            Err(not_sent) => return Ok(Err(not_sent)),
        };
        let begin = async || {
            // Counted before the question, so that `finish` sees it or it sees `finish`.
            *begun = Some(Begun::new(&self.begun));
            if self.ending.load(Ordering::SeqCst) {
                return Ok(false);
            }
            let id = due.id;
            let begun = self.db.write(move |tx| {
                let now = tx.now();
                store::begin(tx, id, now)
            });
            begun.await
        };
        self.mailer.send(&composed, begin).await
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
