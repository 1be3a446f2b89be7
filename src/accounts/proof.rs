//! Authentication of an account's owner, before a session or a link is made.

use super::{Account, AccountState, Accounts, Credentials, store};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::metrics::Counter;
use crate::base::names::{Login, Password, folded};
use crate::limits::{self, Limited, Source};
use crate::passwords::{Asker, Busy, PasswordHash, Verdict};
use crate::storage::AnyConnection;

/// The name of a password among the authentication methods (RFC 8176).
const PASSWORD: &str = "pwd";
/// What a link or a code by mail counts as (RFC 8176): it works once. There is no name for mail,
/// and `mca` would claim that a second channel confirmed a first proof.
const ONE_TIME_PASSWORD: &str = "otp";

/// A complete proof that an account belongs to the sender of a request. Only this module makes one;
/// sessions and links start from nothing else. It is valid until the password hash that was
/// verified is replaced: see [`super::confirm`].
#[derive(Clone, Debug)]
pub struct Proved {
    account: Account,
    hash: PasswordHash,
    amr: Vec<String>,
}

/// Why an account was not proved.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    /// One answer for every cause: it does not tell which accounts exist.
    #[error("the name and the password do not match")]
    Refused,
    /// Too many attempts, whatever the password.
    #[error("too many attempts")]
    Limited(Limited),
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The password is right, and the account needs one more proof.
    #[error("one more proof is needed")]
    Incomplete(Missing),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is needed besides the password. No account needs more yet; every caller of
/// [`Accounts::prove`] has to handle a kind of proof that is added here.
#[derive(Debug)]
pub enum Missing {}

/// Proofs by name and password, by result.
#[derive(Default)]
pub struct SignIns {
    accepted: Counter,
    refused: Counter,
    limited: Counter,
    busy: Counter,
    incomplete: Counter,
    fault: Counter,
}

impl Proved {
    pub(super) fn by_password(found: Credentials) -> Self {
        Self {
            account: found.account,
            hash: found.hash,
            amr: vec![PASSWORD.to_owned()],
        }
    }

    /// For the owner of a session, in the transaction that changes the account and ends that
    /// session. `amr` is what the session was started with.
    ///
    /// # Errors
    /// When the account does not exist any more.
    pub fn by_session(
        tx: &mut AnyConnection,
        id: AccountId,
        amr: &[String],
    ) -> Result<Self, Fault> {
        let found = store::find_credentials_of(tx, id)?;
        let found = found.ok_or_else(|| Fault::new("the account of a session is missing"))?;
        Ok(Self {
            amr: amr.to_vec(),
            ..Self::by_password(found)
        })
    }

    /// For the reader of a message to the account's address, whose one-time token was used up in
    /// the same transaction.
    pub fn by_mail(found: Credentials) -> Self {
        Self {
            amr: vec![ONE_TIME_PASSWORD.to_owned()],
            ..Self::by_password(found)
        }
    }

    /// The account at the time of the proof.
    pub fn account(&self) -> &Account {
        &self.account
    }

    pub fn into_account(self) -> Account {
        self.account
    }

    /// The methods that were used (RFC 8176).
    pub fn amr(&self) -> &[String] {
        &self.amr
    }

    /// Of the account's password at the time of the proof.
    pub fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    /// The same, if the password was given.
    pub fn password(&self) -> Option<&PasswordHash> {
        let is_given = self.amr.iter().any(|method| method == PASSWORD);
        is_given.then_some(&self.hash)
    }
}

impl Accounts {
    /// Proves an account by name and password. An unknown name takes the time that an account
    /// takes, for every kind of hash that the accounts have.
    pub async fn prove(
        &self,
        login: &str,
        password: &Password,
        source: &Source,
    ) -> Result<Proved, NotProved> {
        let proved = self.look_up_and_verify(login, password, source).await;
        let counter = match &proved {
            Ok(_) => &self.sign_ins.accepted,
            Err(NotProved::Refused) => &self.sign_ins.refused,
            Err(NotProved::Limited(_)) => &self.sign_ins.limited,
            Err(NotProved::Busy(_)) => &self.sign_ins.busy,
            Err(NotProved::Incomplete(_)) => &self.sign_ins.incomplete,
            Err(NotProved::Fault(_)) => &self.sign_ins.fault,
        };
        counter.count();
        proved
    }

