//! Reads forms as multipart/form-data (RFC 7578), one part after the other.

use std::time::Duration;

use actix_multipart::{Field as Part, Multipart};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::{StreamExt, stream};

use super::Form;
use super::part::{self, Head, unreadable};
use crate::base::clock::Stopwatch;
use crate::web::problem::{Problem, TOO_LARGE, TOO_SLOW};

pub const MULTIPART: &str = "multipart/form-data";
const PARTS_MAX: usize = 200;
/// The parser's buffer limit; it may move all of the buffer for each few bytes of a hostile body.
pub const BUFFER_BYTES: usize = 16 * 1024;
const FIELD_MAX_BYTES: usize = 4096;
/// A form that is slower than this in each window is ended.
const PACE_BYTES: usize = 16 * 1024;
const PACE_WITHIN: Duration = Duration::from_secs(30);

const UNNAMED: Problem = Problem::malformed(
    "The file came without a file name: send it as a part with filename=. Nothing was saved.",
);

pub fn is_multipart(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case(MULTIPART)
}

/// A form that is being read.
pub struct Parts {
    parts: Multipart,
    count: usize,
    pub pace: Pace,
    /// The fields that were read so far.
    pub form: Form,
}

/// A part that is a file.
pub struct FilePart {
    /// The name of the field.
    pub name: String,
    /// The file name as it was sent; empty if no file was chosen.
    pub file_name: String,
    part: Part,
}

impl Parts {
    /// # Errors
    /// When it is not such a form.
    pub async fn begin(request: &HttpRequest, body: &mut Payload) -> Result<Self, Problem> {
        let parts = Multipart::from_request(request, body).await;
        parts
            .map(Self::of)
            .map_err(|_| Problem::media_type(MULTIPART))
    }

    /// Reads a body that has been received already.
    pub fn of_body(request: &HttpRequest, body: Bytes) -> Self {
        let whole = stream::iter([Ok::<_, PayloadError>(body)]);
        Self::of(Multipart::new(request.headers(), whole))
    }

    fn of(parts: Multipart) -> Self {
        Self {
            parts,
            count: 0,
            pace: Pace::begin(),
            form: Form::default(),
        }
    }

    /// Reads up to the next file, and the fields before it into the form. `files` is the field
    /// that only files are sent as.
    ///
    /// # Errors
    /// When the form is malformed, interrupted, too large or too slow.
    pub async fn next_file(&mut self, files: Option<&str>) -> Result<Option<FilePart>, Problem> {
        while let Some(part) = self.pace.keep(self.parts.next()).await? {
            let mut part = part.map_err(unreadable)?;
            self.count += 1;
            if self.count > PARTS_MAX {
                return Err(TOO_LARGE);
            }
            let Head { name, file_name } = Head::of(&part)?;
            match file_name {
                Some(file_name) => {
                    return Ok(Some(FilePart {
                        name,
                        file_name,
                        part,
                    }));
                }
                None if Some(name.as_str()) == files => {
                    if self.pace.keep(part.next()).await?.is_some() {
                        return Err(UNNAMED);
                    }
                }
                None => {
                    let text = self.text(part).await?;
                    self.form.add(name, text)?;
                }
            }
        }
        Ok(None)
    }

    async fn text(&mut self, mut part: Part) -> Result<String, Problem> {
        let mut text = Vec::new();
        while let Some(piece) = self.pace.keep(part.next()).await? {
            let piece = piece.map_err(unreadable)?;
            self.pace.count(piece.len())?;
            if text.len() + piece.len() > FIELD_MAX_BYTES {
                return Err(TOO_LARGE);
            }
            text.extend_from_slice(&piece);
        }
        part::text(text)
    }
}

impl FilePart {
    pub async fn next_piece(&mut self, pace: &Pace) -> Result<Option<Bytes>, Problem> {
        let piece = pace.keep(self.part.next()).await?;
        piece.transpose().map_err(unreadable)
    }
}

/// How fast a form arrives.
pub struct Pace {
    since: Stopwatch,
    bytes: usize,
}

impl Pace {
    pub fn begin() -> Self {
        Self {
            since: Stopwatch::start(),
            bytes: 0,
        }
    }

    async fn keep<T>(&self, next: impl Future<Output = T>) -> Result<T, Problem> {
        let next = tokio::time::timeout(PACE_WITHIN, next).await;
        next.map_err(|_| TOO_SLOW)
    }

    pub fn count(&mut self, bytes: usize) -> Result<(), Problem> {
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
