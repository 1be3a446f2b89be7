//! SQLite's files on disk: whether they are still there, and whether there is space.
//!
//! Checks from outside and opens nothing: closing the file would drop every lock of this process on
//! it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Location;

/// With less than this, SQLite soon has no space for its log.
const LOW_BYTES: u64 = 1 << 20;
/// The size of SQLite's log before it is moved into the database file.
const RESERVE_BYTES: u64 = 4 << 20;

pub struct Disk {
    database: PathBuf,
    /// The file of the database and its log, with device and inode.
    open: Vec<(PathBuf, (u64, u64))>,
    keeps_reserve: AtomicBool,
}

impl Disk {
    /// The disk of an open database; `None` for a database server.
    pub fn of(location: &Location) -> Option<Self> {
        let Location::Sqlite(database) = location else {
            return None;
        };
        let files = [database.clone(), beside(database, "-wal")];
        let open = files.into_iter().filter_map(|path| {
            let id = id_of(&path).ok()?;
            Some((path, id))
        });
        Some(Self {
            open: open.collect(),
            database: database.clone(),
            keeps_reserve: AtomicBool::new(false),
        })
    }

    pub fn database(&self) -> &Path {
        &self.database
    }

    /// # Errors
    /// In words for the operator, when a file is not the open one.
    pub fn in_place(&self) -> Result<(), String> {
        for (path, id) in &self.open {
            let found = id_of(path);
            if found.as_ref().is_ok_and(|found| found == id) {
                continue;
            }
            let shown = path.display();
            let what = match found {
                Ok(_) => format!("{shown} was replaced by another file"),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    format!("{shown} was deleted or moved")
                }
                Err(error) => format!("{shown} cannot be reached ({error})"),
            };
            return Err(format!(
                "{what} while the server runs: nothing is saved or shown any more. Move the file back, \
                 or stop the server, restore the data folder from a backup, and start it"
            ));
        }
        Ok(())
    }

    /// Reserves some space from now on, for writes that are needed on a full disk.
    pub fn keep_reserve(&self) {
        self.keeps_reserve.store(true, Ordering::Relaxed);
    }

    /// Whether the disk is full. Releases the reserve when it becomes so, and creates it again when
    /// there is space.
    pub fn look(&self) -> bool {
        if !self.keeps_reserve.load(Ordering::Relaxed) {
            return false;
        }
        // If the free space cannot be read, SQLite reports a full disk.
        let Ok(free) = free_bytes(&self.database) else {
            return false;
        };
        let reserve = reserve_of(&self.database);
        if reserve.exists() {
            let is_full = free < LOW_BYTES;
            if is_full {
                give_up(&self.database);
            }
            is_full
        } else {
            free < RESERVE_BYTES + 2 * LOW_BYTES || make(&reserve, RESERVE_BYTES).is_err()
        }
    }

    /// Creates the reserve at the end, from what is left, so that the next start has some space.
    pub fn leave_reserve(&self) {
        let reserve = reserve_of(&self.database);
        if self.keeps_reserve.load(Ordering::Relaxed) && !reserve.exists() {
            let sizes = [RESERVE_BYTES, RESERVE_BYTES / 2, RESERVE_BYTES / 4];
            sizes.into_iter().any(|size| make(&reserve, size).is_ok());
        }
    }
}

/// Releases the reserve of a full disk before a necessary write. Without a database or a reserve it
/// does nothing.
pub fn make_room(database: &Path) {
    if free_bytes(database).is_ok_and(|free| free < LOW_BYTES) {
        give_up(database);
    }
}

fn give_up(database: &Path) {
    fs::remove_file(reserve_of(database)).ok();
}

/// Makes the whole file or nothing.
fn make(reserve: &Path, bytes: u64) -> io::Result<()> {
    let piece = [0; 64 * 1024];
    let mut options = OpenOptions::new();
    let mut file = match options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(reserve)
    {
        // Another server has made it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    let pieces = bytes / piece.len() as u64;
    let made = (0..pieces)
        .try_for_each(|_| file.write_all(&piece))
        .and_then(|()| file.sync_all());
    if made.is_err() {
        fs::remove_file(reserve).ok();
    }
    made
}

fn reserve_of(database: &Path) -> PathBuf {
    beside(database, "-reserve")
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(end);
    path.into()
}

fn free_bytes(database: &Path) -> io::Result<u64> {
    let folder = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(folder.unwrap_or(Path::new(".")))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
