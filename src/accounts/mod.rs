//! Accounts.
//!
//! Usernames and addresses are unique without regard to case. Nothing here checks before it
//! inserts: a unique index decides which of two inserts is first, and a query afterwards tells
//! which name was taken.

mod input;
mod proof;
mod search;
mod store;

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::access::Role;
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::input::Refusals;
use crate::base::names::{
    Email, Groups, Login, NewPassword, Password, PersonName, ReservedNames, Username,
};
use crate::base::paging::page;
use crate::base::random;
use crate::base::version::Version;
use crate::config::SignupConfig;
use crate::limits::{self, Limited, Limits, Source};
use crate::passwords::{Asker, Busy, Figures, HashError, PasswordHash, Passwords, Verdict};
use crate::storage::{Db, SearchError, Tx};
pub use input::{Names, SentChanges, SentNames, UNKNOWN_ROLE, parse_password};
use proof::SignIns;
pub use proof::{Missing, NotProved, Proved};
use search::cursor;
pub use search::{Cursor, Search};
pub use store::{
    Holder, OldKey, confirm, count_password_kinds, delete, find, find_conflict, find_credentials,
    find_credentials_of, find_holders, forget, has_administrator, import, list_old_keys, lock,
    lock_active, renew_keys, set_password, update, verify_email,
};

/// Rows in one transaction: other writers wait for it.
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
    pub state: AccountState,
    /// When the owner showed that they receive mail at the address; `None` if they did not.
    pub email_verified_at: Option<UnixSeconds>,
    pub version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    Active,
    /// Signing in to it is refused.
    Disabled,
}

impl AccountState {
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
    /// The name to greet the owner by: the name, else the username, else the address.
    pub fn greeting(&self) -> &str {
        [&self.name, &self.username, &self.email]
            .into_iter()
            .find_map(|name| name.as_deref())
            .unwrap_or("you")
    }

    /// The name that the owner signs in with.
    pub fn login(&self) -> &str {
        let login = self.username.as_deref().or(self.email.as_deref());
        login.unwrap_or_default()
    }

    pub fn is_active(&self) -> bool {
        self.state == AccountState::Active
    }
}

/// An account to be created.
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
    /// As in [`Account`].
    pub email_verified_at: Option<UnixSeconds>,
}

/// A name that another account has. Only one is reported, so that a request with one name that is
/// known to be taken cannot test another for free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Username,
    Email,
}

