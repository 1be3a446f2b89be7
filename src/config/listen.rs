//! Where the server listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp {
        /// A name, which can have several addresses, or an address without brackets.
        host: String,
        port: u16,
    },
    Unix(PathBuf),
}

impl Listen {
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            // Some programs write `unix:///run/…`.
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty()).then(|| Self::Unix(path.into()));
        }
        if Path::new(text).is_absolute() {
            return Some(Self::Unix(text.into()));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            let (host, port) = (address.ip().to_string(), address.port());
            return Some(Self::Tcp { host, port });
        }
        let (host, port) = text.rsplit_once(':')?;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        let port = port.parse().ok()?;
        (!host.is_empty() && host.bytes().all(is_name)).then(|| Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_addresses_names_and_unix_sockets() {
        for (text, shown) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::]:0", "[::]:0"),
            ("localhost:8080", "localhost:8080"),
            ("door.example:80", "door.example:80"),
            ("unix:/run/door.sock", "unix:/run/door.sock"),
            ("unix:///run/door.sock", "unix:/run/door.sock"),
            ("unix:door.sock", "unix:door.sock"),
            ("/run/door.sock", "unix:/run/door.sock"),
        ] {
            let listen = Listen::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(listen.to_string(), shown);
        }
        for bad in [
            "",
            "8080",
            ":8080",
            "localhost",
            "localhost:",
            "localhost:x",
            "localhost:65536",
            "::1:8080",
            "[::1]",
            "[localhost]:1",
            "[zz::1]:1",
            "a b:1",
            "http://localhost:8080",
            "unix:",
            "door.sock",
        ] {
            assert_eq!(Listen::parse(bad), None, "{bad}");
        }
    }
}
