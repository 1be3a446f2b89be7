//! The page of a link to a file, for everyone who has the link: a small page for people, and the
//! file itself for programs. The address of a link contains what opens it: 22 random characters, or
//! in a link of an earlier version the id of its row and a signed token in the query.
//!
//! Viewing the page does not use up a download. A browser downloads the file by submitting a form,
//! so software that follows links by itself does not use one up.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{Answer, Page};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::size;
use crate::limits::Budget;
use crate::shares::{Opened, Refused};
use crate::web::accept::is_for_a_person;
use crate::web::authorization;
use crate::web::download::{self, Display, Parts};
use crate::web::forms::{Fields, Unproven};
use crate::web::problem::Problem;
use crate::web::proof::{Public, PublicToken};

#[derive(Template)]
#[template(path = "pages/share.html")]
struct Shared {
    /// The signed token of a link that has one.
    token: Option<String>,
    path: String,
    name: String,
    /// Who shares it, if that may be told.
    owner: Option<String>,
    /// The address of its picture.
    preview: Option<String>,
    size: String,
    kind: String,
    ends: (String, String),
    left: Option<i64>,
    has_password: bool,
    fields: Fields,
}

impl Shared {
    fn of(page: &Page, token: Option<String>, opened: &Opened) -> Self {
        let (share, file, owner) = (&opened.share, &opened.file, &opened.owner);
        let path = page.request().path();
        // A picture of a locked link would need its password in an address.
        let has_preview = file.has_thumbnail && !share.has_password();
        let query = token.as_ref().map(|token| format!("?token={token}"));
        Self {
            preview: has_preview.then(|| format!("{path}/preview{}", query.unwrap_or_default())),
            token,
            path: path.to_owned(),
            // Never the email address.
            owner: (owner.name.clone())
                .or_else(|| owner.username.clone())
                .filter(|_| page.config.shares.show_owner),
            name: file.name.clone(),
            size: size::for_reading(file.bytes),
            kind: file.kind(),
            ends: (rfc3339(share.ends_at), for_reading(share.ends_at)),
            left: share.downloads_max.map(|most| most - share.downloads),
            has_password: share.has_password(),
            fields: Fields::default(),
        }
    }
}

pub async fn show(_: PublicToken, page: Page, request: HttpRequest) -> Answer {
    let token = page.query("token");
    let opened = open(&page, token.as_deref()).await?;
    if is_for_a_person(&request) {
        return page.show(&Shared::of(&page, token, &opened));
    }
    unlock(&page, &opened).await?;
    hand_over(&page, &opened).await
}

/// The picture of an image. Not a download: where those are limited, it is only the thumbnail.
pub async fn preview(_: PublicToken, page: Page) -> Answer {
    let opened = open(&page, page.query("token").as_deref()).await?;
    unlock(&page, &opened).await?;
    let (source, file) = (page.source(), &opened.file);
    let limits = &page.limits;
    limits
        .take_one(Budget::Thumbnails, source.subject())
        .await?;
    let thumbnail = page.files.thumbnail(file.account, file.id).await?;
    if opened.share.downloads_max.is_some() {
        return Ok(download::thumbnail(thumbnail));
    }
    let (display, parts) = (Display::IfHarmless, Parts::AsAsked);
    download::answer(page.request(), &page.files, file, display, parts).await
}

/// With the password of Basic credentials, if the link has one.
async fn unlock(page: &Page, opened: &Opened) -> Result<(), Problem> {
    let basic = authorization::basic(page.request()).and_then(authorization::name_and_password);
    let password = basic.as_ref().map(|(_, password)| password.as_str());
    let source = page.source();
    Ok(page.shares.unlock(&opened.share, password, &source).await?)
}

/// The link is all the authority that the form needs, so it may come from any page.
pub async fn take(_: Public, page: Page, sent: Unproven) -> Answer {
    let token = sent.form.find("token");
    let opened = open(&page, token).await?;
    let typed = sent.form.find("password").filter(|text| !text.is_empty());
    let mut fields = Fields::default();
    let source = page.source();
    match page.shares.unlock(&opened.share, typed, &source).await {
        Ok(()) => return hand_over(&page, &opened).await,
        Err(Refused::Password) => {
            let words = match typed {
                Some(_) => "This is not the password of this link",
                None => "Enter the password",
            };
            fields.refuse("password", words);
        }
        Err(refused) => fields.wait(refused)?,
    }
    let shown = Shared {
        fields,
        ..Shared::of(&page, token.map(str::to_owned), &opened)
    };
    page.show_form(&shown, &shown.fields)
}

async fn open(page: &Page, token: Option<&str>) -> Result<Opened, Problem> {
    let part = page.request().match_info().get("id").unwrap_or_default();
    Ok(page.shares.open(part, token).await?)
}

/// If the number of downloads is limited, each is of the whole file: a client cannot fetch the file
/// in parts without a download being counted.
async fn hand_over(page: &Page, opened: &Opened) -> Result<HttpResponse, Problem> {
    let (request, share, file) = (page.request(), &opened.share, &opened.file);
    let parts = match share.downloads_max {
        Some(_) => Parts::Whole,
        None => Parts::AsAsked,
    };
    let answer = download::answer(request, &page.files, file, Display::Never, parts).await?;
    // Counted when the download can succeed, and before its first byte.
    if answer.status().is_success() && *request.method() != Method::HEAD {
        page.shares.count(share).await?;
    }
    Ok(answer)
}
