//! Whether a request that changes something comes from a page of ours.
//!
//! Browsers say so themselves, in a header that no page can forge: `Sec-Fetch-Site`, and where
//! that is not sent (plain HTTP, older ones), `Origin`. One that sends neither, or only that it
//! would rather not say, has to show the form's token. A request without a cookie carries nobody's
//! authority and needs none.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HOST, ORIGIN};

use crate::web::error::asks_for_html;
use crate::web::guard::state;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ours,
    Refused,
    /// Nobody can tell from the headers: the form's token decides.
    AskTheForm,
}

/// Whether no browser can have been made to send it: those say where it comes from, or ask for
/// HTML as the answer to a form. For what takes no notice of cookies, which a program may keep.
pub fn is_program(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let says_where = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    !says_where && !asks_for_html(headers)
}

pub fn verdict(request: &HttpRequest) -> Verdict {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Verdict::Ours;
    }
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            // What cannot be read equals no other header: none can hold this.
            .map(|value| value.to_str().unwrap_or("\0"))
    };
    let ours = if let Some(site) = header("sec-fetch-site") {
        matches!(site, "same-origin" | "none")
    } else {
        match header(ORIGIN.as_str()) {
            // What browsers send from a page under `Referrer-Policy: no-referrer`, ours too.
            Some("null") => return Verdict::AskTheForm,
            // Nobody said what our address is: then it is the one that was asked for.
            Some(origin) => state(request).is_ok_and(|state| match &state.config.base_url {
                Some(base_url) => origin == base_url.as_str(),
                None => {
                    Some(origin)
                        == header(HOST.as_str())
                            .map(|host| format!("http://{host}"))
                            .as_deref()
                }
            }),
            None if header(COOKIE.as_str()).is_some() => return Verdict::AskTheForm,
            None => true,
        }
    };
    if ours {
        Verdict::Ours
    } else {
        Verdict::Refused
    }
}
