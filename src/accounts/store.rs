//! The table of accounts.

use std::convert::Infallible;

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::input::NAMELESS;
use super::search::{INDEX, terms};
use super::{
    Account, AccountState, Changes, Conflict, Credentials, Cursor, NotAdded, Prepared, Proved,
    Refused, Search,
};
use crate::access::Role;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::input::Refusals;
use crate::base::names::{Email, Groups, Login, PersonName, Username, caseless, folded};
use crate::base::version::ExpectedVersion;
use crate::passwords::{Kind, PasswordHash};
use crate::storage::schema::accounts;
use crate::storage::{self, AnyConnection, Backend, containing, is_taken};

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
struct Row {
    id: String,
    username: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: String,
    created_at: i64,
    disabled_at: Option<i64>,
    groups: String,
    version: i64,
    email_verified_at: Option<i64>,
}

impl Row {
    fn account(self) -> Result<Account, Fault> {
        Ok(Account {
            id: AccountId::parse(&self.id).ok_or_else(|| Fault::new("an account without an id"))?,
            username: self.username,
            email: self.email,
            name: self.name,
            role: Role::parse(&self.role)
                .ok_or_else(|| Fault::new("an account with an unknown role"))?,
            created_at: self.created_at,
            state: if self.disabled_at.is_some() {
                AccountState::Disabled
            } else {
                AccountState::Active
            },
            groups: Groups::parse(&self.groups)
                .map_err(|_| Fault::new("an account with damaged groups"))?,
            version: self.version,
            email_verified_at: self.email_verified_at,
        })
    }
}

pub fn insert<E>(
    tx: &mut AnyConnection,
    id: AccountId,
    prepared: &Prepared,
    role: Role,
    state: AccountState,
) -> Result<Account, NotAdded<E>> {
    let new = &prepared.names;
    let account = Account {
        id,
        username: new.username.as_ref().map(|name| name.as_str().to_owned()),
        email: new.email.as_ref().map(|email| email.as_str().to_owned()),
        name: new.name.as_ref().map(PersonName::as_str).map(str::to_owned),
        role,
        created_at: prepared.created_at,
        state,
        groups: Groups::default(),
        version: 1,
        email_verified_at: prepared.email_verified_at,
    };
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(id.to_string()),
            accounts::username.eq(&account.username),
            accounts::username_key.eq(new.username.as_ref().map(Username::key)),
            accounts::email.eq(&account.email),
            accounts::email_key.eq(new.email.as_ref().map(Email::key)),
            accounts::old_keys.eq(None::<i64>),
            accounts::name.eq(&account.name),
            accounts::password_hash.eq(prepared.hash.as_str()),
            accounts::password_kind.eq(kind_text(&prepared.hash)),
            accounts::role.eq(role.as_str()),
            accounts::created_at.eq(prepared.created_at),
            accounts::email_verified_at.eq(prepared.email_verified_at),
            accounts::disabled_at
                .eq((state == AccountState::Disabled).then_some(prepared.created_at)),
        ))
        .execute(tx)
        .map(|_| account)
        .map_err(|error| {
            if is_taken(&error) {
                NotAdded::Taken
            } else {
                NotAdded::Fault(error.into())
            }
        })
}

/// Inserts an imported account with its hash. `false` when another account has one of its names:
/// then the transaction has to be rolled back, as PostgreSQL requires.
pub fn import(
    tx: &mut AnyConnection,
    id: AccountId,
    prepared: &Prepared,
    role: Role,
    state: AccountState,
) -> Result<bool, Fault> {
    match insert::<Infallible>(tx, id, prepared, role, state) {
        Ok(_) => Ok(true),
        Err(NotAdded::Taken) => Ok(false),
        Err(NotAdded::Fault(fault)) => Err(fault),
        Err(NotAdded::Refused(never)) => match never {},
    }
}

/// The account that has a name.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Holder {
    pub id: String,
    pub username_key: Option<String>,
    pub email_key: Option<String>,
}

