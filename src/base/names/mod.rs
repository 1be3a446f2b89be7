//! What people type to name and prove themselves, parsed once into types that are always good.
//!
//! A refusal is the sentence that the person reads under the field.

mod file_name;
mod password;

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

pub use file_name::{FILE_NAME_MAX, FileName};
pub use password::{NewPassword, PASSWORD_MAX, Password};

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

/// Letters, digits, dots, hyphens and underscores of ASCII: nothing that looks like something
/// else, and never an `@`, so that no username can be somebody's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
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
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique: the name without regard to case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// An address as the HTML standard's e-mail field takes it, with a dot-free domain allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err("Enter an email address".into());
        }
        let good = text.len() <= EMAIL_MAX
            && text.rsplit_once('@').is_some_and(|(local, domain)| {
                is_local_part(local) && domain.split('.').all(is_domain_label)
            });
        if !good {
            return Err(
                "Enter an email address in the correct format, like name@example.com".into(),
            );
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique: the address without regard to case.
    pub fn key(&self) -> String {
        folded(&self.0)
    }
}

fn is_local_part(local: &str) -> bool {
    (1..=64).contains(&local.len())
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
}

fn is_domain_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// How a person is greeted: any text on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// `None` for an empty one: the name is optional.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.chars().count() > NAME_MAX {
            return Err(format!("Name must be {NAME_MAX} characters or fewer").into());
        }
        if text.chars().any(is_unprintable) {
            return Err("Name must be plain text on one line".into());
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What there is to do, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err("Enter what there is to do".into());
        }
        if text.chars().count() > TITLE_MAX {
            return Err(format!("Title must be {TITLE_MAX} characters or fewer").into());
        }
        if text.chars().any(is_unprintable) {
            return Err("Title must be plain text on one line".into());
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a file is, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// `None` for an empty one: the description is optional.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text: String = text.trim().nfc().collect();
        if text.chars().count() > DESCRIPTION_MAX {
            return Err(
                format!("Description must be {DESCRIPTION_MAX} characters or fewer").into(),
            );
        }
        if text.chars().any(is_unprintable) {
            return Err("Description must be plain text on one line".into());
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What texts are compared by without regard to case. Letter by letter, so that a part of a text
/// is folded as it is within the whole: at the end of a word, Σ would become another letter.
pub fn folded(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Control characters, and those that turn the direction of the text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Names of groups, as they stand in a token: sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Vec<String>);

impl Groups {
    /// From names with spaces or commas between them.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        Self::of(names.map(str::to_owned).collect())
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

/// What somebody types to say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Username(Username),
    Email(Email),
}

impl Login {
    /// `None` when it can be nobody's name: the caller answers as for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            Email::parse(text).ok().map(Login::Email)
        } else {
            Username::parse(text).ok().map(Login::Username)
        }
    }

    /// What is looked for: the name without regard to case.
    pub fn key(&self) -> String {
        match self {
            Self::Username(name) => name.key(),
            Self::Email(email) => email.key(),
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
    fn addresses_follow_the_html_standard() {
        for good in [
            "a@b",
            "Ada@Example.com",
            "o'neil+x@mail.example.org",
            "josé@exämple.de",
        ] {
            assert!(Email::parse(good).is_ok(), "{good:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "", "a", "@b", "a@", "a@-b", "a@b..c", "a b@c", "a@b\n", "a\0@b", "a@b@c", "<a>@b",
            &long,
        ] {
            let bad = bad
                .strip_suffix('\n')
                .map_or(bad.to_owned(), |b| format!("{b}\u{7f}"));
            assert!(Email::parse(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            Email::parse("ADA@Example.COM").unwrap().key(),
            "ada@example.com"
        );
        let key = |text| Email::parse(text).unwrap().key();
        assert_eq!(key("ΑΣ@x"), key("ασ@x"));
        assert!(key("ΟΔΟΣΗΜΑ@x").starts_with(&folded("ΟΔΟΣ")));
        assert_eq!(folded("e\u{301}"), folded("É"));
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
