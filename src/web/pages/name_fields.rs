//! The fields by which an account is called.

use crate::accounts::{Account, Changes, Conflict, Refused};
use crate::base::names::{Email, PersonName, Username};
use crate::base::version::{ExpectedVersion, Version};
use crate::web::forms::{Field, FieldError, Form, summary};
use crate::web::problem::Problem;

pub struct NameFields {
    pub username: Field,
    pub email: Field,
    pub name: Field,
    /// Of the account as it was shown.
    pub version: Version,
}

impl NameFields {
    pub fn of(account: &Account) -> Self {
        let field = |value: &Option<String>| Field::kept(value.as_deref().unwrap_or_default());
        Self {
            username: field(&account.username),
            email: field(&account.email),
            name: field(&account.name),
            version: account.version,
        }
    }

    /// With what was typed; `None` when it is not a form of ours.
    pub fn typed(form: &Form) -> Option<Self> {
        Some(Self {
            username: Field::kept(form.text("username")),
            email: Field::kept(form.text("email")),
            name: Field::kept(form.text("name")),
            version: form.text("version").parse().ok()?,
        })
    }

    /// With what was typed; `None` when something won't do, which is noted at its field. An
    /// address or a name that stays as the account has it is not looked at: an older version of
    /// Doorward may have taken what this one refuses.
    ///
    /// # Errors
    /// When it is not a form of ours.
    pub fn read(
        form: &Form,
        account: &Account,
    ) -> Result<(Self, Option<(Changes, ExpectedVersion)>), Problem> {
        const MALFORMED: Problem =
            Problem::malformed("A part of the form is missing. Nothing was saved.");
        let mut fields = Self::typed(form).ok_or(MALFORMED)?;
        let (username, email) = (form.text("username").trim(), form.text("email").trim());
        let username = (!username.is_empty())
            .then(|| Username::parse(username))
            .transpose();
        let email = if account.email.as_deref().unwrap_or_default() == email {
            Ok(None)
        } else if email.is_empty() {
            Ok(Some(None))
        } else {
            Email::parse(email).map(|email| Some(Some(email)))
        };
        let name = form.text("name");
        let name = if account.name.as_deref().unwrap_or_default() == name {
            Ok(None)
        } else {
            PersonName::parse(name).map(Some)
        };
        let changes = match (
            fields.username.note(username),
            fields.email.note(email),
            fields.name.note(name),
        ) {
            (Some(username), Some(email), Some(name)) => Some(Changes {
                username: Some(username),
                email,
                name,
                ..Changes::default()
            }),
            _ => None,
        };
        let expected = ExpectedVersion::OneOf(vec![fields.version]);
        Ok((fields, changes.map(|changes| (changes, expected))))
    }

    /// Notes why the account was not changed.
    ///
    /// # Errors
    /// What no other input would mend.
    pub fn note(&mut self, refused: Refused, now: Option<&Account>) -> Result<(), Problem> {
        match (refused, now) {
            (Refused::Taken(Conflict::Username), _) => self
                .username
                .refuse("This username is taken. Choose another one"),
            (Refused::Taken(Conflict::Email), _) => self
                .email
                .refuse("Another account has this email address. Use another one"),
            (Refused::Reserved(words), _) => self.username.refuse(&words),
            (Refused::Nameless, _) => self
                .username
                .refuse("Enter a username, an email address, or both"),
            // What was typed stays, and counts if it is sent again.
            (Refused::Stale, Some(account)) => {
                self.version = account.version;
                self.username.refuse(
                    "The account was changed in the meantime. Check what you entered, and send it again",
                );
            }
            (refused, _) => return Err(refused.into()),
        }
        Ok(())
    }

    pub fn errors(&self) -> Vec<FieldError> {
        summary(&[
            ("username", &self.username),
            ("email", &self.email),
            ("name", &self.name),
        ])
    }
}
