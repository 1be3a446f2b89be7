//! The table of sessions.

use diesel::prelude::*;

use super::refresh::Seed;
use super::{Client, Stay};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::storage::AnyConnection;
use crate::storage::schema::sessions;

#[derive(Clone)]
pub struct Row {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: UnixSeconds,
    pub idle_ends_at: UnixSeconds,
    pub ends_at: UnixSeconds,
    pub ended_at: Option<UnixSeconds>,
    pub stay: Stay,
    pub client: Client,
    pub refresh_seed: Seed,
    pub generation: i64,
    pub rotated_at: UnixSeconds,
}

impl Row {
    pub fn lives_at(&self, now: UnixSeconds) -> bool {
        self.ended_at.is_none() && now < self.idle_ends_at && now < self.ends_at
    }
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = sessions)]
struct Stored {
    id: String,
    account_id: String,
    created_at: i64,
    idle_ends_at: i64,
    ends_at: i64,
    ended_at: Option<i64>,
    stay_signed_in: bool,
    address: String,
    user_agent: String,
    refresh_seed: Vec<u8>,
    generation: i64,
    rotated_at: i64,
}

impl Stored {
    fn row(self) -> Option<Row> {
        Some(Row {
            id: SessionId::parse(&self.id)?,
            account_id: AccountId::parse(&self.account_id)?,
            created_at: self.created_at,
            idle_ends_at: self.idle_ends_at,
            ends_at: self.ends_at,
            ended_at: self.ended_at,
            stay: if self.stay_signed_in {
                Stay::SignedIn
            } else {
                Stay::ThisVisit
            },
            client: Client {
                address: self.address,
                user_agent: self.user_agent,
            },
            refresh_seed: self.refresh_seed.try_into().ok()?,
            generation: self.generation,
            rotated_at: self.rotated_at,
        })
    }
}

pub fn insert(tx: &mut AnyConnection, row: &Row) -> Result<(), Fault> {
    let stored = Stored {
        id: row.id.to_string(),
        account_id: row.account_id.to_string(),
        created_at: row.created_at,
        idle_ends_at: row.idle_ends_at,
        ends_at: row.ends_at,
        ended_at: row.ended_at,
        stay_signed_in: row.stay == Stay::SignedIn,
        address: row.client.address.clone(),
        user_agent: row.client.user_agent.clone(),
        refresh_seed: row.refresh_seed.to_vec(),
        generation: row.generation,
        rotated_at: row.rotated_at,
    };
    diesel::insert_into(sessions::table)
        .values(stored)
        .execute(tx)?;
    Ok(())
}

pub fn find(db: &mut AnyConnection, id: SessionId) -> Result<Option<Row>, Fault> {
    let stored: Option<Stored> = sessions::table.find(id.to_string()).first(db).optional()?;
    stored
        .map(|stored| {
            stored
                .row()
                .ok_or_else(|| Fault::new("a damaged session row"))
        })
        .transpose()
}

/// The row, and nobody else's hands on it until the transaction ends. An update that changes
/// nothing locks it in every database, which `SELECT … FOR UPDATE` does not.
pub fn lock(tx: &mut AnyConnection, id: SessionId) -> Result<Option<Row>, Fault> {
    diesel::update(sessions::table.find(id.to_string()))
        .set(sessions::generation.eq(sessions::generation))
        .execute(tx)?;
    find(tx, id)
}

pub fn rotate(tx: &mut AnyConnection, row: &Row) -> Result<(), Fault> {
    diesel::update(sessions::table.find(row.id.to_string()))
        .set((
            sessions::generation.eq(row.generation),
            sessions::rotated_at.eq(row.rotated_at),
            sessions::idle_ends_at.eq(row.idle_ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn end(tx: &mut AnyConnection, id: SessionId, now: UnixSeconds) -> Result<(), Fault> {
    diesel::update(
        sessions::table
            .find(id.to_string())
            .filter(sessions::ended_at.is_null()),
    )
    .set(sessions::ended_at.eq(now))
    .execute(tx)?;
    Ok(())
}

pub fn ended_since(
    db: &mut AnyConnection,
    moment: UnixSeconds,
) -> Result<Vec<(SessionId, UnixSeconds)>, Fault> {
    let ended: Vec<(String, Option<i64>)> = sessions::table
        .select((sessions::id, sessions::ended_at))
        .filter(sessions::ended_at.ge(moment))
        .load(db)?;
    Ok(ended
        .into_iter()
        .filter_map(|(id, at)| Some((SessionId::parse(&id)?, at?)))
        .collect())
}

pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds) -> Result<(), Fault> {
    diesel::delete(sessions::table.filter(sessions::ends_at.lt(moment))).execute(tx)?;
    diesel::delete(sessions::table.filter(sessions::ended_at.lt(moment))).execute(tx)?;
    Ok(())
}
