//! The connections of clients: limits of their number and speed.
//!
//! Each connection is a [`Guarded`] stream under the HTTP library, which itself limits the time of
//! the first head only. The stream measures how long the server waits for the client, so a slow
//! handler or a long pause between requests does not count.
//!
//! In place of a request that cannot be read, the stream gives the library [`STAND_IN`], which the
//! application answers as it answers every other request: after the earlier ones, with its headers
//! and a line in the log. The library's own answers have none of them.

mod framing;

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::web::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::base::clock::Stopwatch;
use crate::base::metrics::Counter;
use crate::config::{ConnectionsConfig, ProxiesConfig};
pub use framing::Refusal;
use framing::{End, Framing, Passed, Phase};

/// Above this share of all connections, each is closed with its next response.
const CROWDED: (usize, usize) = (3, 4);
/// One block's share of all connections, as a divisor, unless a setting says otherwise.
const SHARE_OF_A_BLOCK: usize = 8;

/// In place of a refused request. A client can send the same: what counts is its position.
const STAND_IN: &[u8] = b"- * HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n";

/// Time between log lines about connections that were refused or cut off.
const REPORTED_EVERY: Duration = Duration::from_secs(60);

/// The addresses that one client can have: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block(IpAddr);

impl Block {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                Ipv6Addr::from(network).into()
            }
            address => address,
        })
    }
}

/// The connections of one server.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    config: ConnectionsConfig,
    trusted: ProxiesConfig,
    most: usize,
    most_of_client: usize,
    open: AtomicUsize,
    of_blocks: Mutex<HashMap<Block, usize>>,
    counts: Counts,
    /// The time and counts of the last report.
    reported: Mutex<Option<(Stopwatch, [u64; 6])>>,
}

/// Counts of connections since the start.
#[derive(Default)]
pub struct Counts {
    pub accepted: Counter,
    pub refused_in_all: Counter,
    pub refused_of_client: Counter,
    pub slow_heads: Counter,
    pub slow_bodies: Counter,
    pub slow_responses: Counter,
    pub excessive_bodies: Counter,
}

impl Counts {
    /// Connections that were refused or ended by the server, by reason.
    pub fn ended(&self) -> [(&'static str, u64); 6] {
        [
            ("too_many", self.refused_in_all.get()),
            ("too_many_of_client", self.refused_of_client.get()),
            ("slow_head", self.slow_heads.get()),
            ("slow_body", self.slow_bodies.get()),
            ("slow_response", self.slow_responses.get()),
            ("excessive_body", self.excessive_bodies.get()),
        ]
    }
}

impl Connections {
    /// At most `possible` at once, and what the settings allow.
    pub fn new(config: ConnectionsConfig, trusted: ProxiesConfig, possible: usize) -> Self {
        let most = config.max.min(possible);
        let most_of_client = config
            .max_per_client
            .unwrap_or_else(|| (most / SHARE_OF_A_BLOCK).max(1));
        Self(Arc::new(Shared {
            config,
            trusted,
            most,
            most_of_client,
            open: AtomicUsize::new(0),
            of_blocks: Mutex::default(),
            counts: Counts::default(),
            reported: Mutex::default(),
        }))
    }

    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    pub fn most(&self) -> usize {
        self.0.most
    }

    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Whether connections should be closed rather than kept for further requests.
    pub fn are_crowded(&self) -> bool {
        self.open() * CROWDED.1 > self.0.most * CROWDED.0
    }

    /// Logs what was refused or cut off since the last report, at most once a minute.
    pub fn report(&self) {
        let mut last = self
            .0
            .reported
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let ended = self.counts().ended();
        let is_due = last
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= REPORTED_EVERY);
        let before = last.as_ref().map_or([0; 6], |(_, before)| *before);
        let now = ended.map(|(_, count)| count);
        if !is_due || now == before {
            return;
        }
        let [
            too_many,
            too_many_of_client,
            slow_heads,
            slow_bodies,
            slow_responses,
            excessive_bodies,
        ] = std::array::from_fn(|at| now[at] - before[at]);
        tracing::warn!(
            too_many,
            too_many_of_client,
            slow_heads,
            slow_bodies,
            slow_responses,
            excessive_bodies,
            "connections were refused or cut off"
        );
        *last = Some((Stopwatch::start(), now));
    }

