//! A few low-priority threads behind a bounded queue, and a separate thread for costly hashes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::base::clock::Stopwatch;
use crate::base::metrics::{Counter, Histogram};

/// At cost 12 some eight seconds of waiting; further requests are refused as busy.
const QUEUE_PER_THREAD: usize = 32;
/// Each job may take some seconds, and 256 MB while it runs.
const COSTLY_QUEUE: usize = 16;
/// Serving pages has priority over hashing.
const NICENESS: i32 = 5;
const COSTLY_NICENESS: i32 = 10;

/// The queue is full.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// The metrics of the queues.
#[derive(Default)]
pub struct Figures {
    pub refused: Counter,
    pub seconds: Histogram,
}

pub struct Pool {
    usual: Arc<Queue>,
    costly: Arc<Queue>,
    pub figures: Arc<Figures>,
}

/// The queue of a job.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Usual,
    /// For imported hashes of more than the usual work: they never delay other hashes.
    Costly,
}

/// The sender of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The owner of a session, a device that has signed in to the account before, or a command.
    Known,
    /// All others, by their address block.
    Stranger(String),
}

impl Pool {
    /// One thread for each core but one, so that a core is left for the pages, and one for costly
    /// hashes, which sleeps if there are none.
    pub fn start() -> Self {
        let threads =
            thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        Self {
            usual: start_threads(threads, threads * QUEUE_PER_THREAD, NICENESS),
            costly: start_threads(1, COSTLY_QUEUE, COSTLY_NICENESS),
            figures: Arc::default(),
        }
    }

    /// The waiting jobs and the capacity of each lane.
    pub fn waiting(&self) -> [(&'static str, usize, usize); 2] {
        [("usual", &self.usual), ("costly", &self.costly)]
            .map(|(lane, queue)| (lane, queue.lock().len(), queue.places))
    }

    /// Reserves a place in the usual lane for a stranger's job, until the result is dropped: of
    /// many requests at once, only as many go on as will find a place.
    pub fn reserve(&self, block: &str) -> Result<Place, Busy> {
        let place = Queue::reserve(&self.usual, block);
        if place.is_err() {
            self.figures.refused.count();
        }
        place
    }

    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        asker: &Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let figures = self.figures.clone();
        let job = Box::new(move || {
            // The request may have ended while the job was waiting.
            if !answer.is_closed() {
                let clock = Stopwatch::start();
                let done = work();
                figures.seconds.note(clock.elapsed());
                answer.send(done).ok();
            }
        });
        let queue = match lane {
            Lane::Usual => &self.usual,
            Lane::Costly => &self.costly,
        };
        if let Err(busy) = queue.add(asker, job) {
            self.figures.refused.count();
            return Err(busy);
        }
        answered.await.map_err(|_| Busy)
    }
}

/// A place that is reserved for a stranger's job.
pub struct Place {
    queue: Arc<Queue>,
    block: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let reserved = &mut self.queue.lock().reserved;
        if let Some(at) = reserved.iter().position(|block| *block == self.block) {
            reserved.swap_remove(at);
        }
    }
}

/// Waiting jobs. Strangers have three quarters of the places, and one address block a quarter;
/// their jobs get at least one of four turns and, while others wait, at most three.
struct Queue {
    places: usize,
    waiting: Mutex<Waiting>,
    added: Condvar,
}

#[derive(Default)]
struct Waiting {
    known: VecDeque<Job>,
    strangers: VecDeque<(String, Job)>,
    /// The blocks of the strangers who will add a job soon.
    reserved: Vec<String>,
    /// How many turns in a row were not given to a stranger's job.
    passed_over: u8,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(queue: &Arc<Self>, block: &str) -> Result<Place, Busy> {
        let mut waiting = queue.lock();
        let block = block.to_owned();
        if !waiting.has_place(queue.places, &Asker::Stranger(block.clone())) {
            return Err(Busy);
        }
        waiting.reserved.push(block.clone());
        let queue = queue.clone();
        Ok(Place { queue, block })
    }

