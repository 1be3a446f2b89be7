//! Change the password.

use askama::Template;

use super::{Answer, Page, stay_open};
use crate::sessions::Identity;
use crate::sign_in::{ChangeError, PasswordChange};
use crate::web::forms::{Fields, Form};
use crate::web::proof::{Public, SignedIn};

#[derive(Template)]
#[template(path = "pages/account/password.html")]
struct ChangePassword<'a> {
    /// For password managers.
    login: &'a str,
    min_length: usize,
    fields: Fields,
}

/// For password managers (W3C, A Well-Known URL for Changing Passwords).
pub async fn show_way(_: Public, page: Page) -> Answer {
    Ok(page.go("/account/password"))
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    form(&page, &who, Fields::default())
}

pub async fn submit(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let mut fields = Fields::default();
    let min_length = page.config.passwords.min_length;
    let change = PasswordChange::parse(sent.text("current"), sent.text("new"), min_length);
    if let Some(change) = fields.note(change) {
        match page.sign_in.change_password(&who, change).await {
            Ok(grant) => {
                let open = stay_open(page.shares.count_open(who.account).await?);
                page.leave_notice(&format!(
                    "Your password is changed. You are signed out everywhere else.{open}"
                ));
                return page.let_in(&grant, "/account");
            }
            Err(ChangeError::Input(refusals)) => fields.refuse_all(refusals),
            Err(why) => fields.wait(why)?,
        }
    }
    form(&page, &who, fields)
}

fn form(page: &Page, who: &Identity, fields: Fields) -> Answer {
    let form = ChangePassword {
        login: who.login(),
        min_length: page.config.passwords.min_length,
        fields,
    };
    page.show_form(&form, &form.fields)
}
