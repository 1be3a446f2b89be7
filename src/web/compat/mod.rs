//! The clients of five well-known Flask tutorials (`docs/FROM-FLASK.md`), as they are.
//!
//! One file for each tutorial, with its words and statuses to the letter; shared code is here. Each
//! translates and decides nothing: the rooms decide who may sign up or in, as for the pages and the
//! API. Only routes for programs lead here (`guard/table.rs`).

mod api_v1;
mod basic_upload;
mod flask_jwt;
mod pyjwt;
mod query_token;
mod sent;
mod x_access_token;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::api::NAME_MAX;
use super::forms::{Form, VisitorForm};
use super::guard::Routes;
use super::page::{Answer, Page};
use super::pages::{login, signup};
use super::problem::Problem;
use super::proof::{OPEN, Open, PUBLIC, PUBLIC_TOKEN, Public};
use crate::accounts::{Account, NewAccount, NotProved, SignUpError};
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::input::Refusals;
use crate::base::names::{Password, Refusal};
use crate::config::CompatRoot;
use crate::sessions::{Grant, NotSignedIn};
use crate::tokens::Tutorial;

/// Every URL that a tutorial's client uses and no page or call has.
pub fn routes(routes: &mut Routes<'_>) {
    routes.for_holders("/", |at| at.get(PUBLIC_TOKEN, basic_upload::show));
    routes.for_programs("/", |at| at.get(PUBLIC, root));
    routes.for_programs("/public", |at| at.get(PUBLIC, query_token::public));
    routes.for_programs("/signup", |at| at.post(OPEN, sign_up));
    routes.for_programs("/login", |at| {
        at.get(PUBLIC, basic_upload::log_in).post(OPEN, log_in)
    });
    routes.for_programs("/user", |at| at.get(PUBLIC, x_access_token::users));
    routes.for_programs("/auth", |at| {
        at.get(PUBLIC_TOKEN, query_token::auth)
            .post(PUBLIC, flask_jwt::auth)
    });
    routes.for_programs("/api/v1/signup", |at| at.post(PUBLIC, api_v1::sign_up));
    routes.for_programs("/api/v1/login", |at| at.post(PUBLIC, api_v1::log_in));
    for path in ["/need_login", "/api/v1/need_login"] {
        routes.for_programs(path, |at| at.get(PUBLIC, api_v1::need_login));
    }
    routes.for_programs("/work", |at| {
        at.get(PUBLIC, flask_jwt::list).post(PUBLIC, flask_jwt::add)
    });
    routes.for_programs("/workitems", |at| at.get(PUBLIC, flask_jwt::list));

    routes.for_holders("/upload", |at| at.post(PUBLIC_TOKEN, basic_upload::upload));
    routes.for_programs("/upload", |at| at.post(PUBLIC, basic_upload::refuse));
}

async fn root(_: Public, page: Page) -> Answer {
    match page.config.compat.root {
        CompatRoot::ApiV1 => Ok(text(StatusCode::OK, "Hello, World!")),
        CompatRoot::BasicUpload => basic_upload::no_token(),
    }
}

/// `POST /signup`: one tutorial sends a form, another JSON.
async fn sign_up(open: Open, page: Page, request: HttpRequest, body: Payload) -> Answer {
    if sent::is_json(&request) {
        return flask_jwt::sign_up(page, sent::json(&request, body).await?).await;
    }
    let form = sent::form(&request, body).await?;
    if is_for_the_page(&page, &form) {
        return signup::submit(open, page, VisitorForm(form)).await;
    }
    x_access_token::sign_up(page, form).await
}

/// `POST /login`: two tutorials send a form, each with its own name for the login.
async fn log_in(open: Open, page: Page, request: HttpRequest, body: Payload) -> Answer {
    let form = sent::form(&request, body).await?;
    if is_for_the_page(&page, &form) {
        return login::submit(open, page, VisitorForm(form)).await;
    }
    if form.find("username").is_some() && form.find("email").is_none() {
        query_token::log_in(page, form).await
    } else {
        x_access_token::log_in(page, form).await
    }
}

/// A request that says how to deliver the token was written for the page.
fn is_for_the_page(page: &Page, form: &Form) -> bool {
    form.find("deliver").is_some() || page.query("deliver").is_some()
}

/// Makes an account, or sends a link that makes it: a tutorial's client understands no other success.
/// It starts no session with it.
async fn make_account(page: &Page, new: Result<NewAccount, Refusals>) -> Result<(), SignUpError> {
    let (new, source) = (new?, page.source());
    if page.config.signup.verify_email {
        return page.recovery.ask_to_sign_up(new, &source, None).await;
    }
    page.accounts.sign_up(new, &source).await.map(drop)
}

/// How an attempt to sign in ended.
enum Tried {
    In(Box<Grant>),
    Wrong,
    /// Distinguished from a wrong password only if the settings ask for it.
    Unknown,
}

async fn try_password(
    page: &Page,
    login: &str,
    password: &str,
    seconds: i64,
) -> Result<Tried, Problem> {
    let started = async {
        let proved = page
            .accounts
            .prove(login, &Password::typed(password), &page.source())
            .await?;
        page.sign_in.start_for(proved, page.client(), seconds).await
    };
    tried(page, login, started.await).await
}

async fn tried(
    page: &Page,
    login: &str,
    started: Result<Grant, NotProved>,
) -> Result<Tried, Problem> {
    match started {
        Ok(grant) => Ok(Tried::In(Box::new(grant))),
        Err(NotProved::Refused) => {
            let is_wrong =
                !page.config.compat.exact || page.accounts.find_by_login(login).await?.is_some();
            Ok(if is_wrong {
                Tried::Wrong
            } else {
                Tried::Unknown
            })
        }
        Err(why) => Err(why.into()),
    }
}

/// The token, in the only format that the tutorials know.
#[derive(Serialize)]
struct Issued {
    token: String,
}

fn issue(
    page: &Page,
    tutorial: Tutorial,
    grant: &Grant,
    exp: UnixSeconds,
    own: (&str, &str),
) -> Result<Issued, Fault> {
    let session = grant.identity.session;
    let token = page.tokens.issue_compat(tutorial, session, exp, own)?;
    Ok(Issued { token })
}

/// The owner of this token of this tutorial.
async fn owner(page: &Page, tutorial: Tutorial, token: &str) -> Result<Account, NotSignedIn> {
    let claims = page.tokens.verify_compat(tutorial, token)?;
    page.sessions.load_owner(&claims.sid).await
}

/// The value of a header; `None` if it is empty. A header that was sent twice or cannot be read is
/// an invalid token.
fn header(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?;
    let value = value.to_str().ok().filter(|_| values.next().is_none());
    value.map_or(Some("\0"), |value| (!value.is_empty()).then_some(value))
}

/// What to say of a field that is not one of these.
fn unknown_field(form: &Form, taken: &[&str]) -> Option<Refusal> {
    let is_taken = |name: &&str| taken.contains(name) || *name == "form_token";
    let name = form.names().find(|name| !is_taken(name))?;
    Some(if name.len() <= NAME_MAX {
        format!("{name} is not taken here").into()
    } else {
        "A field is not taken here".into()
    })
}

/// Not as the HTML that Flask declares: the text contains none.
fn text(status: StatusCode, words: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .body(words.into())
}
