//! The page of a link to a file, for everyone who has the link: a small page for people, and the
//! file itself for programs.
//!
//! Viewing the page does not use up a download. A browser downloads the file by submitting a form,
//! so software that follows links by itself does not use one up.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{Answer, Page};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::size;
use crate::files::File;
use crate::shares::{Refused, Share};
use crate::web::accept::is_for_a_person;
use crate::web::authorization;
use crate::web::download::{self, Display, Parts};
use crate::web::forms::{Fields, Unproven};
use crate::web::problem::{Problem, SHARE_ENDED};
use crate::web::proof::{Public, PublicToken};

#[derive(Template)]
#[template(path = "pages/share.html")]
struct Shared {
    token: String,
    path: String,
    name: String,
    size: String,
    media_type: String,
    ends: (String, String),
    left: Option<i64>,
    has_password: bool,
    fields: Fields,
}

impl Shared {
    fn of(page: &Page, token: String, (share, file): (&Share, &File)) -> Self {
        Self {
            token,
            path: page.request().path().to_owned(),
            name: file.name.clone(),
            size: size::for_reading(file.bytes),
            media_type: file.media_type.clone(),
            ends: (rfc3339(share.ends_at), for_reading(share.ends_at)),
            left: share.downloads_max.map(|most| most - share.downloads),
            has_password: share.has_password(),
            fields: Fields::default(),
        }
    }
}

pub async fn show(_: PublicToken, page: Page, request: HttpRequest) -> Answer {
    let token = page.query("token").unwrap_or_default();
    let (share, file) = open(&page, &token).await?;
    if is_for_a_person(&request) {
        let shown = Shared::of(&page, token, (&share, &file));
        return page.show(&shown);
    }
    let basic = authorization::basic(&request).and_then(authorization::name_and_password);
    let password = basic.as_ref().map(|(_, password)| password.as_str());
    page.shares.unlock(&share, password, &page.source()).await?;
    hand_over(&page, &share, &file).await
}

/// The token in the form is all the authority that it needs, so the form may come from any page.
pub async fn take(_: Public, page: Page, sent: Unproven) -> Answer {
    let token = sent.form.text("token");
    let (share, file) = open(&page, token).await?;
    let typed = sent.form.find("password").filter(|text| !text.is_empty());
    let mut fields = Fields::default();
    match page.shares.unlock(&share, typed, &page.source()).await {
        Ok(()) => return hand_over(&page, &share, &file).await,
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
        ..Shared::of(&page, token.to_owned(), (&share, &file))
    };
    page.show_form(&shown, &shown.fields)
}

async fn open(page: &Page, token: &str) -> Result<(Share, File), Problem> {
    let id = page.id("id").map_err(|_| SHARE_ENDED)?;
    Ok(page.shares.open(id, token).await?)
}

/// If the number of downloads is limited, each is of the whole file: a client cannot fetch the file
/// in parts without a download being counted.
async fn hand_over(page: &Page, share: &Share, file: &File) -> Result<HttpResponse, Problem> {
    let request = page.request();
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
