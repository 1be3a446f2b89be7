//! A few threads of low priority behind a bounded queue.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// At cost 12 some eight seconds of waiting; who comes later is told to come again.
const QUEUE_PER_THREAD: usize = 32;
/// Serving pages goes before hashing.
const NICENESS: i32 = 5;

/// The queue is full.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

pub struct Pool {
    queue: SyncSender<Job>,
}

impl Pool {
    /// One thread for each core but one, so that a core is left for the pages.
    pub fn start() -> Self {
        let threads =
            thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        let (queue, jobs) = sync_channel(threads * QUEUE_PER_THREAD);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = jobs.clone();
            thread::Builder::new()
                .name("bcrypt".into())
                .spawn(move || work_off(&jobs))
                .expect("the system starts a thread");
        }
        Self { queue }
    }

    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            // Who asked may have gone away while the job was waiting.
            if !answer.is_closed() {
                answer.send(work()).ok();
            }
        });
        match self.queue.try_send(job) {
            Ok(()) => answered.await.map_err(|_| Busy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    // On Linux the niceness is the thread's own. Without it hashing works too.
    rustix::process::nice(NICENESS).ok();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}
