//! The table of sessions.

use diesel::prelude::*;

use super::refresh::Seed;
use super::{
    Client, ClientKind, Cursor, DAY, EndReason, HOUR, Listed, Persistence, SHORT_SESSION_HOURS,
    idle_end,
};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::config::SessionsConfig;
use crate::storage::AnyConnection;
use crate::storage::schema::sessions;
use crate::tokens::Authentication;

#[derive(Clone)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: UnixSeconds,
    pub idle_ends_at: UnixSeconds,
    pub ends_at: UnixSeconds,
    pub ended_at: Option<UnixSeconds>,
    pub stay: Persistence,
    pub kind: ClientKind,
    pub client: Client,
    pub refresh_seed: Seed,
    pub generation: i64,
    pub rotated_at: UnixSeconds,
    /// The last authentication of its owner.
    pub proved: Authentication,
    pub last_seen_at: UnixSeconds,
}

impl Session {
    /// The row of a session that starts now.
    pub fn new(
        account_id: AccountId,
        (kind, client): (ClientKind, Client),
        stay: Persistence,
        now: UnixSeconds,
        proved: Authentication,
        config: &SessionsConfig,
    ) -> Self {
        let ends_at = now
            + match stay {
                Persistence::ThisVisit => SHORT_SESSION_HOURS * HOUR,
                Persistence::Remembered => config.absolute_days * DAY,
            };
        Self {
            id: SessionId::new(),
            account_id,
            created_at: now,
            idle_ends_at: idle_end(now, ends_at, config),
            ends_at,
            ended_at: None,
            stay,
            kind,
            client,
            refresh_seed: crate::base::random::bytes(),
            generation: 0,
            rotated_at: now,
            proved,
            last_seen_at: now,
        }
    }

    pub fn listed(self) -> Listed {
        Listed {
            id: self.id,
            client: self.client,
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
            ends_at: self.ends_at,
        }
    }

    pub fn lives_at(&self, now: UnixSeconds) -> bool {
        self.ended_at.is_none() && now < self.idle_ends_at && now < self.ends_at
    }
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = sessions)]
struct Row {
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
    verified_at: i64,
    last_seen_at: i64,
    end_reason: Option<String>,
    program: bool,
    amr: String,
}

impl Row {
    fn session(self) -> Option<Session> {
        Some(Session {
            id: SessionId::parse(&self.id)?,
            account_id: AccountId::parse(&self.account_id)?,
            created_at: self.created_at,
            idle_ends_at: self.idle_ends_at,
            ends_at: self.ends_at,
            ended_at: self.ended_at,
            stay: if self.stay_signed_in {
                Persistence::Remembered
            } else {
                Persistence::ThisVisit
            },
            kind: if self.program {
                ClientKind::Program
            } else {
                ClientKind::Browser
            },
            client: Client {
                address: self.address,
                user_agent: self.user_agent,
            },
            refresh_seed: self.refresh_seed.try_into().ok()?,
            generation: self.generation,
            rotated_at: self.rotated_at,
            proved: Authentication {
                auth_time: self.verified_at,
                amr: self.amr.split_whitespace().map(str::to_owned).collect(),
            },
            last_seen_at: self.last_seen_at,
        })
    }
}

pub fn insert(tx: &mut AnyConnection, row: &Session) -> Result<(), Fault> {
    let stored = Row {
        id: row.id.to_string(),
        account_id: row.account_id.to_string(),
        created_at: row.created_at,
        idle_ends_at: row.idle_ends_at,
        ends_at: row.ends_at,
        ended_at: row.ended_at,
        stay_signed_in: row.stay == Persistence::Remembered,
        address: row.client.address.clone(),
        user_agent: row.client.user_agent.clone(),
        refresh_seed: row.refresh_seed.to_vec(),
        generation: row.generation,
        rotated_at: row.rotated_at,
        verified_at: row.proved.auth_time,
        last_seen_at: row.last_seen_at,
        end_reason: None,
        program: row.kind == ClientKind::Program,
        amr: row.proved.amr.join(" "),
    };
    diesel::insert_into(sessions::table)
        .values(stored)
        .execute(tx)?;
    Ok(())
}

pub fn find(db: &mut AnyConnection, id: SessionId) -> Result<Option<Session>, Fault> {
    let stored: Option<Row> = sessions::table.find(id.to_string()).first(db).optional()?;
    stored.map(read).transpose()
}

fn read(stored: Row) -> Result<Session, Fault> {
    stored
        .session()
        .ok_or_else(|| Fault::new("a damaged session row"))
}

