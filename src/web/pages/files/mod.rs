//! The pages of a person's files: the list, a page for each, and their links.

pub mod file;
pub mod links;
pub mod shelf;

use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::FileId;
use crate::base::size;
use crate::files::File;

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
}

impl Row {
    fn of(file: File) -> Self {
        Self {
            id: file.id,
            kind: kind(&file.name),
            name: file.name,
            description: file.description,
            size: size::for_reading(file.bytes),
            has_thumbnail: file.has_thumbnail,
            added_iso: rfc3339(file.created_at),
            added: for_reading(file.created_at),
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
