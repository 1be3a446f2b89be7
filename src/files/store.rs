//! The tables of files, of usage and quotas, of due thumbnails, and of strays.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::thumbnail_job::Due;
use super::{Cursor, File, Quota, Search, Sort, Usage};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId};
use crate::base::names::{FileName, folded};
use crate::storage::schema::{files, shelf_totals, shelves, stray_blobs, thumbnails_due};
use crate::storage::{AnyConnection, Backend, containing};

/// Up to this many results are sorted after the search.
const FEW_FOUND: i64 = 500;

#[derive(Queryable)]
struct Row {
    id: String,
    account_id: String,
    name: String,
    description: Option<String>,
    media_type: String,
    bytes: i64,
    sha256: Vec<u8>,
    has_thumbnail: bool,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// In the order of [`Row`].
#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (
        files::id,
        files::account_id,
        files::name,
        files::description,
        files::media_type,
        files::bytes,
        files::sha256,
        files::thumbnail.is_not_null(),
        files::version,
        files::created_at,
        files::updated_at,
    )
}

impl Row {
    fn file(self) -> Result<File, Fault> {
        let malformed = || Fault::new("a file's row is damaged");
        Ok(File {
            id: FileId::parse(&self.id).ok_or_else(malformed)?,
            account: AccountId::parse(&self.account_id).ok_or_else(malformed)?,
            name: self.name,
            description: self.description,
            media_type: self.media_type,
            bytes: self.bytes,
            sha256: self.sha256.try_into().map_err(|_| malformed())?,
            has_thumbnail: self.has_thumbnail,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

pub fn list(
    db: &mut AnyConnection,
    account: AccountId,
    search: &Search,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<File>, Fault> {
    let mut query = owned(account).into_boxed::<Backend>();
    if !search.text.is_empty() {
        let pattern = containing(&folded(&search.text));
        let fits = files::search_key.like(pattern).escape('\\');
        // An index has every searched text. If it finds many, reading in the requested order finds
        // enough of them soon.
        let found: Vec<String> = owned(account)
            .filter(fits.clone())
            .select(files::id)
            .limit(FEW_FOUND)
            .load(db)?;
        let few = i64::try_from(found.len()).is_ok_and(|found| found < FEW_FOUND);
        query = if few {
            query.filter(files::id.eq_any(found))
        } else {
            query.filter(fits)
        };
    }
    let number = |after: &Cursor| after.value.parse::<i64>().unwrap_or_default();
    // The first of both conditions is weaker than the second, and is one that an index supports.
    query = match (search.sort, after) {
        (_, None) => query,
        (Sort::Newest, Some(after)) => {
            let at = number(after);
            let id = after.id.to_string();
            query
                .filter(files::created_at.le(at))
                .filter(files::created_at.lt(at).or(files::id.lt(id)))
        }
        (Sort::Oldest, Some(after)) => {
            let at = number(after);
            let id = after.id.to_string();
            query
                .filter(files::created_at.ge(at))
                .filter(files::created_at.gt(at).or(files::id.gt(id)))
        }
        (Sort::Name, Some(after)) => {
            let (key, id) = (after.value.clone(), after.id.to_string());
            query
                .filter(files::name_key.ge(key.clone()))
                .filter(files::name_key.gt(key).or(files::id.gt(id)))
        }
        (Sort::Largest, Some(after)) => {
            let bytes = number(after);
            let id = after.id.to_string();
            query
                .filter(files::bytes.le(bytes))
                .filter(files::bytes.lt(bytes).or(files::id.lt(id)))
        }
    };
    query = match search.sort {
        Sort::Newest => query.order((files::created_at.desc(), files::id.desc())),
        Sort::Oldest => query.order((files::created_at, files::id)),
        Sort::Name => query.order((files::name_key, files::id)),
        Sort::Largest => query.order((files::bytes.desc(), files::id.desc())),
    };
    let rows: Vec<Row> = query
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(columns())
        .load(db)?;
    rows.into_iter().map(Row::file).collect()
}

/// A file of any account.
pub fn find(db: &mut AnyConnection, id: FileId) -> Result<Option<File>, Fault> {
    let row: Option<Row> = files::table
        .find(id.to_string())
        .select(columns())
        .first(db)
        .optional()?;
    row.map(Row::file).transpose()
}

/// Those of the account's files that have one of these ids, in the order of their names.
pub fn find_several(
    db: &mut AnyConnection,
    account: AccountId,
    ids: &[FileId],
) -> Result<Vec<File>, Fault> {
    let ids = ids.iter().map(FileId::to_string);
    let rows: Vec<Row> = owned(account)
        .filter(files::id.eq_any(ids.collect::<Vec<_>>()))
        .order((files::name_key, files::id))
        .select(columns())
        .load(db)?;
    rows.into_iter().map(Row::file).collect()
}

pub fn thumbnail(
    db: &mut AnyConnection,
    account: AccountId,
    id: FileId,
) -> Result<Option<Vec<u8>>, Fault> {
    let found: Option<Option<Vec<u8>>> = owned(account)
        .filter(files::id.eq(id.to_string()))
        .select(files::thumbnail)
        .first(db)
        .optional()?;
    Ok(found.flatten())
}

/// Whether a file of the account has this description. The caller has locked the account.
pub fn is_described(
    db: &mut AnyConnection,
    account: AccountId,
    description: &str,
) -> Result<bool, Fault> {
    let same = owned(account).filter(files::description.eq(description.to_owned()));
    Ok(same.count().get_result::<i64>(db)? > 0)
}

/// Also counts it in the account's usage.
pub fn insert(tx: &mut AnyConnection, file: &File) -> Result<(), Fault> {
    let (name_key, search_key) = keys(file);
    diesel::insert_into(files::table)
        .values((
            files::id.eq(file.id.to_string()),
            files::account_id.eq(file.account.to_string()),
            files::name.eq(&file.name),
            files::name_key.eq(name_key),
            files::description.eq(&file.description),
            files::search_key.eq(search_key),
            files::media_type.eq(&file.media_type),
            files::bytes.eq(file.bytes),
            files::sha256.eq(&file.sha256[..]),
            files::version.eq(file.version),
            files::created_at.eq(file.created_at),
            files::updated_at.eq(file.updated_at),
        ))
        .execute(tx)?;
    count(tx, file.account, 1, file.bytes)
}

/// Stores name, description and the values derived from them.
pub fn update(tx: &mut AnyConnection, file: &File) -> Result<(), Fault> {
    let (name_key, search_key) = keys(file);
    diesel::update(files::table.find(file.id.to_string()))
        .set((
            files::name.eq(&file.name),
            files::name_key.eq(name_key),
            files::description.eq(&file.description),
            files::search_key.eq(search_key),
            files::version.eq(file.version),
            files::updated_at.eq(file.updated_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// The keys by which files are sorted and searched.
fn keys(file: &File) -> (String, String) {
    let name = FileName::sent(&file.name).key();
    let description = file.description.as_deref().unwrap_or_default();
    let search = format!("{name}\n{}", folded(description));
    (name, search)
}

pub fn delete(tx: &mut AnyConnection, file: &File) -> Result<(), Fault> {
    diesel::delete(files::table.find(file.id.to_string())).execute(tx)?;
    count(tx, file.account, -1, -file.bytes)
}

/// Makes all files of all accounts strays.
pub fn set_all_stray(tx: &mut AnyConnection) -> Result<(), Fault> {
    insert_strays(tx, files::table.into_boxed(), 0)?;
    diesel::delete(files::table).execute(tx)?;
    diesel::delete(shelves::table).execute(tx)?;
    diesel::update(shelf_totals::table)
        .set((shelf_totals::files.eq(0), shelf_totals::bytes.eq(0)))
        .execute(tx)?;
    diesel::update(stray_blobs::table)
        .set(stray_blobs::ends_at.eq(0))
        .execute(tx)?;
    Ok(())
}

/// Deletes all files of an account; their bytes are stray from then on.
pub fn delete_all(
    tx: &mut AnyConnection,
    account: AccountId,
    now: UnixSeconds,
) -> Result<(), Fault> {
    insert_strays(tx, owned(account).into_boxed(), now)?;
    diesel::delete(owned(account)).execute(tx)?;
    let all = usage(tx, account)?;
    add_total(tx, account, -all.files, -all.bytes)?;
    diesel::delete(shelves::table.find(account.to_string())).execute(tx)?;
    Ok(())
}

// Usage and quotas

/// The usage of an account, and its own quota if it has one.
pub fn usage(db: &mut AnyConnection, account: AccountId) -> Result<Usage, Fault> {
    let row: Option<(i64, i64, Option<i64>, Option<i64>)> = shelves::table
        .find(account.to_string())
        .select((
            shelves::files,
            shelves::bytes,
            shelves::files_max,
            shelves::bytes_max,
        ))
        .first(db)
        .optional()?;
    let (files, bytes, files_max, bytes_max) = row.unwrap_or_default();
    Ok(Usage {
        files,
        bytes,
        quota: Quota {
            files: files_max,
            bytes: bytes_max,
        },
    })
}

pub fn set_quota(tx: &mut AnyConnection, account: AccountId, quota: Quota) -> Result<(), Fault> {
    count(tx, account, 0, 0)?;
    diesel::update(shelves::table.find(account.to_string()))
        .set((
            shelves::files_max.eq(quota.files),
            shelves::bytes_max.eq(quota.bytes),
        ))
        .execute(tx)?;
    Ok(())
}

/// The number of files and bytes of all accounts.
pub fn totals(db: &mut AnyConnection) -> Result<(i64, i64), Fault> {
    let parts: Vec<(i64, i64)> = shelf_totals::table
        .select((shelf_totals::files, shelf_totals::bytes))
        .load(db)?;
    let sum = |(files, bytes), (more, more_bytes)| (files + more, bytes + more_bytes);
    Ok(parts.into_iter().fold((0, 0), sum))
}

/// Adds to the totals of all accounts. They are kept in sixteen parts, by the first digit of the
/// account's id, so that uploads of different accounts rarely wait for each other.
fn add_total(
    tx: &mut AnyConnection,
    account: AccountId,
    more: i64,
    bytes: i64,
) -> Result<(), Fault> {
    let part = account.to_string()[..1].to_owned();
    diesel::update(shelf_totals::table.find(part))
        .set((
            shelf_totals::files.eq(shelf_totals::files + more),
            shelf_totals::bytes.eq(shelf_totals::bytes + bytes),
        ))
        .execute(tx)?;
    Ok(())
}

/// The caller has locked the account.
fn count(tx: &mut AnyConnection, account: AccountId, more: i64, bytes: i64) -> Result<(), Fault> {
    let counted = diesel::update(shelves::table.find(account.to_string()))
        .set((
            shelves::files.eq(shelves::files + more),
            shelves::bytes.eq(shelves::bytes + bytes),
        ))
        .execute(tx)?;
    if counted == 0 {
        diesel::insert_into(shelves::table)
            .values((
                shelves::account_id.eq(account.to_string()),
                shelves::files.eq(more),
                shelves::bytes.eq(bytes),
            ))
            .execute(tx)?;
    }
    add_total(tx, account, more, bytes)
}

// Thumbnails

pub fn insert_due(tx: &mut AnyConnection, file: &File) -> Result<(), Fault> {
    diesel::insert_into(thumbnails_due::table)
        .values((
            thumbnails_due::file_id.eq(file.id.to_string()),
            thumbnails_due::account_id.eq(file.account.to_string()),
            thumbnails_due::bytes.eq(file.bytes),
            thumbnails_due::attempts.eq(0),
            thumbnails_due::due_at.eq(file.created_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// The first due thumbnail of the next account after `last` that has one; after the last account
/// comes the first.
pub fn next_due(
    db: &mut AnyConnection,
    last: Option<AccountId>,
    now: UnixSeconds,
) -> Result<Option<Due>, Fault> {
    let behind = last.map(|account| account.to_string()).unwrap_or_default();
    let first_behind = |db: &mut AnyConnection, behind: &str| {
        let found: Option<(String, String, i64, i64)> = thumbnails_due::table
            .filter(thumbnails_due::account_id.gt(behind.to_owned()))
            .filter(thumbnails_due::due_at.le(now))
            .order((thumbnails_due::account_id, thumbnails_due::due_at))
            .select((
                thumbnails_due::file_id,
                thumbnails_due::account_id,
                thumbnails_due::bytes,
                thumbnails_due::attempts,
            ))
            .first(db)
            .optional()?;
        Ok::<_, Fault>(found)
    };
    let found = match first_behind(db, &behind)? {
        None if !behind.is_empty() => first_behind(db, "")?,
        found => found,
    };
    let parsed = found.map(|(file, account, bytes, attempts)| {
        let malformed = || Fault::new("the row of a thumbnail that is due is damaged");
        Ok(Due {
            file: FileId::parse(&file).ok_or_else(malformed)?,
            account: AccountId::parse(&account).ok_or_else(malformed)?,
            bytes,
            attempts,
        })
    });
    parsed.transpose()
}

/// Takes the thumbnail: no other server makes it before `due_at`.
pub fn take_due(
    tx: &mut AnyConnection,
    file: FileId,
    attempts: i64,
    due_at: UnixSeconds,
) -> Result<(), Fault> {
    diesel::update(thumbnails_due::table.find(file.to_string()))
        .set((
            thumbnails_due::attempts.eq(attempts),
            thumbnails_due::due_at.eq(due_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// Stores a thumbnail, or `None` for a file that gets none. It is not due any more.
pub fn set_thumbnail(
    tx: &mut AnyConnection,
    file: FileId,
    thumbnail: Option<&[u8]>,
) -> Result<(), Fault> {
    diesel::delete(thumbnails_due::table.find(file.to_string())).execute(tx)?;
    if let Some(thumbnail) = thumbnail {
        diesel::update(files::table.find(file.to_string()))
            .set(files::thumbnail.eq(thumbnail))
            .execute(tx)?;
    }
    Ok(())
}

// Strays

/// The number of an account's uploads, and the bytes of the quota that they reserve.
pub fn arriving(db: &mut AnyConnection, account: AccountId) -> Result<(i64, i64), Fault> {
    let held: Vec<i64> = stray_blobs::table
        .filter(stray_blobs::account_id.eq(account.to_string()))
        .select(stray_blobs::bytes)
        .load(db)?;
    let count = i64::try_from(held.len()).unwrap_or(i64::MAX);
    Ok((count, held.iter().sum()))
}

pub fn insert_arriving(
    tx: &mut AnyConnection,
    id: FileId,
    account: AccountId,
    ends_at: UnixSeconds,
) -> Result<(), Fault> {
    diesel::insert_into(stray_blobs::table)
        .values((
            stray_blobs::id.eq(id.to_string()),
            stray_blobs::account_id.eq(account.to_string()),
            stray_blobs::bytes.eq(0),
            stray_blobs::ends_at.eq(ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// The bytes that an upload reserves; `None` if it was swept.
pub fn held(db: &mut AnyConnection, id: FileId, account: AccountId) -> Result<Option<i64>, Fault> {
    Ok(stray_blobs::table
        .find(id.to_string())
        .filter(stray_blobs::account_id.eq(account.to_string()))
        .select(stray_blobs::bytes)
        .first(db)
        .optional()?)
}

pub fn hold(tx: &mut AnyConnection, id: FileId, bytes: i64) -> Result<(), Fault> {
    diesel::update(stray_blobs::table.find(id.to_string()))
        .set(stray_blobs::bytes.eq(bytes))
        .execute(tx)?;
    Ok(())
}

/// Renews all uploads of an account whose lease has not ended.
pub fn renew_arriving(
    tx: &mut AnyConnection,
    account: AccountId,
    now: UnixSeconds,
    ends_at: UnixSeconds,
) -> Result<(), Fault> {
    let arriving = stray_blobs::table
        .filter(stray_blobs::account_id.eq(account.to_string()))
        .filter(stray_blobs::ends_at.gt(now));
    diesel::update(arriving)
        .set(stray_blobs::ends_at.eq(ends_at))
        .execute(tx)?;
    Ok(())
}

/// Deletes the row of an upload; `false` if it was swept.
pub fn forget_arriving(
    tx: &mut AnyConnection,
    id: FileId,
    account: AccountId,
) -> Result<bool, Fault> {
    let arriving = stray_blobs::table
        .filter(stray_blobs::id.eq(id.to_string()))
        .filter(stray_blobs::account_id.eq(account.to_string()));
    Ok(diesel::delete(arriving).execute(tx)? == 1)
}

/// Makes a deleted file a stray; after `ends_at` any server deletes its bytes.
pub fn set_stray(tx: &mut AnyConnection, file: &File, ends_at: UnixSeconds) -> Result<(), Fault> {
    diesel::insert_into(stray_blobs::table)
        .values((
            stray_blobs::id.eq(file.id.to_string()),
            stray_blobs::bytes.eq(file.bytes),
            stray_blobs::ends_at.eq(ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// Inserts all of them in one statement.
fn insert_strays(
    tx: &mut AnyConnection,
    of: files::BoxedQuery<'_, Backend>,
    ends_at: UnixSeconds,
) -> Result<(), Fault> {
    of.select((files::id, files::bytes, ends_at.into_sql::<BigInt>()))
        .insert_into(stray_blobs::table)
        .into_columns((stray_blobs::id, stray_blobs::bytes, stray_blobs::ends_at))
        .execute(tx)?;
    Ok(())
}

/// Takes a stray over until `ends_at`; `false` if its lease has not ended: it may have become a
/// file, or been renewed, since it was listed.
pub fn take_over(
    tx: &mut AnyConnection,
    id: FileId,
    now: UnixSeconds,
    ends_at: UnixSeconds,
) -> Result<bool, Fault> {
    let stray = stray_blobs::table
        .filter(stray_blobs::id.eq(id.to_string()))
        .filter(stray_blobs::ends_at.le(now));
    let taken = diesel::update(stray)
        .set((
            stray_blobs::account_id.eq(None::<String>),
            stray_blobs::ends_at.eq(ends_at),
        ))
        .execute(tx)?;
    Ok(taken == 1)
}

/// The strays whose lease has ended, with the most bytes that each can have.
pub fn strays(
    db: &mut AnyConnection,
    now: UnixSeconds,
    limit: i64,
) -> Result<Vec<(FileId, i64)>, Fault> {
    let strays: Vec<(String, i64)> = stray_blobs::table
        .filter(stray_blobs::ends_at.le(now))
        .order(stray_blobs::ends_at)
        .limit(limit)
        .select((stray_blobs::id, stray_blobs::bytes))
        .load(db)?;
    let parsed = strays.into_iter().map(|(id, bytes)| {
        let id = FileId::parse(&id).ok_or_else(|| Fault::new("a stray without an id"))?;
        Ok((id, bytes))
    });
    parsed.collect()
}

/// Leaves a stray without an account; any server deletes it after `ends_at`.
pub fn leave_stray(tx: &mut AnyConnection, id: FileId, ends_at: UnixSeconds) -> Result<(), Fault> {
    diesel::update(stray_blobs::table.find(id.to_string()))
        .set((
            stray_blobs::account_id.eq(None::<String>),
            stray_blobs::ends_at.eq(ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn forget_stray(tx: &mut AnyConnection, id: FileId) -> Result<(), Fault> {
    diesel::delete(stray_blobs::table.find(id.to_string())).execute(tx)?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn owned(account: AccountId) -> _ {
    let account: String = account.to_string();
    files::table.filter(files::account_id.eq(account))
}
