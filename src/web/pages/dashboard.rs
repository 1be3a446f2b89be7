//! The dashboard: a summary of what the account has, and for developers its session and the claims
//! of its token.
//!
//! A link shows no summary: it is for looking at the dashboard, not at the rest of the account.

use std::borrow::Cow;

use askama::Template;

use super::profile::Address;
use super::{Answer, Page, activity, sessions};
use crate::base::clock::{UnixSeconds, for_reading, for_reading_to_the_second, rfc3339};
use crate::base::fault::Fault;
use crate::base::size;
use crate::sessions::{Client, Identity};
use crate::tokens::{AccessClaims, LinkClaims};
use crate::web::problem::Problem;
use crate::web::proof::{Access, SignedInOrLink};
use crate::work::{Item, Status};

/// Open items, and events.
const SHOWN: usize = 3;

#[derive(Template)]
#[template(path = "pages/dashboard.html")]
struct Dashboard<'a> {
    greeting: &'a str,
    /// The token of the link that opened it.
    link: Option<String>,
    tiles: Option<Tiles>,
    facts: Vec<Fact<'a>>,
    claims: Vec<Claim<'a>>,
}

/// The summary.
struct Tiles {
    /// An email address that its owner has to confirm.
    unconfirmed: Option<String>,
    open_items: i64,
    items: Vec<Item>,
    used: String,
    used_max: String,
    used_percent: i64,
    files: i64,
    devices: String,
    /// The latest sign-in of another device.
    latest_device: Option<Device>,
    events: Vec<activity::Row>,
}

struct Device {
    device: String,
    started_iso: String,
    started: String,
}

impl Tiles {
    async fn of(page: &Page, who: &Identity) -> Result<Self, Problem> {
        let id = who.account;
        let account = page.accounts.find(id).await?;
        let account =
            account.ok_or_else(|| Fault::new("somebody is signed in without an account"))?;
        let email = Address::of(page, &account).await?;
        let (items, _) = page.work.list(id, Some(Status::Open), None, SHOWN).await?;
        let open_items = match items.first() {
            Some(first) => page.work.number(id, first, Some(Status::Open)).await?,
            None => None,
        };
        let usage = page.files.usage(id).await?;
        let settings = page.files.config();
        let (number, devices) = sessions::count(page, id).await?;
        let latest = devices.iter().find(|session| session.id != who.session);
        Ok(Self {
            unconfirmed: email
                .current
                .filter(|_| page.config.signup.verify_email && !email.is_verified),
            open_items: open_items.map_or(0, |(_, all)| all),
            items,
            used: size::for_reading(usage.bytes),
            used_max: size::for_reading(usage.bytes_max(settings)),
            used_percent: usage.percent(settings),
            files: usage.files,
            devices: number,
            latest_device: latest.map(|session| Device {
                device: sessions::device(session),
                started_iso: rfc3339(session.created_at),
                started: for_reading(session.created_at),
            }),
            events: activity::list(page, who, None, SHOWN).await?.0,
        })
    }
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
    /// For a time: as `datetime`, and to read.
    time: Option<(String, String)>,
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
    let (link, tiles) = match &access {
        Access::Link(_) => (page.query("token"), None),
        Access::Session(identity) => (None, Some(Tiles::of(&page, identity).await?)),
    };
    page.show(&Dashboard {
        greeting,
        link,
        tiles,
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
    let at = |name, at: UnixSeconds, meaning| Claim {
        time: Some((rfc3339(at), for_reading_to_the_second(at))),
        ..claim(name, at.to_string(), meaning)
    };
    [
        at("iat", iat, "Issued at"),
        at("nbf", nbf, "Valid from"),
        at("exp", exp, "Expires at"),
        at(
            "auth_time",
            auth_time,
            "When the owner last proved who they are",
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
        time: None,
        meaning,
    }
}
