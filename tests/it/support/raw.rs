//! Bytes on a socket, for what no well-behaved client sends.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// Sends `bytes`, says that no more will come, and reads until the server closes.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
