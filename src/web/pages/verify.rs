//! The password once more, before something that a session alone is not trusted with.

use askama::Template;

use super::{Answer, Page, next_page};
use crate::accounts::NotProved;
use crate::base::names::Password;
use crate::sessions::Identity;
use crate::web::forms::{Field, FieldError, Form, summary};
use crate::web::proof::SignedIn;

#[derive(Template)]
#[template(path = "pages/account/verify.html")]
struct Verify<'a> {
    next: Option<String>,
    /// Of a form that waits at `next`.
    interrupted: Option<&'static str>,
    /// For password managers.
    login: &'a str,
    password: Field,
}

impl Verify<'_> {
    fn errors(&self) -> Vec<FieldError> {
        summary(&[("password", &self.password)])
    }
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let next = next_page(page.query("next").as_deref());
    if who.is_recent(page.clock.now()) {
        return Ok(page.go(next.as_deref().unwrap_or("/account")));
    }
    form(&page, &who, next, Field::default())
}

pub async fn submit(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let next = next_page(sent.find("next"));
    let mut password = Field::default();
    if sent.text("password").is_empty() {
        password.refuse("Enter your password");
        return form(&page, &who, next, password);
    }
    let typed = Password::typed(sent.text("password"));
    match page.sign_in.prove_again(&who, &typed).await {
        Ok(grant) => page.let_in(&grant, next.as_deref().unwrap_or("/account")),
        Err(NotProved::Refused) => {
            password.refuse("This is not your password");
            form(&page, &who, next, password)
        }
        Err(why) => Err(why.into()),
    }
}

fn form(page: &Page, who: &Identity, next: Option<String>, password: Field) -> Answer {
    let form = Verify {
        interrupted: page.interrupted_at(next.as_deref()),
        next,
        login: who.login(),
        password,
    };
    page.show_form(&form, form.errors())
}
