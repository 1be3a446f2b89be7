//! What a token contains, and why it is or is not accepted: every check, also after one failed.
//!
//! Nothing is decided here: [`super::checks`] accepts tokens, and a test compares both. Note: the
//! claims are shown regardless of the signature, because everyone can read them; the token itself
//! and its signature are never shown.

#[cfg(test)]
mod tests;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::TOKEN_MAX_BYTES;
use super::checks::{self, Parts, Verifier};
use super::claims::{AccessClaims, LinkClaims, ShareClaims, TokenKind};
use super::key_set::KeySet;
use super::report::{Kind, Report, indented, moment, printable, shown};
use crate::base::clock::{CLOCKS_APART_SECONDS, UnixSeconds};
use crate::config::SigningAlgorithm;

/// A token as people paste it: without `Bearer`, and without the spaces and line breaks that mail
/// programs and terminals insert.
pub fn as_pasted(text: &str) -> String {
    let text = text.trim_start();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let token = if first.eq_ignore_ascii_case("bearer") {
        rest
    } else {
        text
    };
    token.split_whitespace().collect()
}

/// Reports on a token that this server should have signed.
pub fn by_our_keys(token: &str, verifier: &Verifier<'_>) -> Report {
    let Some(read) = Read::of(token) else {
        return opaque();
    };
    let mut report = read.report();
    report.note("Form", read.form());
    let size = format!("{} bytes; the limit is {TOKEN_MAX_BYTES}.", token.len());
    report.note(
        "Size",
        match checks::size(token) {
            Ok(()) => Ok(size),
            Err(_) => Err(size),
        },
    );
    report.note("Algorithm (alg)", read.our_algorithm());
    report.note("Extensions (crit)", read.extensions());
    report.note("Kind (typ)", read.our_kind(report.kind));
    let key = verifier.find_key(read.header_text("kid"));
    let fitting = key.filter(|key| read.algorithm() == Some(key.jwt_algorithm()));
    report.note(
        "Key (kid)",
        match (key, fitting, read.header.get("kid")) {
            (Some(_), Some(_), _) => {
                Ok("One of this server’s keys, and for this algorithm.".to_owned())
            }
            (Some(_), None, _) => {
                Err("One of this server’s keys, but it signs with another algorithm.".to_owned())
            }
            (None, _, None) => {
                Err("The header has no kid; this server’s tokens have one.".to_owned())
            }
            (None, _, Some(kid)) => Err(format!(
                "This server has no key {}; expired keys are deleted.",
                shown(kid)
            )),
        },
    );
    let is_signed = read.note_signature(&mut report, fitting.map(|key| key.verifying()));
    report.note("Claims", read.our_claims(report.kind));
    for (what, name) in [("Issuer (iss)", "iss"), ("Audience (aud)", "aud")] {
        match (read.claim(name), verifier.issuer) {
            (None, _) => report.skip(what, "Not present."),
            (Some(said), None) => report.skip(
                what,
                format!(
                    "{}; not compared, because base_url is not set.",
                    shown(said)
                ),
            ),
            (Some(said), Some(us)) => report.note(
                what,
                if said.as_str().is_some_and(|said| verifier.is_us(said)) {
                    Ok("This server.".to_owned())
                } else {
                    Err(format!("{}, but this server is {us}.", shown(said)))
                },
            ),
        }
    }
    read.note_times(&mut report, verifier.now, CLOCKS_APART_SECONDS);
    read.note_life(&mut report, verifier, is_signed);
    if let (true, Some(key), Some(iat)) = (is_signed, fitting, read.claim("iat").and_then(seconds))
        && verifier.is_too_new_for(key, iat)
    {
        let why = "Issued after its key had been retired, so this server did not sign it.";
        report.note("Key's time", Err(why.to_owned()));
    }
    report
}

/// Reports on a token of another issuer, checked with the keys that it publishes. Issuer,
/// audience and kind are not checked, because the expected values are unknown here.
pub fn by_key_set(token: &str, keys: &KeySet, now: UnixSeconds) -> Report {
    let Some(read) = Read::of(token) else {
        return opaque();
    };
    let mut report = read.report();
    report.note("Form", read.form());
    report.note("Algorithm (alg)", read.known_algorithm());
    report.note("Extensions (crit)", read.extensions());
    match read.header.get("typ") {
        Some(typ) => report.skip(
            "Kind (typ)",
            format!("{}: compare it yourself.", shown(typ)),
        ),
        None => report.skip("Kind (typ)", "Not present."),
    }
    let found = read
        .algorithm()
        .map(|algorithm| keys.find(read.header_text("kid"), algorithm));
    match &found {
        Some(Ok(found)) => report.note("Key (kid)", Ok(format!("Checked with {}.", found.called))),
        Some(Err(why)) => report.note("Key (kid)", Err(why.clone())),
        None => report.skip("Key (kid)", "No key can be selected without an algorithm."),
    }
    let key = found.and_then(Result::ok).map(|found| found.key);
    read.note_signature(&mut report, key.as_ref());
    report.note(
        "Claims",
        read.any_claims().map(|_| "A JSON object.".to_owned()),
    );
    for (what, name) in [("Issuer (iss)", "iss"), ("Audience (aud)", "aud")] {
        match read.claim(name) {
            Some(said) => report.skip(what, format!("{}: compare it yourself.", shown(said))),
            None => report.skip(what, "Not present."),
        }
    }
    read.note_times(&mut report, now, 0);
    if matches!(report.kind, Kind::Access | Kind::Link | Kind::Share) {
        let why = "Only the server that issued it knows whether it has ended, was used or was \
                   revoked.";
        report.skip("Session or link", why);
    }
    report
}

