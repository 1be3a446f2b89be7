//! What a visitor asks for, and a job answers by mail.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::reset::RESET_MINUTES;
use super::store::Content;
use super::{MINUTE, PendingSignUp, Purpose, Recovery, binding, hash, issue, store};
use crate::accounts;
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, MailId};
use crate::base::input::Refusals;
use crate::base::names::{Email, Login};
use crate::limits::{Limited, Refused, Source};
use crate::mail::Letter;
use crate::storage::Tx;

/// Requests that are answered in one run of the job.
const AT_ONCE: i64 = 100;

/// A request of a visitor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    NewPassword {
        email: String,
    },
    SignUp(PendingSignUp),
    SignIn {
        email: String,
        /// The hash of the cookie of the browser that asks.
        browser: Vec<u8>,
    },
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// Too many from this source, or for this address.
    #[error("too many requests")]
    Limited(Limited),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Refused> for NotAsked {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Limited(limited) => Self::Limited(limited),
            Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Asked {
    /// # Errors
    /// What is wrong with the address.
    pub fn new_password(email: &str) -> Result<Self, Refusals> {
        let email = Email::parse(email).map_err(|why| Refusals::of("email", why))?;
        Ok(Self::NewPassword {
            email: email.as_str().to_owned(),
        })
    }

    /// `browser` is the cookie of the browser that asks.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn sign_in(email: &str, browser: &str) -> Result<Self, Refusals> {
        let email = Email::parse(email).map_err(|why| Refusals::of("email", why))?;
        Ok(Self::SignIn {
            email: email.as_str().to_owned(),
            browser: hash(browser),
        })
    }

    fn email(&self) -> &str {
        match self {
            Self::NewPassword { email } | Self::SignIn { email, .. } => email,
            Self::SignUp(pending) => &pending.email,
        }
    }
}

impl Recovery {
    /// Takes a request. It costs the same whether the address has an account or not.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub async fn ask(&self, asked: Asked, source: &Source) -> Result<(), NotAsked> {
        let email = parsed(asked.email())?;
        let taken = self.limits.take_mail(&email.key(), &source.address).await?;
        // What was taken is spent: the message costs its receiver something.
        drop(taken);
        let id = MailId::new();
        let sealed = self.postbox.seal(id.as_bytes(), &asked)?;
        let stored = self.db.write(move |tx| {
            let now = tx.now();
            store::insert_request(tx, id, &sealed, now)
        });
        Ok(stored.await?)
    }

    /// Answers the requests: each by one server, in one transaction with its answer.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn answer_requests(&self) -> Result<(), Fault> {
        let requests = self.db.read(|db| store::requests(db, AT_ONCE)).await?;
        for (id, sealed) in requests {
            let asked = self.postbox.open(id.as_bytes(), &sealed);
            let asked: Asked = match asked {
                Ok(asked) => asked,
                Err(fault) => {
                    tracing::error!(%fault, "a request for a message cannot be read");
                    self.db
                        .write(move |tx| store::delete_request(tx, id))
                        .await?;
                    continue;
                }
            };
            self.answer(id, asked).await?;
        }
        Ok(())
    }

    async fn answer(&self, id: MailId, asked: Asked) -> Result<(), Fault> {
        let email = parsed(asked.email())?;
        let login = Login::from(email.clone());
        let found = self
            .db
            .read(move |db| accounts::find_credentials(db, &login))
            .await?;
        // A stranger could use this site to send mail to people who do not know it.
        // Who mistypes at sign-up may try again.
        let may_write = match (&asked, found) {
            (Asked::SignUp(_), _) | (_, Some(_)) => true,
            (_, None) => self.limits.may_write_to_stranger(&email.key()).await?,
        };
        let this = self.clone();
        self.db
            .write(move |tx| {
                if store::delete_request(tx, id)? {
                    this.answer_in(tx, &asked, &email, may_write)?;
                }
                Ok(())
            })
            .await
    }

    fn answer_in(
        &self,
        tx: &mut Tx<'_>,
        asked: &Asked,
        email: &Email,
        may_write: bool,
    ) -> Result<(), Fault> {
        let found = accounts::find_credentials(tx, &Login::from(email.clone()))?;
        let sign_in = match asked {
            Asked::SignIn { browser, .. } => {
                Some(self.issue_sign_in(tx, email, browser, found.as_ref())?)
            }
            Asked::NewPassword { .. } | Asked::SignUp(_) => None,
        };
        if !may_write {
            return Ok(());
        }
        let now = tx.now();
        let id = found.as_ref().map(|found| found.account.id);
        // As the account has it: the spelling that was typed may be another mailbox.
        let to = found
            .as_ref()
            .and_then(|found| found.account.email.clone())
            .unwrap_or_else(|| email.as_str().to_owned());
        let letter = match (asked, found) {
            (Asked::NewPassword { .. } | Asked::SignIn { .. }, None) => Letter::NoAccount,
            (Asked::NewPassword { .. } | Asked::SignIn { .. }, Some(found))
                if !found.account.is_active() =>
            {
                Letter::AccountDisabled
            }
            (Asked::SignIn { .. }, Some(_)) => Letter::SignIn {
                token: sign_in.unwrap_or_default(),
            },
            (Asked::NewPassword { .. }, Some(found)) => {
                tx.record(Event::done(Action::AskForReset).about(found.account.id));
                Letter::ResetPassword {
                    token: self.issue_reset(tx, &found, &to)?,
                }
            }
            (Asked::SignUp(_), Some(_)) => Letter::HasAccount,
            (Asked::SignUp(pending), None) => Letter::ConfirmSignUp {
                token: self.issue_sign_up(tx, pending)?,
            },
        };
        self.postbox.post(tx, &to, id, &letter, now)
    }

    /// Sends the owner of an account a link to set a new password, as an administrator. `false` if
    /// the account has no address or is not active.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn send_reset(&self, id: AccountId) -> Result<bool, Fault> {
        let this = self.clone();
        self.db
            .write(move |tx| {
                let found = accounts::find_credentials_of(tx, id)?;
                let found = found.filter(|found| found.account.is_active());
                let to = found.as_ref().and_then(|found| found.account.email.clone());
                let (Some(found), Some(to)) = (found, to) else {
                    return Ok(false);
                };
                tx.record(Event::done(Action::AskForReset).about(id));
                let token = this.issue_reset(tx, &found, &to)?;
                let (letter, now) = (Letter::ResetPassword { token }, tx.now());
                this.postbox.post(tx, &to, Some(id), &letter, now)?;
                Ok(true)
            })
            .await
    }

    /// A link to set a new password, which is sent to the address `to`. It replaces the older ones.
    pub(super) fn issue_reset(
        &self,
        tx: &mut Tx<'_>,
        found: &accounts::Credentials,
        to: &str,
    ) -> Result<String, Fault> {
        let id = found.account.id;
        store::delete_of(tx, id, Purpose::ResetPassword)?;
        let content = Content {
            account: Some(id),
            email: Some(to.to_owned()),
            bound_to: Some(binding(found)),
            ..Content::default()
        };
        let ends_at = tx.now() + RESET_MINUTES * MINUTE;
        let token = issue(tx, Purpose::ResetPassword, ends_at, content)?;
        Ok(token.expose_secret().to_owned())
    }
}

/// The address of a request, which was parsed before.
fn parsed(email: &str) -> Result<Email, Fault> {
    Email::parse(email).map_err(|_| Fault::new("a request without an address"))
}
