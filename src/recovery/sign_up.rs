//! A sign-up that waits until its address is confirmed. There is no account before that, and the
//! response does not tell whether the username or the address is taken.

use std::fmt;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::store::{self, Found};
use super::{Asked, ConfirmError, DAY, NotAsked, Purpose, Recovery, hash};
use crate::access::Role;
use crate::accounts::{
    Names, NewAccount, Prepared, Proved, SentNames, SignUpError, parse_password,
};
use crate::base::event::{Action, Event};
use crate::base::fault::Fault;
use crate::base::input::Refusals;
use crate::base::names::{Password, Username};
use crate::base::random;
use crate::limits::Source;
use crate::passwords::PasswordHash;
use crate::storage::Tx;

pub const CONFIRM_SECONDS: i64 = DAY;
/// Passwords that may be tried with one link.
const TRIES: i64 = 10;

/// What somebody signed up with. It is kept encrypted.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingSignUp {
    pub email: String,
    username: Option<String>,
    name: Option<String>,
    /// Of the password.
    hash: String,
    /// The page to go on to.
    next: Option<String>,
}

impl fmt::Debug for PendingSignUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignUp").finish_non_exhaustive()
    }
}

impl PendingSignUp {
    fn names(&self) -> Result<Names, Fault> {
        let sent = SentNames {
            username: self.username.as_deref(),
            email: Some(&self.email),
            name: self.name.as_deref(),
        };
        let (names, wrong) = Names::parse(sent);
        let names = wrong.or(names);
        names.map_err(|_| Fault::new("a pending sign-up with damaged names"))
    }
}

impl Recovery {
    /// Takes a sign-up. It costs the same whether its names are free or taken, and a job answers it
    /// by mail. `next` is the page that is shown once the address is confirmed.
    ///
    /// # Errors
    /// [`SignUpError`], but never [`SignUpError::Taken`].
    pub async fn ask_to_sign_up(
        &self,
        new: NewAccount,
        source: &Source,
        next: Option<String>,
    ) -> Result<(), SignUpError> {
        let Some(email) = new.names.email.clone() else {
            return Err(Refusals::of("email", "Enter an email address").into());
        };
        let Prepared { names, hash, .. } = self.accounts.prepare_open_sign_up(new, source).await?;
        let pending = PendingSignUp {
            email: email.as_str().to_owned(),
            username: names.username.map(|name| name.as_str().to_owned()),
            name: names.name.map(|name| name.as_str().to_owned()),
            hash: hash.as_str().to_owned(),
            next,
        };
        let asked = self.ask(Asked::SignUp(pending), source).await;
        asked.map_err(|why| match why {
            NotAsked::Limited(limited) => SignUpError::Limited(limited),
            NotAsked::Fault(fault) => SignUpError::Fault(fault),
        })
    }

    /// A link to confirm a sign-up. Older ones for the same address stay valid: they may be
    /// another person's.
    pub(super) fn issue_sign_up(
        &self,
        tx: &mut Tx<'_>,
        pending: &PendingSignUp,
    ) -> Result<String, Fault> {
        let token = random::token();
        let hash = hash(token.expose_secret());
        let content = store::Content {
            email: Some(pending.email.clone()),
            sealed: Some(self.postbox.seal(&hash, pending)?),
            ..store::Content::default()
        };
        let ends_at = tx.now() + CONFIRM_SECONDS;
        store::insert(tx, &hash, Purpose::ConfirmSignUp, ends_at, content)?;
        Ok(token.expose_secret().to_owned())
    }

    /// The address of the sign-up that a valid link confirms. Does not use the link up.
    pub async fn find_sign_up(&self, token: &str) -> Result<Option<String>, Fault> {
        Ok(self.find_pending(token).await?.map(|found| found.email))
    }

    async fn find_pending(&self, token: &str) -> Result<Option<PendingSignUp>, Fault> {
        let key = hash(token);
        let found = self.db.read(move |db| {
            let now = db.now();
            store::find(db, &key, Purpose::ConfirmSignUp, now)
        });
        let found = found.await?.filter(|found| found.wrong_codes < TRIES);
        let open = |found: Found| {
            let sealed = found.content.sealed.unwrap_or_default();
            self.postbox.open(&found.hash, &sealed)
        };
        found.map(open).transpose()
    }

    /// Creates the account of a pending sign-up, with a verified address, and uses the link up.
    /// `password` must be that of the sign-up: otherwise the owner of an address would accept the
    /// password of a stranger who signed up with it. `username` replaces one that is taken. Also
    /// returns the page to go on to.
    ///
    /// # Errors
    /// [`ConfirmError`]; then the link is not used up, but ends after ten passwords.
    pub async fn confirm_sign_up(
        &self,
        token: &str,
        password: &str,
        username: Option<&str>,
        source: &Source,
    ) -> Result<(Proved, Option<String>), ConfirmError> {
        let pending = self.find_pending(token).await?.ok_or(ConfirmError::Ended)?;
        if password.is_empty() {
            return Err(Refusals::of("password", "Enter your password").into());
        }
        let mut names = pending.names()?;
        // The page has no field for it.
        let allowed = self.accounts.check_domain(names.email.as_ref());
        allowed.map_err(|wrong| wrong.renamed("email", Refusals::FORM))?;
        if let Some(username) = username {
            let parsed = Username::parse(username);
            let username = parsed.map_err(|why| Refusals::of("username", why))?;
            self.accounts.check_reserved(&username)?;
            names.username = Some(username);
        }
        let key = hash(token);
        let counted = key.clone();
        let may_try = self.db.write(move |tx| {
            let now = tx.now();
            store::count_try(tx, &counted, TRIES, now)
        });
        if !may_try.await? {
            return Err(ConfirmError::Ended);
        }
        let stored = PasswordHash::stored(pending.hash);
        let typed = Password::typed(password);
        if !self.accounts.matches(&stored, &typed, source).await? {
            let why = "This is not the password that was chosen at sign-up";
            return Err(Refusals::of("password", why).into());
        }
        let hash = if username.is_some() {
            // The password must not be made of the new username either. Its length was checked.
            let password = parse_password(password, 1)?;
            let names = names.clone();
            let prepared = self.accounts.prepare(NewAccount { names, password });
            prepared.await?.hash
        } else {
            stored
        };
        let prepared = self.accounts.prepare_verified(names, hash);
        let use_up = move |tx: &mut Tx<'_>| {
            let now = tx.now();
            match store::use_up(tx, &key, Purpose::ConfirmSignUp, now)? {
                Some(_) => Ok(Role::Member),
                None => Err(ConfirmError::Ended),
            }
        };
        let added = self.accounts.add(prepared, use_up, |tx, account| {
            tx.record(Event::done(Action::VerifyEmail).about(account.id));
            Ok(())
        });
        Ok((added.await?, pending.next))
    }
}
