//! Accounts: who there is.
//!
//! A username and an address are each unique without regard to case. Nothing here checks first
//! and inserts then: the database decides who came first, and is asked afterwards which name
//! it was.

mod input;
mod proof;
mod store;

use std::sync::Arc;

use crate::access::Role;
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::input::Refusals;
use crate::base::names::{Email, Groups, Login, NewPassword, PersonName, ReservedNames, Username};
use crate::base::paging::{self, page};
use crate::base::version::Version;
use crate::passwords::{Busy, HashError, PasswordHash, Passwords};
use crate::storage::{AnyConnection, Db, SearchError};
pub use input::{Names, SentChanges, SentNames, UNKNOWN_ROLE, parse_password};
pub use proof::{Missing, NotProved, Proved};
pub use store::{
    Holder, OldKey, confirm, count_password_kinds, delete, find, find_conflict, find_credentials,
    find_holders, forget, has_administrator, import, list_old_keys, lock, lock_active, renew_keys,
    set_password, update,
};

/// In one transaction, others wait for which.
const KINDS_AT_ONCE: i64 = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub username: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Role,
    pub groups: Groups,
    pub created_at: UnixSeconds,
    pub state: State,
    pub version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    /// Nobody can sign in to it.
    Disabled,
}

impl State {
    pub const ALL: [Self; 2] = [Self::Active, Self::Disabled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Account {
    /// What to call them: the name, else the username, else the address.
    pub fn greeting(&self) -> &str {
        [&self.name, &self.username, &self.email]
            .into_iter()
            .find_map(|name| name.as_deref())
            .unwrap_or("you")
    }
}

/// Somebody who would like an account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub names: Names,
    pub password: NewPassword,
}

/// A new account whose password has been hashed: ready for a transaction.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub names: Names,
    pub hash: PasswordHash,
    pub created_at: UnixSeconds,
}

/// A name that is somebody's already. One is told at a time, so that nobody can try many names
/// beside one of which they know that it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Username,
    Email,
}