    fn add(&self, asker: &Asker, job: Job) -> Result<(), Busy> {
        let mut waiting = self.lock();
        if !waiting.has_place(self.places, asker) {
            return Err(Busy);
        }
        match asker {
            Asker::Known => waiting.known.push_back(job),
            Asker::Stranger(block) => waiting.strangers.push_back((block.clone(), job)),
        }
        drop(waiting);
        self.added.notify_one();
        Ok(())
    }

    fn take(&self) -> Job {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.next() {
                return job;
            }
            waiting = self
                .added
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.known.len() + self.strangers.len()
    }

    fn has_place(&self, places: usize, asker: &Asker) -> bool {
        if self.len() >= places {
            return false;
        }
        let Asker::Stranger(block) = asker else {
            return true;
        };
        let blocks = self.strangers.iter().map(|(block, _)| block);
        let blocks = blocks.chain(&self.reserved);
        let of_block = blocks.clone().filter(|other| *other == block).count();
        blocks.count() < places * 3 / 4 && of_block < (places / 4).max(1)
    }

    fn next(&mut self) -> Option<Job> {
        let is_strangers_turn = self.passed_over >= 3 || self.known.is_empty();
        if is_strangers_turn && let Some((_, job)) = self.strangers.pop_front() {
            self.passed_over = 0;
            return Some(job);
        }
        self.passed_over = self.passed_over.saturating_add(1);
        self.known.pop_front()
    }
}

fn start_threads(threads: usize, places: usize, niceness: i32) -> Arc<Queue> {
    let queue = Arc::new(Queue {
        places,
        waiting: Mutex::default(),
        added: Condvar::new(),
    });
    for _ in 0..threads {
        let queue = queue.clone();
        thread::Builder::new()
            .name("bcrypt".into())
            .spawn(move || work_off(&queue, niceness))
            .expect("the system starts a thread");
    }
    queue
}

fn work_off(queue: &Queue, niceness: i32) {
    // On Linux the niceness belongs to the thread. A failure to set it is harmless.
    rustix::process::nice(niceness).ok();
    loop {
        let job = queue.take();
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue {
            places: 16,
            waiting: Mutex::default(),
            added: Condvar::new(),
        }
    }

    fn from(block: &str) -> Asker {
        Asker::Stranger(block.to_owned())
    }

    #[test]
    fn strangers_leave_places_to_known_devices_and_to_each_other() {
        let queue = queue();
        let added = |asker: &Asker| queue.add(asker, Box::new(|| ())).is_ok();
        let places = |asker: &Asker| {
            std::iter::repeat_with(|| added(asker))
                .take_while(|ok| *ok)
                .count()
        };
        assert_eq!(places(&from("a")), 4);
        assert_eq!(places(&from("b")), 4);
        assert_eq!(places(&from("c")), 4);
        assert_eq!(places(&from("d")), 0);
        assert_eq!(places(&Asker::Known), 4);
    }

    #[test]
    fn a_reserved_place_is_taken_until_it_is_given_back() {
        let queue = Arc::new(queue());
        let reserve = |block: &str| Queue::reserve(&queue, block);
        let places: Vec<Place> = std::iter::from_fn(|| reserve("a").ok()).collect();
        assert_eq!(places.len(), 4);
        assert!(queue.add(&from("a"), Box::new(|| ())).is_err());
        assert!(queue.add(&Asker::Known, Box::new(|| ())).is_ok());
        let others: Vec<Place> = std::iter::repeat_n(["b", "c"], 4)
            .flatten()
            .map(|block| reserve(block).unwrap())
            .collect();
        assert_eq!(others.len(), 8);
        assert!(reserve("d").is_err());
        drop(places);
        assert!(queue.add(&from("a"), Box::new(|| ())).is_ok());
        assert!(reserve("d").is_ok());
    }

    #[test]
    fn known_devices_go_first_in_three_of_four_turns() {
        let queue = queue();
        let done: Arc<Mutex<String>> = Arc::default();
        for (asker, mark) in [(from("a"), 's'), (Asker::Known, 'k')] {
            for _ in 0..4 {
                let done = done.clone();
                let job = Box::new(move || done.lock().unwrap().push(mark));
                queue.add(&asker, job).unwrap();
            }
        }
        for _ in 0..8 {
            queue.take()();
        }
        assert_eq!(*done.lock().unwrap(), "kkkskss s".replace(' ', ""));
    }
}
