//! Uploads.
//!
//! An upload is a stray from its first byte until all files of its request are stored, in one
//! transaction. Its row says how much of the quota it reserves and when its lease ends: then it is
//! swept. Dropping an upload deletes its object.

use aws_lc_rs::digest::{self, SHA256};
use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::slots::UploadSlot;
use super::stray::{LEASE_SECONDS, Stray};
use super::{File, Files, Refused, lock, media, refuse_taken, store, thumbnail};
use crate::base::clock::Stopwatch;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId};
use crate::base::names::{Description, FileName};
use crate::blobs::{BlobError, Writer};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::scanner::{Scan, Verdict};
use crate::storage::{AnyConnection, Tx};

const RENEWED_AFTER_SECONDS: u64 = 60;
/// Size of the pieces that are passed on; more than is needed to detect the type.
const PASSED_ON_BYTES: usize = 64 << 10;
/// An upload reserves quota as it grows: as much again as it has received, within these limits.
const HELD_MIN_BYTES: i64 = 1_000_000;
const HELD_MAX_BYTES: i64 = 64_000_000;

/// The properties of a file that are known before its content arrives.
pub struct IncomingFile {
    pub name: FileName,
    /// Sent before the file, if at all.
    pub description: Option<Description>,
    /// The declared maximum length, if the sender has declared one.
    pub bytes_max: Option<i64>,
    /// The key of its request; other inputs of the key are ignored here.
    pub key: Option<IdempotencyKey>,
}

/// A file that is being received.
pub struct Upload {
    stray: Stray,
    account: AccountId,
    bytes_max: i64,
    /// Its request's key is known. The file is only read to see whether the request is the same:
    /// nothing is stored, and no limit that the first request has used up applies.
    is_again: bool,
    name: FileName,
    /// The type by the first bytes, as soon as enough have arrived.
    media_type: Option<&'static str>,
    /// Bytes that were received and not passed on yet.
    pending: BytesMut,
    bytes: i64,
    renewed: Stopwatch,
    hash: digest::Context,
    writer: Option<Writer>,
    /// A task of its own: a late write must not survive the deletion of the object.
    finishing: Option<JoinHandle<Result<(), BlobError>>>,
    scan: Option<Scan>,
    _slot: UploadSlot,
}

/// A file that was received completely: it is in the store, and does not belong to an account yet.
pub struct ReceivedFile {
    stray: Stray,
    pub name: FileName,
    pub media_type: &'static str,
    pub bytes: i64,
    pub sha256: [u8; 32],
    is_again: bool,
}

/// Files that were stored, by this request or by the same one before.
#[derive(Debug)]
pub struct StoredFiles {
    pub files: Vec<File>,
    pub replayed: bool,
}

impl Files {
    /// Begins an upload, after the last one of its request if there was one.
    pub async fn receive(
        &self,
        account: AccountId,
        incoming: IncomingFile,
        last: Option<&mut ReceivedFile>,
    ) -> Result<Upload, Refused> {
        if self.is_store_silent() {
            let silent = Fault::unavailable("the store", "it does not respond");
            return Err(Refused::Fault(silent));
        }
        // Checked before the body is read.
        let slot = self.slots.take(account).await?;
        let IncomingFile {
            name,
            description,
            bytes_max,
            key,
        } = incoming;
        let last = last.map(|last| {
            last.stray.bytes = last.bytes;
            (last.stray.id, last.bytes)
        });
        let (id, files) = (FileId::new(), self.clone());
        let bytes_max = bytes_max.unwrap_or(i64::MAX);
        let stray = self
            .db
            .write(move |tx| {
                lock(tx, account)?;
                let now = tx.now();
                let is_again = match &key {
                    Some(key) => idempotency::look(tx, account, key, now)? != Claim::New,
                    None => false,
                };
                if is_again {
                    return Ok::<_, Refused>(None);
                }
                if let Some((id, bytes)) = last {
                    store::hold(tx, id, bytes)?;
                }
                // Checked again at the end; this refuses early.
                files.may_come(tx, account, description.as_ref())?;
                store::insert_arriving(tx, id, account, now + LEASE_SECONDS)?;
                let held = files.hold(tx, account, id, (1, bytes_max))?;
                // Created here, because the request may be gone when the commit returns.
                Ok(Some(Stray::new(&files, id, held)))
            })
            .await?;
        Ok(Upload {
            is_again: stray.is_none(),
            stray: stray.unwrap_or_else(|| Stray::none(self, id)),
            account,
            bytes_max,
            name,
            media_type: None,
            pending: BytesMut::new(),
            bytes: 0,
            renewed: Stopwatch::start(),
            hash: digest::Context::new(&SHA256),
            writer: None,
            finishing: None,
            scan: None,
            _slot: slot,
        })
    }