/// The active sessions, latest first.
pub fn list(
    db: &mut AnyConnection,
    account: AccountId,
    now: UnixSeconds,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Listed>, Fault> {
    let before = after.map_or((i64::MAX, String::new()), |after| {
        (after.value, after.id.to_string())
    });
    let stored: Vec<Row> = sessions::table
        .filter(sessions::account_id.eq(account.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::ends_at.gt(now))
        .filter(sessions::idle_ends_at.gt(now))
        .filter(
            sessions::created_at.lt(before.0).or(sessions::created_at
                .eq(before.0)
                .and(sessions::id.gt(before.1))),
        )
        .order((sessions::created_at.desc(), sessions::id))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(db)?;
    stored
        .into_iter()
        .map(|stored| read(stored).map(Session::listed))
        .collect()
}

/// Every session of an account that has not been ended.
pub fn living(db: &mut AnyConnection, account: AccountId) -> Result<Vec<SessionId>, Fault> {
    let ids: Vec<String> = sessions::table
        .select(sessions::id)
        .filter(sessions::account_id.eq(account.to_string()))
        .filter(sessions::ended_at.is_null())
        .load(db)?;
    Ok(ids.iter().filter_map(|id| SessionId::parse(id)).collect())
}

/// Whether an account has another session than this one, active or ended.
pub fn has_other(
    db: &mut AnyConnection,
    account: AccountId,
    session: SessionId,
) -> Result<bool, Fault> {
    let other: Option<String> = sessions::table
        .select(sessions::id)
        .filter(sessions::account_id.eq(account.to_string()))
        .filter(sessions::id.ne(session.to_string()))
        .first(db)
        .optional()?;
    Ok(other.is_some())
}

/// The sessions of one kind that are active at `now`, without the newest `kept`.
pub fn living_beyond(
    db: &mut AnyConnection,
    account: AccountId,
    kind: ClientKind,
    kept: i64,
    now: UnixSeconds,
) -> Result<Vec<SessionId>, Fault> {
    let ids: Vec<String> = sessions::table
        .select(sessions::id)
        .filter(sessions::account_id.eq(account.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::ends_at.gt(now))
        .filter(sessions::idle_ends_at.gt(now))
        .filter(sessions::program.eq(kind == ClientKind::Program))
        .order((sessions::created_at.desc(), sessions::id))
        .limit(i64::MAX)
        .offset(kept)
        .load(db)?;
    Ok(ids.iter().filter_map(|id| SessionId::parse(id)).collect())
}

/// When a session of this account last ended for this reason.
pub fn last_end(
    db: &mut AnyConnection,
    account: AccountId,
    why: EndReason,
) -> Result<Option<UnixSeconds>, Fault> {
    let at: Option<Option<i64>> = sessions::table
        .select(sessions::ended_at)
        .filter(sessions::account_id.eq(account.to_string()))
        .filter(sessions::end_reason.eq(why.as_str()))
        .order(sessions::ended_at.desc())
        .first(db)
        .optional()?;
    Ok(at.flatten())
}

/// Locks the row until the transaction ends and reads it. An update that changes nothing locks it
/// in every database, which `SELECT … FOR UPDATE` does not.
pub fn lock(tx: &mut AnyConnection, id: SessionId) -> Result<Option<Session>, Fault> {
    diesel::update(sessions::table.find(id.to_string()))
        .set(sessions::generation.eq(sessions::generation))
        .execute(tx)?;
    find(tx, id)
}

/// Stores what changes when a session is renewed or its owner authenticates again.
pub fn renew(tx: &mut AnyConnection, row: &Session) -> Result<(), Fault> {
    diesel::update(sessions::table.find(row.id.to_string()))
        .set((
            sessions::generation.eq(row.generation),
            sessions::rotated_at.eq(row.rotated_at),
            sessions::idle_ends_at.eq(row.idle_ends_at),
            sessions::verified_at.eq(row.proved.auth_time),
            sessions::amr.eq(row.proved.amr.join(" ")),
            sessions::refresh_seed.eq(row.refresh_seed.to_vec()),
            sessions::last_seen_at.eq(row.last_seen_at),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn end(
    tx: &mut AnyConnection,
    id: SessionId,
    now: UnixSeconds,
    why: EndReason,
) -> Result<(), Fault> {
    diesel::update(
        sessions::table
            .find(id.to_string())
            .filter(sessions::ended_at.is_null()),
    )
    .set((
        sessions::ended_at.eq(now),
        sessions::end_reason.eq(why.as_str()),
    ))
    .execute(tx)?;
    Ok(())
}

/// Ends every session of an account but `keep`.
pub fn end_all(
    tx: &mut AnyConnection,
    account: AccountId,
    keep: Option<SessionId>,
    now: UnixSeconds,
    why: EndReason,
) -> Result<(), Fault> {
    // Ids are never empty.
    let keep = keep.map_or_else(String::new, |id| id.to_string());
    diesel::update(
        sessions::table
            .filter(sessions::account_id.eq(account.to_string()))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::id.ne(keep)),
    )
    .set((
        sessions::ended_at.eq(now),
        sessions::end_reason.eq(why.as_str()),
    ))
    .execute(tx)?;
    Ok(())
}

/// Ends at most `most` sessions and returns how many.
pub fn end_some(
    tx: &mut AnyConnection,
    now: UnixSeconds,
    why: EndReason,
    most: i64,
) -> Result<usize, Fault> {
    let some: Vec<String> = sessions::table
        .select(sessions::id)
        .filter(sessions::ended_at.is_null())
        .limit(most)
        .load(tx)?;
    let ended = diesel::update(sessions::table.filter(sessions::id.eq_any(some)))
        .set((
            sessions::ended_at.eq(now),
            sessions::end_reason.eq(why.as_str()),
        ))
        .execute(tx)?;
    Ok(ended)
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

/// Deletes at most `most` sessions that ended before `moment` and returns how many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<String> = sessions::table
        .select(sessions::id)
        .filter(sessions::ends_at.lt(moment))
        .or_filter(sessions::ended_at.lt(moment))
        .limit(most)
        .load(tx)?;
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(old))).execute(tx)?)
}
