//! A request for a page, and what every page shows around its own content.

use std::any::Any;
use std::borrow::Cow;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use actix_session::SessionExt;
use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use askama::{Template, Values};

use super::accept::is_for_a_person;
use super::assets::Assets;
use super::forms::interrupted::{self, Interrupted};
use super::forms::{Fields, Form, token};
use super::problem::Problem;
use super::proof::viewer;
pub use super::redirect::DASHBOARD;
use super::{State, Web, cookies, path_id, redirect};
use crate::access::Role;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, SessionId};
use crate::base::input::Refusals;
use crate::config::SiteConfig;
use crate::limits::Source;
use crate::passwords::PasswordHash;
use crate::sessions::{Client, Grant};

pub type Answer = Result<HttpResponse, Problem>;

/// Keys in the anonymous state.
const NOTICE: &str = "notice";
const NEXT: &str = "next";
const LINK: &str = "link";
const PAGE_BYTES: usize = 6 * 1024;

/// What every page shows around its own content. Templates have it as the value `view`.
pub struct View {
    pub site: Arc<SiteConfig>,
    assets: Arc<Assets>,
    /// `None` for a page that is the same for everyone.
    request: Option<HttpRequest>,
    pub viewer: Option<Viewer>,
    /// Shown once, on the page after the one that caused it.
    pub notice: Option<String>,
    /// What is wrong with the fields of the page's form.
    pub errors: Refusals,
}

/// Who is signed in.
pub struct Viewer {
    pub name: String,
    pub form_token: String,
    pub is_administrator: bool,
}

impl View {
    /// # Errors
    /// None that a request can cause.
    pub fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let web = &State::of(request)?.web;
        Ok(Self {
            request: Some(request.clone()),
            viewer: viewer(request).map(|identity| Viewer {
                name: identity.greeting().to_owned(),
                form_token: web.form_tokens.of(&identity),
                is_administrator: identity.role == Role::Administrator,
            }),
            ..Self::for_everyone(web)
        })
    }

    /// The surroundings of a page that is the same for everyone.
    pub fn for_everyone(web: &Web) -> Self {
        Self {
            site: web.site.clone(),
            assets: web.assets.clone(),
            request: None,
            viewer: None,
            notice: None,
            errors: Refusals::default(),
        }
    }

    /// With the message that an earlier page left, or the reason for showing a form of this page
    /// again.
    fn with_notice(mut self, request: &HttpRequest) -> Self {
        let anonymous = request.get_session();
        let notice = anonymous.get(NOTICE).ok().flatten();
        if notice.is_some() {
            anonymous.remove(NOTICE);
        }
        let interrupted = Interrupted::find_here(request);
        if interrupted.is_some() && *request.method() == Method::GET {
            interrupted::forget(request);
        }
        self.notice = interrupted.map(|form| form.notice()).or(notice);
        self
    }

    /// Whether the page is at this path or below it.
    pub fn is_at(&self, path: &str) -> bool {
        let here = self.request.as_ref().map(HttpRequest::path);
        let below = here.and_then(|here| here.strip_prefix(path));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// For administrators.
    pub fn version(&self) -> Option<&'static str> {
        let viewer = self.viewer.as_ref();
        viewer
            .is_some_and(|viewer| viewer.is_administrator)
            .then_some(env!("CARGO_PKG_VERSION"))
    }

    pub fn asset(&self, name: &str) -> Result<&str, askama::Error> {
        self.assets.url(name)
    }

    /// The token for the forms of the page. Only forms ask for it: a visitor's is kept in a cookie.
    pub fn form_token(&self) -> Result<String, askama::Error> {
        let request = self.request.as_ref().ok_or(askama::Error::Fmt)?;
        token::issue(request).map_err(askama::Error::custom)
    }

    /// The page with `content` within.
    pub fn render(&self, content: &impl Template) -> Result<String, Fault> {
        // Most pages fit, so the buffer does not move as it grows.
        let mut html = String::with_capacity(PAGE_BYTES);
        content
            .render_into_with_values(&mut html, self)
            .map_err(|error| Fault::caused("render a page", error))?;
        Ok(html)
    }
}

