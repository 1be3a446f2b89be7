//! Signing in and signing up: from a proved account to a session or a link.

use crate::access::Role;
use crate::accounts::{
    self, Account, AccountState, Accounts, Credentials, NewAccount, NotProved, Proved, SignUpError,
};
use crate::base::event::Action;
use crate::base::fault::{Fault, Kind};
use crate::base::ids::SessionId;
use crate::base::input::Refusals;
use crate::base::names::{Login, NewPassword, Password};
use crate::idempotency::{self, Claim, IdempotencyKey};
use crate::limits::{Limited, Source};
use crate::passwords::{Busy, HashError};
use crate::sessions::{
    Client, ClientKind, Grant, Identity, LinkOrigin, NotSignedIn, Persistence, ReissueReason,
    Sessions,
};
use crate::storage::{Db, Tx};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// `current` is not the current password, or `new` is easy to guess or breached.
    #[error(transparent)]
    Input(Refusals),
    #[error("the session has ended")]
    Ended,
    /// Too many wrong passwords.
    #[error("too many attempts")]
    Limited(Limited),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<HashError> for ChangeError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Weak | HashError::Breached => {
                Self::Input(Refusals::of("new", error.to_string()))
            }
            HashError::Busy(busy) => Self::Busy(busy),
            HashError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// A new password, and the one that it replaces.
pub struct PasswordChange {
    current: Password,
    new: NewPassword,
}

impl PasswordChange {
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(current: &str, new: &str, min_length: usize) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        if current.is_empty() {
            wrong.add("current", "Enter your current password");
        }
        let current = Password::typed(current);
        match wrong.note("new", NewPassword::parse(new, min_length)) {
            Some(new) => wrong.or(Self { current, new }),
            None => Err(wrong),
        }
    }
}

/// An account, created by this request or by the same one before.
#[derive(Debug)]
pub struct SignedUp {
    pub account: Account,
    pub replayed: bool,
}

#[derive(Clone)]
pub struct SignIn {
    db: Db,
    accounts: Accounts,
    sessions: Sessions,
}

impl SignIn {
    pub fn new(db: Db, accounts: Accounts, sessions: Sessions) -> Self {
        Self {
            db,
            accounts,
            sessions,
        }
    }

    /// Starts a session for a proved account, which replaces the previous one of the same browser.
    ///
    /// # Errors
    /// [`NotProved`]: the account may have changed since it was proved.
    pub async fn start_session(
        &self,
        proved: Proved,
        who: (ClientKind, Client),
        stay: Persistence,
        before: Option<SessionId>,
    ) -> Result<Grant, NotProved> {
        let started = self.sessions.start(proved, who, stay, before).await;
        started.map_err(not_proved)
    }

    /// Starts a program's session of this length.
    pub async fn start_for(
        &self,
        proved: Proved,
        client: Client,
        seconds: i64,
    ) -> Result<Grant, NotProved> {
        let started = self.sessions.start_for(proved, client, seconds).await;
        started.map_err(not_proved)
    }

    /// The token of a link that shows this path.
    pub async fn issue_link(&self, proved: Proved, path: &str) -> Result<String, NotProved> {
        let from = LinkOrigin::Proved(Box::new(proved));
        let made = self.sessions.issue_link(from, path).await;
        made.map(|(token, _)| token).map_err(not_proved)
    }

    /// Proves an account again, for new tokens of the same session.
    pub async fn prove_again(
        &self,
        identity: &Identity,
        password: &Password,
    ) -> Result<Grant, NotProved> {
        let proved = self
            .accounts
            .prove_again(identity.account, password, Action::ConfirmPassword)
            .await?;
        let again = ReissueReason::Proved(Box::new(proved));
        let issued = self.sessions.issue_again(identity, again).await;
        issued.map_err(not_proved)
    }

    /// Changes the password of a signed-in account whose current password was given. Every other
    /// session and every link end; this session gets new tokens.
    pub async fn change_password(
        &self,
        identity: &Identity,
        change: PasswordChange,
    ) -> Result<Grant, ChangeError> {
        let PasswordChange { current, new } = change;
        let proved = self
            .accounts
            .prove_again(identity.account, &current, Action::ChangePassword)
            .await;
        let proved = proved.map_err(|why| match why {
            NotProved::Refused => {
                ChangeError::Input(Refusals::of("current", "This is not your current password"))
            }
            NotProved::Limited(limited) => ChangeError::Limited(limited),
            NotProved::Busy(busy) => busy.into(),
            NotProved::Fault(fault) => fault.into(),
        })?;
        let prepared = self
            .accounts
            .prepare_password(proved.account(), &new)
            .await?;
        let changed = self.sessions.change_password(identity, proved, prepared);
        match changed.await {
            Ok(grant) => Ok(grant),
            Err(NotSignedIn::Fault(fault)) => Err(fault.into()),
            Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Err(ChangeError::Ended),
        }
    }

