//! Streams of bytes under an id, in a folder or in an S3-compatible store.
//!
//! Knows nobody's names: where something lies is made from its id alone. What is written is
//! there whole or not at all, and once it is finished it survives a loss of power.

#[cfg(feature = "s3")]
mod s3;

use std::error::Error as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, WriteMultipart};

use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::config::StoreConfig;

/// What is written at once to a folder.
const FOLDER_PART_BYTES: usize = 1 << 20;
/// S3 takes at most 10,000 parts, of at least 5 MiB: 80 GB this way.
#[cfg(feature = "s3")]
const S3_PART_BYTES: usize = 8 << 20;
/// Parts on their way to the store while the next one is collected.
const PARTS_AT_ONCE: usize = 2;
/// What is read of a file at once.
const READ_BYTES: u64 = 256 << 10;

#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    place: Place,
}

/// What the stores differ in.
#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    #[cfg(feature = "s3")]
    S3(s3::Drafts),
}

/// Why something was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the store is full")]
    Full,
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub type Content = BoxStream<'static, Result<Bytes, Fault>>;

/// Something on its way into the store. Dropped before it is finished, it is taken away again as
/// far as the store can do so; [`Blobs::delete`] does the rest.
pub struct Writer {
    parts: WriteMultipart,
    draft: Option<String>,
}

impl Blobs {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made, or the build does not know such a store.
    pub fn open(config: &StoreConfig) -> Result<Self, Fault> {
        match config {
            StoreConfig::Folder(folder) => Self::in_folder(folder.clone()).map_err(|error| {
                let what = format!("the folder of the files {}", folder.display());
                Fault::caused(what, error)
            }),
            #[cfg(feature = "s3")]
            StoreConfig::S3(s3) => {
                let drafts = s3::Drafts::open(s3)?;
                Ok(Self {
                    store: drafts.store(),
                    place: Place::S3(drafts),
                })
            }
            #[cfg(not(feature = "s3"))]
            StoreConfig::S3(_) => Err(Fault::new(
                "this build has no S3: build it with the feature s3",
            )),
        }
    }

    fn in_folder(folder: PathBuf) -> Result<Self, io::Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            place: Place::Folder(folder),
        })
    }

    /// # Errors
    /// [`BlobError`].
    pub async fn write(&self, id: FileId) -> Result<Writer, BlobError> {
        let path = path(id);
        let (upload, bytes, draft) = match &self.place {
            Place::Folder(_) => {
                let upload = self.store.put_multipart(&path).await?;
                (upload, FOLDER_PART_BYTES, None)
            }
            #[cfg(feature = "s3")]
            Place::S3(drafts) => {
                let (upload, draft) = drafts.begin(path).await?;
                (upload, S3_PART_BYTES, Some(draft))
            }
        };
        Ok(Writer {
            parts: WriteMultipart::new_with_chunk_size(upload, bytes),
            draft,
        })
    }

    /// A part of what is there, in pieces.
    ///
    /// # Errors
    /// When the store is away, or has lost it.
    pub async fn read(&self, id: FileId, range: Range<u64>) -> Result<Content, Fault> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        match &self.place {
            Place::Folder(folder) => {
                let file = folder.join(path(id).as_ref());
                let first = read_piece(file.clone(), range.start..range.start).await;
                first.map(|_| in_pieces(file, range))
            }
            #[cfg(feature = "s3")]
            Place::S3(_) => {
                use futures_util::TryStreamExt;

                let options = object_store::GetOptions {
                    range: Some(object_store::GetRange::Bounded(range)),
                    ..Default::default()
                };
                let found = self.store.get_opts(&path(id), options).await;
                Ok(found.map_err(away)?.into_stream().map_err(away).boxed())
            }
        }
    }

    /// Whether so many bytes of its disk are free, as far as the store has one of its own.
    ///
    /// # Errors
    /// When the store is away.
    pub fn has_room(&self, bytes: i64) -> Result<bool, Fault> {
        match &self.place {
            Place::Folder(folder) => {
                let disk = rustix::fs::statvfs(folder);
                let disk = disk.map_err(|error| Fault::away("the store", error))?;
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                Ok(free >= u64::try_from(bytes).unwrap_or_default())
            }
            #[cfg(feature = "s3")]
            Place::S3(_) => Ok(true),
        }
    }

    /// Takes it away with all that is left of its having been written, by its [`Writer::draft`].
    /// What is not there is gone already.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn delete(&self, id: FileId, draft: Option<&str>) -> Result<(), Fault> {
        match (&self.place, draft) {
            (Place::Folder(folder), _) => {
                // What was being written when its server was killed has a number behind its name.
                let draft = folder.join(format!("{}#1", path(id)));
                match fs::remove_file(draft) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(Fault::away("the store", error));
                    }
                    _ => {}
                }
            }
            #[cfg(feature = "s3")]
            (Place::S3(drafts), Some(draft)) => drafts.give_up(path(id), draft).await?,
            #[cfg(feature = "s3")]
            (Place::S3(_), None) => {}
        }
        match self.store.delete(&path(id)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(away(error)),
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), Fault> {
        match self.store.head(&path(FileId::new())).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(away(error)),
        }
    }
}

impl Writer {
    /// What has to be known to take it away once its writer is gone, where the store asks for more
    /// than the id.
    pub fn draft(&self) -> Option<&str> {
        self.draft.as_deref()
    }

    /// Waits while the store has enough to do.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.parts.wait_for_capacity(PARTS_AT_ONCE).await?;
        self.parts.put(bytes);
        Ok(())
    }

    /// # Errors
    /// [`BlobError`]; then nothing is there.
    pub async fn finish(self) -> Result<(), BlobError> {
        self.parts.finish().await?;
        Ok(())
    }

    /// Takes away what was written. What cannot be is left to [`Blobs::delete`].
    pub async fn give_up(self) {
        self.parts.abort().await.ok();
    }
}

/// Two letters of the id are a folder, so that none gets too large to look into.
fn path(id: FileId) -> Path {
    let id = id.to_string();
    Path::from(format!("{}/{id}", &id[..2]))
}

/// Opened anew for each piece: a file that is deleted while somebody downloads it, or only holds
/// the connection, takes no room any more.
fn in_pieces(file: PathBuf, range: Range<u64>) -> Content {
    stream::try_unfold(range, move |range| {
        let file = file.clone();
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start + READ_BYTES);
            let piece = read_piece(file, range.start..end).await?;
            Ok(Some((piece, end..range.end)))
        }
    })
    .boxed()
}

async fn read_piece(file: PathBuf, range: Range<u64>) -> Result<Bytes, Fault> {
    let read = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; (range.end - range.start) as usize];
        fs::File::open(file)?.read_exact_at(&mut piece, range.start)?;
        Ok::<_, io::Error>(Bytes::from(piece))
    });
    let piece = read.await.map_err(|panic| Fault::caused("a read", panic))?;
    piece.map_err(|error| Fault::away("the store", error))
}

fn away(error: Error) -> Fault {
    Fault::away("the store", error)
}

impl From<Error> for BlobError {
    fn from(error: Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            let kind = error.downcast_ref().map(io::Error::kind);
            if let Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) = kind {
                return Self::Full;
            }
            cause = error.source();
        }
        Self::Fault(away(error))
    }
}