    fn may_come(
        &self,
        tx: &mut AnyConnection,
        account: AccountId,
        description: Option<&Description>,
    ) -> Result<(), Refused> {
        refuse_taken(tx, account, description)?;
        let usage = store::usage(tx, account)?;
        let (arriving, _) = store::arriving(tx, account)?;
        let most = usage.files_max(&self.config);
        if usage.files + arriving >= most {
            return Err(Refused::TooMany(most));
        }
        Ok(())
    }

    /// Reserves quota for the received bytes and for some that may follow; returns how many.
    fn hold(
        &self,
        tx: &mut Tx<'_>,
        account: AccountId,
        id: FileId,
        (bytes, bytes_max): (i64, i64),
    ) -> Result<i64, Refused> {
        let usage = store::usage(tx, account)?;
        let (_, arriving) = store::arriving(tx, account)?;
        let own = store::held(tx, id, account)?.ok_or_else(too_late)?;
        let most = usage.bytes_max(&self.config);
        let free = most - usage.bytes - (arriving - own);
        if bytes > free {
            return Err(Refused::OverQuota(most));
        }
        let more = bytes.clamp(HELD_MIN_BYTES, HELD_MAX_BYTES);
        let held = (bytes + more).min(bytes_max.max(bytes)).min(free);
        // The bytes that were reserved before are on the disk by now, or soon.
        let more = (held - own).max(0);
        if !self.blobs.has_room(self.config.keep_free_bytes + more)? {
            return Err(Refused::StoreFull);
        }
        let now = tx.now();
        store::hold(tx, id, held)?;
        // Files of the same form that were received before wait for this one.
        store::renew_arriving(tx, account, now, now + LEASE_SECONDS)?;
        Ok(held)
    }

