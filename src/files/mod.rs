//! The files of each account.
//!
//! A file's bytes are in the store under its id, and its name and properties in its row. Every
//! object in the store has a row, in `files` or in `stray_blobs`: strays are incomplete uploads and
//! deleted files. So a killed server leaves no unknown object behind.
//!
//! Nothing here can reach another account's files. Usage is counted in the transaction that adds
//! or deletes a file, and never summed up.

pub mod decoder;
mod input;
pub mod media;
mod slots;
mod store;
mod stray;
mod sweep;
mod thumbnail;
mod thumbnail_job;
mod upload;

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::accounts;
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId};
use crate::base::names::{Description, FileName};
use crate::base::paging::{self, page};
use crate::base::version::{ExpectedVersion, Version};
use crate::blobs::{BlobError, Blobs, Content};
use crate::config::FilesConfig;
use crate::storage::{AnyConnection, Db, SearchError, Tx};
use decoder::Decoder;
pub use input::{parse_description, too_large, too_many};
use slots::UploadSlots;
pub use store::{delete_all, find};
pub use sweep::clear;
use thumbnail_job::ThumbnailJob;
pub use upload::{IncomingFile, ReceivedFile, StoredFiles, Upload};

/// The largest quotas.
pub const FILES_QUOTA_MAX: i64 = 1_000_000_000;
pub const BYTES_QUOTA_MAX: i64 = 1_000_000_000_000_000;
/// Time for the server that deleted a file to delete its bytes; then any server does.
const LEAVING_SECONDS: i64 = 60;

#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub account: AccountId,
    pub name: String,
    pub description: Option<String>,
    /// The type by its content.
    pub media_type: String,
    pub bytes: i64,
    pub sha256: [u8; 32],
    pub has_thumbnail: bool,
    pub version: Version,
    pub created_at: UnixSeconds,
    pub updated_at: UnixSeconds,
}

impl File {
    /// The SHA-256, in hexadecimal.
    pub fn checksum(&self) -> String {
        let digits = self.sha256.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }

    /// Its type in words.
    pub fn kind(&self) -> String {
        media::in_words(&self.media_type)
    }
}

/// How much an account has, and its own quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub files: i64,
    pub bytes: i64,
    pub quota: Quota,
}

impl Usage {
    pub fn files_max(&self, defaults: &FilesConfig) -> i64 {
        self.quota.files.unwrap_or(defaults.quota_files)
    }

    pub fn bytes_max(&self, defaults: &FilesConfig) -> i64 {
        self.quota.bytes.unwrap_or(defaults.quota_bytes)
    }

    /// The used part of the bytes, of 100; any use is at least 1.
    pub fn percent(&self, defaults: &FilesConfig) -> i64 {
        let percent = self.bytes / (self.bytes_max(defaults) / 100).max(1);
        percent.clamp(self.bytes.signum(), 100)
    }
}

/// The quota of an account; `None`: that of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub files: Option<i64>,
    pub bytes: Option<i64>,
}

/// Changes to a quota; `None` keeps a value, and an inner `None` restores the default of the
/// settings.
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

/// Continues a list of files after this one, in the requested order.
pub type Cursor = paging::Cursor<String, FileId>;

fn behind(file: &File, sort: Sort) -> Cursor {
    let value = match sort {
        Sort::Newest | Sort::Oldest => file.created_at.to_string(),
        Sort::Name => FileName::sent(&file.name).key(),
        Sort::Largest => file.bytes.to_string(),
    };
    Cursor { value, id: file.id }
}

/// The files to list, and their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// A part of a name or description, in upper or lower case.
    pub text: String,
    pub sort: Sort,
}

/// Changes to a file; `None` keeps a value, and an inner `None` removes it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<FileName>,
    pub description: Option<Option<Description>>,
}

