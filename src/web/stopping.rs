//! Whether this server is stopping, and how many connections it still has.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::dev::Extensions;
use actix_web::rt::net::UnixStream;

#[derive(Clone, Default)]
pub struct Stopping(Arc<Shared>);

#[derive(Default)]
struct Shared {
    has_begun: AtomicBool,
    connections: AtomicUsize,
}

impl Stopping {
    /// From now on every response closes its connection.
    pub fn begin(&self) {
        self.0.has_begun.store(true, Ordering::Release);
    }

    pub fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Acquire)
    }

    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Acquire)
    }

    /// Counts a new connection until it is closed.
    pub fn count(&self, stream: &dyn Any, extensions: &mut Extensions) {
        self.0.connections.fetch_add(1, Ordering::AcqRel);
        extensions.insert(Connection {
            stopping: self.clone(),
            is_on_unix_socket: stream.is::<UnixStream>(),
        });
    }
}

/// What is known of the connection of a request.
pub struct Connection {
    stopping: Stopping,
    pub is_on_unix_socket: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stopping.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}
