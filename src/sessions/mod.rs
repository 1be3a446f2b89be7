//! Sessions: rows that say who is signed in where, and the tokens that hang on them.
//!
//! A session is proved by two tokens. The access token is short-lived and checked without the
//! database while it is known here; the refresh token renews it and changes at each use. Ending
//! the row ends both at once, on this server and, by `live`, on every other one.

pub mod live;
mod refresh;
mod store;

use std::sync::Arc;

use secrecy::SecretString;

use crate::access::Role;
use crate::accounts::Account;
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::base::secret::InstanceSecret;
use crate::config::SessionsConfig;
use crate::storage::Db;
use crate::tokens::{AccessClaims, LinkClaims, Refused, Subject, Tokens};
use live::Live;
#[cfg(fuzzing)]
pub use refresh::Presented;
use refresh::Refresh;
use store::Row;

/// For those who do not ask to stay signed in.
pub const SHORT_SESSION_HOURS: i64 = 12;
const DAY: i64 = 86_400;

/// Whether a session outlives the browser's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    ThisVisit,
    SignedIn,
}

/// Where a request comes from, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub address: String,
    pub user_agent: String,
}

impl Client {
    /// `Firefox on Linux`, as far as its user agent says.
    pub fn device(&self) -> Option<String> {
        let says = |words: &[(&str, &'static str)]| {
            words
                .iter()
                .find(|(mark, _)| self.user_agent.contains(mark))
                .map(|(_, name)| *name)
        };
        // The order matters: Edge also calls itself Chrome, Chrome also Safari, Android also Linux.
        let browser = says(&[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
            ("curl/", "curl"),
        ])?;
        let system = says(&[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
        ]);
        Some(system.map_or_else(
            || browser.to_owned(),
            |system| format!("{browser} on {system}"),
        ))
    }
}

/// Who a request is from: proved by a good access token of a live session.
#[derive(Debug)]
pub struct Identity {
    pub account: AccountId,
    pub session: SessionId,
    pub role: Role,
    pub claims: AccessClaims,
    pub session_ends: UnixSeconds,
    /// Where the session was started.
    pub client: Client,
}

impl Identity {
    /// What to call them, as [`Account::greeting`].
    pub fn greeting(&self) -> &str {
        let claims = &self.claims;
        [&claims.name, &claims.username, &claims.email]
            .into_iter()
            .find_map(|name| name.as_deref())
            .unwrap_or("you")
    }
}

/// A session's tokens, for the one who has just earned them.
#[derive(Debug)]
pub struct Grant {
    pub access: SecretString,
    pub refresh: SecretString,
    pub stay: Stay,
    pub session_ends: UnixSeconds,
    pub identity: Arc<Identity>,
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotSignedIn {
    #[error("{0}")]
    Token(#[from] Refused),
    #[error("the session has ended")]
    Ended,
    /// We cannot know, so the answer is no.
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
    live: Arc<Live>,
}

impl Sessions {
    /// Also reads which sessions have ended lately, and goes on watching for as long as any
    /// clone lives.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        db: Db,
        clock: Clock,
        tokens: Tokens,
        secret: &InstanceSecret,
        config: SessionsConfig,
    ) -> Result<Self, Fault> {
        let live = Live::watch(db.clone(), clock.clone(), tokens.clone()).await?;
        Ok(Self {
            db,
            clock,
            tokens,
            refresh: Refresh::new(secret),
            config,
            live,
        })
    }

    /// Starts a session for somebody who has just proved who they are, and ends the one that
    /// the same browser had before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn start(
        &self,
        account: &Account,
        client: Client,
        stay: Stay,
        before: Option<SessionId>,
    ) -> Result<Grant, Fault> {
        let (clock, config, account_id) = (self.clock.clone(), self.config.clone(), account.id);
        let row = self
            .db
            .write(move |tx| {
                // Read here, where nobody has to wait any more.
                let now = clock.now();
                let ends_at = now
                    + match stay {
                        Stay::ThisVisit => SHORT_SESSION_HOURS * 3600,
                        Stay::SignedIn => config.absolute_days * DAY,
                    };
                let row = Row {
                    id: SessionId::new(),
                    account_id,
                    created_at: now,
                    idle_ends_at: idle_end(now, ends_at, &config),
                    ends_at,
                    ended_at: None,
                    stay,
                    client,
                    refresh_seed: crate::base::random::bytes(),
                    generation: 0,
                    rotated_at: now,
                };
                store::insert(tx, &row)?;
                if let Some(id) = before {
                    store::end(tx, id, now)?;
                }
                Ok::<_, Fault>(row)
            })
            .await?;
        if let Some(id) = before {
            self.live.end(id, row.created_at);
        }
        self.grant(account, row)
    }

