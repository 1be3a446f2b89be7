//! A store in a folder: each object is a file.

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt, Result, WriteMultipart};

use super::{Content, path};
use crate::base::fault::Fault;
use crate::base::ids::FileId;

/// Size of a write. The allocator keeps what many concurrent uploads have needed.
const PART_BYTES: usize = 64 << 10;
/// Size of a read. A download holds as much for a client that does not take it; with half of it, a
/// fast one takes twice as long.
const READ_BYTES: u64 = 128 << 10;

#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
    store: Arc<LocalFileSystem>,
}

impl Folder {
    /// Makes it if it is missing.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        let store = LocalFileSystem::new_with_prefix(&path)?.with_fsync(true);
        Ok(Self {
            path,
            store: Arc::new(store),
        })
    }

    pub fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub async fn write(&self, id: FileId) -> Result<WriteMultipart> {
        let upload = self.store.put_multipart(&path(id)).await?;
        Ok(WriteMultipart::new_with_chunk_size(upload, PART_BYTES))
    }

    pub async fn read(&self, id: FileId, range: Range<u64>) -> io::Result<Content> {
        let file = self.path.join(path(id).as_ref());
        let begin = range.start..range.start;
        blocking({
            let file = file.clone();
            move || read_piece(file, begin)
        })
        .await?;
        Ok(in_pieces(file, range))
    }

    pub async fn delete(&self, id: FileId) -> io::Result<()> {
        let file = self.path.join(path(id).as_ref());
        // The temporary file of a killed server has a number after its name.
        let draft = self.path.join(format!("{}#1", path(id)));
        blocking(move || {
            for file in [draft, file] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    /// Whether this many bytes of its disk are free.
    pub fn has_room(&self, bytes: u64) -> io::Result<bool> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
    }
}

/// Opened again for each piece, so that a file that is deleted during a download frees its space.
fn in_pieces(file: PathBuf, range: Range<u64>) -> Content {
    stream::try_unfold(range, move |range| {
        let file = file.clone();
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start + READ_BYTES);
            let piece = blocking(move || read_piece(file, range.start..end)).await;
            let piece = piece.map_err(|error| Fault::unavailable("the store", error))?;
            Ok(Some((piece, end..range.end)))
        }
    })
    .boxed()
}

fn read_piece(file: PathBuf, range: Range<u64>) -> io::Result<Bytes> {
    let mut piece = vec![0; (range.end - range.start) as usize];
    fs::File::open(file)?.read_exact_at(&mut piece, range.start)?;
    Ok(piece.into())
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(run).await?
}
