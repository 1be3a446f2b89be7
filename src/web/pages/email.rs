//! Change the username, address and name of the account that is signed in.

use askama::Template;

use super::{Answer, Page, profile};
use crate::accounts::Account;
use crate::base::fault::Fault;
use crate::sessions::Identity;
use crate::sessions::ReissueReason;
use crate::web::forms::{Fields, Form};
use crate::web::problem::Problem;
use crate::web::proof::Recent;

#[derive(Template)]
#[template(path = "pages/account/email.html")]
struct ChangeNames {
    fields: Fields,
}

pub async fn show(Recent(who): Recent, page: Page) -> Answer {
    let typed = profile::typed(&page.typed());
    let fields = match typed {
        Some(fields) => fields,
        None => profile::of(&own(&page, &who).await?),
    };
    form(&page, fields)
}

pub async fn submit(Recent(who): Recent, page: Page, sent: Form) -> Answer {
    let (mut fields, expected, changes) = profile::read(&sent, &own(&page, &who).await?)?;
    if let Some(changes) = fields.note(changes) {
        let (role, id) = (who.role, who.account);
        match page
            .administration
            .update_as(role, id, changes, expected)
            .await
        {
            Ok(_) => {
                // So that this browser greets the owner by the new name now; others do within
                // minutes.
                let grant = page
                    .sessions
                    .issue_again(&who, ReissueReason::Renamed)
                    .await?;
                page.leave_notice("Profile saved.");
                return page.let_in(&grant, "/account");
            }
            Err(refused) => {
                let now = own(&page, &who).await?;
                profile::refuse(&mut fields, refused, &now)?;
            }
        }
    }
    form(&page, fields)
}

async fn own(page: &Page, who: &Identity) -> Result<Account, Problem> {
    let account = page.accounts.find(who.account).await?;
    Ok(account.ok_or_else(|| Fault::new("somebody is signed in without an account"))?)
}

fn form(page: &Page, fields: Fields) -> Answer {
    let form = ChangeNames { fields };
    page.show_form(&form, &form.fields)
}
