//! The table of budgets.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{Key, Millis, Over, Unit};
use crate::base::clock::{CLOCKS_APART_SECONDS, UnixSeconds};
use crate::base::fault::Fault;
use crate::storage::schema::limits;
use crate::storage::{AnyConnection, Tx, is_taken};

/// Why units were not taken; then the transaction has to be rolled back.
pub enum NotTaken {
    Over(Over),
    Fault(Fault),
}

impl From<Fault> for NotTaken {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<diesel::result::Error> for NotTaken {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Takes all units or none.
pub fn take(tx: &mut Tx<'_>, units: &[Unit], now: Millis) -> Result<(), NotTaken> {
    for unit in units {
        if !advance(tx, unit, now)? && !begin(tx, unit, now)? && !advance(tx, unit, now)? {
            let until = until(tx, unit, now)?;
            return Err(NotTaken::Over(Over { unit: *unit, until }));
        }
    }
    Ok(())
}

/// Moves the moment at which the budget is full again, in one statement with the check that a unit
/// is left. `false` without a row, or without a unit.
fn advance(tx: &mut AnyConnection, unit: &Unit, now: Millis) -> Result<bool, Fault> {
    // Later than a server's clock near ours can have written: a clock was ahead, and the row is
    // ignored.
    let never = now + unit.window + CLOCKS_APART_SECONDS * 1000;
    let next = format!(
        "CASE WHEN full_at > {now} AND full_at <= {never} THEN full_at ELSE {now} END + {}",
        unit.every
    );
    let is_left = limits::full_at.le(now + unit.window - unit.every);
    let moved = diesel::update(limits::table.find(&unit.key.0[..]))
        .filter(is_left.or(limits::full_at.gt(never)))
        .set(limits::full_at.eq(sql::<BigInt>(&next)))
        .execute(tx)?;
    Ok(moved == 1)
}

/// Makes the row. `false` if it exists already.
fn begin(tx: &mut AnyConnection, unit: &Unit, now: Millis) -> Result<bool, Fault> {
    let made = tx.transaction(|tx| {
        diesel::insert_into(limits::table)
            .values((
                limits::key.eq(&unit.key.0[..]),
                limits::budget.eq(unit.budget.as_str()),
                limits::full_at.eq(now + unit.every),
            ))
            .execute(tx)
    });
    match made {
        Ok(_) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// When a unit is available again.
fn until(tx: &mut AnyConnection, unit: &Unit, now: Millis) -> Result<Millis, Fault> {
    let full_at: Option<Millis> = limits::table
        .find(&unit.key.0[..])
        .select(limits::full_at)
        .first(tx)
        .optional()?;
    let full_at = full_at.unwrap_or(now).min(now + unit.window);
    Ok(full_at + unit.every - unit.window)
}

/// Returns units that were taken.
pub fn give_back(tx: &mut Tx<'_>, units: &[Unit]) -> Result<(), Fault> {
    for unit in units {
        diesel::update(limits::table.find(&unit.key.0[..]))
            .set(limits::full_at.eq(limits::full_at - unit.every))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Deletes these rows, and returns how many there were.
pub fn clear(tx: &mut Tx<'_>, keys: &[Key]) -> Result<usize, Fault> {
    let keys = keys.iter().map(|key| key.0.to_vec());
    let rows = limits::table.filter(limits::key.eq_any(keys.collect::<Vec<_>>()));
    Ok(diesel::delete(rows).execute(&mut **tx)?)
}

/// A budget that is not full.
#[derive(Debug)]
pub struct Listed {
    pub budget: String,
    /// In hexadecimal digits.
    pub key: String,
    pub full_at: UnixSeconds,
}

/// The budgets that are not full, the emptiest first.
pub fn list(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Listed>, Fault> {
    let now = tx.now() * 1000;
    let rows: Vec<(String, Vec<u8>, Millis)> = limits::table
        .filter(limits::full_at.gt(now))
        .order(limits::full_at.desc())
        .limit(limit)
        .select((limits::budget, limits::key, limits::full_at))
        .load(&mut **tx)?;
    let listed = |(budget, key, full_at): (String, Vec<u8>, Millis)| Listed {
        budget,
        key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
        full_at: full_at / 1000,
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// Deletes rows of budgets that were full before `moment`, and returns how many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, limit: i64) -> Result<usize, Fault> {
    let full = limits::table
        .filter(limits::full_at.le(moment * 1000))
        .select(limits::key)
        .limit(limit);
    let keys: Vec<Vec<u8>> = full.load(tx)?;
    let rows = limits::table
        .filter(limits::key.eq_any(keys))
        .filter(limits::full_at.le(moment * 1000));
    Ok(diesel::delete(rows).execute(tx)?)
}
