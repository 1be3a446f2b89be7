//! Stylesheet, icon and scripts: carried in the binary, named by their content, cached for ever.

use std::io::Write;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::State;
use super::error::PageError;

pub struct Assets {
    pub stylesheet: Asset,
    pub icon: Asset,
    pub show_password: Asset,
    pub copy: Asset,
    pub upload: Asset,
}

pub struct Asset {
    /// `/static/app.0123456789abcdef.css`
    pub url: Arc<str>,
    content_type: &'static str,
    plain: Bytes,
    gzipped: Bytes,
}

impl Assets {
    pub fn load() -> Self {
        Self {
            stylesheet: asset(
                "app",
                "css",
                "text/css; charset=utf-8",
                include_bytes!("../../static/app.css"),
            ),
            icon: asset(
                "icon",
                "svg",
                "image/svg+xml",
                include_bytes!("../../static/icon.svg"),
            ),
            show_password: asset(
                "show-password",
                "js",
                "text/javascript; charset=utf-8",
                include_bytes!("../../static/show-password.js"),
            ),
            copy: asset(
                "copy",
                "js",
                "text/javascript; charset=utf-8",
                include_bytes!("../../static/copy.js"),
            ),
            upload: asset(
                "upload",
                "js",
                "text/javascript; charset=utf-8",
                include_bytes!("../../static/upload.js"),
            ),
        }
    }
}

fn asset(name: &str, extension: &str, content_type: &'static str, plain: &'static [u8]) -> Asset {
    let fingerprint: String = digest::digest(&digest::SHA256, plain).as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let gzipped = gzip
        .write_all(plain)
        .and_then(|()| gzip.finish())
        .expect("writing to memory");
    Asset {
        url: format!("/static/{name}.{fingerprint}.{extension}").into(),
        content_type,
        plain: Bytes::from_static(plain),
        gzipped: gzipped.into(),
    }
}

/// Serves what [`Assets`] has, under the name of today's content, and nothing else.
pub async fn serve(
    request: HttpRequest,
    state: Data<State>,
    file: Path<String>,
) -> Result<HttpResponse, PageError> {
    let Assets {
        stylesheet,
        icon,
        show_password,
        copy,
        upload,
    } = &state.web.assets;
    let asset = [stylesheet, icon, show_password, copy, upload]
        .into_iter()
        .find(|asset| asset.url.strip_prefix("/static/") == Some(&file))
        .ok_or(PageError::NotFound)?;
    let takes_gzip = request
        .headers()
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(',')
                .any(|coding| coding.trim().eq_ignore_ascii_case("gzip"))
        });
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, asset.content_type))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding")));
    if takes_gzip {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
        return Ok(response.body(asset.gzipped.clone()));
    }
    Ok(response.body(asset.plain.clone()))
}
