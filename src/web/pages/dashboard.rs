//! The dashboard: the signed-in person, the times and client of the session, and the token's
//! claims.

use std::borrow::Cow;

use askama::Template;

use super::{Answer, Page};
use crate::base::clock::{UnixSeconds, for_reading, for_reading_to_the_second, rfc3339};
use crate::sessions::Client;
use crate::tokens::{AccessClaims, LinkClaims};
use crate::web::proof::{Access, SignedInOrLink};

#[derive(Template)]
#[template(path = "pages/dashboard.html")]
struct Dashboard<'a> {
    greeting: &'a str,
    /// The token of the link that opened it.
    link: Option<String>,
    facts: Vec<Fact<'a>>,
    claims: Vec<Claim<'a>>,
}

struct Fact<'a> {
    label: &'static str,
    value: FactValue<'a>,
}

enum FactValue<'a> {
    Text(Cow<'a, str>),
    Time { iso: String, text: String },
}

struct Claim<'a> {
    name: &'static str,
    value: Cow<'a, str>,
    meaning: &'static str,
}

pub async fn show(SignedInOrLink(access): SignedInOrLink, page: Page) -> Answer {
    let (greeting, facts, claims) = match &access {
        Access::Session(identity) => {
            let claims = &identity.claims;
            let mut facts = who(&claims.username, &claims.email, identity.role.as_str());
            facts.push(time("Signed in", identity.session_started));
            facts.push(time("Token expires", claims.exp));
            facts.push(time("Session expires", identity.session_ends));
            facts.push(text("From", from(&identity.client)));
            (identity.greeting(), facts, access_claims(claims))
        }
        Access::Link(reader) => {
            let (account, claims) = (&reader.account, &reader.claims);
            let mut facts = who(&account.username, &account.email, account.role.as_str());
            facts.push(time("Signed in", claims.auth_time));
            facts.push(Fact {
                label: "Link expires",
                value: FactValue::Time {
                    iso: rfc3339(claims.exp),
                    text: for_reading_to_the_second(claims.exp),
                },
            });
            facts.push(text("From", from(&page.client())));
            (account.greeting(), facts, link_claims(claims))
        }
    };
    let link = match access {
        Access::Link(_) => page.query("token"),
        Access::Session(_) => None,
    };
    page.show(&Dashboard {
        greeting,
        link,
        facts,
        claims,
    })
}

fn who<'a>(
    username: &'a Option<String>,
    email: &'a Option<String>,
    role: &'a str,
) -> Vec<Fact<'a>> {
    let username = username
        .iter()
        .map(|username| text("Signed in as", username));
    let email = email.iter().map(|email| text("Email address", email));
    username.chain(email).chain([text("Role", role)]).collect()
}

fn text<'a>(label: &'static str, value: impl Into<Cow<'a, str>>) -> Fact<'a> {
    Fact {
        label,
        value: FactValue::Text(value.into()),
    }
}

fn time(label: &'static str, at: UnixSeconds) -> Fact<'static> {
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

fn access_claims(claims: &AccessClaims) -> Vec<Claim<'_>> {
    let mut all = registered(&claims.iss, &claims.aud, &claims.sub, &claims.jti);
    all.push(claim("sid", &claims.sid, "Session ID"));
    all.extend(times(
        claims.iat,
        claims.nbf,
        claims.exp,
        claims.auth_time,
        &claims.amr,
    ));
    for (name, value, meaning) in [
        ("username", &claims.username, "Username"),
        ("name", &claims.name, "Name"),
        ("email", &claims.email, "Email address"),
    ] {
        all.extend(value.iter().map(|value| claim(name, value, meaning)));
    }
    if let Some(is_verified) = claims.email_verified {
        let value = is_verified.to_string();
        all.push(claim("email_verified", value, "Email address is confirmed"));
    }
    all.push(claim(
        "roles",
        claims.roles.join(", "),
        "Role of the account",
    ));
    if !claims.groups.is_empty() {
        all.push(claim("groups", claims.groups.join(", "), "Groups"));
    }
    all
}

fn link_claims(claims: &LinkClaims) -> Vec<Claim<'_>> {
    let mut all = registered(&claims.iss, &claims.aud, &claims.sub, &claims.jti);
    all.extend(times(
        claims.iat,
        claims.nbf,
        claims.exp,
        claims.auth_time,
        &claims.amr,
    ));
    all.push(claim("path", &claims.path, "The page it opens"));
    all
}

fn registered<'a>(iss: &'a str, aud: &'a str, sub: &'a str, jti: &'a str) -> Vec<Claim<'a>> {
    vec![
        claim("iss", iss, "Who issued it"),
        claim("aud", aud, "Who it is for"),
        claim("sub", sub, "The account it is about"),
        claim("jti", jti, "Token ID"),
    ]
}

fn times(
    iat: UnixSeconds,
    nbf: UnixSeconds,
    exp: UnixSeconds,
    auth_time: UnixSeconds,
    amr: &[String],
) -> [Claim<'static>; 5] {
    [
        claim("iat", iat.to_string(), "Issued at"),
        claim("nbf", nbf.to_string(), "Valid from"),
        claim("exp", exp.to_string(), "Expires at"),
        claim(
            "auth_time",
            auth_time.to_string(),
            "When the password was last entered",
        ),
        claim("amr", amr.join(", "), "Authentication methods"),
    ]
}

fn claim<'a>(
    name: &'static str,
    value: impl Into<Cow<'a, str>>,
    meaning: &'static str,
) -> Claim<'a> {
    Claim {
        name,
        value: value.into(),
        meaning,
    }
}
