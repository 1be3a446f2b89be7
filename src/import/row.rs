//! From the text of a row to an account that could be added.

use crate::access::Role;
use crate::accounts::State;
use crate::base::clock::{self, UnixSeconds};
use crate::base::names::{Email, NewPassword, PersonName, Refusal, Username};
use crate::passwords::{self, PasswordHash, Unusable};

use super::fields::{Field, Values};

/// What every row is held to.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether a row may make an administrator.
    pub administrators: bool,
    /// Whether what is no hash is a password as it was typed.
    pub typed_passwords: bool,
    /// Of a password that comes as it was typed.
    pub min_length: usize,
    pub now: UnixSeconds,
}

pub struct Candidate {
    pub username: Option<Username>,
    pub email: Option<Email>,
    pub name: Option<PersonName>,
    pub secret: Secret,
    pub role: Role,
    pub state: State,
    pub created_at: UnixSeconds,
}

pub enum Secret {
    Hash(PasswordHash),
    /// As it was typed: it is hashed here.
    Typed(NewPassword),
}

/// By which a person finds the row: a name that is one, so it can be nothing secret.
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
    /// What the person who called reads about the row; it says nothing of its password or hash.
    pub fn parse(mut values: Values, rules: &Rules) -> Result<Self, Refusal> {
        let mut take = |field: Field| values[field as usize].take();
        let (mut username, mut email) = (take(Field::Username), take(Field::Email));
        // No username can be an address, and some programs keep the address there.
        if email.is_none() && username.as_ref().is_some_and(|name| name.contains('@')) {
            email = username.take();
        }
        if username.is_none() && email.is_none() {
            return Err("it has no username and no email address".into());
        }
        let username = username.map(|text| Username::parse(&text)).transpose()?;
        let email = email.map(|text| Email::parse(&text)).transpose()?;
        let name = PersonName::parse(&take(Field::Name).unwrap_or_default())?;
        let role = role(take(Field::Role).as_deref())?;
        if role == Role::Administrator && !rules.administrators {
            return Err("it is an administrator: say --administrators to let those in".into());
        }
        let state = state(take(Field::Active).as_deref())?;
        let created_at = match take(Field::CreatedAt) {
            None => rules.now,
            Some(text) => clock::parse(text.trim())
                .filter(|moment| (0..=rules.now).contains(moment))
                .ok_or("its created_at is no moment that has been")?,
        };
        let personal = [
            username.as_ref().map(Username::as_str),
            email.as_ref().map(Email::as_str),
            name.as_ref().map(PersonName::as_str),
        ];
        let personal: Vec<String> = personal.into_iter().flatten().map(str::to_owned).collect();
        let secret = match (take(Field::PasswordHash), take(Field::Password)) {
            (Some(_), Some(_)) => return Err("it has a password_hash and a password".into()),
            (None, None) => return Err("it has no password".into()),
            (Some(hash), None) => Secret::Hash(foreign(&hash)?),
            (None, Some(text)) => match PasswordHash::foreign(text.trim()) {
                Ok(hash) => Secret::Hash(hash),
                // A hash of a kind nobody knows would be a password to whoever has read it.
                Err(Unusable::NoHash) if !rules.typed_passwords => {
                    return Err("its password is no hash that is known here: \
                                say --typed-passwords if it stands there as it was typed"
                        .into());
                }
                Err(Unusable::NoHash) => Secret::Typed(typed(&text, &personal, rules)?),
                Err(why) => return Err(why.to_string().into()),
            },
        };
        Ok(Self {
            username,
            email,
            name,
            secret,
            role,
            state,
            created_at,
        })
    }

    pub fn is_typed(&self) -> bool {
        matches!(self.secret, Secret::Typed(_))
    }
}

fn foreign(text: &str) -> Result<PasswordHash, Refusal> {
    PasswordHash::foreign(text.trim()).map_err(|why| why.to_string().into())
}

/// What `account add` asks of a password is asked here.
fn typed(text: &str, personal: &[String], rules: &Rules) -> Result<NewPassword, Refusal> {
    let password = NewPassword::parse(text, rules.min_length)?;
    if passwords::is_weak(password.password(), personal) {
        return Err("its password is easy to guess".into());
    }
    Ok(password)
}

fn state(text: Option<&str>) -> Result<State, Refusal> {
    let text = text.unwrap_or_default().trim().to_ascii_lowercase();
    match text.as_str() {
        "" | "1" | "true" | "t" => Ok(State::Active),
        "0" | "false" | "f" => Ok(State::Disabled),
        _ => Err("its active is neither true nor false".into()),
    }
}

/// Ours, and the columns for administrators that others have.
fn role(text: Option<&str>) -> Result<Role, Refusal> {
    let text = text.unwrap_or_default().trim().to_ascii_lowercase();
    match text.as_str() {
        "" | "member" | "user" | "0" | "false" | "f" => Ok(Role::Member),
        "administrator" | "admin" | "1" | "true" | "t" => Ok(Role::Administrator),
        _ => Err("its role is neither member nor administrator".into()),
    }
}
