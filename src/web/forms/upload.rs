//! Files that come with a form, passed on to the room while they are received.

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::Form;
use super::interrupted::{self, Carries};
use super::multipart::{FilePart, MULTIPART, Pace, Parts, is_multipart};
use crate::base::ids::AccountId;
use crate::base::names::FileName;
use crate::files::{Files, IncomingFile, ReceivedFile, Refused, parse_description};
use crate::idempotency::IdempotencyKey;
use crate::limits::{Budget, Subject};
use crate::web::State;
use crate::web::origin;
use crate::web::problem::Problem;

/// Maximum in one request.
pub const FILES_MAX: usize = 100;
pub const ONE_DESCRIPTION: &str =
    "A description is only for a single file: choose one file, or leave the description empty";

/// The authority that a form is sent with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// A page of this site that was made for the session.
    Page,
    /// The session of a program: the form must not come from another site.
    Session,
    /// The token that came with the form, which no other page has.
    Token,
}

impl Right {
    /// Runs before a file is received, and at the end.
    async fn check(self, request: &HttpRequest, form: Form) -> Result<Form, Problem> {
        match self {
            Self::Page => interrupted::check(request, form, Carries::Files).await,
            Self::Session if !form.is_from_here(request)? => Err(origin::refused(request)),
            Self::Session | Self::Token => Ok(form),
        }
    }
}

/// The expected fields of a form.
pub struct Expected {
    /// The name of the parts that are files.
    pub field: &'static str,
    pub right: Right,
    /// See [`IncomingFile::key`].
    pub key: Option<IdempotencyKey>,
}

/// The received content, as far as it was read.
pub struct Received {
    pub form: Form,
    /// The files that were received completely; or the name of the first that was refused, and why.
    pub files: Result<Vec<ReceivedFile>, (String, Refused)>,
}

/// Reads a form with files. Files that are not kept are deleted on drop.
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
    let limits = &State::of(request)?.limits;
    limits
        .take_one(Budget::Uploads, Subject::Account(account))
        .await?;
    let mut parts = Parts::begin(request, &mut body).await?;
    let mut arrived = Vec::new();
    let Expected { field, right, key } = expected;
    let length = request.headers().get(CONTENT_LENGTH);
    let bytes_max = length.and_then(|length| length.to_str().ok()?.parse().ok());
    while let Some(part) = parts.next_file(Some(field)).await? {
        if part.name != field {
            return Err(misnamed(field));
        }
        parts.form = right.check(request, parts.form).await?;
        if arrived.len() == FILES_MAX {
            files.give_up(arrived).await;
            let refused = Refused::TooManyAtOnce(FILES_MAX);
            return Ok(Received {
                form: parts.form,
                files: Err((String::new(), refused)),
            });
        }
        let name = FileName::sent(&part.file_name);
        let description = parse_description(parts.form.text("description"));
        let shown = name.as_str().to_owned();
        let coming = IncomingFile {
            name,
            // Pages ask for none.
            description: description.ok().flatten().filter(|_| right != Right::Page),
            bytes_max,
            key: key.clone(),
        };
        let last = arrived.last_mut();
        match take(part, files, account, (coming, last), &mut parts.pace).await? {
            Ok(None) => {}
            Ok(Some(file)) => arrived.push(file),
            Err(refused) => {
                files.give_up(arrived).await;
                return Ok(Received {
                    form: parts.form,
                    files: Err((shown, refused)),
                });
            }
        }
    }
    Ok(Received {
        form: right.check(request, parts.form).await?,
        files: Ok(arrived),
    })
}

fn misnamed(field: &str) -> Problem {
    Problem::malformed(match field {
        "file" => "A file came in a part that is not named “file”. Nothing was saved.",
        _ => "A file came in a part that is not named “inputFile”. Nothing was saved.",
    })
}

/// Without a chosen file, a browser sends an empty file with an empty name.
async fn take(
    mut part: FilePart,
    files: &Files,
    account: AccountId,
    (coming, last): (IncomingFile, Option<&mut ReceivedFile>),
    pace: &mut Pace,
) -> Result<Result<Option<ReceivedFile>, Refused>, Problem> {
    let mut next = part.next_piece(pace).await?;
    if next.is_none() && part.file_name.is_empty() {
        return Ok(Ok(None));
    }
    let mut upload = match files.receive(account, coming, last).await {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    *pace = Pace::begin();
    while let Some(piece) = next {
        pace.count(piece.len())?;
        if let Err(refused) = upload.write(&piece).await {
            upload.give_up().await;
            return Ok(Err(refused));
        }
        next = part.next_piece(pace).await?;
    }
    let finished = upload.finish().await;
    // The file may have waited for others.
    *pace = Pace::begin();
    match finished {
        Ok(arrived) => Ok(Ok(Some(arrived))),
        Err(refused) => {
            upload.give_up().await;
            Ok(Err(refused))
        }
    }
}
