//! The events of the account that is signed in.

use askama::Template;

use super::{Answer, Page, known};
use crate::audit::{Cursor, Entry, Search};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::event::{Action, Actor, Outcome};

use crate::base::ids::AccountId;
use crate::sessions::{Client, Identity};
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;

const HERE: &str = "/account/activity";
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "pages/account/activity.html")]
struct Activity {
    rows: Vec<Row>,
    /// The address of older events.
    next: Option<String>,
}

pub struct Row {
    pub what: String,
    pub at_iso: String,
    pub at: String,
    /// Device and address.
    from: Option<String>,
    is_this: bool,
    /// True for an action that another person may have done in the owner's place.
    may_be_another: bool,
}

impl Row {
    fn of(entry: &Entry, who: &Identity) -> Self {
        let (by, session) = (By::of(entry, who.account), who.session.to_string());
        // The owner must not see the address of an administrator.
        let is_visible = matches!(by, By::Owner | By::Unknown);
        Self {
            what: words(entry, &by, who.account),
            at_iso: rfc3339(entry.at),
            at: for_reading(entry.at),
            from: is_visible.then(|| from(entry)).flatten(),
            is_this: entry.session_id.as_ref() == Some(&session),
            may_be_another: is_visible,
        }
    }
}

pub async fn show(SignedIn(who): SignedIn, page: Page) -> Answer {
    let after = known(page.query("after"), Cursor::parse)?;
    let is_later = after.is_some();
    let (rows, next) = list(&page, &who, after, SHOWN).await?;
    if rows.is_empty() && is_later {
        // The last event of this page was pruned.
        return Ok(page.go(HERE));
    }
    page.show(&Activity {
        rows,
        next: next.map(|cursor| format!("{HERE}?after={cursor}")),
    })
}

/// The account's events, latest first, and the cursor of the next page.
pub async fn list(
    page: &Page,
    who: &Identity,
    after: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<Row>, Option<Cursor>), Problem> {
    let search = Search {
        account: Some(who.account),
        ..Search::default()
    };
    let (found, next) = page.audit.list(search, after, limit).await?;
    Ok((
        found.iter().map(|entry| Row::of(entry, who)).collect(),
        next,
    ))
}

/// `Firefox on Linux, 198.51.100.7`
fn from(entry: &Entry) -> Option<String> {
    let client = Client {
        address: entry.address.clone()?,
        user_agent: entry.user_agent.clone().unwrap_or_default(),
    };
    let device = client.device();
    let device = device.unwrap_or_else(|| "Unknown device".to_owned());
    Some(format!("{device}, {}", client.address))
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