fn opaque() -> Report {
    let mut report = Report {
        kind: Kind::Opaque,
        header: None,
        claims: None,
        text: None,
        checks: Vec::new(),
    };
    report.note(
        "Form",
        Err(
            "Not three base64url parts that begin with a JSON object, so nothing can be read from \
             it. Refresh tokens and one-time links look like this; neither is a JWT."
                .to_owned(),
        ),
    );
    report
}

/// The readable parts of a token that begins like a JWT.
struct Read<'a> {
    parts: Parts<'a>,
    header: Map<String, Value>,
    /// `None` if that part is not base64url.
    payload: Option<Vec<u8>>,
    claims: Option<Map<String, Value>>,
}

impl<'a> Read<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let parts = Parts::of(token)?;
        let payload = checks::decode(parts.payload);
        let claims = payload
            .as_deref()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        Some(Self {
            header: serde_json::from_slice(&checks::decode(parts.header)?).ok()?,
            parts,
            payload,
            claims,
        })
    }

    fn report(&self) -> Report {
        let text = match (&self.claims, &self.payload) {
            (None, Some(payload)) => std::str::from_utf8(payload).ok().map(printable),
            _ => None,
        };
        Report {
            kind: Kind::of(&self.header),
            header: indented(&self.header),
            claims: self.claims.as_ref().and_then(indented),
            text: text.filter(|text| !text.is_empty()),
            checks: Vec::new(),
        }
    }

    fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        checks::algorithm(self.header_text("alg")?)
    }

    fn form(&self) -> Result<String, String> {
        if self.payload.is_none() {
            Err("The second part is not base64url.".to_owned())
        } else if checks::decode(self.parts.signature).is_none() {
            Err("The third part is not base64url.".to_owned())
        } else if self.algorithm().is_some() && self.parts.header().is_none() {
            Err("A field of the header is duplicated, or has the wrong type.".to_owned())
        } else {
            Ok("Three base64url parts, the first a JSON object.".to_owned())
        }
    }

    fn our_algorithm(&self) -> Result<String, String> {
        self.known_algorithm()?;
        let name = self.header_text("alg").unwrap_or_default();
        match SigningAlgorithm::parse(name) {
            Some(_) => Ok(format!("{name}, which this server uses.")),
            None => Err(format!("{name}, which this server does not use.")),
        }
    }

    fn known_algorithm(&self) -> Result<String, String> {
        match self.header.get("alg") {
            None => Err("Not present.".to_owned()),
            // RFC 8725, section 3.2.
            Some(Value::String(name)) if name.eq_ignore_ascii_case("none") => {
                Err("none: the token is not signed.".to_owned())
            }
            Some(name) => match self.algorithm() {
                Some(algorithm) => Ok(format!("{algorithm:?} is supported.")),
                None => Err(format!("{} is not supported.", shown(name))),
            },
        }
    }

    fn extensions(&self) -> Result<String, String> {
        match self.header.get("crit") {
            // Treated as absent, as in the library.
            None | Some(Value::Null) => Ok("No critical extensions.".to_owned()),
            Some(crit) => Err(format!(
                "Critical extensions that are not supported: {}.",
                shown(crit)
            )),
        }
    }

    fn our_kind(&self, kind: Kind) -> Result<String, String> {
        let ours = [AccessClaims::TYP, LinkClaims::TYP, ShareClaims::TYP].join(", ");
        match (kind, self.header.get("typ")) {
            (Kind::Access | Kind::Link | Kind::Share, _) => {
                Ok(format!("Accepted only as {}.", kind.words()))
            }
            (_, None) => Err(format!("Not present. This server’s tokens have {ours}.")),
            (_, Some(typ)) => Err(format!(
                "{}, but this server’s tokens have exactly {ours}.",
                shown(typ)
            )),
        }
    }

    /// True if the signature is valid.
    fn note_signature(&self, report: &mut Report, key: Option<&jsonwebtoken::DecodingKey>) -> bool {
        const WHAT: &str = "Signature";
        if self.payload.is_none() {
            report.skip(WHAT, "Cannot be checked: the signed part is not base64url.");
            return false;
        }
        let (Some(key), Some(algorithm)) = (key, self.algorithm()) else {
            report.skip(WHAT, "No key to check it with.");
            return false;
        };
        let fits = self.parts.is_signed_with(key, algorithm);
        report.note(
            WHAT,
            match fits {
                Some(true) => Ok("Valid for header, claims and key.".to_owned()),
                Some(false) => {
                    Err("Invalid: the token was changed, or signed with another key.".to_owned())
                }
                None => Err("Cannot be read.".to_owned()),
            },
        );
        fits == Some(true)
    }

    fn any_claims(&self) -> Result<&Map<String, Value>, String> {
        let why = "Not a JSON object, so this is not a JWT (RFC 7519, section 7.2).";
        self.claims.as_ref().ok_or_else(|| why.to_owned())
    }

    fn our_claims(&self, kind: Kind) -> Result<String, String> {
        self.any_claims()?;
        let complete = match kind {
            Kind::Access => self.parts.claims::<AccessClaims>().map(drop),
            Kind::Link => self.parts.claims::<LinkClaims>().map(drop),
            Kind::Share => self.parts.claims::<ShareClaims>().map(drop),
            Kind::Foreign | Kind::Opaque => return Ok("A JSON object.".to_owned()),
        };
        match complete {
            Ok(()) => Ok("All required claims are present.".to_owned()),
            Err(error) => {
                let error = error.to_string();
                let what = error.split(" at line ").next().unwrap_or_default();
                Err(format!(
                    "Not the claims of such a token: {}.",
                    printable(what)
                ))
            }
        }
    }

    /// RFC 7519, sections 4.1.4 to 4.1.6. `apart` is how far ahead the issuer's clock may be.
    fn note_times(&self, report: &mut Report, now: UnixSeconds, apart: i64) {
        for (what, name) in [
            ("Issued (iat)", "iat"),
            ("Not valid before (nbf)", "nbf"),
            ("Expires (exp)", "exp"),
        ] {
            let Some(said) = self.claim(name) else {
                report.skip(what, "Not present.");
                continue;
            };
            let found = match (seconds(said), name) {
                (None, _) => Err(format!("{} is not a time in seconds.", shown(said))),
                (Some(end), "exp") if checks::has_passed(end, now) => Err(format!(
                    "{}: expired {} seconds ago.",
                    moment(end),
                    now.saturating_sub(end)
                )),
                (Some(end), "exp") => Ok(format!(
                    "{}, in {} seconds.",
                    moment(end),
                    end.saturating_sub(now)
                )),
                (Some(at), _) if at > now.saturating_add(apart) => Err(format!(
                    "{} is in the future: in {} seconds.",
                    moment(at),
                    at.saturating_sub(now)
                )),
                (Some(at), _) => Ok(format!("{}.", moment(at))),
            };
            report.note(what, found);
        }
    }

    /// Finds tokens that were issued when the settings allowed a longer lifetime. Only people who
    /// have a token of this server are told what the settings allow.
    fn note_life(&self, report: &mut Report, verifier: &Verifier<'_>, is_signed: bool) {
        const WHAT: &str = "Lifetime";
        let life = match report.kind {
            Kind::Access => AccessClaims::lifetime(verifier.lifetimes),
            Kind::Link => LinkClaims::lifetime(verifier.lifetimes),
            Kind::Share => ShareClaims::lifetime(verifier.lifetimes),
            Kind::Foreign | Kind::Opaque => return,
        };
        let times = (
            self.claim("iat").and_then(seconds),
            self.claim("exp").and_then(seconds),
        );
        let (true, (Some(iat), Some(exp))) = (is_signed, times) else {
            report.skip(WHAT, "Checked only for tokens that this server signed.");
            return;
        };
        let end = checks::longest_end(iat, life);
        let found = if checks::has_passed(end, verifier.now) {
            Err(format!(
                "The settings now allow {life} seconds, and these are over."
            ))
        } else if exp > end {
            Ok(format!(
                "Issued for longer than the settings now allow: it ends at {}.",
                moment(end)
            ))
        } else {
            Ok(format!(
                "Within the {life} seconds that the settings allow."
            ))
        };
        report.note(WHAT, found);
    }
}

/// A NumericDate (RFC 7519, section 2); fractions of a second are ignored.
fn seconds(said: &Value) -> Option<UnixSeconds> {
    said.as_i64()
        .or_else(|| Some(said.as_f64()?.floor() as i64))
}
