//! The table of signing keys.

use diesel::prelude::*;

use super::key::{KeyEncryption, RingKey, SigningKey};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::config::SigningAlgorithm;
use crate::storage::AnyConnection;
use crate::storage::schema::signing_keys;

/// The id of each key and when it starts to sign, in that order.
pub fn list(db: &mut AnyConnection) -> Result<Vec<(String, UnixSeconds)>, Fault> {
    Ok(signing_keys::table
        .select((signing_keys::id, signing_keys::active_at))
        .order((signing_keys::active_at, signing_keys::id))
        .load(db)?)
}

/// All keys, in the order of [`list`].
///
/// # Errors
/// When a key was encrypted under another secret, or is damaged.
pub fn load(db: &mut AnyConnection, encryption: &KeyEncryption) -> Result<Vec<RingKey>, Fault> {
    let rows: Vec<(String, String, Vec<u8>, i64, i64)> = signing_keys::table
        .select((
            signing_keys::id,
            signing_keys::algorithm,
            signing_keys::sealed_private_key,
            signing_keys::created_at,
            signing_keys::active_at,
        ))
        .order((signing_keys::active_at, signing_keys::id))
        .load(db)?;
    rows.into_iter()
        .map(|(id, algorithm, sealed, created_at, active_at)| {
            let id = KeyId::parse(&id).ok_or_else(|| Fault::new("a signing key without an id"))?;
            let algorithm = SigningAlgorithm::parse(&algorithm)
                .ok_or_else(|| Fault::new("a signing key of an unknown algorithm"))?;
            let private = encryption.decrypt(id, &sealed)?;
            Ok(RingKey {
                key: SigningKey::read(id, algorithm, &private)?,
                private,
                created_at,
                active_at,
            })
        })
        .collect()
}

pub fn insert(
    tx: &mut AnyConnection,
    encryption: &KeyEncryption,
    new: &RingKey,
) -> Result<(), Fault> {
    let public = new.key.public().map(serde_json::to_vec).transpose();
    let public = public.map_err(|error| Fault::caused("write a public key", error))?;
    diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::id.eq(new.key.id().to_string()),
            signing_keys::algorithm.eq(new.key.algorithm().as_str()),
            signing_keys::public_key.eq(public.unwrap_or_default()),
            signing_keys::sealed_private_key.eq(encryption.encrypt(new.key.id(), &new.private)?),
            signing_keys::created_at.eq(new.created_at),
            signing_keys::active_at.eq(new.active_at),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_active_at(tx: &mut AnyConnection, id: KeyId, at: UnixSeconds) -> Result<(), Fault> {
    diesel::update(signing_keys::table.find(id.to_string()))
        .set(signing_keys::active_at.eq(at))
        .execute(tx)?;
    Ok(())
}

pub fn delete(tx: &mut AnyConnection, id: KeyId) -> Result<(), Fault> {
    diesel::delete(signing_keys::table.find(id.to_string())).execute(tx)?;
    Ok(())
}