/// The accounts that have one of these names, given by their keys.
pub fn find_holders(
    db: &mut AnyConnection,
    username_keys: &[String],
    email_keys: &[String],
) -> Result<Vec<Holder>, Fault> {
    Ok(accounts::table
        .select(Holder::as_select())
        .filter(accounts::username_key.eq_any(username_keys))
        .or_filter(accounts::email_key.eq_any(email_keys))
        .load(db)?)
}

/// Which name was taken, after an insert or update has failed. If the other account was deleted in
/// between, both names are free and one is reported as taken nevertheless: a retry succeeds.
pub fn find_conflict(
    db: &mut AnyConnection,
    username: Option<&Username>,
    email: Option<&Email>,
    own: Option<AccountId>,
) -> Result<Conflict, Fault> {
    let username_key: Vec<_> = username.map(Username::key).into_iter().collect();
    let email_key: Vec<_> = email.map(Email::key).into_iter().collect();
    let own = own.map(|id| id.to_string());
    let holders = find_holders(db, &username_key, &email_key)?;
    let others = holders
        .iter()
        .filter(|holder| Some(&holder.id) != own.as_ref());
    let by_username = |holder: &Holder| {
        let key = holder.username_key.as_ref();
        key.is_some_and(|key| username_key.contains(key))
    };
    Ok(if email.is_none() || others.clone().any(by_username) {
        Conflict::Username
    } else {
        Conflict::Email
    })
}

/// The credentials of the account with this name.
pub fn find_credentials(
    db: &mut AnyConnection,
    login: &Login,
) -> Result<Option<Credentials>, Fault> {
    let query = accounts::table.select((
        Row::as_select(),
        accounts::password_hash,
        accounts::email_key,
    ));
    let mut found: Vec<(Row, String, Option<String>)> = match login {
        Login::Username(name) => query.filter(accounts::username_key.eq(name.key())).load(db),
        Login::Email { key, old_key } => query
            .filter(accounts::email_key.eq(old_key))
            .or_filter(accounts::email_key.eq(key))
            .load(db),
    }?;
    if let Login::Email { old_key, .. } = login {
        // An account with a key of the old form is found by that spelling only.
        found.sort_by_key(|(.., key)| key.as_ref() != Some(old_key));
    }
    credentials(found.into_iter().next().map(|(row, hash, _)| (row, hash)))
}

pub fn find_credentials_of(
    db: &mut AnyConnection,
    id: AccountId,
) -> Result<Option<Credentials>, Fault> {
    let found = accounts::table
        .select((Row::as_select(), accounts::password_hash))
        .filter(accounts::id.eq(id.to_string()))
        .filter(accounts::deleted_at.is_null())
        .first(db);
    credentials(found.optional()?)
}

fn credentials(found: Option<(Row, String)>) -> Result<Option<Credentials>, Fault> {
    found
        .map(|(row, hash)| {
            Ok(Credentials {
                account: row.account()?,
                hash: PasswordHash::stored(hash),
            })
        })
        .transpose()
}

