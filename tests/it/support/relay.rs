//! A TCP relay in front of PostgreSQL that can stop forwarding, as a stuck proxy or a paused
//! server does: connections stay open, what is sent is acknowledged, and nothing is answered.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use url::Url;

pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    next: usize,
    /// Connections with a smaller number are never forwarded again.
    frozen_before: usize,
    /// Nothing is forwarded, on new connections either.
    paused: bool,
    /// Connections end, and new ones end at once.
    refuses: bool,
    /// A connection on which these are sent, one after the other, gets no answer any more.
    silent_after: Option<[&'static str; 2]>,
    closed: bool,
    open: Vec<TcpStream>,
}

impl Relay {
    /// In front of the server of `url`; with the URL that leads through it.
    pub fn to(url: &str) -> (Self, String) {
        let mut url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let relay = Self {
            address,
            shared: shared.clone(),
        };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let mut state = shared.0.lock().unwrap();
                if state.closed {
                    return;
                }
                if state.refuses {
                    continue;
                }
                let server = TcpStream::connect(&server).unwrap();
                let id = state.next;
                state.next += 1;
                for stream in [&client, &server] {
                    state.open.push(stream.try_clone().unwrap());
                }
                drop(state);
                let silent = Arc::new(Mutex::new(false));
                let (there, back) = (shared.clone(), shared.clone());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let silenced = silent.clone();
                thread::spawn(move || forward(&there, id, from, to, &silenced, true));
                thread::spawn(move || forward(&back, id, server, client, &silent, false));
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        (relay, url.into())
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.0.lock().unwrap());
        self.shared.1.notify_all();
    }

    /// Stops forwarding on all connections that are open; new ones work.
    pub fn freeze(&self) {
        self.set(|state| state.frozen_before = state.next);
    }

    /// Stops forwarding altogether.
    pub fn pause(&self) {
        self.set(|state| state.paused = true);
    }

    pub fn resume(&self) {
        self.set(|state| (state.paused, state.refuses) = (false, false));
    }

    /// Ends all connections, and refuses new ones.
    pub fn refuse(&self) {
        self.set(|state| {
            state.refuses = true;
            for stream in state.open.drain(..) {
                stream.shutdown(Shutdown::Both).ok();
            }
        });
    }

    /// Forwards `last` of the next client that sends it after `first`, and no answer to it.
    pub fn swallow_answer(&self, first: &'static str, last: &'static str) {
        self.set(|state| state.silent_after = Some([first, last]));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.set(|state| {
            state.closed = true;
            for stream in state.open.drain(..) {
                stream.shutdown(Shutdown::Both).ok();
            }
        });
        // So that the listener is closed, too.
        TcpStream::connect(self.address).ok();
    }
}

fn forward(
    shared: &(Mutex<State>, Condvar),
    id: usize,
    mut from: TcpStream,
    mut to: TcpStream,
    silent: &Mutex<bool>,
    from_client: bool,
) {
    let mut buffer = [0; 16 * 1024];
    let mut has_sent_first = false;
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let bytes = &buffer[..read];
        let state = shared.0.lock().unwrap();
        let is_held = |state: &mut State| {
            !state.closed && !state.refuses && (state.paused || id < state.frozen_before)
        };
        let mut state = shared.1.wait_while(state, is_held).unwrap();
        if read == 0 || state.closed || state.refuses {
            break;
        }
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        if let Some([first, last]) = state.silent_after
            && from_client
        {
            has_sent_first |= has(first);
            if has_sent_first && has(last) {
                state.silent_after = None;
                *silent.lock().unwrap() = true;
            }
        }
        drop(state);
        if !from_client && *silent.lock().unwrap() {
            continue;
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        stream.shutdown(Shutdown::Both).ok();
    }
}
