//! The `Authorization` header: a bearer token (RFC 6750), or a name and a password (RFC 7617).

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1); `None` for another scheme.
///
/// # Errors
/// When the header was sent twice.
pub fn bearer(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(Problem::tokens("It came with two Authorization headers."));
    }
    let value = header.to_str().unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    // A header that cannot be read was probably meant for us; its token will be refused.
    let ours = scheme.is_empty() || scheme.eq_ignore_ascii_case("bearer");
    Ok(ours.then(|| token.trim()))
}

/// What follows the scheme `Basic`; `None` for another scheme, and unless there is one header.
pub fn basic(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?.to_str().ok();
    let (scheme, credentials) = header
        .filter(|_| headers.next().is_none())?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| credentials.trim())
}

/// The name and the password in Basic credentials, which are UTF-8 in base64 (RFC 7617, section
/// 2.1); `None` for anything else.
pub fn name_and_password(credentials: &str) -> Option<(String, String)> {
    let credentials = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (username, password) = credentials.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}
