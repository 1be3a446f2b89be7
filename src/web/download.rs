//! A file's bytes over HTTP: all or a part of them (RFC 9110, section 14), under the file's own
//! name (RFC 6266), and without scripts in the browser that shows it.

use actix_web::body::SizedStream;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue,
    HeaderValue, Range,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{TryStreamExt, stream};

use super::etags::has;
use super::problem::Problem;
use crate::base::fault::Fault;
use crate::files::{File, Files, media};

/// No script, form or frame; and if it is HTML all the same, its origin has no authority.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Whether a browser may show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Types that are known to be harmless.
    IfHarmless,
    /// A browser saves it.
    Never,
}

/// The requested part of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    AsAsked,
    /// The whole file, ignoring `Range`.
    Whole,
}

/// # Errors
/// When the store is unavailable.
pub async fn answer(
    request: &HttpRequest,
    files: &Files,
    file: &File,
    shown: Display,
    parts: Parts,
) -> Result<HttpResponse, Problem> {
    let etag = format!("\"{}\"", file.checksum());
    let length = u64::try_from(file.bytes).unwrap_or_default();
    let method = request.method();
    let is_read = [Method::GET, Method::HEAD].contains(method);
    if parts == Parts::AsAsked && is_read && has(request, &etag) {
        let mut answer = HttpResponse::NotModified();
        answer.insert_header((header::ETAG, etag));
        answer.insert_header((header::CACHE_CONTROL, "private, no-cache"));
        return Ok(answer.finish());
    }
    let asked = match parts {
        // Other methods ignore a range (RFC 9110, section 14.2).
        Parts::AsAsked if *method == Method::GET => range(request, &etag, length),
        Parts::AsAsked | Parts::Whole => Ok(None),
    };
    let (status, range) = match asked {
        Ok(None) => (StatusCode::OK, 0..length),
        Ok(Some((first, last))) => (StatusCode::PARTIAL_CONTENT, first..last + 1),
        Err(Unsatisfiable) => return Err(Problem::no_such_range(length)),
    };
    let mut answer = HttpResponse::build(status);
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        answer.insert_header((header::CONTENT_RANGE, part));
    }
    let is_shown = shown == Display::IfHarmless && media::is_harmless(&file.media_type);
    answer
        .insert_header((header::CONTENT_TYPE, content_type(&file.media_type)))
        .insert_header(disposition(&file.name, is_shown))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    // The ETag is a checksum: it would identify the file without using up a counted download.
    if parts == Parts::AsAsked {
        answer
            .insert_header((header::ETAG, etag))
            .insert_header((header::ACCEPT_RANGES, "bytes"));
    }
    let sent = range.end - range.start;
    if *method == Method::HEAD {
        return Ok(answer.body(SizedStream::new(sent, stream::empty::<Result<_, Fault>>())));
    }
    let content = files.read(file, range).await?;
    // The status is sent before a download is interrupted: only the log can report it.
    let content = content.inspect_err(|fault| tracing::error!(%fault, "a download broke off"));
    Ok(answer.body(SizedStream::new(sent, content)))
}

/// A thumbnail, PNG or JPEG.
pub fn thumbnail(image: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, media::of(&image)))
        // A file's bytes never change.
        .insert_header((header::CACHE_CONTROL, "private, max-age=86400"))
        .body(image)
}

struct Unsatisfiable;

/// First and last byte. A header that cannot be read, or asks for several ranges, is ignored.
fn range(
    request: &HttpRequest,
    etag: &str,
    length: u64,
) -> Result<Option<(u64, u64)>, Unsatisfiable> {
    let headers = request.headers();
    let asked = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    // A part of a file whose content has changed is useless.
    let is_same = headers.get(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let Some(Ok(Range::Bytes(ranges))) = asked.filter(|_| is_same).map(str::parse) else {
        return Ok(None);
    };
    match ranges.as_slice() {
        [one] => one
            .to_satisfiable_range(length)
            .map(Some)
            .ok_or(Unsatisfiable),
        _ => Ok(None),
    }
}

/// Text is the type of last resort, if no other was found: it must not be treated as HTML.
fn content_type(media_type: &str) -> HeaderValue {
    match media_type {
        "text/plain" => HeaderValue::from_static("text/plain; charset=utf-8"),
        other => HeaderValue::from_str(other)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    }
}

/// With the name in ASCII for clients that read no other, and in full if it is not all ASCII.
fn disposition(name: &str, is_shown: bool) -> ContentDisposition {
    // Some browsers would decode a name that looks percent-encoded (RFC 6266, appendix D), and some
    // use a name that their system does not accept.
    let is_plain = |c: char| c == ' ' || c.is_ascii_graphic() && !"%\"\\<>:|?*".contains(c);
    let plain: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let is_all = plain == name;
    let mut parameters = vec![DispositionParam::Filename(plain)];
    if !is_all {
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: name.as_bytes().to_vec(),
        }));
    }
    ContentDisposition {
        disposition: if is_shown {
            DispositionType::Inline
        } else {
            DispositionType::Attachment
        },
        parameters,
    }
}
