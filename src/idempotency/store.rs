//! The table of keys.

use diesel::prelude::*;

use super::{AccountId, AnyConnection, Claim, Fault, IdempotencyKey, UnixSeconds, oldest_kept};
use crate::storage::schema::idempotency_keys;

/// Looks a key up.
pub fn look(
    db: &mut AnyConnection,
    account: AccountId,
    key: &IdempotencyKey,
    now: UnixSeconds,
) -> Result<Claim, Fault> {
    let known: Option<(Vec<u8>, String)> = idempotency_keys::table
        .find((account.to_string(), &key.text))
        .filter(idempotency_keys::created_at.gt(oldest_kept(now)))
        .select((idempotency_keys::fingerprint, idempotency_keys::resource_id))
        .first(db)
        .optional()?;
    Ok(match known {
        None => Claim::New,
        Some((fingerprint, made)) if fingerprint == key.fingerprint => Claim::Replay(made),
        Some(_) => Claim::Mismatch,
    })
}

/// Claims the key for `resource`, which the same transaction creates. The caller has locked the
/// account ([`crate::accounts::lock`]) or created it, so the second of two concurrent requests
/// finds the result of the first.
pub fn claim(
    tx: &mut AnyConnection,
    account: AccountId,
    key: &IdempotencyKey,
    resource: &str,
    now: UnixSeconds,
) -> Result<Claim, Fault> {
    let claim = look(tx, account, key, now)?;
    if claim != Claim::New {
        return Ok(claim);
    }
    let account = account.to_string();
    // An expired key may still be stored.
    diesel::delete(idempotency_keys::table.find((&account, &key.text))).execute(tx)?;
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::account_id.eq(&account),
            idempotency_keys::key.eq(&key.text),
            idempotency_keys::fingerprint.eq(&key.fingerprint[..]),
            idempotency_keys::resource_id.eq(resource),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(claim)
}

/// Deletes at most `most` expired keys and returns how many.
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
