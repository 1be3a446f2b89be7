//! The links to a file.

use super::super::confirm::{self, Confirm};
use super::super::{Answer, Page};
use super::file::OneFile;
use super::path;
use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::ShareId;
use crate::limits::{Budget, Subject};
use crate::shares::{NewShare, Refused, Share, Standing};
use crate::web::forms::{Fields, Form};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::SignedIn;

/// All links: there are never more.
pub const LINKS_SHOWN: usize = 100;

/// How the owner recognizes a link.
fn name(share: &Share) -> String {
    match &share.begins {
        Some(begins) => format!("/s/{begins}…"),
        None => "Long link".to_owned(),
    }
}

fn downloads(share: &Share) -> String {
    match share.downloads_max {
        Some(most) => format!("{} of {most}", share.downloads),
        None => share.downloads.to_string(),
    }
}

/// The lifetimes of a link, as (minutes, words).
pub const LIVES: [(i64, &str); 5] = [
    (10, "10 minutes"),
    (60, "1 hour"),
    (24 * 60, "1 day"),
    (7 * 24 * 60, "7 days"),
    (30 * 24 * 60, "30 days"),
];
pub const LIFE: i64 = 24 * 60;

pub struct Link {
    pub id: ShareId,
    pub name: String,
    /// Of a link that can be shown again, while it works.
    pub url: Option<String>,
    pub standing: Standing,
    pub created: (String, String),
    pub ends: (String, String),
    pub downloads: String,
    pub last_used: Option<(String, String)>,
    pub has_password: bool,
}

impl Link {
    pub fn of(page: &Page, share: Share) -> Result<Self, Problem> {
        let standing = share.standing(page.clock.now());
        let link = match standing {
            Standing::Open => page.shares.signed_link(&share)?,
            Standing::UsedUp | Standing::Ended => None,
        };
        let time = |at| (rfc3339(at), for_reading(at));
        Ok(Self {
            id: share.id,
            name: name(&share),
            url: link.map(|link| format!("{}{link}", page.base_url.as_str())),
            standing,
            created: time(share.created_at),
            ends: time(share.ends_at),
            downloads: downloads(&share),
            last_used: share.last_used_at.map(time),
            has_password: share.has_password(),
        })
    }
}

pub async fn make(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let id = page.id("id")?;
    let typed = |name| Some(sent.text(name).trim()).filter(|text| !text.is_empty());
    let minutes = sent.text("minutes").parse().ok();
    // Text that is not a number is handled like a number out of range.
    let downloads = typed("downloads").map(|text| text.parse().unwrap_or(0));
    let password = Some(sent.text("password")).filter(|text| !text.is_empty());
    let subject = Subject::Account(who.account);
    page.limits.take_one(Budget::Links, subject).await?;
    let mut fields = Fields::typed(&sent, &["downloads"]);
    match NewShare::parse(minutes, downloads, password) {
        Ok(new) => match page
            .shares
            .make(who.account, id, new, None, &page.source())
            .await
        {
            Ok(made) => {
                let url = format!("{}{}", page.base_url.as_str(), made.link);
                page.keep_link(&path(id), &url);
                let notice = "The link was created. Copy it now, because it is not shown again.";
                return Ok(page.go_with_notice(&path(id), notice));
            }
            Err(refused @ Refused::TooMany) => fields.refuse("downloads", refused.to_string()),
            Err(refused) => fields.wait(refused)?,
        },
        // None of our options sends such minutes.
        Err(wrong) if wrong.find("minutes").is_some() => {
            return Err(Problem::malformed("Choose when the link expires."));
        }
        Err(wrong) => fields.refuse_all(wrong),
    }
    let file = page.files.load(who.account, id).await?;
    let mut form = OneFile::of(&page, file).await?;
    form.minutes = minutes.unwrap_or(LIFE);
    if password.is_some() {
        form.again = fields.again("password");
    }
    form.fields = form.fields.with(fields);
    page.show_form(&form, &form.fields)
}

pub async fn ask_to_revoke(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let listed = page.shares.list(who.account, file.id, None, LINKS_SHOWN);
    let share_id = page.id("share")?;
    let found = listed
        .await?
        .0
        .into_iter()
        .find(|share| share.id == share_id);
    let share = found.ok_or(NOT_FOUND)?;
    confirm::ask(
        &page,
        &Confirm {
            title: "Revoke this link",
            text: "The link stops working at once.",
            facts: vec![
                ("File", file.name),
                ("Link", name(&share)),
                ("Created", for_reading(share.created_at)),
                ("Expires", for_reading(share.ends_at)),
                ("Downloads", downloads(&share)),
                (
                    "Password",
                    if share.has_password() { "yes" } else { "none" }.to_owned(),
                ),
            ],
            action: &format!("{}/shares/{share_id}", path(file.id)),
            button: "Revoke this link",
            back: &path(file.id),
        },
    )
}

pub async fn revoke(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    let (id, share) = (page.id("id")?, page.id("share")?);
    page.shares.revoke(who.account, id, share).await?;
    Ok(page.go_with_notice(&path(id), "The link was revoked."))
}
