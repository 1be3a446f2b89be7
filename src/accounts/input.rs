//! Input that creates or changes an account, parsed in one place for pages, API and commands.

use super::{Account, AccountState, Changes, Conflict, NewAccount, Refused, SignUpError};
use crate::access::Role;
use crate::base::fault::Fault;
use crate::base::input::Refusals;
use crate::base::names::{Email, Groups, NewPassword, PersonName, Refusal, Username};
use crate::passwords::HashError;

pub const UNKNOWN_ROLE: &str = "Role must be member or administrator";
pub(super) const NAMELESS: &str = "An account needs a username or an email address";

/// The names of an account. Its owner signs in with the first two.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub username: Option<Username>,
    pub email: Option<Email>,
    pub name: Option<PersonName>,
}

/// Names as they were sent; `None` for one that is not part of the input.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentNames<'a> {
    pub username: Option<&'a str>,
    pub email: Option<&'a str>,
    pub name: Option<&'a str>,
}

impl Names {
    /// The names that are accepted, and what is wrong with the others.
    pub fn parse(sent: SentNames<'_>) -> (Self, Refusals) {
        let mut wrong = Refusals::default();
        if sent.username.is_none() && sent.email.is_none() {
            wrong.add("username", NAMELESS);
        }
        let username = sent.username.map(Username::parse);
        let email = sent.email.map(Email::parse);
        let name = sent.name.map(PersonName::parse);
        let names = Self {
            username: username.and_then(|parsed| wrong.note("username", parsed)),
            email: email.and_then(|parsed| wrong.note("email", parsed)),
            name: name.and_then(|parsed| wrong.note("name", parsed).flatten()),
        };
        (names, wrong)
    }

    /// The words about a person that an attacker guesses first.
    pub fn personal(&self) -> Vec<String> {
        let email = self.email.as_ref();
        let email = email.map(|email| [email.as_str().to_owned(), email.key()]);
        let others = [
            self.username.as_ref().map(Username::as_str),
            self.name.as_ref().map(PersonName::as_str),
        ];
        let others = others.into_iter().flatten().map(str::to_owned);
        email.into_iter().flatten().chain(others).collect()
    }
}

/// A new password for an account.
///
/// # Errors
/// What is wrong with it.
pub fn parse_password(text: &str, min_length: usize) -> Result<NewPassword, Refusals> {
    NewPassword::parse(text, min_length).map_err(|why| Refusals::of("password", why))
}

impl NewAccount {
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(sent: SentNames<'_>, password: &str, min_length: usize) -> Result<Self, Refusals> {
        let (names, mut wrong) = Names::parse(sent);
        match parse_password(password, min_length) {
            Ok(password) => wrong.or(Self { names, password }),
            Err(weak) => {
                wrong.extend(weak);
                Err(wrong)
            }
        }
    }
}

/// Changes as they were sent; `None` for what is not part of the input, and an inner `None` to
/// remove a name.
#[derive(Clone, Debug, Default)]
pub struct SentChanges<'a> {
    pub username: Option<Option<&'a str>>,
    pub email: Option<Option<&'a str>>,
    pub name: Option<Option<&'a str>>,
    pub role: Option<&'a str>,
    pub groups: Option<Vec<String>>,
    pub state: Option<&'a str>,
}

impl SentChanges<'_> {
    /// For an input in which an empty text removes a name.
    pub fn text(typed: &str) -> Option<&str> {
        Some(typed.trim()).filter(|text| !text.is_empty())
    }
}

impl Changes {
    /// `account` is as it is now: a name that stays the same is not parsed, since an earlier
    /// version may have accepted what this one refuses.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(sent: SentChanges<'_>, account: &Account) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        let username = |text: &str| Username::parse(text).map(Some);
        let email = |text: &str| Email::parse(text).map(Some);
        let username = changed(sent.username, &account.username, username);
        let email = changed(sent.email, &account.email, email);
        let name = changed(sent.name, &account.name, PersonName::parse);
        let role = |text| Role::parse(text).ok_or(UNKNOWN_ROLE.into());
        let state =
            |text| AccountState::parse(text).ok_or("State must be active or disabled".into());
        let changes = Self {
            username: username.and_then(|parsed| wrong.note("username", parsed)),
            email: email.and_then(|parsed| wrong.note("email", parsed)),
            name: name.and_then(|parsed| wrong.note("name", parsed)),
            role: sent.role.and_then(|text| wrong.note("role", role(text))),
            groups: sent
                .groups
                .and_then(|names| wrong.note("groups", Groups::of(names))),
            state: sent.state.and_then(|text| wrong.note("state", state(text))),
        };
        wrong.or(changes)
    }
}

/// `None` for a name that was not sent or stays as it is.
fn changed<T>(
    sent: Option<Option<&str>>,
    now: &Option<String>,
    parse: impl FnOnce(&str) -> Result<Option<T>, Refusal>,
) -> Option<Result<Option<T>, Refusal>> {
    let sent = sent.filter(|sent| *sent != now.as_deref())?;
    Some(sent.map_or(Ok(None), parse))
}

impl Conflict {
    pub fn refusals(self) -> Refusals {
        match self {
            Self::Username => {
                Refusals::of("username", "This username is taken. Choose another one")
            }
            Self::Email => Refusals::of(
                "email",
                "Another account has this email address. Use another one",
            ),
        }
    }
}

impl From<Refusals> for SignUpError {
    fn from(refusals: Refusals) -> Self {
        Self::Input(refusals)
    }
}

impl From<HashError> for SignUpError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Weak | HashError::Breached => {
                Refusals::of("password", error.to_string()).into()
            }
            HashError::Busy(busy) => Self::Busy(busy),
            HashError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl SignUpError {
    /// What the sender can correct.
    ///
    /// # Errors
    /// The error, if no other input would avoid it.
    pub fn into_refusals(self) -> Result<Refusals, Self> {
        match self {
            Self::Input(refusals) => Ok(refusals),
            Self::Taken(which) => Ok(which.refusals()),
            other => Err(other),
        }
    }
}

impl Refused {
    /// As [`SignUpError::into_refusals`].
    ///
    /// # Errors
    /// The refusal, if no other input would avoid it.
    pub fn into_refusals(self) -> Result<Refusals, Self> {
        match self {
            Self::Input(refusals) => Ok(refusals),
            Self::Taken(which) => Ok(which.refusals()),
            other => Err(other),
        }
    }
}

/// For a command, which has one kind of error.
impl From<SignUpError> for Fault {
    fn from(error: SignUpError) -> Self {
        match error.into_refusals() {
            Ok(refusals) => refusals.into(),
            Err(SignUpError::Fault(fault)) => fault,
            Err(other) => Self::caused("the account was not added", other),
        }
    }
}

/// As for [`SignUpError`].
impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused.into_refusals() {
            Ok(refusals) => refusals.into(),
            Err(Refused::Fault(fault)) => fault,
            Err(other) => Self::new(other.to_string()),
        }
    }
}
