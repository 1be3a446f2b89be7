//! Invitations, for programs of administrators.

use actix_web::web::Data;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Json;
use super::accounts::TAG;
use super::answers::{Answer, Done, Made, Shown};
use super::paging::{self, Asked, List, Page};
use super::schemas::{self, Time, Url, Uuid};
use crate::base::clock::{UnixSeconds, rfc3339};
use crate::base::ids::InvitationId;
use crate::base::names::GROUPS_MAX;
use crate::invitations::{
    Cursor, DAYS, DAYS_MAX, Invitation, NewInvitation, PATH, Sent, Standing, USES_MAX,
};
use crate::web::State;
use crate::web::describe::{Call, schema};
use crate::web::path_id::Id;
use crate::web::problem::NOT_FOUND;
use crate::web::proof::{Administrator, RecentAdministrator};

schema!(inline InvitationState, {
    "type": "string",
    "enum": Standing::ALL.map(Standing::as_str),
});

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationJson {
    #[schemars(with = "Uuid")]
    id: String,
    /// The address that it was sent to; null for everyone who has the link.
    #[schemars(with = "Option<schemas::Email>")]
    email: Option<String>,
    #[schemars(with = "schemas::Role")]
    role: &'static str,
    #[schemars(with = "Vec<schemas::Group>", length(max = GROUPS_MAX))]
    groups: Vec<String>,
    /// How many accounts were created with it.
    uses: i64,
    uses_max: i64,
    #[schemars(with = "InvitationState")]
    state: &'static str,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    ends_at: String,
}

impl InvitationJson {
    fn of(invitation: Invitation, now: UnixSeconds) -> Self {
        Self {
            id: invitation.id.to_string(),
            role: invitation.role.as_str(),
            groups: invitation.groups.names().to_vec(),
            uses: invitation.uses,
            uses_max: invitation.uses_max,
            state: invitation.standing(now).as_str(),
            created_at: rfc3339(invitation.created_at),
            ends_at: rfc3339(invitation.ends_at),
            email: invitation.email,
        }
    }
}

pub const LIST: Call = Call {
    id: "listInvitations",
    tag: &TAG,
    summary: "List the invitations",
    description: "The latest first, with those of the last thirty days that have ended. For \
                  administrators.",
    example: None,
    problems: &[],
};

pub async fn list(
    _: Administrator,
    state: Data<State>,
    Asked(which): Asked<Page>,
) -> Answer<Shown<List<InvitationJson>>> {
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let (found, next) = state.invitations.list(after, which.limit.items()).await?;
    let now = state.clock.now();
    let items = found.into_iter().map(|one| InvitationJson::of(one, now));
    Ok(paging::list(items, next))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewInvitation")]
pub struct Wanted {
    /// Where to send it; without one, the answer has the link.
    #[schemars(with = "Option<schemas::Email>")]
    email: Option<String>,
    /// Default: member.
    #[schemars(with = "Option<schemas::Role>")]
    role: Option<String>,
    #[serde(default)]
    #[schemars(with = "Vec<schemas::Group>", length(max = GROUPS_MAX))]
    groups: Vec<String>,
    #[schemars(range(min = 1, max = DAYS_MAX), extend("default" = DAYS))]
    days: Option<i64>,
    /// How many accounts can be created with it. One, if it has an address.
    #[schemars(range(min = 1, max = USES_MAX), extend("default" = 1))]
    uses: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub struct MadeInvitation {
    invitation: InvitationJson,
    /// The link to pass on. It is not shown again. Null if the invitation was sent to an address.
    #[schemars(with = "Option<Url>")]
    url: Option<String>,
}

pub const MAKE: Call = Call {
    id: "addInvitation",
    tag: &TAG,
    summary: "Invite a person",
    description: "The account that is created with the link has this role and these groups. With \
                  an email address, the link is sent there, and the account's address is \
                  confirmed.",
    example: Some(|| json!({ "email": "bob@example.com", "groups": ["staff"] })),
    problems: &[],
};

pub async fn make(
    _: RecentAdministrator,
    state: Data<State>,
    Json(wanted): Json<Wanted>,
) -> Answer<Made<MadeInvitation>> {
    let new = NewInvitation::parse(Sent {
        email: wanted.email.as_deref(),
        role: wanted.role.as_deref(),
        groups: wanted.groups,
        days: wanted.days,
        uses: wanted.uses,
    })?;
    let made = state.invitations.make(new).await?;
    let url = made.token.map(|token| {
        let token = token.expose_secret();
        format!("{}{PATH}?token={token}", state.base_url.as_str())
    });
    Ok(Made(MadeInvitation {
        invitation: InvitationJson::of(made.invitation, state.clock.now()),
        url,
    }))
}

pub const REVOKE: Call = Call {
    id: "deleteInvitation",
    tag: &TAG,
    summary: "Revoke an invitation",
    description: "Its link stops working at once. Accounts that were created with it stay.",
    example: None,
    problems: &[],
};

pub async fn revoke(
    _: RecentAdministrator,
    state: Data<State>,
    Id(id): Id<InvitationId>,
) -> Answer<Done> {
    let is_revoked = state.invitations.revoke(id).await?;
    is_revoked.then_some(Done).ok_or(NOT_FOUND)
}
