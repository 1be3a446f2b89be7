//! A few threads of low priority behind a bounded queue, and one of its own for costly hashes.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// At cost 12 some eight seconds of waiting; further requests are refused as busy.
const QUEUE_PER_THREAD: usize = 32;
/// Each may take some seconds, and 256 MB while it runs.
const COSTLY_QUEUE: usize = 8;
/// Serving pages has priority over hashing.
const NICENESS: i32 = 5;
const COSTLY_NICENESS: i32 = 10;

/// The queue is full.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

pub struct Pool {
    usual: SyncSender<Job>,
    costly: SyncSender<Job>,
}

/// Where a job waits.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Usual,
    /// For imported hashes that take more work than is usual: they never hold up the others.
    Costly,
}

impl Pool {
    /// One thread for each core but one, so that a core is left for the pages, and one for costly
    /// hashes, which sleeps where there are none.
    pub fn start() -> Self {
        let threads =
            thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        Self {
            usual: start_threads(threads, threads * QUEUE_PER_THREAD, NICENESS),
            costly: start_threads(1, COSTLY_QUEUE, COSTLY_NICENESS),
        }
    }

    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            // The request may have ended while the job was waiting.
            if !answer.is_closed() {
                answer.send(work()).ok();
            }
        });
        let queue = match lane {
            Lane::Usual => &self.usual,
            Lane::Costly => &self.costly,
        };
        match queue.try_send(job) {
            Ok(()) => answered.await.map_err(|_| Busy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn start_threads(threads: usize, places: usize, niceness: i32) -> SyncSender<Job> {
    let (queue, jobs) = sync_channel(places);
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..threads {
        let jobs = jobs.clone();
        thread::Builder::new()
            .name("bcrypt".into())
            .spawn(move || work_off(&jobs, niceness))
            .expect("the system starts a thread");
    }
    queue
}

fn work_off(jobs: &Mutex<Receiver<Job>>, niceness: i32) {
    // On Linux the niceness is the thread's own. Without it hashing works too.
    rustix::process::nice(niceness).ok();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}
