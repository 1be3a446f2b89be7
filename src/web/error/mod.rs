//! The one table from what went wrong to HTTP: status, stable code, and the words.

mod outcomes;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use crate::accounts::Conflict;
use crate::base::fault::{Fault, Kind};
use crate::sessions::RECENT_MINUTES;

pub const WEAK_PASSWORD: &str = "This password is easy to guess. Use a longer one, such as a few words \
     that do not belong together";

/// Everything that ends a request other than as was asked for.
#[derive(Debug)]
pub enum PageError {
    NotFound,
    /// With the methods that would do.
    MethodNotAllowed(String),
    /// No good token; `Some`: why the one that came is not.
    NotSignedIn(Option<String>),
    /// A name and a password that do not match, from a program.
    SignInRefused,
    /// Signed in, but not lately enough for what was asked.
    NotRecent,
    /// A link that showed a page once.
    LinkEnded,
    /// A one-time link that was used up, or never was.
    OneTimeLinkEnded,
    /// Sent from a page that is not ours, as far as can be told.
    CrossSite(Foreign),
    /// As [`PageError::CrossSite`], told by `Origin`. With the address of this site.
    OtherOrigin {
        base_url: String,
        is_for_programs: bool,
    },
    /// A form that was made for another session than the one that is signed in.
    OtherSession(Box<OtherSession>),
    /// As [`PageError::OtherSession`], of the same person in a browser. With the page to go back to.
    SignedInAgain(String),
    SignUpClosed,
    /// Signed in, but not trusted with this.
    Forbidden,
    /// A name that is somebody's already.
    Taken(Conflict),
    /// Changed since it was looked at (RFC 9110, section 15.5.13).
    Stale,
    /// Nobody could manage the others any more.
    LastAdministrator,
    /// As many as one account may have.
    TooMany,
    /// A file that is larger than one may be; in words for who sent it.
    FileTooLarge(String),
    /// A file for which an account has no room; in words for who sent it.
    OverQuota(String),
    /// Another file of the account has it.
    DescriptionTaken,
    /// There is no room for anybody's files.
    StoreFull,
    /// A part of a file that is not in it. With how many bytes it has.
    NoSuchRange(u64),
    /// A link to a file that is wrong, ended, used up or taken back.
    ShareEnded,
    /// A link to a file that wants a password.
    SharePassword,
    /// A password that was tried too often, and how many seconds nobody may.
    Tries(i64),
    /// An `Idempotency-Key` that stands for another request.
    KeyReused,
    /// A request that can't be understood, and why.
    Malformed(&'static str),
    /// As a tutorial answers its upload, for a person.
    NotUploaded(StatusCode, &'static str),
    /// A token where none, or another one, belongs.
    Tokens(&'static str),
    /// A form that was filled in wrongly, as (field, words); for programs, which see no page.
    Fields(Vec<(String, String)>),
    TooLarge,
    /// With the media type that would do.
    MediaType(&'static str),
    TooSlow,
    Busy,
    SearchTooSlow,
    /// Something that is needed is unavailable, as the kind of the fault says.
    Unavailable(Fault),
    Fault(Fault),
}

/// What a request is whose origin is not this site, for what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    Form,
    /// With `Origin: null`.
    FormWithoutOrigin,
    /// To an address that is for programs.
    Api,
    /// As [`Foreign::Api`], with `Origin: null`.
    ApiWithoutOrigin,
}

impl Foreign {
    fn words(self) -> &'static str {
        macro_rules! null_origin {
            ($then:literal) => {
                concat!(
                    "It came with Origin: null, so the browser hides where it is from. That is so \
                     in a sandboxed frame, on a page that was opened as a file, and where a \
                     privacy setting, an extension or a Referrer-Policy wants it. \
                     Nothing was changed. ",
                    $then
                )
            };
        }
        match self {
            Self::Form => {
                "It did not come from a page of this site, or the page had been open for too long. \
                 Nothing was changed. Open the page again and send it from there."
            }
            Self::FormWithoutOrigin => null_origin!(
                "Open the page at its own address, in a tab of its own and without such a setting, \
                 and send it from there."
            ),
            Self::Api => {
                "It came with cookies or an Origin, and neither Origin nor Sec-Fetch-Site names \
                 this site. Nothing was changed. A program sends its token as \
                 Authorization: Bearer, and no cookies and no Origin."
            }
            Self::ApiWithoutOrigin => null_origin!(
                "A program sends its token as Authorization: Bearer, and no cookies and no Origin."
            ),
        }
    }
}

/// Of [`PageError::OtherSession`].
#[derive(Debug)]
pub struct OtherSession {
    /// What the one who is signed in is called.
    pub now: String,
    /// What the one is called for whom the page was made, if that is known.
    pub made_for: Option<String>,
    /// Whether what was typed waits for the one who typed it.
    pub is_kept: bool,
    /// Where the form stands.
    pub page: String,
    /// Whether everyone who is signed in has such a page.
    pub is_for_anybody: bool,
}

impl OtherSession {
    fn words(&self) -> String {
        let Self { now, made_for, .. } = self;
        let made_for = match made_for {
            Some(name) if self.is_kept => {
                return format!(
                    "You are signed in as {now} now; this page was made for {name}. \
                     Nothing was changed. What was typed is kept for {name}."
                );
            }
            Some(name) => name,
            None => "another session",
        };
        format!(
            "You are signed in as {now} now; this page was made for {made_for}. \
             Nothing was changed."
        )
    }
}

pub struct Words {
    pub status: StatusCode,
    /// Stable: programs match on it.
    pub code: &'static str,
    pub title: &'static str,
    pub text: Cow<'static, str>,
    pub action: Option<(&'static str, &'static str)>,
}

impl PageError {
    pub fn words(&self) -> Words {
        use StatusCode as S;
        const HOME: Option<(&str, &str)> = Some(("/", "Go to the start page"));
        const SIGN_IN: Option<(&str, &str)> = Some(("/login", "Sign in"));
        const FILES: Option<(&str, &str)> = Some(("/files", "Go to your files"));
        let (status, code, title, text, action) = match self {
            Self::NotFound => (
                S::NOT_FOUND,
                "not_found",
                "Page not found",
                "There is no page at this address. If you typed it, check it for mistakes.",
                HOME,
            ),
            Self::MethodNotAllowed(_) => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "That cannot be done here",
                "This address does not take that kind of request. Nothing was changed.",
                HOME,
            ),
            Self::NotSignedIn(_) => (
                S::UNAUTHORIZED,
                "not_signed_in",
                "Sign in first",
                "This is for people who are signed in. Nothing was changed.",
                SIGN_IN,
            ),
            Self::SignInRefused => (
                S::UNAUTHORIZED,
                "sign_in_refused",
                "Not signed in",
                "That name and password do not match.",
                SIGN_IN,
            ),
            Self::NotRecent => (
                S::UNAUTHORIZED,
                "not_recent",
                "Confirm that it is you",
                "For this the password has to have been given within the last ten minutes. \
                 Nothing was changed.",
                Some(("/account/verify", "Confirm")),
            ),
            Self::LinkEnded => (
                S::UNAUTHORIZED,
                "link_ended",
                "This link has ended",
                "Links open their page for a short time only. Sign in to see the page.",
                Some(("/login?next=/dashboard", "Sign in")),
            ),
            Self::OneTimeLinkEnded => (
                S::GONE,
                "link_ended",
                "This link has ended",
                "It has been used, or its time has run out. Nothing was changed.",
                HOME,
            ),
            Self::CrossSite(foreign) => (
                S::FORBIDDEN,
                "cross_site",
                "This form was refused",
                foreign.words(),
                HOME,
            ),
            Self::OtherOrigin { .. } => (
                S::FORBIDDEN,
                "cross_site",
                "This form was refused",
                "It was sent from another address than this site's own. Nothing was changed.",
                HOME,
            ),
            Self::OtherSession(_) => (
                S::FORBIDDEN,
                "other_session",
                "This page is from another session",
                "This page was made for another session. Nothing was changed.",
                None,
            ),
            Self::SignedInAgain(_) => (
                S::FORBIDDEN,
                "other_session",
                "Send the form again",
                "You have signed in again since you opened this page. Nothing was changed.",
                None,
            ),
            Self::SignUpClosed => (
                S::FORBIDDEN,
                "sign_up_closed",
                "Sign up is closed",
                "New accounts are made by the administrator of this site.",
                SIGN_IN,
            ),
            Self::Forbidden => (
                S::FORBIDDEN,
                "forbidden",
                "This is not for you",
                "Your account is not trusted with this. Nothing was changed.",
                HOME,
            ),
            Self::Taken(_) => (
                S::CONFLICT,
                "taken",
                "This name is taken",
                "Somebody else has this username or email address. Nothing was saved.",
                HOME,
            ),
            Self::Stale => (
                S::PRECONDITION_FAILED,
                "stale",
                "It has changed meanwhile",
                "What If-Match names is not what is there now. Nothing was changed. \
                 Look at it again, and decide anew.",
                HOME,
            ),
            Self::LastAdministrator => (
                S::CONFLICT,
                "last_administrator",
                "You are the last administrator",
                "Nobody could manage the other accounts any more. Nothing was changed. \
                 Make somebody else an administrator first.",
                Some(("/account", "Go to your account")),
            ),
            Self::TooMany => (
                S::CONFLICT,
                "too_many",
                "There is no room for more",
                "You have as many as one account may have. Nothing was saved. \
                 Delete what you need no more, and send it again.",
                HOME,
            ),
            Self::FileTooLarge(_) => (
                S::PAYLOAD_TOO_LARGE,
                "file_too_large",
                "The file is too large",
                "It is larger than one file may be. Nothing was saved.",
                FILES,
            ),
            Self::OverQuota(_) => (
                S::CONFLICT,
                "over_quota",
                "There is no room for this file",
                "Your files would be larger together than they may be. Nothing was saved. \
                 Delete what you need no more, and send it again.",
                FILES,
            ),
            Self::DescriptionTaken => (
                S::CONFLICT,
                "description_taken",
                "Another file has this description",
                "Each of your files has a description of its own, or none. Nothing was saved.",
                FILES,
            ),
            Self::StoreFull => (
                S::INSUFFICIENT_STORAGE,
                "store_full",
                "There is no room left",
                "The disk that files are kept on is full. Nothing was saved. \
                 Tell the administrator of this site, and send it again when there is room.",
                FILES,
            ),
            Self::NoSuchRange(_) => (
                S::RANGE_NOT_SATISFIABLE,
                "no_such_range",
                "The file is shorter than that",
                "The part that was asked for is not in the file.",
                FILES,
            ),
            Self::ShareEnded => (
                S::NOT_FOUND,
                "share_ended",
                "This link does not open a file",
                "It may have ended, been used up or been taken back, or a part of it is missing. \
                 Ask whoever sent it to you for a new one.",
                HOME,
            ),
            Self::SharePassword => (
                S::UNAUTHORIZED,
                "share_password",
                "This link has a password",
                "None came, or another one. Send it as the password of Basic credentials; the name does not matter.",
                None,
            ),
            Self::Tries(_) => (
                S::TOO_MANY_REQUESTS,
                "too_many_tries",
                "Too many wrong passwords",
                "They were given so often that for a while no password is taken. \
                 Wait fifteen minutes, then open the link again.",
                None,
            ),
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This key stands for another request",
                "The Idempotency-Key was sent with another request before. Nothing was saved. \
                 Use a new key for each thing that is to be made.",
                HOME,
            ),
            Self::Malformed(why) => (
                S::BAD_REQUEST,
                "malformed",
                "That could not be read",
                *why,
                HOME,
            ),
            Self::NotUploaded(status, why) => (
                *status,
                "malformed",
                "The file was not uploaded",
                *why,
                None,
            ),
            Self::Tokens(why) => (
                S::BAD_REQUEST,
                "token_misplaced",
                "That link cannot be used",
                *why,
                HOME,
            ),
            Self::Fields(_) => (
                S::UNPROCESSABLE_ENTITY,
                "invalid_fields",
                "There is a problem",
                "Some of what was sent will not do. Nothing was saved.",
                None,
            ),
            Self::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                "That was too much",
                "What was sent is larger than this page takes. Nothing was saved. Go back and shorten it.",
                HOME,
            ),
            Self::MediaType(taken) => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "That could not be read",
                if taken.ends_with("json") {
                    "This address takes JSON, sent as application/json. Nothing was saved."
                } else if taken.starts_with("multipart") {
                    "This address takes forms as multipart/form-data, which a page's form sends \
                     with enctype=\"multipart/form-data\". Nothing was saved."
                } else {
                    "This page takes forms as application/x-www-form-urlencoded. Nothing was saved."
                },
                HOME,
            ),
            Self::TooSlow => (
                S::REQUEST_TIMEOUT,
                "timeout",
                "That took too long",
                "What was sent did not arrive in time. Nothing was saved. Send it again.",
                HOME,
            ),
            Self::Busy => (
                S::SERVICE_UNAVAILABLE,
                "busy",
                "Many people are signing in",
                "There was no room for one more. Nothing was saved. Wait a few seconds and send it again.",
                None,
            ),
            Self::SearchTooSlow => (
                S::SERVICE_UNAVAILABLE,
                "search_too_slow",
                "The search took too long",
                "It was stopped after two seconds. Nothing was changed. \
                 Narrow the search: enter a longer part of the name, or choose more filters. \
                 If many people search at the moment, try again in a few seconds.",
                None,
            ),
            Self::Unavailable(fault) => match fault.kind() {
                Kind::Ours | Kind::Unavailable => (
                    S::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "This page cannot be shown now",
                    "The server cannot reach something that it needs for this. Nothing was changed. Try again in a minute.",
                    None,
                ),
                Kind::OutcomeUnknown => (
                    S::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "It is not known whether this was saved",
                    "The server lost its database while it saved what you sent. It may have been saved or not: \
                     look before you send it again. Programs can send it again with the same Idempotency-Key: \
                     it is not saved twice.",
                    None,
                ),
                Kind::DiskFull => (
                    S::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "There is no space left",
                    "The disk of the server is full. Nothing was changed. Signing out and deleting still work. \
                     Tell the administrator of this site, and try again when there is space.",
                    None,
                ),
            },
            Self::Fault(_) => (
                S::INTERNAL_SERVER_ERROR,
                "fault",
                "Something went wrong",
                "The fault is ours and has been written down. What you sent may not have been saved. \
                 Try again in a minute.",
                HOME,
            ),
        };
        let status = match self {
            // To where the form is shown again.
            Self::SignedInAgain(_) => S::SEE_OTHER,
            _ => status,
        };
        let text = match self {
            Self::OtherOrigin {
                base_url,
                is_for_programs,
            } => {
                let then = if *is_for_programs {
                    "A program sends its token as Authorization: Bearer, and no cookies and no \
                     Origin."
                } else {
                    &format!("Open {base_url} and send it from there.")
                };
                format!(
                    "It was sent from another address than this site's own, which is {base_url}. \
                     Nothing was changed. {then}"
                )
                .into()
            }
            Self::NotUploaded(_, why) => format!("{why}. Nothing was saved.").into(),
            Self::OtherSession(other) => other.words().into(),
            _ => text.into(),
        };
        Words {
            status,
            code,
            title,
            text,
            action,
        }
    }

    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::MethodNotAllowed(allowed) => {
                Some((header::ALLOW, HeaderValue::from_str(allowed).ok()?))
            }
            Self::SignedInAgain(page) => {
                Some((header::LOCATION, HeaderValue::from_str(page).ok()?))
            }
            // RFC 6750, section 3: no error code when no token came.
            Self::NotSignedIn(why) => {
                let error = why.as_ref().map_or(String::new(), |why| {
                    format!(", error=\"invalid_token\", error_description=\"{why}\"")
                });
                let value =
                    HeaderValue::from_str(&format!("Bearer realm=\"Doorward\"{error}")).ok()?;
                Some((header::WWW_AUTHENTICATE, value))
            }
            Self::SignInRefused => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"Doorward\""),
            )),
            // RFC 9470, section 3.
            Self::NotRecent => {
                let value = format!(
                    "Bearer realm=\"Doorward\", error=\"insufficient_user_authentication\", max_age={}",
                    RECENT_MINUTES * 60
                );
                Some((
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_str(&value).ok()?,
                ))
            }
            // RFC 9110, section 15.5.16.
            Self::MediaType(taken) => Some((header::ACCEPT, HeaderValue::from_static(taken))),
            Self::LinkEnded => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"Doorward\", error=\"invalid_token\""),
            )),
            // RFC 9110, section 15.5.17.
            Self::NoSuchRange(length) => {
                let value = HeaderValue::from_str(&format!("bytes */{length}")).ok()?;
                Some((header::CONTENT_RANGE, value))
            }
            // RFC 7617.
            Self::SharePassword => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Password of the link\", charset=\"UTF-8\""),
            )),
            Self::Tries(seconds) => Some((header::RETRY_AFTER, HeaderValue::from(*seconds))),
            Self::Busy | Self::SearchTooSlow => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("5")))
            }
            Self::Unavailable(_) => Some((header::RETRY_AFTER, HeaderValue::from_static("30"))),
            _ => None,
        }
    }

    /// What is wrong with each field, for programs.
    pub fn fields(&self) -> serde_json::Map<String, serde_json::Value> {
        let one = |field: &str, words: &str| {
            serde_json::Map::from_iter([(field.to_owned(), words.into())])
        };
        match self {
            Self::Fields(fields) => fields
                .iter()
                .map(|(field, words)| (field.clone(), words.as_str().into()))
                .collect(),
            Self::Taken(which) => one(which.field(), "is taken"),
            Self::FileTooLarge(words) | Self::OverQuota(words) => one("file", words),
            Self::DescriptionTaken => one("description", "is taken"),
            _ => serde_json::Map::new(),
        }
    }

    /// One field that will not do.
    pub fn field(name: &str, words: &str) -> Self {
        Self::Fields(vec![(name.to_owned(), words.to_owned())])
    }

    /// What the operator has to know.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Unavailable(fault) | Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// As a response that [`written_out`] will fill.
    pub fn into_response(self) -> HttpResponse {
        HttpResponse::from_error(self)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().code)
    }
}

/// Bare: the words need the request, which is known only at the edge.
impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.words().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
