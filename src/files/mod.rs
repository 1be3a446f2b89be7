//! Files: a small shelf for each account.
//!
//! A file's bytes lie in the store under its id, and all that is said of it in its row. Whatever
//! is in the store has a row, here or among the strays: what is on its way in, and what is on its
//! way out. So nothing is left behind that nobody knows of, whenever a server is killed.
//!
//! Nothing here can reach another account's files. Quotas are kept by counting, in the
//! transaction that adds or takes away; nothing adds a shelf up.

mod arrival;
pub mod decoder;
mod input;
pub mod media;
mod picturing;
mod store;
mod stray;
mod sweep;
mod thumbnail;
mod turns;

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::accounts;
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId};
use crate::base::names::{Description, FileName};
use crate::base::paging::{self, page};
use crate::base::version::{Expected, Version};
use crate::blobs::{BlobError, Blobs, Content};
use crate::config::FilesConfig;
use crate::storage::{AnyConnection, Db, SearchError};
pub use arrival::{Arrived, Coming, Kept, Upload};
use decoder::Decoder;
pub use input::{parse_description, too_large, too_many};
use picturing::Picturing;
pub use store::{delete_all, find};
pub use sweep::clear;
use turns::Turns;

/// The largest quotas.
const FILES_QUOTA_MAX: i64 = 1_000_000_000;
const BYTES_QUOTA_MAX: i64 = 1_000_000_000_000_000;
/// For whoever took something out to delete its bytes; then anybody does.
const LEAVING_SECONDS: i64 = 60;

#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub account: AccountId,
    pub name: String,
    pub description: Option<String>,
    /// What its bytes say that it is.
    pub media_type: String,
    pub bytes: i64,
    pub sha256: [u8; 32],
    pub has_thumbnail: bool,
    pub version: Version,
    pub created_at: UnixSeconds,
    pub updated_at: UnixSeconds,
}

impl File {
    /// In hexadecimal.
    pub fn checksum(&self) -> String {
        let digits = self.sha256.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }
}

/// How much an account has, and may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    pub files: i64,
    pub bytes: i64,
    pub quota: Quota,
}

impl Shelf {
    pub fn files_max(&self, defaults: &FilesConfig) -> i64 {
        self.quota.files.unwrap_or(defaults.quota_files)
    }

    pub fn bytes_max(&self, defaults: &FilesConfig) -> i64 {
        self.quota.bytes.unwrap_or(defaults.quota_bytes)
    }
}

/// What an account may have; `None`: as the settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub files: Option<i64>,
    pub bytes: Option<i64>,
}

/// What becomes of a quota; what is `None` stays, and an inner `None` is as the settings say.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuotaChange {
    files: Option<Option<i64>>,
    bytes: Option<Option<i64>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Newest,
    Oldest,
    Name,
    Largest,
}

impl Sort {
    pub const ALL: [Self; 4] = [Self::Newest, Self::Oldest, Self::Name, Self::Largest];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Name => "name",
            Self::Largest => "largest",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text)
    }
}

/// The files behind this one, in the order that was asked for.
pub type Cursor = paging::Cursor<String, FileId>;

fn behind(file: &File, sort: Sort) -> Cursor {
    let value = match sort {
        Sort::Newest | Sort::Oldest => file.created_at.to_string(),
        Sort::Name => FileName::sent(&file.name).key(),
        Sort::Largest => file.bytes.to_string(),
    };
    Cursor { value, id: file.id }
}

/// Which files are listed, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A part of a name or a description, without regard to case.
    pub text: String,
    pub sort: Sort,
}

