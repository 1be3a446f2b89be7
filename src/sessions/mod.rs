//! Sessions: rows that say which account is signed in where, and their tokens.
//!
//! A session is proved by two tokens. The access token is short-lived and verified without the
//! database while it is cached here; the refresh token renews it and changes at each use. Ending
//! the row ends both at once, on this server and, by `cache`, on every other one.

mod cache;
mod client;
mod ending;
mod links;
mod refresh;
mod renewal;
mod store;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::access::Role;
use crate::accounts::{self, Account, AccountState, Proved};
use crate::base::clock::{CLOCKS_APART_SECONDS, Clock, UnixSeconds};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::base::paging::{self, page};
use crate::base::secret::InstanceSecret;
use crate::config::SessionsConfig;
use crate::passwords::PasswordHash;
use crate::storage::{AnyConnection, Db, Tx};
use crate::tokens::{AccessClaims, Authentication, Refused, Subject, Tokens};
use cache::SessionCache;
pub use cache::{Figures, LOOK_EVERY};
pub use client::Client;
pub use ending::{
    ENDED_AT_ONCE, EndReason, Ended, end_all, end_everywhere, set_password, sign_out_everywhere,
};
pub use links::forget as forget_links;
pub use links::{LinkOrigin, LinkReader};
#[cfg(fuzzing)]
pub use refresh::Presented;
use refresh::Refresh;
pub use renewal::ReissueReason;
use store::Session;
pub use store::{forget, has_other};

/// Without "Stay signed in".
pub const SHORT_SESSION_HOURS: i64 = 12;
/// How long an authentication counts as recent.
pub const RECENT_MINUTES: i64 = 10;
/// Limit for each account and each [`ClientKind`]; the oldest session is ended.
pub const SESSIONS_MAX: i64 = 200;
const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// Whether a session outlives the browser's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    ThisVisit,
    Remembered,
}

/// The holder of a session's tokens. Each kind has its own limit, so that a program that signs in
/// repeatedly does not end the sessions of its owner's browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// In cookies.
    Browser,
    /// From a response of the API or of a compatibility route.
    Program,
}

impl ClientKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Program => "program",
        }
    }
}

/// The account and session of a request with a valid access token.
#[derive(Debug)]
pub struct Identity {
    pub account: AccountId,
    pub session: SessionId,
    pub role: Role,
    pub claims: AccessClaims,
    pub session_started: UnixSeconds,
    pub session_ends: UnixSeconds,
    /// Where the session was started.
    pub client: Client,
}

impl Identity {
    /// Whether the last authentication was within ten minutes.
    pub fn is_recent(&self, now: UnixSeconds) -> bool {
        // A time in the future is not recent either.
        (-CLOCKS_APART_SECONDS..RECENT_MINUTES * 60).contains(&(now - self.claims.auth_time))
    }

    /// The name that the owner signs in with.
    pub fn login(&self) -> &str {
        let claims = &self.claims;
        let login = claims.username.as_deref().or(claims.email.as_deref());
        login.unwrap_or_default()
    }

    /// The name to greet the owner by, as [`Account::greeting`].
    pub fn greeting(&self) -> &str {
        let claims = &self.claims;
        [&claims.name, &claims.username, &claims.email]
            .into_iter()
            .find_map(|name| name.as_deref())
            .unwrap_or("you")
    }
}

/// The tokens of a session that was started or renewed.
#[derive(Debug)]
pub struct Grant {
    pub access: SecretString,
    pub refresh: SecretString,
    pub stay: Persistence,
    pub session_ends: UnixSeconds,
    pub identity: Arc<Identity>,
    /// The hash of the password that was given for the session, if one was: for the device cookie.
    pub password: Option<PasswordHash>,
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: SessionId,
    /// Where it was started.
    pub client: Client,
    pub created_at: UnixSeconds,
    /// Accurate to the hour.
    pub last_seen_at: UnixSeconds,
    pub ends_at: UnixSeconds,
}

