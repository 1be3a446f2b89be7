//! Asks for a link to set a new password. The response does not depend on whether an account exists.

use askama::Template;

use super::{Answer, Page};
use crate::recovery::Asked;
use crate::web::forms::{Fields, VisitorForm};
use crate::web::proof::Open;

#[derive(Template)]
#[template(path = "pages/forgot.html")]
struct Forgot {
    fields: Fields,
}

pub async fn show(_: Open, page: Page) -> Answer {
    form(&page, Fields::default())
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    let mut fields = Fields::typed(&sent, &["email"]);
    if let Some(asked) = fields.note(Asked::new_password(sent.text("email"))) {
        match page.recovery.ask(asked, &page.source()).await {
            Ok(()) => {
                return Ok(page.go_with_notice(
                    "/login",
                    "If an account has this email address, a message with a link is on its way. \
                     Open the link within 60 minutes.",
                ));
            }
            Err(why) => fields.wait(why)?,
        }
    }
    form(&page, fields)
}

fn form(page: &Page, fields: Fields) -> Answer {
    let form = Forgot { fields };
    page.show_form(&form, &form.fields)
}
