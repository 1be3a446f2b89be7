//! The events of the audit trail as the owner of an account may see them.

use crate::audit::Entry;
use crate::base::event::{Action, Actor, Outcome};
use crate::base::ids::AccountId;
use crate::sessions::Client;

/// An event of an account, for its owner.
pub struct Seen {
    pub what: String,
    /// `None` for the actions of others: the owner must not see the address of an administrator.
    pub client: Option<Client>,
    /// True for an action of the owner, or of another person in the owner's place.
    pub may_be_own: bool,
}

impl Seen {
    pub fn of(entry: &Entry, own: AccountId) -> Self {
        let by = By::of(entry, own);
        let may_be_own = matches!(by, By::Owner | By::Unknown);
        let address = entry.address.clone().filter(|_| may_be_own);
        Self {
            what: words(entry, &by, own),
            client: address.map(|address| Client {
                address,
                user_agent: entry.user_agent.clone().unwrap_or_default(),
            }),
            may_be_own,
        }
    }
}

/// The actor, from the view of the account's owner.
enum By {
    Owner,
    /// A visitor, who may be the owner.
    Unknown,
    Administrator,
    Server,
}

impl By {
    fn of(entry: &Entry, own: AccountId) -> Self {
        match entry.actor() {
            Some(Actor::Account(id)) if id == own => Self::Owner,
            Some(Actor::Account(_) | Actor::Command(_)) => Self::Administrator,
            Some(Actor::Visitor) => Self::Unknown,
            Some(Actor::Server) | None => Self::Server,
        }
    }
}

fn words(entry: &Entry, by: &By, own: AccountId) -> String {
    let detail = |name: &str| {
        let details = entry.details();
        let found = details.into_iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).unwrap_or_default()
    };
    let (Some(action), Some(outcome)) = (entry.action(), entry.outcome()) else {
        return entry.action.replace('_', " ");
    };
    let what = match (action, outcome) {
        (Action::SignIn, Outcome::Refused) if detail("cause") == "disabled account" => {
            "A sign-in was refused, because the account was disabled"
        }
        (Action::SignIn, Outcome::Refused) if detail("cause") == "wrong code" => {
            "A sign-in with a wrong code was refused"
        }
        (Action::SignIn, Outcome::Refused) => "A sign-in with a wrong password was refused",
        (Action::ConfirmPassword, Outcome::Refused) => {
            "A wrong password was entered where it was asked for again"
        }
        (Action::ChangePassword, Outcome::Refused) => {
            "A new password was refused, because the current one was entered wrong"
        }
        (Action::ExceedLimit, _) => match detail("budget").as_str() {
            "account" | "device" | "address" | "network" => {
                "Further attempts with a password were refused, because there were too many"
            }
            "share" | "share_address" => {
                "Further passwords for a link to a file were refused, because there were too many"
            }
            _ => "Requests were refused, because there were too many",
        },
        (Action::DenyAccess, _) => "Access to a page was refused",
        (Action::SignUp, _) => "Account created",
        (Action::SignIn, _) if detail("by") == "otp" => "Signed in by mail",
        (Action::SignIn, _) if detail("device") == "new" => "Signed in from a new device",
        (Action::SignIn, _) => "Signed in",
        (Action::ConfirmPassword, _) => "Password entered again",
        (Action::MakeLink, _) => "Link to the dashboard created",
        (Action::SignOut, _) => "Signed out",
        (Action::SignOutEverywhere, _) => "Signed out everywhere",
        (Action::ReuseRefreshToken, _) => {
            "A session was ended, because its refresh token was used twice"
        }
        (Action::ChangePassword, _) => "Password changed",
        (Action::ReportNotMe, _) => "An action was reported as not yours",
        (Action::AskForReset, _) => "Link to set a new password sent",
        (Action::AskForSignIn, _) => "Link to sign in sent",
        (Action::VerifyEmail, _) => "Email address confirmed",
        (Action::AskToChangeEmail, _) => "Link to confirm a new email address sent",
        (Action::AskToVerifyEmail, _) => "Link to confirm the email address sent",
        (Action::CancelEmailChange, _) => "Change of the email address canceled",
        (Action::UndoEmailChange, _) => "Change of the email address undone",
        (Action::ChangeUsername, _) => "Username changed",
        (Action::ChangeEmail, _) => "Email address changed",
        (Action::ChangeName, _) => "Name changed",
        (Action::ChangeRole, _) => {
            return with(&format!("Role changed to {}", detail("to")), by, entry, own);
        }
        (Action::ChangeGroups, _) => "Groups changed",
        (Action::DisableAccount, _) => "Account disabled",
        (Action::EnableAccount, _) => "Account enabled",
        (Action::ChangeQuota, _) => "File limits changed",
        (Action::DeleteAccount, _) => "Account deleted",
        (Action::ExportAccount, _) => "Data exported",
        (Action::OpenShare, _) => "A wrong password was entered for a link to a file",
        (Action::MakeShare, _) => "Link to a file created",
        (Action::RevokeShare, _) => "Link to a file revoked",
        (Action::RevokeAllShares, _) => "All links to files revoked",
        (Action::ClearLimits, _) => "Attempts to sign in allowed again",
        (action, _) => return action.as_str().replace('_', " "),
    };
    with(what, by, entry, own)
}

/// Names the actor or the object, if it is not the owner.
fn with(what: &str, by: &By, entry: &Entry, own: AccountId) -> String {
    let is_own = entry.account() == Some(own);
    match by {
        By::Owner if !is_own => format!("{what}, of another account"),
        By::Administrator => format!("{what} by an administrator"),
        By::Owner | By::Unknown | By::Server => what.to_owned(),
    }
}
