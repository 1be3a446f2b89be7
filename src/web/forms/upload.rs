//! Files that come with a form (RFC 7578), handed on to the room piece by piece while they come in.

use std::time::Duration;

use actix_multipart::{Field as Part, Multipart};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;

use super::Form;
use super::interrupted::{self, Carries};
use super::part::{self, Head, unreadable};
use crate::base::clock::Stopwatch;
use crate::base::ids::AccountId;
use crate::base::names::{Description, FileName};
use crate::base::size::for_reading;
use crate::files::{Files, IncomingFile, ReceivedFile, Refused};
use crate::idempotency::IdempotencyKey;
use crate::web::origin;
use crate::web::problem::{Problem, TOO_LARGE, TOO_SLOW};

pub const MULTIPART: &str = "multipart/form-data";
/// In one request.
pub const FILES_MAX: usize = 100;
pub const ONE_DESCRIPTION: &str =
    "A description is only for a single file: choose one file, or leave the description empty";
const PARTS_MAX: usize = 200;
/// What its parser keeps; it may move all of it for each few bytes of a hostile body.
pub const BUFFER_BYTES: usize = 16 * 1024;
const FIELD_MAX_BYTES: usize = 4096;
/// An upload that sends less than this in each stretch of time is ended.
const PACE_BYTES: usize = 16 * 1024;
const PACE_WITHIN: Duration = Duration::from_secs(30);

const UNNAMED: Problem = Problem::malformed(
    "The file came without a file name: send it as a part with filename=. Nothing was saved.",
);

/// By what right a form is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// A page's that was made for the session.
    Page,
    /// A session's, by a program: it must not come from another site.
    Session,
    /// A token's that came with it, and that no other page has.
    Token,
}

impl Right {
    /// Before a file is received, and at the end.
    async fn check(self, request: &HttpRequest, form: Form) -> Result<Form, Problem> {
        match self {
            Self::Page => interrupted::check(request, form, Carries::Files).await,
            Self::Session if !form.is_from_here(request)? => Err(origin::refused(request)),
            Self::Session | Self::Token => Ok(form),
        }
    }
}

/// What a form is to be like.
pub struct Expected {
    /// The name of the parts that are files.
    pub field: &'static str,
    pub right: Right,
    /// See [`IncomingFile::key`].
    pub key: Option<IdempotencyKey>,
}

/// What came, as far as it was read.
pub struct Received {
    pub form: Form,
    /// The files that came in whole; or the name of the first that was refused, and why.
    pub files: Result<Vec<ReceivedFile>, (String, Refused)>,
}

/// Reads a form with files. What of it is not kept goes again when it is dropped.
///
/// # Errors
/// When it is not such a form, is too slow, is interrupted, or comes from another site.
pub async fn receive(
    request: &HttpRequest,
    mut body: Payload,
    files: &Files,
    account: AccountId,
    expected: Expected,
) -> Result<Received, Problem> {
    if !is_multipart(request) || request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Problem::media_type(MULTIPART));
    }
    let parts = Multipart::from_request(request, &mut body).await;
    let mut parts = parts.map_err(|_| Problem::media_type(MULTIPART))?;
    let (mut form, mut arrived, mut count) = (Form::default(), Vec::new(), 0);
    let Expected { field, right, key } = expected;
    let length = request.headers().get(CONTENT_LENGTH);
    let bytes_max = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut pace = Pace::begin();
    while let Some(part) = pace.keep(parts.next()).await? {
        let mut part = part.map_err(unreadable)?;
        count += 1;
        if count > PARTS_MAX {
            return Err(TOO_LARGE);
        }
        let head = Head::of(&part)?;
        match head.file_name {
            Some(sent) if head.name == field => {
                form = right.check(request, form).await?;
                if arrived.len() == FILES_MAX {
                    files.give_up(arrived).await;
                    let refused = Refused::TooManyAtOnce(FILES_MAX);
                    return Ok(Received {
                        form,
                        files: Err((String::new(), refused)),
                    });
                }
                let is_named = !sent.is_empty();
                let name = FileName::sent(&sent);
                let description = form.find("description").map(Description::parse);
                let shown = name.as_str().to_owned();
                let coming = IncomingFile {
                    name,
                    description: description.and_then(Result::ok).flatten(),
                    bytes_max,
                    key: key.clone(),
                };
                let last = arrived.last_mut();
                match take((part, is_named), files, account, (coming, last), &mut pace).await? {
                    Ok(None) => {}
                    Ok(Some(file)) => arrived.push(file),
                    Err(refused) => {
                        files.give_up(arrived).await;
                        return Ok(Received {
                            form,
                            files: Err((shown, refused)),
                        });
                    }
                }
            }
            Some(_) => return Err(misnamed(field)),
            None if head.name == field => {
                if pace.keep(part.next()).await?.is_some() {
                    return Err(UNNAMED);
                }
            }
            None => form.add(head.name, text(part, &mut pace).await?)?,
        }
    }
    let form = right.check(request, form).await?;
    Ok(Received {
        form,
        files: Ok(arrived),
    })
}

fn misnamed(field: &str) -> Problem {
    Problem::malformed(match field {
        "file" => "A file came in a part that is not named “file”. Nothing was saved.",
        _ => "A file came in a part that is not named “inputFile”. Nothing was saved.",
    })
}

pub fn is_multipart(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case(MULTIPART)
}

