//! New tokens for a session that continues, or for the session that replaces it.

use super::refresh::{Age, Presented};
use super::store::{self, Session};
use super::{
    EndReason, Grant, HOUR, Identity, NotSignedIn, Sessions, authentication, idle_end, set_password,
};
use crate::accounts::{self, Account, Proved};
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Event};
use crate::passwords::PasswordHash;

/// Why a session gets new tokens early.
#[derive(Clone, Debug)]
pub enum ReissueReason {
    /// The password was given again.
    Proved(Box<Proved>),
    /// The account was renamed.
    Renamed,
}

enum Renewal {
    Good(Box<(Account, Session)>),
    Ended,
    /// The session was ended for this reason, at this time.
    Reused(UnixSeconds),
}

impl Sessions {
    /// New tokens for a refresh token. Parallel requests with the same token get the same successor
    /// for ten seconds; after that an old token counts as stolen and ends the session (RFC 9700,
    /// section 4.14.2).
    pub async fn renew(&self, refresh: &str) -> Result<Grant, NotSignedIn> {
        let presented = Presented::parse(refresh).ok_or(NotSignedIn::Ended)?;
        let (keys, config) = (self.refresh.clone(), self.config.clone());
        let id = presented.session;
        // A forged token is refused after a read: it never waits for the write lock.
        let known = self.db.read(move |db| store::find(db, id)).await?;
        let known = known.filter(|row| keys.is_genuine(&presented, &row.refresh_seed));
        let account = known.ok_or(NotSignedIn::Ended)?.account_id;
        let outcome = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let Some(account) = accounts::lock_active(tx, account)? else {
                    return Ok(Renewal::Ended);
                };
                let now = tx.now();
                // A new seed is drawn when the password is given: older tokens are no longer
                // genuine.
                let row = store::lock(tx, id)?.filter(|row| row.lives_at(now));
                let row = row.filter(|row| keys.is_genuine(&presented, &row.refresh_seed));
                let Some(mut row) = row else {
                    return Ok(Renewal::Ended);
                };
                match presented.age(row.generation, now - row.rotated_at) {
                    Age::Current => {
                        row.generation += 1;
                        row.rotated_at = now;
                        row.idle_ends_at = idle_end(now, row.ends_at, &config);
                        // A session in use is renewed four times an hour.
                        if now - row.last_seen_at >= HOUR {
                            row.last_seen_at = now;
                        }
                        store::renew(tx, &row)?;
                    }
                    Age::InGrace => {}
                    Age::Reused => {
                        store::end(tx, id, now, EndReason::Reuse)?;
                        let reused = Event::refused(Action::ReuseRefreshToken).about(account.id);
                        tx.record(reused.on("session", id));
                        return Ok(Renewal::Reused(now));
                    }
                }
                Ok(Renewal::Good(Box::new((account, row))))
            })
            .await?;
        match outcome {
            Renewal::Good(good) => {
                self.cache.figures.renewed.count();
                Ok(self.grant(&good.0, good.1)?)
            }
            Renewal::Ended => Err(NotSignedIn::Ended),
            Renewal::Reused(at) => {
                self.cache.end(id, at);
                tracing::warn!(session = %id, "a refresh token was used twice: its session is ended");
                Err(NotSignedIn::Ended)
            }
        }
    }

    /// New tokens of the same session, after the password was given again or the account was
    /// renamed. Earlier refresh tokens, and copies of them, are refused from then on.
    pub async fn issue_again(
        &self,
        identity: &Identity,
        why: ReissueReason,
    ) -> Result<Grant, NotSignedIn> {
        let (id, account) = (identity.session, identity.account);
        let (account, row) = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let account = match &why {
                    ReissueReason::Proved(proved) => accounts::confirm(tx, proved)?,
                    ReissueReason::Renamed => accounts::lock_active(tx, account)?,
                };
                let account = account.ok_or(NotSignedIn::Ended)?;
                let now = tx.now();
                let row = store::lock(tx, id)?;
                let row = row.filter(|row| row.account_id == account.id && row.lives_at(now));
                let mut row = row.ok_or(NotSignedIn::Ended)?;
                if let ReissueReason::Proved(proved) = why {
                    row.proved = authentication(&proved, now);
                    tx.record(Event::done(Action::ConfirmPassword).about(account.id));
                }
                row.refresh_seed = crate::base::random::bytes();
                row.generation += 1;
                row.rotated_at = now;
                store::renew(tx, &row)?;
                Ok((account, row))
            })
            .await?;
        Ok(self.grant(&account, row)?)
    }

    /// Replaces the proved password by a new one, and the current session by a new one: all other
    /// sessions end, and all links.
    ///
    /// # Errors
    /// [`NotSignedIn`]: the session or the password has changed meanwhile; then nothing
    /// has changed.
    pub async fn change_password(
        &self,
        identity: &Identity,
        proved: Proved,
        new: PasswordHash,
    ) -> Result<Grant, NotSignedIn> {
        let (config, id) = (self.config.clone(), identity.session);
        let password = Some(new.clone());
        let started = self
            .db
            .write(move |tx| -> Result<_, NotSignedIn> {
                let account = accounts::confirm(tx, &proved)?.ok_or(NotSignedIn::Ended)?;
                let now = tx.now();
                let before = store::lock(tx, id)?;
                let before = before.filter(|row| row.account_id == account.id && row.lives_at(now));
                let before = before.ok_or(NotSignedIn::Ended)?;
                let ended = set_password(tx, account.id, &new)?;
                let (who, stay) = ((before.kind, before.client), before.stay);
                let row = Session::new(
                    account.id,
                    who,
                    stay,
                    now,
                    authentication(&proved, now),
                    &config,
                );
                store::insert(tx, &row)?;
                tx.record(Event::done(Action::ChangePassword).by_session(account.id, row.id));
                Ok((account, row, ended))
            })
            .await?;
        Ok(Grant {
            password,
            ..self.started(started)?
        })
    }
}
