//! Basic credentials (RFC 7617, section 2), in UTF-8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// User-id and password of an `Authorization` header; `None` for another scheme, or what cannot be
/// read.
pub fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (username, password) = credentials.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}
