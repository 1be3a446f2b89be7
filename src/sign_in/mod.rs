//! The front door: everything between a typed name and a session.

use crate::access::Role;
use crate::accounts::{
    self, Account, Accounts, Credentials, NewAccount, Proof, SignUpError, State,
};
use crate::base::clock::{Clock, UnixSeconds};
use crate::base::fault::{Fault, Kind};
use crate::base::ids::SessionId;
use crate::base::names::{Login, NewPassword, Password, folded};
use crate::idempotency::{self, Claim, Once};
use crate::passwords::{Busy, HashError, Passwords, Verdict};
use crate::sessions::{
    Again, Client, ClientKind, Grant, Identity, Maker, NotSignedIn, Sessions, Stay,
};
use crate::storage::{AnyConnection, Db};

/// How somebody wants to be let in.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A session, in place of the one that the same browser had.
    Session {
        kind: ClientKind,
        stay: Stay,
        before: Option<SessionId>,
    },
    /// A session of this length, for a token that hangs on it.
    Token { seconds: i64 },
    /// A link that shows this path.
    Link { path: String },
}

#[derive(Debug)]
pub enum Outcome {
    SignedIn(Grant),
    /// The token of a link.
    Link(String),
    /// One word for every cause: nobody learns from it who has an account.
    Refused,
    Busy,
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the current password is another one")]
    Wrong,
    #[error("the session has ended")]
    Ended,
    #[error(transparent)]
    New(#[from] HashError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// An account, made by this request or by the same one before.
#[derive(Debug)]
pub struct SignedUp {
    pub account: Account,
    pub replayed: bool,
}

enum Checked {
    Right(Box<Credentials>),
    Wrong,
    Busy,
}

#[derive(Clone)]
pub struct SignIn {
    db: Db,
    clock: Clock,
    accounts: Accounts,
    passwords: Passwords,
    sessions: Sessions,
}

impl SignIn {
    pub fn new(
        db: Db,
        clock: Clock,
        accounts: Accounts,
        passwords: Passwords,
        sessions: Sessions,
    ) -> Self {
        Self {
            db,
            clock,
            accounts,
            passwords,
            sessions,
        }
    }

    /// Lets somebody in by name and password. An unknown name takes the time that an account
    /// takes, whatever kinds of hashes the accounts have.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn with_password(
        &self,
        client: Client,
        login: &str,
        password: &Password,
        delivery: Delivery,
    ) -> Result<Outcome, Fault> {
        let parsed = Login::parse(login);
        let key = parsed.as_ref().map_or_else(|| folded(login), Login::key);
        let stand_in = self.passwords.stand_in(&key);
        let found = match parsed {
            Some(login) => self.accounts.find_credentials(login).await?,
            None => None,
        };
        let stored = found.as_ref().map_or(stand_in, |found| found.hash.clone());
        let Ok(verdict) = self.passwords.verify(password, Some(stored)).await else {
            return Ok(Outcome::Busy);
        };
        let found = found.filter(|found| found.account.state == State::Active);
        let (Verdict::Right | Verdict::RightButOld, Some(Credentials { account, hash })) =
            (&verdict, found)
        else {
            return Ok(Outcome::Refused);
        };
        let (id, mut proved) = (account.id, hash);
        if verdict == Verdict::RightButOld {
            // Being busy is no reason to turn away who has proved who they are.
            if let Ok(new) = self.passwords.hash_again(password).await {
                let old = std::mem::replace(&mut proved, new.clone());
                if !self.accounts.replace_hash(id, old, new).await? {
                    // Another sign in of the same moment was faster, or the password has changed.
                    let found = self.accounts.find_credentials_of(id).await?;
                    proved = match self.compare(found, password).await {
                        Checked::Right(found) => found.hash,
                        Checked::Wrong => return Ok(Outcome::Refused),
                        Checked::Busy => return Ok(Outcome::Busy),
                    };
                }
            }
        }
        // The account may have changed while the password was hashed: then it is no proof.
        let let_in = match delivery {
            Delivery::Session { kind, stay, before } => {
                let proof = Proof::Password(proved);
                let started = self.sessions.start(id, proof, (kind, client), stay, before);
                started.await.map(Outcome::SignedIn)
            }
            Delivery::Token { seconds } => {
                let proof = Proof::Password(proved);
                let started = self.sessions.start_for(id, proof, client, seconds).await;
                started.map(Outcome::SignedIn)
            }
            Delivery::Link { path } => {
                let from = Maker::Password(proved);
                let made = self.sessions.issue_link(id, from, &path).await;
                made.map(|(token, _)| Outcome::Link(token))
            }
        };
        or_refused(let_in)
    }

    /// Lets somebody who is signed in prove again who they are: new tokens of the same session.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn prove_again(
        &self,
        identity: &Identity,
        password: &Password,
    ) -> Result<Outcome, Fault> {
        match self.check(identity, password).await? {
            Checked::Right(proved) => {
                let again = Again::Proved(proved.hash);
                let issued = self.sessions.issue_again(identity, again).await;
                or_refused(issued.map(Outcome::SignedIn))
            }
            Checked::Wrong => Ok(Outcome::Refused),
            Checked::Busy => Ok(Outcome::Busy),
        }
    }