/// Whether another file of the account may have the same description. On pages it may; the API and
/// the tutorial promise that each description is of one file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    Allowed,
    Refused,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It does not exist, or belongs to another account.
    #[error("no such file")]
    NoSuchFile,
    /// With its current state.
    #[error("the file was changed in the meantime")]
    Stale(Box<File>),
    #[error("another file of the account has this description")]
    DescriptionTaken,
    /// With the limit in bytes for one file.
    #[error("the file exceeds {0} bytes")]
    TooLarge(i64),
    /// With the account's quota in bytes.
    #[error("the account's files would exceed {0} bytes")]
    OverQuota(i64),
    /// With the account's quota in files.
    #[error("the account would have more than {0} files")]
    TooMany(i64),
    /// With its type.
    #[error("files of type {0} are not allowed")]
    TypeNotTaken(&'static str),
    /// With the type of its extension.
    #[error("extensions of type {0} are not allowed")]
    ExtensionNotTaken(&'static str),
    #[error("the scanner found a virus")]
    Infected,
    #[error("the file exceeds the scanner's limit")]
    TooLargeToScan,
    #[error("more than {0} files at once")]
    TooManyAtOnce(usize),
    #[error("the store is full")]
    StoreFull,
    #[error("the idempotency key was used for another request")]
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
    blobs: Blobs,
    config: Arc<FilesConfig>,
    /// Notified when a thumbnail is due.
    thumbnail_due: Arc<Notify>,
    thumbnail_job: Arc<ThumbnailJob>,
    slots: UploadSlots,
}

impl Files {
    /// Opens the store.
    pub fn open(db: Db, config: &FilesConfig) -> Result<Self, Fault> {
        let blobs = Blobs::open(&config.store)?;
        let thumbnail_job = ThumbnailJob {
            db: db.clone(),
            blobs: blobs.clone(),
            decoder: match &config.program {
                Some(program) => Decoder::Child(program.clone()),
                None => Decoder::Here,
            },
        };
        Ok(Self {
            db,
            blobs,
            config: Arc::new(config.clone()),
            thumbnail_due: Arc::default(),
            thumbnail_job: Arc::new(thumbnail_job),
            slots: UploadSlots::new(),
        })
    }

    /// Deletes the strays whose lease has ended.
    ///
    /// # Errors
    /// When the database or the store is unavailable; the other strays are deleted nevertheless.
    pub async fn sweep(&self) -> Result<(), Fault> {
        sweep::sweep(&self.db, &self.blobs).await
    }

    /// Makes the thumbnails that are due, one after the other.
    pub async fn make_thumbnails(&self) -> Result<(), Fault> {
        let mut last = None;
        while let Some(account) = self.thumbnail_job.make_next(last).await? {
            last = Some(account);
        }
        Ok(())
    }

    /// Notified when a thumbnail is due.
    pub fn thumbnail_due(&self) -> Arc<Notify> {
        self.thumbnail_due.clone()
    }

    /// An account's files, and the cursor of the next page.
    ///
    /// # Errors
    /// [`SearchError::TooSlow`] only if the search has a text.
    pub async fn list(
        &self,
        account: AccountId,
        search: Search,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<File>, Option<Cursor>), SearchError> {
        let (sort, is_narrow) = (search.sort, !search.text.is_empty());
        let list =
            move |db: &mut Tx<'_>| store::list(db, account, &search, after.as_ref(), limit + 1);
        let found = if is_narrow {
            self.db.search(list).await?
        } else {
            self.db.read(list).await?
        };
        Ok(page(found, limit, |last| behind(last, sort)))
    }

    pub async fn usage(&self, account: AccountId) -> Result<Usage, Fault> {
        self.db.read(move |db| store::usage(db, account)).await
    }

    /// The number of files and bytes of all accounts.
    pub async fn totals(&self) -> Result<(i64, i64), Fault> {
        self.db.read(|db| store::totals(db)).await
    }

    /// Whether the store does not respond; uploads and downloads are refused until it does.
    pub fn is_store_silent(&self) -> bool {
        self.blobs.is_silent()
    }

    /// The settings of files.
    pub fn config(&self) -> &FilesConfig {
        &self.config
    }

    pub async fn load(&self, account: AccountId, id: FileId) -> Result<File, Refused> {
        self.db.read(move |db| load(db, account, id)).await
    }

    /// The thumbnail of an image, PNG or JPEG; [`Refused::NoSuchFile`] without one.
    pub async fn thumbnail(&self, account: AccountId, id: FileId) -> Result<Vec<u8>, Refused> {
        let found = self
            .db
            .read(move |db| store::thumbnail(db, account, id))
            .await?;
        found.ok_or(Refused::NoSuchFile)
    }

    /// A part of its bytes.
    pub async fn read(&self, file: &File, range: Range<u64>) -> Result<Content, Fault> {
        self.blobs.read(file.id, range).await
    }

    pub async fn change(
        &self,
        account: AccountId,
        id: FileId,
        expected: ExpectedVersion,
        change: Change,
        repeated: Repeated,
    ) -> Result<File, Refused> {
        let types = self.config.types.clone();
        self.db
            .write(move |tx| {
                let mut file = load_for_change(tx, account, id, &expected)?;
                let before = (file.name.clone(), file.description.clone());
                if let Some(name) = change.name {
                    // A file may keep its name.
                    let is_new = name.as_str() != file.name;
                    if is_new {
                        media::check_extension(&name, &types)
                            .map_err(Refused::ExtensionNotTaken)?;
                    }
                    file.name = name.as_str().to_owned();
                }
                if let Some(description) = change.description {
                    let is_new = description.as_ref().map(Description::as_str)
                        != file.description.as_deref();
                    if is_new && repeated == Repeated::Refused {
                        refuse_taken(tx, account, description.as_ref())?;
                    }
                    file.description = description.map(|text| text.as_str().to_owned());
                }
                if before != (file.name.clone(), file.description.clone()) {
                    file.version += 1;
                    file.updated_at = tx.now();
                    store::update(tx, &file)?;
                }
                Ok(file)
            })
            .await
    }

    pub async fn delete(
        &self,
        account: AccountId,
        id: FileId,
        expected: ExpectedVersion,
    ) -> Result<(), Refused> {
        let bytes = self
            .db
            .write_on_full_disk(move |tx| {
                let file = load_for_change(tx, account, id, &expected)?;
                remove(tx, &file)?;
                Ok::<_, Refused>(file.bytes)
            })
            .await?;
        self.drop_removed(id, bytes).await;
        Ok(())
    }

    /// Those of the account's files that have one of these ids, in the order of their names.
    pub async fn load_several(
        &self,
        account: AccountId,
        ids: Vec<FileId>,
    ) -> Result<Vec<File>, Fault> {
        self.db
            .read(move |db| store::find_several(db, account, &ids))
            .await
    }

    /// Deletes all of these files that there are, or none, and returns how many.
    pub async fn delete_several(
        &self,
        account: AccountId,
        ids: Vec<FileId>,
    ) -> Result<usize, Refused> {
        let removed = self
            .db
            .write_on_full_disk(move |tx| {
                lock(tx, account)?;
                let found = store::find_several(tx, account, &ids)?;
                for file in &found {
                    remove(tx, file)?;
                }
                Ok::<_, Refused>(found)
            })
            .await?;
        for file in &removed {
            self.drop_removed(file.id, file.bytes).await;
        }
        Ok(removed.len())
    }

    async fn drop_removed(&self, id: FileId, bytes: i64) {
        // Bytes that cannot be deleted now are stray, and will be swept.
        if let Err(fault) = self.drop_bytes(id, bytes).await {
            tracing::warn!(%fault, "a file's bytes are deleted later");
        }
    }

    /// Sets an account's quota. Stored files are not touched. [`Refused::NoSuchFile`] without such
    /// an account.
    pub async fn set_quota(
        &self,
        account: AccountId,
        change: QuotaChange,
    ) -> Result<Usage, Refused> {
        self.db
            .write(move |tx| {
                if !accounts::lock(tx, account)? {
                    return Err(Refused::NoSuchFile);
                }
                let mut usage = store::usage(tx, account)?;
                usage.quota.files = change.files.unwrap_or(usage.quota.files);
                usage.quota.bytes = change.bytes.unwrap_or(usage.quota.bytes);
                store::set_quota(tx, account, usage.quota)?;
                let word =
                    |most: Option<i64>| most.map_or("default".to_owned(), |most| most.to_string());
                tx.record(
                    Event::done(Action::ChangeQuota)
                        .about(account)
                        .with("files", word(usage.quota.files))
                        .with("bytes", word(usage.quota.bytes)),
                );
                Ok(usage)
            })
            .await
    }

    async fn drop_bytes(&self, id: FileId, bytes: i64) -> Result<(), Fault> {
        sweep::drop_bytes(&self.db, &self.blobs, id, bytes).await
    }
}

/// Locks the account until the transaction ends. Refuses a disabled account: it may have been
/// disabled during the upload.
fn lock(tx: &mut AnyConnection, account: AccountId) -> Result<(), Refused> {
    let active = accounts::lock_active(tx, account)?;
    active.map(drop).ok_or(Refused::NoSuchFile)
}

fn load(db: &mut AnyConnection, account: AccountId, id: FileId) -> Result<File, Refused> {
    let found = store::find(db, id)?.filter(|file| file.account == account);
    found.ok_or(Refused::NoSuchFile)
}

/// Deletes a file; its bytes are stray from then on.
fn remove(tx: &mut Tx<'_>, file: &File) -> Result<(), Fault> {
    store::delete(tx, file)?;
    let ends_at = tx.now() + LEAVING_SECONDS;
    store::set_stray(tx, file, ends_at)
}

/// The account is locked, so no other request can add the same description meanwhile.
fn refuse_taken(
    tx: &mut AnyConnection,
    account: AccountId,
    description: Option<&Description>,
) -> Result<(), Refused> {
    match description {
        Some(text) if store::is_described(tx, account, text.as_str())? => {
            Err(Refused::DescriptionTaken)
        }
        _ => Ok(()),
    }
}

fn load_for_change(
    tx: &mut AnyConnection,
    account: AccountId,
    id: FileId,
    expected: &ExpectedVersion,
) -> Result<File, Refused> {
    lock(tx, account)?;
    let file = load(tx, account, id)?;
    if expected.includes(file.version) {
        Ok(file)
    } else {
        Err(Refused::Stale(Box::new(file)))
    }
}