    /// Makes all of them files of the account, or none. A repeated request gets the same files.
    pub async fn keep(
        &self,
        account: AccountId,
        mut received: Vec<ReceivedFile>,
        description: Option<Description>,
        key: Option<IdempotencyKey>,
    ) -> Result<StoredFiles, Refused> {
        let strays: Vec<_> = received.iter_mut().map(|one| one.stray.take()).collect();
        let lying = strays.iter().filter(|stray| !stray.is_kept);
        let blobs: Vec<_> = lying.map(|stray| (stray.id, stray.bytes)).collect();
        let files = self.clone();
        let kept = self
            .db
            .write(move |tx| {
                let mut strays = strays;
                lock(tx, account)?;
                let now = tx.now();
                let ids: Vec<_> = strays.iter().map(|stray| stray.id.to_string()).collect();
                let claim = match &key {
                    Some(key) => idempotency::claim(tx, account, key, &ids.join(" "), now)?,
                    None => Claim::New,
                };
                match claim {
                    // The first request's key has expired meanwhile.
                    Claim::New if received.iter().any(|one| one.is_again) => {
                        return Err(too_late());
                    }
                    Claim::New => {}
                    Claim::Replay(made) => {
                        let ids = made.split(' ').filter_map(FileId::parse);
                        let made: Result<_, _> =
                            ids.map(|id| super::load(tx, account, id)).collect();
                        return Ok((made?, true));
                    }
                    Claim::Mismatch => return Err(Refused::KeyReused),
                }
                refuse_taken(tx, account, description.as_ref())?;
                let mut kept = Vec::new();
                for (one, stray) in received.iter().zip(&strays) {
                    if !store::forget_arriving(tx, stray.id, account)? {
                        return Err(too_late());
                    }
                    let file = File {
                        id: stray.id,
                        account,
                        name: one.name.as_str().to_owned(),
                        description: description.as_ref().map(|text| text.as_str().to_owned()),
                        media_type: one.media_type.to_owned(),
                        bytes: one.bytes,
                        sha256: one.sha256,
                        has_thumbnail: false,
                        version: 1,
                        created_at: now,
                        updated_at: now,
                    };
                    store::insert(tx, &file)?;
                    if media::is_image(&file.media_type) && file.bytes <= thumbnail::FILE_MAX_BYTES
                    {
                        store::insert_due(tx, &file)?;
                    }
                    kept.push(file);
                }
                let usage = store::usage(tx, account)?;
                let most = usage.files_max(&files.config);
                if usage.files > most {
                    return Err(Refused::TooMany(most));
                }
                let most = usage.bytes_max(&files.config);
                if usage.bytes > most {
                    return Err(Refused::OverQuota(most));
                }
                // Before the commit, because the request may be gone after it. If the commit fails,
                // the files are still strays, and are swept.
                strays.iter_mut().for_each(Stray::keep);
                Ok((kept, false))
            })
            .await;
        // After a failed commit the outcome may be unknown: the objects are left alone.
        let is_refused = kept
            .as_ref()
            .is_err_and(|refused| !matches!(refused, Refused::Fault(_)));
        if is_refused {
            for (id, bytes) in blobs {
                // Bytes that cannot be deleted now stay stray, and are swept later.
                self.drop_bytes(id, bytes).await.ok();
            }
        }
        let (kept, replayed) = kept?;
        self.thumbnail_due.notify_one();
        Ok(StoredFiles {
            files: kept,
            replayed,
        })
    }

    /// Deletes received files that will not be stored, before the response, so that their quota is
    /// free by then.
    pub async fn give_up(&self, received: Vec<ReceivedFile>) {
        for mut one in received {
            one.stray.clear_up(None, None).await;
        }
    }
}

impl Upload {
    /// Deletes the received bytes, as [`Files::give_up`].
    pub async fn give_up(mut self) {
        let (writer, finishing) = (self.writer.take(), self.finishing.take());
        self.stray.clear_up(writer, finishing).await;
    }

