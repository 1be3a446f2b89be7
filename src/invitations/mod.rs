//! Invitations: links to create an account with, with a role and groups.
//!
//! An invitation to an address is sent there, and its account has a verified address. An open
//! invitation is a link that the administrator passes on, for a number of accounts.

mod store;

use secrecy::{ExposeSecret, SecretString};

use crate::access::Role;
use crate::accounts::{self, Accounts, Changes, NewAccount, Proved, Refused, SignUpError};
use crate::base::clock::UnixSeconds;
use crate::base::event::{Action, Actor, Cause, Event};
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, InvitationId};
use crate::base::input::Refusals;
use crate::base::names::{Email, Groups};
use crate::base::paging::{self, page};
use crate::base::random;
use crate::base::version::ExpectedVersion;
use crate::limits::Source;
use crate::mail::{Letter, Postbox};
use crate::recovery::Recovery;
use crate::storage::{AnyConnection, Db, Tx};
pub use store::forget;

pub const DAYS_MAX: i64 = 365;
pub const DAYS: i64 = 7;
pub const USES_MAX: i64 = 1000;
/// For an invitation of an administrator, which is for one account.
pub const ADMINISTRATOR_DAYS_MAX: i64 = 7;
/// The page of the link.
pub const PATH: &str = "/invitation";

#[derive(Clone, Debug)]
pub struct Invitation {
    pub id: InvitationId,
    /// `None`: for any address.
    pub email: Option<String>,
    pub role: Role,
    pub groups: Groups,
    pub uses: i64,
    pub uses_max: i64,
    pub created_at: UnixSeconds,
    pub ends_at: UnixSeconds,
    /// The administrator who made it; `None`: a command, or an earlier version.
    pub maker: Option<AccountId>,
    /// Whether its maker is not an active administrator any more.
    pub is_orphaned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    UsedUp,
    Ended,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Open, Self::UsedUp, Self::Ended];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UsedUp => "used_up",
            Self::Ended => "ended",
        }
    }
}

impl Invitation {
    pub fn standing(&self, now: UnixSeconds) -> Standing {
        if self.uses >= self.uses_max {
            Standing::UsedUp
        } else if now >= self.ends_at || self.is_orphaned {
            Standing::Ended
        } else {
            Standing::Open
        }
    }
}

/// Continues a list of invitations after this one, latest first.
pub type Cursor = paging::Cursor<UnixSeconds, InvitationId>;

/// An invitation to be made, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Sent<'a> {
    /// `None`: for any address.
    pub email: Option<&'a str>,
    /// `None`: member.
    pub role: Option<&'a str>,
    pub groups: Vec<String>,
    /// `None`: [`DAYS`].
    pub days: Option<i64>,
    /// `None`: one.
    pub uses: Option<i64>,
}

/// An invitation to be made.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    email: Option<Email>,
    role: Role,
    groups: Groups,
    days: i64,
    uses: i64,
}

impl NewInvitation {
    /// # Errors
    /// What is wrong with which field.
    pub fn parse(sent: Sent<'_>) -> Result<Self, Refusals> {
        let mut wrong = Refusals::default();
        let email = sent.email.map(Email::parse);
        let email = email.and_then(|parsed| wrong.note("email", parsed));
        let role = sent.role.map_or(Some(Role::Member), Role::parse);
        if role.is_none() {
            wrong.add("role", accounts::UNKNOWN_ROLE);
        }
        let groups = wrong.note("groups", Groups::of(sent.groups));
        let days = sent.days.unwrap_or(DAYS);
        if !(1..=DAYS_MAX).contains(&days) {
            let words = format!("Days must be a number from 1 to {DAYS_MAX}");
            wrong.add("days", words);
        }
        let uses = sent.uses.unwrap_or(1);
        if !(1..=USES_MAX).contains(&uses) {
            let words = format!("Accounts must be a number from 1 to {USES_MAX}");
            wrong.add("uses", words);
        } else if uses > 1 && sent.email.is_some() {
            wrong.add("uses", "An invitation to an address is for one account");
        }
        if role == Some(Role::Administrator) {
            if uses > 1 {
                wrong.add(
                    "uses",
                    "An invitation of an administrator is for one account",
                );
            }
            if days > ADMINISTRATOR_DAYS_MAX {
                let words = format!(
                    "An invitation of an administrator expires after {ADMINISTRATOR_DAYS_MAX} days \
                     or fewer"
                );
                wrong.add("days", words);
            }
        }
        wrong.or(Self {
            email,
            role: role.unwrap_or(Role::Member),
            groups: groups.unwrap_or_default(),
            days,
            uses,
        })
    }
}

