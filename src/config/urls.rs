//! The URLs of this server and of its database.

use std::net::IpAddr;

use url::Url;

/// The URL of this server: scheme, host and port, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    https: bool,
}

impl BaseUrl {
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        bare.then(|| Self {
            origin: url.origin().ascii_serialization(),
            https: url.scheme() == "https",
        })
    }

    /// The URL of a server that listens on this host name or address, without https.
    pub fn of(host: &str, port: u16) -> Self {
        let host = match host {
            "0.0.0.0" | "::" => "localhost".to_owned(),
            ip if ip.contains(':') => format!("[{ip}]"),
            name => name.to_ascii_lowercase(),
        };
        // Browsers omit the scheme's default port.
        let port = if port == 80 {
            String::new()
        } else {
            format!(":{port}")
        };
        Self {
            origin: format!("http://{host}{port}"),
            https: false,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        let (_, authority) = self.origin.split_once("://").unwrap_or_default();
        with_port(authority).0
    }

    /// Whether a `Host` header names this host: with this port, or without one. Proxies often omit
    /// the port, and nothing depends on it.
    pub fn is_host(&self, host: &str) -> bool {
        let Some((scheme, authority)) = self.origin.split_once("://") else {
            return false;
        };
        let (name, port) = with_port(authority);
        let (asked, asked_port) = with_port(host);
        let default = if scheme == "https" { "443" } else { "80" };
        let port = if port.is_empty() { default } else { port };
        asked.eq_ignore_ascii_case(name) && (asked_port.is_empty() || asked_port == port)
    }

    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether it is for people on this machine only: a loopback address, or `localhost`
    /// (RFC 6761, section 6.3).
    pub fn is_loopback(&self) -> bool {
        let name = self.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost"
            || name.ends_with(".localhost")
            || address
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// A host and its optional port. The colons of an IPv6 address are between brackets.
fn with_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    }
}

/// Whether the URL is unambiguous. Refused: `sqlite://…`, as other programs spell a path; an SQLite
/// database in memory, which would differ for each connection; and an `@` or `/` left unescaped in
/// a password, because the database's own client would quote a part of the password as the host.
pub fn is_database_url(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sqlite", path)) => !path.is_empty() && !path.starts_with("//") && path != ":memory:",
        Some(("postgres" | "postgresql", rest)) => {
            let authority = rest
                .strip_prefix("//")
                .and_then(|rest| rest.split(['/', '?']).next());
            authority.is_some_and(|authority| authority.matches('@').count() <= 1)
                && Url::parse(text).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_says_what_it_means() {
        for good in [
            "sqlite:doors.db",
            "sqlite:/var/lib/doors.db",
            "postgres://",
            "postgres://u:p%40%2F@[::1]:5432/doors?sslmode=require",
            "postgresql:///doors?host=/run/postgresql",
        ] {
            assert!(is_database_url(good), "{good}");
        }
        for bad in [
            "",
            "doors.db",
            "sqlite:",
            "sqlite://doors.db",
            "sqlite::memory:",
            "mysql://u:p@host/doors",
            "postgres:doors",
            "postgres://u:p@q@host/doors",
            "postgres://u:p/q@host/doors",
        ] {
            assert!(!is_database_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_host_is_compared_by_name_and_port() {
        for (base_url, host, is_ours) in [
            ("https://door.example", "door.example", true),
            ("https://door.example", "Door.Example", true),
            ("https://door.example", "door.example:443", true),
            ("https://door.example", "door.example:80", false),
            ("https://door.example", "door.example:8443", false),
            ("https://door.example", "evil.example", false),
            ("https://door.example", "door.example.evil.example", false),
            ("https://door.example", "", false),
            ("http://door.example:8080", "door.example:8080", true),
            ("http://door.example:8080", "door.example", true),
            ("http://door.example:8080", "door.example:80", false),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://[::1]:8080", "[::1]", true),
            ("http://[::1]", "[::1]:80", true),
            ("http://[::1]", "[::2]", false),
        ] {
            let base_url = BaseUrl::parse(base_url).unwrap();
            assert_eq!(base_url.is_host(host), is_ours, "{base_url:?} {host}");
        }
    }

    #[test]
    fn a_base_url_of_this_machine_is_known() {
        for (base_url, is_loopback) in [
            ("http://localhost:8080", true),
            ("http://door.localhost", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://192.168.1.2:8080", false),
            ("http://localhost.example", false),
        ] {
            let base_url = BaseUrl::parse(base_url).unwrap();
            assert_eq!(base_url.is_loopback(), is_loopback, "{base_url:?}");
        }
    }

    #[test]
    fn a_base_url_is_an_origin() {
        assert_eq!(
            BaseUrl::parse("https://Example.com:443/").unwrap().as_str(),
            "https://example.com"
        );
        for bad in [
            "",
            "example.com",
            "ftp://a",
            "http://a/b",
            "http://u:p@a",
            "http://a/?q",
            "http://a/#f",
        ] {
            assert!(BaseUrl::parse(bad).is_none(), "{bad:?}");
        }
        for (host, port, url) in [
            ("::1", 80, "http://[::1]"),
            ("::1", 8080, "http://[::1]:8080"),
            ("0.0.0.0", 8080, "http://localhost:8080"),
            ("Localhost", 8080, "http://localhost:8080"),
        ] {
            assert_eq!(BaseUrl::of(host, port).as_str(), url);
        }
    }
}
