//! Links that hand a file on to whoever holds them, for a time.
//!
//! A link is a signed token and a row: the token cannot be guessed or changed, and the row says
//! whether it still counts. What it does not say to its holder is why it no longer does.

mod store;

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::accounts::{self, State};
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, FileId, ShareId};
use crate::base::input::Refusals;
use crate::base::names::{PASSWORD_MAX, Password};
use crate::base::paging::{self, page};
use crate::files::{self, File};
use crate::idempotency::{self, Claim, Once};
use crate::passwords::{Busy, PasswordHash, Passwords, Verdict};
use crate::storage::{AnyConnection, Db};
use crate::tokens::Tokens;
pub use store::{count_open, revoke_all};

pub const MINUTES_MIN: i64 = 10;
/// Thirty days: no token lives longer.
pub const MINUTES_MAX: i64 = 30 * 24 * 60;
pub const DOWNLOADS_MAX: i64 = 1_000_000;
const PASSWORD_MIN: usize = 8;
/// For each file, those included that have ended.
pub const SHARES_MAX: i64 = 100;
/// Wrong passwords of one link, counted from the first; then it opens to nobody for a while.
const TRIES_MAX: i64 = 20;
pub const TRIES_MINUTES: i64 = 15;
/// Links that were signed, of some 500 bytes each.
const LINKS_KEPT: usize = 2_000;
/// One that has ended can be looked at for so long, at least.
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
    password_hash: Option<PasswordHash>,
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

/// The links behind this one, by when they were made.
pub type Cursor = paging::Cursor<UnixSeconds, ShareId>;

const PATH: &str = "/s/";

/// Where it is opened.
fn path(id: ShareId) -> String {
    format!("{PATH}{id}")
}

/// What somebody wants of a link.
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
    /// Not there, or somebody else's.
    #[error("there is no such file or link")]
    NotFound,
    #[error("This file has reached the limit of {SHARES_MAX} links. Revoke some of them first")]
    TooMany,
    /// Wrong, ended, used up or taken back.
    #[error("the link does not open anything")]
    Ended,
    /// It wants a password, and none came or another one.
    #[error("the link wants its password")]
    Password,
    /// Its password was tried too often.
    #[error("the link's password was tried {TRIES_MAX} times")]
    Tries,
    #[error("too many are waiting")]
    Busy,
    #[error("the key stands for another request")]
    KeyReused,
    #[error(transparent)]
    Fault(#[from] Fault),
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
    tokens: Tokens,
    /// Signing is what a list would cost most. A link is signed again when the keys have changed:
    /// the key that signed it may be revoked.
    links: Arc<Cache<ShareId, (u64, String)>>,
}

impl Shares {
    pub fn new(db: Db, clock: Clock, passwords: Passwords, tokens: Tokens) -> Self {
        Self {
            db,
            clock,
            passwords,
            tokens,
            links: Arc::new(Cache::new(LINKS_KEPT)),
        }
    }