/// The fields before the first file, of a form whose files are not taken.
///
/// # Errors
/// When it is not such a form, or is interrupted.
pub async fn read_texts(request: &HttpRequest, mut body: Payload) -> Result<Form, Problem> {
    let parts = Multipart::from_request(request, &mut body).await;
    let mut parts = parts.map_err(|_| Problem::media_type(MULTIPART))?;
    let (mut form, mut pace) = (Form::default(), Pace::begin());
    while let Some(part) = pace.keep(parts.next()).await? {
        let part = part.map_err(unreadable)?;
        let head = Head::of(&part)?;
        if head.file_name.is_some() {
            break;
        }
        form.add(head.name, text(part, &mut pace).await?)?;
    }
    Ok(form)
}

/// A browser sends an empty file with an empty name where none was chosen.
async fn take(
    (mut part, is_named): (Part, bool),
    files: &Files,
    account: AccountId,
    (coming, last): (IncomingFile, Option<&mut ReceivedFile>),
    pace: &mut Pace,
) -> Result<Result<Option<ReceivedFile>, Refused>, Problem> {
    let mut first = pace.keep(part.next()).await?;
    if first.is_none() && !is_named {
        return Ok(Ok(None));
    }
    let mut upload = match files.receive(account, coming, last).await {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    *pace = Pace::begin();
    while let Some(piece) = first {
        let piece = piece.map_err(unreadable)?;
        pace.count(piece.len())?;
        if let Err(refused) = upload.write(&piece).await {
            upload.give_up().await;
            return Ok(Err(refused));
        }
        first = pace.keep(part.next()).await?;
    }
    let finished = upload.finish().await;
    // It may have waited for others.
    *pace = Pace::begin();
    match finished {
        Ok(arrived) => Ok(Ok(Some(arrived))),
        Err(refused) => {
            upload.give_up().await;
            Ok(Err(refused))
        }
    }
}

async fn text(mut part: Part, pace: &mut Pace) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = pace.keep(part.next()).await? {
        let piece = piece.map_err(unreadable)?;
        pace.count(piece.len())?;
        if text.len() + piece.len() > FIELD_MAX_BYTES {
            return Err(TOO_LARGE);
        }
        text.extend_from_slice(&piece);
    }
    part::text(text)
}

/// The field that a refusal is about, and what is said of it there; `None` for what is not about
/// what was sent.
pub fn words(name: &str, refused: &Refused, files: &Files) -> Option<(&'static str, String)> {
    let words = match refused {
        Refused::DescriptionTaken => {
            let words = "Another file of yours has this description. Choose another one";
            return Some(("description", words.to_owned()));
        }
        Refused::TooLarge(most) => too_large(name, *most),
        Refused::TooLargeToScan => format!(
            "“{name}” is too large for the virus scanner of this server (its StreamMaxLength). \
             Nothing was saved"
        ),
        Refused::OverQuota(most) => format!(
            "“{name}” was not saved: the limit for all your files is {}. \
             Delete some of them first",
            for_reading(*most)
        ),
        Refused::TooMany(most) => {
            format!("“{name}” was not saved: the limit is {most} files. Delete some of them first")
        }
        Refused::TypeNotTaken(kind) => format!(
            "“{name}” has the type {kind}. Accepted types: {}",
            files.config().types.join(", ")
        ),
        Refused::ExtensionNotTaken(kind) => {
            format!("“{name}”: {}", extension_not_taken(kind, files))
        }
        Refused::TooManyAtOnce(most) => too_many(*most),
        Refused::Infected => format!("“{name}” contains a virus and was not saved"),
        _ => return None,
    };
    Some(("file", words))
}

/// About the name of a file.
pub fn extension_not_taken(kind: &str, files: &Files) -> String {
    format!(
        "The extension of this name stands for the type {kind}. Accepted types: {}",
        files.config().types.join(", ")
    )
}

pub fn too_many(most: usize) -> String {
    format!("Choose {most} files or fewer at once. None of these was saved")
}

pub fn too_large(name: &str, most: i64) -> String {
    let most = for_reading(most);
    format!("“{name}” is too large: the limit is {most}")
}

/// The same for a program.
pub fn refusal((name, refused): (String, Refused), files: &Files) -> Problem {
    use Refused as R;
    match (words(&name, &refused, files), refused) {
        (Some((_, words)), R::TooLarge(_) | R::TooLargeToScan) => Problem::file_too_large(&words),
        (Some((_, words)), R::OverQuota(_)) => Problem::over_quota(&words),
        (Some((field, words)), R::TypeNotTaken(_) | R::ExtensionNotTaken(_) | R::Infected) => {
            Problem::field(field, &words)
        }
        (_, refused) => refused.into(),
    }
}

/// How fast an upload arrives.
struct Pace {
    since: Stopwatch,
    bytes: usize,
}

impl Pace {
    fn begin() -> Self {
        Self {
            since: Stopwatch::start(),
            bytes: 0,
        }
    }

    async fn keep<T>(&self, next: impl Future<Output = T>) -> Result<T, Problem> {
        let next = tokio::time::timeout(PACE_WITHIN, next).await;
        next.map_err(|_| TOO_SLOW)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.since.elapsed() < PACE_WITHIN {
            return Ok(());
        }
        if self.bytes < PACE_BYTES {
            return Err(TOO_SLOW);
        }
        *self = Self::begin();
        Ok(())
    }
}