    /// Makes an account and starts a session.
    pub async fn sign_up(
        &self,
        (client, source): (Client, Source),
        new: NewAccount,
        before: Option<SessionId>,
    ) -> Result<Grant, SignUpError> {
        let proved = self.accounts.sign_up(new, &source).await?;
        Ok(self.let_in(proved, client, before).await?)
    }

    /// Makes an account, and no session. With a `key`, a repeated request gets the same account.
    pub async fn sign_up_once(
        &self,
        source: &Source,
        new: NewAccount,
        key: Option<IdempotencyKey>,
    ) -> Result<SignedUp, SignUpError> {
        let prepared = self
            .accounts
            .prepare_open_sign_up(new.clone(), source)
            .await?;
        let claimed = key.clone();
        let claim = move |tx: &mut Tx<'_>, account: &Account| {
            if let Some(key) = claimed {
                let (id, made) = (account.id, account.id.to_string());
                idempotency::claim(tx, id, &key, &made, account.created_at)?;
            }
            Ok(())
        };
        let role = |_: &mut Tx<'_>| Ok(Role::Member);
        let (account, replayed) = match (self.accounts.add(prepared, role, claim).await, key) {
            (Err(taken @ SignUpError::Taken(_)), Some(key)) => {
                let made = self.find_made_before(source, new, key).await?;
                (made.ok_or(taken)?, true)
            }
            (added, _) => (added?.into_account(), false),
        };
        Ok(SignedUp { account, replayed })
    }

    /// The account that the same request has created, if it still has the password that was sent.
    /// Always costs a hash, so that the time does not tell which keys were used.
    async fn find_made_before(
        &self,
        source: &Source,
        new: NewAccount,
        key: IdempotencyKey,
    ) -> Result<Option<Account>, SignUpError> {
        let password = new.password.password().clone();
        let found = self.db.read(move |db| find_made_by(db, new, &key)).await?;
        let asker = source.stranger();
        match self.accounts.check(found, &password, &asker).await {
            Ok(found) => Ok(Some(found.account)),
            Err(NotProved::Refused) => Ok(None),
            Err(NotProved::Limited(limited)) => Err(SignUpError::Limited(limited)),
            Err(NotProved::Busy(busy)) => Err(busy.into()),
            Err(NotProved::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Starts a browser's session for an account that was just created or changed.
    ///
    /// # Errors
    /// When the database is unavailable, or the account was deleted already.
    pub async fn let_in(
        &self,
        proved: Proved,
        client: Client,
        before: Option<SessionId>,
    ) -> Result<Grant, Fault> {
        let who = (ClientKind::Browser, client);
        let started = self
            .sessions
            .start(proved, who, Persistence::ThisVisit, before);
        started.await.map_err(|why| match why {
            // The account has been created.
            NotSignedIn::Fault(fault) if fault.kind() != Kind::Ours => {
                fault.of(Kind::OutcomeUnknown)
            }
            NotSignedIn::Fault(fault) => fault,
            why => Fault::caused("a new account cannot be signed in to", why),
        })
    }
}

/// The account with a name of `new`, if the same request has made it and it is active.
fn find_made_by(
    db: &mut Tx<'_>,
    new: NewAccount,
    key: &IdempotencyKey,
) -> Result<Option<Credentials>, Fault> {
    let names = [
        new.names.username.map(Login::Username),
        new.names.email.map(Login::from),
    ];
    for name in names.into_iter().flatten() {
        if let Some(holder) = accounts::find_credentials(db, &name)? {
            let now = db.now();
            let claim = idempotency::look(db, holder.account.id, key, now)?;
            if matches!(claim, Claim::Replay(_)) && holder.account.state == AccountState::Active {
                return Ok(Some(holder));
            }
        }
    }
    Ok(None)
}

/// A session that cannot start is refused like a wrong password.
fn not_proved(why: NotSignedIn) -> NotProved {
    match why {
        NotSignedIn::Fault(fault) => NotProved::Fault(fault),
        NotSignedIn::Ended | NotSignedIn::Token(_) => NotProved::Refused,
    }
}
