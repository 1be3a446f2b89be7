//! The file descriptors of this process: each connection has one.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Reserved for the databases, files, sockets to other services and the runtime.
const RESERVED: usize = 128;
/// The number of connections if the system does not limit descriptors.
const UNLIMITED: usize = 1 << 20;

/// How many descriptors this process may have; the soft limit is raised to the hard limit.
fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    limit.map_or(UNLIMITED, |most| usize::try_from(most).unwrap_or(UNLIMITED))
}

/// How many connections can be open at once: each may also have a file open.
pub fn for_connections() -> usize {
    (raise_limit().saturating_sub(RESERVED) / 2).max(1)
}

/// How many connections a worker accepts, including those that it refuses at once. A worker that
/// has reached the limit accepts no more before it has closed one.
pub fn for_each_worker() -> usize {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    (raise_limit().saturating_sub(RESERVED) / workers).clamp(1, 25_600)
}
