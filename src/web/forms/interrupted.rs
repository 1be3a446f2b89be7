//! A posted form that was not handled because its sender has to sign in, or give the password
//! again, first. What was typed is kept in the anonymous state of the sender's own browser, and the
//! form shows it again, to the same account only. Passwords and files are never kept.

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::multipart::{Parts, is_multipart};
use super::token::{self, MadeFor};
use super::{BODY_WITHIN, FORM, Form, body_of};
use crate::base::ids::AccountId;
use crate::web::accept::{is_for_a_person, only_looks};
use crate::web::origin::{self, Source};
use crate::web::problem::{OTHER_SESSION, Problem, TOO_LARGE, TOO_SLOW};
use crate::web::proof::viewer;
use crate::web::redirect::DASHBOARD;
use crate::web::{State, cookies, query, redirect};

/// The key in the anonymous state.
const KEY: &str = "interrupted";
/// The fields that are kept: all typed fields that are not secret, and the version that the person
/// changed.
const KEPT: [&str; 14] = [
    "days",
    "description",
    "downloads",
    "email",
    "files_max",
    "groups",
    "megabytes_max",
    "minutes",
    "name",
    "role",
    "title",
    "username",
    "uses",
    VERSION,
];
const VERSION: &str = "version";

/// Why a form was not handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    SignedOut,
    SignedInAgain,
    NotRecent,
}

/// What happened to the typed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Typed {
    Nothing,
    Kept,
    TooLong,
    Files,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Interrupted {
    account: String,
    /// The page that has the form.
    page: String,
    why: Why,
    typed: Typed,
    fields: Vec<(String, String)>,
}

impl Interrupted {
    /// The form that waits in this browser to be shown again, whichever account sent it.
    pub fn find(request: &HttpRequest) -> Option<Self> {
        request.get_session().get(KEY).ok().flatten()
    }

    /// The form that waits for this very page and the account that is signed in.
    pub fn find_here(request: &HttpRequest) -> Option<Self> {
        let viewer = viewer(request).filter(|_| only_looks(request))?;
        let found = Self::find(request)?;
        let path = found.page.split('?').next();
        let is_here = path == Some(request.path()) && found.account == viewer.account.to_string();
        is_here.then_some(found)
    }

    pub fn is_for_page(&self, page: &str) -> bool {
        self.page == page
    }

    /// The fields as they were typed.
    pub fn into_form(self) -> Form {
        Form(self.fields)
    }

    /// For the page that leads on to the form.
    pub fn on_the_way(&self) -> &'static str {
        match (self.typed, self.why) {
            (Typed::Kept, Why::NotRecent) => "Your input is kept: you can send it afterwards.",
            (Typed::Kept, _) => {
                "Nothing was saved, because you were signed out. Sign in with the same account, \
                 and your input is shown again."
            }
            (Typed::TooLong, _) => {
                "Nothing was saved, and your input is too long to be kept. \
                 Go back in your browser to copy it."
            }
            (Typed::Files, _) => {
                "Nothing was uploaded, because you were signed out. Sign in, then choose the files again."
            }
            (Typed::Nothing, Why::NotRecent) => "Afterwards, send the form again.",
            (Typed::Nothing, _) => {
                "Nothing was changed, because you were signed out. Sign in, then send the form again."
            }
        }
    }

    /// For the page with the form.
    pub fn notice(&self) -> String {
        let why = match self.why {
            Why::SignedOut => "You were signed out before",
            Why::SignedInAgain => "You have signed in again since this page was opened",
            Why::NotRecent => "You had to enter your password first",
        };
        let then = match self.typed {
            Typed::Nothing => {
                "nothing was changed. Send the form again if you still want the change"
            }
            Typed::Kept => "nothing was saved. Your input is shown again: check it and send it",
            Typed::TooLong => "nothing was saved. Your input was too long to be kept",
            Typed::Files => "nothing was uploaded. Choose the files again",
        };
        format!("{why}, so {then}.")
    }
}