    /// Who holds this access token. Costs no query while the token is known here.
    ///
    /// # Errors
    /// [`NotSignedIn`]; also when it cannot be known whether the session still lives.
    pub async fn identify(&self, access: &str) -> Result<Arc<Identity>, NotSignedIn> {
        let (key, version) = (live::Key::of(access), self.tokens.keys_version());
        let identity = match self.live.find(&key, version) {
            Some(identity) => identity,
            // Boxed, so that the way of a known token stays small.
            None => self
                .live
                .keep(key, version, Arc::new(Box::pin(self.load(access)).await?)),
        };
        // Of a token that is known, too: it may have expired, and its session ended.
        self.tokens.check_times(&identity.claims)?;
        if self.live.has_ended(identity.session)? {
            return Err(NotSignedIn::Ended);
        }
        Ok(identity)
    }

    async fn load(&self, access: &str) -> Result<Identity, NotSignedIn> {
        let claims = self.tokens.verify_access(access)?;
        let (Some(session), Some(account)) =
            (SessionId::parse(&claims.sid), AccountId::parse(&claims.sub))
        else {
            return Err(Refused::Malformed.into());
        };
        let row = self.db.read(move |db| store::find(db, session)).await?;
        let row = row.filter(|row| row.account_id == account && row.lives_at(self.clock.now()));
        identity(claims, row.ok_or(NotSignedIn::Ended)?)
    }

    /// What a link's token says. A link belongs to no session, and ends with its time alone.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn link(&self, token: &str) -> Result<LinkClaims, Refused> {
        self.tokens.verify_link(token)
    }

    /// New tokens for a refresh token. Parallel requests with the same one get the same
    /// successor for ten seconds; after that an old one is taken for stolen and ends the
    /// session (RFC 9700, section 4.14.2).
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub async fn renew(&self, refresh: &str) -> Result<Grant, NotSignedIn> {
        let presented = refresh::Presented::parse(refresh).ok_or(NotSignedIn::Ended)?;
        let (clock, keys, config) = (
            self.clock.clone(),
            self.refresh.clone(),
            self.config.clone(),
        );
        let id = presented.session;
        // A forgery is told by reading: it never waits for a turn to write.
        let known = self.db.read(move |db| store::find(db, id)).await?;
        if !known.is_some_and(|row| keys.is_genuine(&presented, &row.refresh_seed)) {
            return Err(NotSignedIn::Ended);
        }
        let outcome =
            self.db
                .write(move |tx| -> Result<_, NotSignedIn> {
                    let Some(mut row) = store::lock(tx, id)? else {
                        return Ok(Renewal::Ended);
                    };
                    let now = clock.now();
                    if !row.lives_at(now) {
                        return Ok(Renewal::Ended);
                    }
                    match presented.age(row.generation, now - row.rotated_at) {
                        refresh::Age::Current => {
                            row.generation += 1;
                            row.rotated_at = now;
                            row.idle_ends_at = idle_end(now, row.ends_at, &config);
                            store::rotate(tx, &row)?;
                        }
                        refresh::Age::InGrace => {}
                        refresh::Age::Reused => {
                            store::end(tx, id, now)?;
                            return Ok(Renewal::Reused(now));
                        }
                    }
                    Ok(crate::accounts::find(tx, row.account_id)?
                        .map_or(Renewal::Ended, |account| {
                            Renewal::Good(Box::new((account, row)))
                        }))
                })
                .await?;
        match outcome {
            Renewal::Good(good) => Ok(self.grant(&good.0, good.1)?),
            Renewal::Ended => Err(NotSignedIn::Ended),
            Renewal::Reused(at) => {
                self.live.end(id, at);
                tracing::warn!(session = %id, "a refresh token was used twice: its session is ended");
                Err(NotSignedIn::Ended)
            }
        }
    }

    /// Ends a session. When this returns, no token of it is accepted here any more, nor after
    /// a restart, and within a second on no other server.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn end(&self, id: SessionId) -> Result<(), Fault> {
        let clock = self.clock.clone();
        let at = self
            .db
            .write(move |tx| {
                let now = clock.now();
                store::end(tx, id, now).map(|()| now)
            })
            .await?;
        self.live.end(id, at);
        Ok(())
    }

    fn grant(&self, account: &Account, row: Row) -> Result<Grant, Fault> {
        let subject = Subject {
            account: account.id,
            username: account.username.as_deref(),
            name: account.name.as_deref(),
            email: account.email.as_deref(),
            role: account.role.as_str(),
        };
        let (access, claims) =
            self.tokens
                .issue_access(&subject, row.id, row.created_at, row.ends_at)?;
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
        })
    }
}

fn idle_end(now: UnixSeconds, ends_at: UnixSeconds, config: &SessionsConfig) -> UnixSeconds {
    ends_at.min(now + config.idle_days * DAY)
}

enum Renewal {
    Good(Box<(Account, Row)>),
    Ended,
    /// And ended for it, at this time.
    Reused(UnixSeconds),
}

fn identity(claims: AccessClaims, row: Row) -> Result<Identity, NotSignedIn> {
    let role = claims.roles.first().and_then(|role| Role::parse(role));
    Ok(Identity {
        account: row.account_id,
        session: row.id,
        role: role.ok_or(Refused::Malformed)?,
        claims,
        session_ends: row.ends_at,
        client: row.client,
    })
}
