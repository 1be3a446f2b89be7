//! Converts the text of a row to an account that can be added.

use std::sync::Arc;

use crate::access::Role;
use crate::accounts::{self, AccountState, Names, SentNames};
use crate::base::clock::{self, UnixSeconds};
use crate::base::input::Refusals;
use crate::base::names::{Email, NewPassword, Refusal, Username, within_sentence};
use crate::passwords::{self, Breached, PasswordHash, Unusable};

use super::fields::{self, Field, Values};

/// The rules for every row.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether a row may create an administrator.
    pub administrators: bool,
    /// Whether a value that is not a hash is a plaintext password.
    pub typed_passwords: bool,
    /// Whether hashes of more than the usual work are accepted.
    pub costly_hashes: bool,
    /// Whether a row whose username is not accepted is imported under its email address alone.
    pub drop_bad_usernames: bool,
    /// Minimum of a plaintext password.
    pub min_length: usize,
    /// A plaintext password must not be one of these.
    pub breached: Option<Arc<Breached>>,
    pub now: UnixSeconds,
}

pub struct Candidate {
    pub names: Names,
    pub secret: Secret,
    pub role: Role,
    pub state: AccountState,
    pub created_at: UnixSeconds,
    /// When its address was confirmed; without a date, the time of the import.
    pub email_verified_at: Option<UnixSeconds>,
    /// Values of the row that were not imported.
    pub warnings: Vec<Refusal>,
}

pub enum Secret {
    Hash(PasswordHash),
    /// A plaintext password, which is hashed here.
    Typed(NewPassword),
}

/// The label by which a person finds the row: a valid name, so it cannot be a secret.
pub fn label(values: &Values) -> Option<String> {
    let value = |field: Field| values[field as usize].as_deref();
    let username = value(Field::Username).and_then(|text| Username::parse(text).ok());
    let email = || {
        let texts = [value(Field::Email), value(Field::Username)];
        texts
            .into_iter()
            .flatten()
            .find_map(|text| Email::parse(text).ok())
    };
    username
        .map(|name| name.as_str().to_owned())
        .or_else(|| email().map(|email| email.as_str().to_owned()))
}

impl Candidate {
    /// # Errors
    /// The reason, for the administrator; it says nothing of the row's password or hash.
    pub fn parse(mut values: Values, rules: &Rules) -> Result<Self, Refusal> {
        let mut take = |field: Field| {
            let is_name = matches!(field, Field::Username | Field::Name);
            let text = values[field as usize].take()?;
            // Some programs write this word for a missing value; it can also be a person's name. No
            // password is that short.
            let is_null = !is_name && text.trim() == "NULL";
            (!text.trim().is_empty() && !is_null).then_some(text)
        };
        let mut warnings = Vec::new();
        let (mut username, mut email) = (take(Field::Username), take(Field::Email));
        // A username cannot be an address, and some programs keep the address in its column.
        if email.is_none() && username.as_ref().is_some_and(|name| name.contains('@')) {
            email = username.take();
        }
        let name = take(Field::Name);
        let sent = SentNames {
            username: username.as_deref(),
            email: email.as_deref(),
            name: name.as_deref(),
        };
        let (names, wrong) = Names::parse(sent);
        if let Some(why) = refused("username", sent.username, &wrong) {
            if names.email.is_none() {
                return Err(why.into());
            }
            if !rules.drop_bad_usernames {
                return Err(format!(
                    "{why}. Its email address is accepted: with --drop-bad-usernames the account \
                     is imported under the address, without a username"
                )
                .into());
            }
            warnings.push(format!("imported without its username: {why}").into());
        }
        if let Some(why) = refused("email", sent.email, &wrong) {
            return Err(why.into());
        }
        if let Some(why) = wrong.find("name") {
            warnings.push(format!("imported without its name: {}", within_sentence(why)).into());
        }
        let role = role(take(Field::Role).as_deref())?;
        if role == Role::Administrator && !rules.administrators {
            return Err(
                "it is an administrator: with --administrators, administrators are imported too"
                    .into(),
            );
        }
        let state = state(take(Field::Active).as_deref())?;
        let created_at = take(Field::CreatedAt).map_or(Some(rules.now), |text| {
            clock::parse(&text).filter(|moment| (0..=rules.now).contains(moment))
        });
        let created_at = created_at.unwrap_or_else(|| {
            warnings.push(
                "its created_at is not a date between 1970 and now, like \
                 2024-03-01 12:00:00+00, 2024-03-01T12:00:00Z or 1709294400: \
                 the account gets the date of this import"
                    .into(),
            );
            rules.now
        });
        let verified = take(Field::EmailVerified).filter(|_| names.email.is_some());
        let email_verified_at = match verified {
            None => None,
            Some(text) => match (truth(&text), clock::parse(&text)) {
                (Some(true), _) => Some(rules.now),
                (Some(false), _) => None,
                (None, Some(moment)) if (0..=rules.now).contains(&moment) => Some(moment),
                (None, _) => {
                    warnings.push(
                        "its email_verified is neither true, false nor a date in the past: the \
                         email address is imported as not confirmed"
                            .into(),
                    );
                    None
                }
            },
        };
        let secret = match (take(Field::PasswordHash), take(Field::Password)) {
            (Some(_), Some(_)) => {
                return Err(
                    "it has both a password_hash and a password: leave one of them empty".into(),
                );
            }
            (None, None) => {
                return Err("it has no password: password_hash or password must be there".into());
            }
            (Some(hash), None) => Secret::Hash(foreign(&hash, rules)?),
            (None, Some(text)) => match PasswordHash::foreign(text.trim(), rules.costly_hashes) {
                Ok(hash) => Secret::Hash(hash),
                // A hash of an unknown kind would become a password for everyone who has read it.
                Err(Unusable::NoHash) if !rules.typed_passwords => {
                    return Err(
                        "its password is not a known hash: if the column holds passwords as \
                         they were typed, --typed-passwords hashes them"
                            .into(),
                    );
                }
                Err(Unusable::NoHash) => Secret::Typed(typed(&text, &names, rules)?),
                Err(why) => return Err(why.to_string().into()),
            },
        };
        Ok(Self {
            names,
            secret,
            role,
            state,
            created_at,
            email_verified_at,
            warnings,
        })
    }

