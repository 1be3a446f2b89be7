//! A mail server that misbehaves as it is told: `tests/foreign/smtp.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::mail::{Letter, letters_in};
use super::tool;

/// Longer than any time limit of Doorward's.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct MailServer {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
    events: Receiver<String>,
    /// What it has told so far.
    heard: Vec<String>,
}

impl MailServer {
    /// `None` without aiosmtpd.
    pub fn start(options: &[&str]) -> Option<Self> {
        let packages = tool("aiosmtpd", "DOORWARD_TEST_SMTP")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/smtp.py");
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("python3")
            .env("PYTHONPATH", packages)
            .arg(script)
            .arg(folder.path())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.send(line).ok();
            }
        });
        let mut server = Self {
            child,
            folder,
            port: 0,
            events,
            heard: Vec::new(),
        };
        let listening = server.hear("listening ");
        server.port = listening["listening ".len()..].parse().unwrap();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Waits until it has done so.
    pub fn tell(&mut self, command: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}").unwrap();
        self.hear("done");
    }

    /// Waits for the next event that begins like this.
    #[track_caller]
    pub fn hear(&mut self, beginning: &str) -> String {
        loop {
            let event = self.events.recv_timeout(PATIENCE);
            let event = event.unwrap_or_else(|_| panic!("no {beginning:?}: {:?}", self.heard));
            self.heard.push(event.clone());
            if event.starts_with(beginning) {
                return event;
            }
        }
    }

    /// How many events so far begin like this.
    pub fn heard(&mut self, beginning: &str) -> usize {
        self.heard.extend(self.events.try_iter());
        let events = self.heard.iter();
        events.filter(|event| event.starts_with(beginning)).count()
    }

    /// All messages whose content it has, in no order.
    pub fn letters(&self) -> Vec<Letter> {
        letters_in(self.folder.path())
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
