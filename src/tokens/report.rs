//! The report on a token: kind, content, and a line for each check.
//!
//! The content of a token is untrusted. What is shown of it here is safe on a terminal and, once
//! escaped, in HTML.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::claims::{AccessClaims, LinkClaims, ShareClaims, TokenKind};
use crate::base::clock::{UnixSeconds, rfc3339};

/// The last second of a date with a four-digit year.
const LAST_DATE: UnixSeconds = 253_402_300_799;

/// Limit of JSON. A malicious token can grow a hundredfold when it is indented.
const INDENTED_MAX_BYTES: usize = 64 * 1024;

/// What a token claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Access,
    Link,
    Share,
    /// A JWT of another issuer.
    Foreign,
    /// Not a JWT.
    Opaque,
}

impl Kind {
    pub fn of(header: &Map<String, Value>) -> Self {
        match header.get("typ").and_then(Value::as_str) {
            Some(AccessClaims::TYP) => Self::Access,
            Some(LinkClaims::TYP) => Self::Link,
            Some(ShareClaims::TYP) => Self::Share,
            _ => Self::Foreign,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Access => "an access token",
            Self::Link => "a sign-in link’s token",
            Self::Share => "a file link’s token",
            Self::Foreign => "a JWT of another kind",
            Self::Opaque => "an opaque token",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    NotChecked,
}

impl Outcome {
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::NotChecked => "Not checked",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Check {
    pub what: &'static str,
    pub outcome: Outcome,
    /// A sentence.
    pub why: String,
}

/// Contains no signature, and no control characters but line breaks.
#[derive(Clone, Debug)]
pub struct Report {
    pub kind: Kind,
    /// As JSON, if it can be read.
    pub header: Option<String>,
    /// As JSON, if they can be read.
    pub claims: Option<String>,
    /// The content instead of claims, if it is text.
    pub text: Option<String>,
    pub checks: Vec<Check>,
}

impl Report {
    /// True if no check failed.
    pub fn is_accepted(&self) -> bool {
        self.failed().is_empty()
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |check: &&Check| check.outcome == Outcome::Failed;
        let failed = self.checks.iter().filter(failed);
        failed.map(|check| check.what).collect()
    }

    pub fn add(&mut self, what: &'static str, outcome: Outcome, why: impl Into<String>) {
        self.checks.push(Check {
            what,
            outcome,
            why: why.into(),
        });
    }

    pub fn note(&mut self, what: &'static str, found: Result<String, String>) {
        match found {
            Ok(why) => self.add(what, Outcome::Passed, why),
            Err(why) => self.add(what, Outcome::Failed, why),
        }
    }

    pub fn skip(&mut self, what: &'static str, why: impl Into<String>) {
        self.add(what, Outcome::NotChecked, why);
    }
}

pub fn moment(at: UnixSeconds) -> String {
    if (0..=LAST_DATE).contains(&at) {
        rfc3339(at)
    } else {
        format!("Unix time {at}")
    }
}

/// As JSON; on one line if it would be very long.
pub fn indented(object: &Map<String, Value>) -> Option<String> {
    let indented = serde_json::to_string_pretty(object).ok()?;
    if indented.len() > INDENTED_MAX_BYTES {
        return serde_json::to_string(object)
            .ok()
            .map(|json| printable(&json));
    }
    Some(printable(&indented))
}

pub fn shown(value: &Value) -> String {
    printable(&value.to_string())
}

pub fn quoted(text: &str) -> String {
    shown(&Value::from(text))
}

/// Escapes characters that control a terminal, that HTML cannot contain, or that change the
/// direction of text.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => printable.push(c),
            '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                write!(printable, "\\u{:04x}", u32::from(c)).ok();
            }
            c if c.is_control() => {
                write!(printable, "\\u{:04x}", u32::from(c)).ok();
            }
            c => printable.push(c),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_letters_are_not() {
        assert_eq!(
            printable("a\u{1b}[2J\u{9b}\r\u{202e}\n"),
            "a\\u001b[2J\\u009b\\u000d\\u202e\n"
        );
        assert_eq!(quoted("Ada \"é日\""), r#""Ada \"é日\"""#);
    }

    #[test]
    fn a_time_without_a_date_is_told_as_a_number() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(LAST_DATE), "9999-12-31T23:59:59Z");
        for strange in [-1, LAST_DATE + 1, i64::MAX, i64::MIN] {
            assert_eq!(moment(strange), format!("Unix time {strange}"));
        }
    }

    #[test]
    fn very_long_json_is_not_indented() {
        let nested = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
        let object: Map<String, Value> = serde_json::from_str(&nested).unwrap();
        assert!(indented(&object).unwrap().contains('\n'));
        let long = nested.replace('1', &["1"; 5000].join(","));
        let object: Map<String, Value> = serde_json::from_str(&long).unwrap();
        assert_eq!(indented(&object).unwrap(), long);
    }
}