    pub fn is_typed(&self) -> bool {
        matches!(self.secret, Secret::Typed(_))
    }
}

/// Why a name is not accepted. The name is shown, unless it looks like a hash in the wrong column.
fn refused(field: &str, sent: Option<&str>, wrong: &Refusals) -> Option<String> {
    let why = within_sentence(wrong.find(field)?);
    let Some(sent) = sent else { return Some(why) };
    // A truncated hash is reported as damaged, or of a weak kind.
    let shown = fields::shown(sent.trim());
    let is_name =
        PasswordHash::foreign(shown.trim_end_matches('…'), true).err() == Some(Unusable::NoHash);
    let shown = is_name.then(|| format!(" \"{shown}\""));
    let shown = shown.unwrap_or_default();
    let what = match field {
        "email" => "email address",
        field => field,
    };
    Some(format!("the {what}{shown} is not accepted: {why}"))
}

fn foreign(text: &str, rules: &Rules) -> Result<PasswordHash, Refusal> {
    PasswordHash::foreign(text.trim(), rules.costly_hashes).map_err(|why| why.to_string().into())
}

/// The same rules as for `account add`.
fn typed(text: &str, names: &Names, rules: &Rules) -> Result<NewPassword, Refusal> {
    let password = accounts::parse_password(text, rules.min_length);
    let password = password.map_err(|why| within_sentence(why.first()))?;
    let breached = rules.breached.as_deref();
    passwords::check_new(password.password(), &names.personal(), breached)
        .map_err(|why| within_sentence(&why.to_string()))?;
    Ok(password)
}

fn state(text: Option<&str>) -> Result<AccountState, Refusal> {
    match text.map_or(Some(true), truth) {
        Some(true) => Ok(AccountState::Active),
        Some(false) => Ok(AccountState::Disabled),
        None => Err("its active is neither true nor false: accepted are \
                     true, t, yes, y, on, 1, false, f, no, n, off, 0, or an empty value"
            .into()),
    }
}

/// Our own values, and those of other programs' columns for administrators.
fn role(text: Option<&str>) -> Result<Role, Refusal> {
    let word = text.unwrap_or("member").trim().to_ascii_lowercase();
    match (word.as_str(), truth(&word)) {
        ("member" | "user", _) | (_, Some(false)) => Ok(Role::Member),
        ("administrator" | "admin", _) | (_, Some(true)) => Ok(Role::Administrator),
        _ => Err(
            "its role is neither member nor administrator: accepted are member, user, \
                  administrator, admin, and true, yes, 1 (an administrator) or false, no, 0"
                .into(),
        ),
    }
}

/// The spellings of databases and spreadsheets.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}
