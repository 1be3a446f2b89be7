//! Links that carry a token: each shows one page, and can be used up once, for a session.
//!
//! A link is a row, so that it can be used up, and ends with its origin: its account, and the
//! session if a session made it.

mod store;

use super::{
    Client, ClientKind, Grant, Identity, NotSignedIn, Persistence, Sessions, active,
    authentication, replace,
};
use crate::accounts::{self, Account, Proved};
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Actor, Event};
use crate::base::ids::{AccountId, SessionId, TokenId};
use crate::storage::AnyConnection;
use crate::tokens::{Authentication, LinkClaims, Refused};

/// The holder of a link that shows its page.
#[derive(Debug)]
pub struct LinkReader {
    pub account: Account,
    pub claims: LinkClaims,
}

/// The origin of a link, with which it ends.
pub enum LinkOrigin<'a> {
    Proved(Box<Proved>),
    Session(&'a Identity),
}

pub use store::{forget, forget_of};

/// Maximum of open links of an account.
const LINKS_MAX: i64 = 100;

impl Sessions {
    /// A token that shows `path` to its holder, and its claims. If there are too many open links,
    /// the oldest is deleted.
    ///
    /// # Errors
    /// [`NotSignedIn`]: the link's origin has ended meanwhile.
    pub async fn issue_link(
        &self,
        from: LinkOrigin<'_>,
        path: &str,
    ) -> Result<(String, LinkClaims), NotSignedIn> {
        let id = TokenId::new();
        let (account, session, proved, authentication) = match from {
            LinkOrigin::Proved(proved) => {
                let authentication = authentication(&proved, self.clock.now());
                (proved.account().id, None, Some(proved), authentication)
            }
            LinkOrigin::Session(who) => {
                let authentication = who.claims.authentication();
                (who.account, Some(who.session), None, authentication)
            }
        };
        let (token, claims) = self.tokens.issue_link(id, account, path, &authentication)?;
        let (now, ends_at) = (claims.iat, claims.exp);
        self.db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let active = match &proved {
                    Some(proved) => accounts::confirm(tx, proved)?,
                    None => accounts::lock_active(tx, account)?,
                };
                active.ok_or(NotSignedIn::Ended)?;
                if let Some(id) = session {
                    let lives = super::store::find(tx, id)?.filter(|row| row.lives_at(now));
                    lives.ok_or(NotSignedIn::Ended)?;
                }
                let row = store::Link {
                    id,
                    account,
                    session,
                    ends_at,
                };
                store::forget_beyond(tx, account, LINKS_MAX - 1, now)?;
                tx.record(Event {
                    actor: Some(Actor::Account(account)),
                    ..Event::done(Action::MakeLink).about(account).on("link", id)
                });
                Ok(store::insert(tx, &row)?)
            })
            .await?;
        Ok((token, claims))
    }

    /// Verifies a link and loads its account. Does not use it up.
    pub async fn read_link(&self, token: &str) -> Result<LinkReader, NotSignedIn> {
        let claims = self.tokens.verify_link(token)?;
        self.db
            .read(move |db| {
                let now = db.now();
                let account = still_good(db, &claims, now)?;
                Ok(LinkReader { account, claims })
            })
            .await
    }

    /// Uses a link up and starts a session, which replaces the previous one of the same browser. Of
    /// several concurrent uses, one succeeds.
    pub async fn continue_link(
        &self,
        token: &str,
        client: Client,
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let claims = self.tokens.verify_link(token)?;
        let config = self.config.clone();
        let started = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let id = AccountId::parse(&claims.sub).ok_or(Refused::Malformed)?;
                accounts::lock_active(tx, id)?.ok_or(NotSignedIn::Ended)?;
                let now = tx.now();
                let account = still_good(tx, &claims, now)?;
                if !store::use_up(tx, &claims.jti, now)? {
                    return Err(NotSignedIn::Ended);
                }
                // The session gets its maker's authentication and its time: not later than now,
                // because others can sign with a shared secret (HS256).
                let row = super::Session::new(
                    account.id,
                    (ClientKind::Browser, client),
                    Persistence::ThisVisit,
                    now,
                    Authentication {
                        auth_time: claims.auth_time.min(now),
                        amr: claims.amr.clone(),
                    },
                    &config,
                );
                let ended = replace(tx, &row, before)?;
                Ok((account, row, ended))
            })
            .await?;
        Ok(self.started(started)?)
    }
}

/// The account of an unused link whose origin has not ended.
fn still_good(
    db: &mut AnyConnection,
    claims: &LinkClaims,
    now: UnixSeconds,
) -> Result<Account, NotSignedIn> {
    let id = AccountId::parse(&claims.sub).ok_or(Refused::Malformed)?;
    let row = store::find(db, &claims.jti)?;
    let row = row.filter(|row| row.account == id && now < row.ends_at);
    let row = row.ok_or(NotSignedIn::Ended)?;
    if let Some(session) = row.session {
        let lives = super::store::find(db, session)?.is_some_and(|session| session.lives_at(now));
        if !lives {
            return Err(NotSignedIn::Ended);
        }
    }
    active(db, id)?.ok_or(NotSignedIn::Ended)
}
