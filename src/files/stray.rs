//! What lies in the store and is no file yet: it clears up behind itself.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Files, store};
use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::blobs::{BlobError, Writer};

/// What has not been heard of for so long is swept. Longer than a scanner may think, and than
/// anything can be on its way to a store.
pub const LEASE_SECONDS: i64 = 600;

/// By whoever is told that nothing was kept.
const WAITED_FOR: Duration = Duration::from_secs(2);

/// Something in the store that is no file yet. Dropped, it goes.
pub struct Stray {
    pub id: FileId,
    /// What it holds of the quota: no more of it is in the store.
    pub bytes: i64,
    pub files: Files,
    /// What was written of it may arrive later than it is deleted.
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

    /// One of which nothing is stored.
    pub fn none(files: &Files, id: FileId) -> Self {
        let mut none = Self::new(files, id, 0);
        none.keep();
        none
    }

    /// There is nothing to clear up any more.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// From then on, its taker answers for it.
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

    /// Takes it away, also if nobody waits until it is done.
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
        // Without a runtime the server ends, and the next one sweeps.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let clearing = runtime.map(|runtime| runtime.spawn(clear));
        async move {
            if let Some(clearing) = clearing {
                // It goes on by itself; whoever waits for an answer is not held by a store that
                // does not respond.
                tokio::time::timeout(WAITED_FOR, clearing).await.ok();
            }
        }
    }

    async fn delete(&self) -> Result<(), Fault> {
        let (files, id) = (&self.files, self.id);
        if !self.may_arrive {
            return files.drop_bytes(id, self.bytes).await;
        }
        // Twice: now, and once nothing can be on its way any more.
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
