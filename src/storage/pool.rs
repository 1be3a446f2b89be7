//! The connections to the database, each on a thread of its own.
//!
//! Diesel blocks, and libpq waits for a response without a time limit. A watch therefore monitors
//! the threads: when a statement has no response in time, its request is answered with an error,
//! and the thread is abandoned together with its connection. The database then counts as
//! unavailable: every request is refused at once, and one connection at a time is attempted until
//! one succeeds. An abandoned thread ends when its connection does.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{mem, thread};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::r2d2::R2D2Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::dialect::{self, Trouble};
use super::disk::{self, Disk};
use super::{AnyConnection, Location};
use crate::base::clock::Stopwatch;
use crate::base::fault::{Fault, Kind};

const SERVER_CONNECTIONS: usize = 8;
/// To a file, whose queries never wait for a network. Each holds the schema in memory.
const FILE_CONNECTIONS: usize = 4;
/// Abandoned threads, which still wait for a response.
const ABANDONED_MAX: usize = 64;
/// Time between attempts to connect while the database is unavailable; longer for each abandoned
/// thread.
const TRY_EVERY: Duration = Duration::from_millis(250);
const TRY_LATER: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A connection that was used within this time is not tested before its next use.
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// A connection to a server is closed after being idle for this long.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Time for threads to close their connections when the pool is dropped.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// The effect of a closure on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    /// A change that is made even when the disk is full: it ends sessions or frees space.
    WriteOnFullDisk,
}

/// Closed when it is dropped.
pub struct Pool(Arc<Shared>);

struct Shared {
    location: Location,
    disk: Option<Disk>,
    /// SQLite's: while one connection is open, no process deletes the log of the database.
    anchor: Mutex<Option<AnyConnection>>,
    state: Mutex<State>,
    /// Wakes idle threads: a job waits, or the connection is to be closed.
    wake: Condvar,
    /// Notified when a thread has closed its connection.
    gone: Condvar,
    /// The files of the database are not the open ones.
    replaced: AtomicBool,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    /// State of every connection that is open or being opened.
    threads: Vec<Arc<Slot>>,
    /// Every thread that has not ended, of an abandoned connection too.
    handles: Vec<(Arc<Slot>, JoinHandle<()>)>,
    /// The queue of writers: whether one is at work.
    writing: bool,
    abandoned: usize,
    outage: Option<Outage>,
    /// Incremented when open connections must no longer be used.
    epoch: u64,
    full: bool,
    closed: bool,
}

struct Outage {
    why: String,
    /// The time since the last attempt to connect.
    tried: Stopwatch,
}

/// The closure of a request, which keeps its result: the pool is compiled once for all types.
type Work = Box<dyn FnOnce(&mut AnyConnection) -> Done + Send>;
type Done = Result<(), Failed>;

/// Why a closure did not succeed.
enum Failed {
    /// The closure returned an error, which it keeps.
    Itself,
    Pool(Fault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Pool(fault)
    }
}

struct Job {
    access: Access,
    queued: Stopwatch,
    work: Work,
    reply: Reply,
    /// Values that the closure drops may clean up in a task of their own.
    runtime: Handle,
}

/// The state that the watch and a thread share.
#[derive(Default)]
struct Slot {
    epoch: u64,
    is_connected: AtomicBool,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// The time since the last sign of progress of the running job; `None` while none runs.
    since: Option<Stopwatch>,
    reply: Option<Reply>,
    access: Option<Access>,
    commits: bool,
    trouble: Option<Trouble>,
    /// The time since the connection was last used.
    used: Option<Stopwatch>,
    is_abandoned: bool,
}

