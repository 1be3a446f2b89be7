//! Work items: the to-do list of an account, in the order that its owner chose.
//!
//! Nothing here can reach another account's items: every query filters by the account. Note: a
//! change locks the account first, so that one transaction at a time numbers its items.

mod store;

use std::fmt;

use crate::accounts;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, ItemId};
use crate::base::input::Refusals;
use crate::base::names::Title;
use crate::base::paging::page;
use crate::base::version::{ExpectedVersion, Version};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::storage::{AnyConnection, Db};

/// Maximum for each account.
pub const ITEMS_MAX: i64 = 1000;

#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    pub title: String,
    pub done_at: Option<UnixSeconds>,
    /// Changes with everything but the item's position.
    pub version: Version,
    pub created_at: UnixSeconds,
    pub updated_at: UnixSeconds,
    position: i64,
}

impl Item {
    pub fn status(&self) -> Status {
        match self.done_at {
            Some(_) => Status::Done,
            None => Status::Open,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    Done,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Done]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Continues a list of items after this position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(i64);

impl Cursor {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let position: i64 = text.parse().ok()?;
        (position > 0 && position.to_string() == text).then_some(Self(position))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The new place of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before its neighbour among the items of this status, or among all.
    Up(Option<Status>),
    Down(Option<Status>),
    Start,
    Before(ItemId),
    End,
}

/// Changes to an item; `None` keeps a value.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub title: Option<Title>,
    pub status: Option<Status>,
    pub place: Option<Place>,
}

/// The title of a work item as it was sent.
///
/// # Errors
/// What is wrong with it.
pub fn parse_title(text: &str) -> Result<Title, Refusals> {
    Title::parse(text).map_err(|why| Refusals::of("title", why))
}

/// An item, made by this request or by the same one before.
#[derive(Clone, Debug)]
pub struct Added {
    pub item: Item,
    pub replayed: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It does not exist, or belongs to another account.
    #[error("no such item")]
    NoSuchItem,
    /// As [`Refused::NoSuchItem`], for the item before which another should be moved.
    #[error("no such item to move before")]
    NoSuchPlace,
    /// With its current state.
    #[error("the item was changed in the meantime")]
    Stale(Box<Item>),
    #[error("You have reached the limit of {ITEMS_MAX} items. Delete some of them first")]
    TooMany,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Clone)]
pub struct Work {
    db: Db,
}

impl Work {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// An account's items in their order, and the cursor of the next page.
    pub async fn list(
        &self,
        account: AccountId,
        status: Option<Status>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<Cursor>), Fault> {
        let after = after.map_or(0, |after| after.0);
        let found = self
            .db
            .read(move |db| store::list(db, account, status, after, limit + 1))
            .await?;
        Ok(page(found, limit, |last| Cursor(last.position)))
    }

    /// The number of all items of an account, and of those that are open.
    pub async fn count(&self, account: AccountId) -> Result<(i64, i64), Fault> {
        self.db
            .read(move |db| {
                let open = Some(Status::Open);
                Ok((
                    store::count(db, account, None, i64::MAX)?,
                    store::count(db, account, open, i64::MAX)?,
                ))
            })
            .await
    }

    /// The next item of this status behind `item`.
    pub async fn next(
        &self,
        account: AccountId,
        item: &Item,
        status: Option<Status>,
    ) -> Result<Option<ItemId>, Fault> {
        let after = item.position;
        let next = self
            .db
            .read(move |db| store::list(db, account, status, after, 1));
        Ok(next.await?.first().map(|next| next.id))
    }

    pub async fn load(&self, account: AccountId, id: ItemId) -> Result<Item, Refused> {
        self.db.read(move |db| load(db, account, id)).await
    }

    /// The number of an item among those of this status, or among all, and how many those are;
    /// `None` for an item of another status.
    pub async fn number(
        &self,
        account: AccountId,
        item: &Item,
        status: Option<Status>,
    ) -> Result<Option<(i64, i64)>, Fault> {
        if status.is_some_and(|status| status != item.status()) {
            return Ok(None);
        }
        let position = item.position;
        self.db
            .read(move |db| {
                let number = store::count(db, account, status, position)?;
                Ok(Some((number, store::count(db, account, status, i64::MAX)?)))
            })
            .await
    }

