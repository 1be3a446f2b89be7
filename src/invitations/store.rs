//! The table of invitations.

use diesel::prelude::*;

use super::{Cursor, Invitation};
use crate::access::Role;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, InvitationId};
use crate::base::names::Groups;
use crate::storage::AnyConnection;
use crate::storage::schema::invitations;

#[derive(Queryable, Selectable)]
#[diesel(table_name = invitations)]
struct Row {
    id: String,
    email: Option<String>,
    role: String,
    groups: String,
    uses: i64,
    uses_max: i64,
    created_at: i64,
    ends_at: i64,
    maker_id: Option<String>,
}

impl Row {
    fn invitation(self) -> Result<Invitation, Fault> {
        let damaged = || Fault::new("an invitation is damaged");
        Ok(Invitation {
            id: InvitationId::parse(&self.id).ok_or_else(damaged)?,
            email: self.email,
            role: Role::parse(&self.role).ok_or_else(damaged)?,
            groups: Groups::parse(&self.groups).map_err(|_| damaged())?,
            uses: self.uses,
            uses_max: self.uses_max,
            created_at: self.created_at,
            ends_at: self.ends_at,
            maker: self
                .maker_id
                .map(|id| AccountId::parse(&id).ok_or_else(damaged))
                .transpose()?,
            is_orphaned: false,
        })
    }
}

pub fn insert(tx: &mut AnyConnection, new: &Invitation, hash: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(invitations::table)
        .values((
            invitations::id.eq(new.id.to_string()),
            invitations::hash.eq(hash),
            invitations::email.eq(&new.email),
            invitations::role.eq(new.role.as_str()),
            invitations::groups.eq(new.groups.to_text()),
            invitations::uses.eq(new.uses),
            invitations::uses_max.eq(new.uses_max),
            invitations::created_at.eq(new.created_at),
            invitations::ends_at.eq(new.ends_at),
            invitations::maker_id.eq(new.maker.map(|id| id.to_string())),
        ))
        .execute(tx)?;
    Ok(())
}

/// An invitation that can be used.
pub fn find(
    db: &mut AnyConnection,
    hash: &[u8],
    now: UnixSeconds,
) -> Result<Option<Invitation>, Fault> {
    let row: Option<Row> = invitations::table
        .filter(invitations::hash.eq(hash))
        .filter(invitations::ends_at.gt(now))
        .filter(invitations::uses.lt(invitations::uses_max))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::invitation).transpose()
}

pub fn find_by_id(db: &mut AnyConnection, id: InvitationId) -> Result<Option<Invitation>, Fault> {
    let row: Option<Row> = invitations::table
        .find(id.to_string())
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::invitation).transpose()
}

/// Counts a use. `false` if the invitation cannot be used any more: of concurrent uses of the last
/// one, the database lets one count.
pub fn take(tx: &mut AnyConnection, id: InvitationId, now: UnixSeconds) -> Result<bool, Fault> {
    let open = invitations::table
        .filter(invitations::id.eq(id.to_string()))
        .filter(invitations::ends_at.gt(now))
        .filter(invitations::uses.lt(invitations::uses_max));
    let taken = diesel::update(open)
        .set(invitations::uses.eq(invitations::uses + 1))
        .execute(tx)?;
    Ok(taken == 1)
}

/// `false` without such an invitation.
pub fn delete(tx: &mut AnyConnection, id: InvitationId) -> Result<bool, Fault> {
    Ok(diesel::delete(invitations::table.find(id.to_string())).execute(tx)? == 1)
}

/// All, latest first.
pub fn list(
    db: &mut AnyConnection,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Invitation>, Fault> {
    let mut query = invitations::table.into_boxed::<crate::storage::Backend>();
    if let Some(after) = after {
        let (at, id) = (after.value, after.id.to_string());
        query = query
            .filter(invitations::created_at.le(at))
            .filter(invitations::created_at.lt(at).or(invitations::id.lt(id)));
    }
    let rows: Vec<Row> = query
        .order((invitations::created_at.desc(), invitations::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::invitation).collect()
}

/// Deletes at most `most` invitations that ended before `moment`, and returns how many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<String> = invitations::table
        .filter(invitations::ends_at.lt(moment))
        .select(invitations::id)
        .limit(most)
        .load(tx)?;
    Ok(diesel::delete(invitations::table.filter(invitations::id.eq_any(old))).execute(tx)?)
}
