//! Invitations, for administrators.

use askama::Template;

use super::confirm::{self, Confirm};
use super::{Answer, Page, known};
use crate::access::Role;
use crate::accounts::Account;
use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::InvitationId;
use crate::base::names::Groups;
use crate::config::SignupMode;
use crate::invitations::{Cursor, DAYS, Invitation, NewInvitation, PATH, Sent, Standing};
use crate::web::forms::{Fields, Form};
use crate::web::problem::NOT_FOUND;
use crate::web::proof::{Administrator, RecentAdministrator};
use secrecy::ExposeSecret;

const HERE: &str = "/admin/invites";
const SHOWN: usize = 50;
const FIELDS: [&str; 5] = ["email", "role", "groups", "days", "uses"];

#[derive(Template)]
#[template(path = "pages/admin/invites.html")]
struct Invites {
    rows: Vec<Row>,
    beginning: Option<&'static str>,
    next: Option<String>,
    is_closed: bool,
    role: Role,
    fields: Fields,
}

struct Row {
    invitation: Invitation,
    /// The name of the administrator who made it.
    maker: Option<String>,
    /// `None`: it can be used.
    ended: Option<&'static str>,
    ends_iso: String,
    ends: String,
}

impl Row {
    fn of(page: &Page, invitation: Invitation, makers: &[Account]) -> Self {
        let maker = makers.iter().find(|one| Some(one.id) == invitation.maker);
        Self {
            maker: maker.map(|maker| maker.greeting().to_owned()),
            ended: match invitation.standing(page.clock.now()) {
                Standing::Open => None,
                Standing::UsedUp => Some("Used"),
                Standing::Ended if invitation.is_orphaned => Some("Revoked"),
                Standing::Ended => Some("Expired"),
            },
            ends_iso: rfc3339(invitation.ends_at),
            ends: for_reading(invitation.ends_at),
            invitation,
        }
    }

    fn whose(&self) -> &str {
        whose(&self.invitation)
    }
}

fn whose(invitation: &Invitation) -> &str {
    invitation
        .email
        .as_deref()
        .unwrap_or("Anyone with the link")
}

pub async fn list(_: Administrator, page: Page) -> Answer {
    let mut fields = Fields::typed(&page.typed(), &FIELDS);
    for (name, usual) in [("days", DAYS), ("uses", 1)] {
        if fields.get(name).value.is_empty() {
            fields.set(name, &usual.to_string());
        }
    }
    form(&page, fields).await
}

pub async fn make(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let typed = |name| Some(sent.text(name).trim()).filter(|text| !text.is_empty());
    // Text that is not a number is handled like a number out of range.
    let number = |name| typed(name).map(|text| text.parse().unwrap_or(0));
    let new = NewInvitation::parse(Sent {
        email: typed("email"),
        role: typed("role"),
        groups: Groups::split(sent.text("groups")),
        days: number("days"),
        uses: number("uses"),
    });
    let mut fields = Fields::typed(&sent, &FIELDS);
    let Some(new) = fields.note(new) else {
        return form(&page, fields).await;
    };
    let made = page.invitations.make(new).await?;
    let notice = match (&made.invitation.email, made.token) {
        (None, Some(token)) => format!(
            "The invitation is ready. Copy its link now, because it is not shown again: \
             {}{PATH}?token={}",
            page.base_url.as_str(),
            token.expose_secret()
        ),
        (email, _) => format!(
            "The invitation is on its way to {}.",
            email.as_deref().unwrap_or_default()
        ),
    };
    Ok(page.go_with_notice(HERE, &notice))
}

pub async fn ask_to_revoke(_: RecentAdministrator, page: Page) -> Answer {
    let id: InvitationId = page.id("id")?;
    let found = page.invitations.find_by_id(id).await?.ok_or(NOT_FOUND)?;
    confirm::ask(
        &page,
        &Confirm {
            title: "Revoke this invitation",
            text: "Its link stops working at once. Accounts that were created with it stay.",
            facts: vec![
                ("For", whose(&found).to_owned()),
                ("Used", format!("{} of {}", found.uses, found.uses_max)),
                ("Expires", for_reading(found.ends_at)),
            ],
            action: &format!("{HERE}/{id}"),
            button: "Revoke this invitation",
            back: HERE,
        },
    )
}

pub async fn revoke(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    if !page.invitations.revoke(page.id("id")?).await? {
        return Err(NOT_FOUND);
    }
    Ok(page.go_with_notice(HERE, "The invitation was revoked."))
}

async fn form(page: &Page, fields: Fields) -> Answer {
    let after = known(page.query("after"), Cursor::parse)?;
    let beginning = after.as_ref().map(|_| HERE);
    let (found, next) = page.invitations.list(after, SHOWN).await?;
    let makers = found.iter().filter_map(|one| one.maker).collect();
    let makers = page.accounts.find_all(makers).await?;
    let rows = found.into_iter();
    let content = Invites {
        rows: rows.map(|one| Row::of(page, one, &makers)).collect(),
        beginning,
        next: next.map(|cursor| format!("{HERE}?after={cursor}")),
        is_closed: page.config.signup.mode == SignupMode::Closed,
        role: Role::parse(&fields.get("role").value).unwrap_or(Role::Member),
        fields,
    };
    page.show_form(&content, &content.fields)
}
