//! Rules that hold for every request. Only in a build for `scripts/fuzz`.
//!
//! The rules are written a second time, independently of the guard.

use actix_web::FromRequest;
use actix_web::http::Uri;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN,
};
use actix_web::test::TestRequest;
use actix_web::web::Data;
use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

use super::*;
use crate::sessions::Presented;
use crate::web::forms::Form;
use crate::web::origin::Source;

/// `raw` resembles an HTTP/1.1 request: a line with method and address, headers, an empty line, the
/// body; lines end with `\n` alone. Input that actix would refuse is skipped.
pub async fn read(state: &Data<State>, raw: &[u8]) {
    form_is_read_as_others_read_it(state, raw).await;
    let Some(request) = parse(state, raw) else {
        return;
    };
    let (request, mut payload) = request.app_data(state.clone()).to_http_parts();

    tokens_are_counted(&request);
    cookies_are_whole(state, request.headers());
    log_shows_no_value(&request);
    way_back_is_local(&request);
    let judged = origin::judge(&request);
    let is_taken = matches!(judged, Ok(None | Some(Source::Ours | Source::Bearer)));
    assert!(judged.is_err() && has_two_tokens(&request) || is_taken == is_ours(&request));
    no_request_is_admitted(&request).await;
    // A form is not sent by a read-only method, which is not judged.
    if let Ok(Some(source)) = judged {
        request.extensions_mut().insert(source);
        if Form::from_request(&request, &mut payload).await.is_ok() {
            // No form token was ever issued here.
            assert_ne!(source, Source::Unknown);
        }
    }
}

fn parse(state: &State, raw: &[u8]) -> Option<TestRequest> {
    let end = raw.windows(2).position(|two| two == b"\n\n");
    let (head, body) = raw.split_at(end.unwrap_or(raw.len()));
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, address) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    address.parse::<Uri>().ok()?;
    let mut request = TestRequest::with_uri(address)
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .set_payload(body.get(2..).unwrap_or_default().to_vec());
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = line[colon + 1..].trim_ascii();
        let value = if name == COOKIE {
            HeaderValue::from_bytes(&with_full_names(state, value))
        } else {
            HeaderValue::from_bytes(value)
        };
        let value = value.ok()?;
        request = request.append_header((name, value));
    }
    Some(request)
}

/// Cookies whose names get this instance's suffix, which no input can know.
fn with_full_names(state: &State, cookies: &[u8]) -> Vec<u8> {
    let access = state.web.cookies.access_name();
    let text: String = cookies.iter().map(|byte| char::from(*byte)).collect();
    let text = text
        .replace("doorward_access=", &format!("{access}="))
        .replace(
            "doorward_refresh=",
            &format!("{}=", access.replace("access", "refresh")),
        );
    text.chars().map(|letter| letter as u8).collect()
}

/// Two tokens never give an identity.
fn tokens_are_counted(request: &HttpRequest) {
    let in_query = query_keys(request, "token");
    let only_looks = matches!(*request.method(), Method::GET | Method::HEAD);
    for guard in [
        Guard::Public,
        Guard::PublicToken,
        Guard::Open,
        Guard::OneTime,
        Guard::SignedInOrLink,
    ] {
        let takes = match guard {
            Guard::PublicToken => true,
            Guard::OneTime | Guard::SignedInOrLink => only_looks,
            _ => false,
        };
        match query_token(guard, request) {
            Ok(None) => assert_eq!(in_query, 0),
            Ok(Some(_)) => assert!(takes && in_query == 1, "{guard:?}, {in_query}"),
            Err(_) => assert!(in_query > 0),
        }
    }
    let headers: Vec<_> = request.headers().get_all(AUTHORIZATION).collect();
    let says_bearer = |header: &&HeaderValue| {
        let start = header.as_bytes().get(..7);
        start.is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
    };
    match bearer(request) {
        Ok(None) => assert_eq!(
            headers.iter().filter(|header| says_bearer(header)).count(),
            0
        ),
        Ok(Some(token)) => {
            let [header] = headers[..] else {
                panic!("one token of {} headers", headers.len());
            };
            assert!(token.is_empty() || header.as_bytes().ends_with(token.as_bytes()));
        }
        Err(_) => assert!(headers.len() > 1),
    }
}

/// The values of a key, counted by a second parser of queries.
fn query_keys(request: &HttpRequest, key: &str) -> usize {
    form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(name, _)| name == key)
        .count()
}

