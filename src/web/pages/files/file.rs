//! One file: what is known of it, its bytes, its links.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use askama::Template;

use super::super::confirm::{self, Confirm};
use super::super::{Answer, Page};
use super::links::{LIFE, LINKS_SHOWN, LIVES, Link};
use super::{Row, SHELF, path};
use crate::base::names::{Description, FileName};
use crate::base::size;
use crate::base::version::ExpectedVersion;
use crate::files::{self, Change, File, Refused};
use crate::web::download::{self, Display, Parts};
use crate::web::forms::{Field, FieldError, Form, summary, upload};
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;

#[derive(Template)]
#[template(path = "pages/files/file.html")]
pub struct OneFile {
    row: Row,
    media_type: String,
    checksum: String,
    version: i64,
    name: Field,
    description: Field,
    pub minutes: i64,
    pub downloads: Field,
    pub password: Field,
    /// What to say of a password of a link that was typed.
    pub again: &'static str,
    links: Vec<Link>,
}

impl OneFile {
    pub async fn of(page: &Page, file: File) -> Result<Self, Problem> {
        let listed = page.shares.list(file.account, file.id, None, LINKS_SHOWN);
        let (links, _) = listed.await?;
        let links = links.into_iter().map(|share| Link::of(page, share));
        Ok(Self {
            links: links.collect::<Result<_, _>>()?,
            media_type: file.media_type.clone(),
            checksum: file.checksum(),
            version: file.version,
            name: Field::kept(&file.name),
            description: Field::kept(file.description.as_deref().unwrap_or_default()),
            minutes: LIFE,
            downloads: Field::default(),
            password: Field::default(),
            again: "",
            row: Row::of(file),
        })
    }

    pub fn errors(&self) -> Vec<FieldError> {
        summary(&[
            ("name", &self.name),
            ("description", &self.description),
            ("downloads", &self.downloads),
            ("password", &self.password),
        ])
    }
}

pub async fn open(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let (typed, mut form) = (page.typed(), OneFile::of(&page, file).await?);
    if let Some(name) = typed.find("name") {
        form.name = Field::kept(name);
        form.description = Field::kept(typed.text("description"));
        form.version = typed.text("version").parse().unwrap_or(form.version);
    }
    if let Ok(minutes) = typed.text("minutes").parse() {
        form.minutes = minutes;
        form.downloads = Field::kept(typed.text("downloads"));
    }
    page.show(&form)
}

/// The form says which version it shows: what has been changed since is not overwritten unseen.
pub async fn change(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let id = page.id("id")?;
    let mut name = Field::kept(sent.text("name"));
    let mut description = Field::kept(sent.text("description"));
    let parsed = (
        name.note(FileName::parse(sent.text("name"))),
        description.note(Description::parse(sent.text("description"))),
    );
    if let (Some(new_name), Some(new_description)) = parsed {
        let version = sent.text("version").parse().unwrap_or_default();
        let change = Change {
            name: Some(new_name),
            description: Some(new_description),
        };
        let expected = ExpectedVersion::OneOf(vec![version]);
        match page.files.change(who.account, id, expected, change).await {
            Ok(_) => return Ok(page.go_with_notice(&path(id), "Saved.")),
            Err(Refused::Stale(now)) => {
                let there = now.description.unwrap_or_default();
                let is_same = (name.value == now.name, description.value == there);
                if is_same == (true, true) {
                    return Ok(page.go_with_notice(&path(id), "Saved."));
                }
                for (field, is_same, now) in [
                    (&mut name, is_same.0, now.name),
                    (&mut description, is_same.1, there),
                ] {
                    if !is_same {
                        field.refuse(&format!(
                            "This was changed to “{now}” while you were editing. Save again to replace it"
                        ));
                    }
                }
            }
            Err(Refused::ExtensionNotTaken(kind)) => {
                name.refuse(&upload::extension_not_taken(kind, &page.files));
            }
            Err(refused) => match upload::words("", &refused, &page.files) {
                Some((_, words)) => description.refuse(&words),
                None => return Err(refused.into()),
            },
        }
    }
    let file = page.files.load(who.account, id).await?;
    let form = OneFile {
        name,
        description,
        ..OneFile::of(&page, file).await?
    };
    page.show_form(&form, form.errors())
}

pub async fn content(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let display = Display::IfHarmless;
    download::answer(page.request(), &page.files, &file, display, Parts::AsAsked).await
}

pub async fn thumbnail(SignedIn(who): SignedIn, page: Page) -> Answer {
    let image = page.files.thumbnail(who.account, page.id("id")?).await?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, files::media::of(&image)))
        // A file's bytes never change.
        .insert_header((CACHE_CONTROL, "private, max-age=86400"));
    Ok(answer.body(image))
}

pub async fn ask_to_delete(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let mut facts = vec![
        ("File", file.name.clone()),
        ("Size", size::for_reading(file.bytes)),
    ];
    facts.extend(file.description.map(|text| ("Description", text)));
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete this file",
            text: "Links to it end at once. It cannot be restored.",
            facts,
            action: &format!("{}/delete", path(file.id)),
            button: "Delete this file",
            back: &path(file.id),
        },
    )
}

pub async fn delete(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    let id = page.id("id")?;
    page.files
        .delete(who.account, id, ExpectedVersion::Any)
        .await?;
    Ok(page.go_with_notice(SHELF, "The file is deleted."))
}
