//! Links that give a file to their holders, for a limited time.
//!
//! A link is a random token, whose hash is in a row that says whether it still works. The holder is
//! not told why it no longer works.
//!
//! Links that were made before are the id of their row and a signed token; they work until they end.

mod link;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::accounts::{self, Account};
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::event::{Action, Cause, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId, ShareId};
use crate::base::input::Refusals;
use crate::base::names::{PASSWORD_MAX, Password};
use crate::base::paging::{self, page};
use crate::base::random;
use crate::base::secret::InstanceSecret;
use crate::files::{self, File};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::limits::{self, Limited, Limits, Source};
use crate::passwords::{Asker, Busy, PasswordHash, Passwords, Verdict};
use crate::storage::{AnyConnection, Db, Tx};
use crate::tokens::Tokens;
use link::{LinkKey, LinkToken};
pub use store::count_open;

pub const MINUTES_MIN: i64 = 10;
/// Thirty days: the longest lifetime of a token.
pub const MINUTES_MAX: i64 = 30 * 24 * 60;
pub const DOWNLOADS_MAX: i64 = 1_000_000;
pub const PASSWORD_MIN: usize = 8;
/// Maximum for each file, including expired links.
pub const SHARES_MAX: i64 = 100;
/// An expired link stays in the list for at least this long.
const KEPT_DAYS: i64 = 30;

#[derive(Clone, Debug)]
pub struct Share {
    pub id: ShareId,
    pub file: FileId,
    pub account: AccountId,
    pub downloads: i64,
    pub downloads_max: Option<i64>,
    pub last_used_at: Option<UnixSeconds>,
    pub created_at: UnixSeconds,
    pub ends_at: UnixSeconds,
    /// The first characters of the token; `None` for a link that is a signed token.
    pub begins: Option<String>,
    password_hash: Option<PasswordHash>,
}

/// A link that was made, by this request or by the same one before.
pub struct Made {
    pub share: Share,
    /// The path that opens it. It cannot be shown again.
    pub link: String,
    pub replayed: bool,
}

/// A link that works.
pub struct Opened {
    pub share: Share,
    pub file: File,
    pub owner: Account,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    UsedUp,
    Ended,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UsedUp => "used_up",
            Self::Ended => "ended",
        }
    }
}

impl Share {
    pub fn has_password(&self) -> bool {
        self.password_hash.is_some()
    }

    pub fn standing(&self, now: UnixSeconds) -> Standing {
        if now >= self.ends_at {
            Standing::Ended
        } else if self
            .downloads_max
            .is_some_and(|most| self.downloads >= most)
        {
            Standing::UsedUp
        } else {
            Standing::Open
        }
    }
}

/// Continues a list of links after this one, latest first.
pub type Cursor = paging::Cursor<UnixSeconds, ShareId>;

const PATH: &str = "/s/";

/// The path of the page of a link that is a signed token.
fn path(id: ShareId) -> String {
    format!("{PATH}{id}")
}

/// A link to be created.
#[derive(Clone, Debug)]
pub struct NewShare {
    minutes: i64,
    downloads: Option<i64>,
    password: Option<Password>,
}

impl NewShare {
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(
        minutes: Option<i64>,
        downloads: Option<i64>,
        password: Option<&str>,
    ) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        let good = minutes.filter(|minutes| (MINUTES_MIN..=MINUTES_MAX).contains(minutes));
        if good.is_none() {
            let words = format!(
                "Minutes must be a number from {MINUTES_MIN} to {MINUTES_MAX} (thirty days)"
            );
            wrong.add("minutes", words);
        }
        if downloads.is_some_and(|most| !(1..=DOWNLOADS_MAX).contains(&most)) {
            let words = format!("Download limit must be a number from 1 to {DOWNLOADS_MAX}");
            wrong.add("downloads", words);
        }
        let password = password.map(Password::typed);
        if let Some(password) = &password {
            let length = password.expose().chars().count();
            if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
                let words = format!("Password must be {PASSWORD_MIN} to {PASSWORD_MAX} characters");
                wrong.add("password", words);
            }
        }
        wrong.or(Self {
            minutes: good.unwrap_or_default(),
            downloads,
            password,
        })
    }
}

