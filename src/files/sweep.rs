//! Deletes strays from the store.

use super::{LEAVING_SECONDS, store};
use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::blobs::Blobs;
use crate::storage::Db;

const SWEPT_AT_ONCE: i64 = 100;

/// Deletes the bytes of a stray, at most this many, and then its row.
pub async fn drop_bytes(db: &Db, blobs: &Blobs, id: FileId, bytes: i64) -> Result<(), Fault> {
    blobs.delete(id, bytes).await?;
    db.write_on_full_disk(move |tx| store::forget_stray(tx, id).map(drop))
        .await
}

/// Deletes all files of all accounts, and all strays.
pub async fn clear(db: &Db, blobs: &Blobs) -> Result<(), Fault> {
    db.write(|tx| store::set_all_stray(tx)).await?;
    sweep(db, blobs).await
}

/// Deletes the strays whose lease has ended.
pub async fn sweep(db: &Db, blobs: &Blobs) -> Result<(), Fault> {
    let mut failed = None;
    loop {
        // The strays are taken over first, so that an upload that continues cannot become a file.
        let strays = db.write_on_full_disk(move |tx| {
            let (now, mut taken) = (tx.now(), Vec::new());
            for (id, bytes) in store::strays(tx, now, SWEPT_AT_ONCE)? {
                if store::take_over(tx, id, now, now + LEAVING_SECONDS)? {
                    taken.push((id, bytes));
                }
            }
            Ok::<_, Fault>(taken)
        });
        let strays = strays.await?;
        if strays.is_empty() {
            return failed.map_or(Ok(()), Err);
        }
        for (id, bytes) in strays {
            // A stray that cannot be deleted now does not stop the others.
            if let Err(fault) = drop_bytes(db, blobs, id, bytes).await {
                failed = Some(fault);
            }
        }
    }
}
