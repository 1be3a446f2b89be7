//! Content that is the same for everyone: created and compressed once.

use std::io::Write;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use aws_lc_rs::digest;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::etags::has;

pub struct Prepared {
    content_type: &'static str,
    plain: Bytes,
    gzipped: Bytes,
    /// The hash of its content, in hexadecimal.
    pub fingerprint: String,
}

impl Prepared {
    pub fn of(content_type: &'static str, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let gzipped = gzip
            .write_all(&plain)
            .and_then(|()| gzip.finish())
            .expect("writing to memory");
        let digest = digest::digest(&digest::SHA256, &plain);
        let fingerprint = digest.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            content_type,
            plain,
            gzipped: gzipped.into(),
            fingerprint,
        }
    }

    /// Compressed for clients that accept that, and not sent again to clients that have it.
    pub fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let gzip = takes_gzip(request);
        // RFC 9110, section 8.8.1: a strong tag cannot name both forms.
        let weak = if gzip { "W/" } else { "" };
        let etag = format!("\"{}\"", self.fingerprint);
        let known = has(request, &etag);
        let mut response = if known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((header::ETAG, format!("{weak}{etag}")))
            .insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding")));
        if known {
            return response.finish();
        }
        self.fill(response, gzip)
    }

    fn fill(&self, mut response: HttpResponseBuilder, gzip: bool) -> HttpResponse {
        response.insert_header((header::CONTENT_TYPE, self.content_type));
        if gzip {
            response.insert_header((header::CONTENT_ENCODING, "gzip"));
            return response.body(self.gzipped.clone());
        }
        response.body(self.plain.clone())
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let asked = request.headers().get(header::ACCEPT_ENCODING);
    let asked = asked.and_then(|value| value.to_str().ok());
    asked.is_some_and(|value| {
        value.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight = weight.trim().strip_prefix("q=");
            name.trim().eq_ignore_ascii_case("gzip")
                && weight.is_none_or(|weight| weight.parse() != Ok(0.0))
        })
    })
}
