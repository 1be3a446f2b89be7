//! Change the password.

use askama::Template;

use super::{Answer, Page, stay_open};
use crate::base::names::{NewPassword, Password};
use crate::passwords::HashError;
use crate::sessions::Identity;
use crate::sign_in::ChangeError;
use crate::web::forms::{Field, FieldError, Form, summary};
use crate::web::problem::{BUSY, NOT_SIGNED_IN};
use crate::web::proof::{Public, SignedIn};

#[derive(Template)]
#[template(path = "pages/account/password.html")]
struct ChangePassword<'a> {
    /// For password managers.
    login: &'a str,
    min_length: usize,
    current: Field,
    new: Field,
}

impl ChangePassword<'_> {
    fn errors(&self) -> Vec<FieldError> {
        summary(&[("current", &self.current), ("new", &self.new)])
    }

    fn again(&self, field: &Field) -> &'static str {
        super::again(field, &self.errors())
    }
}

/// For password managers (W3C, A Well-Known URL for Changing Passwords).
pub async fn show_way(_: Public, page: Page) -> Answer {
    Ok(page.go("/account/password"))
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    form(&page, &who, Field::default(), Field::default())
}

pub async fn submit(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let (mut current, mut new) = (Field::default(), Field::default());
    let min_length = page.config.passwords.min_length;
    let parsed = new.note(NewPassword::parse(sent.text("new"), min_length));
    if sent.text("current").is_empty() {
        current.refuse("Enter your current password");
    }
    if let (Some(parsed), None) = (parsed, &current.error) {
        let typed = Password::typed(sent.text("current"));
        match page.sign_in.change_password(&who, &typed, &parsed).await {
            Ok(grant) => {
                let open = stay_open(page.shares.count_open(who.account).await?);
                page.leave_notice(&format!(
                    "Your password is changed. You are signed out everywhere else.{open}"
                ));
                return page.let_in(&grant, "/account");
            }
            Err(ChangeError::Wrong) => current.refuse("This is not your current password"),
            Err(ChangeError::New(HashError::Weak)) => new.refuse(super::WEAK_PASSWORD),
            Err(ChangeError::New(HashError::Busy(_))) => return Err(BUSY),
            Err(ChangeError::Ended) => return Err(NOT_SIGNED_IN),
            Err(ChangeError::New(HashError::Fault(fault)) | ChangeError::Fault(fault)) => {
                return Err(fault.into());
            }
        }
    }
    form(&page, &who, current, new)
}

fn form(page: &Page, who: &Identity, current: Field, new: Field) -> Answer {
    let form = ChangePassword {
        login: who.login(),
        min_length: page.config.passwords.min_length,
        current,
        new,
    };
    page.show_form(&form, form.errors())
}
