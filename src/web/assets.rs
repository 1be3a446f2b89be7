//! Stylesheet, icon and scripts: contained in the binary, named by their content, cached for ever.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::Embed;

use super::State;
use super::prepared::Prepared;
use super::problem::{NOT_FOUND, Problem};
use super::proof::Public;

#[derive(Embed)]
#[folder = "static"]
struct Files;

pub struct Assets(Vec<Asset>);

struct Asset {
    /// The URL of a file in `static/`.
    name: String,
    /// `/static/app.0123456789abcdef.css`
    url: String,
    content: Prepared,
}

impl Assets {
    pub fn load() -> Self {
        let files = Files::iter().filter_map(|name| {
            let file = Files::get(&name)?;
            Some(Asset::of(name.into_owned(), Bytes::from_owner(file.data)))
        });
        Self(files.collect())
    }

    /// The URL of a file in `static/`, by its name.
    ///
    /// # Errors
    /// When a template names a file that does not exist.
    pub fn url(&self, name: &str) -> Result<&str, askama::Error> {
        let found = self.0.iter().find(|asset| asset.name == name);
        found.map(|asset| &*asset.url).ok_or(askama::Error::Fmt)
    }
}

impl Asset {
    fn of(name: String, plain: Bytes) -> Self {
        let (stem, extension) = name.split_once('.').unwrap_or((&name, ""));
        let content = Prepared::of(
            match extension {
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                _ => "text/javascript; charset=utf-8",
            },
            plain,
        );
        let url = format!("/static/{stem}.{}.{extension}", content.fingerprint);
        Self { name, url, content }
    }
}

/// Serves the files of [`Assets`], under the name of the current content only.
pub async fn serve(
    _: Public,
    request: HttpRequest,
    state: Data<State>,
    file: Path<String>,
) -> Result<HttpResponse, Problem> {
    let asset = state
        .web
        .assets
        .0
        .iter()
        .find(|asset| asset.url.strip_prefix("/static/") == Some(&file))
        .ok_or(NOT_FOUND)?;
    let mut response = asset.content.respond(&request);
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}
