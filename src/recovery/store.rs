//! The table of one-time tokens.

use diesel::prelude::*;

use super::Purpose;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::storage::AnyConnection;
use crate::storage::schema::one_time_tokens;

pub fn insert(
    tx: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    ends_at: UnixSeconds,
) -> Result<(), Fault> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::hash.eq(hash),
            one_time_tokens::purpose.eq(purpose.as_str()),
            one_time_tokens::ends_at.eq(ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn is_good(
    db: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<bool, Fault> {
    let count: i64 = one_time_tokens::table
        .filter(one_time_tokens::hash.eq(hash))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::ends_at.gt(now))
        .count()
        .get_result(db)?;
    Ok(count == 1)
}

/// Uses a token up, and all others of its purpose: each server has printed one at its start.
/// `false` if it is not valid. Of two concurrent uses, the database lets one delete it.
pub fn use_up(
    tx: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<bool, Fault> {
    let used = diesel::delete(
        one_time_tokens::table
            .filter(one_time_tokens::hash.eq(hash))
            .filter(one_time_tokens::purpose.eq(purpose.as_str()))
            .filter(one_time_tokens::ends_at.gt(now)),
    )
    .execute(tx)?;
    if used == 1 {
        diesel::delete(
            one_time_tokens::table.filter(one_time_tokens::purpose.eq(purpose.as_str())),
        )
        .execute(tx)?;
    }
    Ok(used == 1)
}

pub fn forget(tx: &mut AnyConnection, now: UnixSeconds) -> Result<(), Fault> {
    diesel::delete(one_time_tokens::table.filter(one_time_tokens::ends_at.le(now))).execute(tx)?;
    Ok(())
}
