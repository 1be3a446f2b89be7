//! The table of accounts.

use diesel::prelude::*;

use super::{Account, Credentials, NotAdded, Prepared, SignUpError};
use crate::access::Role;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{Email, Login, PersonName, Username};
use crate::passwords::PasswordHash;
use crate::storage::schema::accounts;
use crate::storage::{AnyConnection, is_taken};

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
struct Row {
    id: String,
    username: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: String,
    created_at: i64,
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
        })
    }
}

pub fn insert<E>(
    tx: &mut AnyConnection,
    prepared: &Prepared,
    role: Role,
) -> Result<Account, NotAdded<E>> {
    let (new, id) = (&prepared.new, AccountId::new());
    let account = Account {
        id,
        username: new.username.as_ref().map(|name| name.as_str().to_owned()),
        email: new.email.as_ref().map(|email| email.as_str().to_owned()),
        name: new.name.as_ref().map(PersonName::as_str).map(str::to_owned),
        role,
        created_at: prepared.created_at,
    };
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(id.to_string()),
            accounts::username.eq(&account.username),
            accounts::username_key.eq(new.username.as_ref().map(Username::key)),
            accounts::email.eq(&account.email),
            accounts::email_key.eq(new.email.as_ref().map(Email::key)),
            accounts::name.eq(&account.name),
            accounts::password_hash.eq(prepared.hash.as_str()),
            accounts::role.eq(role.as_str()),
            accounts::created_at.eq(prepared.created_at),
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
    let found: Option<(Row, String)> = match login {
        Login::Username(name) => query
            .filter(accounts::username_key.eq(name.key()))
            .first(db),
        Login::Email(email) => query.filter(accounts::email_key.eq(email.key())).first(db),
    }
    .optional()?;
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
        .find(id.to_string())
        .first(db)
        .optional()?;
    row.map(Row::account).transpose()
}

pub fn list(db: &mut AnyConnection) -> Result<Vec<Account>, Fault> {
    let rows: Vec<Row> = accounts::table
        .select(Row::as_select())
        .order((accounts::created_at, accounts::id))
        .load(db)?;
    rows.into_iter().map(Row::account).collect()
}

pub fn has_administrator(db: &mut AnyConnection) -> Result<bool, Fault> {
    let count: i64 = accounts::table
        .filter(accounts::role.eq(Role::Administrator.as_str()))
        .count()
        .get_result(db)?;
    Ok(count > 0)
}

/// `None` when there is no such account any more.
///
/// # Errors
/// When the database is away.
pub fn set_role(
    tx: &mut AnyConnection,
    id: AccountId,
    role: Role,
) -> Result<Option<Account>, Fault> {
    diesel::update(accounts::table.find(id.to_string()))
        .set(accounts::role.eq(role.as_str()))
        .execute(tx)?;
    find(tx, id)
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
