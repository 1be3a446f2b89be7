//! The tables of events and of the head.

use diesel::dsl::max;
use diesel::prelude::*;

use super::chain::{Break, Checker, Keys};
use super::{Cursor, Search};
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Actor, Cause, Event};
use crate::base::fault::Fault;
use crate::base::names::printable;
use crate::storage::schema::{audit_events, audit_head};
use crate::storage::{AnyConnection, Backend, Recorded};

/// An event as it is stored.
#[derive(Clone, Debug, Queryable, Insertable)]
#[diesel(table_name = audit_events)]
pub struct Entry {
    /// From 1, without gaps.
    pub seq: i64,
    pub at: UnixSeconds,
    pub actor: String,
    pub action: String,
    pub result: String,
    pub account_id: Option<String>,
    pub target: Option<String>,
    pub session_id: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub details: String,
    pub mac: Vec<u8>,
}

/// The newest event and the last pruned one.
#[derive(Clone, Debug, Queryable)]
pub struct Head {
    pub seq: i64,
    pub mac: Vec<u8>,
    pub pruned_seq: i64,
    pub pruned_mac: Vec<u8>,
    pub seal: Vec<u8>,
}

impl Head {
    /// As the migration has made it: there are no events yet.
    pub fn is_blank(&self) -> bool {
        self.seq == 0 && self.pruned_seq == 0 && self.seal.is_empty()
    }
}

pub fn head(db: &mut AnyConnection) -> Result<Head, Fault> {
    let found = audit_head::table
        .find(1)
        .select((
            audit_head::seq,
            audit_head::mac,
            audit_head::pruned_seq,
            audit_head::pruned_mac,
            audit_head::seal,
        ))
        .first(db)
        .optional()?;
    found.ok_or_else(|| Fault::new("the head of the audit trail is missing"))
}