/// What becomes of a file; what is `None` stays, and an inner `None` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<FileName>,
    pub description: Option<Option<Description>>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not there, or somebody else's.
    #[error("there is no such file")]
    NoSuchFile,
    /// With what it is now.
    #[error("the file has been changed")]
    Stale(Box<File>),
    #[error("another file has this description")]
    DescriptionTaken,
    /// With how many bytes one may have.
    #[error("the file is larger than {0} bytes")]
    TooLarge(i64),
    /// With how many bytes an account's files may have together.
    #[error("the account may have {0} bytes")]
    OverQuota(i64),
    /// With how many files there may be.
    #[error("the account may have {0} files")]
    TooMany(i64),
    /// With what it is.
    #[error("files of the type {0} are not taken")]
    TypeNotTaken(&'static str),
    /// With the type that the extension of its name stands for.
    #[error("names with an extension of the type {0} are not taken")]
    ExtensionNotTaken(&'static str),
    #[error("the scanner has found a virus")]
    Infected,
    #[error("the file is larger than the scanner takes")]
    TooLargeToScan,
    #[error("more files at once than are taken")]
    TooManyAtOnce(usize),
    #[error("the store is full")]
    StoreFull,
    #[error("the key stands for another request")]
    KeyReused,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<BlobError> for Refused {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::StoreFull,
            BlobError::Unsure(fault) | BlobError::Fault(fault) => Self::Fault(fault),
        }
    }
}

#[derive(Clone)]
pub struct Files {
    db: Db,
    clock: Clock,
    blobs: Blobs,
    config: Arc<FilesConfig>,
    /// When a thumbnail is due.
    pictured: Arc<Notify>,
    picturing: Arc<Picturing>,
    turns: Turns,
}