impl Conflict {
    /// The name of the field.
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
    /// Such as a username that only an administrator can assign, or a weak password.
    #[error(transparent)]
    Input(Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Too many sign-ups from this source, or in all.
    #[error("too many sign-ups")]
    Limited(Limited),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Changes to an account; `None` keeps a value, and an inner `None` removes it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub username: Option<Option<Username>>,
    pub email: Option<Option<Email>>,
    pub name: Option<Option<PersonName>>,
    pub role: Option<Role>,
    pub groups: Option<Groups>,
    pub state: Option<AccountState>,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there is no such account")]
    NoSuchAccount,
    /// Changed since it was read.
    #[error("the account has changed meanwhile")]
    Stale,
    #[error("this {} is taken", .0.field())]
    Taken(Conflict),
    /// Such as a username that only an administrator can assign, or no name to sign in with.
    #[error(transparent)]
    Input(Refusals),
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Too many new names for one account.
    #[error("too many changes of names")]
    Limited(Limited),
    /// Without an administrator, accounts cannot be managed.
    #[error("this is the last administrator: make another account an administrator first")]
    LastAdministrator,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// An account with its password hash.
pub struct Credentials {
    pub account: Account,
    pub hash: PasswordHash,
}

#[derive(Clone)]
pub struct Accounts {
    db: Db,
    clock: Clock,
    passwords: Passwords,
    limits: Limits,
    reserved: Arc<ReservedNames>,
    /// As in the settings.
    domains: Arc<[String]>,
    sign_ins: Arc<SignIns>,
}

impl Accounts {
    pub fn new(
        db: Db,
        clock: Clock,
        passwords: Passwords,
        limits: Limits,
        signup: &SignupConfig,
    ) -> Self {
        Self {
            db,
            clock,
            passwords,
            limits,
            reserved: Arc::new(signup.reserved_names.clone()),
            domains: signup.domains.clone().into(),
            sign_ins: Arc::default(),
        }
    }

    /// How many passwords wait to be hashed, and how many can: by lane.
    pub fn password_queues(&self) -> [(&'static str, usize, usize); 2] {
        self.passwords.queues()
    }

    pub fn password_figures(&self) -> &Figures {
        self.passwords.figures()
    }

    /// Creates an account by sign-up. Of two concurrent calls with one name, exactly one succeeds.
    pub async fn sign_up(&self, new: NewAccount, source: &Source) -> Result<Proved, SignUpError> {
        let prepared = self.prepare_open_sign_up(new, source).await?;
        self.add(prepared, |_| Ok(Role::Member), |_, _| Ok(()))
            .await
    }

    /// As [`Accounts::prepare_sign_up`], for a sign-up that is open to everyone with an address of an
    /// allowed domain.
    ///
    /// # Errors
    /// As [`Accounts::prepare_sign_up`].
    pub async fn prepare_open_sign_up(
        &self,
        new: NewAccount,
        source: &Source,
    ) -> Result<Prepared, SignUpError> {
        self.check_domain(new.names.email.as_ref())?;
        self.prepare_sign_up(new, source).await
    }

    /// As [`Accounts::prepare`], for a sign-up: its source has a budget, and reserved names are
    /// refused.
    ///
    /// # Errors
    /// [`SignUpError::Input`], [`SignUpError::Limited`], or when too many passwords are waiting to
    /// be hashed.
    pub async fn prepare_sign_up(
        &self,
        new: NewAccount,
        source: &Source,
    ) -> Result<Prepared, SignUpError> {
        if let Some(username) = &new.names.username {
            self.check_reserved(username)?;
        }
        let place = self.passwords.reserve_place(&source.block())?;
        let taken = self.limits.take_sign_up(&source.address).await?;
        drop(place);
        let prepared = self.prepare_as(new, &source.stranger()).await;
        // The sender learnt nothing: the password is weak, or the queue for hashing is full.
        if let Err(SignUpError::Input(_) | SignUpError::Busy(_)) = prepared {
            self.limits.give_back(taken).await?;
        }
        prepared
    }

    /// Creates an account as an administrator, who may assign any name.
    pub async fn make(&self, new: NewAccount, role: Role) -> Result<Account, SignUpError> {
        let prepared = self.prepare(new).await?;
        let made = self.add(prepared, move |_| Ok(role), |_, _| Ok(()));
        made.await.map(Proved::into_account)
    }

    /// Checks a change of the sender's own account, if the sender is not an administrator. A new
    /// username or address costs as much time as a sign-up, whatever the result: otherwise this
    /// would be a cheap way to find out which accounts exist. It takes a unit of a budget as well.
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
        if email.is_some() {
            self.check_domain(email).map_err(Refused::Input)?;
        }
        if username.is_some() || email.is_some() {
            let taken = self.limits.take_rename(id).await?;
            if let Err(busy) = self.passwords.spend().await {
                self.limits.give_back(taken).await?;
                return Err(busy.into());
            }
        }
        Ok(())
    }

    /// # Errors
    /// When the settings list domains, and the address has none of them.
    pub fn check_domain(&self, email: Option<&Email>) -> Result<(), Refusals> {
        let is_listed = |email: &Email| self.domains.iter().any(|domain| domain == email.domain());
        if self.domains.is_empty() || email.is_some_and(is_listed) {
            return Ok(());
        }
        let listed = self.domains.join(" or @");
        let why = format!("Use an email address that ends in @{listed}");
        Err(Refusals::of("email", why))
    }

    /// # Errors
    /// For a username that only an administrator can assign.
    pub fn check_reserved(&self, username: &Username) -> Result<(), Refusals> {
        let checked = self.reserved.check(username);
        checked.map_err(|why| Refusals::of("username", why))
    }

    /// Hashes the password: the slow part, outside of any transaction.
    ///
    /// # Errors
    /// As [`Accounts::prepare_sign_up`].
    pub async fn prepare(&self, new: NewAccount) -> Result<Prepared, SignUpError> {
        self.prepare_as(new, &Asker::Known).await
    }

    /// An account with a hash that was made before, and a verified address.
    pub fn prepare_verified(&self, names: Names, hash: PasswordHash) -> Prepared {
        let now = self.clock.now();
        Prepared {
            names,
            hash,
            created_at: now,
            email_verified_at: Some(now),
        }
    }

    async fn prepare_as(&self, new: NewAccount, asker: &Asker) -> Result<Prepared, SignUpError> {
        let personal = new.names.personal();
        let hash = self
            .passwords
            .hash_strong(&new.password, personal, asker)
            .await?;
        Ok(Prepared {
            names: new.names,
            hash,
            created_at: self.clock.now(),
            email_verified_at: None,
        })
    }

    /// Inserts it in one transaction with `before`, which returns its role or refuses, and with
    /// `after`, which needs the account to exist.
    ///
    /// # Errors
    /// [`SignUpError::Taken`], or what `before` or `after` returns.
    pub async fn add<E>(
        &self,
        prepared: Prepared,
        before: impl FnOnce(&mut Tx<'_>) -> Result<Role, E> + Send + 'static,
        after: impl FnOnce(&mut Tx<'_>, &Account) -> Result<(), E> + Send + 'static,
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
                let account = store::insert(tx, id, &prepared, role, AccountState::Active)?;
                after(tx, &account).map_err(NotAdded::Refused)?;
                tx.record(
                    Event::done(Action::SignUp)
                        .about(id)
                        .with("role", role.as_str()),
                );
                let hash = prepared.hash;
                Ok(Proved::by_password(Credentials { account, hash }))
            })
            .await;
        match added {
            Ok(made) => Ok(made),
            Err(NotAdded::Refused(error)) => Err(error),
            Err(NotAdded::Fault(fault)) => Err(SignUpError::Fault(fault).into()),
            // Queried in a separate transaction: the failed insert has ended the first one.
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

    /// Whether a hash that no account has yet is that of this password.
    ///
    /// # Errors
    /// When too many passwords are waiting to be hashed.
    pub async fn matches(
        &self,
        hash: &PasswordHash,
        password: &Password,
        source: &Source,
    ) -> Result<bool, Busy> {
        let (hash, asker) = (Some(hash.clone()), source.stranger());
        let verdict = self.passwords.verify(password, hash, &asker).await?;
        Ok(verdict != Verdict::Wrong)
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

    /// Hashes a new password of an existing account.
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
        self.passwords
            .hash_strong(password, personal, &Asker::Known)
            .await
    }

    /// The hash of a password that nobody knows, for an account whose owner has to set a new one.
    pub async fn prepare_unusable(&self) -> Result<PasswordHash, SignUpError> {
        let unknown = random::token();
        let unknown = Password::typed(unknown.expose_secret());
        Ok(self.passwords.hash(&unknown, &Asker::Known).await??)
    }

    pub async fn find(&self, id: AccountId) -> Result<Option<Account>, Fault> {
        self.db.read(move |db| store::find(db, id)).await
    }

    /// Those of these accounts that exist.
    pub async fn find_all(&self, ids: Vec<AccountId>) -> Result<Vec<Account>, Fault> {
        self.db.read(move |db| store::find_all(db, &ids)).await
    }

    /// The accounts that match a search, oldest first, and the cursor of the next page.
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
        self.db.read(|db| store::has_administrator(db)).await
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
        let counted = self.db.read(|db| store::count_password_kinds(db));
        let (kinds, without) = counted.await?;
        self.passwords.set_mix(kinds);
        Ok(without)
    }

    async fn add_password_kinds(&self) -> Result<(), Fault> {
        let add = |tx: &mut Tx<'_>| store::add_password_kinds(tx, KINDS_AT_ONCE);
        while self.db.write(add).await? > 0 {}
        Ok(())
    }
}

/// Records what differs between an account before and after a change: names without their values,
/// because events outlive the account.
pub fn record_changes(tx: &mut Tx<'_>, before: &Account, after: &Account) {
    let state = match after.state {
        AccountState::Active => Action::EnableAccount,
        AccountState::Disabled => Action::DisableAccount,
    };
    let changed = |is_changed: bool, action| is_changed.then(|| Event::done(action));
    let role = changed(before.role != after.role, Action::ChangeRole).map(|event| {
        event
            .with("from", before.role.as_str())
            .with("to", after.role.as_str())
    });
    let groups = changed(before.groups != after.groups, Action::ChangeGroups).map(|event| {
        event
            .with("from", before.groups.to_text())
            .with("to", after.groups.to_text())
    });
    let events = [
        changed(before.username != after.username, Action::ChangeUsername),
        changed(before.email != after.email, Action::ChangeEmail),
        changed(before.name != after.name, Action::ChangeName),
        role,
        groups,
        changed(before.state != after.state, state),
    ];
    for event in events.into_iter().flatten() {
        tx.record(event.about(after.id));
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

impl From<limits::Refused> for Refused {
    fn from(refused: limits::Refused) -> Self {
        match refused {
            limits::Refused::Limited(limited) => Self::Limited(limited),
            limits::Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<limits::Refused> for SignUpError {
    fn from(refused: limits::Refused) -> Self {
        match refused {
            limits::Refused::Limited(limited) => Self::Limited(limited),
            limits::Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}
