//! The fields of a new account.

use crate::accounts::{Conflict, NewAccount, SignUpError};
use crate::base::names::{Email, NewPassword, PersonName, Username};
use crate::passwords::HashError;
use crate::web::forms::{Field, FieldError, Form, summary};
use crate::web::problem::{BUSY, Problem};

#[derive(Default)]
pub struct SignUpFields {
    pub username: Field,
    pub email: Field,
    pub name: Field,
    /// Its value stays empty: a secret is never sent back.
    pub password: Field,
}

impl SignUpFields {
    /// With what was typed; `None` when something won't do, which is noted at its field.
    pub fn read(form: &Form, min_length: usize) -> (Self, Option<NewAccount>) {
        let mut fields = Self {
            username: Field::kept(form.text("username")),
            email: Field::kept(form.text("email")),
            name: Field::kept(form.text("name")),
            password: Field::default(),
        };
        let username = fields.username.note(Username::parse(form.text("username")));
        let email = fields.email.note(Email::parse(form.text("email")));
        let name = fields.name.note(PersonName::parse(form.text("name")));
        let password = fields
            .password
            .note(NewPassword::parse(form.text("password"), min_length));
        let new = match (username, email, name, password) {
            (Some(username), Some(email), Some(name), Some(password)) => Some(NewAccount {
                username: Some(username),
                email: Some(email),
                name,
                password,
            }),
            _ => None,
        };
        (fields, new)
    }

    /// Notes why the account was not made.
    ///
    /// # Errors
    /// What no other input would mend.
    pub fn note(&mut self, error: SignUpError) -> Result<(), Problem> {
        match error {
            SignUpError::Taken(Conflict::Username) => self
                .username
                .refuse("This username is taken. Choose another one"),
            SignUpError::Taken(Conflict::Email) => self
                .email
                .refuse("Another account has this email address. Use another one, or sign in"),
            SignUpError::Reserved(words) => self.username.refuse(&words),
            SignUpError::Password(HashError::Weak) => self.password.refuse(super::WEAK_PASSWORD),
            SignUpError::Password(HashError::Busy(_)) => return Err(BUSY),
            SignUpError::Password(HashError::Fault(fault)) | SignUpError::Fault(fault) => {
                return Err(fault.into());
            }
        }
        Ok(())
    }

    pub fn again(&self) -> &'static str {
        super::again(&self.password, &self.errors())
    }

    pub fn errors(&self) -> Vec<FieldError> {
        summary(&[
            ("username", &self.username),
            ("email", &self.email),
            ("name", &self.name),
            ("password", &self.password),
        ])
    }
}
