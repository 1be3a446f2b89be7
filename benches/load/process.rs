//! The servers under load, and their figures in `/proc`.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::http::Request;

/// A running server. Dropping it stops the server and waits for its end.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// The time from its start to its first successful response.
    pub ready_after: Duration,
}

impl Server {
    /// Doorward with its data and its log in `home`, its settings from the environment alone.
    pub fn doorward(home: &Path, bcrypt_cost: u32) -> Self {
        let address = free_address();
        let log = File::options()
            .create(true)
            .append(true)
            .open(home.join("doorward.log"));
        let log = log.expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command
            .arg("serve")
            .current_dir(home) // the tree's own doorward.toml and .env are not for it
            .env_clear()
            .env("DOORWARD_LISTEN", address.to_string())
            .env("DOORWARD_DATA_DIR", home.join("data"))
            .env("DOORWARD_PASSWORDS__BCRYPT_COST", bcrypt_cost.to_string())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        Self::start(command, address, "/public")
    }

    /// Starts a server and waits until `path` is answered with 200.
    pub fn start(mut command: Command, address: SocketAddr, path: &str) -> Self {
        let start = Instant::now();
        let child = command.spawn().expect("the server starts");
        let mut server = Self {
            child,
            address,
            ready_after: Duration::ZERO,
        };
        let probe = Request::get(path);
        loop {
            if probe
                .try_send(address)
                .is_ok_and(|answer| answer.status == 200)
            {
                server.ready_after = start.elapsed();
                return server;
            }
            if let Some(status) = server
                .child
                .try_wait()
                .expect("the server can be asked for")
            {
                panic!("the server ended before it was ready: {status}");
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the server was not ready in 20 s"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    pub fn cpu(&self) -> Duration {
        cpu(&self.child.id().to_string())
    }

    /// How many worker threads actix has started.
    pub fn workers(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let names =
            tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        // Linux keeps 15 characters of a thread's name: of "actix-rt|system:0|arbiter:0", or, if
        // actix was started without a system of its own, of "actix-server worker 0".
        let workers = names
            .filter(|name| ["actix-rt|system", "actix-server wo"].contains(&name.trim_end()))
            .count();
        assert!(workers > 0, "no thread has the name of an actix worker");
        workers
    }

    pub fn memory(&self) -> Memory {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let mb = |key: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .expect("a key of Linux's");
            let kib: f64 = line
                .trim()
                .trim_end_matches(" kB")
                .parse()
                .expect("a number of kB");
            kib * 1024.0 / 1e6
        };
        Memory {
            now_mb: mb("VmRSS:"),
            most_mb: mb("VmHWM:"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Resident memory.
pub struct Memory {
    pub now_mb: f64,
    pub most_mb: f64,
}

/// The CPU time, user's and system's, that a process has used. `process` is an id, or "self".
pub fn cpu(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
    // The second field is a name in brackets, which may hold spaces; utime and stime are 14 and 15.
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|t| t.parse::<u64>().expect("ticks"))
        .sum();
    // Linux counts in hundredths of a second here, whatever its own clock is.
    Duration::from_millis(ticks * 10)
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
