//! Writes messages into a folder, as `.eml` files.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use tokio::task::spawn_blocking;

use super::NotSent;
use crate::base::ids::MailId;

/// Writes a message completely or not at all. It can contain a token, so only the owner of the
/// folder may read it.
///
/// # Errors
/// [`NotSent`].
pub async fn write(folder: &Path, id: MailId, content: &[u8]) -> Result<(), NotSent> {
    let (place, content) = (folder.to_owned(), content.to_owned());
    // A disk that does not respond must not stop the other jobs.
    let written = spawn_blocking(move || place_in(&place, id, &content)).await;
    let written = written.map_err(io::Error::from).flatten();
    written.map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
            _ => error.to_string(),
        };
        NotSent::later(format!("{} cannot be written: {reason}", folder.display()))
    })
}

fn place_in(folder: &Path, id: MailId, content: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let draft = folder.join(format!(".{id}.draft"));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, folder.join(format!("{id}.eml"))));
    if written.is_err() {
        fs::remove_file(&draft).ok();
    }
    written
}
