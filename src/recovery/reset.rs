//! A forgotten password: a link sets a new one.

use super::{Purpose, Recovery, hash, owner, store};
use crate::accounts;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::input::Refusals;
use crate::base::names::NewPassword;
use crate::passwords::{Busy, HashError};
use crate::sessions::{self, Sessions};

pub const RESET_MINUTES: i64 = 60;

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Used up, replaced, revoked, expired or invalid.
    #[error("the link has ended")]
    Ended,
    /// The password is easy to guess or breached.
    #[error(transparent)]
    Input(Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<HashError> for ResetError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Weak | HashError::Breached => {
                Self::Input(Refusals::of("password", error.to_string()))
            }
            HashError::Busy(busy) => Self::Busy(busy),
            HashError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Recovery {
    /// Sets a new password by a link, which is used up. Ends every session of the account and every
    /// link to it. The address is verified, if the link was sent there: its owner has read it.
    ///
    /// # Errors
    /// [`ResetError`]; then the link is not used up.
    pub async fn reset_password(
        &self,
        sessions: &Sessions,
        token: &str,
        new: NewPassword,
    ) -> Result<(), ResetError> {
        let account = self.find_account(Purpose::ResetPassword, token).await?;
        let account = account.ok_or(ResetError::Ended)?;
        let new = self.accounts.prepare_password(&account, &new).await?;
        let hash = hash(token);
        let ended = self.db.write_on_full_disk(move |tx| {
            // Of the account first: two concurrent uses must not wait for each other's row.
            let locked = accounts::lock_active(tx, account.id)?;
            let now = tx.now();
            let used = store::use_up(tx, &hash, Purpose::ResetPassword, now)?;
            let content = used.filter(|_| locked.is_some()).map(|used| used.content);
            let content = content.ok_or(ResetError::Ended)?;
            let owner = owner(tx, &content)?.ok_or(ResetError::Ended)?;
            tx.record(
                Event::done(Action::ChangePassword)
                    .about(account.id)
                    .with("by", "reset link"),
            );
            if owner.account.email == content.email {
                accounts::verify_email(tx, account.id, now)?;
            }
            Ok::<_, ResetError>(sessions::set_password(tx, account.id, &new)?)
        });
        sessions.announce(ended.await?);
        Ok(())
    }
}
