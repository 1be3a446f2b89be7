//! Asks for the password again, before an action for which a session is not enough.

use askama::Template;

use super::{Answer, Page, next_page};
use crate::accounts::NotProved;
use crate::base::names::Password;
use crate::sessions::Identity;
use crate::web::forms::{Fields, Form};
use crate::web::proof::SignedIn;

#[derive(Template)]
#[template(path = "pages/account/verify.html")]
struct Verify<'a> {
    next: Option<String>,
    /// About a form that waits at `next`.
    interrupted: Option<&'static str>,
    /// For password managers.
    login: &'a str,
    fields: Fields,
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let next = next_page(page.query("next").as_deref());
    if who.is_recent(page.clock.now()) {
        return Ok(page.go(next.as_deref().unwrap_or("/account")));
    }
    form(&page, &who, next, Fields::default())
}

pub async fn submit(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let next = next_page(sent.find("next"));
    let mut fields = Fields::default();
    if sent.text("password").is_empty() {
        fields.refuse("password", "Enter your password");
        return form(&page, &who, next, fields);
    }
    let typed = Password::typed(sent.text("password"));
    match page.sign_in.prove_again(&who, &typed).await {
        Ok(grant) => page.let_in(&grant, next.as_deref().unwrap_or("/account")),
        Err(NotProved::Refused) => {
            fields.refuse("password", "This is not your password");
            form(&page, &who, next, fields)
        }
        Err(why) => {
            fields.wait(why)?;
            form(&page, &who, next, fields)
        }
    }
}

fn form(page: &Page, who: &Identity, next: Option<String>, fields: Fields) -> Answer {
    let form = Verify {
        interrupted: page.interrupted_at(next.as_deref()),
        next,
        login: who.login(),
        fields,
    };
    page.show_form(&form, &form.fields)
}