impl Values for View {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn Any> {
        (key == "view").then_some(self)
    }
}

/// A request for a page, and the means to answer it.
pub struct Page {
    request: HttpRequest,
    state: Data<State>,
}

impl Page {
    /// What was typed into a form of this page that was not handled; no fields if there is none.
    /// Call it before the page is shown, which forgets the form.
    pub fn typed(&self) -> Form {
        let interrupted = Interrupted::find_here(&self.request);
        interrupted.map(Interrupted::into_form).unwrap_or_default()
    }

    /// What to say about a form that waits at the page `next`.
    pub fn interrupted_at(&self, next: Option<&str>) -> Option<&'static str> {
        let interrupted = Interrupted::find(&self.request)?;
        next.filter(|next| interrupted.is_for_page(next))?;
        Some(interrupted.on_the_way())
    }

    pub fn query(&self, key: &str) -> Option<String> {
        super::query::first(self.request.query_string(), key)
    }

    /// Every value of a key; one that cannot be read is `None`.
    pub fn query_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = Option<Cow<'a, str>>> {
        super::query::values(self.request.query_string(), key)
    }

    /// The session that this browser has now.
    pub fn session(&self) -> Option<SessionId> {
        viewer(&self.request).map(|identity| identity.session)
    }

    pub fn viewer(&self) -> Option<Arc<crate::sessions::Identity>> {
        viewer(&self.request)
    }

    pub fn client(&self) -> Client {
        super::client::of(&self.request, &self.state)
    }

    /// The source of an attempt, for its budgets.
    pub fn source(&self) -> Source {
        super::client::source(&self.request, &self.state)
    }

    /// The id in a part of the path, by its name in the route.
    ///
    /// # Errors
    /// `NOT_FOUND` for text that is not an id.
    pub fn id<T: FromStr>(&self, part: &str) -> Result<T, Problem> {
        path_id::read(&self.request, part)
    }

    /// The page with `content` within.
    pub fn show(&self, content: &impl Template) -> Answer {
        self.show_with(StatusCode::OK, content, Refusals::default())
    }

    fn show_with(&self, status: StatusCode, content: &impl Template, errors: Refusals) -> Answer {
        let view = View {
            errors,
            ..View::of(&self.request)?.with_notice(&self.request)
        };
        let html = view.render(content)?;
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
        Ok(response.body(html.boxed()))
    }

    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// A form, blank or with the reason why it was not accepted. A program gets the reason alone.
    pub fn show_form(&self, content: &impl Template, fields: &Fields) -> Answer {
        let Some(problem) = fields.problem() else {
            return self.show(content);
        };
        if !is_for_a_person(&self.request) {
            return Err(problem);
        }
        let errors = fields.wrong().clone();
        let mut response = self.show_with(problem.status_code(), content, errors)?;
        if let Some((name, value)) = problem.header() {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }

    /// 303, so that the browser asks for the next page by GET.
    pub fn go(&self, to: &str) -> HttpResponse {
        redirect::to(to)
    }

    pub fn go_with_notice(&self, to: &str, notice: &str) -> HttpResponse {
        self.leave_notice(notice);
        self.go(to)
    }

    /// Leaves a message for the next page.
    pub fn leave_notice(&self, notice: &str) {
        // A message that cannot be kept does not fail the request.
        cookies::keep(&self.request, NOTICE, notice);
    }

    /// Sets the session's cookies and redirects to the next page.
    pub fn let_in(&self, grant: &Grant, to: &str) -> Answer {
        let mut response = self.go(to);
        let cookies = &self.state.web.cookies;
        cookies::add(&mut response, cookies.grant(grant, self.state.clock.now()))?;
        let password = grant.password.as_ref();
        self.know_device(&mut response, grant.identity.account, password)?;
        Ok(response)
    }

    /// Makes this a device of the account's owner; one with a budget of its own for passwords, if
    /// this one was given here.
    pub fn know_device(
        &self,
        response: &mut HttpResponse,
        account: AccountId,
        password: Option<&PasswordHash>,
    ) -> Result<(), Fault> {
        let (cookies, devices) = (&self.state.web.cookies, self.state.limits.devices());
        let old = cookies.device(self.request.headers());
        if password.is_some() || !devices.has_signed_in(old, account) {
            let device = devices.issue(old, account, password);
            cookies::add(response, [cookies.remember_device(device)])?;
        }
        Ok(())
    }

    /// Opens a one-time link: its token moves from the address into a cookie for the page at this
    /// path, which the browser is sent to.
    pub fn open_link(&self, path: &'static str, token: String, seconds: i64) -> Answer {
        let mut response = self.go(path);
        let cookie = self.state.web.cookies.keep_link(path, token, seconds);
        cookies::add(&mut response, [cookie])?;
        Ok(response)
    }

    /// The token of the one-time link that was opened at the path of this request.
    pub fn link_token(&self) -> Option<String> {
        let token = self.state.web.cookies.link(self.request.headers());
        token.map(str::to_owned)
    }

    /// Forgets the token of a link that was used up.
    pub fn close_link(&self, response: &mut HttpResponse, path: &'static str) -> Result<(), Fault> {
        cookies::add(response, [self.state.web.cookies.drop_link(path)])
    }

    /// What identifies this browser as the one that asked for a link to sign in.
    pub fn asker(&self) -> Option<String> {
        let asker = self.state.web.cookies.asker(self.request.headers());
        asker.map(str::to_owned)
    }

    /// Remembers this browser as the one that asked, at this path and below.
    pub fn keep_asker(
        &self,
        response: &mut HttpResponse,
        path: &'static str,
        asker: String,
    ) -> Result<(), Fault> {
        cookies::add(response, [self.state.web.cookies.keep_asker(path, asker)])
    }

    /// Keeps the page to go to after a sign-in by mail.
    pub fn keep_next(&self, next: Option<&str>) {
        match next {
            Some(next) => {
                cookies::keep(&self.request, NEXT, next);
            }
            None => {
                self.request.get_session().remove(NEXT);
            }
        }
    }

    /// Keeps a link for the page at this path, which shows it once.
    pub fn keep_link(&self, path: &str, link: &str) {
        cookies::keep(&self.request, LINK, (path, link));
    }

    /// The link that was kept for this page.
    pub fn take_link(&self) -> Option<String> {
        let anonymous = self.request.get_session();
        let kept: Option<(String, String)> = anonymous.get(LINK).ok().flatten();
        let (_, link) = kept.filter(|(path, _)| path == self.request.path())?;
        anonymous.remove(LINK);
        Some(link)
    }

    pub fn take_next(&self) -> Option<String> {
        let anonymous = self.request.get_session();
        let next: Option<String> = anonymous.get(NEXT).ok().flatten();
        anonymous.remove(NEXT);
        next_page(next.as_deref())
    }

    pub fn forget_cookies(&self, response: &mut HttpResponse) -> Result<(), Fault> {
        cookies::add(response, self.state.web.cookies.clear())
    }
}

impl Deref for Page {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<Data<State>>().cloned();
        let state = state.ok_or_else(|| Problem::from(Fault::new("a server without state")));
        std::future::ready(state.map(|state| Self {
            request: request.clone(),
            state,
        }))
    }
}

/// The page of this site that was requested before. Addresses of other sites are not kept.
pub fn next_page(asked: Option<&str>) -> Option<String> {
    asked.and_then(super::query::local_path).map(str::to_owned)
}
