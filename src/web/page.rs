//! A request for a page, and what every page shows around its own content.

use std::ops::Deref;
use std::sync::Arc;

use actix_session::SessionExt;
use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;

use super::accept::is_for_a_person;
use super::assets::{Asset, Assets};
use super::forms::interrupted::{self, Interrupted};
use super::forms::{FieldError, Form, token};
use super::problem::Problem;
use super::proof::viewer;
pub use super::redirect::DASHBOARD;
use super::{State, cookies, redirect};
use crate::base::fault::Fault;
use crate::base::ids::SessionId;
use crate::sessions::{Client, Grant};

pub type Answer = Result<HttpResponse, Problem>;

/// In the anonymous state.
const NOTICE: &str = "notice";
const PAGE_BYTES: usize = 6 * 1024;

/// What every page shows around its own content.
#[derive(Default)]
pub struct Frame {
    pub css: Arc<str>,
    pub icon: Arc<str>,
    pub script: Arc<str>,
    pub copy_script: Arc<str>,
    pub upload_script: Arc<str>,
    /// For every page of somebody signed in.
    pub signed_in_script: Arc<str>,
    pub viewer: Option<Viewer>,
    /// Said once, on the page after the one that did it.
    pub notice: Option<String>,
}

/// Who is signed in.
pub struct Viewer {
    pub name: String,
    pub form_token: String,
}

impl Frame {
    pub fn of(request: &HttpRequest) -> Self {
        let Some(state) = request.app_data::<Data<State>>() else {
            return Self::default();
        };
        let web = &state.web;
        Self {
            viewer: viewer(request).map(|identity| Viewer {
                name: identity.greeting().to_owned(),
                form_token: web.form_tokens.of(&identity),
            }),
            ..Self::around(&web.assets)
        }
    }

    /// For a page that is the same for everyone.
    pub fn around(assets: &Assets) -> Self {
        let url = |asset: &Asset| asset.url.clone();
        Self {
            css: url(&assets.stylesheet),
            icon: url(&assets.icon),
            script: url(&assets.show_password),
            copy_script: url(&assets.copy),
            upload_script: url(&assets.upload),
            signed_in_script: url(&assets.signed_in),
            viewer: None,
            notice: None,
        }
    }
}

/// A request for a page, and the means to answer it.
pub struct Page {
    request: HttpRequest,
    state: Data<State>,
}

impl Page {
    pub fn frame(&self) -> Frame {
        Frame::of(&self.request)
    }

    /// With the message that an earlier page left, or why a form of this page is shown again.
    pub fn frame_with_notice(&self) -> Frame {
        let anonymous = self.request.get_session();
        let notice = anonymous.get(NOTICE).ok().flatten();
        if notice.is_some() {
            anonymous.remove(NOTICE);
        }
        let interrupted = Interrupted::find_here(&self.request);
        if interrupted.is_some() && *self.request.method() == Method::GET {
            interrupted::forget(&self.request);
        }
        Frame {
            notice: interrupted.map(|form| form.notice()).or(notice),
            ..self.frame()
        }
    }

    /// What was typed into a form of this page that was not handled; no fields when there is none.
    /// For a page that shows [`Page::frame_with_notice`] with it, which is called later.
    pub fn typed(&self) -> Form {
        let interrupted = Interrupted::find_here(&self.request);
        interrupted.map(Interrupted::into_form).unwrap_or_default()
    }

    /// What to say of a form that waits at the page `next`.
    pub fn interrupted_at(&self, next: Option<&str>) -> Option<&'static str> {
        let interrupted = Interrupted::find(&self.request)?;
        next.filter(|next| interrupted.is_for_page(next))?;
        Some(interrupted.on_the_way())
    }

    pub fn form_token(&self) -> Result<String, Fault> {
        token::issue(&self.request)
    }

    pub fn query(&self, key: &str) -> Option<String> {
        super::query::first(self.request.query_string(), key)
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

    /// A part of the path, by its name in the route.
    pub fn path_part(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    pub fn show(&self, status: StatusCode, template: &impl Template) -> Answer {
        // Most pages fit, so the buffer does not move as it grows.
        let mut html = String::with_capacity(PAGE_BYTES);
        template
            .render_into(&mut html)
            .map_err(|error| Fault::caused("render a page", error))?;
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
        Ok(response.body(html.boxed()))
    }

    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// A form, blank or with what is wrong with it. A program is told that alone.
    pub fn show_form(&self, form: &impl Template, errors: &[FieldError<'_>]) -> Answer {
        if errors.is_empty() {
            self.show(StatusCode::OK, form)
        } else if is_for_a_person(&self.request) {
            self.show(StatusCode::UNPROCESSABLE_ENTITY, form)
        } else {
            let fields = errors
                .iter()
                .map(|error| (error.id.to_owned(), error.text.to_owned()));
            Err(Problem::fields(fields.collect()))
        }
    }

    /// 303, so that the browser asks for the next page by GET.
    pub fn go(&self, to: &str) -> HttpResponse {
        redirect::to(to)
    }

    pub fn go_with_notice(&self, to: &str, notice: &str) -> HttpResponse {
        self.leave_notice(notice);
        self.go(to)
    }

    /// For the next page to say.
    pub fn leave_notice(&self, notice: &str) {
        // A message that cannot be kept is not worth failing for.
        cookies::keep(&self.request, NOTICE, notice);
    }

    /// Sets the session's cookies and goes on.
    pub fn let_in(&self, grant: &Grant, to: &str) -> Answer {
        let mut response = self.go(to);
        let cookies = &self.state.web.cookies;
        cookies::add(&mut response, cookies.grant(grant, self.state.clock.now()))?;
        Ok(response)
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

/// The page of this site that somebody was on the way to. What leads elsewhere is not kept.
pub fn next_page(asked: Option<&str>) -> Option<String> {
    asked.and_then(super::query::local_path).map(str::to_owned)
}
