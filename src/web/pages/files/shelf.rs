//! The list of all files, and the form that adds some.

use actix_web::web::Payload;
use askama::Template;

use super::super::{Answer, Page};
use super::{Row, SHELF, SHOWN};
use crate::base::size;
use crate::files::{self, Cursor, Search, Sort};
use crate::limits::{Budget, Subject};
use crate::sessions::Identity;
use crate::web::forms::Fields;
use crate::web::forms::upload::{self, Expected, Right, receive};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::SignedIn;

/// With more files than this, the search is not folded away.
const FEW: i64 = 10;

/// A part of the list, from the address.
struct Part {
    search: Search,
    after: Option<Cursor>,
}

impl Part {
    fn of(page: &Page) -> Result<Self, Problem> {
        let sort = page.query("sort").map(|text| Sort::parse(&text));
        let after = page.query("after").map(|text| Cursor::parse(&text));
        if sort == Some(None) || after == Some(None) {
            return Err(NOT_FOUND);
        }
        let text = page.query("q").unwrap_or_default().trim().to_owned();
        Ok(Self {
            search: Search {
                text,
                sort: sort.flatten().unwrap_or_default(),
            },
            after: after.flatten(),
        })
    }

    fn url(&self, after: Option<&Cursor>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !self.search.text.is_empty() {
            query.append_pair("q", &self.search.text);
        }
        if self.search.sort != Sort::default() {
            query.append_pair("sort", self.search.sort.as_str());
        }
        if let Some(after) = after {
            query.append_pair("after", &after.to_string());
        }
        match query.finish() {
            query if query.is_empty() => SHELF.to_owned(),
            query => format!("{SHELF}?{query}"),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/files/shelf.html")]
struct Shelf {
    fields: Fields,
    used: Used,
    search: Search,
    is_search_open: bool,
    rows: Vec<Row>,
    beginning: Option<String>,
    next: Option<String>,
}

/// How much of the quota is used.
struct Used {
    bytes: String,
    bytes_max: String,
    files: i64,
    files_max: i64,
    /// The percentage of the quota.
    percent: i64,
    /// Whether the bytes or the files are near their limit.
    is_nearly_all: bool,
    file_max: String,
    file_max_bytes: i64,
    /// The message about a file called `NAME`, which the script shows before sending it.
    too_large: String,
    at_once: usize,
    too_many: String,
}

fn words(sort: Sort) -> &'static str {
    match sort {
        Sort::Newest => "newest first",
        Sort::Oldest => "oldest first",
        Sort::Name => "by name",
        Sort::Largest => "largest first",
    }
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let part = Part::of(&page)?;
    shelf(&page, &who, part, Fields::default()).await
}

pub async fn add(SignedIn(who): SignedIn, page: Page, body: Payload) -> Answer {
    let part = Part::of(&page)?;
    let expected = Expected {
        field: "file",
        right: Right::Page,
        key: None,
    };
    let body = body.into_inner();
    let received = receive(page.request(), body, &page.files, who.account, expected).await?;
    let mut fields = Fields::default();
    let kept = match received.files {
        Ok(arrived) if arrived.is_empty() => {
            fields.refuse("file", "Choose a file");
            None
        }
        Ok(arrived) => {
            let name = arrived.first().map(|file| file.name.as_str().to_owned());
            let kept = page.files.keep(who.account, arrived, None, None).await;
            Some(kept.map_err(|refused| (name.unwrap_or_default(), refused)))
        }
        Err(refused) => Some(Err(refused)),
    };
    match kept {
        Some(Ok(kept)) => {
            let notice = match kept.files.as_slice() {
                [one] => format!("“{}” has been uploaded.", one.name),
                several => format!("{} files have been uploaded.", several.len()),
            };
            return Ok(page.go_with_notice(SHELF, &notice));
        }
        Some(Err((name, refused))) => match refused.refusals(&name, page.files.config()) {
            Some(refusals) => fields.refuse_all(refusals),
            None => return Err(refused.into()),
        },
        None => {}
    }
    shelf(&page, &who, part, fields).await
}

async fn shelf(page: &Page, who: &Identity, part: Part, fields: Fields) -> Answer {
    let (search, after) = (part.search.clone(), part.after.clone());
    if !search.text.is_empty() {
        let subject = Subject::Account(who.account);
        page.limits.take_one(Budget::Searches, subject).await?;
    }
    let (found, next) = page.files.list(who.account, search, after, SHOWN).await?;
    if found.is_empty() && part.after.is_some() {
        // The last file of this page has gone.
        return Ok(page.go(&part.url(None)));
    }
    let ids = found.iter().map(|file| file.id).collect();
    let mut links = page.shares.count_open_of(ids).await?;
    let rows = found.into_iter().map(|file| {
        let links = links.remove(&file.id).unwrap_or_default();
        Row::of(file, links)
    });
    let used = page.files.usage(who.account).await?;
    let settings = page.files.config();
    let (bytes_max, files_max) = (used.bytes_max(settings), used.files_max(settings));
    let shelf = Shelf {
        fields,
        used: Used {
            bytes: size::for_reading(used.bytes),
            bytes_max: size::for_reading(bytes_max),
            files: used.files,
            files_max,
            percent: used.percent(settings),
            is_nearly_all: used.bytes >= bytes_max - bytes_max / 10
                || used.files >= files_max - files_max / 10,
            file_max: size::for_reading(settings.max_bytes.min(bytes_max)),
            file_max_bytes: settings.max_bytes,
            too_large: files::too_large("NAME", settings.max_bytes),
            at_once: upload::FILES_MAX,
            too_many: files::too_many(upload::FILES_MAX),
        },
        rows: rows.collect(),
        is_search_open: used.files > FEW || part.search != Search::default(),
        beginning: part.after.is_some().then(|| part.url(None)),
        next: next.map(|next| part.url(Some(&next))),
        search: part.search,
    };
    page.show_form(&shelf, &shelf.fields)
}