    /// A link, and whether the same request had made it before.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn make(
        &self,
        account: AccountId,
        file: FileId,
        new: NewShare,
        once: Option<Once>,
    ) -> Result<(Share, bool), Refused> {
        let password_hash = match &new.password {
            Some(password) => Some(self.passwords.hash(password).await??),
            None => None,
        };
        let now = self.clock.now();
        let share = Share {
            id: ShareId::new(),
            file,
            account,
            downloads: 0,
            downloads_max: new.downloads,
            last_used_at: None,
            created_at: now,
            ends_at: now + new.minutes * 60,
            password_hash,
        };
        let (share, replayed) = self
            .db
            .write(move |tx| {
                if !accounts::lock(tx, account)? {
                    return Err(Refused::NotFound);
                }
                owned(tx, account, file)?;
                if let Some(once) = &once {
                    match idempotency::claim(tx, account, once, &share.id.to_string(), now)? {
                        Claim::First => {}
                        Claim::Again(made) => {
                            let made = ShareId::parse(&made).ok_or(Refused::NotFound)?;
                            let made = store::find(tx, made)?.ok_or(Refused::NotFound)?;
                            return Ok((made, true));
                        }
                        Claim::Reused => return Err(Refused::KeyReused),
                    }
                }
                store::forget(tx, file, now - KEPT_DAYS * 86_400)?;
                if store::count(tx, file)? >= SHARES_MAX {
                    return Err(Refused::TooMany);
                }
                store::insert(tx, &share)?;
                Ok((share, false))
            })
            .await?;
        // The password is no part of what the key remembers.
        if replayed {
            let password = new.password.as_ref().map(Password::expose);
            let unlocked = self.unlock(&share, password).await;
            unlocked.map_err(|refused| match refused {
                Refused::Password => Refused::KeyReused,
                refused => refused,
            })?;
        }
        Ok((share, replayed))
    }

    /// Where it is opened and the token that opens it: it ends when the row does.
    ///
    /// # Errors
    /// When signing fails.
    pub fn link(&self, share: &Share) -> Result<String, Fault> {
        let keys_version = self.tokens.keys_version();
        if let Some((version, link)) = self.links.get(&share.id)
            && version == keys_version
        {
            return Ok(link);
        }
        let (path, seconds) = (path(share.id), share.ends_at - self.clock.now());
        let (token, _) = self.tokens.issue_share(share.account, &path, seconds)?;
        let link = format!("{path}?token={token}");
        self.links.insert(share.id, (keys_version, link.clone()));
        Ok(link)
    }

    /// The links of a file, the latest first, and where the next page begins.
    ///
    /// # Errors
    /// [`Refused::NotFound`], or when the database is away.
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

    /// From then on it opens nothing.
    ///
    /// # Errors
    /// [`Refused::NotFound`], or when the database is away.
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
                gone.then_some(()).ok_or(Refused::NotFound)
            })
            .await
    }

    /// How many links of an account can be opened, as far as the account is active.
    pub async fn count_open(&self, account: AccountId) -> Result<i64, Fault> {
        let now = self.clock.now();
        self.db.read(move |db| count_open(db, account, now)).await
    }

    /// Revokes every link of an account, and says how many could still be opened.
    ///
    /// # Errors
    /// When the database is away; then all stay open.
    pub async fn revoke_all(&self, account: AccountId) -> Result<i64, Fault> {
        let now = self.clock.now();
        self.db
            .write_on_full_disk(move |tx| revoke_all(tx, account, now))
            .await
    }

    /// What a link hands on, without taking it.
    ///
    /// # Errors
    /// [`Refused::Ended`], or when the database is away.
    pub async fn open(&self, id: ShareId, token: &str) -> Result<(Share, File), Refused> {
        let claims = self.tokens.verify_share(token);
        let claims = claims.map_err(|_| Refused::Ended)?;
        if claims.path != path(id) {
            return Err(Refused::Ended);
        }
        let now = self.clock.now();
        self.db
            .read(move |db| {
                let share = store::find(db, id)?.filter(|share| {
                    share.account.to_string() == claims.sub && share.standing(now) == Standing::Open
                });
                let share = share.ok_or(Refused::Ended)?;
                let file = files::find(db, share.file)?.ok_or(Refused::Ended)?;
                let owner = accounts::find(db, share.account)?;
                let is_active = owner.is_some_and(|owner| owner.state == State::Active);
                is_active.then_some((share, file)).ok_or(Refused::Ended)
            })
            .await
    }

    /// Whether a token still opens its link.
    ///
    /// # Errors
    /// [`Refused::Ended`], or when the database is away.
    pub async fn check(&self, token: &str) -> Result<(), Refused> {
        let claims = self.tokens.verify_share(token);
        let claims = claims.map_err(|_| Refused::Ended)?;
        let id = claims.path.strip_prefix(PATH).and_then(ShareId::parse);
        self.open(id.ok_or(Refused::Ended)?, token).await.map(drop)
    }

    /// Whether the password is the link's.
    ///
    /// # Errors
    /// [`Refused::Password`] when it is not, [`Refused::Tries`] when it cannot be asked any more
    /// for now, or when too many are waiting.
    pub async fn unlock(&self, share: &Share, password: Option<&str>) -> Result<(), Refused> {
        let Some(hash) = share.password_hash.clone() else {
            return Ok(());
        };
        let password = password.map(Password::typed).ok_or(Refused::Password)?;
        let (shares, id) = (self.clone(), share.id);
        // Goes on by itself: whoever hangs up has not tried a wrong one.
        let tried = tokio::spawn(async move { shares.try_password(id, &password, hash).await });
        tried.await.map_err(|panic| Fault::caused("a try", panic))?
    }

    async fn try_password(
        &self,
        id: ShareId,
        password: &Password,
        hash: PasswordHash,
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        // Counted before it is known to be wrong: of many at once no more are looked at.
        let counted = self.db.write(move |tx| store::take_try(tx, id, now));
        if !counted.await? {
            return Err(Refused::Tries);
        }
        let verdict = self.passwords.verify(password, Some(hash)).await;
        if let Ok(Verdict::Wrong) = verdict {
            return Err(Refused::Password);
        }
        let given_back = self.db.write(move |tx| store::give_try_back(tx, id, now));
        given_back.await?;
        Ok(verdict.map(drop)?)
    }

    /// Counts a download, if there is one left: of any number at once, no more than were allowed.
    ///
    /// # Errors
    /// [`Refused::Ended`], or when the database is away.
    pub async fn count(&self, share: &Share) -> Result<(), Refused> {
        let (id, now) = (share.id, self.clock.now());
        let counted = self.db.write(move |tx| store::use_once(tx, id, now));
        counted.await?.then_some(()).ok_or(Refused::Ended)
    }
}

fn owned(db: &mut AnyConnection, account: AccountId, file: FileId) -> Result<File, Refused> {
    let found = files::find(db, file)?.filter(|file| file.account == account);
    found.ok_or(Refused::NotFound)
}
