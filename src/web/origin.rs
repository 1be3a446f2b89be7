//! Whether a request that changes something comes from a page of this site.
//!
//! Browsers say so themselves, in a header that no page can forge: `Sec-Fetch-Site`, or `Origin` if
//! the former is not sent (plain HTTP, older browsers). A request that has neither, or only
//! `Origin: null`, needs the form's token. A request without a cookie has no account's authority
//! and needs no token; nor does one with a bearer token, which no page of another site can make a
//! browser send.
//!
//! The guard decides once, and handlers use [`Source::of`].

use std::sync::{Mutex, PoisonError};

use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HOST, ORIGIN};
use actix_web::{HttpMessage, HttpRequest};

use super::accept::{asks_for_html, only_looks};
use super::authorization::bearer;
use super::problem::{CROSS_SITE, Problem};
use super::{State, query};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A page of this site, or a client other than a browser.
    Ours,
    /// The holder of the token in the header.
    Bearer,
    /// Unknown from the headers: the form's token decides.
    Unknown,
}

impl Source {
    /// What the guard found out about a request that changes something.
    pub fn of(request: &HttpRequest) -> Self {
        let judged = request.extensions().get::<Self>().copied();
        judged.unwrap_or(Self::Unknown)
    }

    /// Refuses requests that need a form's token: JSON has none.
    ///
    /// # Errors
    /// `cross_site`.
    pub fn must_be_known(request: &HttpRequest) -> Result<(), Problem> {
        match Self::of(request) {
            Self::Ours | Self::Bearer => Ok(()),
            Self::Unknown => Err(refused(request)),
        }
    }
}

/// Why a request that changes data and comes from another site is refused.
pub fn refused(request: &HttpRequest) -> Problem {
    let has_null = request
        .headers()
        .get(ORIGIN)
        .is_some_and(|origin| origin == "null");
    match (is_for_programs(request), has_null) {
        (false, false) => CROSS_SITE,
        (false, true) => CROSS_SITE.with_text(format!(
            "{NULL_ORIGIN} Open the page at its own address, in a tab of its own and without such \
             a setting, and send it from there."
        )),
        (true, false) => CROSS_SITE.with_text(format!(
            "It came with cookies or an Origin, and neither Origin nor Sec-Fetch-Site names this \
             site. Nothing was changed. {PROGRAM}"
        )),
        (true, true) => CROSS_SITE.with_text(format!("{NULL_ORIGIN} {PROGRAM}")),
    }
}

const NULL_ORIGIN: &str = "It came with Origin: null, so the browser hides where it is from. That \
     is so in a sandboxed frame, on a page that was opened as a file, and where a privacy setting, \
     an extension or a Referrer-Policy wants it. Nothing was changed.";
const PROGRAM: &str =
    "A program sends its token as Authorization: Bearer, and no cookies and no Origin.";

fn is_for_programs(request: &HttpRequest) -> bool {
    request.path().starts_with("/api/")
}

/// True if no cross-site page can have caused this request: browsers send `Sec-Fetch-Site` or
/// `Origin`, or ask for HTML after a form post. Use it only where cookies grant nothing.
pub fn is_program(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let says_where = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    !says_where && !asks_for_html(headers)
}

/// `None` for a method that changes nothing, which is not judged.
///
/// # Errors
/// When it comes from another site.
pub fn judge(request: &HttpRequest) -> Result<Option<Source>, Problem> {
    if only_looks(request) {
        return Ok(None);
    }
    if bearer(request)?.is_some() {
        return Ok(Some(Source::Bearer));
    }
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            // A header that cannot be read becomes this text, which equals no other header.
            .map(|value| value.to_str().unwrap_or("\0"))
    };
    let source = match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some("same-origin" | "none"), _) => Source::Ours,
        (Some(_), _) => return Err(refused(request)),
        // Browsers send this from a page under `Referrer-Policy: no-referrer`, ours too.
        (None, Some("null")) => Source::Unknown,
        (None, Some(origin)) => by_origin(request, origin, header(HOST.as_str()))?,
        (None, None) if header(COOKIE.as_str()).is_some() => Source::Unknown,
        (None, None) => Source::Ours,
    };
    // Our forms have no other method.
    if source == Source::Unknown && *request.method() != Method::POST {
        return Err(refused(request));
    }
    Ok(Some(source))
}

fn by_origin(request: &HttpRequest, origin: &str, host: Option<&str>) -> Result<Source, Problem> {
    let state = State::of(request)?;
    let is_ours = match &state.config.base_url {
        Some(base_url) => origin.eq_ignore_ascii_case(base_url.as_str()),
        // `base_url` is not set: our address is the requested one.
        None => host.is_some_and(|host| {
            let origin = origin.strip_prefix("http://");
            origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        }),
    };
    if is_ours {
        return Ok(Source::Ours);
    }
    let base_url = state.base_url.as_str();
    let origin = query::loggable_origin(origin);
    if state.web.other_origins.is_new(origin) {
        tracing::warn!("Origin {origin} is not base_url {base_url}: its requests are refused");
    }
    let then = if is_for_programs(request) {
        PROGRAM.to_owned()
    } else {
        format!("Open {base_url} and send it from there.")
    };
    let text = format!(
        "It was sent from another address than this site's own, which is {base_url}. \
         Nothing was changed. {then}"
    );
    Err(CROSS_SITE
        .with_text(text)
        .with_action(base_url, format!("Open {base_url}")))
}

/// Logs foreign origins: each once, and only a few, so that a client cannot fill the log.
#[derive(Default)]
pub struct OtherOrigins(Mutex<Vec<String>>);

impl OtherOrigins {
    const NAMED_MAX: usize = 10;

    fn is_new(&self, origin: &str) -> bool {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = named.len() < Self::NAMED_MAX && !named.iter().any(|known| known == origin);
        if is_new {
            named.push(origin.to_owned());
        }
        is_new
    }
}