impl Files {
    /// Opens the store.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(db: Db, clock: Clock, config: &FilesConfig) -> Result<Self, Fault> {
        let blobs = Blobs::open(&config.store)?;
        let picturing = Picturing {
            db: db.clone(),
            clock: clock.clone(),
            blobs: blobs.clone(),
            decoder: match &config.program {
                Some(program) => Decoder::Child(program.clone()),
                None => Decoder::Here,
            },
        };
        Ok(Self {
            db,
            clock,
            blobs,
            config: Arc::new(config.clone()),
            pictured: Arc::default(),
            picturing: Arc::new(picturing),
            turns: Turns::new(),
        })
    }

    /// Deletes what is stray in the store and whose time is over.
    ///
    /// # Errors
    /// When the database or the store is unavailable; the rest is deleted all the same.
    pub async fn sweep(&self) -> Result<(), Fault> {
        sweep::sweep(&self.db, &self.clock, &self.blobs).await
    }

    /// Makes the thumbnails that are due, one after the other.
    pub async fn make_thumbnails(&self) -> Result<(), Fault> {
        let mut last = None;
        while let Some(account) = self.picturing.make_next(last).await? {
            last = Some(account);
        }
        Ok(())
    }

    /// Notified when a thumbnail is due.
    pub fn thumbnail_due(&self) -> Arc<Notify> {
        self.pictured.clone()
    }

    /// An account's files, and where the next page begins.
    ///
    /// # Errors
    /// [`SearchError::TooSlow`] only with a text; or when the database is away.
    pub async fn list(
        &self,
        account: AccountId,
        search: Search,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<File>, Option<Cursor>), SearchError> {
        let (sort, is_narrow) = (search.sort, !search.text.is_empty());
        let list = move |db: &mut AnyConnection| {
            store::list(db, account, &search, after.as_ref(), limit + 1)
        };
        let found = if is_narrow {
            self.db.search(list).await?
        } else {
            self.db.read(list).await?
        };
        Ok(page(found, limit, |last| behind(last, sort)))
    }

    pub async fn shelf(&self, account: AccountId) -> Result<Shelf, Fault> {
        self.db.read(move |db| store::shelf(db, account)).await
    }

    /// Of all accounts together: how many files, and how many bytes.
    pub async fn totals(&self) -> Result<(i64, i64), Fault> {
        self.db.read(store::totals).await
    }

    /// Whether the store is known not to respond; uploads and downloads are refused until it does.
    pub fn is_store_silent(&self) -> bool {
        self.blobs.is_silent()
    }

    /// What the settings say of files.
    pub fn config(&self) -> &FilesConfig {
        &self.config
    }

    /// # Errors
    /// [`Refused::NoSuchFile`], or when the database is away.
    pub async fn load(&self, account: AccountId, id: FileId) -> Result<File, Refused> {
        self.db.read(move |db| load(db, account, id)).await
    }

    /// A small picture of an image: PNG or JPEG.
    ///
    /// # Errors
    /// [`Refused::NoSuchFile`] when there is none, or when the database is away.
    pub async fn thumbnail(&self, account: AccountId, id: FileId) -> Result<Vec<u8>, Refused> {
        let found = self
            .db
            .read(move |db| store::thumbnail(db, account, id))
            .await?;
        found.ok_or(Refused::NoSuchFile)
    }

    /// A part of its bytes.
    ///
    /// # Errors
    /// When the store is away, or has lost it.
    pub async fn read(&self, file: &File, range: Range<u64>) -> Result<Content, Fault> {
        self.blobs.read(file.id, range).await
    }

    /// # Errors
    /// [`Refused`].
    pub async fn change(
        &self,
        account: AccountId,
        id: FileId,
        expected: Expected,
        change: Change,
    ) -> Result<File, Refused> {
        let (clock, types) = (self.clock.clone(), self.config.types.clone());
        self.db
            .write(move |tx| {
                let mut file = load_for_change(tx, account, id, &expected)?;
                let before = (file.name.clone(), file.description.clone());
                if let Some(name) = change.name {
                    // What it is called already, it may be called still.
                    let is_new = name.as_str() != file.name;
                    if is_new {
                        media::check_extension(&name, &types)
                            .map_err(Refused::ExtensionNotTaken)?;
                    }
                    file.name = name.as_str().to_owned();
                }
                if let Some(description) = change.description {
                    file.description = description.map(|text| text.as_str().to_owned());
                }
                if before != (file.name.clone(), file.description.clone()) {
                    file.version += 1;
                    file.updated_at = clock.now();
                    store::update(tx, &file)?;
                }
                Ok(file)
            })
            .await
    }

    /// # Errors
    /// [`Refused`].
    pub async fn delete(
        &self,
        account: AccountId,
        id: FileId,
        expected: Expected,
    ) -> Result<(), Refused> {
        let clock = self.clock.clone();
        let bytes = self
            .db
            .write_on_full_disk(move |tx| {
                let file = load_for_change(tx, account, id, &expected)?;
                store::delete(tx, &file)?;
                store::set_stray(tx, &file, clock.now() + LEAVING_SECONDS)?;
                Ok::<_, Refused>(file.bytes)
            })
            .await?;
        // What cannot be deleted now is stray, and will be swept.
        if let Err(fault) = self.drop_bytes(id, bytes).await {
            tracing::warn!(%fault, "a file's bytes are deleted later");
        }
        Ok(())
    }

    /// Sets what an account may have. What it has already is not touched.
    ///
    /// # Errors
    /// [`Refused::NoSuchFile`] without such an account, or when the database is away.
    pub async fn set_quota(
        &self,
        account: AccountId,
        change: QuotaChange,
    ) -> Result<Shelf, Refused> {
        self.db
            .write(move |tx| {
                if !accounts::lock(tx, account)? {
                    return Err(Refused::NoSuchFile);
                }
                let mut shelf = store::shelf(tx, account)?;
                shelf.quota.files = change.files.unwrap_or(shelf.quota.files);
                shelf.quota.bytes = change.bytes.unwrap_or(shelf.quota.bytes);
                store::set_quota(tx, account, shelf.quota)?;
                Ok(shelf)
            })
            .await
    }

    async fn drop_bytes(&self, id: FileId, bytes: i64) -> Result<(), Fault> {
        sweep::drop_bytes(&self.db, &self.blobs, id, bytes).await
    }
}

/// Until the transaction ends, nobody else changes this account's files. A disabled account's
/// nobody does: what was allowed when an upload began need not be so at its end.
fn lock(tx: &mut AnyConnection, account: AccountId) -> Result<(), Refused> {
    let active = accounts::lock_active(tx, account)?;
    active.map(drop).ok_or(Refused::NoSuchFile)
}

fn load(db: &mut AnyConnection, account: AccountId, id: FileId) -> Result<File, Refused> {
    let found = store::find(db, id)?.filter(|file| file.account == account);
    found.ok_or(Refused::NoSuchFile)
}

fn load_for_change(
    tx: &mut AnyConnection,
    account: AccountId,
    id: FileId,
    expected: &Expected,
) -> Result<File, Refused> {
    lock(tx, account)?;
    let file = load(tx, account, id)?;
    if expected.includes(file.version) {
        Ok(file)
    } else {
        Err(Refused::Stale(Box::new(file)))
    }
}