/// Keeps the typed values for the account that sent them.
fn keep(request: &HttpRequest, made_for: MadeFor, why: Why, sent: &Sent) -> Typed {
    let kept = KEPT.iter().filter_map(|name| {
        let value = sent.form.find(name)?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    let fields: Vec<_> = kept.collect();
    let has_typed = fields
        .iter()
        .any(|(name, value)| name != VERSION && !value.is_empty());
    let mut interrupted = Interrupted {
        account: made_for.account.to_string(),
        page: page_of(request),
        why,
        typed: match (sent.carries, has_typed) {
            (Carries::Files, _) => Typed::Files,
            (Carries::Text, true) => Typed::Kept,
            (Carries::Text, false) => Typed::Nothing,
        },
        fields,
    };
    if sent.is_too_long || !cookies::keep(request, KEY, &interrupted) {
        interrupted.typed = Typed::TooLong;
        interrupted.fields.clear();
        cookies::keep(request, KEY, &interrupted);
    }
    interrupted.typed
}

/// Called when the form has been shown again.
pub fn forget(request: &HttpRequest) {
    request.get_session().remove(KEY);
}

/// Whether a form has files in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    Text,
    Files,
}

/// A form as far as it was read before it was clear that it would not be handled.
pub struct Sent {
    form: Form,
    carries: Carries,
    is_too_long: bool,
}

impl Sent {
    pub async fn read(request: &HttpRequest, mut payload: Payload) -> Self {
        let carries = if is_multipart(request) {
            Carries::Files
        } else {
            Carries::Text
        };
        let read = async {
            match carries {
                Carries::Files => {
                    // The fields before the first file: no file is kept.
                    let mut parts = Parts::begin(request, &mut payload).await?;
                    parts.next_file(None).await?;
                    Ok(parts.form)
                }
                Carries::Text => Form::parse(&body_of(request, payload, FORM).await?),
            }
        };
        let form = tokio::time::timeout(BODY_WITHIN, read).await;
        let form = form.unwrap_or(Err(TOO_SLOW));
        Self {
            is_too_long: form.as_ref().is_err_and(|problem| problem.is(&TOO_LARGE)),
            form: form.unwrap_or_default(),
            carries,
        }
    }
}

/// Redirects a browser to the sign-in page, which leads back to the form.
pub fn lead_to_sign_in(request: &HttpRequest, sent: &Sent) -> HttpResponse {
    let made_for = State::of(request)
        .ok()
        .and_then(|state| state.web.form_tokens.read(sent.form.text("form_token")));
    if let Some(made_for) = made_for {
        // Another site can send a token that was made for its own author.
        let may_be_foreign = Source::of(request) == Source::Unknown;
        let account = made_for.account.to_string();
        if !may_be_foreign || Interrupted::find(request).is_none_or(|kept| kept.account == account)
        {
            keep(request, made_for, Why::SignedOut, sent);
        }
    }
    redirect::to(&redirect::by_way_of("/login", &page_of(request)))
}

/// Redirects a browser to the page that asks for the password, which leads back to the form.
///
/// # Errors
/// As [`check`].
pub async fn lead_to_confirm(request: &HttpRequest, sent: &Sent) -> Result<HttpResponse, Problem> {
    check_sent(request, sent).await?;
    let made_for = State::of(request)?
        .web
        .form_tokens
        .read(sent.form.text("form_token"));
    if let Some(made_for) = made_for {
        keep(request, made_for, Why::NotRecent, sent);
    }
    Ok(redirect::to(&redirect::by_way_of(
        "/account/verify",
        &page_of(request),
    )))
}

/// Whether a form may act on the account that is signed in.
///
/// # Errors
/// `cross_site`, or when it was made for another session: what was typed is kept for
/// the account that typed it.
pub async fn check(request: &HttpRequest, form: Form, carries: Carries) -> Result<Form, Problem> {
    let sent = Sent {
        form,
        carries,
        is_too_long: false,
    };
    check_sent(request, &sent).await?;
    Ok(sent.form)
}

pub async fn check_sent(request: &HttpRequest, sent: &Sent) -> Result<(), Problem> {
    let proof = token::prove(request, sent.form.text("form_token"))?;
    if proof.is_for_viewer {
        return Ok(());
    }
    let Some(viewer) = viewer(request) else {
        return Err(origin::refused(request));
    };
    let is_same = proof
        .made_for
        .is_some_and(|made_for| made_for.account == viewer.account);
    // Another site can send a token that was made for its own author.
    if !proof.is_from_here && !is_same {
        return Err(origin::refused(request));
    }
    let why = if is_same {
        Why::SignedInAgain
    } else {
        Why::SignedOut
    };
    let typed = proof
        .made_for
        .map(|made_for| keep(request, made_for, why, sent));
    if is_same && is_for_a_person(request) {
        return Err(Problem::signed_in_again(&page_of(request)));
    }
    let other = match proof.made_for {
        Some(made_for) if !is_same => find_other(request, made_for.account).await,
        _ => None,
    };
    let now = viewer.greeting();
    // Two people can have the same name.
    let (now, made_for) = match other {
        Some((name, login)) if name == now => (viewer.login().to_owned(), Some(login)),
        Some((name, _)) => (now.to_owned(), Some(name)),
        None => (now.to_owned(), None),
    };
    let is_kept = typed == Some(Typed::Kept);
    let text = match &made_for {
        Some(name) if is_kept => format!(
            "You are signed in as {now} now; this page was made for {name}. \
             Nothing was changed. What was typed is kept for {name}."
        ),
        made_for => format!(
            "You are signed in as {now} now; this page was made for {}. Nothing was changed.",
            made_for.as_deref().unwrap_or("another session")
        ),
    };
    let page = page_of(request);
    // Other people may not have access to a page with an id in its address.
    let is_for_anybody = !request
        .match_pattern()
        .is_some_and(|path| path.contains('{'));
    let go_on = if is_for_anybody { &page } else { DASHBOARD };
    let other = made_for.as_deref().unwrap_or("another person");
    Err(OTHER_SESSION
        .with_text(text)
        .with_action(go_on, format!("Continue as {now}"))
        .with_switch(
            redirect::by_way_of("/login", &page),
            format!("Sign out, and sign in as {other}"),
        ))
}

/// A person's name, and the login they use.
async fn find_other(request: &HttpRequest, id: AccountId) -> Option<(String, String)> {
    let account = State::of(request).ok()?.accounts.find(id).await.ok()??;
    let login = account.username.as_ref().or(account.email.as_ref());
    let login = login.cloned().unwrap_or_default();
    Some((account.greeting().to_owned(), login))
}

/// The page with the posted form: the nearest address, from the end of the path, that shows a page.
pub fn page_of(request: &HttpRequest) -> String {
    let pattern = request.match_pattern().unwrap_or_default();
    let (mut pattern, mut path) = (pattern.as_str(), request.path());
    let routes = State::of(request).map_or(&[][..], |state| &state.web.routes);
    let shows_a_page = |pattern| routes.iter().any(|route| route.shows_a_page_at(pattern));
    while !shows_a_page(pattern) {
        match (pattern.rsplit_once('/'), path.rsplit_once('/')) {
            (Some((above, _)), Some((above_path, _))) if !above.is_empty() => {
                (pattern, path) = (above, above_path);
            }
            _ => return "/".to_owned(),
        }
    }
    let page = match request.query_string() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    match query::local_path(&page) {
        Some(_) => page,
        None => "/".to_owned(),
    }
}