/// The sessions after this one, when they are listed from the latest.
pub type Cursor = paging::Cursor<UnixSeconds, SessionId>;

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub enum NotSignedIn {
    #[error("{0}")]
    Token(#[from] Refused),
    #[error("the session has ended")]
    Ended,
    /// Whether the session continues is not known.
    #[error("{0}")]
    Fault(#[from] Fault),
}

#[derive(Clone)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    tokens: Tokens,
    refresh: Refresh,
    config: SessionsConfig,
    cache: Arc<SessionCache>,
}

impl Sessions {
    /// Also reads which sessions have recently ended; [`Sessions::follow`] continues that.
    pub async fn open(
        db: Db,
        clock: Clock,
        tokens: Tokens,
        secret: &InstanceSecret,
        config: SessionsConfig,
    ) -> Result<Self, Fault> {
        let cache = SessionCache::open(db.clone(), &clock, &tokens).await?;
        Ok(Self {
            db,
            clock,
            tokens,
            refresh: Refresh::new(secret),
            config,
            cache,
        })
    }

    /// Reads which sessions have ended on any server, and the signing keys. Without either for
    /// five seconds, every request is refused.
    pub async fn follow(&self) -> Result<(), Fault> {
        let keys = tokio::time::timeout(cache::BLIND_AFTER, self.tokens.keep_keys(&self.db)).await;
        keys.unwrap_or_else(|_| Err(Fault::new("the database does not answer")))?;
        self.cache.look(self.clock.now()).await
    }

    /// The time since ended sessions and signing keys were last read.
    pub fn lag(&self) -> Duration {
        self.cache.lag()
    }

    /// Whether the last read is too old to accept a token.
    pub fn is_blind(&self) -> bool {
        self.lag() > cache::BLIND_AFTER
    }

    /// Whether a session has ended early: for work that goes on after its request was admitted.
    ///
    /// # Errors
    /// When the database has been unavailable for too long.
    pub fn has_ended(&self, session: SessionId) -> Result<bool, Fault> {
        self.cache.has_ended(session)
    }

    pub fn figures(&self) -> &Figures {
        &self.cache.figures
    }

    /// Starts a session for the owner of a proved account, and ends the previous session of the
    /// same browser.
    ///
    /// # Errors
    /// [`NotSignedIn`]: the proof is no longer valid, because the account has changed
    /// since.
    pub async fn start(
        &self,
        proved: Proved,
        (kind, client): (ClientKind, Client),
        stay: Persistence,
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        self.start_by(move |_| Ok(proved), (kind, client), stay, before)
            .await
    }

    /// As [`Sessions::start`], with a proof that is made in the transaction that starts the session.
    ///
    /// # Errors
    /// As [`Sessions::start`], and what `prove` returns; then nothing has changed.
    pub async fn start_by(
        &self,
        prove: impl FnOnce(&mut Tx<'_>) -> Result<Proved, NotSignedIn> + Send + 'static,
        who: (ClientKind, Client),
        stay: Persistence,
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let config = self.config.clone();
        let row_at =
            move |now, account, proved| Session::new(account, who, stay, now, proved, &config);
        self.begin(prove, before, row_at).await
    }

    /// Starts a program's session that lasts for this many seconds, used or not.
    pub async fn start_for(
        &self,
        proved: Proved,
        client: Client,
        seconds: i64,
    ) -> Result<Grant, NotSignedIn> {
        let config = self.config.clone();
        let row_at = move |now, account, proved| {
            let ends_at = now + seconds;
            let who = (ClientKind::Program, client);
            Session {
                ends_at,
                idle_ends_at: ends_at,
                ..Session::new(account, who, Persistence::ThisVisit, now, proved, &config)
            }
        };
        self.begin(move |_| Ok(proved), None, row_at).await
    }

    async fn begin(
        &self,
        prove: impl FnOnce(&mut Tx<'_>) -> Result<Proved, NotSignedIn> + Send + 'static,
        before: Option<SessionId>,
        row_at: impl FnOnce(UnixSeconds, AccountId, Authentication) -> Session + Send + 'static,
    ) -> Result<Grant, NotSignedIn> {
        let (password, started) = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let proved = prove(tx)?;
                let account = accounts::confirm(tx, &proved)?.ok_or(NotSignedIn::Ended)?;
                let now = tx.now();
                let row = row_at(now, account.id, authentication(&proved, now));
                let ended = replace(tx, &row, before)?;
                Ok((proved.password().cloned(), (account, row, ended)))
            })
            .await?;
        Ok(Grant {
            password,
            ..self.started(started)?
        })
    }

    fn started(&self, (account, row, ended): (Account, Session, Ended)) -> Result<Grant, Fault> {
        self.announce(ended);
        self.cache.figures.started.count();
        self.grant(&account, row)
    }

    /// The identity of an access token. Takes no query while the token is cached.
    ///
    /// # Errors
    /// [`NotSignedIn`]; also when it is not known whether the session continues.
    pub async fn identify(&self, access: &str) -> Result<Arc<Identity>, NotSignedIn> {
        let (key, version) = (cache::Key::of(access), self.tokens.keys_version());
        let identity = match self.cache.find(&key, version) {
            Some(identity) => identity,
            // Boxed, so that the future of a cached token stays small.
            None => self
                .cache
                .keep(key, version, Arc::new(Box::pin(self.load(access)).await?)),
        };
        // Also for a cached token: it may have expired, or its session ended.
        self.tokens.check_times(&identity.claims)?;
        if self.cache.has_ended(identity.session)? {
            return Err(NotSignedIn::Ended);
        }
        Ok(identity)
    }

    /// The account of a session, by the `sid` of a verified token. Reads the database each time:
    /// such tokens are rare, and some live longer than ended sessions are cached.
    pub async fn load_owner(&self, sid: &str) -> Result<Account, NotSignedIn> {
        let id = SessionId::parse(sid).ok_or(Refused::Malformed)?;
        self.db
            .read(move |db| {
                let now = db.now();
                let row = store::find(db, id)?.filter(|row| row.lives_at(now));
                let row = row.ok_or(NotSignedIn::Ended)?;
                active(db, row.account_id)?.ok_or(NotSignedIn::Ended)
            })
            .await
    }

    async fn load(&self, access: &str) -> Result<Identity, NotSignedIn> {
        let claims = self.tokens.verify_access(access)?;
        let (Some(session), Some(account)) =
            (SessionId::parse(&claims.sid), AccountId::parse(&claims.sub))
        else {
            return Err(Refused::Malformed.into());
        };
        self.db
            .read(move |db| {
                let now = db.now();
                let row = store::find(db, session)?;
                let row = row.filter(|row| row.account_id == account && row.lives_at(now));
                let row = row.ok_or(NotSignedIn::Ended)?;
                let account = active(db, account)?.ok_or(NotSignedIn::Ended)?;
                // Claims that differ from the row were signed by an attacker who has the key.
                let is_so = claims.roles == [account.role.as_str()]
                    && claims.groups == account.groups.names()
                    && claims.auth_time <= row.proved.auth_time;
                if is_so {
                    identity(claims, row)
                } else {
                    Err(NotSignedIn::Ended)
                }
            })
            .await
    }

    /// The active sessions of an account, latest first, and the cursor of the next page.
    pub async fn list(
        &self,
        account: AccountId,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<Cursor>), Fault> {
        let found = self
            .db
            .read(move |db| {
                let now = db.now();
                store::list(db, account, now, after, limit + 1)
            })
            .await?;
        Ok(page(found, limit, |last| Cursor {
            value: last.created_at,
            id: last.id,
        }))
    }

    /// An active session of this account.
    pub async fn find(&self, account: AccountId, id: SessionId) -> Result<Option<Listed>, Fault> {
        let now = self.clock.now();
        let row = self.db.read(move |db| store::find(db, id)).await?;
        Ok(row
            .filter(|row| row.account_id == account && row.lives_at(now))
            .map(Session::listed))
    }

    /// When a session of this account last ended because a token of it was used twice.
    pub async fn last_reuse(&self, account: AccountId) -> Result<Option<UnixSeconds>, Fault> {
        self.db
            .read(move |db| store::last_end(db, account, EndReason::Reuse))
            .await
    }

    fn grant(&self, account: &Account, row: Session) -> Result<Grant, Fault> {
        let subject = Subject {
            account: account.id,
            username: account.username.as_deref(),
            name: account.name.as_deref(),
            email: account.email.as_deref(),
            email_verified: account.email_verified_at.is_some(),
            role: account.role.as_str(),
            groups: account.groups.names(),
        };
        let (access, claims) =
            self.tokens
                .issue_access(&subject, row.id, &row.proved, row.ends_at)?;
        let (stay, session_ends) = (row.stay, row.ends_at);
        let refresh = self
            .refresh
            .token(row.id, row.generation, &row.refresh_seed);
        let identity =
            identity(claims, row).map_err(|error| Fault::caused("our own token", error))?;
        Ok(Grant {
            access: access.into(),
            refresh,
            stay,
            session_ends,
            identity: Arc::new(identity),
            password: None,
        })
    }
}

fn authentication(proved: &Proved, now: UnixSeconds) -> Authentication {
    Authentication {
        auth_time: now,
        amr: proved.amr().to_vec(),
    }
}

fn idle_end(now: UnixSeconds, ends_at: UnixSeconds, config: &SessionsConfig) -> UnixSeconds {
    ends_at.min(now + config.idle_days * DAY)
}

/// Inserts a session, and ends the previous one of the same browser, and the oldest of its kind if
/// the account has too many. This is a sign-in.
fn replace(tx: &mut Tx<'_>, new: &Session, before: Option<SessionId>) -> Result<Ended, Fault> {
    store::insert(tx, new)?;
    tx.record(
        Event::done(Action::SignIn)
            .by_session(new.account_id, new.id)
            .with("by", new.proved.amr.join(" "))
            .with("client", new.kind.as_str()),
    );
    let (account, kind, now) = (new.account_id, new.kind, new.created_at);
    let mut sessions = store::living_beyond(tx, account, kind, SESSIONS_MAX, now)?;
    // After the clock went back, the new session is not the newest.
    sessions.retain(|id| *id != new.id);
    sessions.extend(before);
    for id in &sessions {
        store::end(tx, *id, new.created_at, EndReason::Replaced)?;
    }
    Ok(Ended {
        sessions,
        at: new.created_at,
    })
}

/// An active account.
fn active(db: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Fault> {
    Ok(accounts::find(db, id)?.filter(|account| account.state == AccountState::Active))
}

fn identity(claims: AccessClaims, row: Session) -> Result<Identity, NotSignedIn> {
    let role = claims.roles.first().and_then(|role| Role::parse(role));
    Ok(Identity {
        account: row.account_id,
        session: row.id,
        role: role.ok_or(Refused::Malformed)?,
        claims,
        session_started: row.created_at,
        session_ends: row.ends_at,
        client: row.client,
    })
}
