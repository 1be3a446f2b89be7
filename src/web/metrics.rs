//! Metrics for Prometheus, in its text format, on a separate listener.
//!
//! Each label has few values, all known here: no text of a client becomes one.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

use actix_http::{Method, Request, Response, StatusCode};
use actix_web::body::BoxBody;
use actix_web::http::header;

use super::State;
use crate::base::metrics::{BOUNDS, Counter, Histogram};

const PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const STATUSES: std::ops::Range<u16> = 100..600;

/// The counters of requests.
pub struct Requests {
    by_status: [Counter; (STATUSES.end - STATUSES.start) as usize],
    pub seconds: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            by_status: std::array::from_fn(|_| Counter::default()),
            seconds: Histogram::default(),
        }
    }
}

impl Requests {
    pub fn count(&self, status: u16) {
        if let Some(at) = status.checked_sub(STATUSES.start)
            && let Some(counter) = self.by_status.get(usize::from(at))
        {
            counter.count();
        }
    }
}

/// Responds on the listener of the metrics.
pub fn answer(request: &Request, state: &State) -> Response<BoxBody> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if request.path() != PATH || !is_read {
        return Response::new(StatusCode::NOT_FOUND).map_into_boxed_body();
    }
    let mut response = Response::build(StatusCode::OK);
    response.insert_header((header::CONTENT_TYPE, CONTENT_TYPE));
    response.body(text(state)).map_into_boxed_body()
}

fn text(state: &State) -> String {
    let mut out = Exposition(String::with_capacity(8 * 1024));
    let (web, passwords) = (&state.web, state.accounts.password_figures());
    let queues = state.accounts.password_queues();
    out.family("build_info", "gauge", "The version that runs.");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.sample("build_info", &version, 1);

    out.family(
        "http_requests_total",
        "counter",
        "Requests that ended, by status; 499 is a client that disconnected.",
    );
    for (status, counter) in STATUSES.zip(&web.requests.by_status) {
        if counter.get() > 0 {
            let code = status.to_string();
            out.sample("http_requests_total", &[("code", &code)], counter.get());
        }
    }
    out.histogram(
        "http_request_duration_seconds",
        "Time from the head of a request to the head of its response.",
        &web.requests.seconds,
    );

    let connections = &state.connections;
    out.gauge(
        "connections",
        "Open connections of clients.",
        connections.open(),
    );
    out.gauge(
        "connections_limit",
        "Connections that there may be.",
        connections.most(),
    );
    let counts = connections.counts();
    out.counter(
        "connections_accepted_total",
        "Connections that were accepted.",
        counts.accepted.get(),
    );
    out.family(
        "connections_ended_total",
        "counter",
        "Connections that the server refused or cut off, by reason.",
    );
    for (reason, ended) in counts.ended() {
        out.sample("connections_ended_total", &[("reason", reason)], ended);
    }

    out.family(
        "sign_ins_total",
        "counter",
        "Sign-ins with a password, by result.",
    );
    for (result, counted) in state.accounts.sign_ins() {
        out.sample("sign_ins_total", &[("result", result)], counted);
    }
    out.family(
        "password_queue_length",
        "gauge",
        "Passwords that wait to be hashed or verified.",
    );
    out.family_samples(
        "password_queue_length",
        &queues.map(|(lane, waiting, _)| (lane, waiting)),
    );
    out.family("password_queue_limit", "gauge", "Passwords that may wait.");
    out.family_samples(
        "password_queue_limit",
        &queues.map(|(lane, _, places)| (lane, places)),
    );
    out.counter(
        "password_queue_refused_total",
        "Passwords that were refused because the queue was full.",
        passwords.refused.get(),
    );
    out.histogram(
        "password_hash_duration_seconds",
        "Time to hash or verify a password, without waiting.",
        &passwords.seconds,
    );

    out.family(
        "limits_refused_total",
        "counter",
        "Requests that exceeded a rate limit, by its setting.",
    );
    for (budget, refused) in state.limits.refusals() {
        out.sample("limits_refused_total", &[("budget", budget)], refused);
    }
    out.gauge(
        "limits_remembered",
        "Keys in memory that are over a rate limit: refusing them costs no query.",
        state.limits.remembered(),
    );

    let mail = &state.mail.figures;
    out.family(
        "mail_messages_total",
        "counter",
        "Attempts of this server to send a message, by result.",
    );
    for (result, counter) in [
        ("sent", &mail.sent),
        ("delayed", &mail.delayed),
        ("failed", &mail.failed),
    ] {
        out.sample("mail_messages_total", &[("result", result)], counter.get());
    }
    out.gauge(
        "mail_pending",
        "Messages in the outbox that are sent later.",
        mail.pending.load(Ordering::Relaxed),
    );
    out.gauge(
        "mail_failed",
        "Messages in the outbox that are not tried again.",
        mail.failed_now.load(Ordering::Relaxed),
    );

    let sessions = state.sessions.figures();
    out.counter(
        "sessions_started_total",
        "Sessions that were started here.",
        sessions.started.get(),
    );
    out.counter(
        "sessions_renewed_total",
        "Refresh tokens that were exchanged here.",
        sessions.renewed.get(),
    );
    out.counter(
        "sessions_ended_total",
        "Sessions that were ended here.",
        sessions.ended.get(),
    );
    out.gauge("revocation_lag_seconds", "Time since the list of ended sessions was last read; requests with a token are refused above five.", state.sessions.lag().as_secs_f64());

    let up = |failed: bool| u8::from(!failed);
    out.gauge(
        "database_up",
        "Whether the database responds.",
        up(state.db.outage().is_some()),
    );
    out.gauge(
        "store_up",
        "Whether the store of files responds.",
        up(state.files.is_store_silent()),
    );
    out.gauge(
        "stopping",
        "Whether the server is stopping.",
        u8::from(state.stopping.has_begun()),
    );
    out.0
}

/// The text of a scrape.
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP doorward_{name} {help}\n# TYPE doorward_{name} {kind}"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "doorward_{name}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    fn family_samples(&mut self, name: &str, by_lane: &[(&'static str, usize)]) {
        for (lane, value) in by_lane {
            self.sample(name, &[("lane", lane)], value);
        }
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let up_to = histogram.up_to();
        let bucket = format!("{name}_bucket");
        for (bound, count) in BOUNDS.iter().zip(up_to) {
            let bound = (*bound as f64 / 1e6).to_string();
            self.sample(&bucket, &[("le", &bound)], count);
        }
        let all = up_to[BOUNDS.len()];
        self.sample(&bucket, &[("le", "+Inf")], all);
        self.sample(&format!("{name}_sum"), &[], histogram.seconds());
        self.sample(&format!("{name}_count"), &[], all);
    }
}
