//! The tables of the outbox and of leases.

use diesel::prelude::*;

use super::{Listed, State};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, MailId};
use crate::storage::AnyConnection;
use crate::storage::schema::{leases, mail_messages};

/// A message that is due.
#[derive(Clone, Debug)]
pub struct Due {
    pub id: MailId,
    pub recipient: String,
    pub sealed: Vec<u8>,
    pub created_at: UnixSeconds,
    pub attempts: i64,
}

pub struct New<'a> {
    pub id: MailId,
    pub kind: &'a str,
    pub account: Option<AccountId>,
    pub recipient: &'a str,
    pub sealed: &'a [u8],
}

pub fn insert(tx: &mut AnyConnection, new: New<'_>, now: UnixSeconds) -> Result<(), Fault> {
    diesel::insert_into(mail_messages::table)
        .values((
            mail_messages::id.eq(new.id.to_string()),
            mail_messages::kind.eq(new.kind),
            mail_messages::account_id.eq(new.account.map(|id| id.to_string())),
            mail_messages::recipient.eq(new.recipient),
            mail_messages::sealed.eq(new.sealed),
            mail_messages::created_at.eq(now),
            mail_messages::due_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn has_due(db: &mut AnyConnection, now: UnixSeconds) -> Result<bool, Fault> {
    let one: Option<String> = mail_messages::table
        .filter(mail_messages::due_at.le(now))
        .select(mail_messages::id)
        .first(db)
        .optional()?;
    Ok(one.is_some())
}

/// The messages that are due first, without those that are being sent.
pub fn due(db: &mut AnyConnection, now: UnixSeconds, most: i64) -> Result<Vec<Due>, Fault> {
    type Row = (String, String, Vec<u8>, i64, i64);
    let rows: Vec<Row> = mail_messages::table
        .filter(mail_messages::due_at.le(now))
        .filter(mail_messages::sending_at.is_null())
        .order((mail_messages::due_at, mail_messages::created_at))
        .limit(most)
        .select((
            mail_messages::id,
            mail_messages::recipient,
            mail_messages::sealed,
            mail_messages::created_at,
            mail_messages::attempts,
        ))
        .load(db)?;
    let due = rows.into_iter();
    due.map(|(id, recipient, sealed, created_at, attempts)| {
        Ok(Due {
            id: MailId::parse(&id).ok_or_else(|| Fault::new("a message without an id"))?,
            recipient,
            sealed,
            created_at,
            attempts,
        })
    })
    .collect()
}

/// Marks a message as on its way, before its content is sent. `false` if another server did, or it
/// was deleted.
pub fn begin(tx: &mut AnyConnection, id: MailId, now: UnixSeconds) -> Result<bool, Fault> {
    let waiting = mail_messages::table
        .filter(mail_messages::id.eq(id.to_string()))
        .filter(mail_messages::due_at.is_not_null())
        .filter(mail_messages::sending_at.is_null());
    let begun = diesel::update(waiting)
        .set(mail_messages::sending_at.eq(now))
        .execute(tx)?;
    Ok(begun == 1)
}

/// Records that a message was not sent, and when it is tried again; `None`: not any more.
pub fn fail(
    tx: &mut AnyConnection,
    id: MailId,
    due_at: Option<UnixSeconds>,
    problem: &str,
) -> Result<(), Fault> {
    diesel::update(mail_messages::table.find(id.to_string()))
        .set((
            mail_messages::sending_at.eq(None::<i64>),
            mail_messages::due_at.eq(due_at),
            mail_messages::attempts.eq(mail_messages::attempts + 1),
            mail_messages::problem.eq(problem),
        ))
        .execute(tx)?;
    Ok(())
}

/// Gives up all messages that have been on their way since before `moment`, because the server that
/// sent them has ended; returns how many.
pub fn give_up_interrupted(
    tx: &mut AnyConnection,
    moment: UnixSeconds,
    problem: &str,
) -> Result<usize, Fault> {
    let interrupted = mail_messages::table.filter(mail_messages::sending_at.lt(moment));
    Ok(diesel::update(interrupted)
        .set((
            mail_messages::sending_at.eq(None::<i64>),
            mail_messages::due_at.eq(None::<i64>),
            mail_messages::attempts.eq(mail_messages::attempts + 1),
            mail_messages::problem.eq(problem),
        ))
        .execute(tx)?)
}

/// Makes a message due, unless it is being sent. `false` without such a message.
pub fn retry(tx: &mut AnyConnection, id: MailId, now: UnixSeconds) -> Result<bool, Fault> {
    let waiting = mail_messages::table
        .filter(mail_messages::id.eq(id.to_string()))
        .filter(mail_messages::sending_at.is_null());
    let due = diesel::update(waiting)
        .set((
            mail_messages::due_at.eq(now),
            // It has two days again.
            mail_messages::created_at.eq(now),
            mail_messages::attempts.eq(0),
        ))
        .execute(tx)?;
    Ok(due == 1)
}

/// Deletes a message. `false` without such a message.
pub fn delete(tx: &mut AnyConnection, id: MailId) -> Result<bool, Fault> {
    Ok(diesel::delete(mail_messages::table.find(id.to_string())).execute(tx)? == 1)
}

pub fn delete_of(tx: &mut AnyConnection, account: AccountId) -> Result<(), Fault> {
    let own = mail_messages::table.filter(mail_messages::account_id.eq(account.to_string()));
    diesel::delete(own).execute(tx)?;
    Ok(())
}

/// Pending and failed messages, latest first.
pub fn list(db: &mut AnyConnection, most: i64) -> Result<Vec<Listed>, Fault> {
    let rows: Vec<ListedRow> = mail_messages::table
        .order((mail_messages::created_at.desc(), mail_messages::id.desc()))
        .limit(most)
        .select(LISTED)
        .load(db)?;
    rows.into_iter().map(listed).collect()
}

pub fn find(db: &mut AnyConnection, id: MailId) -> Result<Option<Listed>, Fault> {
    let row: Option<ListedRow> = mail_messages::table
        .find(id.to_string())
        .select(LISTED)
        .first(db)
        .optional()?;
    row.map(listed).transpose()
}

type ListedRow = (
    String,
    String,
    Option<String>,
    String,
    i64,
    Option<i64>,
    i64,
    Option<String>,
);

const LISTED: (
    mail_messages::id,
    mail_messages::kind,
    mail_messages::account_id,
    mail_messages::recipient,
    mail_messages::created_at,
    mail_messages::due_at,
    mail_messages::attempts,
    mail_messages::problem,
) = (
    mail_messages::id,
    mail_messages::kind,
    mail_messages::account_id,
    mail_messages::recipient,
    mail_messages::created_at,
    mail_messages::due_at,
    mail_messages::attempts,
    mail_messages::problem,
);

fn listed(row: ListedRow) -> Result<Listed, Fault> {
    let (id, kind, account, recipient, created_at, due_at, attempts, problem) = row;
    Ok(Listed {
        id: MailId::parse(&id).ok_or_else(|| Fault::new("a message without an id"))?,
        kind,
        account: account.as_deref().and_then(AccountId::parse),
        recipient,
        created_at,
        state: due_at.map_or(State::Failed, |due_at| State::Pending { due_at }),
        attempts,
        problem,
    })
}

/// How many messages are pending, and how many have failed.
pub fn count(db: &mut AnyConnection) -> Result<(i64, i64), Fault> {
    let pending: i64 = mail_messages::table
        .filter(mail_messages::due_at.is_not_null())
        .count()
        .get_result(db)?;
    let failed: i64 = mail_messages::table
        .filter(mail_messages::due_at.is_null())
        .count()
        .get_result(db)?;
    Ok((pending, failed))
}

/// Deletes at most `most` messages that were given up before `moment`, and returns how many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<String> = mail_messages::table
        .filter(mail_messages::due_at.is_null())
        .filter(mail_messages::created_at.lt(moment))
        .select(mail_messages::id)
        .limit(most)
        .load(tx)?;
    Ok(diesel::delete(mail_messages::table.filter(mail_messages::id.eq_any(old))).execute(tx)?)
}

/// The result of [`take_lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Renewed,
    /// From another server, or from one that has ended.
    Taken,
    Others,
}

/// Takes or renews a lease, whose row a migration has made. Of two concurrent servers, one gets it.
pub fn take_lease(
    tx: &mut AnyConnection,
    name: &str,
    holder: &str,
    now: UnixSeconds,
    ends_at: UnixSeconds,
) -> Result<Lease, Fault> {
    let values = (leases::holder.eq(holder), leases::ends_at.eq(ends_at));
    let own = leases::table
        .filter(leases::name.eq(name))
        .filter(leases::holder.eq(holder));
    if diesel::update(own).set(values).execute(tx)? == 1 {
        return Ok(Lease::Renewed);
    }
    let ended = leases::table
        .filter(leases::name.eq(name))
        .filter(leases::ends_at.le(now));
    if diesel::update(ended).set(values).execute(tx)? == 1 {
        return Ok(Lease::Taken);
    }
    Ok(Lease::Others)
}

/// Ends a lease, so that another server need not wait for its end.
pub fn end_lease(
    tx: &mut AnyConnection,
    name: &str,
    holder: &str,
    now: UnixSeconds,
) -> Result<(), Fault> {
    let own = leases::table
        .filter(leases::name.eq(name))
        .filter(leases::holder.eq(holder));
    diesel::update(own)
        .set(leases::ends_at.eq(now))
        .execute(tx)?;
    Ok(())
}
