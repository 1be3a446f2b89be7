//! Sign in by mail: asks for a link, which signs in this browser, or another one by a code.

use askama::Template;
use secrecy::ExposeSecret;

use super::{Answer, DASHBOARD, NOT_FOUND, Page, next_page};
use crate::base::random;
use crate::recovery::{Asked, Code, Opened, SIGN_IN_MINUTES};
use crate::sessions::{Grant, NotSignedIn, Persistence};
use crate::web::forms::{Fields, Form, VisitorForm};
use crate::web::problem::{ONE_TIME_LINK_ENDED, Problem};
use crate::web::proof::{OneTime, Open};

const HERE: &str = "/login/link";
const SENT: &str = "/login/link/sent";
/// The token is in a cookie for this path, and this browser's own cookie for all three.
const OPENED: &str = "/login/link/open";

#[derive(Template)]
#[template(path = "pages/sign_in_link.html")]
struct Ask {
    next: Option<String>,
    fields: Fields,
}

#[derive(Template)]
#[template(path = "pages/sign_in_sent.html")]
struct Sent {
    has_asked: bool,
    stay: bool,
    fields: Fields,
}

#[derive(Template)]
#[template(path = "pages/sign_in_open.html")]
struct Here<'a> {
    name: &'a str,
    /// Who is signed in here now.
    instead_of: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/sign_in_code.html")]
struct Elsewhere {
    code: String,
}

/// Opening a link changes nothing: the token moves out of the address.
pub async fn show(_: OneTime, page: Page) -> Answer {
    require_mail(&page)?;
    if let Some(token) = page.query("token") {
        open(&page, &token).await?;
        return page.open_link(OPENED, token, SIGN_IN_MINUTES * 60);
    }
    let next = next_page(page.query("next").as_deref());
    if page.session().is_some() {
        return Ok(page.go(next.as_deref().unwrap_or(DASHBOARD)));
    }
    ask(&page, next, Fields::default())
}

pub async fn submit(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    require_mail(&page)?;
    let next = next_page(sent.find("next"));
    let mut fields = Fields::typed(&sent, &["email"]);
    let asker = page.asker();
    let asker = asker.unwrap_or_else(|| random::token().expose_secret().to_owned());
    if let Some(asked) = fields.note(Asked::sign_in(sent.text("email"), &asker)) {
        match page.recovery.ask(asked, &page.source()).await {
            Ok(()) => {
                page.keep_next(next.as_deref());
                let mut response = page.go(SENT);
                page.keep_asker(&mut response, HERE, asker)?;
                return Ok(response);
            }
            Err(why) => fields.wait(why)?,
        }
    }
    ask(&page, next, fields)
}

pub async fn show_sent(_: Open, page: Page) -> Answer {
    require_mail(&page)?;
    sent_page(&page, false, Fields::default())
}

pub async fn submit_code(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    require_mail(&page)?;
    let mut fields = Fields::typed(&sent, &["code"]);
    if let Some(code) = fields.note(Code::parse(sent.text("code")))
        && let Some(asker) = page.asker()
    {
        let who = (page.client(), stay(&sent));
        let started =
            page.recovery
                .sign_in_by_code(&page.sessions, (code, &asker), who, page.session());
        match started.await {
            Ok(grant) => return let_in(&page, &grant),
            Err(NotSignedIn::Fault(fault)) => return Err(fault.into()),
            // One sentence for every cause: it does not tell whether an account exists.
            Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => {
                let words = "This code is not valid, or its link has ended. Check the code, or \
                             ask for a new link.";
                fields.refuse("code", words);
            }
        }
    }
    sent_page(&page, sent.find("stay").is_some(), fields)
}

pub async fn show_open(_: Open, page: Page) -> Answer {
    require_mail(&page)?;
    let opened = open(&page, &page.link_token().unwrap_or_default()).await?;
    show_opened(&page, opened)
}

/// In any other browser than the one that asked, this shows the code, as opening the link does.
pub async fn submit_open(_: Open, page: Page, VisitorForm(sent): VisitorForm) -> Answer {
    require_mail(&page)?;
    let token = page.link_token().unwrap_or_default();
    let opened = open(&page, &token).await?;
    let (Opened::Here(_), Some(asker)) = (&opened, page.asker()) else {
        return show_opened(&page, opened);
    };
    let who = (page.client(), stay(&sent));
    let started =
        page.recovery
            .sign_in_by_link(&page.sessions, (&token, &asker), who, page.session());
    match started.await {
        Ok(grant) => let_in(&page, &grant),
        Err(NotSignedIn::Fault(fault)) => Err(fault.into()),
        Err(NotSignedIn::Ended | NotSignedIn::Token(_)) => Err(ended()),
    }
}

fn require_mail(page: &Page) -> Result<(), Problem> {
    page.config.sign_in.by_mail.then_some(()).ok_or(NOT_FOUND)
}

async fn open(page: &Page, token: &str) -> Result<Opened, Problem> {
    let asker = page.asker();
    let opened = page.recovery.open_sign_in(token, asker.as_deref()).await?;
    opened.ok_or_else(ended)
}

fn ended() -> Problem {
    let words = "It was used, replaced or revoked, or it has expired, or this browser keeps no \
                 cookies for this site. Nothing was changed.";
    ONE_TIME_LINK_ENDED
        .with_text(words.to_owned())
        .with_action(HERE, "Ask for a new link".to_owned())
}

fn stay(sent: &Form) -> Persistence {
    match sent.find("stay") {
        Some(_) => Persistence::Remembered,
        None => Persistence::ThisVisit,
    }
}

fn let_in(page: &Page, grant: &Grant) -> Answer {
    let next = page.take_next();
    let mut response = page.let_in(grant, next.as_deref().unwrap_or(DASHBOARD))?;
    page.close_link(&mut response, OPENED)?;
    Ok(response)
}

fn ask(page: &Page, next: Option<String>, fields: Fields) -> Answer {
    let form = Ask { next, fields };
    page.show_form(&form, &form.fields)
}

fn sent_page(page: &Page, stay: bool, fields: Fields) -> Answer {
    let form = Sent {
        has_asked: page.asker().is_some(),
        stay,
        fields,
    };
    page.show_form(&form, &form.fields)
}

fn show_opened(page: &Page, opened: Opened) -> Answer {
    match opened {
        Opened::Here(account) => {
            let viewer = page.viewer();
            let other = viewer.filter(|viewer| viewer.account != account.id);
            page.show(&Here {
                name: account.greeting(),
                instead_of: other.as_ref().map(|viewer| viewer.greeting()),
            })
        }
        Opened::Elsewhere(code) => page.show(&Elsewhere {
            code: code.grouped(),
        }),
    }
}
