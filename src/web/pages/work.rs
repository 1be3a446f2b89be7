//! Work items: the list, and a page for each item.
//!
//! Every address names the shown part of the list, so that each form leads back to it.

use askama::Template;

use super::confirm::{self, Confirm};
use super::{Answer, Page};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::ItemId;
use crate::base::version::ExpectedVersion;
use crate::sessions::Identity;
use crate::web::forms::{Fields, Form};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::SignedIn;
use crate::work::{self, Change, Cursor, Item, Place, Refused, Status};

const LIST: &str = "/work";
const SHOWN: usize = 50;

/// A part of the list, from the address.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Part {
    status: Option<Status>,
    after: Option<Cursor>,
}

impl Part {
    fn of(page: &Page) -> Result<Self, Problem> {
        let status = page.query("status").map(|text| Status::parse(&text));
        let after = page.query("after").map(|text| Cursor::parse(&text));
        // The outer option: whether it was requested; the inner one: whether it is valid.
        if status == Some(None) || after == Some(None) {
            return Err(NOT_FOUND);
        }
        Ok(Self {
            status: status.flatten(),
            after: after.flatten(),
        })
    }

    fn beginning(self) -> Self {
        Self {
            after: None,
            ..self
        }
    }

    /// An address that leads back to this part.
    fn at(self, path: &str) -> String {
        let status = self
            .status
            .map(|status| format!("status={}", status.as_str()));
        let after = self.after.map(|after| format!("after={after}"));
        let query: Vec<_> = [status, after].into_iter().flatten().collect();
        if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }

    fn of_item(self, id: ItemId, action: &str) -> String {
        self.at(&format!("{LIST}/{id}{action}"))
    }
}

#[derive(Template)]
#[template(path = "pages/work/list.html")]
struct List {
    fields: Fields,
    add: String,
    filters: Vec<Filter>,
    rows: Vec<Row>,
    /// The text when there are no rows.
    empty: Option<Empty>,
    beginning: Option<String>,
    next: Option<String>,
}

struct Filter {
    label: &'static str,
    count: i64,
    url: String,
    is_current: bool,
}

struct Row {
    id: ItemId,
    title: String,
    is_done: bool,
    tick: String,
    edit: String,
}

enum Empty {
    Everything,
    Open,
    Done,
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let fields = Fields::typed(&page.typed(), &["title"]);
    list(&page, &who, Part::of(&page)?, fields).await
}

pub async fn add(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let part = Part::of(&page)?;
    let mut fields = Fields::typed(&sent, &["title"]);
    if let Some(title) = fields.note(work::parse_title(sent.text("title"))) {
        match page.work.add(who.account, title, None).await {
            Ok(_) => {
                return Ok(page.go_with_notice(&part.at(LIST), "Added at the end of the list."));
            }
            Err(refused @ Refused::TooMany) => fields.refuse("title", refused.to_string()),
            Err(refused) => return Err(refused.into()),
        }
    }
    list(&page, &who, part, fields).await
}

async fn list(page: &Page, who: &Identity, part: Part, fields: Fields) -> Answer {
    let (items, next) = page
        .work
        .list(who.account, part.status, part.after, SHOWN)
        .await?;
    if items.is_empty() && part.after.is_some() && fields.wrong().is_empty() {
        // The last item of this page has gone.
        return Ok(page.go(&part.beginning().at(LIST)));
    }
    let (all, open) = page.work.count(who.account).await?;
    let filter = |label, status, count| Filter {
        label,
        count,
        url: Part {
            status,
            after: None,
        }
        .at(LIST),
        is_current: part.status == status,
    };
    let list = List {
        fields,
        add: part.at(LIST),
        filters: vec![
            filter("All", None, all),
            filter("Open", Some(Status::Open), open),
            filter("Done", Some(Status::Done), all - open),
        ],
        empty: items.is_empty().then_some(match part.status {
            None => Empty::Everything,
            Some(Status::Open) => Empty::Open,
            Some(Status::Done) => Empty::Done,
        }),
        rows: items.into_iter().map(|item| row(item, part)).collect(),
        beginning: part.after.map(|_| part.beginning().at(LIST)),
        next: next.map(|next| {
            let after = Some(next);
            Part { after, ..part }.at(LIST)
        }),
    };
    page.show_form(&list, &list.fields)
}

fn row(item: Item, part: Part) -> Row {
    Row {
        id: item.id,
        is_done: item.status() == Status::Done,
        tick: part.of_item(item.id, "/done"),
        edit: part.of_item(item.id, ""),
        title: item.title,
    }
}

#[derive(Template)]
#[template(path = "pages/work/edit.html")]
struct Edit {
    fields: Fields,
    version: i64,
    is_done: bool,
    number: Option<(i64, i64)>,
    /// The buttons, as (value, words).
    moves: Vec<(&'static str, &'static str)>,
    added: (String, String),
    changed: (String, String),
    rename: String,
    tick: String,
    shift: String,
    delete: String,
    back: String,
}

