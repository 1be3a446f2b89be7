//! A client for requests that `wrk` cannot make: sign up, sign in, inspect a response, send each
//! token once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    pub fn get(path: &str) -> Self {
        // A browser's header: with it, signing in responds as the pages do.
        let headers = vec![("Accept".to_owned(), "text/html".to_owned())];
        Self {
            path: path.to_owned(),
            headers,
            body: None,
        }
    }

    pub fn post_form(path: &str, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        Self::post(path, "application/x-www-form-urlencoded", pairs.join("&"))
    }

    pub fn post(path: &str, content_type: &str, body: String) -> Self {
        Self {
            body: Some(body),
            ..Self::get(path)
        }
        .header("Content-Type", content_type)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn send(&self, address: SocketAddr) -> Answer {
        self.try_send(address)
            .unwrap_or_else(|error| panic!("{} at {address}: {error}", self.path))
    }

    pub fn try_send(&self, address: SocketAddr) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(self.text(address, "close").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(Answer::parse(bytes))
    }

    fn text(&self, address: SocketAddr, connection: &str) -> String {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut text = format!(
            "{method} {} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n",
            self.path
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        } else {
            text += "\r\n";
        }
        text
    }
}

/// One connection for many requests, one after the other.
pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, address }
    }

    pub fn send(&mut self, request: &Request) -> Answer {
        let text = request.text(self.address, "keep-alive");
        self.stream.write_all(text.as_bytes()).expect("it is sent");
        let (mut bytes, mut part) = (Vec::new(), [0; 8192]);
        loop {
            let read = self.stream.read(&mut part).expect("it is answered");
            assert_ne!(read, 0, "the connection was closed");
            bytes.extend_from_slice(&part[..read]);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                if bytes.len() >= end + 4 + length.unwrap_or(0) {
                    return Answer::parse(bytes);
                }
            }
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order of the response.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The whole body, as it was sent.
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn parse(bytes: Vec<u8>) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a whole head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head of plain text");
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status: status.expect("a status"),
            headers,
            body: bytes[end + 4..].to_vec(),
            bytes,
        }
    }

    pub fn must_be(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        self
    }

    /// The cookie whose name begins with this, as `name=value`.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .filter(|(header, _)| header == "set-cookie")
            .filter_map(|(_, cookie)| cookie.split(';').next())
            .find(|pair| pair.starts_with(name))
            .map(str::to_owned)
    }
}
