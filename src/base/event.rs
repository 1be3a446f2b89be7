//! Events of the audit trail: what happened, and who caused it from where.
//!
//! A transaction collects its events (`storage::Tx::record`), and `audit/` writes them as the last
//! step before the commit. The cause of a request's events is in a task-local of its task, so that
//! no room has to pass it on.

use std::rc::Rc;

use super::ids::{AccountId, RequestId, SessionId};

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident $text:literal,)*) => {
        /// What was done, or refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $action,)*
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$action,)*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $text,)*
                }
            }
        }
    };
}

actions! {
    SignUp "sign_up",
    SignIn "sign_in",
    /// The password was given again, in a session.
    ConfirmPassword "confirm_password",
    /// A link that shows a page was made.
    MakeLink "make_link",
    SignOut "sign_out",
    SignOutEverywhere "sign_out_everywhere",
    /// A refresh token was used twice.
    ReuseRefreshToken "reuse_refresh_token",
    /// Refused by a rate limit: once for each key in the window of the limit.
    ExceedLimit "exceed_limit",
    /// A signed-in person has no right to do this: once for each place in ten minutes.
    DenyAccess "deny_access",
    /// A token came in an address that takes none, or another one.
    MisplaceToken "misplace_token",
    ChangePassword "change_password",
    /// A link to set a new password was sent.
    AskForReset "ask_for_reset",
    /// The link "This was not me" of a notice was used.
    ReportNotMe "report_not_me",
    VerifyEmail "verify_email",
    /// A link to confirm a new address was sent.
    AskToChangeEmail "ask_to_change_email",
    /// A link to confirm the address that the account has was sent.
    AskToVerifyEmail "ask_to_verify_email",
    CancelEmailChange "cancel_email_change",
    /// The address before a change was brought back by the link in its message.
    UndoEmailChange "undo_email_change",
    ChangeUsername "change_username",
    ChangeEmail "change_email",
    ChangeName "change_name",
    ChangeRole "change_role",
    ChangeGroups "change_groups",
    DisableAccount "disable_account",
    EnableAccount "enable_account",
    ChangeQuota "change_quota",
    DeleteAccount "delete_account",
    /// The owner has downloaded the account's data.
    ExportAccount "export_account",
    ImportAccounts "import_accounts",
    MakeShare "make_share",
    /// Refused for a wrong password; downloads are counted, not recorded.
    OpenShare "open_share",
    RevokeShare "revoke_share",
    RevokeAllShares "revoke_all_shares",
    /// The budgets of an account or an address were filled.
    ClearLimits "clear_limits",
    /// A message in the outbox is sent again.
    RetryMail "retry_mail",
    DeleteMail "delete_mail",
    Invite "invite",
    AcceptInvitation "accept_invitation",
    RevokeInvitation "revoke_invitation",
    MakeKey "make_key",
    RotateKeys "rotate_keys",
    DeleteKey "delete_key",
    StartServer "start_server",
    Migrate "migrate",
    ResetDatabase "reset_database",
    /// The first event of every trail.
    BeginTrail "begin_trail",
    /// The server found that the trail was changed by another program.
    FindChangedTrail "find_changed_trail",
    /// A link to sign in was sent.
    AskForSignIn "ask_for_sign_in",
}

impl Action {
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|action| action.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
}

impl Outcome {
    pub const ALL: [Self; 2] = [Self::Done, Self::Refused];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Account(AccountId),
    /// The sender of a request without a session.
    Visitor,
    /// `doorward` with this command.
    Command(String),
    /// A background job, or the start of a server.
    Server,
}

impl Actor {
    const VISITOR: &str = "visitor";
    const SERVER: &str = "server";
    const COMMAND: &str = "command ";

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            Self::VISITOR => Some(Self::Visitor),
            Self::SERVER => Some(Self::Server),
            _ => match text.strip_prefix(Self::COMMAND) {
                Some(name) => Some(Self::Command(name.to_owned())),
                None => AccountId::parse(text).map(Self::Account),
            },
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Visitor => f.write_str(Self::VISITOR),
            Self::Command(name) => write!(f, "{}{name}", Self::COMMAND),
            Self::Server => f.write_str(Self::SERVER),
        }
    }
}

/// Who causes events, and from where.
#[derive(Clone, Debug)]
pub struct Cause {
    pub actor: Actor,
    pub session: Option<SessionId>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request: Option<RequestId>,
    /// The device cookie.
    pub device: Option<String>,
}

impl Cause {
    /// Without a request.
    pub fn of(actor: Actor) -> Self {
        Self {
            actor,
            session: None,
            address: None,
            user_agent: None,
            request: None,
            device: None,
        }
    }

    /// The cause of the request that the current task works on; `None` outside of [`Cause::scope`].
    pub fn current() -> Option<Self> {
        let kept = || KEPT.try_with(Clone::clone);
        CAUSE.try_with(|cause| cause()).or_else(|_| kept()).ok()
    }

    /// `work` for another task, with the cause that this task has now.
    pub fn keep<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
        let cause = Self::current();
        async move {
            match cause {
                Some(cause) => KEPT.scope(cause, work).await,
                None => work.await,
            }
        }
    }

    /// Runs `work`. `cause` is called for each transaction in it that may write.
    pub async fn scope<T>(cause: impl Fn() -> Self + 'static, work: impl Future<Output = T>) -> T {
        CAUSE.scope(Rc::new(cause), work).await
    }
}

tokio::task_local! {
    static CAUSE: Rc<dyn Fn() -> Cause>;
    /// In a task of its own, which may go on without the request.
    static KEPT: Cause;
}

/// One row of the trail, without what [`Cause`] says.
#[derive(Clone, Debug)]
pub struct Event {
    pub action: Action,
    pub outcome: Outcome,
    /// The account that it is about.
    pub account: Option<AccountId>,
    /// The object besides an account: a word and an id.
    pub target: Option<String>,
    pub details: Vec<(&'static str, String)>,
    /// A name that no account has. Its HMAC is recorded, never the name.
    pub unknown_name: Option<String>,
    /// Replaces the actor of the cause.
    pub actor: Option<Actor>,
    pub session: Option<SessionId>,
}

impl Event {
    pub fn done(action: Action) -> Self {
        Self {
            action,
            outcome: Outcome::Done,
            account: None,
            target: None,
            details: Vec::new(),
            unknown_name: None,
            actor: None,
            session: None,
        }
    }

    pub fn refused(action: Action) -> Self {
        Self {
            outcome: Outcome::Refused,
            ..Self::done(action)
        }
    }

    pub fn about(self, account: AccountId) -> Self {
        Self {
            account: Some(account),
            ..self
        }
    }

    /// An event about an object with an id.
    pub fn on(self, what: &str, id: impl std::fmt::Display) -> Self {
        Self {
            target: Some(format!("{what} {id}")),
            ..self
        }
    }

    /// A further detail; nothing personal, because an event outlives its account.
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.details.push((key, value.to_string()));
        self
    }

    pub fn detail(&self, key: &str) -> Option<&str> {
        let mut details = self.details.iter();
        let found = details.find(|(known, _)| *known == key);
        found.map(|(_, value)| value.as_str())
    }

    pub fn by_unknown_name(self, name: String) -> Self {
        Self {
            unknown_name: Some(name),
            ..self
        }
    }

    /// With the session that it starts.
    pub fn by_session(self, account: AccountId, session: SessionId) -> Self {
        Self {
            actor: Some(Actor::Account(account)),
            session: Some(session),
            ..self.about(account)
        }
    }
}
