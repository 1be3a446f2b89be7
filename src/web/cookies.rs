//! The only file that names, sets or clears a cookie.
//!
//! Browsers do not keep the cookies of two ports of one host apart (RFC 6265, section 8.5), so
//! each name ends with a suffix of this instance: another instance on the host neither overwrites
//! nor clears them. A name can still come with several values, from another path or a parent
//! domain, and then each value is tried.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::http::header::{COOKIE, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::sessions::{Grant, Stay};

const ACCESS: &str = "doorward_access";
const REFRESH: &str = "doorward_refresh";
const SEALED_HOURS: i64 = 12;
/// Of one name in one request. Each can cost a signature or a query.
const VALUES_MAX: usize = 8;
/// What every browser keeps of one cookie, attributes included (RFC 6265, section 6.1).
const COOKIE_MAX_BYTES: usize = 4096;

/// State that is kept in the browser, encrypted. Never says who somebody is, because a cookie
/// cannot be revoked.
#[derive(Clone, Copy, Debug)]
pub enum Sealed {
    /// The token of the forms of somebody who is not signed in.
    FormToken,
    /// One message for the next page.
    Notice,
    /// A posted form whose sender has to sign in first.
    Interrupted,
}

pub struct Cookies {
    access: String,
    refresh: String,
    sealed: [String; 3],
    key: Key,
    secure: bool,
}

impl Cookies {
    /// Under `https` every cookie is `Secure` and bound to this one host by its name
    /// (RFC 6265bis, section 4.1.3.2). All servers of one instance use the same names.
    pub fn new(secret: &InstanceSecret, secure: bool) -> Self {
        let prefix = if secure { "__Host-" } else { "" };
        let instance = u32::from_be_bytes(*secret.derive::<4>(Purpose::CookieNames));
        let name = |name: &str| format!("{prefix}{name}_{instance:08x}");
        Self {
            access: name(ACCESS),
            refresh: name(REFRESH),
            sealed: ["doorward_form", "doorward_notice", "doorward_interrupted"].map(name),
            key: Key::from(&*secret.derive::<64>(Purpose::SealedCookies)),
            secure,
        }
    }

    /// The name of the cookie with the access token, for the description of the API.
    pub fn access_name(&self) -> &str {
        &self.access
    }

    /// Every access token that came, in the order in which they came.
    pub fn access<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.access)
    }

    /// Every refresh token that came.
    pub fn refresh<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.refresh)
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
        [&self.access, &self.refresh].map(|name| self.removal(name))
    }

    /// `None` when a browser might not keep a cookie of that size.
    pub fn seal(&self, what: Sealed, text: String) -> Option<Cookie<'static>> {
        let name = self.name_of(what);
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key)
            .add(Cookie::new(name.to_owned(), text));
        let mut cookie = self.cookie(name, jar.get(name)?.value().to_owned());
        cookie.set_max_age(Duration::hours(SEALED_HOURS));
        (cookie.to_string().len() <= COOKIE_MAX_BYTES).then_some(cookie)
    }

    /// What this instance sealed.
    pub fn unseal(&self, what: Sealed, headers: &HeaderMap) -> Option<String> {
        let name = self.name_of(what);
        values(headers, name).find_map(|value| {
            let jar = CookieJar::new();
            let sealed = Cookie::new(name.to_owned(), value.to_owned());
            let cookie = jar.private(&self.key).decrypt(sealed)?;
            Some(cookie.value().to_owned())
        })
    }

    pub fn remove(&self, what: Sealed) -> Cookie<'static> {
        self.removal(self.name_of(what))
    }

    fn name_of(&self, what: Sealed) -> &str {
        &self.sealed[what as usize]
    }

    fn removal(&self, name: &str) -> Cookie<'static> {
        let mut cookie = self.cookie(name, String::new());
        cookie.make_removal();
        cookie
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
}

/// Cookies that the guard adds to the response, whatever that will be.
#[derive(Default)]
struct Queued(Vec<Cookie<'static>>);

/// The last cookie of a name counts.
pub fn queue(request: &HttpRequest, cookie: Cookie<'static>) {
    let mut extensions = request.extensions_mut();
    let mut queued = extensions.remove::<Queued>().unwrap_or_default();
    queued.0.retain(|known| known.name() != cookie.name());
    queued.0.push(cookie);
    extensions.insert(queued);
}

pub fn queued(request: &HttpRequest) -> Vec<Cookie<'static>> {
    let queued = request.extensions_mut().remove::<Queued>();
    queued.unwrap_or_default().0
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
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let values = pairs.filter_map(move |pair| {
        let pair = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
        let value = std::str::from_utf8(pair.strip_prefix(b"=")?).ok()?;
        Some(value.trim_ascii_end()).filter(|value| !value.is_empty())
    });
    values.take(VALUES_MAX)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_of_a_cookie_is_found_whole_and_in_order(
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
            let own = sent.iter().filter(|(name, value)| name == ACCESS && !value.is_empty());
            let own: Vec<_> = own.map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(values(&headers, ACCESS).collect::<Vec<_>>(), own);
        }

        #[test]
        fn no_cookie_is_too_odd_to_be_read(bytes in vec(any::<u8>(), 0..60)) {
            let mut header = format!("{ACCESS}=").into_bytes();
            header.extend(bytes);
            if let Ok(header) = HeaderValue::from_bytes(&header) {
                let headers = HeaderMap::from_iter([(COOKIE, header)]);
                for found in values(&headers, ACCESS) {
                    prop_assert!(!found.is_empty() && !found.contains(';'));
                }
            }
        }
    }

    #[test]
    fn a_sealed_cookie_is_read_by_its_own_instance_only_and_in_its_own_place() {
        let secret = InstanceSecret::generate();
        let [here, also_here, there] = [&secret, &secret, &InstanceSecret::generate()]
            .map(|secret| Cookies::new(secret, false));
        let cookie = here.seal(Sealed::Notice, "Saved “x”.".to_owned()).unwrap();
        let sent = |name: &str| {
            let header = format!("{name}=old; {name}={}", cookie.value());
            HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&header).unwrap())])
        };
        let read = |cookies: &Cookies, what| {
            let headers = sent(cookies.name_of(what));
            cookies.unseal(what, &headers)
        };
        assert_eq!(read(&also_here, Sealed::Notice).unwrap(), "Saved “x”.");
        assert_eq!(read(&here, Sealed::FormToken), None);
        assert_eq!(read(&there, Sealed::Notice), None);
        assert_ne!(here.access_name(), there.access_name());
        assert!(here.seal(Sealed::Notice, "x".repeat(4096)).is_none());
    }
}
