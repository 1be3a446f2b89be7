//! The table of keys.

use diesel::prelude::*;

use super::{AccountId, AnyConnection, Claim, Fault, Once, UnixSeconds, oldest_kept};
use crate::storage::schema::idempotency_keys;

/// Claims the key for `resource`, which the same transaction makes. Whoever calls this has
/// locked the account ([`crate::accounts::lock`]): of two at once the second finds what the
/// first has made.
///
/// # Errors
/// When the database is away.
pub fn claim(
    tx: &mut AnyConnection,
    account: AccountId,
    once: &Once,
    resource: &str,
    now: UnixSeconds,
) -> Result<Claim, Fault> {
    let account = account.to_string();
    let row = idempotency_keys::table.find((&account, &once.key));
    let known: Option<(Vec<u8>, String, i64)> = row
        .select((
            idempotency_keys::fingerprint,
            idempotency_keys::resource_id,
            idempotency_keys::created_at,
        ))
        .first(tx)
        .optional()?;
    match known {
        Some((fingerprint, made, at)) if at > oldest_kept(now) => {
            return Ok(if fingerprint == once.fingerprint {
                Claim::Again(made)
            } else {
                Claim::Reused
            });
        }
        Some(_) => {
            diesel::delete(row).execute(tx)?;
        }
        None => {}
    }
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::account_id.eq(&account),
            idempotency_keys::key.eq(&once.key),
            idempotency_keys::fingerprint.eq(&once.fingerprint[..]),
            idempotency_keys::resource_id.eq(resource),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(Claim::First)
}

/// Takes away the keys that count no more.
///
/// # Errors
/// When the database is away.
pub fn forget(tx: &mut AnyConnection, now: UnixSeconds) -> Result<(), Fault> {
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(oldest_kept(now)));
    diesel::delete(old).execute(tx)?;
    Ok(())
}
