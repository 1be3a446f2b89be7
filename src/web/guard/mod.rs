//! The guard: one middleware before every handler. It reads the token, verifies it, decides,
//! and passes on a typed identity.
//!
//! A route cannot be listed without a [`Guard`]. Note: an expired access cookie is
//! renewed here, on any request and before the handler runs, so that a posted form is never
//! lost to it.

#[cfg(fuzzing)]
pub mod fuzzing;
mod table;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::Cookie;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use futures_util::FutureExt;

use super::accept::{is_for_a_person, only_looks};
use super::authorization::bearer;
use super::forms::interrupted::{self, Sent};
use super::problem::{FORBIDDEN, LINK_ENDED, NOT_RECENT, NOT_SIGNED_IN, OTHER_SESSION, Problem};
use super::proof::{Access, Guard, viewer};
use super::{State, client, cookies, origin, query, redirect};
use crate::access::Role;
use crate::base::event::{Action, Actor, Cause, Event};
use crate::base::fault::Fault;
use crate::limits::Budget;
use crate::sessions::{Identity, NotSignedIn};
use crate::tokens::Refused;
pub use table::{Listed, Routes};

/// Time between two events about one person who is denied access to one place.
const DENIED_EVERY_SECONDS: i64 = 600;

/// What the guard found out: the proof, if any, and what happens to the cookies.
#[derive(Default)]
struct Found {
    access: Option<Access>,
    /// Why a token was refused.
    refused: Option<String>,
    /// The cookies of a renewed session.
    new_cookies: Vec<Cookie<'static>>,
    /// Invalid cookies, to be removed.
    dead_cookies: Vec<Cookie<'static>>,
}

/// Runs before the handler of a route, and around it.
///
/// # Errors
/// None: errors become responses here, where the request is still known.
pub async fn admit<B: MessageBody + 'static>(
    guard: Guard,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    cookies::show_all(&mut request);
    let http = request.request().clone();
    let work = async {
        let response = admit_here(guard, request, next).await?;
        let error = response.response().error();
        let problem = error.and_then(|error| error.as_error::<Problem>());
        if problem.is_some_and(Problem::is_misplaced_token) {
            record_token(response.request()).boxed_local().await;
        }
        if problem.is_some_and(|problem| problem.is(&FORBIDDEN)) {
            record_denial(response.request()).boxed_local().await;
        }
        Ok(response)
    };
    Cause::scope(move || cause_of(&http), work).await
}

/// The actor of a request's events, as far as it is known by then.
fn cause_of(request: &HttpRequest) -> Cause {
    let identity = viewer(request);
    let client = State::of(request)
        .map(|state| client::of(request, state))
        .ok();
    let (address, user_agent) = client
        .map(|client| (client.address, client.user_agent))
        .unzip();
    Cause {
        actor: identity
            .as_ref()
            .map_or(Actor::Visitor, |identity| Actor::Account(identity.account)),
        session: identity.map(|identity| identity.session),
        address,
        user_agent,
        request: request.extensions().get().copied(),
        device: State::of(request).ok().and_then(|state| {
            let device = state.web.cookies.device(request.headers());
            device.map(str::to_owned)
        }),
    }
}

async fn admit_here<B: MessageBody + 'static>(
    guard: Guard,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let http = request.request().clone();
    let found = match decide(guard, &http).await {
        Ok(found) => found,
        Err(error) => return Ok(ServiceResponse::new(http, error.into_response())),
    };
    let (mut response, cookies) = match found.access {
        None if guard.requires_identity() => {
            let refused = if is_posted_form(&http) {
                let sent = Sent::read(&http, request.take_payload()).boxed_local();
                interrupted::lead_to_sign_in(&http, &sent.await)
            } else {
                refuse(found.refused, &http)
            };
            // Only here: a late response on an open page must not remove the cookies of a new
            // sign-in.
            (
                ServiceResponse::new(http.clone(), refused),
                found.dead_cookies,
            )
        }
        Some(Access::Session(identity))
            if guard.requires_administrator() && identity.role != Role::Administrator =>
        {
            let refused = forbid(&http, identity, &mut request).boxed_local().await;
            (
                ServiceResponse::new(http.clone(), refused),
                found.new_cookies,
            )
        }
        Some(Access::Session(identity))
            if guard.requires_recent() && !is_recent(&identity, &http) =>
        {
            let refused = ask_again(&http, identity, &mut request).boxed_local().await;
            (
                ServiceResponse::new(http.clone(), refused),
                found.new_cookies,
            )
        }
        access => {
            if let Some(access) = access {
                http.extensions_mut().insert(access);
            }
            http.extensions_mut().insert(guard);
            let response = answered(http.clone(), next.call(request)).await;
            (response, found.new_cookies)
        }
    };
    // The handler's cookies take precedence: signing in or out sets its own.
    let taken: Vec<_> = response
        .response()
        .cookies()
        .map(|set| set.name().to_owned())
        .collect();
    let cookies = cookies
        .into_iter()
        .filter(|cookie| !taken.iter().any(|name| name == cookie.name()));
    cookies::add(response.response_mut(), cookies).map_err(Problem::from)?;
    Ok(response)
}

