//! What a token contains, and why it is or is not accepted.
//!
//! Stores nothing: neither the token nor the keys are shown again, stored or logged. The page is
//! open to everyone, so it tells no more than using the token would.

use askama::Template;

use super::{Answer, Page};
use crate::limits::Budget;
use crate::sessions::NotSignedIn;
use crate::shares::Refused;
use crate::tokens::{KeySet, Kind, Outcome, Report, as_pasted, by_key_set};
use crate::web::forms::{Fields, VisitorForm};
use crate::web::problem::Problem;
use crate::web::proof::Open;

#[derive(Default, Template)]
#[template(path = "pages/inspect.html")]
struct Inspect {
    report: Option<Report>,
    fields: Fields,
}

pub async fn show(_: Open, page: Page) -> Answer {
    page.show(&Inspect::default())
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let source = page.source();
    page.limits
        .take_one(Budget::Inspect, source.subject())
        .await?;
    let mut answer = Inspect::default();
    let token = as_pasted(sent.text("token"));
    if token.is_empty() {
        answer.fields.refuse("token", "Enter a token");
    }
    let jwks = sent.text("jwks").trim();
    let keys = (!jwks.is_empty()).then(|| KeySet::parse(jwks)).transpose();
    if let Err(bad) = &keys {
        answer.fields.refuse("jwks", bad.to_string());
    }
    if let (Ok(keys), false) = (keys, token.is_empty()) {
        answer.report = Some(match keys {
            Some(keys) => by_key_set(&token, &keys, page.clock.now()),
            None => by_own_keys(&page, &token).await?,
        });
    }
    page.show_form(&answer, &answer.fields)
}

/// Adds what only the server knows about a token that is valid by itself: whether its session or
/// object still exists.
async fn by_own_keys(page: &Page, token: &str) -> Result<Report, Problem> {
    let mut report = page.tokens.inspect(token);
    let (what, goes_on) = match report.kind {
        Kind::Access => ("Session", "It is active."),
        Kind::Link => (
            "Link",
            "It has not been used up, and the account that created it can still sign in.",
        ),
        Kind::Share => (
            "Share link",
            "It has not been revoked or used up, and its owner's account is active.",
        ),
        Kind::Foreign | Kind::Opaque => return Ok(report),
    };
    if !report.is_accepted() {
        let why = "Checked only if no other check fails.";
        report.add(what, Outcome::NotChecked, why);
        return Ok(report);
    }
    let known = match report.kind {
        Kind::Access => page.sessions.identify(token).await.map(drop),
        Kind::Share => match page.shares.check(token).await {
            Err(Refused::Fault(fault)) => Err(NotSignedIn::Fault(fault)),
            checked => checked.map_err(|_| NotSignedIn::Ended),
        },
        _ => page.sessions.read_link(token).await.map(drop),
    };
    match known {
        Ok(()) => report.add(what, Outcome::Passed, goes_on),
        Err(NotSignedIn::Ended) => {
            let why = "It has ended: the token no longer works.";
            report.add(what, Outcome::Failed, why);
        }
        // The token may have expired meanwhile.
        Err(NotSignedIn::Token(refused)) => {
            report.add(
                what,
                Outcome::Failed,
                format!("In the meantime, {refused}."),
            );
        }
        Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
    }
    Ok(report)
}
