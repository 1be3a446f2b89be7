//! Stylesheet, icon and scripts: carried in the binary, named by their content, cached for ever.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::State;
use super::prepared::Prepared;
use super::problem::{NOT_FOUND, Problem};
use super::proof::Public;

pub struct Assets {
    pub stylesheet: Asset,
    pub icon: Asset,
    pub show_password: Asset,
    pub copy: Asset,
    pub upload: Asset,
    pub signed_in: Asset,
}

pub struct Asset {
    /// `/static/app.0123456789abcdef.css`
    pub url: Arc<str>,
    content: Prepared,
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
            signed_in: asset(
                "signed-in",
                "js",
                "text/javascript; charset=utf-8",
                include_bytes!("../../static/signed-in.js"),
            ),
        }
    }
}

fn asset(name: &str, extension: &str, content_type: &'static str, plain: &'static [u8]) -> Asset {
    let content = Prepared::of(content_type, plain);
    Asset {
        url: format!("/static/{name}.{}.{extension}", content.fingerprint).into(),
        content,
    }
}

/// Serves what [`Assets`] has, under the name of today's content, and nothing else.
pub async fn serve(
    _: Public,
    request: HttpRequest,
    state: Data<State>,
    file: Path<String>,
) -> Result<HttpResponse, Problem> {
    let Assets {
        stylesheet,
        icon,
        show_password,
        copy,
        upload,
        signed_in,
    } = &state.web.assets;
    let asset = [stylesheet, icon, show_password, copy, upload, signed_in]
        .into_iter()
        .find(|asset| asset.url.strip_prefix("/static/") == Some(&file))
        .ok_or(NOT_FOUND)?;
    let mut response = asset.content.respond(&request);
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}