/// A token in an address may have been seen by others. The response is the same whether it could be
/// recorded or not: nothing is done.
async fn record_token(request: &HttpRequest) {
    if let Ok(state) = State::of(request) {
        let path = query::loggable_path(request.path());
        let event = Event::refused(Action::MisplaceToken).with("path", path);
        state.audit.record_free(event).await.ok();
    }
}

/// A signed-in person has no right to what was requested. The response is the same whether that
/// could be recorded or not.
async fn record_denial(request: &HttpRequest) {
    let (Some(identity), Ok(state)) = (viewer(request), State::of(request)) else {
        return;
    };
    let place = request.match_pattern().unwrap_or_default();
    let event = Event::refused(Action::DenyAccess)
        .with("method", query::loggable_method(request.method().as_str()))
        .with("path", &place);
    let now = state.clock.now();
    let denials = &state.web.denials;
    if denials.is_first((identity.account, place), now, now + DENIED_EVERY_SECONDS) {
        state.db.record(event).await.ok();
    }
}

/// The handler's response; a panic in the handler ends only this request.
async fn answered<B: MessageBody + 'static>(
    http: HttpRequest,
    handler: impl Future<Output = Result<ServiceResponse<B>, Error>>,
) -> ServiceResponse<BoxBody> {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(response)) => response.map_into_boxed_body(),
        Ok(Err(error)) => ServiceResponse::new(http, HttpResponse::from_error(error)),
        Err(_) => {
            let fault = Problem::from(Fault::new("a handler panicked"));
            ServiceResponse::new(http, fault.into_response())
        }
    }
}

async fn decide(guard: Guard, request: &HttpRequest) -> Result<Found, Problem> {
    if let Some(source) = origin::judge(request)? {
        request.extensions_mut().insert(source);
    }
    let state = State::of(request)?;
    let link = query_token(guard, request)?;
    if guard == Guard::Public {
        return Ok(Found::default());
    }
    match (link, bearer(request)?) {
        (Some(_), Some(_)) => Err(Problem::tokens(
            "It came with two tokens, one in the address and one in a header.",
        )),
        _ if guard == Guard::PublicToken => Ok(Found::default()),
        (Some(token), None) if guard == Guard::SignedInOrLink => {
            by_link(state, request, &token).boxed_local().await
        }
        (None, Some(token)) => by_bearer(state, token).await,
        _ => by_cookie(state, request).await,
    }
}

/// The single `?token=` of a route that takes one; on other routes it is misplaced.
fn query_token(guard: Guard, request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut tokens = query::values(request.query_string(), "token");
    let Some(token) = tokens.next() else {
        return Ok(None);
    };
    let token = token.ok_or(Problem::tokens("Its token cannot be read."))?;
    if tokens.next().is_some() {
        return Err(Problem::tokens("It came with two tokens in the address."));
    }
    match guard {
        Guard::PublicToken => Ok(Some(token.into_owned())),
        Guard::OneTime | Guard::SignedInOrLink if only_looks(request) => {
            Ok(Some(token.into_owned()))
        }
        _ => Err(Problem::tokens(
            "A token in the address does not belong here. Nothing was changed.",
        )),
    }
}

async fn by_bearer(state: &State, token: &str) -> Result<Found, Problem> {
    match state.sessions.identify(token).await {
        Ok(identity) => Ok(Found {
            access: Some(Access::Session(identity)),
            ..Found::default()
        }),
        Err(NotSignedIn::Fault(fault)) => Err(Problem::unavailable(fault)),
        // A sender who shows a token wants it to count, on an open page too.
        Err(refused) => Err(Problem::invalid_token(refused)),
    }
}