impl Slot {
    fn running(&self) -> MutexGuard<'_, Running> {
        lock(&self.running)
    }

    /// Whether a transaction may still be committed: its request has not been answered yet.
    fn may_commit(&self) -> bool {
        let mut running = self.running();
        running.commits = !running.is_abandoned;
        running.commits
    }

    /// Called by the connection before and after each statement.
    fn hear(&self, event: &InstrumentationEvent<'_>) {
        let mut running = self.running();
        let Some(since) = running.since else { return };
        running.since = Some(Stopwatch::start());
        if let InstrumentationEvent::FinishQuery {
            error: Some(error), ..
        } = event
        {
            let trouble = dialect::trouble(error, since.elapsed());
            running.trouble = running.trouble.take().or(trouble);
        }
    }
}

/// The sender is taken by the first to answer.
#[derive(Clone)]
struct Reply(Arc<Mutex<Option<oneshot::Sender<Done>>>>);

impl Reply {
    fn give(&self, answer: Done) {
        let sender = lock(&self.0).take();
        if let Some(sender) = sender {
            sender.send(answer).ok();
        }
    }

    fn refuse(&self, fault: Fault) {
        self.give(Err(fault.into()));
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Opens the pool with the first connection, which has checked the schema.
    pub fn new(location: Location, first: AnyConnection) -> Self {
        let disk = Disk::of(&location);
        let shared = Arc::new(Shared {
            anchor: Mutex::new(disk.is_some().then_some(first)),
            location,
            disk,
            state: Mutex::default(),
            wake: Condvar::new(),
            gone: Condvar::new(),
            replaced: AtomicBool::new(false),
        });
        let watched = Arc::downgrade(&shared);
        thread::spawn(move || watch(&watched));
        Self(shared)
    }

    pub async fn run<T, E>(
        &self,
        access: Access,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let result = Arc::new(Mutex::new(None));
        let kept = result.clone();
        let work = Box::new(move |connection: &mut AnyConnection| {
            let result = work(connection);
            let done = result.as_ref().map(drop).map_err(|_| Failed::Itself);
            *lock(&kept) = Some(result);
            done
        });
        if let Err(Failed::Pool(fault)) = self.queue(access, work).await {
            return Err(fault.into());
        }
        let result = lock(&result).take();
        result.unwrap_or_else(|| Err(Fault::new("a database closure without a result").into()))
    }

    async fn queue(&self, access: Access, work: Work) -> Done {
        let (sender, answer) = oneshot::channel();
        self.0.submit(Job {
            access,
            queued: Stopwatch::start(),
            work,
            reply: Reply(Arc::new(Mutex::new(Some(sender)))),
            runtime: Handle::current(),
        });
        answer.await.unwrap_or_else(|_| {
            let why = "the server is shutting down";
            Err(Fault::unavailable("no database connection", why).into())
        })
    }

    /// Why the database is unavailable; `None` while it works.
    pub fn outage(&self) -> Option<String> {
        let state = self.0.state();
        state.outage.as_ref().map(|outage| outage.why.clone())
    }

    /// Whether the files of the database were moved or deleted under the server.
    pub fn is_replaced(&self) -> bool {
        self.0.replaced.load(Ordering::Relaxed)
    }

    pub fn disk(&self) -> Option<&Disk> {
        self.0.disk.as_ref()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closed = true;
        let waiting = mem::take(&mut state.jobs);
        self.0.wake.notify_all();
        let closed = self
            .0
            .gone
            .wait_timeout_while(state, CLOSE_WITHIN, |state| !state.threads.is_empty());
        let (mut state, _) = closed.unwrap_or_else(PoisonError::into_inner);
        let handles = mem::take(&mut state.handles);
        let is_open = |slot: &Arc<Slot>| state.threads.iter().any(|other| Arc::ptr_eq(other, slot));
        let ending: Vec<_> = handles
            .into_iter()
            .filter(|(slot, _)| !is_open(slot) && !slot.running().is_abandoned)
            .filter(|(_, handle)| handle.thread().id() != thread::current().id())
            .collect();
        drop(state);
        drop(waiting);
        // A thread of libpq still frees memory of OpenSSL when it ends. If the process exits
        // meanwhile, it crashes.
        for (_, handle) in ending {
            handle.join().ok();
        }
        // Closing the last one moves SQLite's log into the file of the database.
        let anchor = lock(&self.0.anchor).take();
        drop(anchor);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn connections_max(&self) -> usize {
        match self.location {
            Location::Sqlite(_) => FILE_CONNECTIONS,
            Location::Postgres { .. } => SERVER_CONNECTIONS,
        }
    }

    fn takes_turns(&self) -> bool {
        matches!(self.location, Location::Sqlite(_))
    }

    fn do_work(
        &self,
        connection: &mut AnyConnection,
        slot: &Slot,
        access: Access,
        work: Work,
    ) -> Done {
        let in_place = |kind| match &self.disk {
            Some(disk) => disk
                .in_place()
                .map_err(|why| Fault::unavailable("no database", why).of(kind)),
            None => Ok(()),
        };
        in_place(Kind::Unavailable)?;
        let pooled = self.location.is_pooled();
        if access == Access::Read {
            return if pooled {
                dialect::write_transaction(connection, pooled, || true, work)
            } else {
                work(connection)
            };
        }
        if let (Access::WriteOnFullDisk, Some(disk)) = (access, &self.disk) {
            disk::make_room(disk.database());
        }
        dialect::write_transaction(connection, pooled, || slot.may_commit(), work)?;
        // Otherwise the commit may be in a file that was lost.
        in_place(Kind::OutcomeUnknown)?;
        Ok(())
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        if let Some(outage) = &state.outage {
            let fault = Fault::unavailable("no database connection", outage.why.clone());
            drop(state);
            return job.reply.refuse(fault);
        }
        if state.full && job.access == Access::Write {
            drop(state);
            let why = "the disk of the database is full";
            return job
                .reply
                .refuse(Fault::caused("not written", why).of(Kind::DiskFull));
        }
        state.jobs.push_back(job);
        self.open_if_needed(&mut state);
        self.wake.notify_one();
    }

    /// One connection is opened at a time: at the start, it often finishes all waiting jobs.
    fn open_if_needed(self: &Arc<Self>, state: &mut State) {
        let is_opening = |slot: &Arc<Slot>| !slot.is_connected.load(Ordering::Relaxed);
        if self.runnable(state) > state.idle
            && !state.threads.iter().any(is_opening)
            && state.threads.len() < self.connections_max()
            && state.abandoned < ABANDONED_MAX
            && state.outage.is_none()
            && !state.closed
        {
            self.open_connection(state);
        }
    }

    /// How many of the waiting jobs could run at once.
    fn runnable(&self, state: &State) -> usize {
        if !self.takes_turns() {
            return state.jobs.len();
        }
        let is_read = |job: &&Job| job.access == Access::Read;
        let reads = state.jobs.iter().filter(is_read).count();
        let may_write = !state.writing && reads < state.jobs.len();
        reads + usize::from(may_write)
    }

    fn open_connection(self: &Arc<Self>, state: &mut State) {
        let slot = Arc::new(Slot {
            epoch: state.epoch,
            ..Slot::default()
        });
        slot.running().since = Some(Stopwatch::start());
        state.threads.push(slot.clone());
        let shared = self.clone();
        let served = slot.clone();
        let handle = thread::spawn(move || shared.serve(&served));
        state.handles.retain(|(_, handle)| !handle.is_finished());
        state.handles.push((slot, handle));
    }

    /// The main loop of a connection's thread.
    fn serve(self: &Arc<Self>, slot: &Arc<Slot>) {
        match dialect::connect_again(&self.location, self.disk.as_ref()) {
            Ok(mut connection) => {
                let heard = slot.clone();
                connection
                    .set_instrumentation(move |event: InstrumentationEvent<'_>| heard.hear(&event));
                if self.is_connected(slot) {
                    while let Some(job) = self.next_job(slot) {
                        if !self.do_job(&mut connection, slot, job) {
                            break;
                        }
                    }
                }
                drop(connection);
                self.leave(slot, None);
            }
            Err(error) => self.leave(slot, Some(&error.to_string())),
        }
    }

    /// Whether the connection is still needed.
    fn is_connected(&self, slot: &Slot) -> bool {
        let mut state = self.state();
        let mut running = slot.running();
        if running.is_abandoned || slot.epoch != state.epoch {
            return false;
        }
        *running = Running::default();
        slot.is_connected.store(true, Ordering::Relaxed);
        if state.outage.take().is_some() {
            self.replaced.store(false, Ordering::Relaxed);
            tracing::info!("the database is available again");
        }
        true
    }

    /// Waits for a job; `None` when the connection is to be closed.
    fn next_job(self: &Arc<Self>, slot: &Slot) -> Option<Job> {
        let mut state = self.state();
        loop {
            if slot.epoch != state.epoch || state.closed {
                return None;
            }
            let may_write = !(self.takes_turns() && state.writing);
            let next = state
                .jobs
                .iter()
                .position(|job| may_write || job.access == Access::Read);
            if let Some(job) = next.and_then(|at| state.jobs.remove(at)) {
                state.writing |= job.access != Access::Read;
                self.open_if_needed(&mut state);
                return Some(job);
            }
            state.idle += 1;
            let waited = self.wake.wait_timeout(state, KEPT_FOR);
            let (woken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            // SQLite's connections cost nothing, and closing the last one would delete its log.
            if waited.timed_out() && self.disk.is_none() && state.jobs.is_empty() {
                return None;
            }
        }
    }

    /// Whether the connection may be used again.
    fn do_job(&self, connection: &mut AnyConnection, slot: &Slot, job: Job) -> bool {
        let idle_for = {
            let mut running = slot.running();
            running.since = Some(Stopwatch::start());
            running.reply = Some(job.reply.clone());
            running.access = Some(job.access);
            running.used.map(|used| used.elapsed())
        };
        let is_trusted = idle_for.is_none_or(|idle| idle < TRUSTED_FOR) || self.disk.is_some();
        if !is_trusted && connection.ping().is_err() {
            // Nothing of the job has been done: another connection does it.
            if slot.running().reply.take().is_some() {
                self.state().jobs.push_front(job);
                self.wake.notify_one();
            }
            return false;
        }
        let (access, reply) = (job.access, job.reply.clone());
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.do_and_reply(connection, slot, job)
        }));
        slot.running().reply = None;
        let is_usable = done.unwrap_or_else(|_| {
            reply.refuse(Fault::new("a database closure panicked"));
            false
        });
        let mut state = self.state();
        let mut running = slot.running();
        if running.is_abandoned {
            return false;
        }
        *running = Running {
            used: Some(Stopwatch::start()),
            ..Running::default()
        };
        if access != Access::Read {
            state.writing = false;
        }
        if !state.jobs.is_empty() {
            self.wake.notify_one();
        }
        is_usable
    }

    fn do_and_reply(&self, connection: &mut AnyConnection, slot: &Slot, job: Job) -> bool {
        let entered = job.runtime.enter();
        let result = self.do_work(connection, slot, job.access, job.work);
        drop(entered);
        let (trouble, commits) = {
            let mut running = slot.running();
            (running.trouble.take(), running.commits)
        };
        let is_lost = connection.is_broken() || matches!(trouble, Some(Trouble::Lost(_)));
        job.reply.give(match (result, trouble) {
            (Err(_), Some(trouble)) => Err(trouble.fault(commits).into()),
            (result, _) => result,
        });
        !is_lost
    }

    /// The connection is closed, or could not be made for the reason given.
    fn leave(self: &Arc<Self>, slot: &Arc<Slot>, failed: Option<&str>) {
        let mut state = self.state();
        if slot.running().is_abandoned {
            state.abandoned -= 1;
        } else {
            state.threads.retain(|other| !Arc::ptr_eq(other, slot));
        }
        self.gone.notify_all();
        if slot.epoch != state.epoch {
            return;
        }
        let is_alone = !state
            .threads
            .iter()
            .any(|other| other.epoch == slot.epoch && other.is_connected.load(Ordering::Relaxed));
        match failed {
            Some(why) if is_alone => self.begin_outage(&mut state, why),
            // Open connections continue.
            Some(_) => {}
            None => self.open_if_needed(&mut state),
        }
    }

    /// Refuses all waiting jobs, and abandons every open connection.
    fn begin_outage(&self, state: &mut State, why: &str) {
        if state.outage.is_none() {
            tracing::error!(why, "the database is unavailable");
        }
        state.outage = Some(Outage {
            why: why.to_owned(),
            tried: Stopwatch::start(),
        });
        state.epoch += 1;
        self.wake.notify_all();
        for job in state.jobs.drain(..) {
            job.reply
                .refuse(Fault::unavailable("no database connection", why.to_owned()));
        }
    }

    fn look(self: &Arc<Self>) {
        let lost = self.disk.as_ref().and_then(|disk| disk.in_place().err());
        let full = self.disk.as_ref().is_some_and(Disk::look);
        let mut state = self.state();
        if state.full != full {
            state.full = full;
            if full {
                tracing::error!(
                    "the disk of the database is full: sign-outs and deletions are still done, \
                     every other change is refused until there is space"
                );
            } else {
                tracing::info!("the disk of the database has space again");
            }
        }
        // Closing the last connection deletes SQLite's log.
        if let Some(why) = lost
            && !state.closed
            && !self.replaced.swap(true, Ordering::Relaxed)
        {
            self.begin_outage(&mut state, &why);
        }
        self.give_up_stuck(&mut state);
        // A job waits no longer for a connection than for a response.
        let limit = dialect::answers_within(&self.location);
        let is_late = |job: &&Job| job.queued.elapsed() > limit;
        let late = state.jobs.iter().take_while(is_late).count();
        for job in state.jobs.drain(..late) {
            let why = "every connection is in use";
            job.reply
                .refuse(Fault::unavailable("no database connection", why));
        }
        let pause = TRY_EVERY.max(TRY_LATER * state.abandoned as u32);
        let epoch = state.epoch;
        let is_tried = state.threads.iter().any(|slot| slot.epoch == epoch);
        let is_due = |outage: &Outage| outage.tried.elapsed() >= pause;
        if state.outage.as_ref().is_some_and(is_due)
            && !is_tried
            && !state.closed
            && state.abandoned < ABANDONED_MAX
        {
            self.open_connection(&mut state);
        }
    }

    fn give_up_stuck(&self, state: &mut State) {
        let limit = dialect::answers_within(&self.location);
        let is_stuck = |slot: &Arc<Slot>| {
            let since = slot.running().since;
            since.is_some_and(|since| since.elapsed() > limit)
        };
        let stuck: Vec<_> = state
            .threads
            .extract_if(.., |slot| is_stuck(slot))
            .collect();
        let why = format!("it has not answered for {} s", limit.as_secs());
        for slot in &stuck {
            let mut running = slot.running();
            running.is_abandoned = true;
            state.abandoned += 1;
            if running.access.is_some_and(|access| access != Access::Read) {
                state.writing = false;
            }
            let kind = if running.commits {
                Kind::OutcomeUnknown
            } else {
                Kind::Unavailable
            };
            if let Some(reply) = running.reply.take() {
                reply.refuse(Fault::unavailable("the database", why.clone()).of(kind));
            }
        }
        if !stuck.is_empty() {
            self.begin_outage(state, &why);
        }
    }
}

fn watch(shared: &Weak<Shared>) {
    loop {
        thread::sleep(LOOK_EVERY);
        match shared.upgrade() {
            Some(shared) => shared.look(),
            None => return,
        }
    }
}
