//! Links that carry a token: they show one page, and can be used up once, for a session.
//!
//! A link is a row, so that it can be used up, and ends with what it was made from: its account,
//! and the session if it was made by one.

use super::{Client, ClientKind, Grant, NotSignedIn, Sessions, Stay, active, replace, store};
use crate::accounts::{self, Account, Proof};
use crate::base::clock::UnixSeconds;
use crate::base::ids::{AccountId, SessionId, TokenId};
use crate::passwords::PasswordHash;
use crate::storage::AnyConnection;
use crate::tokens::{LinkClaims, Refused};

/// Who somebody is who came by a link.
#[derive(Debug)]
pub struct LinkReader {
    pub account: Account,
    pub claims: LinkClaims,
}

/// What a link is made from, and ends with.
pub enum Maker {
    /// A sign-in by the password behind this hash.
    Password(PasswordHash),
    /// A session whose owner proved at `auth_time` who they are.
    Session {
        id: SessionId,
        auth_time: UnixSeconds,
    },
}

/// Open at once, for each account.
const LINKS_MAX: i64 = 100;

/// A link's row.
pub struct Row {
    pub id: TokenId,
    pub account: AccountId,
    pub session: Option<SessionId>,
    pub ends_at: UnixSeconds,
}

impl Sessions {
    /// A token that shows `path` to whoever holds it; with what it says. Of those that are open the
    /// oldest gives way when there are too many.
    ///
    /// # Errors
    /// [`NotSignedIn`]: what it is made from has ended meanwhile.
    pub async fn issue_link(
        &self,
        account: AccountId,
        from: Maker,
        path: &str,
    ) -> Result<(String, LinkClaims), NotSignedIn> {
        let id = TokenId::new();
        let auth_time = match &from {
            Maker::Password(_) => self.clock.now(),
            Maker::Session { auth_time, .. } => *auth_time,
        };
        let (token, claims) = self.tokens.issue_link(id, account, path, auth_time)?;
        let (now, ends_at) = (claims.iat, claims.exp);
        self.db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let (proof, session) = match from {
                    Maker::Password(hash) => (Proof::Password(hash), None),
                    Maker::Session { id, .. } => (Proof::Otherwise, Some(id)),
                };
                accounts::confirm(tx, account, &proof)?.ok_or(NotSignedIn::Ended)?;
                if let Some(id) = session {
                    let lives = store::find(tx, id)?.filter(|row| row.lives_at(now));
                    lives.ok_or(NotSignedIn::Ended)?;
                }
                let row = Row {
                    id,
                    account,
                    session,
                    ends_at,
                };
                store::forget_links_beyond(tx, account, LINKS_MAX - 1, now)?;
                Ok(store::insert_link(tx, &row)?)
            })
            .await?;
        Ok((token, claims))
    }

    /// Who a link shows its page for. Looking does not use it up.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub async fn read_link(&self, token: &str) -> Result<LinkReader, NotSignedIn> {
        let claims = self.tokens.verify_link(token)?;
        let now = self.clock.now();
        self.db
            .read(move |db| {
                let account = still_good(db, &claims, now)?;
                Ok(LinkReader { account, claims })
            })
            .await
    }

    /// Uses a link up for a session, in place of the one that the same browser had. Of any
    /// number at once, one gets it.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub async fn continue_link(
        &self,
        token: &str,
        client: Client,
        before: Option<SessionId>,
    ) -> Result<Grant, NotSignedIn> {
        let claims = self.tokens.verify_link(token)?;
        let (clock, config) = (self.clock.clone(), self.config.clone());
        let started = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let id = AccountId::parse(&claims.sub).ok_or(Refused::Malformed)?;
                accounts::confirm(tx, id, &Proof::Otherwise)?.ok_or(NotSignedIn::Ended)?;
                let now = clock.now();
                let account = still_good(tx, &claims, now)?;
                if !store::use_link_up(tx, &claims.jti, now)? {
                    return Err(NotSignedIn::Ended);
                }
                // It proves no more than its maker did, and when: not later than now, whoever
                // else can sign (HS256).
                let row = super::Row::new(
                    account.id,
                    (ClientKind::Browser, client),
                    Stay::ThisVisit,
                    now,
                    claims.auth_time.min(now),
                    &config,
                );
                let ended = replace(tx, &row, before)?;
                Ok((account, row, ended))
            })
            .await?;
        Ok(self.started(started)?)
    }
}

/// Whose link it is, as long as it was not used up and what it was made from goes on.
fn still_good(
    db: &mut AnyConnection,
    claims: &LinkClaims,
    now: UnixSeconds,
) -> Result<Account, NotSignedIn> {
    let id = AccountId::parse(&claims.sub).ok_or(Refused::Malformed)?;
    let row = store::find_link(db, &claims.jti)?;
    let row = row.filter(|row| row.account == id && now < row.ends_at);
    let row = row.ok_or(NotSignedIn::Ended)?;
    if let Some(session) = row.session {
        let lives = store::find(db, session)?.is_some_and(|session| session.lives_at(now));
        if !lives {
            return Err(NotSignedIn::Ended);
        }
    }
    active(db, id)?.ok_or(NotSignedIn::Ended)
}
