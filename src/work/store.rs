//! The table of work items. Positions count from 1 in each account; the database refuses two
//! items at one position, and a deleted item leaves a harmless gap.

use diesel::prelude::*;

use super::{Item, Status};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, ItemId};
use crate::storage::schema::work_items;
use crate::storage::{AnyConnection, Backend};

#[derive(Queryable, Selectable)]
#[diesel(table_name = work_items)]
struct Row {
    id: String,
    title: String,
    done_at: Option<i64>,
    version: i64,
    created_at: i64,
    updated_at: i64,
    position: i64,
}

impl Row {
    fn item(self) -> Result<Item, Fault> {
        Ok(Item {
            id: ItemId::parse(&self.id).ok_or_else(|| Fault::new("a work item without an id"))?,
            title: self.title,
            done_at: self.done_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            position: self.position,
        })
    }
}

pub fn list(
    db: &mut AnyConnection,
    account: AccountId,
    status: Option<Status>,
    after: i64,
    limit: usize,
) -> Result<Vec<Item>, Fault> {
    let rows: Vec<Row> = of_status(account, status)
        .filter(work_items::position.gt(after))
        .order(work_items::position)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::item).collect()
}

pub fn find(db: &mut AnyConnection, account: AccountId, id: ItemId) -> Result<Option<Item>, Fault> {
    let row: Option<Row> = owned(account)
        .filter(work_items::id.eq(id.to_string()))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::item).transpose()
}

/// The number of items of this status up to `position`.
pub fn count(
    db: &mut AnyConnection,
    account: AccountId,
    status: Option<Status>,
    position: i64,
) -> Result<i64, Fault> {
    let until = of_status(account, status).filter(work_items::position.le(position));
    Ok(until.count().get_result(db)?)
}

/// 0 without items.
pub fn last_position(db: &mut AnyConnection, account: AccountId) -> Result<i64, Fault> {
    Ok(position_before(db, account, None, i64::MAX)?.unwrap_or(0))
}

/// The position of the nearest item of this status before `position`.
pub fn position_before(
    db: &mut AnyConnection,
    account: AccountId,
    status: Option<Status>,
    position: i64,
) -> Result<Option<i64>, Fault> {
    Ok(of_status(account, status)
        .filter(work_items::position.lt(position))
        .order(work_items::position.desc())
        .select(work_items::position)
        .first(db)
        .optional()?)
}

/// The position of the nearest item of this status after `position`.
pub fn position_after(
    db: &mut AnyConnection,
    account: AccountId,
    status: Option<Status>,
    position: i64,
) -> Result<Option<i64>, Fault> {
    Ok(of_status(account, status)
        .filter(work_items::position.gt(position))
        .order(work_items::position)
        .select(work_items::position)
        .first(db)
        .optional()?)
}

pub fn insert(tx: &mut AnyConnection, account: AccountId, item: &Item) -> Result<(), Fault> {
    diesel::insert_into(work_items::table)
        .values((
            work_items::id.eq(item.id.to_string()),
            work_items::account_id.eq(account.to_string()),
            work_items::title.eq(&item.title),
            work_items::done_at.eq(item.done_at),
            work_items::position.eq(item.position),
            work_items::version.eq(item.version),
            work_items::created_at.eq(item.created_at),
            work_items::updated_at.eq(item.updated_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// Stores everything but its position.
pub fn update(tx: &mut AnyConnection, account: AccountId, item: &Item) -> Result<(), Fault> {
    diesel::update(owned(account).filter(work_items::id.eq(item.id.to_string())))
        .set((
            work_items::title.eq(&item.title),
            work_items::done_at.eq(item.done_at),
            work_items::version.eq(item.version),
            work_items::updated_at.eq(item.updated_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// Moves the item at `from` to `to`, and those between by one towards `from`. Uses negative numbers
/// in between, because positions are unique at every step of an update.
pub fn shift(tx: &mut AnyConnection, account: AccountId, from: i64, to: i64) -> Result<(), Fault> {
    let (first, last, by) = if from < to {
        (from + 1, to, -1)
    } else {
        (to, from - 1, 1)
    };
    diesel::update(owned(account).filter(work_items::position.eq(from)))
        .set(work_items::position.eq(-to))
        .execute(tx)?;
    diesel::update(owned(account).filter(work_items::position.between(first, last)))
        .set(work_items::position.eq(work_items::position * -1 - by))
        .execute(tx)?;
    diesel::update(owned(account).filter(work_items::position.lt(0)))
        .set(work_items::position.eq(work_items::position * -1))
        .execute(tx)?;
    Ok(())
}

pub fn delete(tx: &mut AnyConnection, account: AccountId, id: ItemId) -> Result<(), Fault> {
    diesel::delete(owned(account).filter(work_items::id.eq(id.to_string()))).execute(tx)?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn owned(account: AccountId) -> _ {
    let account: String = account.to_string();
    work_items::table.filter(work_items::account_id.eq(account))
}

/// The items of a status, or all. Boxed, because the queries have different types.
fn of_status<'a>(
    account: AccountId,
    status: Option<Status>,
) -> work_items::BoxedQuery<'a, Backend> {
    let owned = owned(account).into_boxed();
    match status {
        Some(Status::Open) => owned.filter(work_items::done_at.is_null()),
        Some(Status::Done) => owned.filter(work_items::done_at.is_not_null()),
        None => owned,
    }
}