/// Why a link was not made or does not open.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It does not exist, or belongs to another account.
    #[error("no such file or link")]
    NotFound,
    #[error("This file has reached the limit of {SHARES_MAX} links. Revoke some of them first")]
    TooMany,
    /// Invalid, expired, used up or revoked.
    #[error("the link does not work")]
    Ended,
    /// It needs a password, and none or a wrong one was given.
    #[error("the link requires its password")]
    Password,
    /// Too many wrong passwords.
    #[error("too many wrong passwords were sent for the link")]
    Tries(Limited),
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<limits::Refused> for Refused {
    fn from(refused: limits::Refused) -> Self {
        match refused {
            limits::Refused::Limited(limited) => Self::Tries(limited),
            limits::Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Busy> for Refused {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

#[derive(Clone)]
pub struct Shares {
    db: Db,
    clock: Clock,
    passwords: Passwords,
    limits: Limits,
    tokens: Tokens,
    link_key: Arc<LinkKey>,
}

impl Shares {
    pub fn new(
        db: Db,
        clock: Clock,
        passwords: Passwords,
        limits: Limits,
        tokens: Tokens,
        secret: &InstanceSecret,
    ) -> Self {
        Self {
            db,
            clock,
            passwords,
            limits,
            tokens,
            link_key: Arc::new(LinkKey::new(secret)),
        }
    }

    /// Makes a link.
    pub async fn make(
        &self,
        account: AccountId,
        file: FileId,
        new: NewShare,
        key: Option<IdempotencyKey>,
        source: &Source,
    ) -> Result<Made, Refused> {
        let password_hash = match &new.password {
            Some(password) => Some(self.passwords.hash(password, &Asker::Known).await??),
            None => None,
        };
        let (minutes, downloads_max) = (new.minutes, new.downloads);
        let keys = self.link_key.clone();
        let (share, token, replayed) = self
            .db
            .write(move |tx| {
                if !accounts::lock(tx, account)? {
                    return Err(Refused::NotFound);
                }
                owned(tx, account, file)?;
                let now = tx.now();
                let id = ShareId::new();
                let token = match &key {
                    Some(key) => keys.token(id, key),
                    None => LinkToken::random(),
                };
                let share = Share {
                    id,
                    file,
                    account,
                    downloads: 0,
                    downloads_max,
                    last_used_at: None,
                    created_at: now,
                    ends_at: now + minutes * 60,
                    begins: Some(token.begins().to_owned()),
                    password_hash,
                };
                if let Some(key) = &key {
                    match idempotency::claim(tx, account, key, &id.to_string(), now)? {
                        Claim::New => {}
                        Claim::Replay(made) => {
                            let made = ShareId::parse(&made).ok_or(Refused::NotFound)?;
                            let share = store::find(tx, made)?.ok_or(Refused::NotFound)?;
                            return Ok((share, keys.token(made, key), true));
                        }
                        Claim::Mismatch => return Err(Refused::KeyReused),
                    }
                }
                store::forget(tx, file, now - KEPT_DAYS * 86_400)?;
                if store::count(tx, file)? >= SHARES_MAX {
                    return Err(Refused::TooMany);
                }
                store::insert(tx, &share, &token.hash())?;
                tx.record(about_share(Action::MakeShare, account, file, id));
                Ok((share, token, false))
            })
            .await?;
        // The key's fingerprint does not include the password.
        if replayed {
            let password = new.password.as_ref().map(Password::expose);
            let unlocked = self.check_password(&share, password, source).await;
            unlocked.map_err(|refused| match refused {
                Refused::Password => Refused::KeyReused,
                refused => refused,
            })?;
        }
        let link = match self.signed_link(&share)? {
            Some(signed) => signed,
            None => format!("{PATH}{}", token.expose_secret()),
        };
        Ok(Made {
            share,
            link,
            replayed,
        })
    }

    /// The path of a link that is a signed token, which can be shown again. It is signed anew,
    /// because the key that signed it may be revoked, and expires with the row.
    pub fn signed_link(&self, share: &Share) -> Result<Option<String>, Fault> {
        if share.begins.is_some() {
            return Ok(None);
        }
        let (path, seconds) = (path(share.id), share.ends_at - self.clock.now());
        let (token, _) = self.tokens.issue_share(share.account, &path, seconds)?;
        Ok(Some(format!("{path}?token={token}")))
    }

    /// The links of a file, latest first, and the cursor of the next page.
    pub async fn list(
        &self,
        account: AccountId,
        file: FileId,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Share>, Option<Cursor>), Refused> {
        let found = self.db.read(move |db| {
            owned(db, account, file)?;
            Ok::<_, Refused>(store::list(db, file, after, limit + 1)?)
        });
        Ok(page(found.await?, limit, |last| Cursor {
            value: last.created_at,
            id: last.id,
        }))
    }

    /// Deletes a link, so that it stops working.
    pub async fn revoke(
        &self,
        account: AccountId,
        file: FileId,
        id: ShareId,
    ) -> Result<(), Refused> {
        self.db
            .write_on_full_disk(move |tx| {
                owned(tx, account, file)?;
                let gone = store::delete(tx, file, id)?;
                tx.record(about_share(Action::RevokeShare, account, file, id));
                gone.then_some(()).ok_or(Refused::NotFound)
            })
            .await
    }

    /// The number of open links of an account; they work while the account is active.
    pub async fn count_open(&self, account: AccountId) -> Result<i64, Fault> {
        self.db
            .read(move |db| {
                let now = db.now();
                count_open(db, account, now)
            })
            .await
    }

    /// The number of open links to each of these files that has any.
    pub async fn count_open_of(&self, files: Vec<FileId>) -> Result<HashMap<FileId, i64>, Fault> {
        self.db
            .read(move |db| {
                let now = db.now();
                store::count_open_of(db, &files, now)
            })
            .await
    }

    /// Revokes every link of an account, and returns how many were open.
    ///
    /// # Errors
    /// When the database is unavailable; then all stay open.
    pub async fn revoke_all(&self, account: AccountId) -> Result<i64, Fault> {
        self.db
            .write_on_full_disk(move |tx| {
                let now = tx.now();
                revoke_all(tx, account, now)
            })
            .await
    }

    /// What a link opens: `part` is the part of its path after `/s/`, and `signed` the token of a
    /// link that has a signed one. Does not count as a download.
    pub async fn open(&self, part: &str, signed: Option<&str>) -> Result<Opened, Refused> {
        if let Some(signed) = signed {
            let claims = self.tokens.verify_share(signed);
            let claims = claims.map_err(|_| Refused::Ended)?;
            let id = ShareId::parse(part).filter(|id| claims.path == path(*id));
            let id = id.ok_or(Refused::Ended)?;
            let is_meant = move |share: &Share| share.account.to_string() == claims.sub;
            self.find_open(move |db| Ok(store::find(db, id)?.filter(is_meant)))
                .await
        } else {
            let hash = random::token_hash(part);
            self.find_open(move |db| store::find_by_hash(db, &hash))
                .await
        }
    }

    async fn find_open(
        &self,
        find: impl FnOnce(&mut AnyConnection) -> Result<Option<Share>, Fault> + Send + 'static,
    ) -> Result<Opened, Refused> {
        self.db
            .read(move |db| {
                let now = db.now();
                let share = find(db)?.filter(|share| share.standing(now) == Standing::Open);
                let share = share.ok_or(Refused::Ended)?;
                let file = files::find(db, share.file)?.ok_or(Refused::Ended)?;
                let owner = accounts::find(db, share.account)?.filter(Account::is_active);
                Ok(Opened {
                    share,
                    file,
                    owner: owner.ok_or(Refused::Ended)?,
                })
            })
            .await
    }

    /// Fails if a signed token does not open its link any more.
    pub async fn check(&self, token: &str) -> Result<(), Refused> {
        let claims = self.tokens.verify_share(token);
        let claims = claims.map_err(|_| Refused::Ended)?;
        let id = claims.path.strip_prefix(PATH).unwrap_or_default();
        self.open(id, Some(token)).await.map(drop)
    }

    /// Checks the password of a link, and records a wrong one.
    ///
    /// # Errors
    /// [`Refused::Password`] for a wrong one, [`Refused::Tries`] after too many wrong ones, or
    /// [`Refused::Busy`].
    pub async fn unlock(
        &self,
        share: &Share,
        password: Option<&str>,
        source: &Source,
    ) -> Result<(), Refused> {
        let checked = self.check_password(share, password, source).await;
        if let (Err(Refused::Password), Some(_)) = (&checked, password) {
            let refused = Event::refused(Action::OpenShare);
            let refused = refused.about(share.account).on("share", share.id);
            self.db
                .record(refused.with("cause", "wrong password"))
                .await?;
        }
        checked
    }

    async fn check_password(
        &self,
        share: &Share,
        password: Option<&str>,
        source: &Source,
    ) -> Result<(), Refused> {
        let Some(hash) = share.password_hash.clone() else {
            return Ok(());
        };
        let password = password.map(Password::typed).ok_or(Refused::Password)?;
        let (shares, ids, source) = (self.clone(), (share.id, share.account), source.clone());
        // A separate task: a client that disconnects does not count as a wrong password.
        let tried = async move { shares.try_password(ids, &password, hash, &source).await };
        let tried = tokio::spawn(Cause::keep(tried));
        tried.await.map_err(|panic| Fault::caused("a try", panic))?
    }

    async fn try_password(
        &self,
        (id, account): (ShareId, AccountId),
        password: &Password,
        hash: PasswordHash,
        source: &Source,
    ) -> Result<(), Refused> {
        let asker = source.stranger();
        let place = self.passwords.reserve_place(&source.block())?;
        let taken = self.limits.take_share(id, account, &source.address).await?;
        drop(place);
        let verdict = self.passwords.verify(password, Some(hash), &asker).await;
        if let Ok(Verdict::Wrong) = verdict {
            return Err(Refused::Password);
        }
        self.limits.give_back(taken).await?;
        Ok(verdict.map(drop)?)
    }

    /// Counts a download if one is left; concurrent downloads do not exceed the limit.
    pub async fn count(&self, share: &Share) -> Result<(), Refused> {
        let id = share.id;
        let counted = self.db.write(move |tx| {
            let now = tx.now();
            store::use_once(tx, id, now)
        });
        counted.await?.then_some(()).ok_or(Refused::Ended)
    }
}

/// Revokes every link of an account, and returns how many were open.
pub fn revoke_all(tx: &mut Tx<'_>, account: AccountId, now: UnixSeconds) -> Result<i64, Fault> {
    let open = store::revoke_all(tx, account, now)?;
    tx.record(
        Event::done(Action::RevokeAllShares)
            .about(account)
            .with("open", open),
    );
    Ok(open)
}

fn about_share(action: Action, account: AccountId, file: FileId, share: ShareId) -> Event {
    Event::done(action)
        .about(account)
        .on("share", share)
        .with("file", file)
}

fn owned(db: &mut AnyConnection, account: AccountId, file: FileId) -> Result<File, Refused> {
    let found = files::find(db, file)?.filter(|file| file.account == account);
    found.ok_or(Refused::NotFound)
}
