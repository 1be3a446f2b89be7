//! The limits of connections: number and speed; and who may read the metrics.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::reader::Reader;
use super::within;

#[derive(Clone, Debug)]
pub struct ConnectionsConfig {
    pub max: usize,
    /// `None`: a share of the maximum.
    pub max_per_client: Option<usize>,
    /// Time for the head of each request to arrive.
    pub head_within: Duration,
    /// While the server waits, a client must send or take this number of bytes in this time.
    pub window: Duration,
    pub bytes_per_window: usize,
}

pub fn take(r: &mut Reader) -> ConnectionsConfig {
    let max = r.take("connections.max", "8192", "1 to 100000", within(1, 100_000));
    let max_per_client = r.take("connections.max_per_client", "", "1 to 100000", |text| {
        if text.is_empty() {
            Some(None)
        } else {
            within(1, 100_000)(text).map(Some)
        }
    });
    let seconds = |text: &str| within(1, 600)(text).map(Duration::from_secs);
    let head_within = r.take("connections.head_seconds", "10", "1 to 600", seconds);
    let window: usize = r.take(
        "connections.window_seconds",
        "20",
        "1 to 600",
        within(1, 600),
    );
    let rate: usize = r.take(
        "connections.min_bytes_per_second",
        "500",
        "1 to 1000000",
        within(1, 1_000_000),
    );
    ConnectionsConfig {
        max,
        max_per_client,
        head_within,
        window: Duration::from_secs(window as u64),
        bytes_per_window: rate * window,
    }
}

/// Where the metrics are served: on this machine or in a private network only, because everyone who
/// can connect may read them.
pub fn take_metrics(r: &mut Reader) -> Option<SocketAddr> {
    let expected = "a loopback or private address with a port, like 127.0.0.1:9464";
    r.take("metrics.listen", "", expected, |text| {
        if text.is_empty() {
            return Some(None);
        }
        let address: SocketAddr = text.parse().ok()?;
        is_private(address.ip()).then_some(Some(address))
    })
}

/// Loopback, RFC 1918 and RFC 4193; also link-local addresses, and the shared addresses of
/// providers (RFC 6598), which private networks use.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || first == 100 && (64..128).contains(&second)
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_for_private_addresses() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.2",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "::",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "100.63.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "192.169.0.1",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