    /// Adds an item at the end; with a `key`, a repeated request gets the same item.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::NoSuchItem`] when the same request has made one that was deleted
    /// since.
    pub async fn add(
        &self,
        account: AccountId,
        title: Title,
        key: Option<IdempotencyKey>,
    ) -> Result<Added, Refused> {
        self.db
            .write(move |tx| {
                lock(tx, account)?;
                let (id, now) = (ItemId::new(), tx.now());
                let claim = match &key {
                    Some(key) => idempotency::claim(tx, account, key, &id.to_string(), now)?,
                    None => Claim::New,
                };
                match claim {
                    Claim::New => {}
                    Claim::Replay(made) => {
                        let made = ItemId::parse(&made).ok_or(Refused::NoSuchItem)?;
                        let item = load(tx, account, made)?;
                        return Ok(Added {
                            item,
                            replayed: true,
                        });
                    }
                    Claim::Mismatch => return Err(Refused::KeyReused),
                }
                if store::count(tx, account, None, i64::MAX)? >= ITEMS_MAX {
                    return Err(Refused::TooMany);
                }
                let item = Item {
                    id,
                    title: title.as_str().to_owned(),
                    done_at: None,
                    version: 1,
                    created_at: now,
                    updated_at: now,
                    position: store::last_position(tx, account)? + 1,
                };
                store::insert(tx, account, &item)?;
                Ok(Added {
                    item,
                    replayed: false,
                })
            })
            .await
    }

    /// Makes all changes or none. The version changes if the visible content changes.
    pub async fn change(
        &self,
        account: AccountId,
        id: ItemId,
        expected: ExpectedVersion,
        change: Change,
    ) -> Result<Item, Refused> {
        self.db
            .write(move |tx| {
                let mut item = load_for_change(tx, account, id, &expected)?;
                let now = tx.now();
                let (title, done_at) = (item.title.clone(), item.done_at);
                if let Some(title) = change.title {
                    item.title = title.as_str().to_owned();
                }
                match change.status {
                    Some(Status::Open) => item.done_at = None,
                    Some(Status::Done) => item.done_at = item.done_at.or(Some(now)),
                    None => {}
                }
                if (title, done_at) != (item.title.clone(), item.done_at) {
                    item.version += 1;
                    item.updated_at = now;
                    store::update(tx, account, &item)?;
                }
                if let Some(place) = change.place {
                    let to = position_of(tx, account, &item, place)?;
                    store::shift(tx, account, item.position, to)?;
                    item.position = to;
                }
                Ok(item)
            })
            .await
    }

    pub async fn delete(
        &self,
        account: AccountId,
        id: ItemId,
        expected: ExpectedVersion,
    ) -> Result<(), Refused> {
        self.db
            .write_on_full_disk(move |tx| {
                load_for_change(tx, account, id, &expected)?;
                Ok(store::delete(tx, account, id)?)
            })
            .await
    }
}

/// Locks the account until the transaction ends.
fn lock(tx: &mut AnyConnection, account: AccountId) -> Result<(), Refused> {
    if accounts::lock(tx, account)? {
        Ok(())
    } else {
        Err(Refused::NoSuchItem)
    }
}

fn load(db: &mut AnyConnection, account: AccountId, id: ItemId) -> Result<Item, Refused> {
    store::find(db, account, id)?.ok_or(Refused::NoSuchItem)
}

fn load_for_change(
    tx: &mut AnyConnection,
    account: AccountId,
    id: ItemId,
    expected: &ExpectedVersion,
) -> Result<Item, Refused> {
    lock(tx, account)?;
    let item = load(tx, account, id)?;
    if expected.includes(item.version) {
        Ok(item)
    } else {
        Err(Refused::Stale(Box::new(item)))
    }
}

/// The new position, after the item has left its place and those between have moved up.
fn position_of(
    tx: &mut AnyConnection,
    account: AccountId,
    item: &Item,
    place: Place,
) -> Result<i64, Refused> {
    let from = item.position;
    Ok(match place {
        Place::Up(status) => store::position_before(tx, account, status, from)?.unwrap_or(from),
        Place::Down(status) => store::position_after(tx, account, status, from)?.unwrap_or(from),
        Place::Start => store::position_after(tx, account, None, 0)?.unwrap_or(from),
        Place::End => store::last_position(tx, account)?,
        Place::Before(id) => {
            let other = store::find(tx, account, id)?.ok_or(Refused::NoSuchPlace)?;
            if from < other.position {
                other.position - 1
            } else {
                other.position
            }
        }
    })
}
