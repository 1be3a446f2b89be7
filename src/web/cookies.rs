//! The only file that names, sets or clears a cookie.
//!
//! Browsers do not keep the cookies of two ports of one host apart (RFC 6265, section 8.5), so
//! each name ends with a suffix of this instance: another instance on the host neither overwrites
//! nor clears them. A name can still come with several values, from another path or a parent
//! domain, and then each value is tried.

use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::CookieSessionStore;
use actix_session::{SessionExt, SessionMiddleware};
use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::State;
use super::problem::Problem;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::secret::{InstanceSecret, Purpose};
use crate::sessions::{Grant, Persistence};

const ACCESS: &str = "doorward_access";
const REFRESH: &str = "doorward_refresh";
/// Anonymous state: the token of a visitor's forms, one message for the next page, and a posted
/// form whose sender has to sign in first.
const FORM: &str = "doorward_form";
const FORM_HOURS: i64 = 12;
/// A browser that has signed in before: see `limits/device.rs`. Grants no access.
const DEVICE: &str = "doorward_device";
/// The token of a one-time link, for the page of the link alone: so its address has no token.
const LINK: &str = "doorward_link";
/// A browser that asked for a link to sign in by mail, for the pages below that path. Grants no
/// access.
const ASKER: &str = "doorward_asker";
/// Longer than the link: it may be asked for again.
const ASKER_HOURS: i64 = 1;
/// The longest lifetime of a cookie in browsers (RFC 6265bis, section 5.5).
const DEVICE_DAYS: i64 = 400;
/// Limit of values of one name in one request. Each can cost a signature check or a query.
const VALUES_MAX: usize = 8;
/// Limit of the anonymous state as JSON, without the form token. With the token, encrypted and
/// encoded, and with its name and attributes, the cookie has about 3900 bytes; every browser keeps
/// one of 4096 (RFC 6265, section 6.1).
const STATE_MAX_BYTES: usize = 2600;

pub struct Cookies {
    access: String,
    refresh: String,
    form: String,
    device: String,
    link: String,
    asker: String,
    form_key: Key,
    secure: bool,
}

impl Cookies {
    /// Under `https` every cookie is `Secure` and bound to this one host by its name
    /// (RFC 6265bis, section 4.1.3.2). All servers of one instance use the same names.
    pub fn new(secret: &InstanceSecret, secure: bool) -> Self {
        let prefix = if secure { "__Host-" } else { "" };
        let instance = u32::from_be_bytes(*secret.derive::<4>(Purpose::CookieNames));
        let name = |name: &str| format!("{prefix}{name}_{instance:08x}");
        // Its path is not `/`, as `__Host-` requires.
        let link_prefix = if secure { "__Secure-" } else { "" };
        Self {
            access: name(ACCESS),
            refresh: name(REFRESH),
            form: name(FORM),
            device: name(DEVICE),
            link: format!("{link_prefix}{LINK}_{instance:08x}"),
            asker: format!("{link_prefix}{ASKER}_{instance:08x}"),
            form_key: Key::from(&*secret.derive::<64>(Purpose::FormCookie)),
            secure,
        }
    }

    /// The name of the cookie with the access token, for the description of the API.
    pub fn access_name(&self) -> &str {
        &self.access
    }

