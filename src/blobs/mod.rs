//! Streams of bytes under an id, in a folder or in an S3-compatible store.
//!
//! Knows no file names: the place of an object follows from its id alone. A finished object
//! survives a loss of power; `Blobs::delete` deletes an unfinished one.

#[cfg(feature = "s3")]
mod credentials;
mod folder;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "s3")]
mod watched;

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, WriteMultipart};

use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::config::StoreConfig;

/// Parts being sent to the store while the next one is collected.
const PARTS_AT_ONCE: usize = 2;

#[derive(Clone)]
pub enum Blobs {
    Folder(folder::Folder),
    #[cfg(feature = "s3")]
    S3(s3::Bucket),
}

/// Why an object was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the store is full")]
    Full,
    /// The store did not acknowledge the write: it may still arrive, even after a deletion.
    #[error("{0}")]
    Unsure(Fault),
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub type Content = BoxStream<'static, Result<Bytes, Fault>>;

/// An object that is being written.
pub enum Writer {
    Folder(WriteMultipart),
    #[cfg(feature = "s3")]
    S3(s3::Pieces),
}

impl Blobs {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made, or the build does not support the store.
    pub fn open(config: &StoreConfig) -> Result<Self, Fault> {
        match config {
            StoreConfig::Folder(folder) => match folder::Folder::open(folder.clone()) {
                Ok(folder) => Ok(Self::Folder(folder)),
                Err(error) => {
                    let what = format!("the folder of the files {}", folder.display());
                    Err(Fault::caused(what, error))
                }
            },
            #[cfg(feature = "s3")]
            StoreConfig::S3(s3) => s3::Bucket::open(s3).map(Self::S3),
            #[cfg(not(feature = "s3"))]
            StoreConfig::S3(_) => Err(Fault::new(
                "this build has no S3: build it with the feature s3",
            )),
        }
    }

    pub async fn write(&self, id: FileId) -> Result<Writer, BlobError> {
        Ok(match self {
            Self::Folder(folder) => Writer::Folder(folder.write(id).await?),
            #[cfg(feature = "s3")]
            Self::S3(bucket) => Writer::S3(bucket.write(id)),
        })
    }

    /// A range of an object, in pieces.
    pub async fn read(&self, id: FileId, range: Range<u64>) -> Result<Content, Fault> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        match self {
            Self::Folder(folder) => folder.read(id, range).await.map_err(unavailable),
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.read(id, range).await.map_err(unavailable),
        }
    }

    /// Whether this many bytes are free on the disk of a folder; `true` for S3.
    pub fn has_room(&self, bytes: i64) -> Result<bool, Fault> {
        match self {
            Self::Folder(folder) => {
                let free = folder.has_room(u64::try_from(bytes).unwrap_or_default());
                free.map_err(unavailable)
            }
            #[cfg(feature = "s3")]
            Self::S3(_) => Ok(true),
        }
    }

    /// Deletes an object of at most this many bytes, finished or not. Succeeds if it does not
    /// exist.
    #[cfg_attr(not(feature = "s3"), expect(unused_variables))]
    pub async fn delete(&self, id: FileId, bytes: i64) -> Result<(), Fault> {
        match self {
            Self::Folder(folder) => folder.delete(id).await.map_err(unavailable),
            #[cfg(feature = "s3")]
            Self::S3(bucket) => {
                let bytes = u64::try_from(bytes).unwrap_or_default();
                bucket.delete(id, bytes).await.map_err(unavailable)
            }
        }
    }

    /// Whether the store does not respond.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Folder(_) => false,
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.is_silent(),
        }
    }

    /// Fails if the store does not answer.
    pub async fn check(&self) -> Result<(), Fault> {
        let store: &dyn ObjectStore = match self {
            Self::Folder(folder) => folder.store(),
            #[cfg(feature = "s3")]
            Self::S3(bucket) => bucket.store(),
        };
        match store.head(&path(FileId::new())).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl Writer {
    /// Waits while the store is behind.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        match self {
            Self::Folder(parts) => {
                parts.wait_for_capacity(PARTS_AT_ONCE).await?;
                parts.put(bytes);
            }
            #[cfg(feature = "s3")]
            Self::S3(pieces) => pieces.write(bytes).await.map_err(unsure)?,
        }
        Ok(())
    }

    /// # Errors
    /// [`BlobError`]; then the caller deletes the object.
    pub async fn finish(self) -> Result<(), BlobError> {
        match self {
            Self::Folder(parts) => parts.finish().await.map(drop)?,
            #[cfg(feature = "s3")]
            Self::S3(pieces) => pieces.finish().await.map_err(unsure)?,
        }
        Ok(())
    }

    /// Waits for pending writes, so that the object can be deleted.
    pub async fn give_up(self) -> Result<(), BlobError> {
        match self {
            Self::Folder(parts) => {
                // The rest of the object is on our own disk.
                parts.abort().await.ok();
                Ok(())
            }
            #[cfg(feature = "s3")]
            Self::S3(pieces) => pieces.settle().await.map_err(unsure),
        }
    }
}

/// The first two letters of the id name a folder, so that no folder gets too large.
fn path(id: FileId) -> Path {
    let id = id.to_string();
    Path::from(format!("{}/{id}", &id[..2]))
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::unavailable("the store", error)
}

#[cfg(feature = "s3")]
fn unsure(error: Error) -> BlobError {
    BlobError::Unsure(unavailable(error))
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
        Self::Fault(unavailable(error))
    }
}