    /// How many sign-ins there were, by result.
    pub fn sign_ins(&self) -> [(&'static str, u64); 6] {
        let counted = &self.sign_ins;
        [
            ("accepted", counted.accepted.get()),
            ("refused", counted.refused.get()),
            ("limited", counted.limited.get()),
            ("busy", counted.busy.get()),
            ("incomplete", counted.incomplete.get()),
            ("fault", counted.fault.get()),
        ]
    }

    async fn look_up_and_verify(
        &self,
        login: &str,
        password: &Password,
        source: &Source,
    ) -> Result<Proved, NotProved> {
        let parsed = Login::parse(login);
        let key = parsed.as_ref().map_or_else(|| folded(login), Login::key);
        self.limits.admit(&key, source)?;
        let reserve = || self.passwords.reserve_place(&source.block());
        // The owner's browser has a place of its own.
        let may_be_known = self.limits.devices().is_ours(source.device.as_deref());
        let mut place = (!may_be_known).then(reserve).transpose()?;
        let stand_in = self.passwords.stand_in(&key);
        let found = match parsed {
            Some(login) => self.find_credentials(login).await?,
            None => None,
        };
        let known = found.as_ref().map(|found| (found.account.id, &found.hash));
        if may_be_known && !self.limits.is_known(known, source) {
            place = Some(reserve()?);
        }
        let (taken, asker) = self.limits.take_sign_in(&key, known, source).await?;
        let stored = found.as_ref().map_or(stand_in, |found| found.hash.clone());
        drop(place);
        let verdict = self.passwords.verify(password, Some(stored), &asker).await;
        let known = found.as_ref().map(|found| found.account.id);
        let found = found.filter(|found| found.account.state == AccountState::Active);
        let (verdict, mut found) = match (verdict, found) {
            (Ok(verdict @ (Verdict::Right | Verdict::RightButOld)), Some(found)) => {
                self.limits.give_back(taken).await?;
                (verdict, found)
            }
            (Ok(verdict), _) => {
                let cause = match (known, &verdict) {
                    (None, _) => "unknown name",
                    (Some(_), Verdict::Wrong) => "wrong password",
                    (Some(_), _) => "disabled account",
                };
                let refused = Event::refused(Action::SignIn).with("cause", cause);
                let refused = match known {
                    Some(id) => refused.about(id),
                    None => refused.by_unknown_name(key),
                };
                self.db.record(refused).await?;
                return Err(NotProved::Refused);
            }
            // No password was verified.
            (Err(busy), _) => {
                self.limits.give_back(taken).await?;
                return Err(busy.into());
            }
        };
        if verdict == Verdict::RightButOld {
            found = self.hash_again(found, password, &asker).await?;
        }
        Ok(Proved::by_password(found))
    }

    /// Proves an account again by its password, for a signed-in owner.
    pub async fn prove_again(
        &self,
        id: AccountId,
        password: &Password,
        wanted: Action,
    ) -> Result<Proved, NotProved> {
        let taken = self.limits.take_confirmation(id).await?;
        let found = self.find_credentials_of(id).await?;
        let checked = self.check(found, password, &Asker::Known).await;
        if let Err(NotProved::Refused) = checked {
            let refused = Event::refused(wanted).about(id);
            self.db
                .record(refused.with("cause", "wrong password"))
                .await?;
        } else {
            self.limits.give_back(taken).await?;
        }
        checked.map(Proved::by_password)
    }

    /// The credentials, if the password is right. Without credentials it takes the same time.
    pub async fn check(
        &self,
        found: Option<Credentials>,
        password: &Password,
        asker: &Asker,
    ) -> Result<Credentials, NotProved> {
        let hash = found.as_ref().map(|found| found.hash.clone());
        match (self.passwords.verify(password, hash, asker).await?, found) {
            (Verdict::Right | Verdict::RightButOld, Some(found)) => Ok(found),
            _ => Err(NotProved::Refused),
        }
    }

    /// Replaces the hash of a verified password by one of the current scheme and cost.
    async fn hash_again(
        &self,
        found: Credentials,
        password: &Password,
        asker: &Asker,
    ) -> Result<Credentials, NotProved> {
        // A busy server still accepts a password that was verified.
        let Ok(Ok(hash)) = self.passwords.hash(password, asker).await else {
            return Ok(found);
        };
        let (id, old, new) = (found.account.id, found.hash, hash.clone());
        let replaced = self
            .db
            .write(move |tx| store::replace_hash(tx, id, &old, &new));
        if replaced.await? {
            return Ok(Credentials { hash, ..found });
        }
        // A concurrent sign-in was faster, or the password has changed.
        let found = self.find_credentials_of(id).await?;
        self.check(found, password, asker).await
    }
}

impl From<Limited> for NotProved {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited)
    }
}

impl From<limits::Refused> for NotProved {
    fn from(refused: limits::Refused) -> Self {
        match refused {
            limits::Refused::Limited(limited) => limited.into(),
            limits::Refused::Fault(fault) => fault.into(),
        }
    }
}