    /// # Errors
    /// [`Refused`]; then the caller gives it up.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Refused> {
        self.bytes += i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let most = self.stray.files.config.max_bytes;
        if self.bytes > most {
            return Err(Refused::TooLarge(most));
        }
        if self.bytes > self.stray.bytes || self.is_due() {
            self.renew().await?;
        }
        // Copied together, because a slice of a few bytes can keep a large buffer alive.
        if self.pending.is_empty() {
            self.pending.reserve(PASSED_ON_BYTES + piece.len());
        }
        self.pending.extend_from_slice(piece);
        if self.pending.len() < PASSED_ON_BYTES {
            return Ok(());
        }
        self.pass_all_on().await
    }

    async fn pass_all_on(&mut self) -> Result<(), Refused> {
        let piece = std::mem::take(&mut self.pending).freeze();
        if self.media_type.is_none() {
            self.media_type = Some(self.look(&piece)?);
        }
        self.hash.update(&piece);
        self.pass_on(piece).await
    }

    fn is_due(&self) -> bool {
        self.renewed.elapsed().as_secs() >= RENEWED_AFTER_SECONDS
    }

    async fn renew(&mut self) -> Result<(), Refused> {
        if self.is_again {
            return Ok(());
        }
        let (files, account) = (self.stray.files.clone(), self.account);
        let (id, bytes) = (self.stray.id, (self.bytes, self.bytes_max));
        let renewed = self.stray.files.db.write(move |tx| {
            lock(tx, account)?;
            files.hold(tx, account, id, bytes)
        });
        self.stray.bytes = renewed.await?;
        self.renewed = Stopwatch::start();
        Ok(())
    }

    /// The type by the file's first bytes, if it is allowed.
    fn look(&self, head: &[u8]) -> Result<&'static str, Refused> {
        let media_type = media::of(&head[..head.len().min(media::HEAD_BYTES)]);
        let allowed = &self.stray.files.config.types;
        if !media::is_allowed(media_type, allowed) {
            return Err(Refused::TypeNotTaken(media_type));
        }
        media::check_extension(&self.name, allowed).map_err(Refused::ExtensionNotTaken)?;
        Ok(media_type)
    }

    async fn pass_on(&mut self, piece: Bytes) -> Result<(), Refused> {
        if self.is_again {
            return Ok(());
        }
        let files = &self.stray.files;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                // An empty file is not scanned.
                let scanner = files.config.scanner.as_ref();
                if let Some(scanner) = scanner.filter(|_| !piece.is_empty()) {
                    self.scan = Some(Scan::begin(scanner).await?);
                }
                none.insert(files.blobs.write(self.stray.id).await?)
            }
        };
        if let Some(scan) = &mut self.scan
            && let Some(verdict) = scan.hear(&piece).await?
        {
            judge(verdict)?;
        }
        let written = writer.write(piece).await;
        Ok(self.stray.heard(written)?)
    }

    /// Waits until the store has all of it.
    ///
    /// # Errors
    /// [`Refused`]; then the caller gives it up.
    pub async fn finish(&mut self) -> Result<ReceivedFile, Refused> {
        // An empty file is stored, too.
        if !self.pending.is_empty() || self.bytes == 0 {
            self.pass_all_on().await?;
        }
        if self.is_due() {
            self.renew().await?;
        }
        let media_type = self.media_type.unwrap_or_default();
        if let Some(scan) = self.scan.take() {
            judge(scan.verdict().await?)?;
        }
        if let Some(writer) = self.writer.take() {
            let finished = self.finishing.insert(tokio::spawn(writer.finish())).await;
            self.finishing = None;
            let finished = finished.map_err(|panic| Fault::caused("a write", panic))?;
            self.stray.heard(finished)?;
        }
        let sha256 = self.hash.clone().finish();
        let sha256 = sha256.as_ref().try_into();
        let sha256 = sha256.map_err(|error| Fault::caused("a digest", error))?;
        Ok(ReceivedFile {
            name: self.name.clone(),
            bytes: self.bytes,
            media_type,
            sha256,
            is_again: self.is_again,
            stray: self.stray.take(),
        })
    }
}

impl Drop for Upload {
    /// Deletes the object before its row.
    fn drop(&mut self) {
        let (writer, finishing) = (self.writer.take(), self.finishing.take());
        if writer.is_some() || finishing.is_some() {
            drop(self.stray.clear_up(writer, finishing));
        }
    }
}

fn judge(verdict: Verdict) -> Result<(), Refused> {
    match verdict {
        Verdict::Clean => Ok(()),
        Verdict::Infected => Err(Refused::Infected),
        Verdict::TooLarge => {
            tracing::warn!("a file is larger than the virus scanner takes (StreamMaxLength)");
            // A file that is not scanned completely is not clean.
            Err(Refused::TooLargeToScan)
        }
    }
}

fn too_late() -> Refused {
    let why = "it has been swept while it came in";
    Refused::Fault(Fault::unavailable(
        "an upload",
        BlobError::Fault(Fault::new(why)),
    ))
}