/// An invitation that was made, with the token of its link if it was not sent to an address.
pub struct Made {
    pub invitation: Invitation,
    pub token: Option<SecretString>,
}

/// Why an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// Used up, revoked, expired or invalid.
    #[error("the invitation has ended")]
    Ended,
    #[error(transparent)]
    SignUp(#[from] SignUpError),
}

impl From<Fault> for NotAccepted {
    fn from(fault: Fault) -> Self {
        Self::SignUp(fault.into())
    }
}

#[derive(Clone)]
pub struct Invitations {
    db: Db,
    accounts: Accounts,
    postbox: Postbox,
    recovery: Recovery,
    /// Whether an address that was not invited gets a link to confirm it.
    verify_email: bool,
}

impl Invitations {
    pub fn new(
        db: Db,
        accounts: Accounts,
        postbox: Postbox,
        recovery: Recovery,
        verify_email: bool,
    ) -> Self {
        Self {
            db,
            accounts,
            postbox,
            recovery,
            verify_email,
        }
    }

    /// Makes an invitation, and sends it if it is to an address. It ends when its maker, the account
    /// of the current request, is not an active administrator any more.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn make(&self, new: NewInvitation) -> Result<Made, Fault> {
        let postbox = self.postbox.clone();
        let maker = match Cause::current().map(|cause| cause.actor) {
            Some(Actor::Account(id)) => Some(id),
            _ => None,
        };
        self.db
            .write(move |tx| {
                let now = tx.now();
                let invitation = Invitation {
                    id: InvitationId::new(),
                    email: new.email.as_ref().map(|email| email.as_str().to_owned()),
                    role: new.role,
                    groups: new.groups,
                    uses: 0,
                    uses_max: new.uses,
                    created_at: now,
                    ends_at: now + new.days * 86_400,
                    maker,
                    is_orphaned: false,
                };
                let token = random::token();
                store::insert(tx, &invitation, &random::token_hash(token.expose_secret()))?;
                tx.record(
                    Event::done(Action::Invite)
                        .on("invitation", invitation.id)
                        .with("role", invitation.role.as_str())
                        .with("groups", invitation.groups.to_text())
                        .with("uses", invitation.uses_max),
                );
                let mut token = Some(token);
                if let Some(email) = &invitation.email {
                    let letter = Letter::Invitation {
                        token: token
                            .take()
                            .map(|token| token.expose_secret().to_owned())
                            .unwrap_or_default(),
                        ends_at: invitation.ends_at,
                    };
                    postbox.post(tx, email, None, &letter, now)?;
                }
                Ok(Made { invitation, token })
            })
            .await
    }

    /// The invitation of a link, if it can be used.
    pub async fn find(&self, token: &str) -> Result<Option<Invitation>, Fault> {
        let hash = random::token_hash(token);
        self.db
            .read(move |db| {
                let now = db.now();
                let found = store::find(db, &hash, now)?;
                let found = found.map(|found| with_standing(db, found)).transpose()?;
                Ok(found.filter(|found| !found.is_orphaned))
            })
            .await
    }

    pub async fn find_by_id(&self, id: InvitationId) -> Result<Option<Invitation>, Fault> {
        self.db.read(move |db| store::find_by_id(db, id)).await
    }

    /// All invitations, latest first, and the cursor of the next page. Those that ended stay in the
    /// list for thirty days.
    pub async fn list(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Invitation>, Option<Cursor>), Fault> {
        let found = self
            .db
            .read(move |db| {
                let found = store::list(db, after.as_ref(), limit + 1)?;
                let all = found.into_iter().map(|found| with_standing(db, found));
                all.collect::<Result<Vec<_>, Fault>>()
            })
            .await?;
        Ok(page(found, limit, |last| Cursor {
            value: last.created_at,
            id: last.id,
        }))
    }

    /// Revokes an invitation; its accounts stay. `false` without such an invitation.
    pub async fn revoke(&self, id: InvitationId) -> Result<bool, Fault> {
        self.db
            .write_on_full_disk(move |tx| {
                let is_revoked = store::delete(tx, id)?;
                if is_revoked {
                    tx.record(Event::done(Action::RevokeInvitation).on("invitation", id));
                }
                Ok(is_revoked)
            })
            .await
    }

    /// Creates an account by an invitation. `new` has the address of the invitation, if that has
    /// one.
    ///
    /// # Errors
    /// [`NotAccepted`]; then the invitation is not used.
    pub async fn accept(
        &self,
        token: &str,
        new: NewAccount,
        source: &Source,
    ) -> Result<Proved, NotAccepted> {
        let invitation = self.find(token).await?.ok_or(NotAccepted::Ended)?;
        let mut prepared = self.accounts.prepare_sign_up(new, source).await?;
        let (id, role, groups) = (invitation.id, invitation.role, invitation.groups.clone());
        let email = prepared.names.email.clone();
        if invitation.email.is_some()
            && invitation.email.as_deref() == email.as_ref().map(Email::as_str)
        {
            prepared.email_verified_at = Some(prepared.created_at);
        }
        let to_verify = email.filter(|_| self.verify_email && prepared.email_verified_at.is_none());
        let recovery = self.recovery.clone();
        let take = move |tx: &mut Tx<'_>| {
            let now = tx.now();
            // The maker may have lost the role in the meantime.
            let invitation = with_standing(tx, invitation)?;
            let is_taken = !invitation.is_orphaned && store::take(tx, id, now)?;
            is_taken.then_some(role).ok_or(NotAccepted::Ended)
        };
        let equip = move |tx: &mut Tx<'_>, account: &accounts::Account| {
            let now = tx.now();
            tx.record(
                Event::done(Action::AcceptInvitation)
                    .about(account.id)
                    .on("invitation", id),
            );
            if let Some(email) = to_verify {
                recovery.ask_to_confirm(tx, account.id, &email)?;
            }
            join(tx, account, groups, now)
        };
        self.accounts.add(prepared, take, equip).await
    }
}

fn with_standing(db: &mut AnyConnection, found: Invitation) -> Result<Invitation, Fault> {
    let Some(maker) = found.maker else {
        return Ok(found);
    };
    let maker = accounts::find(db, maker)?;
    let is_trusted =
        |maker: accounts::Account| maker.is_active() && maker.role == Role::Administrator;
    Ok(Invitation {
        is_orphaned: !maker.is_some_and(is_trusted),
        ..found
    })
}

fn join(
    tx: &mut Tx<'_>,
    account: &accounts::Account,
    groups: Groups,
    now: UnixSeconds,
) -> Result<(), NotAccepted> {
    let changes = Changes {
        groups: Some(groups),
        ..Changes::default()
    };
    match accounts::update(tx, account.id, &changes, &ExpectedVersion::Any, now) {
        Ok(_) => Ok(()),
        Err(Refused::Fault(fault)) => Err(fault.into()),
        Err(other) => Err(Fault::caused("a new account gets its groups", other).into()),
    }
}
