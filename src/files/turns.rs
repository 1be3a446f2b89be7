//! Turns of uploads. Each takes memory, so an account has only so many at once, and so have all
//! together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::base::fault::Fault;
use crate::base::ids::AccountId;

const UPLOADS_AT_ONCE: usize = 8;
const UPLOADS_IN_ALL: usize = 256;
const TURN_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Turns {
    all: Arc<Semaphore>,
    /// Only of accounts of which something is coming in.
    taken: Arc<Mutex<HashMap<AccountId, Weak<Semaphore>>>>,
}

/// Ends when it is dropped.
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(UPLOADS_IN_ALL)),
            taken: Arc::default(),
        }
    }

    /// Waits for one.
    ///
    /// # Errors
    /// When none was free for half a minute.
    pub async fn take(&self, account: AccountId) -> Result<Turn, Fault> {
        let turn = async {
            Ok(Turn {
                _own: self.of(account).acquire_owned().await?,
                _of_all: self.all.clone().acquire_owned().await?,
            })
        };
        let turn = tokio::time::timeout(TURN_WITHIN, turn).await;
        let turn = turn.map_err(|late| Fault::away("a turn to upload", late))?;
        turn.map_err(|error: AcquireError| Fault::caused("a turn to upload", error))
    }

    fn of(&self, account: AccountId) -> Arc<Semaphore> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = taken.get(&account).and_then(Weak::upgrade) {
            return turns;
        }
        taken.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(UPLOADS_AT_ONCE));
        taken.insert(account, Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn an_account_waits_for_its_own_turns_and_for_nobody_elses() {
        let (turns, ada) = (Turns::new(), AccountId::new());
        let mut taken = Vec::new();
        for _ in 0..UPLOADS_AT_ONCE {
            taken.push(turns.take(ada).await.unwrap());
        }
        let mut ninth = Box::pin(turns.take(ada));
        assert!(poll!(&mut ninth).is_pending());
        // None of them waits, whatever its id is.
        for _ in 0..1000 {
            drop(turns.take(AccountId::new()).await.unwrap());
        }
        taken.pop();
        assert!(ninth.await.is_ok());
    }

    #[tokio::test]
    async fn who_has_no_turn_any_more_is_forgotten() {
        let turns = Turns::new();
        let first = turns.take(AccountId::new()).await.unwrap();
        for _ in 0..100 {
            drop(turns.take(AccountId::new()).await.unwrap());
        }
        assert_eq!(turns.taken.lock().unwrap().len(), 2);
        drop(first);
    }
}
