//! The front door: everything between a typed name and a session.

use crate::access::Role;
use crate::accounts::{self, Account, Accounts, NewAccount, SignUpError, State};
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::base::names::{Login, NewPassword, Password};
use crate::passwords::{Busy, HashError, Passwords, Verdict};
use crate::sessions::{Again, Client, EndReason, Grant, Identity, NotSignedIn, Sessions, Stay};

/// How somebody wants to be let in.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A session, in place of the one that the same browser had.
    Session {
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

enum Checked {
    Right(Box<Account>),
    Wrong,
    Busy,
}

#[derive(Clone)]
pub struct SignIn {
    accounts: Accounts,
    passwords: Passwords,
    sessions: Sessions,
    clock: Clock,
}

impl SignIn {
    pub fn new(accounts: Accounts, passwords: Passwords, sessions: Sessions, clock: Clock) -> Self {
        Self {
            accounts,
            passwords,
            sessions,
            clock,
        }
    }

    /// Lets somebody in by name and password. An unknown name costs the same hash as a known
    /// one.
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
        let found = match Login::parse(login) {
            Some(login) => self.accounts.find_credentials(login).await?,
            None => None,
        };
        let (account, hash) = found.map(|found| (found.account, found.hash)).unzip();
        let (verdict, account) = match self.passwords.verify(password, hash.clone()).await {
            Ok(verdict) => (verdict, account),
            Err(Busy) => return Ok(Outcome::Busy),
        };
        let account = account.filter(|account| account.state == State::Active);
        let (Verdict::Right | Verdict::RightButOld, Some(account)) = (&verdict, account) else {
            return Ok(Outcome::Refused);
        };
        if let (Verdict::RightButOld, Some(old)) = (verdict, hash) {
            // Being busy is no reason to turn away who has proved who they are.
            if let Ok(new) = self.passwords.hash_again(password).await {
                self.accounts.replace_hash(account.id, old, new).await?;
            }
        }
        Ok(match delivery {
            Delivery::Session { stay, before } => {
                Outcome::SignedIn(self.sessions.start(&account, client, stay, before).await?)
            }
            Delivery::Token { seconds } => {
                Outcome::SignedIn(self.sessions.start_for(&account, client, seconds).await?)
            }
            Delivery::Link { path } => {
                let now = self.clock.now();
                let (token, _) = self
                    .sessions
                    .issue_link(account.id, None, &path, now)
                    .await?;
                Outcome::Link(token)
            }
        })
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
            Checked::Right(_) => match self
                .sessions
                .issue_again(identity.session, Again::Proved)
                .await
            {
                Ok(grant) => Ok(Outcome::SignedIn(grant)),
                Err(NotSignedIn::Fault(fault)) => Err(fault),
                Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Ok(Outcome::Refused),
            },
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
        let account = match self.check(identity, current).await? {
            Checked::Right(account) => account,
            Checked::Wrong => return Err(ChangeError::Wrong),
            Checked::Busy => return Err(HashError::from(Busy).into()),
        };
        let hash = self.accounts.prepare_password(&account, new).await?;
        let (id, keep) = (account.id, Some(identity.session));
        self.sessions
            .revoke(id, keep, EndReason::PasswordChanged, move |tx, _| {
                accounts::set_password(tx, id, &hash)
            })
            .await?;
        match self
            .sessions
            .issue_again(identity.session, Again::Proved)
            .await
        {
            Ok(grant) => Ok(grant),
            Err(NotSignedIn::Fault(fault)) => Err(fault.into()),
            Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Err(ChangeError::Ended),
        }
    }

    async fn check(&self, identity: &Identity, password: &Password) -> Result<Checked, Fault> {
        let found = self.accounts.find_credentials_of(identity.account).await?;
        let (account, hash) = found.map(|found| (found.account, found.hash)).unzip();
        Ok(
            match (self.passwords.verify(password, hash).await, account) {
                (Err(Busy), _) => Checked::Busy,
                (Ok(Verdict::Right | Verdict::RightButOld), Some(account)) => {
                    Checked::Right(Box::new(account))
                }
                _ => Checked::Wrong,
            },
        )
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
        let account = self.accounts.sign_up(new, Role::Member).await?;
        Ok(self.let_in(&account, client, before).await?)
    }

    /// Lets in whoever has proved otherwise who they are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn let_in(
        &self,
        account: &Account,
        client: Client,
        before: Option<SessionId>,
    ) -> Result<Grant, Fault> {
        self.sessions
            .start(account, client, Stay::ThisVisit, before)
            .await
    }
}
