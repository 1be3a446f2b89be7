//! The page of a file: its properties, its bytes, its links.

use askama::Template;

use super::super::confirm::{self, Confirm};
use super::super::{Answer, Page};
use super::links::{LIFE, LINKS_SHOWN, LIVES, Link};
use super::{Row, SHELF, path};
use crate::base::input::Refusals;
use crate::base::size;
use crate::base::version::ExpectedVersion;
use crate::files::{Change, File, Refused, Repeated};
use crate::limits::{Budget, Subject};
use crate::shares::Standing;
use crate::web::download::{self, Display, Parts};
use crate::web::forms::{Fields, Form};
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;
use crate::web::qr::Qr;

#[derive(Template)]
#[template(path = "pages/files/file.html")]
pub struct OneFile {
    row: Row,
    kind: String,
    media_type: String,
    checksum: String,
    version: i64,
    /// Errors of all forms.
    pub fields: Fields,
    pub minutes: i64,
    /// The message about a typed password of a link.
    pub again: &'static str,
    /// The link that was just created, and its QR code.
    made: Option<(String, Option<Qr>)>,
    links: Vec<Link>,
}

impl OneFile {
    pub async fn of(page: &Page, file: File) -> Result<Self, Problem> {
        let listed = page.shares.list(file.account, file.id, None, LINKS_SHOWN);
        let (links, _) = listed.await?;
        let now = page.clock.now();
        let open = links
            .iter()
            .filter(|share| share.standing(now) == Standing::Open);
        let open = i64::try_from(open.count()).unwrap_or_default();
        let links = links.into_iter().map(|share| Link::of(page, share));
        let mut fields = Fields::default();
        fields.set("name", &file.name);
        fields.set(
            "description",
            file.description.as_deref().unwrap_or_default(),
        );
        Ok(Self {
            links: links.collect::<Result<_, _>>()?,
            kind: file.kind(),
            media_type: file.media_type.clone(),
            checksum: file.checksum(),
            version: file.version,
            fields,
            minutes: LIFE,
            again: "",
            made: None,
            row: Row::of(file, open),
        })
    }
}

pub async fn open(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let (typed, mut form) = (page.typed(), OneFile::of(&page, file).await?);
    if typed.find("name").is_some() {
        let fields = Fields::typed(&typed, &["name", "description"]);
        form.fields = form.fields.with(fields);
        form.version = typed.text("version").parse().unwrap_or(form.version);
    }
    if let Ok(minutes) = typed.text("minutes").parse() {
        form.minutes = minutes;
        form.fields.set("downloads", typed.text("downloads"));
    }
    form.made = page.take_link().map(|link| {
        let code = Qr::of(&link);
        (link, code)
    });
    page.show(&form)
}

/// The form contains the version that it shows: later changes are not overwritten unseen.
pub async fn change(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let id = page.id("id")?;
    let (name, description) = (sent.text("name"), sent.text("description"));
    let mut fields = Fields::typed(&sent, &["name", "description"]);
    if let Some(change) = fields.note(Change::parse(Some(name), Some(description))) {
        let version = sent.text("version").parse().unwrap_or_default();
        let expected = ExpectedVersion::OneOf(vec![version]);
        let changed = page
            .files
            .change(who.account, id, expected, change, Repeated::Allowed);
        match changed.await {
            Ok(_) => return Ok(page.go_with_notice(&path(id), "Saved.")),
            Err(Refused::Stale(now)) => {
                let there = now.description.unwrap_or_default();
                let mut changed = Refusals::default();
                for (field, now) in [("name", now.name), ("description", there)] {
                    if fields.get(field).value != now {
                        let words = format!(
                            "This was changed to “{now}” while you were editing. Save again to replace it"
                        );
                        changed.add(field, words);
                    }
                }
                if fields.note(changed.or(())).is_some() {
                    return Ok(page.go_with_notice(&path(id), "Saved."));
                }
            }
            Err(refused) => match refused.refusals("", page.files.config()) {
                Some(refusals) => fields.refuse_all(refusals),
                None => return Err(refused.into()),
            },
        }
    }
    let file = page.files.load(who.account, id).await?;
    let form = OneFile::of(&page, file).await?;
    let form = OneFile {
        fields: form.fields.with(fields),
        ..form
    };
    page.show_form(&form, &form.fields)
}

pub async fn content(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let display = Display::IfHarmless;
    download::answer(page.request(), &page.files, &file, display, Parts::AsAsked).await
}

pub async fn thumbnail(SignedIn(who): SignedIn, page: Page) -> Answer {
    let subject = Subject::Account(who.account);
    page.limits.take_one(Budget::Thumbnails, subject).await?;
    let image = page.files.thumbnail(who.account, page.id("id")?).await?;
    Ok(download::thumbnail(image))
}

pub async fn ask_to_delete(SignedIn(who): SignedIn, page: Page) -> Answer {
    let file = page.files.load(who.account, page.id("id")?).await?;
    let links = page.shares.count_open_of(vec![file.id]).await?;
    let mut facts = vec![
        ("File", file.name.clone()),
        ("Size", size::for_reading(file.bytes)),
        ("Links that end", links.values().sum::<i64>().to_string()),
    ];
    facts.extend(file.description.map(|text| ("Description", text)));
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete this file",
            text: "It cannot be restored.",
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
