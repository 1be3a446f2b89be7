//! A raw connection, on which a test can send a part of a request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

pub struct Wire(TcpStream);

impl Wire {
    pub fn to(address: SocketAddr) -> Self {
        Self::patient(address, Duration::from_secs(10))
    }

    /// Only a failing server takes this long.
    pub fn patient(address: SocketAddr, patience: Duration) -> Self {
        let wire = Self::over(TcpStream::connect(address).unwrap());
        wire.0.set_read_timeout(Some(patience)).unwrap();
        wire
    }

    /// On an existing connection.
    pub fn over(stream: TcpStream) -> Self {
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        Self(stream)
    }

    /// Whether it could still be sent.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Closes it with a reset: the client is gone, rather than done with sending.
    pub fn cut(self) {
        let socket = socket2::SockRef::from(&self.0);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub fn say_no_more(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// One line, without its end.
    pub fn hear_line(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while !line.ends_with(b"\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    pub fn hear_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// As many bytes as come until the server closes, at most this many.
    pub fn hear_up_to(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let most = u64::try_from(length).unwrap();
        // An error is an end, too.
        (&self.0).take(most).read_to_end(&mut bytes).ok();
        bytes
    }

    /// The beginning of what comes; nothing when the server closes.
    pub fn hear_some(&mut self) -> String {
        let mut bytes = [0; 1024];
        let length = self.0.read(&mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// Everything until the server closes.
    pub fn hear(&mut self) -> String {
        let (ended, answer) = self.hear_what_comes();
        assert!(ended.is_ok(), "{ended:?} after {answer}");
        answer
    }

    /// Also returns how it ended: a server that has not read everything may reset the connection.
    pub fn hear_what_comes(&mut self) -> (std::io::Result<usize>, String) {
        let mut answer = Vec::new();
        let ended = self.0.read_to_end(&mut answer);
        (ended, String::from_utf8_lossy(&answer).into_owned())
    }
}

pub fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}
