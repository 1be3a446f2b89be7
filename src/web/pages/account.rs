//! The account of the person signed in: its data, and how to change or delete it.

use askama::Template;

use super::confirm::{self, Confirm};
use super::profile::Address;
use super::{Answer, Page, sessions};
use crate::accounts::Account;
use crate::base::clock::{for_reading, rfc3339};
use crate::base::fault::Fault;
use crate::base::version::ExpectedVersion;
use crate::web::forms::Form;
use crate::web::proof::{Recent, SignedIn};

#[derive(Template)]
#[template(path = "pages/account/overview.html")]
struct Overview<'a> {
    account: &'a Account,
    email: Address,
    since_iso: String,
    since: String,
    devices: String,
    open_shares: i64,
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let account = page.accounts.find(who.account).await?;
    let account = account.ok_or_else(|| Fault::new("somebody is signed in without an account"))?;
    let open_shares = page.shares.count_open(who.account).await?;
    page.show(&Overview {
        open_shares,
        devices: sessions::count(&page, who.account).await?.0,
        since_iso: rfc3339(account.created_at),
        since: for_reading(account.created_at),
        email: Address::of(&page, &account).await?,
        account: &account,
    })
}

pub async fn ask_to_revoke_shares(SignedIn(who): SignedIn, page: Page) -> Answer {
    let open = page.shares.count_open(who.account).await?;
    confirm::ask(
        &page,
        &Confirm {
            title: "Revoke all links to your files",
            text: "The links that you created so far stop working at once. Your files stay, and \
                   you can create new links.",
            facts: vec![("Active links", open.to_string())],
            action: "/account/shares",
            button: "Revoke all links",
            back: "/account",
        },
    )
}

pub async fn revoke_shares(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    page.shares.revoke_all(who.account).await?;
    Ok(page.go_with_notice("/account", "All links to your files are revoked."))
}

pub async fn ask_to_delete(Recent(who): Recent, page: Page) -> Answer {
    let claims = &who.claims;
    let facts = [
        ("Username", &claims.username),
        ("Email address", &claims.email),
    ];
    let facts = facts.into_iter();
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete your account",
            text: "Everything that is yours here goes with it, and you are signed out everywhere. \
                   It cannot be restored.",
            facts: facts
                .filter_map(|(label, value)| Some((label, value.clone()?)))
                .collect(),
            action: "/account/delete",
            button: "Delete my account",
            back: "/account",
        },
    )
}

pub async fn delete(Recent(who): Recent, page: Page, _: Form) -> Answer {
    page.administration
        .delete(who.account, ExpectedVersion::Any)
        .await?;
    let mut response = page.go_with_notice("/", "Your account is deleted.");
    page.forget_cookies(&mut response)?;
    Ok(response)
}
