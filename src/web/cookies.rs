//! The only file that names, sets or clears a cookie.

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::CookieSessionStore;
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key, SameSite};
use actix_web::http::header::{COOKIE, HeaderMap};
use secrecy::ExposeSecret;

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::sessions::{Grant, Stay};

const ACCESS: &str = "doorward_access";
const REFRESH: &str = "doorward_refresh";
/// Forms of people who are not signed in, and one message for the next page.
const FORM: &str = "doorward_form";
const FORM_HOURS: i64 = 12;

pub struct Cookies {
    access: String,
    refresh: String,
    form: String,
    form_key: Key,
    secure: bool,
}

impl Cookies {
    /// Under `https` every cookie is `Secure` and bound to this one host by its name
    /// (RFC 6265bis, section 4.1.3.2).
    pub fn new(secret: &InstanceSecret, secure: bool) -> Self {
        let name = |name: &str| format!("{}{name}", if secure { "__Host-" } else { "" });
        Self {
            access: name(ACCESS),
            refresh: name(REFRESH),
            form: name(FORM),
            form_key: Key::from(&*secret.derive::<64>(Purpose::FormCookie)),
            secure,
        }
    }

    pub fn access<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, &self.access)
    }

    pub fn refresh<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, &self.refresh)
    }

    /// Whether the anonymous state came under its own name, to the letter: the library that reads
    /// it takes other kinds of space before a name, and then the prefix binds it to no host.
    pub fn has_form(&self, headers: &HeaderMap) -> bool {
        find(headers, &self.form).is_some()
    }

    /// The two cookies of a session.
    pub fn grant(&self, grant: &Grant, now: UnixSeconds) -> [Cookie<'static>; 2] {
        let life = (grant.stay == Stay::SignedIn)
            .then(|| Duration::seconds((grant.session_ends - now).max(0)));
        [
            (&self.access, &grant.access),
            (&self.refresh, &grant.refresh),
        ]
        .map(|(name, token)| {
            let mut cookie = self.cookie(name, token.expose_secret().to_owned());
            cookie.set_max_age(life);
            cookie
        })
    }

    /// Takes the cookies of a session away.
    pub fn clear(&self) -> [Cookie<'static>; 2] {
        [&self.access, &self.refresh].map(|name| {
            let mut cookie = self.cookie(name, String::new());
            cookie.make_removal();
            cookie
        })
    }

    /// `Lax`, so that a link from elsewhere finds its reader signed in.
    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish()
    }

    /// State of somebody who is not signed in: encrypted, in their own browser. Never says who
    /// they are, because a cookie cannot be revoked.
    pub fn anonymous(&self) -> SessionMiddleware<CookieSessionStore> {
        SessionMiddleware::builder(CookieSessionStore::default(), self.form_key.clone())
            .cookie_name(self.form.clone())
            .cookie_content_security(CookieContentSecurity::Private)
            .cookie_http_only(true)
            .cookie_secure(self.secure)
            .cookie_same_site(SameSite::Lax)
            .session_lifecycle(
                PersistentSession::default().session_ttl(Duration::hours(FORM_HOURS)),
            )
            .build()
    }
}

/// # Errors
/// When a cookie cannot be written as a header, which none of ours is.
pub fn add<'a>(
    response: &mut HttpResponse,
    cookies: impl IntoIterator<Item = Cookie<'a>>,
) -> Result<(), Fault> {
    for cookie in cookies {
        response
            .add_cookie(&cookie)
            .map_err(|error| Fault::caused("set a cookie", error.to_string()))?;
    }
    Ok(())
}

/// Without parsing every cookie into a jar, which shows in a profile.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
        std::str::from_utf8(pair.strip_prefix(b"=")?).ok()
    });
    values
        .next()
        .map(str::trim_ascii_end)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_cookie_of_a_name_is_found_whole_or_not_at_all(
            sent in vec(("x?doorward_access?|name", "[!-:<-~]{0,4}"), 0..6),
            split in 0..6_usize,
        ) {
            let pairs: Vec<_> = sent.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let (one, other) = pairs.split_at(split.min(pairs.len()));
            let mut headers = HeaderMap::new();
            for (pairs, between) in [(one, "; "), (other, ";")] {
                let header = HeaderValue::from_str(&pairs.join(between)).unwrap();
                headers.append(COOKIE, header);
            }
            let first = sent.iter().find(|(name, _)| name == ACCESS);
            let expected = first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
            prop_assert_eq!(find(&headers, ACCESS), expected);
        }

        #[test]
        fn no_cookie_is_too_odd_to_be_read(bytes in vec(any::<u8>(), 0..60)) {
            let mut header = format!("{ACCESS}=").into_bytes();
            header.extend(bytes);
            if let Ok(header) = HeaderValue::from_bytes(&header) {
                let headers = HeaderMap::from_iter([(COOKIE, header)]);
                let found = find(&headers, ACCESS).unwrap_or("none");
                prop_assert!(!found.is_empty() && !found.contains(';'));
            }
        }
    }
}
