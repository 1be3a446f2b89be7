//! What every response gets: an id, security headers, a line in the log.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};

use super::answer;
use super::connections::{Block, Connection, Refusal};
use super::problem::{HEAD_TOO_LARGE, MISDIRECTED, Problem, TOO_SLOW};
use super::{State, body_drain, client, health, query};
use crate::base::clock::Stopwatch;
use crate::base::fault::{Fault, Kind};
use crate::base::ids::RequestId;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// For a page unless its handler sets another. `same-origin`, not `no-referrer`, with which
/// browsers send `Origin: null` with our own forms.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::PERMISSIONS_POLICY,
        "camera=(), geolocation=(), microphone=()",
    ),
];

const UNREADABLE: &str = "The request is not valid HTTP/1.1. Nothing was changed.";

/// Not an HTTP status: the client has closed the connection. nginx logs the same number.
const HUNG_UP: u16 = 499;

/// Time between log lines about one outage.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// For a URL that carried a token: do not store, forward or index it.
const TOKEN_HEADERS: [(HeaderName, &str); 3] = [
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

pub async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<State>>().cloned();
    let state = state.ok_or_else(|| Problem::from(Fault::new("a server without state")))?;
    let connection = request.conn_data::<Connection>();
    let unread = connection.and_then(Connection::take_request);
    let id = state.web.request_ids.next();
    request.extensions_mut().insert(id);
    state
        .web
        .untrusted_proxy
        .look_for(request.request(), &state);
    let mut line = Line::of(request.request(), &state, id);
    let rest = body_drain::share(&mut request);
    let refused = match unread {
        Some(Refusal::Malformed) => Some(Problem::malformed(UNREADABLE)),
        Some(Refusal::TooLarge) => Some(HEAD_TOO_LARGE),
        Some(Refusal::TooSlow) => Some(TOO_SLOW),
        None => is_misdirected(request.request(), &state).then_some(MISDIRECTED),
    };
    let response = if let Some(problem) = refused {
        let (request, _) = request.into_parts();
        Ok(ServiceResponse::new(request, problem.into_response()))
    } else {
        let response = next.call(request).await.inspect_err(|error| {
            line.tell(error.as_response_error().status_code().as_u16());
        });
        response.map(ServiceResponse::map_into_boxed_body)
    };
    let response = response?;
    let mut response = answer::written_out(response, id);
    let asked = response.request();
    let carried_token = query::has_token(asked.query_string()) || query::is_of_a_link(asked.path());
    secure(
        response.headers_mut(),
        carried_token,
        state.base_url.is_https(),
    );
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    if state.stopping.has_begun() || state.connections.are_crowded() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    line.tell_of(&response);
    Ok(match rest {
        Some(rest) => rest.hold(response),
        None => response,
    })
}

/// Whether the request is for another host than the site's: a name of another person's that points
/// here, or a proxy that passes on another site. Without the setting, every host may be ours.
fn is_misdirected(request: &HttpRequest, state: &State) -> bool {
    let Some(base_url) = &state.config.base_url else {
        return false;
    };
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map(|value| value.to_str().unwrap_or_default())
    };
    let named = header("x-forwarded-host").filter(|_| client::is_by_proxy(request, state));
    // The nearest proxy has appended its own value.
    let named = named.map(|hosts| hosts.rsplit(',').next().unwrap_or_default().trim());
    // An address in the request line takes precedence over the header (RFC 9112, section 3.2.2).
    let asked = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = named.or(asked).or_else(|| header(header::HOST.as_str()));
    // HTTP/1.0 has no host.
    host.is_some_and(|host| !base_url.is_host(host)) && !health::PATHS.contains(&request.path())
}

/// Adds the headers of every response.
pub fn secure(headers: &mut HeaderMap, carried_token: bool, https: bool) {
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if carried_token {
        for (name, value) in TOKEN_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        // Browsers ignore it on plain HTTP, and warn on the console of each page.
        let alone = HeaderValue::from_static("same-origin");
        headers.insert(header::CROSS_ORIGIN_OPENER_POLICY, alone);
    }
}

/// Outages by kind and place: each affects every request, so it is logged once a minute.
#[derive(Default)]
pub struct Outages(Mutex<HashMap<(Kind, String), (Stopwatch, usize)>>);

impl Outages {
    /// How many faults like this one were not logged since the last logged one; `None` when this
    /// one is not to be logged either.
    fn count(&self, fault: &Fault, at: &str) -> Option<usize> {
        if fault.kind() == Kind::Ours {
            return Some(0);
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.entry((fault.kind(), at.to_owned())) {
            Entry::Vacant(first) => {
                first.insert((Stopwatch::start(), 0));
                Some(0)
            }
            Entry::Occupied(mut last) => {
                let (since, others) = last.get_mut();
                if since.elapsed() < TOLD_EVERY {
                    *others += 1;
                    return None;
                }
                *since = Stopwatch::start();
                Some(std::mem::take(others))
            }
        }
    }
}

/// The log line of a request. If it is dropped before the response, the client has disconnected,
/// and the line says so; work that had begun by then is finished all the same.
struct Line {
    state: Data<State>,
    id: RequestId,
    client: Option<Block>,
    clock: Stopwatch,
    method: Method,
    path: String,
    query: String,
    is_told: bool,
}

impl Line {
    fn of(request: &HttpRequest, state: &Data<State>, id: RequestId) -> Self {
        Self {
            state: state.clone(),
            id,
            client: client::address(request, state).map(Block::of),
            clock: Stopwatch::start(),
            method: request.method().clone(),
            path: query::loggable_path(request.path()).into_owned(),
            query: query::names(request.query_string()),
            is_told: false,
        }
    }

    /// The only place that logs a fault.
    fn tell_of(&mut self, response: &ServiceResponse) {
        let error = response.response().error();
        let error = error.and_then(|error| error.as_error::<Problem>());
        if let Some(fault) = error.and_then(Problem::fault) {
            let at = fault.place();
            match self.state.web.outages.count(fault, &at) {
                Some(0) => tracing::error!(id = %self.id, %fault, at, "fault"),
                Some(others) => {
                    tracing::error!(id = %self.id, %fault, at, others, "fault");
                }
                None => {}
            }
        }
        self.tell(response.status().as_u16());
    }

    fn tell(&mut self, status: u16) {
        let web = &self.state.web;
        let took = self.clock.elapsed();
        web.requests.count(status);
        web.requests.seconds.note(took);
        self.is_told = true;
        if !tracing::enabled!(tracing::Level::INFO) || !web.bursts.has_line(status, self.client) {
            return;
        }
        let Self {
            id, path, query, ..
        } = self;
        let ms = took.as_micros() as f64 / 1000.0;
        let method = query::loggable_method(self.method.as_str());
        tracing::info!(%id, method, path = &**path, query = &**query, status, ms, "request");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(HUNG_UP);
        }
    }
}