fn set_head(tx: &mut AnyConnection, keys: &Keys, head: &Head) -> Result<(), Fault> {
    diesel::update(audit_head::table.find(1))
        .set((
            audit_head::seq.eq(head.seq),
            audit_head::mac.eq(&head.mac),
            audit_head::pruned_seq.eq(head.pruned_seq),
            audit_head::pruned_mac.eq(&head.pruned_mac),
            audit_head::seal.eq(keys.seal(head)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Locks the head, reads it, and records it if another program has changed it: a new seal alone
/// would hide the change.
fn lock_head(tx: &mut AnyConnection, keys: &Keys, at: UnixSeconds) -> Result<Head, Fault> {
    diesel::update(audit_head::table.find(1))
        .set(audit_head::seq.eq(audit_head::seq))
        .execute(tx)?;
    let mut head = head(tx)?;
    let last: Option<i64> = audit_events::table
        .select(max(audit_events::seq))
        .first(tx)?;
    if keys.is_sealed(&head) && last <= Some(head.seq) {
        return Ok(head);
    }
    let newest: Option<(i64, Vec<u8>)> = audit_events::table
        .select((audit_events::seq, audit_events::mac))
        .order(audit_events::seq.desc())
        .first(tx)
        .optional()?;
    let action = match newest {
        None if head.is_blank() => Action::BeginTrail,
        _ => Action::FindChangedTrail,
    };
    if action == Action::FindChangedTrail {
        tracing::error!(
            "the audit trail was changed by another program: run `doorward audit verify`"
        );
    }
    if let Some((seq, mac)) = newest.filter(|(seq, _)| *seq > head.seq) {
        (head.seq, head.mac) = (seq, mac);
    }
    push(
        tx,
        keys,
        &mut head,
        entry(keys, &Cause::of(Actor::Server), at, Event::done(action)),
    )?;
    Ok(head)
}

/// Inserts an event behind the newest one. The caller stores the head.
fn push(
    tx: &mut AnyConnection,
    keys: &Keys,
    head: &mut Head,
    mut entry: Entry,
) -> Result<(), Fault> {
    entry.seq = head.seq + 1;
    entry.mac = keys.mac(&head.mac, &entry);
    diesel::insert_into(audit_events::table)
        .values(&entry)
        .execute(tx)?;
    (head.seq, head.mac) = (entry.seq, entry.mac);
    Ok(())
}

/// Without its place in the chain.
fn entry(keys: &Keys, cause: &Cause, at: UnixSeconds, event: Event) -> Entry {
    let mut details = serde_json::Map::new();
    for (name, value) in event.details {
        details.insert(name.to_owned(), printable(&value).into());
    }
    if let Some(name) = &event.unknown_name {
        details.insert("name_hmac".to_owned(), keys.unknown_name(name).into());
    }
    let session = event.session.or(cause.session);
    Entry {
        seq: 0,
        at,
        actor: printable(&event.actor.as_ref().unwrap_or(&cause.actor).to_string()),
        action: event.action.as_str().to_owned(),
        result: event.outcome.as_str().to_owned(),
        account_id: event.account.map(|id| id.to_string()),
        target: event.target.as_deref().map(printable),
        session_id: session.map(|id| id.to_string()),
        address: cause.address.as_deref().map(printable),
        user_agent: cause.user_agent.as_deref().map(printable),
        request_id: cause.request.map(|id| id.to_string()),
        details: serde_json::Value::Object(details).to_string(),
        mac: Vec::new(),
    }
}

/// Writes the events of a transaction. Takes the lock of the head, which must be its last lock.
pub fn append(tx: &mut AnyConnection, keys: &Keys, recorded: Recorded) -> Result<(), Fault> {
    let Recorded { cause, at, events } = recorded;
    let mut head = lock_head(tx, keys, at)?;
    for event in events {
        push(tx, keys, &mut head, entry(keys, &cause, at, event))?;
    }
    set_head(tx, keys, &head)
}

/// Deletes at most `most` of the oldest events, up to the first that is not older than `before`,
/// and returns how many. A break among them is recorded, because it is deleted with them.
pub fn prune(
    tx: &mut AnyConnection,
    keys: &Keys,
    now: UnixSeconds,
    before: UnixSeconds,
    most: i64,
) -> Result<usize, Fault> {
    let is_old = |oldest: &[Entry]| oldest.first().is_some_and(|entry| entry.at < before);
    // Checked without the lock first, because there is usually nothing to prune.
    if !is_old(&read_on(tx, i64::MIN, 1)?) {
        return Ok(0);
    }
    let mut head = lock_head(tx, keys, now)?;
    let mut old = read_on(tx, i64::MIN, most)?;
    let is_due = |entry: &&Entry| entry.at < before && entry.seq <= head.seq;
    old.truncate(old.iter().take_while(is_due).count());
    let Some(last) = old.last().cloned() else {
        return Ok(0);
    };
    let mut checker = Checker::new(keys, &head);
    for entry in &old {
        checker.read(entry, &head);
    }
    // `lock_head` has recorded a break of the head.
    let breaks = checker
        .breaks()
        .iter()
        .filter(|found| **found != Break::Head);
    let breaks: Vec<_> = breaks.map(ToString::to_string).collect();
    (head.pruned_seq, head.pruned_mac) = (last.seq, last.mac);
    if !breaks.is_empty() {
        tracing::error!(
            breaks = breaks.join("; "),
            "pruned events of the audit trail were broken"
        );
        let event = Event::done(Action::FindChangedTrail).with("pruned", breaks.join("; "));
        push(
            tx,
            keys,
            &mut head,
            entry(keys, &Cause::of(Actor::Server), now, event),
        )?;
    }
    diesel::delete(audit_events::table.filter(audit_events::seq.le(last.seq))).execute(tx)?;
    set_head(tx, keys, &head)?;
    Ok(old.len())
}

/// The events after this number, oldest first.
pub fn read_on(db: &mut AnyConnection, seq: i64, most: i64) -> Result<Vec<Entry>, Fault> {
    Ok(audit_events::table
        .filter(audit_events::seq.gt(seq))
        .order(audit_events::seq)
        .limit(most)
        .load(db)?)
}

/// The events that match, latest first.
pub fn list(
    db: &mut AnyConnection,
    search: &Search,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let Some(account) = search.account.map(|id| id.to_string()) else {
        return load(db, filtered(search, after), limit);
    };
    // Two queries in the order of their indexes: one with OR would have to sort.
    let of = filtered(search, after).filter(audit_events::account_id.eq(account.clone()));
    let by = filtered(search, after).filter(audit_events::actor.eq(account));
    let mut found = load(db, of, limit)?;
    found.extend(load(db, by, limit)?);
    found.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.seq)));
    found.dedup_by_key(|entry| entry.seq);
    found.truncate(limit);
    Ok(found)
}

type Query = audit_events::BoxedQuery<'static, Backend>;

fn filtered(search: &Search, after: Option<&Cursor>) -> Query {
    let mut query = audit_events::table.into_boxed::<Backend>();
    if let Some(action) = search.action {
        query = query.filter(audit_events::action.eq(action.as_str()));
    }
    if let Some(outcome) = search.outcome {
        query = query.filter(audit_events::result.eq(outcome.as_str()));
    }
    if let Some(from) = search.from {
        query = query.filter(audit_events::at.ge(from));
    }
    if let Some(before) = search.before {
        query = query.filter(audit_events::at.lt(before));
    }
    if let Some(after) = after {
        let (at, seq) = (after.value, after.id);
        query = query
            .filter(audit_events::at.le(at))
            .filter(audit_events::at.lt(at).or(audit_events::seq.lt(seq)));
    }
    query
}

fn load(db: &mut AnyConnection, query: Query, limit: usize) -> Result<Vec<Entry>, Fault> {
    Ok(query
        .order((audit_events::at.desc(), audit_events::seq.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(db)?)
}
