//! Sign out.

use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;

use super::{Answer, Page};
use crate::sessions::EndReason;
use crate::web::error::PageError;
use crate::web::forms::Form;

/// Ends the session on the server, and whatever of it the browser holds. Somebody who is signed
/// out already gets the same answer. `"cookies"` is not in the header: it would clear those of
/// every app on the same domain.
pub async fn submit(page: Page, _: Form) -> Answer {
    if let Some(session) = page.session() {
        page.sessions
            .end(session, EndReason::SignedOut)
            .await
            .map_err(PageError::Unavailable)?;
    }
    let mut response = page.go_with_notice("/", "You are signed out.");
    page.forget_cookies(&mut response)?;
    response.headers_mut().insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}
