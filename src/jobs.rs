//! The background jobs: all recurring work of a server that no request starts.
//!
//! No other code starts background work (`tests/it/architecture.rs` lists what else spawns a task
//! or a thread, and why).

use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::accounts;
use crate::base::clock::{Stopwatch, UnixSeconds};
use crate::base::fault::Fault;
use crate::idempotency;
use crate::invitations;
use crate::limits;
use crate::mail;
use crate::recovery;
use crate::sessions;
use crate::storage::{AnyConnection, Db};
use crate::web::State;

/// Time between log lines about a job that keeps failing.
const TELL_EVERY: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SESSIONS_KEPT_DAYS: i64 = 30;
const MAIL_COUNT_EVERY: Duration = Duration::from_secs(5);
const FAILED_MAIL_KEPT_DAYS: i64 = 30;
const INVITATIONS_KEPT_DAYS: i64 = 30;
/// By then every server has read that a deleted account's sessions have ended.
const DELETED_ACCOUNTS_KEPT_HOURS: i64 = 24;
/// Rows deleted in one transaction. Other writers wait for each.
const DELETED_AT_ONCE: i64 = 500;

struct Job {
    every: Duration,
    /// Starts the job before its interval is over.
    woken: Arc<Notify>,
    /// What the log says when it fails.
    failed: &'static str,
    run: Box<dyn Fn() -> Run + Send>,
}

type Run = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// Every job of a server with this state. Several servers on one database run all of them: the
/// first two fill each server's own memory; the others divide their work by rows, or repeat it
/// without harm.
fn list(state: &Arc<State>, db: &Db) -> [Job; 10] {
    let db = db.clone();
    let (accounts, sessions) = (state.accounts.clone(), state.sessions.clone());
    let (sweeping, picturing) = (state.files.clone(), state.files.clone());
    let audit = state.audit.clone();
    let (answering, mailing, counting) = (state.clone(), state.clone(), state.clone());
    let (served, connections) = (state.clone(), state.connections.clone());
    [
        // In each server's memory: ended sessions, and the keys.
        job(
            sessions::LOOK_EVERY,
            "ended sessions and signing keys cannot be read",
            move || {
                let sessions = sessions.clone();
                async move { sessions.follow().await }
            },
        ),
        // In each server's memory: the kinds of the hashes.
        job(
            MINUTE,
            "the kinds of the password hashes were not counted",
            move || {
                let accounts = accounts.clone();
                async move { accounts.follow_password_kinds().await }
            },
        ),
        // Runs on each server.
        job(SECOND, "the log is incomplete", move || {
            served.web.bursts.flush();
            connections.report();
            ready(Ok(()))
        }),
        // Deleting twice does no harm.
        job(HOUR, "expired rows were not deleted", move || {
            delete_expired(db.clone())
        }),
        // The head of the trail is locked.
        job(HOUR, "old audit events were not deleted", move || {
            let audit = audit.clone();
            async move { audit.prune().await }
        }),
        // One server takes the row of a request.
        job(
            SECOND,
            "requests for messages were not answered",
            move || {
                let state = answering.clone();
                async move { state.recovery.answer_requests().await }
            },
        ),
        // One server sends at a time (`leases`).
        job(SECOND, "messages were not sent", move || {
            let state = mailing.clone();
            async move { state.mail.send_due().await }
        }),
        // In each server's memory.
        job(MAIL_COUNT_EVERY, "messages were not counted", move || {
            let state = counting.clone();
            async move {
                match state.config.metrics_listen {
                    Some(_) => state.mail.count().await,
                    None => Ok(()),
                }
            }
        }),
        // One server takes over the row of a stray first (`stray_blobs`).
        job(MINUTE, "stray files were not deleted", move || {
            let files = sweeping.clone();
            async move { files.sweep().await }
        }),
        // One server takes the row of a thumbnail for a minute (`thumbnails_due`).
        Job {
            woken: state.files.thumbnail_due(),
            ..job(MINUTE, "a thumbnail is made later", move || {
                let files = picturing.clone();
                async move { files.make_thumbnails().await }
            })
        },
    ]
}

fn job<F>(every: Duration, failed: &'static str, run: impl Fn() -> F + Send + 'static) -> Job
where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    Job {
        every,
        woken: Arc::default(),
        failed,
        run: Box::new(move || Box::pin(run())),
    }
}

/// The jobs of a server. Dropping it stops them.
pub struct Running {
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl Running {
    /// Finishes what must not be interrupted.
    pub async fn finish(&self) {
        self.state.mail.finish().await;
    }
}

/// Starts all jobs, at once and then at their intervals.
pub fn start(state: &Arc<State>, db: &Db) -> Running {
    Running {
        state: state.clone(),
        _tasks: list(state, db).into_iter().map(repeat).collect(),
    }
}

async fn repeat(job: Job) {
    let mut told: Option<Stopwatch> = None;
    loop {
        // A bug in one run must not end the job.
        let run = AssertUnwindSafe((job.run)()).catch_unwind();
        let panicked = |_| Err(Fault::new("the job panicked"));
        match run.await.unwrap_or_else(panicked) {
            Ok(()) => told = None,
            Err(fault) => {
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    tracing::error!(%fault, "{}", job.failed);
                    told = Some(Stopwatch::start());
                }
            }
        }
        let woken = job.woken.notified();
        tokio::time::timeout(job.every, woken).await.ok();
    }
}

async fn delete_expired(db: Db) -> Result<(), Fault> {
    type Delete = fn(&mut AnyConnection, UnixSeconds, i64) -> Result<usize, Fault>;
    let all: [(Delete, i64); 8] = [
        (sessions::forget, SESSIONS_KEPT_DAYS * 86_400),
        (sessions::forget_links, 0),
        (idempotency::forget, 0),
        (limits::forget, 0),
        (recovery::forget, 0),
        (mail::forget, FAILED_MAIL_KEPT_DAYS * 86_400),
        (invitations::forget, INVITATIONS_KEPT_DAYS * 86_400),
        (accounts::forget, DELETED_ACCOUNTS_KEPT_HOURS * 3600),
    ];
    let mut failed = None;
    for (delete, kept_seconds) in all {
        loop {
            let deleted = db.write_on_full_disk(move |tx| {
                let before = tx.now() - kept_seconds;
                delete(tx, before, DELETED_AT_ONCE)
            });
            match deleted.await {
                Ok(0) => break,
                Ok(_) => {}
                // A failure in one table does not stop the others.
                Err(fault) => {
                    failed = Some(fault);
                    break;
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[actix_web::test]
    async fn a_job_that_panics_runs_again() {
        let (runs, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let told = again.clone();
        let job = job(Duration::ZERO, "a test", move || {
            let (run, told) = (runs.fetch_add(1, Ordering::Relaxed), told.clone());
            async move {
                assert!(run > 0, "the first run");
                told.notify_one();
                Ok(())
            }
        });
        tokio::select! {
            () = repeat(job) => {}
            () = again.notified() => {}
        }
    }
}
