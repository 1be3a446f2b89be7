//! Names and passwords as people type them, parsed once into types that are always valid.
//!
//! A refusal is the sentence that the person reads under the field.

mod email;
mod file_name;
mod password;
mod reserved;
mod text;

use std::borrow::Cow;

pub use email::Email;
pub use file_name::{FILE_NAME_MAX, FileName};
pub use password::{NewPassword, PASSWORD_MAX, Password};
pub use reserved::ReservedNames;
pub use text::{caseless, folded, has_visible, printable};
use text::{identifier, is_unprintable, line};

pub const USERNAME_MAX: usize = 32;
/// RFC 5321, section 4.5.3.1.3, less the angle brackets.
pub const EMAIL_MAX: usize = 254;
pub const NAME_MAX: usize = 100;
pub const GROUP_MAX: usize = 32;
/// They are part of every access token.
pub const GROUPS_MAX: usize = 20;
pub const TITLE_MAX: usize = 200;
pub const DESCRIPTION_MAX: usize = 200;

pub type Refusal = Cow<'static, str>;

/// A refusal after a colon, as commands print it: it begins with a lower-case letter.
pub fn within_sentence(refusal: &str) -> String {
    let mut letters = refusal.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// ASCII letters, digits, dots, hyphens and underscores: no character that looks like another one,
/// and never an `@`, so that a username cannot be the address of another person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = identifier(text);
        if text.is_empty() {
            return Err("Enter a username".into());
        }
        if text.chars().count() > USERNAME_MAX {
            return Err(format!("Username must be {USERNAME_MAX} characters or fewer").into());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !text.chars().all(allowed) || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(
                "Username must begin with a letter or digit and use only letters a to z, \
                        digits, dots, hyphens and underscores"
                    .into(),
            );
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique: the name without regard to case.
    pub fn key(&self) -> String {
        caseless(&self.0)
    }
}

/// How a person is greeted: any text on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// `None` for an empty one: the name is optional.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = line(text, "Name", NAME_MAX)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The title of a work item, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = line(text, "Title", TITLE_MAX)?;
        if text.is_empty() {
            return Err("Enter a title".into());
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A one-line description of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// `None` for an empty one: the description is optional.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = line(text, "Description", DESCRIPTION_MAX)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names of groups, as a token contains them: sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Vec<String>);

impl Groups {
    /// From names with spaces or commas between them.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::of(Self::split(text))
    }

    pub fn split(text: &str) -> Vec<String> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    pub fn of(mut names: Vec<String>) -> Result<Self, Refusal> {
        names.sort();
        names.dedup();
        if names.len() > GROUPS_MAX {
            return Err(format!("An account can be in {GROUPS_MAX} groups or fewer").into());
        }
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
        let good =
            |name: &String| (1..=GROUP_MAX).contains(&name.len()) && name.chars().all(allowed);
        if !names.iter().all(good) {
            return Err(format!(
                "Groups must be {GROUP_MAX} characters or fewer each and use only small letters \
                 a to z, digits, dots, hyphens and underscores"
            )
            .into());
        }
        Ok(Self(names))
    }

    /// The name of one group, if it can be one.
    pub fn name(text: &str) -> Option<String> {
        let mut names = Self::parse(text).ok()?.0;
        names.pop().filter(|_| names.is_empty())
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// With a space between them.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }
}

/// What a person types to say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Username(Username),
    Email {
        /// `None` for a text that only an older version of Doorward accepted as an address.
        key: Option<String>,
        /// The old key, which finds an account that could not be given the current one.
        old_key: String,
    },
}

impl Login {
    /// `None` if no account can have this name: the caller answers as for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.contains(['@', '＠']) {
            return Username::parse(text).ok().map(Login::Username);
        }
        let key = Email::parse(text).ok().map(|email| email.key());
        let old_key = Email::old_key(text);
        // A text that no version accepted is not sent to the database, which may not accept it
        // either.
        let was_taken = old_key.len() <= EMAIL_MAX && !old_key.chars().any(is_unprintable);
        (key.is_some() || was_taken).then_some(Login::Email { key, old_key })
    }

    /// What is looked for: the name without regard to case.
    pub fn key(&self) -> String {
        match self {
            Self::Username(name) => name.key(),
            Self::Email { key, old_key } => key.as_ref().unwrap_or(old_key).clone(),
        }
    }
}

impl From<Email> for Login {
    fn from(email: Email) -> Self {
        Login::Email {
            key: Some(email.key()),
            old_key: Email::old_key(email.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_trimmed_and_compared_without_case() {
        let ada = Username::parse("  Ada.L-1_ ").unwrap();
        assert_eq!((ada.as_str(), ada.key().as_str()), ("Ada.L-1_", "ada.l-1_"));
        for bad in [
            "",
            " ",
            "-ada",
            "a@b",
            "a b",
            "a\0b",
            "<b>",
            "é",
            &"a".repeat(33),
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_may_hold_anything_that_can_be_read() {
        assert_eq!(PersonName::parse("  ").unwrap(), None);
        assert_eq!(
            PersonName::parse("<b>Ada</b>").unwrap().unwrap().as_str(),
            "<b>Ada</b>"
        );
        for bad in ["a\0b", "a\nb", "\u{202e}adA", &"a".repeat(101)] {
            assert!(PersonName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_title_is_one_line_of_any_language() {
        let title = |text: &str| Title::parse(text).map(|title| title.as_str().to_owned());
        assert_eq!(title(" e\u{301}tude ").unwrap(), "étude");
        assert!(title("שלום").is_ok() && title(&"é".repeat(200)).is_ok());
        for bad in ["", " \n ", "a\nb", "a\0b", "\u{202e}x", &"a".repeat(201)] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
    }
}
