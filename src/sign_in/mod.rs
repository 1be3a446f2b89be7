//! The front door: everything between a typed name and a session.

use crate::access::Role;
use crate::accounts::{Account, Accounts, NewAccount, SignUpError};
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::base::names::{Login, Password};
use crate::passwords::{Busy, Passwords, Verdict};
use crate::sessions::{Client, Grant, Sessions, Stay};
use crate::tokens::Tokens;

/// How somebody wants to be let in.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A session, in place of the one that the same browser had.
    Session {
        stay: Stay,
        before: Option<SessionId>,
    },
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

#[derive(Clone)]
pub struct SignIn {
    accounts: Accounts,
    passwords: Passwords,
    sessions: Sessions,
    tokens: Tokens,
}

impl SignIn {
    pub fn new(
        accounts: Accounts,
        passwords: Passwords,
        sessions: Sessions,
        tokens: Tokens,
    ) -> Self {
        Self {
            accounts,
            passwords,
            sessions,
            tokens,
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
            Delivery::Link { path } => Outcome::Link(self.tokens.issue_link(account.id, &path)?),
        })
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
