//! Where a request comes from.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use super::State;
use crate::sessions::Client;

const USER_AGENT_MAX: usize = 256;

/// With the nearest address that is not a proxy of ours.
pub fn of(request: &HttpRequest, state: &State) -> Client {
    let trusted = &state.config.proxies;
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<_> = forwarded
        .flat_map(|value| value.split(','))
        .map(|hop| hop.trim().parse().ok())
        .collect();
    let mut address = peer;
    for hop in hops.into_iter().rev() {
        match address {
            Some(known) if trusted.trusts(known) && hop.is_some() => address = hop,
            _ => break,
        }
    }
    let agent = request
        .headers()
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Client {
        address: address.map_or_else(
            || "unknown".to_owned(),
            |address| address.to_canonical().to_string(),
        ),
        user_agent: agent.chars().take(USER_AGENT_MAX).collect(),
    }
}
