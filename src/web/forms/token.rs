//! The token that a form of ours carries, for browsers that do not say where a form came from.

use actix_session::SessionExt;
use actix_web::HttpRequest;
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;

use crate::base::ids::SessionId;
use crate::base::random;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::web::guard::viewer;

const KEY: &str = "form_token";

pub struct FormTokens(hmac::Key);

impl FormTokens {
    pub fn new(secret: &InstanceSecret) -> Self {
        Self(secret.mac_key(Purpose::FormTokens))
    }

    /// Of somebody signed in: bound to their session, so that guarded pages keep no other state.
    pub fn of_session(&self, session: SessionId) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, session.as_bytes()))
    }

    /// For the forms of a page, whoever looks at it.
    pub fn issue(&self, request: &HttpRequest) -> String {
        if let Some(identity) = viewer(request) {
            return self.of_session(identity.session);
        }
        let anonymous = request.get_session();
        if let Ok(Some(token)) = anonymous.get::<String>(KEY) {
            return token;
        }
        let token = random::token().expose_secret().to_owned();
        // When it cannot be kept, the form will be refused, which is the safe side.
        anonymous.insert(KEY, &token).ok();
        token
    }

    /// Whether `sent` is the token of this browser. Of somebody signed in, their session's alone
    /// will do: on plain HTTP another port of this host could have planted an anonymous one.
    pub fn is_ours(&self, request: &HttpRequest, sent: &str) -> bool {
        let ours = match viewer(request) {
            Some(identity) => Some(self.of_session(identity.session)),
            None => request.get_session().get::<String>(KEY).ok().flatten(),
        };
        ours.is_some_and(|token| {
            constant_time::verify_slices_are_equal(token.as_bytes(), sent.as_bytes()).is_ok()
        })
    }
}
