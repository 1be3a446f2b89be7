//! Tells the owner of an account by mail what happened to it.
//!
//! The notices follow from the events of the audit trail, so that none is missing, whatever page,
//! call or command caused it. Each has a link "This was not me".

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::store::{self, Content, Found};
use super::{ConfirmError, DAY, HOUR, Purpose, Recovery, hash, lock_out, origin_of, owner};
use crate::accounts;
use crate::base::event::{Action, Cause, Event, Outcome};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::random;
use crate::base::secret::InstanceSecret;
use crate::limits::Devices;
use crate::mail::{Letter, Notice, Postbox};
use crate::passwords::PasswordHash;
use crate::sessions::{self, ClientKind, EndReason, Sessions};
use crate::storage::{AnyConnection, Recorded, Trail, Tx};

pub const NOT_ME_SECONDS: i64 = 7 * DAY;
/// The first sign-in to an account within this time after it was made is not one by a new device.
const FIRST_SIGN_IN_SECONDS: i64 = DAY;
/// Notices to one account within an hour: who knows the password could send its owner any number.
/// The rest is for more than new devices.
const NEW_DEVICES_AN_HOUR: usize = 10;
const NOTICES_AN_HOUR: usize = 20;
const DEVICE: &str = "device";
const NEW: &str = "new";

/// What was done by a link "This was not me".
pub struct Reported {
    /// Where the link to set a new password was sent; `None` if the account has another address
    /// than the one that was told.
    pub email: Option<String>,
}

/// Completes the events of sign-ins with the device, posts the notices, and passes all events on, in
/// their transaction.
pub fn telling(secret: &InstanceSecret, trail: Trail) -> Trail {
    let (postbox, devices) = (Postbox::new(secret), Devices::new(secret));
    Arc::new(move |connection, mut recorded| {
        let Recorded { cause, at, events } = &mut recorded;
        for event in events {
            note_device(connection, &devices, cause, event, *at)?;
            post(connection, &postbox, cause, event, *at)?;
        }
        trail(connection, recorded)
    })
}

/// Programs keep no cookies, so nothing tells one from another.
fn note_device(
    db: &mut AnyConnection,
    devices: &Devices,
    cause: &Cause,
    event: &mut Event,
    now: i64,
) -> Result<(), Fault> {
    let by_browser = event.detail("client") == Some(ClientKind::Browser.as_str());
    let (Some(account), Some(session)) = (event.account, event.session) else {
        return Ok(());
    };
    if event.action != Action::SignIn || !by_browser {
        return Ok(());
    }
    let mut is_known = devices.has_signed_in(cause.device.as_deref(), account);
    if !is_known {
        let made = accounts::find(db, account)?.map(|account| account.created_at);
        let is_fresh = made.is_some_and(|made| now < made + FIRST_SIGN_IN_SECONDS);
        is_known = is_fresh && !sessions::has_other(db, account, session)?;
    }
    let device = if is_known { "known" } else { NEW };
    event.details.push((DEVICE, device.to_owned()));
    Ok(())
}

fn post(
    tx: &mut AnyConnection,
    postbox: &Postbox,
    cause: &Cause,
    event: &Event,
    at: i64,
) -> Result<(), Fault> {
    let (Some(what), Some(id)) = (notice(event), event.account) else {
        return Ok(());
    };
    let to = accounts::find(tx, id)?.and_then(|account| account.email);
    let Some(to) = to else {
        return Ok(());
    };
    let most = match what {
        Notice::NewDevice => NEW_DEVICES_AN_HOUR,
        Notice::PasswordChanged => NOTICES_AN_HOUR,
        // By an administrator.
        _ => usize::MAX,
    };
    let sent = store::find_of(tx, id, Purpose::NotMe, at + NOT_ME_SECONDS - HOUR)?;
    if sent.len() >= most {
        return Ok(());
    }
    let mut token = None;
    // Nobody can sign in to a disabled account anyway.
    if what != Notice::AccountDisabled {
        let content = Content {
            account: Some(id),
            email: Some(to.clone()),
            ..Content::default()
        };
        let made = random::token().expose_secret().to_owned();
        let ends_at = at + NOT_ME_SECONDS;
        store::insert(tx, &hash(&made), Purpose::NotMe, ends_at, content)?;
        token = Some(made);
    }
    let actor = event.actor.as_ref().unwrap_or(&cause.actor);
    let letter = Letter::Notice {
        what,
        token,
        at,
        from: origin_of(cause, actor, id),
    };
    postbox.post(tx, &to, Some(id), &letter, at)
}

fn notice(event: &Event) -> Option<Notice> {
    if event.outcome != Outcome::Done {
        return None;
    }
    match event.action {
        Action::SignIn if event.detail(DEVICE) == Some(NEW) => Some(Notice::NewDevice),
        Action::ChangePassword => Some(Notice::PasswordChanged),
        Action::ChangeRole => Some(Notice::RoleChanged {
            role: event.detail("to").unwrap_or_default().to_owned(),
        }),
        Action::DisableAccount => Some(Notice::AccountDisabled),
        Action::EnableAccount => Some(Notice::AccountEnabled),
        Action::ExportAccount => Some(Notice::Exported),
        _ => None,
    }
}

impl Recovery {
    /// Ends all sessions and links of an account, and the validity of its password, and sends a link
    /// to set a new one, by a link "This was not me", which is used up. The password stays if the
    /// account has another address than the one that was told.
    ///
    /// # Errors
    /// [`ConfirmError::Ended`], or when the database is unavailable; then nothing has changed.
    pub async fn report_not_me(
        &self,
        sessions: &Sessions,
        token: &str,
    ) -> Result<Reported, ConfirmError> {
        let account = self.find_account(Purpose::NotMe, token).await?;
        let id = account.ok_or(ConfirmError::Ended)?.id;
        let unusable = self.accounts.prepare_unusable().await?;
        let (this, hash) = (self.clone(), hash(token));
        let done = self.db.write_on_full_disk(move |tx| {
            accounts::lock(tx, id)?;
            let now = tx.now();
            let used = store::use_up(tx, &hash, Purpose::NotMe, now)?;
            this.secure(tx, id, used.ok_or(ConfirmError::Ended)?, &unusable)
        });
        let (reported, ended) = done.await?;
        sessions.announce(ended);
        Ok(reported)
    }

    fn secure(
        &self,
        tx: &mut Tx<'_>,
        id: AccountId,
        used: Found,
        unusable: &PasswordHash,
    ) -> Result<(Reported, sessions::Ended), ConfirmError> {
        let found = owner(tx, &used.content)?.ok_or(ConfirmError::Ended)?;
        for purpose in [Purpose::ConfirmEmail, Purpose::SignIn] {
            store::delete_of(tx, id, purpose)?;
        }
        tx.record(Event::done(Action::ReportNotMe).about(id));
        let ended = sessions::sign_out_everywhere(tx, id, None, EndReason::Account)?;
        let told = used.content.email;
        let email = found
            .account
            .email
            .clone()
            .filter(|now| Some(now) == told.as_ref());
        if let Some(to) = &email {
            lock_out(self, tx, id, unusable, to)?;
        }
        Ok((Reported { email }, ended))
    }
}
