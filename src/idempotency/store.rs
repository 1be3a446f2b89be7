//! The table of keys.

use diesel::prelude::*;

use super::{AccountId, AnyConnection, Claim, Fault, Once, UnixSeconds, oldest_kept};
use crate::storage::schema::idempotency_keys;

/// What the key is good for now.
pub fn look(
    db: &mut AnyConnection,
    account: AccountId,
    once: &Once,
    now: UnixSeconds,
) -> Result<Claim, Fault> {
    let known: Option<(Vec<u8>, String)> = idempotency_keys::table
        .find((account.to_string(), &once.key))
        .filter(idempotency_keys::created_at.gt(oldest_kept(now)))
        .select((idempotency_keys::fingerprint, idempotency_keys::resource_id))
        .first(db)
        .optional()?;
    Ok(match known {
        None => Claim::First,
        Some((fingerprint, made)) if fingerprint == once.fingerprint => Claim::Again(made),
        Some(_) => Claim::Reused,
    })
}

/// Claims the key for `resource`, which the same transaction makes. Whoever calls this has
/// locked the account ([`crate::accounts::lock`]) or made it: of two at once the second finds
/// what the first has made.
pub fn claim(
    tx: &mut AnyConnection,
    account: AccountId,
    once: &Once,
    resource: &str,
    now: UnixSeconds,
) -> Result<Claim, Fault> {
    let claim = look(tx, account, once, now)?;
    if claim != Claim::First {
        return Ok(claim);
    }
    let account = account.to_string();
    // One that counts no more may still be there.
    diesel::delete(idempotency_keys::table.find((&account, &once.key))).execute(tx)?;
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::account_id.eq(&account),
            idempotency_keys::key.eq(&once.key),
            idempotency_keys::fingerprint.eq(&once.fingerprint[..]),
            idempotency_keys::resource_id.eq(resource),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(claim)
}

/// Takes away no more than `most` of the keys that count no more, and says how many.
pub fn forget(tx: &mut AnyConnection, now: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<(String, String)> = idempotency_keys::table
        .select((idempotency_keys::account_id, idempotency_keys::key))
        .filter(idempotency_keys::created_at.le(oldest_kept(now)))
        .limit(most)
        .load(tx)?;
    let count = old.len();
    for (account, key) in old {
        diesel::delete(idempotency_keys::table.find((account, key))).execute(tx)?;
    }
    Ok(count)
}
