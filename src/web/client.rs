//! The address of a request's client.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest};

use super::State;
use super::connections::Connection;
use super::problem::Problem;
use crate::limits::Source;
use crate::sessions::Client;

const USER_AGENT_MAX: usize = 256;

/// Whether the connection is from a proxy of ours. Every client of our Unix socket is one: the mode
/// of its file decides who may connect.
pub fn is_by_proxy(request: &HttpRequest, state: &State) -> bool {
    let is_on_unix_socket = request
        .conn_data::<Connection>()
        .is_some_and(Connection::is_on_unix_socket);
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    is_on_unix_socket || peer.is_some_and(|peer| state.config.proxies.trusts(peer))
}

/// Warns of a proxy that is not trusted, once: any client can send these headers.
#[derive(Default)]
pub struct UntrustedProxy(AtomicBool);

impl UntrustedProxy {
    const HEADERS: [&str; 2] = ["x-forwarded-for", "forwarded"];

    pub fn look_for(&self, request: &HttpRequest, state: &State) {
        if self.0.load(Ordering::Relaxed) {
            return;
        }
        let headers = request.headers();
        let sent = Self::HEADERS
            .into_iter()
            .find(|name| headers.contains_key(*name));
        if let (Some(header), Some(peer)) = (sent, request.peer_addr())
            && !is_by_proxy(request, state)
            && !self.0.swap(true, Ordering::Relaxed)
        {
            let peer = peer.ip().to_canonical();
            tracing::warn!(
                "{header} from {peer} is ignored, because proxies.trusted does not contain that \
                 address: if it is your proxy, add it there, otherwise all of its clients count \
                 as one"
            );
        }
    }
}

/// The nearest address that is not one of our proxies.
pub fn address(request: &HttpRequest, state: &State) -> Option<IpAddr> {
    let trusted = &state.config.proxies;
    // Includes values that are not UTF-8: if a hop were left out, the one before it would replace
    // it, which a client can forge.
    let forwarded: Vec<_> = request
        .headers()
        .get_all("x-forwarded-for")
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let hops = forwarded.iter().flat_map(|value| value.split(','));
    let hops: Vec<_> = hops.map(str::trim).filter(|hop| !hop.is_empty()).collect();
    let mut address = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let mut is_proxy = is_by_proxy(request, state);
    for hop in hops.into_iter().rev() {
        let Some(hop) = address_of(hop).filter(|_| is_proxy) else {
            break;
        };
        address = Some(hop);
        is_proxy = trusted.trusts(hop);
    }
    address
}

pub fn of(request: &HttpRequest, state: &State) -> Client {
    let address = address(request, state);
    let agent = request
        .headers()
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Client {
        address: address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
        user_agent: agent.chars().take(USER_AGENT_MAX).collect(),
    }
}

/// The source of an attempt, for its budgets.
pub fn source(request: &HttpRequest, state: &State) -> Source {
    let device = state.web.cookies.device(request.headers());
    Source {
        address: of(request, state).address,
        device: device.map(str::to_owned),
    }
}

impl FromRequest for Source {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = State::of(request).map_err(Problem::from);
        ready(state.map(|state| source(request, state)))
    }
}

/// The address in an element of `X-Forwarded-For`, with or without a port, in the formats of
/// proxies and of RFC 7239, section 6. `None` for `unknown`, and for a name that hides the address.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches('"').trim();
    let host = match hop.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (port.is_empty() || port.starts_with(':')).then_some(host)?
        }
        // The last part of an IPv6 address without brackets is not a port.
        None => match hop.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => hop,
        },
    };
    // The zone of a link-local address means nothing on another machine.
    let host = host.split_once('%').map_or(host, |(host, _)| host);
    let address: IpAddr = host.parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_read_as_proxies_write_it() {
        for (hop, address) in [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:44321", "198.51.100.7"),
            ("198.51.100.7:_port", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("\" 198.51.100.7 \"", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("[::ffff:198.51.100.7]:80", "198.51.100.7"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            assert_eq!(address_of(hop), address.parse().ok(), "{hop}");
        }
        for hidden in [
            "",
            "unknown",
            "_hidden",
            "_gazonk:80",
            "localhost",
            "[2001:db8::1",
            "[::1]x",
            "198.51.100",
            "198.51.100.7:1:2",
            "\u{fffd}",
        ] {
            assert_eq!(address_of(hidden), None, "{hidden}");
        }
    }
}
