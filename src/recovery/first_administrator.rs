//! The link of the console, which makes the first administrator.

use secrecy::SecretString;

use super::{HOUR, LinkError, Purpose, Recovery, hash, issue, store};
use crate::access::Role;
use crate::accounts::{self, Changes, NewAccount, Proved, Refused};
use crate::base::fault::Fault;
use crate::base::version::ExpectedVersion;
use crate::sessions::{EndReason, Identity, Sessions};
use crate::storage::{self, Tx};

/// The link that makes the first administrator, printed at the start.
const LINK_SECONDS: i64 = 24 * HOUR;

impl Recovery {
    /// A token that makes its user the administrator; `None` if an administrator exists.
    pub async fn first_administrator(&self) -> Result<Option<SecretString>, Fault> {
        if self.accounts.has_administrator().await? {
            return Ok(None);
        }
        let issued = self.db.write(|tx| {
            let ends_at = tx.now() + LINK_SECONDS;
            issue(tx, Purpose::FirstAdministrator, ends_at, Default::default())
        });
        issued.await.map(Some)
    }

    /// Uses the link up for a new account, which becomes the administrator.
    ///
    /// # Errors
    /// [`LinkError`]; then the link is not used up.
    pub async fn sign_up_first_administrator(
        &self,
        token: &str,
        new: NewAccount,
    ) -> Result<Proved, LinkError> {
        let prepared = self.accounts.prepare(new).await?;
        let hash = hash(token);
        self.accounts
            .add(prepared, move |tx| use_up(tx, &hash), |_, _| Ok(()))
            .await
    }

    /// Uses the link up for an existing account.
    pub async fn make_first_administrator(
        &self,
        sessions: &Sessions,
        token: &str,
        identity: &Identity,
    ) -> Result<Proved, LinkError> {
        let (id, amr) = (identity.account, identity.claims.amr.clone());
        let hash = hash(token);
        // The tokens of its sessions have the old role.
        sessions
            .revoke(id, None, EndReason::Account, move |tx| {
                let changes = Changes {
                    role: Some(use_up(tx, &hash)?),
                    ..Changes::default()
                };
                let now = tx.now();
                match accounts::update(tx, id, &changes, &ExpectedVersion::Any, now) {
                    Ok((before, after)) => {
                        accounts::record_changes(tx, &before, &after);
                        Ok(Proved::by_session(tx, id, &amr)?)
                    }
                    Err(Refused::Fault(fault)) => Err(fault.into()),
                    Err(_) => Err(LinkError::Ended),
                }
            })
            .await
    }
}

/// Fails if an administrator was made since the link was printed.
fn use_up(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Role, LinkError> {
    // Otherwise two concurrent uses of links would wait for each other's row.
    storage::one_at_a_time(tx)?;
    let now = tx.now();
    if store::use_up(tx, hash, Purpose::FirstAdministrator, now)?.is_some()
        && !accounts::has_administrator(tx)?
    {
        // Each server has printed one at its start.
        store::delete_all(tx, Purpose::FirstAdministrator)?;
        Ok(Role::Administrator)
    } else {
        Err(LinkError::Ended)
    }
}
