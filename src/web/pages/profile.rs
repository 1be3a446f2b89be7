//! The forms with the names of an account, to create it or to change it; and the state of its
//! address.

use super::Page;
use crate::accounts::{Account, Changes, NewAccount, Refused, SentChanges, SentNames};
use crate::base::input::Refusals;
use crate::base::version::{ExpectedVersion, Version};
use crate::web::forms::{Fields, Form};
use crate::web::problem::Problem;

const NAMES: [&str; 3] = ["username", "email", "name"];

pub fn read_new(form: &Form, min_length: usize) -> (Fields, Result<NewAccount, Refusals>) {
    let names = SentNames {
        username: Some(form.text("username")),
        email: Some(form.text("email")),
        name: form.find("name"),
    };
    let new = NewAccount::parse(names, form.text("password"), min_length);
    (Fields::typed(form, &NAMES), new)
}

pub fn of(account: &Account) -> Fields {
    let mut fields = Fields::default();
    let names = [&account.username, &account.email, &account.name];
    for (field, value) in NAMES.into_iter().zip(names) {
        fields.set(field, value.as_deref().unwrap_or_default());
    }
    fields.set("version", &account.version.to_string());
    fields
}

/// With what was typed; `None` if the form is not ours.
pub fn typed(form: &Form) -> Option<Fields> {
    form.text("version").parse::<Version>().ok()?;
    let mut fields = Fields::typed(form, &NAMES);
    fields.set("version", form.text("version"));
    Some(fields)
}

/// The typed fields, and the changes to the version of the account that the form shows.
///
/// # Errors
/// When the form is not ours.
pub fn read(
    form: &Form,
    account: &Account,
) -> Result<(Fields, ExpectedVersion, Result<Changes, Refusals>), Problem> {
    const MALFORMED: Problem =
        Problem::malformed("A part of the form is missing. Nothing was saved.");
    let fields = typed(form).ok_or(MALFORMED)?;
    let version = form.text("version").parse().map_err(|_| MALFORMED)?;
    let name = form.text("name");
    let changes = SentChanges {
        username: Some(SentChanges::text(form.text("username"))),
        email: Some(SentChanges::text(form.text("email"))),
        name: Some(Some(name).filter(|name| !name.is_empty())),
        ..SentChanges::default()
    };
    let expected = ExpectedVersion::OneOf(vec![version]);
    Ok((fields, expected, Changes::parse(changes, account)))
}

/// Shows why an account was not changed; `now` is the current account.
///
/// # Errors
/// When no other input would be accepted.
pub fn refuse(fields: &mut Fields, refused: Refused, now: &Account) -> Result<(), Problem> {
    match refused {
        // The typed values are kept, and take effect if they are sent again.
        Refused::Stale => {
            fields.set("version", &now.version.to_string());
            fields.refuse(
                "username",
                "The account was changed in the meantime. Check what you entered, and send it again",
            );
        }
        refused => fields.explain(refused.into_refusals())?,
    }
    Ok(())
}

/// The state of the account's address.
pub struct Address {
    /// As the account has it.
    pub current: Option<String>,
    pub is_verified: bool,
    /// A new one, which waits until it is confirmed.
    pub new: Option<String>,
    /// Whether the current one waits.
    pub is_waiting: bool,
}

impl Address {
    pub async fn of(page: &Page, account: &Account) -> Result<Self, Problem> {
        let waiting = page.recovery.find_waiting(account.id).await?;
        let is_waiting = waiting.is_some() && waiting == account.email;
        Ok(Self {
            current: account.email.clone(),
            is_verified: account.email_verified_at.is_some(),
            new: waiting.filter(|_| !is_waiting),
            is_waiting,
        })
    }
}
