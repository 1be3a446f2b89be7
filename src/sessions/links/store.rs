//! The table of links.

use diesel::prelude::*;

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId, TokenId};
use crate::storage::AnyConnection;
use crate::storage::schema::links;

/// A link's row.
pub struct Link {
    pub id: TokenId,
    pub account: AccountId,
    pub session: Option<SessionId>,
    pub ends_at: UnixSeconds,
}

pub fn insert(tx: &mut AnyConnection, link: &Link) -> Result<(), Fault> {
    diesel::insert_into(links::table)
        .values((
            links::id.eq(link.id.to_string()),
            links::account_id.eq(link.account.to_string()),
            links::session_id.eq(link.session.map(|id| id.to_string())),
            links::ends_at.eq(link.ends_at),
        ))
        .execute(tx)?;
    Ok(())
}

/// An unused link.
pub fn find(db: &mut AnyConnection, jti: &str) -> Result<Option<Link>, Fault> {
    let found: Option<(String, String, Option<String>, i64)> = links::table
        .select((
            links::id,
            links::account_id,
            links::session_id,
            links::ends_at,
        ))
        .filter(links::id.eq(jti))
        .filter(links::used_at.is_null())
        .first(db)
        .optional()?;
    let row = |(id, account, session, ends_at): (String, String, Option<String>, i64)| {
        Some(Link {
            id: TokenId::parse(&id)?,
            account: AccountId::parse(&account)?,
            session: match session {
                Some(id) => Some(SessionId::parse(&id)?),
                None => None,
            },
            ends_at,
        })
    };
    found
        .map(|found| row(found).ok_or_else(|| Fault::new("a damaged link row")))
        .transpose()
}

/// `false`: it was used already. Of several concurrent uses, the database lets one change the row.
pub fn use_up(tx: &mut AnyConnection, jti: &str, now: UnixSeconds) -> Result<bool, Fault> {
    let unused = links::table
        .filter(links::id.eq(jti))
        .filter(links::used_at.is_null());
    Ok(diesel::update(unused)
        .set(links::used_at.eq(now))
        .execute(tx)?
        == 1)
}

pub fn forget_of(tx: &mut AnyConnection, account: AccountId) -> Result<(), Fault> {
    diesel::delete(links::table.filter(links::account_id.eq(account.to_string()))).execute(tx)?;
    Ok(())
}

/// Deletes at most `most` expired links and returns how many.
pub fn forget(tx: &mut AnyConnection, now: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<String> = links::table
        .select(links::id)
        .filter(links::ends_at.lt(now))
        .limit(most)
        .load(tx)?;
    Ok(diesel::delete(links::table.filter(links::id.eq_any(old))).execute(tx)?)
}

/// Deletes the oldest open links of an account beyond `kept`.
pub fn forget_beyond(
    tx: &mut AnyConnection,
    account: AccountId,
    kept: i64,
    now: UnixSeconds,
) -> Result<(), Fault> {
    let old: Vec<String> = links::table
        .select(links::id)
        .filter(links::account_id.eq(account.to_string()))
        .filter(links::used_at.is_null())
        .filter(links::ends_at.gt(now))
        .order((links::ends_at.desc(), links::id))
        .limit(i64::MAX)
        .offset(kept)
        .load(tx)?;
    diesel::delete(links::table.filter(links::id.eq_any(old))).execute(tx)?;
    Ok(())
}