/// A part of a cookie is never taken for the cookie, and a refresh token has one spelling.
fn cookies_are_whole(state: &State, headers: &HeaderMap) {
    let cookies = &state.web.cookies;
    let access = cookies
        .access(headers)
        .map(|value| ("doorward_access", value));
    let refresh = cookies
        .refresh(headers)
        .map(|value| ("doorward_refresh", value));
    for (name, value) in access.chain(refresh) {
        let mut sent = headers
            .get_all(COOKIE)
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        let is_whole = |pair: &[u8]| {
            let rest = pair.trim_ascii().strip_prefix(name.as_bytes());
            // An underscore, eight letters of the instance, an equals sign.
            rest.and_then(|rest| rest.get(10..)) == Some(value.as_bytes())
        };
        assert!(!value.is_empty() && sent.any(is_whole));
        if Presented::parse(value).is_some() {
            // 56 bytes: the last letter carries four bits, and the two that are left are zero.
            assert!(value.len() == 75 && value.ends_with(|last| "AEIMQUYcgkosw048".contains(last)));
        }
    }
}

/// Logged text does not depend on any value of the request, and no part of it is as long as a
/// token.
fn log_shows_no_value(request: &HttpRequest) {
    let names = query::names(request.query_string());
    let parts = request.query_string().split('&');
    let bare: Vec<_> = parts
        .map(|part| part.find('=').map_or(part, |at| &part[..=at]))
        .collect();
    assert_eq!(names, query::names(&bare.join("&")));
    assert!(names.split(',').all(|name| name.len() <= 24), "{names}");
    let path = query::loggable_path(request.path());
    assert!(path.split('/').all(|part| part.len() <= 40), "{path}");
    assert!(query::loggable_method(request.method().as_str()).len() <= 20);
}

/// The address after signing in is on this site and contains no token.
fn way_back_is_local(request: &HttpRequest) {
    let wanted = request.uri().path_and_query();
    let wanted = wanted.map_or("/", |wanted| wanted.as_str());
    let asked = query::first(request.query_string(), "next");
    let home = Url::parse("http://door.test/login").expect("a good address");
    for next in [wanted].into_iter().chain(asked.as_deref()) {
        if let Some(local) = query::local_path(next) {
            let led_to = home.join(local).expect("an address");
            assert_eq!(led_to.origin(), home.origin(), "{local}");
            assert!(led_to.query_pairs().all(|(name, _)| name != "token"));
            assert!(!local.contains(|c: char| c == '\\' || c.is_control()));
        }
    }
    let refused = refuse(None, request);
    if let Some(location) = refused.headers().get(LOCATION) {
        let location = location.to_str().expect("an address is plain");
        let next = location.strip_prefix("/login").expect("the sign-in page");
        let next = next.strip_prefix("?next=").map(|next| {
            let decoded = percent_decode_str(next).decode_utf8();
            decoded.expect("what was encoded from text").into_owned()
        });
        assert_eq!(next.as_deref(), query::local_path(wanted));
    }
}

fn has_two_tokens(request: &HttpRequest) -> bool {
    request.headers().get_all(AUTHORIZATION).count() > 1
}

/// The result of `origin`, in one expression.
fn is_ours(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let (origin, host) = (header(ORIGIN.as_str()), header(HOST.as_str()));
    match header("sec-fetch-site") {
        _ if matches!(*request.method(), Method::GET | Method::HEAD) => true,
        _ if matches!(bearer(request), Ok(Some(_))) => true,
        Some(site) => [&b"same-origin"[..], b"none"].contains(&site),
        None if origin.is_some() => origin
            .and_then(|origin| origin.strip_prefix(b"http://"))
            .is_some_and(|origin| host.is_some_and(|host| host.eq_ignore_ascii_case(origin))),
        None => header(COOKIE.as_str()).is_none(),
    }
}

/// No sessions and no links exist here: no request may be admitted.
async fn no_request_is_admitted(request: &HttpRequest) {
    for guard in [
        Guard::Public,
        Guard::PublicToken,
        Guard::Open,
        Guard::OneTime,
        Guard::SignedInOrLink,
    ] {
        let found = decide(guard, request).await;
        assert!(found.as_ref().map_or(true, |found| found.access.is_none()));
        let two = query_keys(request, "token") > 0 && matches!(bearer(request), Ok(Some(_)));
        assert!(!two || found.is_err(), "one of two tokens at {guard:?}");
    }
}

/// A second parser of forms reads the same fields in an accepted form.
async fn form_is_read_as_others_read_it(state: &Data<State>, body: &[u8]) {
    let (request, mut payload) = TestRequest::post()
        .append_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .append_header(("sec-fetch-site", "same-origin"))
        .app_data(state.clone())
        .set_payload(body.to_vec())
        .to_http_parts();
    request.extensions_mut().insert(Source::Ours);
    if let Ok(form) = Form::from_request(&request, &mut payload).await {
        for (name, value) in form_urlencoded::parse(body) {
            assert_eq!(form.find(&name), Some(&*value));
        }
    }
}