async fn by_link(state: &State, request: &HttpRequest, token: &str) -> Result<Found, Problem> {
    let reader = match state.sessions.read_link(token).await {
        Ok(reader) => reader,
        Err(NotSignedIn::Ended | NotSignedIn::Token(Refused::Expired)) => {
            return Err(LINK_ENDED);
        }
        Err(NotSignedIn::Token(_)) => {
            return Err(Problem::tokens("This link is not valid."));
        }
        Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
    };
    if reader.claims.path != request.path() {
        return Err(Problem::tokens("The token in it is for another page."));
    }
    Ok(Found {
        access: Some(Access::Link(Arc::new(reader))),
        ..Found::default()
    })
}

/// Of several cookies of one name, the first valid one counts: an older cookie, or one that another
/// site planted, does not prevent signing in.
async fn by_cookie(state: &State, request: &HttpRequest) -> Result<Found, Problem> {
    let cookies = &state.web.cookies;
    let mut refused = None;
    for access in cookies.access(request.headers()) {
        match state.sessions.identify(access).await {
            Ok(identity) => {
                return Ok(Found {
                    access: Some(Access::Session(identity)),
                    ..Found::default()
                });
            }
            Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
            Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => refused = Some(NotSignedIn::Ended),
        }
    }
    for refresh in cookies.refresh(request.headers()) {
        let source = client::source(request, state);
        let limits = &state.limits;
        limits.take_one(Budget::Refresh, source.subject()).await?;
        match state.sessions.renew(refresh).boxed_local().await {
            Ok(grant) => {
                return Ok(Found {
                    new_cookies: cookies.grant(&grant, state.clock.now()).into(),
                    access: Some(Access::Session(grant.identity)),
                    ..Found::default()
                });
            }
            Err(NotSignedIn::Fault(fault)) => return Err(Problem::unavailable(fault)),
            Err(why) => refused = Some(why),
        }
    }
    Ok(match refused {
        Some(refused) => Found {
            refused: Some(refused.to_string()),
            dead_cookies: cookies.clear().into(),
            ..Found::default()
        },
        None => Found::default(),
    })
}

/// Redirects a browser that has to sign in to the sign-in page, which leads back.
fn refuse(why: Option<String>, request: &HttpRequest) -> HttpResponse {
    if only_looks(request) && is_for_a_person(request) {
        lead("/login", request)
    } else {
        why.map_or(NOT_SIGNED_IN, Problem::invalid_token)
            .into_response()
    }
}

fn is_recent(identity: &Identity, request: &HttpRequest) -> bool {
    State::of(request).is_ok_and(|state| identity.is_recent(state.clock.now()))
}

/// A form that a person sent: what was typed is kept if the form is not handled.
fn is_posted_form(request: &HttpRequest) -> bool {
    *request.method() == Method::POST && is_for_a_person(request)
}

/// A form that was made for another person is reported first.
async fn forbid(
    http: &HttpRequest,
    identity: Arc<Identity>,
    request: &mut ServiceRequest,
) -> HttpResponse {
    http.extensions_mut().insert(Access::Session(identity));
    if is_posted_form(http) {
        let sent = Sent::read(http, request.take_payload()).await;
        match interrupted::check_sent(http, &sent).await {
            Err(problem) if problem.is(&OTHER_SESSION) => return problem.into_response(),
            _ => {}
        }
    }
    FORBIDDEN.into_response()
}

/// Redirects a browser to the page that asks for the password, which leads back.
async fn ask_again(
    http: &HttpRequest,
    identity: Arc<Identity>,
    request: &mut ServiceRequest,
) -> HttpResponse {
    if !is_for_a_person(http) {
        return NOT_RECENT.into_response();
    }
    if only_looks(http) {
        return lead("/account/verify", http);
    }
    http.extensions_mut().insert(Access::Session(identity));
    let sent = Sent::read(http, request.take_payload()).await;
    let led = interrupted::lead_to_confirm(http, &sent).await;
    led.unwrap_or_else(Problem::into_response)
}

fn lead(to: &str, request: &HttpRequest) -> HttpResponse {
    let wanted = request.uri().path_and_query();
    let next = wanted.map_or("/", |wanted| wanted.as_str());
    redirect::to(&redirect::by_way_of(to, next))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn a_panic_in_a_handler_is_a_response() {
        let http = TestRequest::default().to_http_request();
        let handler = async { panic!("a bug") };
        let response = answered::<BoxBody>(http, handler).await;
        assert_eq!(response.status(), 500);
    }
}
