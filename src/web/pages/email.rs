//! Change the username, address and name of the account that is signed in.

use askama::Template;

use super::profile::{self, Address};
use super::{Answer, Page};
use crate::accounts::Account;
use crate::base::fault::Fault;
use crate::sessions::Identity;
use crate::sessions::ReissueReason;
use crate::web::forms::{Fields, Form};
use crate::web::problem::Problem;
use crate::web::proof::{Recent, SignedIn};

const HERE: &str = "/account/email";

#[derive(Template)]
#[template(path = "pages/account/email.html")]
struct ChangeNames {
    fields: Fields,
    email: Address,
}

pub async fn show(Recent(who): Recent, page: Page) -> Answer {
    let account = own(&page, &who).await?;
    let fields = profile::typed(&page.typed()).unwrap_or_else(|| profile::of(&account));
    form(&page, &account, fields).await
}

pub async fn submit(Recent(who): Recent, page: Page, sent: Form) -> Answer {
    let mut now = own(&page, &who).await?;
    let (mut fields, expected, changes) = profile::read(&sent, &now)?;
    if let Some(changes) = fields.note(changes) {
        let by = (&*who, &page.source());
        match page
            .administration
            .update_as(by, who.account, changes, expected)
            .await
        {
            Ok((_, waiting)) => {
                // So that this browser greets the owner by the new name now; others do within
                // minutes.
                let grant = page
                    .sessions
                    .issue_again(&who, ReissueReason::Renamed)
                    .await?;
                let (notice, to) = match waiting {
                    None => ("Profile saved.".to_owned(), "/account"),
                    Some(email) => (sent_to(email.as_str()), HERE),
                };
                page.leave_notice(&notice);
                return page.let_in(&grant, to);
            }
            Err(refused) => {
                now = own(&page, &who).await?;
                profile::refuse(&mut fields, refused, &now)?;
            }
        }
    }
    form(&page, &now, fields).await
}

/// Sends a link for the address that waits, or for the one that the account has.
pub async fn send_again(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    match page.recovery.ask_again(who.account, &page.source()).await? {
        Some(email) => Ok(page.go_with_notice(HERE, &sent_to(&email))),
        None => Ok(page.go_with_notice(HERE, "There is no address to confirm.")),
    }
}

pub async fn cancel(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    page.recovery.cancel_change(who.account).await?;
    Ok(page.go_with_notice(HERE, "The link to confirm the address is canceled."))
}

fn sent_to(email: &str) -> String {
    format!(
        "Look into your mail: a message with a link is on its way to {email}. Open the link within \
         24 hours to confirm the address."
    )
}

async fn own(page: &Page, who: &Identity) -> Result<Account, Problem> {
    let account = page.accounts.find(who.account).await?;
    Ok(account.ok_or_else(|| Fault::new("somebody is signed in without an account"))?)
}

async fn form(page: &Page, account: &Account, fields: Fields) -> Answer {
    let email = Address::of(page, account).await?;
    let form = ChangeNames { fields, email };
    page.show_form(&form, &form.fields)
}
