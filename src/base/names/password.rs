//! Passwords.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use super::Refusal;

/// Code points. All of them count: nothing is cut off.
pub const PASSWORD_MAX: usize = 256;

/// A password as it was typed, in normal form C. Nothing is trimmed or cut.
#[derive(Clone)]
pub struct Password {
    composed: SecretString,
    /// The exact text that was typed, if it differs: other programs hash that.
    as_typed: Option<SecretString>,
}

impl Password {
    pub fn typed(text: &str) -> Self {
        let composed: String = text.nfc().collect();
        let as_typed = (composed != text).then(|| SecretString::from(text));
        Self {
            composed: SecretString::from(composed),
            as_typed,
        }
    }

    pub fn expose(&self) -> &str {
        self.composed.expose_secret()
    }

    /// For foreign hashes: the texts that they may have been made of.
    pub fn expose_forms(&self) -> impl Iterator<Item = &str> {
        let as_typed = self.as_typed.as_ref().map(SecretString::expose_secret);
        std::iter::once(self.expose()).chain(as_typed)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([secret])")
    }
}

/// A password that a person chooses: long enough. The hashing decides whether it is easy to guess,
/// or breached.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    pub fn parse(text: &str, min_length: usize) -> Result<Self, Refusal> {
        let password = Password::typed(text);
        match password.expose().chars().count() {
            0 => Err("Enter a password".into()),
            length if length < min_length => {
                Err(format!("Password must be {min_length} characters or more").into())
            }
            length if length > PASSWORD_MAX => {
                Err(format!("Password must be {PASSWORD_MAX} characters or fewer").into())
            }
            _ => Ok(Self(password)),
        }
    }

    pub fn password(&self) -> &Password {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_count_code_points_after_composition() {
        assert!(NewPassword::parse(&"é".repeat(12), 12).is_ok());
        assert!(NewPassword::parse(&"e\u{301}".repeat(11), 12).is_err());
        assert!(NewPassword::parse(&"🔑".repeat(256), 12).is_ok());
        assert!(NewPassword::parse(&"🔑".repeat(257), 12).is_err());
        assert_eq!(Password::typed(" e\u{301} ").expose(), " é ");
        let forms = |text| Password::typed(text).expose_forms().count();
        assert_eq!((forms("e\u{301}"), forms("é")), (2, 1));
    }

    #[test]
    fn printing_a_password_shows_nothing_of_it() {
        let password = NewPassword::parse("canary-base-names", 12).unwrap();
        assert!(!format!("{password:?}").contains("canary"));
    }
}
