//! A ZIP archive that is written while it is sent: nothing of it is held but its list of names.
//!
//! Content is stored as it is, with its size and checksum behind it (data descriptors), and ZIP64
//! records where 32 bits are too few. The writer waits while the client is behind; when the client
//! is gone, the archive is dropped, and with it all work on it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::ready;
use std::io::{self, Write};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, TryStreamExt};
use rawzip::time::UtcDateTime;
use rawzip::{ZipArchiveWriter, ZipDataWriter, ZipEntryWriter};
use tokio::sync::mpsc::{self, Sender};

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::names::folded;

/// Sent at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Room for a number, ` (12345)`.
const NAME_MAX: usize = 240;
/// Readable by everyone; programs that unpack would take none of the rights otherwise.
const MODE: u32 = 0o644;

/// What the archive's writer has written and the client has not got yet.
#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<BytesMut>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way to the client.
struct Out {
    buffer: Buffer,
    pieces: Sender<Bytes>,
}

impl Out {
    /// Sends what is there, if it is at least this much.
    async fn send(&self, least: usize) -> Result<(), Fault> {
        let piece = {
            let mut buffer = self.buffer.0.borrow_mut();
            if buffer.len() < least {
                return Ok(());
            }
            buffer.split().freeze()
        };
        let sent = self.pieces.send(piece).await;
        sent.map_err(|error| Fault::caused("send an archive", error))
    }
}

pub struct Archive {
    zip: ZipArchiveWriter<Buffer>,
    out: Out,
    /// The names in it, without case: some systems have no files that differ in case only. Each with
    /// how often it was asked for.
    names: HashMap<String, u32>,
}

/// A file in the archive that is being written.
pub struct Entry<'a> {
    writer: ZipDataWriter<ZipEntryWriter<'a, Buffer>>,
    out: &'a Out,
}

impl Archive {
    /// The bytes of the archive that `write` writes. An error of `write` breaks the stream off, so
    /// that the client sees that the archive is incomplete.
    pub fn stream<F>(write: impl FnOnce(Self) -> F) -> impl Stream<Item = Result<Bytes, Fault>>
    where
        F: Future<Output = Result<(), Fault>> + 'static,
    {
        let (pieces, mut written) = mpsc::channel(1);
        let buffer = Buffer::default();
        let archive = Self {
            zip: ZipArchiveWriter::new(buffer.clone()),
            out: Out { buffer, pieces },
            names: HashMap::new(),
        };
        let writing = stream::once(write(archive)).try_filter_map(|()| ready(Ok(None)));
        let written = stream::poll_fn(move |task| written.poll_recv(task));
        stream::select(stream::StreamExt::map(written, Ok), writing)
    }

    /// A name for a file in a folder: safe on every system, and free.
    pub fn name(&mut self, folder: &str, name: &str) -> String {
        let name = safe(name);
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name.as_str(), String::new()),
        };
        let first = format!("{folder}/{name}");
        let (mut path, mut number) = (first.clone(), self.next(&first));
        while number > 1 {
            path = format!("{folder}/{stem} ({number}){extension}");
            if self.next(&path) == 1 {
                return path;
            }
            number = self.next(&first);
        }
        path
    }

    /// How many files have asked for this path, with this one.
    fn next(&mut self, path: &str) -> u32 {
        let asked = self.names.entry(folded(path)).or_default();
        *asked += 1;
        *asked
    }

    /// Begins a file under a name that is in the archive only once.
    pub fn begin(&mut self, name: &str, changed_at: UnixSeconds) -> Result<Entry<'_>, Fault> {
        let file = self.zip.new_file(name).unix_permissions(MODE);
        let file = file.last_modified(UtcDateTime::from_unix(changed_at));
        let (entry, config) = file.start().map_err(malformed)?;
        Ok(Entry {
            writer: config.wrap(entry),
            out: &self.out,
        })
    }

    /// Writes the list of what is in the archive, without which it is incomplete.
    pub async fn finish(self) -> Result<(), Fault> {
        self.zip.finish().map_err(malformed)?;
        self.out.send(1).await
    }
}

impl Entry<'_> {
    /// Waits while the client is behind.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.writer.write_all(bytes).map_err(malformed)?;
        self.out.send(PIECE_BYTES).await
    }

    pub fn end(self) -> Result<(), Fault> {
        let (entry, sums) = self.writer.finish().map_err(malformed)?;
        entry.finish(sums).map(drop).map_err(malformed)
    }
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::caused("write an archive", error)
}

/// The name of a file without what some system does not accept in a name, or treats as a path or a
/// device.
fn safe(name: &str) -> String {
    let is_bad = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let name: String = name
        .chars()
        .map(|c| if is_bad(c) { '_' } else { c })
        .collect();
    let name = name.trim_start().trim_end_matches(['.', ' ']);
    let name = if name.is_empty() { "_" } else { name };
    let device = name.split('.').next().unwrap_or_default().trim_end();
    let device = device.to_ascii_lowercase();
    let is_numbered = |before: &str| {
        let number = device.strip_prefix(before);
        number.is_some_and(|number| number.chars().count() == 1)
    };
    let is_device = ["con", "prn", "aux", "nul"].contains(&device.as_str());
    let name = if is_device || is_numbered("com") || is_numbered("lpt") {
        format!("_{name}")
    } else {
        name.to_owned()
    };
    shortened(&name)
}

/// At most [`NAME_MAX`] bytes, with the extension.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let most = stem.len().min(NAME_MAX - extension.len());
    let is_boundary = |at: &usize| stem.is_char_boundary(*at);
    let end = (0..=most).rev().find(is_boundary).unwrap_or_default();
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_on_every_system() {
        for (name, expected) in [
            ("Brief an Oma.pdf", "Brief an Oma.pdf"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("C:\\autoexec.bat", "C__autoexec.bat"),
            ("what? 10:30 a|b*.txt", "what_ 10_30 a_b_.txt"),
            ("a\0b\r\n", "a_b__"),
            ("..", "_"),
            ("...", "_"),
            ("ends in dots. .", "ends in dots"),
            (".gitignore", ".gitignore"),
            ("nul", "_nul"),
            ("Con.txt", "_Con.txt"),
            ("COM1.tar.gz", "_COM1.tar.gz"),
            ("com10.txt", "com10.txt"),
            ("console.log", "console.log"),
            ("étude.txt", "étude.txt"),
        ] {
            assert_eq!(safe(name), expected, "{name}");
        }
        let long = safe(&format!("{}.jpeg", "é".repeat(2000)));
        assert_eq!(long, format!("{}.jpeg", "é".repeat(117)));
    }

    #[test]
    fn each_name_is_there_once() {
        let (pieces, _) = mpsc::channel(1);
        let buffer = Buffer::default();
        let mut archive = Archive {
            zip: ZipArchiveWriter::new(buffer.clone()),
            out: Out { buffer, pieces },
            names: HashMap::new(),
        };
        let mut name = |name| archive.name("files", name);
        assert_eq!(name("a.txt"), "files/a.txt");
        assert_eq!(name("A.txt"), "files/A (2).txt");
        assert_eq!(name("a (2).txt"), "files/a (2) (2).txt");
        assert_eq!(name("a.txt"), "files/a (3).txt");
        assert_eq!(name(".profile"), "files/.profile");
        assert_eq!(name(".profile"), "files/.profile (2)");
    }
}