pub async fn edit(SignedIn(who): SignedIn, page: Page) -> Answer {
    let mut item = page.work.load(who.account, page.id("id")?).await?;
    let typed = page.typed();
    let mut fields = Fields::default();
    fields.set("title", typed.find("title").unwrap_or(&item.title));
    item.version = typed.text("version").parse().unwrap_or(item.version);
    form(&page, &who, item, fields).await
}

/// The form contains the version that it shows: later changes are not overwritten unseen.
pub async fn rename(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let (part, id) = (Part::of(&page)?, page.id("id")?);
    let mut fields = Fields::typed(&sent, &["title"]);
    let item = match fields.note(work::parse_title(sent.text("title"))) {
        None => page.work.load(who.account, id).await?,
        Some(title) => {
            let version = sent.text("version").parse().unwrap_or_default();
            let change = Change {
                title: Some(title.clone()),
                ..Change::default()
            };
            let expected = ExpectedVersion::OneOf(vec![version]);
            match page.work.change(who.account, id, expected, change).await {
                Err(Refused::Stale(now)) if now.title != title.as_str() => {
                    let words = format!(
                        "This was changed to “{}” while you were editing. Save again to replace it",
                        now.title
                    );
                    fields.refuse("title", words);
                    *now
                }
                Ok(_) | Err(Refused::Stale(_)) => {
                    return Ok(page.go_with_notice(&part.at(LIST), "Saved."));
                }
                Err(refused) => return Err(refused.into()),
            }
        }
    };
    form(&page, &who, item, fields).await
}

async fn form(page: &Page, who: &Identity, item: Item, fields: Fields) -> Answer {
    let part = Part::of(page)?;
    let time = |at| (rfc3339(at), for_reading(at));
    let number = page.work.number(who.account, &item, part.status).await?;
    let mut moves = Vec::new();
    if number.is_none_or(|(number, _)| number > 1) {
        moves.extend([("top", "Move to the top"), ("up", "Move up")]);
    }
    if number.is_none_or(|(number, all)| number < all) {
        moves.extend([("down", "Move down"), ("bottom", "Move to the bottom")]);
    }
    let form = Edit {
        number,
        moves,
        fields,
        version: item.version,
        is_done: item.status() == Status::Done,
        added: time(item.created_at),
        changed: time(item.updated_at),
        rename: part.of_item(item.id, ""),
        tick: part.of_item(item.id, "/done"),
        shift: part.of_item(item.id, "/move"),
        delete: part.of_item(item.id, "/delete"),
        back: part.at(LIST),
    };
    page.show_form(&form, &form.fields)
}

/// Leads back to the item; to the next one, if the part of the list does not show it any more.
pub async fn tick(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let (status, words) = match sent.text("done") {
        "yes" => (Status::Done, "is done"),
        "no" => (Status::Open, "is open again"),
        _ => return Err(unknown()),
    };
    let change = Change {
        status: Some(status),
        ..Change::default()
    };
    let part = Part::of(&page)?;
    let id = page.id("id")?;
    let changed = page
        .work
        .change(who.account, id, ExpectedVersion::Any, change);
    let item = changed.await?;
    let place = match part.status {
        Some(shown) if shown != status => page.work.next(who.account, &item, part.status).await?,
        _ => Some(id),
    };
    let mut to = part.at(LIST);
    if let Some(place) = place {
        to.push_str(&format!("#item-{place}"));
    }
    Ok(page.go_with_notice(&to, &format!("“{}” {words}.", item.title)))
}

/// Leads back to the item, which may be moved again.
pub async fn shift(SignedIn(who): SignedIn, page: Page, sent: Form) -> Answer {
    let (part, id) = (Part::of(&page)?, page.id("id")?);
    let (place, notice) = match sent.text("to") {
        "top" => (Place::Start, "Moved to the top."),
        "bottom" => (Place::End, "Moved to the bottom."),
        "up" => (Place::Up(part.status), "Moved up."),
        "down" => (Place::Down(part.status), "Moved down."),
        _ => return Err(unknown()),
    };
    let change = Change {
        place: Some(place),
        ..Change::default()
    };
    page.work
        .change(who.account, id, ExpectedVersion::Any, change)
        .await?;
    Ok(page.go_with_notice(&part.of_item(id, ""), notice))
}

pub async fn ask_to_delete(SignedIn(who): SignedIn, page: Page) -> Answer {
    let (part, item) = (
        Part::of(&page)?,
        page.work.load(who.account, page.id("id")?).await?,
    );
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete this item",
            text: "It cannot be restored.",
            facts: vec![("Item", item.title)],
            action: &part.of_item(item.id, "/delete"),
            button: "Delete this item",
            back: &part.of_item(item.id, ""),
        },
    )
}

pub async fn delete(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    let part = Part::of(&page)?;
    page.work
        .delete(who.account, page.id("id")?, ExpectedVersion::Any)
        .await?;
    Ok(page.go_with_notice(&part.at(LIST), "Deleted."))
}

/// Our buttons never send it.
fn unknown() -> Problem {
    Problem::malformed("Unknown action. Nothing was changed.")
}