pub fn find(db: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Fault> {
    let row: Option<Row> = accounts::table
        .select(Row::as_select())
        .filter(accounts::id.eq(id.to_string()))
        .filter(accounts::deleted_at.is_null())
        .first(db)
        .optional()?;
    row.map(Row::account).transpose()
}

pub fn find_all(db: &mut AnyConnection, ids: &[AccountId]) -> Result<Vec<Account>, Fault> {
    let ids: Vec<_> = ids.iter().map(AccountId::to_string).collect();
    let rows: Vec<Row> = accounts::table
        .select(Row::as_select())
        .filter(accounts::id.eq_any(ids))
        .filter(accounts::deleted_at.is_null())
        .load(db)?;
    rows.into_iter().map(Row::account).collect()
}

/// Locks the account's row until the transaction ends; `false` without such an account. Changes to
/// what belongs to the account take this lock first. An update that changes nothing locks the row
/// in every database, which `SELECT … FOR UPDATE` does not.
pub fn lock(tx: &mut AnyConnection, id: AccountId) -> Result<bool, Fault> {
    let there = accounts::table
        .filter(accounts::id.eq(id.to_string()))
        .filter(accounts::deleted_at.is_null());
    let locked = diesel::update(there)
        .set(accounts::created_at.eq(accounts::created_at))
        .execute(tx)?;
    Ok(locked == 1)
}

/// Locks the account as [`lock`] does, and reads it; `None` if it is not active or has another
/// password than the one that was proved. A transaction that starts, renews or ends sessions begins
/// with this or with [`lock_active`].
pub fn confirm(tx: &mut AnyConnection, proved: &Proved) -> Result<Option<Account>, Fault> {
    let found = lock_credentials(tx, proved.account().id)?;
    let found = found.filter(|found| found.hash == *proved.hash());
    Ok(found.map(|found| found.account))
}

/// As [`confirm`], for a change that relies on a session or on a link.
pub fn lock_active(tx: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Fault> {
    Ok(lock_credentials(tx, id)?.map(|found| found.account))
}

fn lock_credentials(tx: &mut AnyConnection, id: AccountId) -> Result<Option<Credentials>, Fault> {
    if !lock(tx, id)? {
        return Ok(None);
    }
    let found = find_credentials_of(tx, id)?;
    Ok(found.filter(|found| found.account.state == AccountState::Active))
}

/// The accounts that match a search, oldest first.
pub fn search(
    db: &mut AnyConnection,
    search: &Search,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Account>, Fault> {
    let Some(terms) = terms(db, search)? else {
        return load(filtered(db, search, after), limit, db);
    };
    let mut from = after.map_or(0, |after| storage::place(after.value, after.id.as_bytes()));
    let mut found = Vec::new();
    while found.len() < limit {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let Some(places) = storage::places(db, INDEX, &terms, from, most)? else {
            return load(filtered(db, search, after), limit, db);
        };
        let Some(last) = places.last() else { break };
        // The index finds more rows than match: its terms are less specific than the filters.
        let list: Vec<_> = places.iter().map(i64::to_string).collect();
        let mut at_places = format!("place IN ({})", list.join(","));
        let mut others = search.clone();
        if let Some(role) = others.role.take() {
            // Without `+`, SQLite reads every account of the role in an index of roles.
            at_places += &format!(" AND +role = '{}'", role.as_str());
        }
        let rows = filtered(db, &others, after).filter(sql::<Bool>(&at_places));
        found.extend(load(rows, limit - found.len(), db)?);
        match last.checked_add(1) {
            Some(next) if places.len() == limit => from = next,
            _ => break,
        }
    }
    Ok(found)
}

fn filtered(
    db: &AnyConnection,
    search: &Search,
    after: Option<&Cursor>,
) -> accounts::BoxedQuery<'static, Backend> {
    let mut query = accounts::table
        .filter(accounts::deleted_at.is_null())
        .into_boxed::<Backend>();
    if !search.text.is_empty() {
        let (key, shown) = (caseless(&search.text), folded(&search.text));
        if let Some(letters) = storage::may_have_letters(db, [&key, &shown]) {
            query = query.filter(letters);
        }
        let key = containing(&key);
        let username = accounts::username_key.like(key.clone()).escape('\\');
        let email = accounts::email_key.like(key).escape('\\');
        // A domain is in ASCII in the key, and in lower case where it is shown in Unicode.
        let domain = accounts::email.like(containing(&shown)).escape('\\');
        query = query.filter(username.or(email).or(domain));
    }
    if let Some(role) = search.role {
        query = query.filter(accounts::role.eq(role.as_str()));
    }
    if let Some(group) = &search.group {
        query = query.filter(storage::has_word(db, "groups", group.clone()));
    }
    match search.state {
        Some(AccountState::Active) => query = query.filter(accounts::disabled_at.is_null()),
        Some(AccountState::Disabled) => query = query.filter(accounts::disabled_at.is_not_null()),
        None => {}
    }
    if let Some(after) = after {
        let (at, id) = (after.value, after.id.to_string());
        query = query
            .filter(accounts::created_at.ge(at))
            .filter(accounts::created_at.gt(at).or(accounts::id.gt(id)));
    }
    query
}

fn load(
    query: accounts::BoxedQuery<'static, Backend>,
    limit: usize,
    db: &mut AnyConnection,
) -> Result<Vec<Account>, Fault> {
    let rows: Vec<Row> = query
        .order((accounts::created_at, accounts::id))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::account).collect()
}

/// Whether there is an active administrator.
pub fn has_administrator(db: &mut AnyConnection) -> Result<bool, Fault> {
    let one: Option<String> = accounts::table
        .filter(accounts::role.eq(Role::Administrator.as_str()))
        .filter(accounts::disabled_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .select(accounts::id)
        .first(db)
        .optional()?;
    Ok(one.is_some())
}

/// Changes an account, and returns it before and after. The caller ends its sessions if its role,
/// groups or state have changed.
///
/// # Errors
/// [`Refused`]; then the transaction has to be rolled back. [`Refused::Taken`] does not say yet
/// which name was taken.
pub fn update(
    tx: &mut AnyConnection,
    id: AccountId,
    changes: &Changes,
    expected: &ExpectedVersion,
    now: UnixSeconds,
) -> Result<(Account, Account), Refused> {
    let before = load_expected(tx, id, expected)?;
    let mut after = before.clone();
    if let Some(username) = &changes.username {
        after.username = username.as_ref().map(|name| name.as_str().to_owned());
    }
    if let Some(email) = &changes.email {
        after.email = email.as_ref().map(|email| email.as_str().to_owned());
    }
    if let Some(name) = &changes.name {
        after.name = name.as_ref().map(|name| name.as_str().to_owned());
    }
    after.role = changes.role.unwrap_or(after.role);
    after.state = changes.state.unwrap_or(after.state);
    if let Some(groups) = &changes.groups {
        after.groups = groups.clone();
    }
    if after.username.is_none() && after.email.is_none() {
        return Err(Refused::Input(Refusals::of("username", NAMELESS)));
    }
    if before == after {
        return Ok((before, after));
    }
    if before.email != after.email {
        after.email_verified_at = None;
    }
    after.version += 1;
    let row = accounts::table.find(id.to_string());
    if let Some(username) = &changes.username {
        diesel::update(row.clone())
            .set(accounts::username_key.eq(username.as_ref().map(Username::key)))
            .execute(tx)
            .map_err(taken)?;
    }
    let email = changes.email.as_ref();
    // An address that does not change keeps its key, also one of the old form.
    if let Some(email) = email.filter(|_| before.email != after.email) {
        diesel::update(row.clone())
            .set((
                accounts::email_key.eq(email.as_ref().map(Email::key)),
                accounts::old_keys.eq(None::<i64>),
            ))
            .execute(tx)
            .map_err(taken)?;
        renew_keys(tx)?;
    }
    let disabled_at = (after.state == AccountState::Disabled).then_some(now);
    diesel::update(row)
        .set((
            accounts::username.eq(&after.username),
            accounts::email.eq(&after.email),
            accounts::name.eq(&after.name),
            accounts::role.eq(after.role.as_str()),
            accounts::groups.eq(after.groups.to_text()),
            accounts::disabled_at.eq(disabled_at),
            accounts::version.eq(after.version),
            accounts::email_verified_at.eq(after.email_verified_at),
        ))
        .execute(tx)
        .map_err(Fault::from)?;
    keep_an_administrator(tx, &before)?;
    Ok((before, after))
}

fn taken(error: diesel::result::Error) -> Refused {
    if is_taken(&error) {
        // The caller finds out which name.
        Refused::Taken(Conflict::Username)
    } else {
        Refused::Fault(error.into())
    }
}

fn load_expected(
    tx: &mut AnyConnection,
    id: AccountId,
    expected: &ExpectedVersion,
) -> Result<Account, Refused> {
    // Of two administrators who demote each other at once, one must fail.
    storage::one_at_a_time(tx)?;
    let account = find(tx, id)?.ok_or(Refused::NoSuchAccount)?;
    if expected.includes(account.version) {
        Ok(account)
    } else {
        Err(Refused::Stale)
    }
}

/// After a change to an account that was `before`.
fn keep_an_administrator(tx: &mut AnyConnection, before: &Account) -> Result<(), Refused> {
    let managed = before.role == Role::Administrator && before.state == AccountState::Active;
    if managed && !has_administrator(tx)? {
        return Err(Refused::LastAdministrator);
    }
    Ok(())
}

/// Empties an account's row; its names are free at once. The empty row stays until [`forget`], so
/// that every server reads that its sessions have ended. The caller ends them.
pub fn delete(
    tx: &mut AnyConnection,
    id: AccountId,
    expected: &ExpectedVersion,
    now: UnixSeconds,
) -> Result<(), Refused> {
    let before = load_expected(tx, id, expected)?;
    let none = None::<String>;
    diesel::update(accounts::table.find(id.to_string()))
        .set((
            accounts::deleted_at.eq(now),
            accounts::username.eq(&none),
            accounts::username_key.eq(&none),
            accounts::email.eq(&none),
            accounts::email_key.eq(&none),
            accounts::email_verified_at.eq(None::<i64>),
            accounts::old_keys.eq(None::<i64>),
            accounts::name.eq(&none),
            accounts::password_hash.eq(""),
            accounts::password_kind.eq(""),
        ))
        .execute(tx)
        .map_err(Fault::from)?;
    renew_keys(tx)?;
    keep_an_administrator(tx, &before)
}

/// Deletes the rows of at most `most` accounts that were deleted before `moment`, and returns how
/// many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<String> = accounts::table
        .select(accounts::id)
        .filter(accounts::deleted_at.lt(moment))
        .limit(most)
        .load(tx)?;
    Ok(diesel::delete(accounts::table.filter(accounts::id.eq_any(old))).execute(tx)?)
}

/// Records that the owner of an account receives mail at its address, unless that is known.
pub fn verify_email(tx: &mut AnyConnection, id: AccountId, now: UnixSeconds) -> Result<(), Fault> {
    let unknown = accounts::table
        .filter(accounts::id.eq(id.to_string()))
        .filter(accounts::email.is_not_null())
        .filter(accounts::email_verified_at.is_null());
    diesel::update(unknown)
        .set((
            accounts::email_verified_at.eq(now),
            accounts::version.eq(accounts::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Sets the hash of a new password. The caller ends the sessions.
pub fn set_password(
    tx: &mut AnyConnection,
    id: AccountId,
    new: &PasswordHash,
) -> Result<(), Fault> {
    diesel::update(accounts::table.find(id.to_string()))
        .set((
            accounts::password_hash.eq(new.as_str()),
            accounts::password_kind.eq(kind_text(new)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Replaces a hash; `false` if it was replaced already.
pub fn replace_hash(
    tx: &mut AnyConnection,
    id: AccountId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool, Fault> {
    let replaced = diesel::update(
        accounts::table
            .find(id.to_string())
            .filter(accounts::password_hash.eq(old.as_str())),
    )
    .set((
        accounts::password_hash.eq(new.as_str()),
        accounts::password_kind.eq(kind_text(new)),
    ))
    .execute(tx)?;
    Ok(replaced == 1)
}

/// Empty for a hash that no password matches.
fn kind_text(hash: &PasswordHash) -> String {
    hash.kind().map_or(String::new(), |kind| kind.to_string())
}

/// The number of accounts for each kind of hash, and of hashes that were stored without a kind.
pub fn count_password_kinds(db: &mut AnyConnection) -> Result<(Vec<(Kind, u64)>, u64), Fault> {
    let counted: Vec<(Option<String>, i64)> = accounts::table
        .group_by(accounts::password_kind)
        .select((accounts::password_kind, count_star()))
        .load(db)?;
    let (mut kinds, mut without) = (Vec::new(), 0);
    for (kind, accounts) in counted {
        match kind.as_deref().map(Kind::parse) {
            Some(Some(kind)) => kinds.push((kind, accounts.unsigned_abs())),
            // No password matches it, as after the account was deleted.
            Some(None) => {}
            None => without = accounts.unsigned_abs(),
        }
    }
    Ok((kinds, without))
}

/// Stores the kinds of at most `most` hashes that were stored without one, and returns how many.
pub fn add_password_kinds(tx: &mut AnyConnection, most: i64) -> Result<usize, Fault> {
    let without: Vec<(String, String)> = accounts::table
        .select((accounts::id, accounts::password_hash))
        .filter(accounts::password_kind.is_null())
        .limit(most)
        .load(tx)?;
    let found = without.len();
    for (id, hash) in without {
        diesel::update(accounts::table.find(id))
            .set(accounts::password_kind.eq(kind_text(&PasswordHash::stored(hash))))
            .execute(tx)?;
    }
    Ok(found)
}

/// An account whose key could not be converted to the current form. Its owner signs in as before,
/// with the address as it was spelled.
pub struct OldKey {
    pub account: Account,
    /// The account that has the same address in another spelling; `None` if the address is not
    /// accepted any more.
    pub holder: Option<Account>,
}

pub fn list_old_keys(db: &mut AnyConnection) -> Result<Vec<OldKey>, Fault> {
    let rows: Vec<Row> = accounts::table
        .select(Row::as_select())
        .filter(accounts::old_keys.eq(1))
        .order((accounts::created_at, accounts::id))
        .load(db)?;
    let mut found = Vec::new();
    for row in rows {
        let email = row
            .email
            .as_deref()
            .and_then(|text| Email::parse(text).ok());
        let key = email.map(|email| email.key());
        let holder: Option<Row> = accounts::table
            .select(Row::as_select())
            .filter(accounts::email_key.eq(key))
            .first(db)
            .optional()?;
        found.push(OldKey {
            account: row.account()?,
            holder: holder.map(Row::account).transpose()?,
        });
    }
    Ok(found)
}

/// Converts the keys and spellings of addresses to the current form, oldest account first. If two
/// accounts turn out to have one address, the one with the new key keeps it, and the other keeps
/// its old key and spelling: see [`OldKey`]. Takes one query if there is nothing to do.
pub fn renew_keys(tx: &mut AnyConnection) -> Result<(), Fault> {
    const BATCH: i64 = 1000;
    let mut after = (i64::MIN, String::new());
    loop {
        let rows: Vec<(String, i64, Option<String>, Option<String>)> = accounts::table
            .select((
                accounts::id,
                accounts::created_at,
                accounts::email,
                accounts::email_key,
            ))
            .filter(accounts::old_keys.eq(1))
            .filter(accounts::created_at.ge(after.0))
            .filter(
                accounts::created_at
                    .gt(after.0)
                    .or(accounts::id.gt(&after.1)),
            )
            .order((accounts::created_at, accounts::id))
            .limit(BATCH)
            .load(tx)?;
        let Some((id, created_at, ..)) = rows.last() else {
            return Ok(());
        };
        after = (*created_at, id.clone());
        let mut good = Vec::new();
        for (id, _, shown, key) in rows {
            let new = match shown.as_deref().map(Email::parse) {
                // An account without an address has no key.
                None => {
                    good.push(id);
                    continue;
                }
                Some(Ok(new)) => new,
                Some(Err(_)) => continue,
            };
            let keeps_key = key.as_ref() == Some(&new.key());
            if keeps_key && shown.as_deref() == Some(new.as_str()) {
                good.push(id);
                continue;
            }
            // By the new key, and by the old key of an account that kept the other spelling.
            let keys = [new.key(), Email::old_key(new.as_str())];
            let holders = find_holders(tx, &[], &keys)?;
            let is_other = |holder: &Holder| holder.id != id;
            match (keeps_key, holders.iter().any(is_other)) {
                (true, true) => good.push(id),
                (false, true) => {}
                (_, false) => {
                    diesel::update(accounts::table.find(id))
                        .set((
                            accounts::email.eq(new.as_str()),
                            accounts::email_key.eq(new.key()),
                            accounts::old_keys.eq(None::<i64>),
                            accounts::version.eq(accounts::version + 1),
                        ))
                        .execute(tx)?;
                }
            }
        }
        diesel::update(accounts::table.filter(accounts::id.eq_any(good)))
            .set(accounts::old_keys.eq(None::<i64>))
            .execute(tx)?;
    }
}