impl Conflict {
    /// As the field is called.
    pub fn field(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    #[error("this {} is taken", .0.field())]
    Taken(Conflict),
    /// Such as a username that only an administrator gives away, or a weak password.
    #[error(transparent)]
    Input(Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is to be another way; `None` leaves it as it is, and an inner `None` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub username: Option<Option<Username>>,
    pub email: Option<Option<Email>>,
    pub name: Option<Option<PersonName>>,
    pub role: Option<Role>,
    pub groups: Option<Groups>,
    pub state: Option<State>,
}

/// Which accounts are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// A part of a username or an address, without regard to case.
    pub text: String,
    pub role: Option<Role>,
    pub state: Option<State>,
    pub group: Option<String>,
}

/// The accounts behind this one, when they are listed from the oldest.
pub type Cursor = paging::Cursor<UnixSeconds, AccountId>;

fn cursor(account: &Account) -> Cursor {
    Cursor {
        value: account.created_at,
        id: account.id,
    }
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there is no such account")]
    NoSuchAccount,
    /// Changed since it was looked at.
    #[error("the account has changed meanwhile")]
    Stale,
    #[error("this {} is taken", .0.field())]
    Taken(Conflict),
    /// Such as a username that only an administrator gives away, or no name to sign in with.
    #[error(transparent)]
    Input(Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Nobody could manage the others any more.
    #[error("this is the last administrator: make another account an administrator first")]
    LastAdministrator,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// An account with what its password is checked against.
pub struct Credentials {
    pub account: Account,
    pub hash: PasswordHash,
}

#[derive(Clone)]
pub struct Accounts {
    db: Db,
    clock: Clock,
    passwords: Passwords,
    reserved: Arc<ReservedNames>,
}

impl Accounts {
    pub fn new(db: Db, clock: Clock, passwords: Passwords, reserved: ReservedNames) -> Self {
        Self {
            db,
            clock,
            passwords,
            reserved: Arc::new(reserved),
        }
    }

    /// Makes an account for somebody who signs up.
    ///
    /// # Errors
    /// [`SignUpError`]; when two race for a name, exactly one of them gets it.
    pub async fn sign_up(&self, new: NewAccount) -> Result<Proved, SignUpError> {
        let prepared = self.prepare_sign_up(new).await?;
        self.add(prepared, |_| Ok(Role::Member), |_, _| Ok(()))
            .await
    }

    /// As [`Accounts::prepare`], for somebody who signs up.
    ///
    /// # Errors
    /// [`SignUpError::Input`], or when too many passwords are waiting to be hashed.
    pub async fn prepare_sign_up(&self, new: NewAccount) -> Result<Prepared, SignUpError> {
        if let Some(username) = &new.names.username {
            self.check_reserved(username)?;
        }
        self.prepare(new).await
    }

    /// Makes an account for somebody else, as an administrator may: with any name.
    ///
    /// # Errors
    /// As [`Accounts::sign_up`].
    pub async fn make(&self, new: NewAccount, role: Role) -> Result<Account, SignUpError> {
        let prepared = self.prepare(new).await?;
        let made = self.add(prepared, move |_| Ok(role), |_, _| Ok(()));
        made.await.map(Proved::into_account)
    }

    /// Before a change that somebody who is no administrator makes to an account of their own.
    /// Another username or address costs what signing up with it costs, whatever comes of it:
    /// otherwise this would be the cheap way to find out who has an account.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn admit_own(&self, id: AccountId, changes: &Changes) -> Result<(), Refused> {
        let account = self.find(id).await?.ok_or(Refused::NoSuchAccount)?;
        let username = changes.username.as_ref().and_then(Option::as_ref);
        let email = changes.email.as_ref().and_then(Option::as_ref);
        let username = username.filter(|new| Some(new.as_str()) != account.username.as_deref());
        let email = email.filter(|new| Some(new.as_str()) != account.email.as_deref());
        if let Some(username) = username {
            let old = account.username.and_then(|old| Username::parse(&old).ok());
            if old.map(|old| old.key()) != Some(username.key()) {
                self.check_reserved(username).map_err(Refused::Input)?;
            }
        }
        if username.is_some() || email.is_some() {
            self.passwords.spend().await?;
        }
        Ok(())
    }

    fn check_reserved(&self, username: &Username) -> Result<(), Refusals> {
        let checked = self.reserved.check(username);
        checked.map_err(|why| Refusals::of("username", why))
    }

    /// Hashes the password: the slow part, outside of any transaction.
    ///
    /// # Errors
    /// As [`Accounts::prepare_sign_up`].
    pub async fn prepare(&self, new: NewAccount) -> Result<Prepared, SignUpError> {
        let personal = new.names.personal();
        let hash = self.passwords.hash_strong(&new.password, personal).await?;
        Ok(Prepared {
            names: new.names,
            hash,
            created_at: self.clock.now(),
        })
    }

    /// Inserts it in one transaction with `before`, which says its role or refuses, and with
    /// `after`, which needs the account to be there.
    ///
    /// # Errors
    /// [`SignUpError::Taken`], or what `before` or `after` returns.
    pub async fn add<E>(
        &self,
        prepared: Prepared,
        before: impl FnOnce(&mut AnyConnection) -> Result<Role, E> + Send + 'static,
        after: impl FnOnce(&mut AnyConnection, &Account) -> Result<(), E> + Send + 'static,
    ) -> Result<Proved, E>
    where
        E: From<SignUpError> + Send + 'static,
    {
        let Names {
            username, email, ..
        } = prepared.names.clone();
        let added = self
            .db
            .write(move |tx| {
                let role = before(tx).map_err(NotAdded::Refused)?;
                let id = AccountId::new();
                let account = store::insert(tx, id, &prepared, role, State::Active)?;
                after(tx, &account).map_err(NotAdded::Refused)?;
                let hash = prepared.hash;
                Ok(Proved::by_password(Credentials { account, hash }))
            })
            .await;
        match added {
            Ok(made) => Ok(made),
            Err(NotAdded::Refused(error)) => Err(error),
            Err(NotAdded::Fault(fault)) => Err(SignUpError::Fault(fault).into()),
            // Asked in a transaction of its own: the failed insert has ended the first one.
            Err(NotAdded::Taken) => {
                let conflict = self.db.read(move |db| {
                    store::find_conflict(db, username.as_ref(), email.as_ref(), None)
                });
                let taken = conflict.await.map(SignUpError::Taken);
                Err(taken.unwrap_or_else(SignUpError::Fault).into())
            }
        }
    }

    /// The account with this username or email address, as a person types it.
    pub async fn find_by_login(&self, login: &str) -> Result<Option<Account>, Fault> {
        let found = match Login::parse(login) {
            Some(login) => self.find_credentials(login).await?,
            None => None,
        };
        Ok(found.map(|found| found.account))
    }

    async fn find_credentials(&self, login: Login) -> Result<Option<Credentials>, Fault> {
        self.db
            .read(move |db| store::find_credentials(db, &login))
            .await
    }

    async fn find_credentials_of(&self, id: AccountId) -> Result<Option<Credentials>, Fault> {
        self.db
            .read(move |db| store::find_credentials_of(db, id))
            .await
    }

    /// Hashes a password that takes the place of another.
    ///
    /// # Errors
    /// As [`Accounts::prepare`].
    pub async fn prepare_password(
        &self,
        account: &Account,
        password: &NewPassword,
    ) -> Result<PasswordHash, HashError> {
        let email = account.email.as_deref();
        let names = Names {
            email: email.and_then(|text| Email::parse(text).ok()),
            ..Names::default()
        };
        let mut personal = names.personal();
        let names = [&account.username, &account.email, &account.name];
        personal.extend(names.into_iter().flatten().cloned());
        self.passwords.hash_strong(password, personal).await
    }

    pub async fn find(&self, id: AccountId) -> Result<Option<Account>, Fault> {
        self.db.read(move |db| store::find(db, id)).await
    }

    /// The accounts that are searched for, the oldest first, and where the next page begins.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(
        &self,
        search: Search,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Account>, Option<Cursor>), SearchError> {
        if search == Search::default() {
            return Ok(self.list(search, after, limit).await?);
        }
        let found = self
            .db
            .search(move |db| store::search(db, &search, after.as_ref(), limit + 1))
            .await?;
        Ok(page(found, limit, cursor))
    }

    /// As [`Accounts::search`], without its time limit.
    pub async fn list(
        &self,
        search: Search,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Account>, Option<Cursor>), Fault> {
        let found = self
            .db
            .read(move |db| store::search(db, &search, after.as_ref(), limit + 1))
            .await?;
        Ok(page(found, limit, cursor))
    }

    pub async fn has_administrator(&self) -> Result<bool, Fault> {
        self.db.read(store::has_administrator).await
    }

    /// Tells the hashing which kinds of hashes the accounts have, so that an unknown name takes the
    /// time of an account; and adds the kinds of hashes that an earlier version stored without.
    pub async fn follow_password_kinds(&self) -> Result<(), Fault> {
        if self.count_password_kinds().await? > 0 {
            self.add_password_kinds().await?;
            self.count_password_kinds().await?;
        }
        Ok(())
    }

    /// Returns how many hashes have no kind yet.
    pub async fn count_password_kinds(&self) -> Result<u64, Fault> {
        let (kinds, without) = self.db.read(store::count_password_kinds).await?;
        self.passwords.set_mix(kinds);
        Ok(without)
    }

    async fn add_password_kinds(&self) -> Result<(), Fault> {
        let add = |tx: &mut AnyConnection| store::add_password_kinds(tx, KINDS_AT_ONCE);
        while self.db.write(add).await? > 0 {}
        Ok(())
    }
}

/// Why the transaction of [`Accounts::add`] was rolled back.
enum NotAdded<E> {
    Refused(E),
    Taken,
    Fault(Fault),
}

impl<E> From<Fault> for NotAdded<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
