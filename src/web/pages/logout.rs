//! Sign out.

use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;

use super::{Answer, Page, next_page};
use crate::sessions::EndReason;
use crate::web::forms::Form;
use crate::web::problem::Problem;
use crate::web::proof::Open;

/// Ends the session on the server, removes what the browser holds of it, and redirects to the page
/// `next`. A visitor who is already signed out gets the same response. `"cookies"` is not in the
/// header: it would clear those of every app on the same domain.
pub async fn submit(_: Open, page: Page, sent: Form) -> Answer {
    if let Some(session) = page.session() {
        page.sessions
            .end(session, EndReason::SignedOut)
            .await
            .map_err(Problem::unavailable)?;
    }
    let next = next_page(sent.find("next"));
    let next = next.as_deref().unwrap_or("/");
    let mut response = page.go_with_notice(next, "You are signed out.");
    page.forget_cookies(&mut response)?;
    response.headers_mut().insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}
