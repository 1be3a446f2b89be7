//! The table of accounts.

use std::convert::Infallible;

use diesel::prelude::*;

use super::{Account, Credentials, NotAdded, Prepared, Refused, SignUpError, State};
use crate::access::Role;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{Email, Login, PersonName, Username};
use crate::passwords::PasswordHash;
use crate::storage::schema::accounts;
use crate::storage::{self, AnyConnection, is_taken};

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
                State::Disabled
            } else {
                State::Active
            },
        })
    }
}

pub fn insert<E>(
    tx: &mut AnyConnection,
    prepared: &Prepared,
    role: Role,
) -> Result<Account, NotAdded<E>> {
    let (new, id) = (prepared, AccountId::new());
    let account = Account {
        id,
        username: new.username.as_ref().map(|name| name.as_str().to_owned()),
        email: new.email.as_ref().map(|email| email.as_str().to_owned()),
        name: new.name.as_ref().map(PersonName::as_str).map(str::to_owned),
        role,
        created_at: new.created_at,
        state: State::Active,
    };
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(id.to_string()),
            accounts::username.eq(&account.username),
            accounts::username_key.eq(new.username.as_ref().map(Username::key)),
            accounts::email.eq(&account.email),
            accounts::email_key.eq(new.email.as_ref().map(Email::key)),
            accounts::name.eq(&account.name),
            accounts::password_hash.eq(new.hash.as_str()),
            accounts::role.eq(role.as_str()),
            accounts::created_at.eq(new.created_at),
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

/// Inserts an account that comes from elsewhere, with its hash. `false` when one of its names is
/// somebody's already: PostgreSQL's transaction is lost then, so give up either's.
///
/// # Errors
/// When the database is away.
pub fn import(tx: &mut AnyConnection, prepared: &Prepared, role: Role) -> Result<bool, Fault> {
    match insert::<Infallible>(tx, prepared, role) {
        Ok(_) => Ok(true),
        Err(NotAdded::Taken) => Ok(false),
        Err(NotAdded::Fault(fault)) => Err(fault),
        Err(NotAdded::Refused(never)) => match never {},
    }
}

/// Whose a name is.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Holder {
    pub id: String,
    pub username_key: Option<String>,
    pub email_key: Option<String>,
}

/// Who has one of these names, given by their keys.
///
/// # Errors
/// When the database is away.
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

/// Asked after an insert was refused. When the other one has gone in between, both are free,
/// and the caller says that they were taken all the same: trying again will do.
pub fn which_is_taken(
    db: &mut AnyConnection,
    username: Option<Username>,
    email: Option<Email>,
) -> Result<SignUpError, Fault> {
    let mut taken = |login| Ok::<_, Fault>(find_credentials(db, &login)?.is_some());
    let username = username
        .map(Login::Username)
        .map_or(Ok(false), &mut taken)?;
    let email = email.map(Login::Email).map_or(Ok(false), &mut taken)?;
    Ok(SignUpError::Taken {
        username: username || !email,
        email,
    })
}

