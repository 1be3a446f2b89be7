//! The table of signing keys.

use diesel::prelude::*;

use super::key::{Seal, SigningKey};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::storage::schema::signing_keys;
use crate::storage::{self, AnyConnection};

/// The newest key, if there is one yet.
pub fn find(db: &mut AnyConnection, seal: &Seal) -> Result<Option<SigningKey>, Fault> {
    let newest: Option<(String, Vec<u8>)> = signing_keys::table
        .select((signing_keys::id, signing_keys::sealed_private_key))
        .order((signing_keys::created_at.desc(), signing_keys::id))
        .first(db)
        .optional()?;
    newest
        .map(|(id, sealed)| {
            let id = KeyId::parse(&id).ok_or_else(|| Fault::new("a signing key without an id"))?;
            SigningKey::read(id, &seal.open(id, &sealed)?)
        })
        .transpose()
}

/// The newest key; makes the first one.
pub fn load_or_make(
    tx: &mut AnyConnection,
    seal: &Seal,
    now: UnixSeconds,
) -> Result<SigningKey, Fault> {
    storage::one_at_a_time(tx)?;
    if let Some(key) = find(tx, seal)? {
        return Ok(key);
    }
    let (key, private) = SigningKey::generate()?;
    diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::id.eq(key.id().to_string()),
            signing_keys::algorithm.eq("EdDSA"),
            signing_keys::public_key.eq(key.public_bytes()),
            signing_keys::sealed_private_key.eq(seal.close(key.id(), &private)?),
            signing_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(key)
}
