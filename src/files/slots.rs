//! Slots for uploads. An upload takes memory, so the number at once is limited for each account and
//! for all accounts together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::base::fault::Fault;
use crate::base::ids::AccountId;

const UPLOADS_AT_ONCE: usize = 8;
const UPLOADS_IN_ALL: usize = 256;
const SLOT_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct UploadSlots {
    all: Arc<Semaphore>,
    /// Contains only accounts with open uploads.
    taken: Arc<Mutex<HashMap<AccountId, Weak<Semaphore>>>>,
}

/// Freed on drop.
pub struct UploadSlot {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl UploadSlots {
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(UPLOADS_IN_ALL)),
            taken: Arc::default(),
        }
    }

    /// Waits for a free slot.
    ///
    /// # Errors
    /// When no slot was free within half a minute.
    pub async fn take(&self, account: AccountId) -> Result<UploadSlot, Fault> {
        let slot = async {
            Ok(UploadSlot {
                _own: self.of(account).acquire_owned().await?,
                _of_all: self.all.clone().acquire_owned().await?,
            })
        };
        let slot = tokio::time::timeout(SLOT_WITHIN, slot).await;
        let slot = slot.map_err(|late| Fault::unavailable("an upload slot", late))?;
        slot.map_err(|error: AcquireError| Fault::caused("an upload slot", error))
    }

    fn of(&self, account: AccountId) -> Arc<Semaphore> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = taken.get(&account).and_then(Weak::upgrade) {
            return slots;
        }
        taken.retain(|_, slots| slots.strong_count() > 0);
        let slots = Arc::new(Semaphore::new(UPLOADS_AT_ONCE));
        taken.insert(account, Arc::downgrade(&slots));
        slots
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn an_account_waits_for_its_own_slots_and_not_for_those_of_others() {
        let (slots, ada) = (UploadSlots::new(), AccountId::new());
        let mut taken = Vec::new();
        for _ in 0..UPLOADS_AT_ONCE {
            taken.push(slots.take(ada).await.unwrap());
        }
        let mut ninth = Box::pin(slots.take(ada));
        assert!(poll!(&mut ninth).is_pending());
        // No other account waits.
        for _ in 0..1000 {
            drop(slots.take(AccountId::new()).await.unwrap());
        }
        taken.pop();
        assert!(ninth.await.is_ok());
    }

    #[tokio::test]
    async fn an_account_without_uploads_takes_no_memory() {
        let slots = UploadSlots::new();
        let first = slots.take(AccountId::new()).await.unwrap();
        for _ in 0..100 {
            drop(slots.take(AccountId::new()).await.unwrap());
        }
        assert_eq!(slots.taken.lock().unwrap().len(), 2);
        drop(first);
    }
}
