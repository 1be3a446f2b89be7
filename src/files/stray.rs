//! An object in the store that is not a file yet: dropping it deletes the object.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Files, store};
use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::blobs::{BlobError, Writer};

/// An upload that was not renewed for this long is swept. Longer than a scan, and than a write can
/// take to reach the store.
pub const LEASE_SECONDS: i64 = 600;

/// Time for the request that is told that nothing was stored to delete the object.
const WAITED_FOR: Duration = Duration::from_secs(2);

/// An object in the store that is not a file yet. Dropping it deletes it.
pub struct Stray {
    pub id: FileId,
    /// The bytes that it reserves of the quota; the store has no more bytes of it.
    pub bytes: i64,
    pub files: Files,
    /// Whether a write may still arrive after the deletion.
    may_arrive: bool,
    pub is_kept: bool,
}

impl Stray {
    pub fn new(files: &Files, id: FileId, bytes: i64) -> Self {
        Self {
            id,
            bytes,
            files: files.clone(),
            may_arrive: false,
            is_kept: false,
        }
    }

    /// A stray without an object.
    pub fn none(files: &Files, id: FileId) -> Self {
        let mut none = Self::new(files, id, 0);
        none.keep();
        none
    }

    /// Keeps the object, which is a file now.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Moves the object to a new stray, which deletes it on drop.
    pub fn take(&mut self) -> Self {
        let mut taken = Self::new(&self.files, self.id, self.bytes);
        taken.may_arrive = self.may_arrive;
        taken.is_kept = std::mem::replace(&mut self.is_kept, true);
        taken
    }

    pub fn heard<T>(&mut self, written: Result<T, BlobError>) -> Result<T, BlobError> {
        self.may_arrive |= matches!(written, Err(BlobError::Unsure(_)));
        written
    }

    /// Deletes it, even if the returned future is dropped.
    pub fn clear_up(
        &mut self,
        writer: Option<Writer>,
        finishing: Option<JoinHandle<Result<(), BlobError>>>,
    ) -> impl Future<Output = ()> + use<> {
        let mut stray = self.take();
        let is_kept = std::mem::replace(&mut stray.is_kept, true);
        let clear = async move {
            if is_kept {
                return;
            }
            if let Some(writer) = writer {
                stray.heard(writer.give_up().await).ok();
            }
            if let Some(finishing) = finishing
                && let Ok(finished) = finishing.await
            {
                stray.heard(finished).ok();
            }
            if let Err(fault) = stray.delete().await {
                tracing::warn!(%fault, "what is left of an upload is deleted later");
            }
        };
        // Without a runtime the server is stopping, and the next server sweeps it.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let clearing = runtime.map(|runtime| runtime.spawn(clear));
        async move {
            if let Some(clearing) = clearing {
                // The task continues by itself: a request does not wait for a store that does not
                // respond.
                tokio::time::timeout(WAITED_FOR, clearing).await.ok();
            }
        }
    }

    async fn delete(&self) -> Result<(), Fault> {
        let (files, id) = (&self.files, self.id);
        if !self.may_arrive {
            return files.drop_bytes(id, self.bytes).await;
        }
        // Deleted twice: now, and when no write can arrive any more.
        let left = files.db.write_on_full_disk(move |tx| {
            let ends_at = tx.now() + LEASE_SECONDS;
            store::leave_stray(tx, id, ends_at)
        });
        left.await?;
        files.blobs.delete(id, self.bytes).await
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        if !self.is_kept {
            drop(self.clear_up(None, None));
        }
    }
}