    /// Changes the password of somebody who is signed in and knows it. Every other session of
    /// theirs ends, and every link; this one gets new tokens.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change_password(
        &self,
        identity: &Identity,
        current: &Password,
        new: &NewPassword,
    ) -> Result<Grant, ChangeError> {
        let proved = match self.check(identity, current).await? {
            Checked::Right(proved) => proved,
            Checked::Wrong => return Err(ChangeError::Wrong),
            Checked::Busy => return Err(HashError::from(Busy).into()),
        };
        let prepared = self.accounts.prepare_password(&proved.account, new).await?;
        let changed = self
            .sessions
            .change_password(identity, proved.hash, prepared);
        match changed.await {
            Ok(grant) => Ok(grant),
            Err(NotSignedIn::Fault(fault)) => Err(fault.into()),
            Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Err(ChangeError::Ended),
        }
    }

    async fn check(&self, identity: &Identity, password: &Password) -> Result<Checked, Fault> {
        let found = self.accounts.find_credentials_of(identity.account).await?;
        Ok(self.compare(found, password).await)
    }

    async fn compare(&self, found: Option<Credentials>, password: &Password) -> Checked {
        let hash = found.as_ref().map(|found| found.hash.clone());
        match (self.passwords.verify(password, hash).await, found) {
            (Err(Busy), _) => Checked::Busy,
            (Ok(Verdict::Right | Verdict::RightButOld), Some(found)) => {
                Checked::Right(Box::new(found))
            }
            _ => Checked::Wrong,
        }
    }

    /// Makes an account and lets its owner in.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn sign_up(
        &self,
        client: Client,
        new: NewAccount,
        before: Option<SessionId>,
    ) -> Result<Grant, SignUpError> {
        let account = self.accounts.sign_up(new).await?;
        Ok(self.let_in(&account, client, before).await?)
    }

    /// Makes an account, and no session; with `once`, for the same request the same account
    /// again.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn sign_up_once(
        &self,
        new: NewAccount,
        once: Option<Once>,
    ) -> Result<SignedUp, SignUpError> {
        let prepared = self.accounts.prepare_sign_up(new.clone()).await?;
        let claimed = once.clone();
        let claim = move |tx: &mut AnyConnection, account: &Account| {
            if let Some(once) = claimed {
                let (id, made) = (account.id, account.id.to_string());
                idempotency::claim(tx, id, &once, &made, account.created_at)?;
            }
            Ok(())
        };
        let role = |_: &mut AnyConnection| Ok(Role::Member);
        let (account, replayed) = match (self.accounts.add(prepared, role, claim).await, once) {
            (Err(taken @ SignUpError::Taken(_)), Some(once)) => {
                let made = self.find_made_before(new, once).await?;
                (made.ok_or(taken)?, true)
            }
            (added, _) => (added?, false),
        };
        Ok(SignedUp { account, replayed })
    }

    /// The account that the same request has made, if its password is still the one that was
    /// sent. It costs a hash in any case, so that nobody can time who has used which key.
    async fn find_made_before(
        &self,
        new: NewAccount,
        once: Once,
    ) -> Result<Option<Account>, SignUpError> {
        let password = new.password.password().clone();
        let now = self.clock.now();
        let found = self
            .db
            .read(move |db| find_made_by(db, new, &once, now))
            .await?;
        match self.compare(found, &password).await {
            Checked::Right(found) => Ok(Some(found.account)),
            Checked::Wrong => Ok(None),
            Checked::Busy => Err(HashError::from(Busy).into()),
        }
    }

    /// Lets a browser in whose owner has proved otherwise who they are.
    ///
    /// # Errors
    /// When the database is away, or the account has gone already.
    pub async fn let_in(
        &self,
        account: &Account,
        client: Client,
        before: Option<SessionId>,
    ) -> Result<Grant, Fault> {
        let (proof, stay) = (Proof::Otherwise, Stay::ThisVisit);
        let who = (ClientKind::Browser, client);
        let started = self.sessions.start(account.id, proof, who, stay, before);
        started.await.map_err(|why| match why {
            // The account has been made.
            NotSignedIn::Fault(fault) if fault.kind() != Kind::Ours => {
                fault.of(Kind::OutcomeUnknown)
            }
            NotSignedIn::Fault(fault) => fault,
            why => Fault::caused("a new account cannot be signed in to", why),
        })
    }
}

/// Who holds a name of `new`, if the same request has made that account and it is active.
fn find_made_by(
    db: &mut AnyConnection,
    new: NewAccount,
    once: &Once,
    now: UnixSeconds,
) -> Result<Option<Credentials>, Fault> {
    let names = [
        new.username.map(Login::Username),
        new.email.map(Login::from),
    ];
    for name in names.into_iter().flatten() {
        if let Some(holder) = accounts::find_credentials(db, &name)? {
            let claim = idempotency::look(db, holder.account.id, once, now)?;
            if matches!(claim, Claim::Again(_)) && holder.account.state == State::Active {
                return Ok(Some(holder));
            }
        }
    }
    Ok(None)
}

/// What has ended before it began is refused as a wrong password is.
fn or_refused(outcome: Result<Outcome, NotSignedIn>) -> Result<Outcome, Fault> {
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(NotSignedIn::Fault(fault)) => Err(fault),
        Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Ok(Outcome::Refused),
    }
}
