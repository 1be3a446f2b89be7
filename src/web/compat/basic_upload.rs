//! The tutorial with an upload that needs a token, which Basic credentials are exchanged for.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};
use askama::Template;
use askama::filters::{Html, escape};
use serde::Serialize;

use super::{Tried, issue, owner, text, try_password};
use crate::accounts::Account;
use crate::files::{self, Refused};
use crate::sessions::NotSignedIn;
use crate::tokens::Tutorial;
use crate::web::accept::is_for_a_person;
use crate::web::forms::FORM;
use crate::web::forms::upload::{Expected, Right, receive};
use crate::web::page::{Answer, Page};
use crate::web::problem::{CROSS_SITE, Problem};
use crate::web::proof::{Public, PublicToken};
use crate::web::{api, authorization, origin};

const TOKEN_SECONDS: i64 = 20 * 60;
const MISSING: &str = "Token missing";
const FOR_PROGRAMS: &str = "Only programs can sign in by GET, without Origin and Sec-Fetch-Site. \
     Nothing was changed.";

/// Starts a session, although by GET. So no page may cause it: a browser can send stored Basic
/// credentials on its own.
pub async fn log_in(_: Public, page: Page, request: HttpRequest) -> Answer {
    if !origin::is_program(&request) {
        return Err(CROSS_SITE.with_text(FOR_PROGRAMS.to_owned()));
    }
    let refused = Ok(text(StatusCode::FORBIDDEN, "Unable to verify"));
    let credentials = authorization::basic(&request).and_then(authorization::name_and_password);
    let Some((username, password)) = credentials else {
        return refused;
    };
    match try_password(&page, &username, &password, TOKEN_SECONDS).await? {
        Tried::In(grant) => {
            let own = ("user", grant.identity.login());
            let issued = issue(
                &page,
                Tutorial::BasicUpload,
                &grant,
                grant.session_ends,
                own,
            )?;
            api::json(StatusCode::OK, &issued)
        }
        Tried::Wrong | Tried::Unknown => refused,
    }
}

#[derive(Template)]
#[template(path = "pages/upload_by_token.html")]
struct UploadPage {
    token: String,
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

/// An upload without a token.
pub async fn refuse(_: Public) -> Answer {
    no_token()
}

pub fn no_token() -> Answer {
    not_admitted(MISSING)
}

fn not_admitted(message: &'static str) -> Answer {
    api::json(StatusCode::FORBIDDEN, &Message { message })
}

/// Whose token came in the address, and the token; or the response to send instead.
async fn admitted(page: &Page) -> Result<Result<(Account, String), &'static str>, Problem> {
    let token = page.query("token").unwrap_or_default();
    if token.is_empty() {
        return Ok(Err(MISSING));
    }
    match owner(page, Tutorial::BasicUpload, &token).await {
        Ok(account) => Ok(Ok((account, token))),
        Err(NotSignedIn::Fault(fault)) => Err(fault.into()),
        Err(_) => Ok(Err("Invalid token")),
    }
}

/// The form; its action carries the token.
pub async fn show(_: PublicToken, page: Page) -> Answer {
    match admitted(&page).await? {
        Ok((_, token)) => page.show(&UploadPage { token }),
        // A person gets a page, as in all other cases of a misplaced token.
        Err(_) if is_for_a_person(page.request()) => Err(Problem::tokens(
            "The token in it does not belong here. Nothing was changed.",
        )),
        Err(words) => not_admitted(words),
    }
}

/// In the tutorial's words for a program, and as a page for a person.
fn refused(page: &Page, status: StatusCode, words: &'static str) -> Answer {
    if is_for_a_person(page.request()) {
        Err(Problem::not_uploaded(status, words))
    } else {
        Ok(text(status, words))
    }
}

pub async fn upload(_: PublicToken, page: Page, body: Payload) -> Answer {
    let refused = |status, words| refused(&page, status, words);
    let account = match admitted(&page).await? {
        Ok((account, _)) => account.id,
        Err(words) if is_for_a_person(page.request()) => {
            return refused(StatusCode::FORBIDDEN, words);
        }
        Err(words) => return not_admitted(words),
    };
    // A form without its enctype sends the name of the file only.
    if page.request().content_type().eq_ignore_ascii_case(FORM) {
        let words = "No file was chosen: the form needs enctype=\"multipart/form-data\"";
        return refused(StatusCode::BAD_REQUEST, words);
    }
    let files = &page.files;
    let expected = Expected {
        field: "inputFile",
        right: Right::Token,
        key: None,
    };
    let received = receive(page.request(), body.into_inner(), files, account, expected).await?;
    let description = files::parse_description(received.form.text("description"))?;
    let kept = match received.files {
        Ok(arrived) if arrived.is_empty() => {
            return refused(StatusCode::BAD_REQUEST, "No file was chosen");
        }
        Ok(arrived) if arrived.len() > 1 => {
            return refused(StatusCode::BAD_REQUEST, "Choose one file");
        }
        // The tutorial's column is unique and takes no null.
        Ok(_) if description.is_none() => {
            return refused(StatusCode::BAD_REQUEST, "The description is missing");
        }
        Ok(arrived) => {
            let name = arrived[0].name.as_str().to_owned();
            let kept = files.keep(account, arrived, description, None).await;
            kept.map_err(|refused| (name, refused))
        }
        Err(refused) => Err(refused),
    };
    match kept {
        Ok(kept) => {
            let name = kept.files.first().map_or("", |file| &file.name);
            let Ok(name) = escape(name, Html);
            let words = format!("file {name} uploaded successfully");
            Ok(text(StatusCode::OK, words))
        }
        Err((_, Refused::DescriptionTaken)) => {
            let words = "Another file has this description";
            refused(StatusCode::CONFLICT, words)
        }
        Err((name, refused)) => Err(Problem::file(&name, refused, files.config())),
    }
}