    /// A new connection from this address, or on the Unix socket.
    ///
    /// # Errors
    /// When all clients or this one have reached their limit.
    pub fn admit<S: AsFd>(&self, io: S, peer: Option<IpAddr>) -> io::Result<Guarded<S>> {
        let is_limited = |address: &IpAddr| !self.0.trusted.trusts(address.to_canonical());
        let block = peer.filter(is_limited).map(Block::of);
        let place = self.take_place(block)?;
        self.0.counts.accepted.count();
        Ok(Guarded {
            io,
            framing: Framing::default(),
            waits_for: (Phase::Head, 0),
            reading: Meter::default(),
            writing: Meter::default(),
            ahead: BytesMut::new(),
            connection: Connection(Rc::new(Known {
                is_on_unix_socket: peer.is_none(),
                requests: Cell::default(),
                refused: Cell::default(),
            })),
            place,
        })
    }

    fn take_place(&self, block: Option<Block>) -> io::Result<Place> {
        let shared = &self.0;
        // Its drop releases the place.
        let mut place = Place {
            connections: self.clone(),
            block: None,
        };
        if shared.open.fetch_add(1, Ordering::AcqRel) >= shared.most {
            shared.counts.refused_in_all.count();
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if let Some(block) = block {
            let mut of_blocks = shared.of_blocks();
            let open = of_blocks.entry(block).or_default();
            if *open >= shared.most_of_client {
                shared.counts.refused_of_client.count();
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            *open += 1;
            place.block = Some(block);
        }
        Ok(place)
    }
}

impl Shared {
    fn of_blocks(&self) -> MutexGuard<'_, HashMap<Block, usize>> {
        self.of_blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection in the total.
struct Place {
    connections: Connections,
    /// `None` if its block is not limited.
    block: Option<Block>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let shared = &self.connections.0;
        if let Some(block) = self.block
            && let Entry::Occupied(mut open) = shared.of_blocks().entry(block)
        {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
        shared.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The state of a request's connection.
#[derive(Clone)]
pub struct Connection(Rc<Known>);

struct Known {
    is_on_unix_socket: bool,
    /// Requests that have come through the HTTP library.
    requests: Cell<u64>,
    /// Which of them is a stand-in, and why.
    refused: Cell<Option<(u64, Refusal)>>,
}

impl Connection {
    pub fn is_on_unix_socket(&self) -> bool {
        self.0.is_on_unix_socket
    }

    /// Counts a request that has come through the HTTP library, once. Returns why it is refused, if
    /// it stands for one that cannot be read.
    pub fn take_request(&self) -> Option<Refusal> {
        let request = self.0.requests.get() + 1;
        self.0.requests.set(request);
        let refused = self.0.refused.get();
        refused.and_then(|(number, why)| (number == request).then_some(why))
    }
}

/// The stream of a connection, which ends it when the client is too slow.
pub struct Guarded<S> {
    io: S,
    framing: Framing,
    waits_for: (Phase, u64),
    reading: Meter,
    writing: Meter,
    /// What the library reads before further bytes of the client.
    ahead: BytesMut,
    connection: Connection,
    place: Place,
}

impl<S> Guarded<S> {
    pub fn tell(&self, extensions: &mut Extensions) {
        extensions.insert(self.connection.clone());
    }

    fn config(&self) -> &ConnectionsConfig {
        &self.place.connections.0.config
    }

    fn stand_in(&mut self, why: Refusal) {
        let (_, number) = self.framing.phase();
        self.connection.0.refused.set(Some((number, why)));
        self.ahead.extend_from_slice(STAND_IN);
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Guarded<S> {
    /// Called when the client has sent nothing more. If it was too slow, its request is refused, or
    /// it is an error.
    fn wait_for_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (phase, heads) = match self.framing.phase() {
            // After the first response there is no limit here: the library closes idle connections.
            (Phase::Idle, 0) => (Phase::Head, 0),
            other => other,
        };
        if (phase, heads) != self.waits_for {
            self.reading.reset();
            self.waits_for = (phase, heads);
        }
        let (within, bytes) = match phase {
            Phase::Idle => return Poll::Pending,
            Phase::Head => (self.config().head_within, usize::MAX),
            // Twice the limit: a handler that reads a body has its own limit, and responds.
            Phase::Body => (2 * self.config().window, 2 * self.config().bytes_per_window),
        };
        ready!(self.reading.poll_too_slow(cx, within, bytes));
        let counts = self.place.connections.counts();
        if phase == Phase::Body {
            counts.slow_bodies.count();
        // Browsers open connections that they may not use.
        } else if self.framing.phase().0 == Phase::Head {
            counts.slow_heads.count();
            // Later ones are closed without a response: a client could take it for the response to
            // a request that it is about to send.
            if heads == 0 {
                self.framing.refuse();
                self.stand_in(Refusal::TooSlow);
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        while buf.filled().len() == before {
            if !this.ahead.is_empty() {
                let length = this.ahead.len().min(buf.remaining());
                buf.put_slice(&this.ahead.split_to(length));
                break;
            }
            match Pin::new(&mut this.io).poll_read(cx, buf) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    ready!(this.wait_for_client(cx))?;
                    continue;
                }
            }
            let read = &buf.filled()[before..];
            if read.is_empty() {
                break;
            }
            this.reading.note(read.len());
            let Passed { head, bytes, end } = this.framing.follow(read);
            let kept = if head.is_empty() {
                before + bytes.end
            } else {
                this.ahead = head;
                this.ahead.extend_from_slice(&read[bytes]);
                before
            };
            buf.set_filled(kept);
            match end {
                Some(End::Excess) => {
                    this.place.connections.counts().excessive_bodies.count();
                    // The library refuses these two bytes, in an extension and in a trailer.
                    this.ahead.extend_from_slice(b"\r\0");
                }
                Some(End::Refused(why)) => this.stand_in(why),
                None => {}
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.io).poll_write(cx, buf) {
            Poll::Ready(Ok(written)) => {
                this.writing.note(written);
                Poll::Ready(Ok(written))
            }
            Poll::Pending => {
                let (window, bytes) = (this.config().window, this.config().bytes_per_window);
                ready!(this.writing.poll_too_slow(cx, window, bytes));
                this.place.connections.counts().slow_responses.count();
                // Bytes that the kernel still holds for the client are dropped with the connection.
                SockRef::from(&this.io)
                    .set_linger(Some(Duration::ZERO))
                    .ok();
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            error => error,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// How many bytes the client moves while the server waits for it.
#[derive(Default)]
struct Meter {
    /// When the current wait began.
    since: Option<Stopwatch>,
    /// Earlier waits in this window.
    waited: Duration,
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Meter {
    fn reset(&mut self) {
        (self.since, self.waited, self.bytes) = (None, Duration::ZERO, 0);
    }

    fn note(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Ready when the waits have filled the window and the client has moved fewer bytes.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>, window: Duration, bytes: usize) -> Poll<()> {
        if self.since.is_none() {
            if self.waited.is_zero() {
                self.bytes = 0;
            }
            self.begin(window.saturating_sub(self.waited));
        }
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            if self.bytes < bytes {
                return Poll::Ready(());
            }
            self.reset();
            self.begin(window);
        }
    }

    fn begin(&mut self, left: Duration) {
        self.since = Some(Stopwatch::start());
        match &mut self.timer {
            Some(timer) => timer.as_mut().set(sleep(left)),
            none => *none = Some(Box::pin(sleep(left))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_an_ipv4_address_or_an_ipv6_network() {
        let block = |address: &str| Block::of(address.parse().unwrap());
        assert_eq!(block("198.51.100.7"), block("::ffff:198.51.100.7"));
        assert_ne!(block("198.51.100.7"), block("198.51.100.8"));
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:0:0:2"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
    }
}
