//! The token in each form of this site: for whom its page was made.
//!
//! For a signed-in person it contains their account and session, under a MAC, and is valid only
//! while the same session is signed in: a form that was made for one person never acts on another
//! who has since signed in at the same browser. For a visitor it is random, kept in the anonymous
//! state, and decides only if the headers do not tell where a form comes from.

use actix_session::SessionExt;
use actix_web::HttpRequest;
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;

use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::base::random;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::sessions::Identity;
use crate::web::State;
use crate::web::origin::Source;
use crate::web::proof::viewer;

/// The key in the anonymous state.
const KEY: &str = "form_token";
const ID_BYTES: usize = 16;
const MAC_BYTES: usize = 32;

/// The signed-in person and session that a page was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeFor {
    pub account: AccountId,
    pub session: SessionId,
}

pub struct FormTokens(hmac::Key);

impl FormTokens {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(secret.mac_key(Purpose::FormTokens))
    }

    /// For the forms on a page of a signed-in person.
    pub fn of(&self, identity: &Identity) -> String {
        let mut token = [0; 2 * ID_BYTES + MAC_BYTES];
        token[..ID_BYTES].copy_from_slice(identity.account.as_bytes());
        token[ID_BYTES..2 * ID_BYTES].copy_from_slice(identity.session.as_bytes());
        let (ids, mac) = token.split_at_mut(2 * ID_BYTES);
        mac.copy_from_slice(hmac::sign(&self.0, ids).as_ref());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// `None` for a token that this instance did not make for a signed-in person.
    pub fn read(&self, sent: &str) -> Option<MadeFor> {
        let token = URL_SAFE_NO_PAD.decode(sent).ok()?;
        let (ids, mac) = token.split_at_checked(2 * ID_BYTES)?;
        hmac::verify(&self.0, ids, mac).ok()?;
        let (account, session) = ids.split_at(ID_BYTES);
        Some(MadeFor {
            account: AccountId::from_bytes(account.try_into().ok()?),
            session: SessionId::from_bytes(session.try_into().ok()?),
        })
    }
}

/// For the forms of a page, signed in or not.
///
/// # Errors
/// None that a request can cause.
pub fn issue(request: &HttpRequest) -> Result<String, Fault> {
    let web = &State::of(request)?.web;
    if let Some(identity) = viewer(request) {
        return Ok(web.form_tokens.of(&identity));
    }
    let anonymous = request.get_session();
    if let Ok(Some(token)) = anonymous.get(KEY) {
        return Ok(token);
    }
    let token = random::token().expose_secret().to_owned();
    // If it cannot be kept, the form will be refused, which is safe.
    anonymous.insert(KEY, &token).ok();
    Ok(token)
}

/// What a form proves. Only this decides by the form's token.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// It comes from a page of this site, or from a client other than a browser.
    pub is_from_here: bool,
    /// It may act on the account that is signed in, if any is: it was made for this very session,
    /// or names its account by a bearer token.
    pub is_for_viewer: bool,
    /// The signed-in person that it was made for, if any.
    pub made_for: Option<MadeFor>,
}

/// # Errors
/// None that a request can cause.
pub fn prove(request: &HttpRequest, sent: &str) -> Result<Proof, Fault> {
    let web = &State::of(request)?.web;
    let source = Source::of(request);
    let made_for = web.form_tokens.read(sent);
    let is_own = match viewer(request) {
        // For a signed-in person only their session's token is accepted: on plain HTTP another port
        // of this host could have planted the cookie of an anonymous one.
        Some(identity) => made_for.is_some_and(|made| made.session == identity.session),
        None => {
            let token = request.get_session().get::<String>(KEY).ok().flatten();
            token.is_some_and(|token| {
                constant_time::verify_slices_are_equal(token.as_bytes(), sent.as_bytes()).is_ok()
            })
        }
    };
    let is_from_here = is_own || source != Source::Unknown;
    Ok(Proof {
        is_from_here,
        is_for_viewer: is_own
            || source == Source::Bearer
            || is_from_here && viewer(request).is_none(),
        made_for,
    })
}