    /// Every access token of the request, in order.
    pub fn access<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.access)
    }

    /// Every refresh token of the request.
    pub fn refresh<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.refresh)
    }

    /// The device cookie of the request.
    pub fn device<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        values(headers, &self.device).next()
    }

    pub fn remember_device(&self, value: String) -> Cookie<'static> {
        let mut cookie = self.cookie(&self.device, value);
        cookie.set_max_age(Duration::days(DEVICE_DAYS));
        cookie
    }

    /// The token of the one-time link that was opened at the path of the request.
    pub fn link<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        values(headers, &self.link).next()
    }

    /// Keeps the token of a one-time link for the page at this path.
    pub fn keep_link(&self, path: &'static str, token: String, seconds: i64) -> Cookie<'static> {
        let mut cookie = self.cookie(&self.link, token);
        cookie.set_path(path);
        cookie.set_max_age(Duration::seconds(seconds));
        cookie
    }

    pub fn drop_link(&self, path: &'static str) -> Cookie<'static> {
        let mut cookie = self.keep_link(path, String::new(), 0);
        cookie.make_removal();
        cookie
    }

    /// What identifies the browser that asked for a link to sign in.
    pub fn asker<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        values(headers, &self.asker).next()
    }

    pub fn keep_asker(&self, path: &'static str, value: String) -> Cookie<'static> {
        let mut cookie = self.cookie(&self.asker, value);
        cookie.set_path(path);
        cookie.set_max_age(Duration::hours(ASKER_HOURS));
        cookie
    }

    /// The two cookies of a session.
    pub fn grant(&self, grant: &Grant, now: UnixSeconds) -> [Cookie<'static>; 2] {
        let life = (grant.stay == Persistence::Remembered)
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

    /// Removes the cookies of a session.
    pub fn clear(&self) -> [Cookie<'static>; 2] {
        [&self.access, &self.refresh].map(|name| {
            let mut cookie = self.cookie(name, String::new());
            cookie.make_removal();
            cookie
        })
    }

    /// Keeps the anonymous state in the browser, encrypted. It never identifies an account, because
    /// a cookie cannot be revoked.
    pub fn anonymous(&self) -> SessionMiddleware<CookieSessionStore> {
        let life = PersistentSession::default().session_ttl(Duration::hours(FORM_HOURS));
        SessionMiddleware::builder(CookieSessionStore::default(), self.form_key.clone())
            .cookie_name(self.form.clone())
            .cookie_content_security(CookieContentSecurity::Private)
            .cookie_http_only(true)
            .cookie_secure(self.secure)
            .cookie_same_site(SameSite::Lax)
            .session_lifecycle(life)
            .build()
    }

    /// The first form cookie that this instance encrypted, with its name.
    fn form(&self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::new();
        let mut pairs = values(headers, &self.form).map(|value| format!("{}={value}", self.form));
        pairs.find(|pair| {
            let cookie = Cookie::parse_encoded(pair.clone());
            cookie.is_ok_and(|cookie| jar.private(&self.form_key).decrypt(cookie).is_some())
        })
    }

    /// `Lax`, so that a visitor who follows a link from another site is signed in.
    fn cookie(&self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish()
    }
}

/// All cookies of a request, while its head has only the form cookie.
struct Hidden(Vec<HeaderValue>);

/// Runs before [`Cookies::anonymous`], which reads the first cookie of a name and accepts more
/// kinds of space before a name than browsers do. So it only sees a valid form cookie.
pub async fn hide_others<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if request.headers().contains_key(COOKIE) {
        let cookies = &State::of(request.request())
            .map_err(Problem::from)?
            .web
            .cookies;
        let form = cookies.form(request.headers());
        let form = form.and_then(|form| HeaderValue::try_from(form).ok());
        let all = request.headers_mut().remove(COOKIE).collect();
        request.extensions_mut().insert(Hidden(all));
        if let Some(form) = form {
            request.headers_mut().insert(COOKIE, form);
        }
    }
    next.call(request).await
}

/// Undoes [`hide_others`].
pub fn show_all(request: &mut ServiceRequest) {
    let hidden = request.extensions_mut().remove::<Hidden>();
    if let Some(Hidden(all)) = hidden {
        let headers = request.headers_mut();
        headers.remove(COOKIE);
        for header in all {
            headers.append(COOKIE, header);
        }
    }
}

/// Keeps `value` in the anonymous state, and returns true; false if a browser might not keep a
/// cookie of that size.
pub fn keep(request: &HttpRequest, key: &str, value: impl Serialize) -> bool {
    let anonymous = request.get_session();
    let is_kept = anonymous.insert(key, value).is_ok()
        && serde_json::to_string(&*anonymous.entries())
            .is_ok_and(|text| text.len() <= STATE_MAX_BYTES);
    if !is_kept {
        anonymous.remove(key);
    }
    is_kept
}

/// # Errors
/// When a cookie is not valid in a header; ours always are.
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

/// Does not parse every cookie into a jar, which shows in a profile.
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
}
