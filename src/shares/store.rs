//! The table of links to files.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{Cursor, Share};
use crate::accounts;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId, ShareId};
use crate::passwords::PasswordHash;
use crate::storage::AnyConnection;
use crate::storage::schema::shares;

#[derive(Queryable, Selectable)]
#[diesel(table_name = shares)]
struct Row {
    id: String,
    file_id: String,
    account_id: String,
    password_hash: Option<String>,
    downloads: i64,
    downloads_max: Option<i64>,
    last_used_at: Option<i64>,
    created_at: i64,
    ends_at: i64,
    begins: Option<String>,
}

impl Row {
    fn share(self) -> Result<Share, Fault> {
        let malformed = || Fault::new("a link's row is damaged");
        Ok(Share {
            id: ShareId::parse(&self.id).ok_or_else(malformed)?,
            file: FileId::parse(&self.file_id).ok_or_else(malformed)?,
            account: AccountId::parse(&self.account_id).ok_or_else(malformed)?,
            downloads: self.downloads,
            downloads_max: self.downloads_max,
            last_used_at: self.last_used_at,
            created_at: self.created_at,
            ends_at: self.ends_at,
            begins: self.begins,
            password_hash: self.password_hash.map(PasswordHash::stored),
        })
    }
}

/// Latest first.
pub fn list(
    db: &mut AnyConnection,
    file: FileId,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Share>, Fault> {
    let (at, id) = after.map_or((i64::MAX, String::new()), |after| {
        (after.value, after.id.to_string())
    });
    let rows: Vec<Row> = shares::table
        .filter(shares::file_id.eq(file.to_string()))
        .filter(shares::created_at.le(at))
        .filter(shares::created_at.lt(at).or(shares::id.lt(id)))
        .order((shares::created_at.desc(), shares::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::share).collect()
}

pub fn find(db: &mut AnyConnection, id: ShareId) -> Result<Option<Share>, Fault> {
    let row: Option<Row> = shares::table
        .find(id.to_string())
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::share).transpose()
}

pub fn find_by_hash(db: &mut AnyConnection, token_hash: &[u8]) -> Result<Option<Share>, Fault> {
    let row: Option<Row> = shares::table
        .filter(shares::token_hash.eq(token_hash))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::share).transpose()
}

pub fn count(db: &mut AnyConnection, file: FileId) -> Result<i64, Fault> {
    let of_file = shares::table.filter(shares::file_id.eq(file.to_string()));
    Ok(of_file.count().get_result(db)?)
}

/// The number of open links of an account; they work while the account is active.
pub fn count_open(
    db: &mut AnyConnection,
    account: AccountId,
    now: UnixSeconds,
) -> Result<i64, Fault> {
    let is_left = shares::downloads_max
        .is_null()
        .or(shares::downloads_max.gt(shares::downloads.nullable()));
    let open = shares::table
        .filter(shares::account_id.eq(account.to_string()))
        .filter(shares::ends_at.gt(now))
        .filter(is_left);
    Ok(open.count().get_result(db)?)
}

/// The number of open links to each of these files that has any.
pub fn count_open_of(
    db: &mut AnyConnection,
    files: &[FileId],
    now: UnixSeconds,
) -> Result<HashMap<FileId, i64>, Fault> {
    let files = files.iter().map(FileId::to_string);
    let is_left = shares::downloads_max
        .is_null()
        .or(shares::downloads_max.gt(shares::downloads.nullable()));
    let found: Vec<(String, i64)> = shares::table
        .filter(shares::file_id.eq_any(files.collect::<Vec<_>>()))
        .filter(shares::ends_at.gt(now))
        .filter(is_left)
        .group_by(shares::file_id)
        .select((shares::file_id, count_star()))
        .load(db)?;
    let known = |(id, count): (String, i64)| Some((FileId::parse(&id)?, count));
    Ok(found.into_iter().filter_map(known).collect())
}

/// Deletes every link of an account that has not expired, and returns how many were open.
pub fn revoke_all(
    tx: &mut AnyConnection,
    account: AccountId,
    now: UnixSeconds,
) -> Result<i64, Fault> {
    // No link can be created meanwhile.
    accounts::lock(tx, account)?;
    let open = count_open(tx, account, now)?;
    let of_account = shares::table
        .filter(shares::account_id.eq(account.to_string()))
        .filter(shares::ends_at.gt(now));
    diesel::delete(of_account).execute(tx)?;
    Ok(open)
}

pub fn insert(tx: &mut AnyConnection, share: &Share, token_hash: &[u8]) -> Result<(), Fault> {
    let hash = share.password_hash.as_ref().map(PasswordHash::as_str);
    diesel::insert_into(shares::table)
        .values((
            shares::id.eq(share.id.to_string()),
            shares::file_id.eq(share.file.to_string()),
            shares::account_id.eq(share.account.to_string()),
            shares::password_hash.eq(hash),
            shares::downloads.eq(share.downloads),
            shares::downloads_max.eq(share.downloads_max),
            shares::created_at.eq(share.created_at),
            shares::ends_at.eq(share.ends_at),
            shares::token_hash.eq(token_hash),
            shares::begins.eq(&share.begins),
        ))
        .execute(tx)?;
    Ok(())
}

/// One statement, so that concurrent downloads do not exceed the limit.
pub fn use_once(tx: &mut AnyConnection, id: ShareId, now: UnixSeconds) -> Result<bool, Fault> {
    let open = shares::table
        .filter(shares::id.eq(id.to_string()))
        .filter(shares::ends_at.gt(now))
        .filter(
            shares::downloads_max
                .is_null()
                .or(shares::downloads_max.gt(shares::downloads.nullable())),
        );
    let used = diesel::update(open)
        .set((
            shares::downloads.eq(shares::downloads + 1),
            shares::last_used_at.eq(now),
        ))
        .execute(tx)?;
    Ok(used == 1)
}

/// `false` if it did not exist.
pub fn delete(tx: &mut AnyConnection, file: FileId, id: ShareId) -> Result<bool, Fault> {
    let one = shares::table
        .filter(shares::id.eq(id.to_string()))
        .filter(shares::file_id.eq(file.to_string()));
    Ok(diesel::delete(one).execute(tx)? == 1)
}

/// Deletes the links of a file that expired before `moment`. Other files are not locked.
pub fn forget(tx: &mut AnyConnection, file: FileId, moment: UnixSeconds) -> Result<(), Fault> {
    let old = shares::table
        .filter(shares::file_id.eq(file.to_string()))
        .filter(shares::ends_at.lt(moment));
    diesel::delete(old).execute(tx)?;
    Ok(())
}
