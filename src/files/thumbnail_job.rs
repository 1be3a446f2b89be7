//! Makes the thumbnails of stored images.
//!
//! Each image without a thumbnail has a row. A server takes the row for a minute, so that only one
//! of several servers makes the thumbnail, and counts the attempt before it begins: an image that
//! crashes the server is tried a few times and no more. One image is decoded at a time, for each
//! account in turn, so that one account's images do not delay another's.

use super::decoder::{Decoder, Failed};
use super::store;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId};
use crate::blobs::Blobs;
use crate::storage::Db;

/// Longer than any image takes.
const TAKEN_SECONDS: i64 = 60;
/// Delay before an image that could not be read is tried again.
const AGAIN_SECONDS: i64 = 600;
const ATTEMPTS_MAX: i64 = 3;

/// A thumbnail that is due.
pub struct Due {
    pub file: FileId,
    pub account: AccountId,
    pub bytes: i64,
    pub attempts: i64,
}

pub struct ThumbnailJob {
    pub db: Db,
    pub blobs: Blobs,
    pub decoder: Decoder,
}

impl ThumbnailJob {
    /// Makes the first due thumbnail of the next account after `last` that has one; returns that
    /// account.
    pub async fn make_next(&self, last: Option<AccountId>) -> Result<Option<AccountId>, Fault> {
        let taken = self.db.write(move |tx| {
            let now = tx.now();
            let Some(due) = store::next_due(tx, last, now)? else {
                return Ok::<_, Fault>(None);
            };
            if due.attempts >= ATTEMPTS_MAX {
                store::set_thumbnail(tx, due.file, None)?;
            } else {
                store::take_due(tx, due.file, due.attempts + 1, now + TAKEN_SECONDS)?;
            }
            Ok(Some(due))
        });
        let Some(due) = taken.await? else {
            return Ok(None);
        };
        let (file, attempts) = (due.file, due.attempts);
        if attempts >= ATTEMPTS_MAX {
            tracing::warn!(%file, "an image has ended its decoder {ATTEMPTS_MAX} times");
            return Ok(Some(due.account));
        }
        match self.make(&due).await {
            Ok(image) => {
                let kept = self
                    .db
                    .write(move |tx| store::set_thumbnail(tx, file, image.as_deref()));
                kept.await?;
            }
            // The image is tried again when the row is due again.
            Err(Failed::Decoder(fault)) => tracing::warn!(%fault, "a thumbnail is made later"),
            // This is not counted as an attempt.
            Err(Failed::NotTried(fault)) => {
                tracing::warn!(%fault, "a thumbnail is made later");
                let left = self.db.write(move |tx| {
                    let ends_at = tx.now() + AGAIN_SECONDS;
                    store::take_due(tx, file, attempts, ends_at)
                });
                left.await?;
            }
        }
        Ok(Some(due.account))
    }

    async fn make(&self, due: &Due) -> Result<Option<Vec<u8>>, Failed> {
        let length = u64::try_from(due.bytes).unwrap_or_default();
        let content = self.blobs.read(due.file, 0..length).await;
        self.decoder
            .thumbnail(content.map_err(Failed::NotTried)?)
            .await
    }
}
