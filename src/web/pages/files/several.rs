//! Several files at once. The address names them.

use super::super::confirm::{self, Confirm};
use super::super::{Answer, Page};
use super::{SHELF, SHOWN};
use crate::base::ids::FileId;
use crate::base::size;
use crate::web::forms::Form;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::SignedIn;

/// No page of the list has more.
const TOO_MANY: &str = "Too many files at once. Nothing was changed.";

fn selected(page: &Page) -> Result<Vec<FileId>, Problem> {
    let ids = page.query_all("file").map(|id| id?.parse().ok());
    let ids: Vec<FileId> = ids.collect::<Option<_>>().ok_or(NOT_FOUND)?;
    if ids.len() > SHOWN {
        return Err(Problem::malformed(TOO_MANY));
    }
    Ok(ids)
}

pub async fn ask_to_delete(SignedIn(who): SignedIn, page: Page) -> Answer {
    let ids = selected(&page)?;
    let files = page.files.load_several(who.account, ids).await?;
    if files.is_empty() {
        return Ok(page.go_with_notice(SHELF, "Select the files to delete first."));
    }
    let ids: Vec<_> = files.iter().map(|file| file.id).collect();
    let named: Vec<_> = ids.iter().map(|id| format!("file={id}")).collect();
    let bytes = files.iter().map(|file| file.bytes).sum();
    let links = page.shares.count_open_of(ids).await?;
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    let facts = vec![
        ("Files", files.len().to_string()),
        ("Names", names.join(", ")),
        ("Total size", size::for_reading(bytes)),
        ("Links that end", links.values().sum::<i64>().to_string()),
    ];
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete these files",
            text: "They cannot be restored.",
            facts,
            action: &format!("{SHELF}/delete?{}", named.join("&")),
            button: "Delete these files",
            back: SHELF,
        },
    )
}

pub async fn delete(SignedIn(who): SignedIn, page: Page, _: Form) -> Answer {
    let ids = selected(&page)?;
    let notice = match page.files.delete_several(who.account, ids).await? {
        0 => "No file was deleted: they no longer exist.".to_owned(),
        1 => "1 file was deleted.".to_owned(),
        count => format!("{count} files were deleted."),
    };
    Ok(page.go_with_notice(SHELF, &notice))
}
