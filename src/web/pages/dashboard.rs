//! The dashboard: who is signed in, since when, until when, from where, and what the token says.

use actix_web::http::StatusCode;
use askama::Template;

use super::{Answer, Frame, Page};
use crate::base::clock::{UnixSeconds, for_reading, rfc3339};
use crate::sessions::Client;
use crate::web::guard::Access;

#[derive(Template)]
#[template(path = "pages/dashboard.html")]
struct Dashboard<'a> {
    frame: Frame,
    greeting: &'a str,
    via_link: bool,
    facts: Vec<Fact>,
    claims: Vec<Claim>,
}

struct Fact {
    label: &'static str,
    value: FactValue,
}

enum FactValue {
    Text(String),
    Time { iso: String, text: String },
}

struct Claim {
    name: &'static str,
    value: String,
    meaning: &'static str,
}

pub async fn show(page: Page, access: Access) -> Answer {
    let (greeting, facts, claims) = match &access {
        Access::Session(identity) => {
            let claims = &identity.claims;
            let mut facts = who(&claims.username, &claims.email, identity.role.as_str());
            facts.push(time("Signed in", claims.auth_time));
            facts.push(time("This token ends", claims.exp));
            facts.push(time("This session ends", identity.session_ends));
            facts.push(text("From", from(&identity.client)));
            (identity.greeting(), facts, access_claims(claims))
        }
        Access::Link(reader) => {
            let (account, claims) = (&reader.account, &reader.claims);
            let mut facts = who(&account.username, &account.email, account.role.as_str());
            facts.push(time("Signed in", claims.auth_time));
            facts.push(time("This link ends", claims.exp));
            facts.push(text("From", from(&page.client())));
            (account.greeting(), facts, link_claims(claims))
        }
    };
    let via_link = matches!(access, Access::Link(_));
    page.show(
        StatusCode::OK,
        &Dashboard {
            frame: page.frame(),
            greeting,
            via_link,
            facts,
            claims,
        },
    )
}

fn who(username: &Option<String>, email: &Option<String>, role: &str) -> Vec<Fact> {
    let username = username
        .iter()
        .map(|username| text("Signed in as", username.clone()));
    let email = email
        .iter()
        .map(|email| text("Email address", email.clone()));
    username
        .chain(email)
        .chain([text("Role", role.to_owned())])
        .collect()
}

fn text(label: &'static str, value: String) -> Fact {
    Fact {
        label,
        value: FactValue::Text(value),
    }
}

fn time(label: &'static str, at: UnixSeconds) -> Fact {
    Fact {
        label,
        value: FactValue::Time {
            iso: rfc3339(at),
            text: for_reading(at),
        },
    }
}

/// `Firefox on Linux, 192.0.2.7`
fn from(client: &Client) -> String {
    match client.device() {
        Some(device) => format!("{device}, {}", client.address),
        None => client.address.clone(),
    }
}

fn access_claims(claims: &crate::tokens::AccessClaims) -> Vec<Claim> {
    let mut all = registered(&claims.iss, &claims.aud, &claims.sub, &claims.jti);
    all.push(claim(
        "sid",
        claims.sid.clone(),
        "The session it belongs to",
    ));
    all.extend(times(
        claims.iat,
        claims.nbf,
        claims.exp,
        claims.auth_time,
        &claims.amr,
    ));
    for (name, value, meaning) in [
        ("username", &claims.username, "The username"),
        ("name", &claims.name, "The name"),
        ("email", &claims.email, "The email address"),
    ] {
        all.extend(
            value
                .iter()
                .map(|value| claim(name, value.clone(), meaning)),
        );
    }
    all.push(claim(
        "roles",
        claims.roles.join(", "),
        "What the account is trusted with",
    ));
    all
}

fn link_claims(claims: &crate::tokens::LinkClaims) -> Vec<Claim> {
    let mut all = registered(&claims.iss, &claims.aud, &claims.sub, &claims.jti);
    all.extend(times(
        claims.iat,
        claims.nbf,
        claims.exp,
        claims.auth_time,
        &claims.amr,
    ));
    all.push(claim("path", claims.path.clone(), "The one page it opens"));
    all
}

fn registered(iss: &str, aud: &str, sub: &str, jti: &str) -> Vec<Claim> {
    vec![
        claim("iss", iss.to_owned(), "Who issued it"),
        claim("aud", aud.to_owned(), "Who it is for"),
        claim("sub", sub.to_owned(), "The account it is about"),
        claim("jti", jti.to_owned(), "Its own number"),
    ]
}

fn times(
    iat: UnixSeconds,
    nbf: UnixSeconds,
    exp: UnixSeconds,
    auth_time: UnixSeconds,
    amr: &[String],
) -> [Claim; 5] {
    [
        claim("iat", iat.to_string(), "Issued at"),
        claim("nbf", nbf.to_string(), "Good from"),
        claim("exp", exp.to_string(), "Good until"),
        claim(
            "auth_time",
            auth_time.to_string(),
            "When the password was last given",
        ),
        claim("amr", amr.join(", "), "How it was proved who signed in"),
    ]
}

fn claim(name: &'static str, value: String, meaning: &'static str) -> Claim {
    Claim {
        name,
        value,
        meaning,
    }
}