pub fn find_credentials(
    db: &mut AnyConnection,
    login: &Login,
) -> Result<Option<Credentials>, Fault> {
    let query = accounts::table.select((Row::as_select(), accounts::password_hash));
    let found = match login {
        Login::Username(name) => query
            .filter(accounts::username_key.eq(name.key()))
            .first(db),
        Login::Email(email) => query.filter(accounts::email_key.eq(email.key())).first(db),
    };
    credentials(found.optional()?)
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

/// # Errors
/// When the database is away.
pub fn find(db: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Fault> {
    let row: Option<Row> = accounts::table
        .select(Row::as_select())
        .filter(accounts::id.eq(id.to_string()))
        .filter(accounts::deleted_at.is_null())
        .first(db)
        .optional()?;
    row.map(Row::account).transpose()
}

pub fn list(db: &mut AnyConnection) -> Result<Vec<Account>, Fault> {
    let rows: Vec<Row> = accounts::table
        .select(Row::as_select())
        .filter(accounts::deleted_at.is_null())
        .order((accounts::created_at, accounts::id))
        .load(db)?;
    rows.into_iter().map(Row::account).collect()
}

/// Whether somebody can manage the others: an administrator who is not disabled.
///
/// # Errors
/// When the database is away.
pub fn has_administrator(db: &mut AnyConnection) -> Result<bool, Fault> {
    let count: i64 = accounts::table
        .filter(accounts::role.eq(Role::Administrator.as_str()))
        .filter(accounts::disabled_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .count()
        .get_result(db)?;
    Ok(count > 0)
}

/// What their sessions' tokens say is no longer so: whoever calls this ends them.
///
/// # Errors
/// [`Refused`].
pub fn set_role(tx: &mut AnyConnection, id: AccountId, role: Role) -> Result<Account, Refused> {
    change(tx, id, |tx| {
        diesel::update(accounts::table.find(id.to_string()))
            .set(accounts::role.eq(role.as_str()))
            .execute(tx)
    })?;
    find(tx, id)?.ok_or(Refused::NoSuchAccount)
}

/// A disabled account can do nothing, and keeps everything. Whoever calls this ends its sessions.
///
/// # Errors
/// [`Refused`].
pub fn disable(tx: &mut AnyConnection, id: AccountId, now: UnixSeconds) -> Result<(), Refused> {
    change(tx, id, |tx| {
        diesel::update(accounts::table.find(id.to_string()))
            .set(accounts::disabled_at.eq(now))
            .execute(tx)
    })
}

/// # Errors
/// [`Refused`].
pub fn enable(tx: &mut AnyConnection, id: AccountId) -> Result<(), Refused> {
    change(tx, id, |tx| {
        diesel::update(accounts::table.find(id.to_string()))
            .set(accounts::disabled_at.eq(None::<i64>))
            .execute(tx)
    })
}

/// Takes away all that is known of somebody; their names are free again at once. The bare row
/// stays until [`forget`], so that every server hears that its sessions have ended. Whoever
/// calls this ends them.
///
/// # Errors
/// [`Refused`].
pub fn delete(tx: &mut AnyConnection, id: AccountId, now: UnixSeconds) -> Result<(), Refused> {
    change(tx, id, |tx| {
        let none = None::<String>;
        diesel::update(accounts::table.find(id.to_string()))
            .set((
                accounts::deleted_at.eq(now),
                accounts::username.eq(&none),
                accounts::username_key.eq(&none),
                accounts::email.eq(&none),
                accounts::email_key.eq(&none),
                accounts::name.eq(&none),
                accounts::password_hash.eq(""),
            ))
            .execute(tx)
    })
}

/// Takes away the rows of accounts that were deleted before `moment`.
///
/// # Errors
/// When the database is away.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds) -> Result<(), Fault> {
    diesel::delete(accounts::table.filter(accounts::deleted_at.lt(moment))).execute(tx)?;
    Ok(())
}

/// Changes the account, unless nobody could manage the others afterwards who could before.
fn change(
    tx: &mut AnyConnection,
    id: AccountId,
    change: impl FnOnce(&mut AnyConnection) -> QueryResult<usize>,
) -> Result<(), Refused> {
    // Two administrators who demote each other at once must not both succeed.
    storage::one_at_a_time(tx)?;
    if find(tx, id)?.is_none() {
        return Err(Refused::NoSuchAccount);
    }
    let before = has_administrator(tx)?;
    change(tx).map_err(Fault::from)?;
    if before && !has_administrator(tx)? {
        return Err(Refused::LastAdministrator);
    }
    Ok(())
}

/// Sets a hash that was made of a new password. Whoever calls this ends the sessions.
///
/// # Errors
/// When the database is away.
pub fn set_password(
    tx: &mut AnyConnection,
    id: AccountId,
    new: &PasswordHash,
) -> Result<(), Fault> {
    diesel::update(accounts::table.find(id.to_string()))
        .set(accounts::password_hash.eq(new.as_str()))
        .execute(tx)?;
    Ok(())
}

pub fn replace_hash(
    tx: &mut AnyConnection,
    id: AccountId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), Fault> {
    diesel::update(
        accounts::table
            .find(id.to_string())
            .filter(accounts::password_hash.eq(old.as_str())),
    )
    .set(accounts::password_hash.eq(new.as_str()))
    .execute(tx)?;
    Ok(())
}
