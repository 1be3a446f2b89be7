//! The pages of a person's files: the list, a page for each, and their links.

pub mod file;
pub mod links;
pub mod several;
pub mod shelf;

use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::FileId;
use crate::base::size;
use crate::files::File;

/// Files on one page of the list.
const SHOWN: usize = 50;
const SHELF: &str = "/files";

struct Row {
    id: FileId,
    name: String,
    description: Option<String>,
    size: String,
    /// Shown in place of a thumbnail.
    kind: String,
    has_thumbnail: bool,
    added_iso: String,
    added: String,
    /// Links to it that work.
    links: i64,
}

impl Row {
    fn of(file: File, links: i64) -> Self {
        Self {
            id: file.id,
            kind: kind(&file.name),
            name: file.name,
            description: file.description,
            size: size::for_reading(file.bytes),
            has_thumbnail: file.has_thumbnail,
            added_iso: rfc3339(file.created_at),
            added: for_reading(file.created_at),
            links,
        }
    }
}

/// The last part of a name, if it is short enough for a small box.
fn kind(name: &str) -> String {
    let last = name.rsplit_once('.').map(|(_, last)| last);
    let short = last.filter(|last| last.chars().count() <= 4 && last.is_ascii());
    short.unwrap_or_default().to_uppercase()
}

fn path(id: FileId) -> String {
    format!("{SHELF}/{id}")
}
