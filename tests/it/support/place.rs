//! The binary, in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::door::{as_line, lines, meddle};
use super::{Browser, Schema, binary};

/// Only a failing server takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of its own to call the binary in, and the environment of the call.
pub struct Place {
    pub folder: TempDir,
    pub variables: BTreeMap<String, String>,
    database: Option<Schema>,
}

/// How a command ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A server that has said that it is ready.
pub struct Serving {
    pub child: Child,
    pub address: SocketAddr,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
}

impl Place {
    /// On the database that the suite runs on.
    pub fn new() -> Self {
        let mut place = Self::on_sqlite();
        place.database = Schema::make();
        let url = place.database.as_ref().map(Schema::url);
        place
            .variables
            .extend(url.map(|url| ("DOORWARD_DATABASE__URL".to_owned(), url)));
        place
    }

    /// For tests that read or replace the database's file.
    pub fn on_sqlite() -> Self {
        let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        let cost = ("DOORWARD_PASSWORDS__BCRYPT_COST".to_owned(), "4".to_owned());
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: [path, cost].into(),
            database: None,
        }
    }

    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.insert(variable.to_owned(), value.to_owned());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// With something on stdin.
    pub fn tell(&self, arguments: &[&str], typed: impl AsRef<[u8]>) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses does not read it.
        child.stdin.take().unwrap().write_all(typed.as_ref()).ok();
        child.wait_with_output().unwrap().into()
    }

    /// A server on a port of its own.
    pub fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, arguments: &[&str]) -> Serving {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Serving::start(&mut self.command(&all))
    }

    /// Changes the database while a server uses it.
    pub fn sql(&self, sql: &str) {
        meddle(&self.database, &self.path("data/doorward.db"), sql);
    }

    /// Every `line` that a query has.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        lines(&self.database, &self.path("data/doorward.db"), sql)
    }

    /// The number that a query has as `n`.
    pub fn number(&self, sql: &str) -> i64 {
        self.lines(&as_line(sql))[0].parse().unwrap()
    }

    /// Everything in the data folder but SQLite's own log: the names, with length and checksum of
    /// each file.
    pub fn data(&self) -> BTreeMap<PathBuf, (usize, u64)> {
        let mut found = BTreeMap::new();
        if let Ok(files) = fs::read_dir(self.path("data")) {
            for file in files {
                let path = file.unwrap().path();
                if path.to_string_lossy().ends_with("-shm")
                    || path.to_string_lossy().ends_with("-wal")
                {
                    continue;
                }
                let content = fs::read(&path).unwrap_or_default();
                let mut hasher = DefaultHasher::new();
                content.hash(&mut hasher);
                found.insert(path, (content.len(), hasher.finish()));
            }
        }
        found
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// What it printed, after it succeeded.
    #[track_caller]
    pub fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it wrote to stderr.
    #[track_caller]
    pub fn ill(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.starts_with("doorward: "), "{}", self.stderr);
        assert!(!self.stderr.contains("canary"), "{}", self.stderr);
        self.stderr
    }
}

impl Serving {
    pub fn start(command: &mut Command) -> Self {
        Self::start_quietly(command.stdout(Stdio::piped()))
    }

    /// With stdout closed.
    pub fn start_quietly(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (told, ready) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let stderr = std::thread::spawn(move || {
            let mut all = String::new();
            for line in stderr.lines() {
                let line = line.unwrap();
                // Text has listen=ADDRESS, JSON has "listen":"ADDRESS".
                let address = line
                    .split_once("listen")
                    .map(|(_, rest)| rest.trim_start_matches(['=', '"', ':']));
                let address = address.and_then(|rest| rest.split([' ', '"']).next()?.parse().ok());
                if let Some(address) = address {
                    told.send(address).ok();
                }
                all += &(line + "\n");
            }
            all
        });
        let mut serving = Self {
            address: ([0, 0, 0, 0], 0).into(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: Some(stderr),
            child,
        };
        serving.wait_for(&ready);
        serving
    }

    fn wait_for(&mut self, ready: &Receiver<SocketAddr>) {
        match ready.recv_timeout(PATIENCE) {
            Ok(address) => self.address = address,
            Err(_) => {
                self.child.kill().ok();
                panic!(
                    "it is not ready: {}",
                    self.stderr.take().unwrap().join().unwrap()
                );
            }
        }
    }

    /// The next line for the person who started it.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().unwrap();
        stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The path of the link that makes the first administrator.
    pub fn administrator_link(&mut self) -> String {
        self.line();
        self.line();
        let link = self.line();
        let at = link
            .find("/first-administrator")
            .unwrap_or_else(|| panic!("no link: {link:?}"));
        link[at..].to_owned()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn browser(&self) -> Browser {
        Browser::at(&self.url())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks the server to stop; returns how it ended, and all that it wrote.
    pub fn end(mut self) -> (ExitStatus, String, String) {
        self.signal(Signal::TERM);
        self.rest()
    }

    pub fn rest(&mut self) -> (ExitStatus, String, String) {
        let mut stdout = String::new();
        if let Some(rest) = &mut self.stdout {
            rest.read_to_string(&mut stdout).unwrap();
        }
        let stderr = self.stderr.take().unwrap().join().unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (self.child.wait().unwrap(), stdout, stderr)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
