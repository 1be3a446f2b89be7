//! "Continue signed in": uses a link up to start a session in this browser.

use askama::Template;

use super::{Answer, Page};
use crate::sessions::NotSignedIn;
use crate::web::forms::Unproven;
use crate::web::problem::{LINK_ENDED, Problem};
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/continue_link.html")]
struct Ask<'a> {
    token: &'a str,
    /// The owner of the link.
    name: &'a str,
    /// Who is signed in here now, and as which session.
    instead_of: Option<(&'a str, String)>,
}

/// A link never signs a person in without confirmation when the form may have been sent from
/// another site, or when another person is signed in.
pub async fn submit(_: Open, page: Page, Unproven { form, is_from_here }: Unproven) -> Answer {
    let token = form.text("token");
    let reader = page.sessions.read_link(token).await.map_err(refused)?;
    let viewer = page.viewer();
    let another = viewer
        .as_deref()
        .filter(|viewer| viewer.account != reader.account.id)
        .map(|viewer| (viewer.greeting(), viewer.session.to_string()));
    let agreed = match &another {
        Some((_, session)) => form.text("instead_of") == session,
        None => true,
    };
    if !is_from_here || !agreed {
        let ask = Ask {
            token,
            name: reader.account.greeting(),
            instead_of: another,
        };
        return page.show(&ask);
    }
    let grant = page
        .sessions
        .continue_link(token, page.client(), page.session())
        .await
        .map_err(refused)?;
    page.let_in(&grant, &reader.claims.path)
}

fn refused(why: NotSignedIn) -> Problem {
    match why {
        NotSignedIn::Fault(fault) => Problem::unavailable(fault),
        NotSignedIn::Ended | NotSignedIn::Token(_) => LINK_ENDED,
    }
}
