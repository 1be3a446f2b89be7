//! Files for programs.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use futures_util::future::LocalBoxFuture;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Answer, Created, Done, Shown, Tagged};
use super::creation::Key;
use super::paging::{self, Asked, Limit, List};
use super::preconditions::{IfMatch, IfNoneMatch};
use super::schemas::{self, Time, Uuid};
use super::{Json, named};
use crate::base::clock::rfc3339;
use crate::base::ids::FileId;
use crate::files::{self, Change, Cursor, File, Repeated, Search, Sort};
use crate::limits::{Budget, Subject};
use crate::web::State;
use crate::web::describe::{Call, Describe, Operation, Tag, schema};
use crate::web::download::{self, Display, Parts};
use crate::web::forms::multipart::MULTIPART;
use crate::web::forms::upload::{self, Expected, Right, receive};
use crate::web::path_id::Id;
use crate::web::problem::{
    DESCRIPTION_TAKEN, FILE_TOO_LARGE, KEY_REUSED, NO_SUCH_RANGE, NOT_FOUND, OVER_QUOTA, Problem,
    SEARCH_TOO_SLOW, STORE_FULL, TOO_MANY, TOO_MANY_ATTEMPTS,
};
use crate::web::proof::SignedIn;

const OCTETS: &str = "application/octet-stream";

pub const TAG: Tag = Tag {
    name: "Files",
    description: "Your files, and the links that share them. Files of other accounts are not \
                  found, not even by administrators.",
};

schema!(inline Binary, { "type": "string", "format": "binary" });
schema!(inline Sha256, { "type": "string", "pattern": "^[0-9a-f]{64}$" });
schema!(inline Order, { "type": "string", "enum": Sort::ALL.map(Sort::as_str) });

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "File")]
pub struct FileJson {
    #[schemars(with = "Uuid")]
    id: String,
    #[schemars(with = "schemas::FileName")]
    name: String,
    #[schemars(with = "Option<schemas::Description>")]
    description: Option<String>,
    /// The media type, as the first bytes of the content show it.
    #[serde(rename = "type")]
    media_type: String,
    /// In bytes.
    size: i64,
    #[schemars(with = "Sha256")]
    sha256: String,
    #[schemars(with = "Time")]
    created_at: String,
    #[schemars(with = "Time")]
    updated_at: String,
}

impl FileJson {
    pub fn of(file: File) -> Self {
        Self {
            id: file.id.to_string(),
            sha256: file.checksum(),
            name: file.name,
            description: file.description,
            media_type: file.media_type,
            size: file.bytes,
            created_at: rfc3339(file.created_at),
            updated_at: rfc3339(file.updated_at),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// A part of a name or a description.
    q: Option<String>,
    /// The newest first by default.
    #[schemars(with = "Order")]
    sort: Option<String>,
    /// The most items of the page.
    #[serde(default)]
    limit: Limit,
    /// The value of `next` of the page before.
    after: Option<String>,
}

pub const LIST: Call = Call {
    id: "listFiles",
    tag: &TAG,
    summary: "List your files",
    description: "All of them, or those that a search finds.",
    example: None,
    problems: &[TOO_MANY_ATTEMPTS, SEARCH_TOO_SLOW],
};

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer<Shown<List<FileJson>>> {
    let sort = match which.sort.as_deref() {
        Some(text) => Sort::parse(text).ok_or(Problem::malformed(
            "sort is newest, oldest, name or largest.",
        ))?,
        None => Sort::default(),
    };
    let search = Search {
        text: which.q.unwrap_or_default(),
        sort,
    };
    let after = paging::cursor(which.after.as_deref(), Cursor::parse)?;
    let limit = which.limit.items();
    if !search.text.is_empty() {
        let subject = Subject::Account(who.account);
        state.limits.take_one(Budget::Searches, subject).await?;
    }
    let (files, next) = state.files.list(who.account, search, after, limit).await?;
    Ok(paging::list(files.into_iter().map(FileJson::of), next))
}

/// A form with files, which has not been read yet.
pub struct Upload {
    request: HttpRequest,
    body: Payload,
}

schema!(NewFile, {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string", "format": "binary",
            "description": "A part with a file name. Up to 100 of them in one request.",
        },
        "description": { "$ref": "#/components/schemas/Description" },
    },
});

impl FromRequest for Upload {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        let (request, body) = (request.clone(), Payload::from_request(request, payload));
        Box::pin(async move {
            let body = body.await?;
            Ok(Self { request, body })
        })
    }
}

impl Describe for Upload {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<NewFile>(&[MULTIPART], true);
        for problem in [FILE_TOO_LARGE, OVER_QUOTA, DESCRIPTION_TAKEN, STORE_FULL] {
            operation.raises(&problem);
        }
    }
}

/// One file as itself, several as a list.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(transform = one_of)]
pub enum UploadedFiles {
    File(FileJson),
    Files(List<FileJson>),
}

/// A file is never a list: generators of clients make more of that than of `anyOf`.
fn one_of(schema: &mut Schema) {
    if let Some(kinds) = schema.remove("anyOf") {
        schema.insert("oneOf".to_owned(), kinds);
    }
}

pub const ADD: Call = Call {
    id: "addFile",
    tag: &TAG,
    summary: "Upload a file",
    description: "The type of a file is found in its content; what the client says about it is \
                  ignored. Up to 100 files in one request, each in a part named `file`: all of \
                  them are kept, or none. One file is answered as itself, several as a list.",
    example: Some(|| json!({ "file": "@photo.jpg", "description": "The garden" })),
    problems: &[NOT_FOUND, TOO_MANY, TOO_MANY_ATTEMPTS, KEY_REUSED],
};

pub async fn add(
    SignedIn(who): SignedIn,
    state: Data<State>,
    key: Key,
    Upload { request, body }: Upload,
) -> Answer<Tagged<Created<UploadedFiles>>> {
    let (files, account) = (&state.files, who.account);
    let expected = Expected {
        field: "file",
        right: Right::Session,
        // The content of the request is known when all of it has arrived.
        key: key.once(b"")?,
    };
    let received = receive(&request, body.into_inner(), files, account, expected).await?;
    let form = received.form;
    let unknown = |name: &&str| !["description", "form_token"].contains(name);
    if let Some(name) = form.names().find(unknown) {
        let name = Some(name).filter(|name| name.len() <= super::NAME_MAX);
        let field = name.unwrap_or("a field");
        return Err(Problem::field(field, "is not taken here"));
    }
    let description = files::parse_description(form.text("description"))?;
    let arrived = received
        .files
        .map_err(|(name, refused)| Problem::file(&name, refused, files.config()))?;
    if arrived.is_empty() {
        return Err(Problem::field("file", "is missing"));
    }
    if arrived.len() > 1 && description.is_some() {
        return Err(Problem::field("description", upload::ONE_DESCRIPTION));
    }
    let mut asked_for = form.text("description").to_owned();
    for file in &arrived {
        asked_for += &format!("\n{}\n{:x?}", file.name.as_str(), file.sha256);
    }
    let once = key.once(asked_for.as_bytes())?;
    let name = arrived[0].name.as_str().to_owned();
    let kept = files.keep(account, arrived, description, once).await;
    let kept = kept.map_err(|refused| Problem::file(&name, refused, files.config()))?;
    let (mut made, replayed) = (kept.files, kept.replayed);
    if let [file] = made.as_slice() {
        let (at, version) = (format!("/api/files/{}", file.id), file.version);
        let what = UploadedFiles::File(FileJson::of(made.remove(0)));
        let created = Created { at, what, replayed };
        return Ok(Tagged::new(version, created));
    }
    let Shown(several) = paging::list(made.into_iter().map(FileJson::of), None::<String>);
    let created = Created {
        at: "/api/files".to_owned(),
        what: UploadedFiles::Files(several),
        replayed,
    };
    Ok(Tagged::untagged(created))
}

pub const SHOW: Call = Call {
    id: "showFile",
    tag: &TAG,
    summary: "Show a file",
    description: "Its name, type, size and checksum; not its content.",
    example: None,
    problems: &[],
};

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    seen: IfNoneMatch,
) -> Answer<Tagged<Shown<FileJson>>> {
    let file = state.files.load(who.account, id).await?;
    Ok(seen.unless(one(file)))
}

/// The content of a file, or a part of it.
pub struct Content(HttpResponse);

impl Describe for Content {
    fn describe(operation: &mut Operation<'_>) {
        let description = "One range of bytes. Several ranges are answered with the whole file.";
        operation.header::<String>("Range", description);
        let description = "The entity tag of the content that `Range` is for: if it has another \
                           one, the answer is the whole file.";
        operation.header::<String>("If-Range", description);
        operation.answers_with::<Binary>(
            StatusCode::PARTIAL_CONTENT,
            "The part that `Range` asks for.",
            OCTETS,
        );
        operation.answers_with_header("Content-Range", "The range that is sent.");
        operation.answers_with::<Binary>(StatusCode::OK, "The whole file.", OCTETS);
        operation.is_conditional();
        operation.raises(&NO_SUCH_RANGE);
    }
}

impl Responder for Content {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

pub const CONTENT: Call = Call {
    id: "downloadFile",
    tag: &TAG,
    summary: "Download a file",
    description: "As an attachment, with the type of the file as its `Content-Type`. The entity \
                  tag is the SHA-256 of the content.",
    example: None,
    problems: &[],
};

pub async fn content(
    SignedIn(who): SignedIn,
    state: Data<State>,
    request: HttpRequest,
    Id(id): Id<FileId>,
) -> Answer<Content> {
    let files = &state.files;
    let file = files.load(who.account, id).await?;
    let answer = download::answer(&request, files, &file, Display::Never, Parts::AsAsked);
    answer.await.map(Content)
}

/// A field that is left out is not changed; a description of `null` is removed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FileChanges")]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "schemas::FileName")]
    name: Option<String>,
    #[serde(default, deserialize_with = "named")]
    #[schemars(with = "Option<schemas::Description>")]
    description: Option<Option<String>>,
}

pub const CHANGE: Call = Call {
    id: "changeFile",
    tag: &TAG,
    summary: "Change the name or description of a file",
    description: "Where the settings list file types, the extension of a name must stand for one \
                  of them.",
    example: Some(|| json!({ "name": "garden.jpg" })),
    problems: &[DESCRIPTION_TAKEN],
};

pub async fn change(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer<Tagged<Shown<FileJson>>> {
    let text = changes.description.map(Option::unwrap_or_default);
    let change = Change::parse(changes.name.as_deref(), text.as_deref())?;
    let files = &state.files;
    let changed = files
        .change(who.account, id, expected, change, Repeated::Refused)
        .await;
    Ok(one(changed.map_err(|refused| {
        Problem::file("", refused, files.config())
    })?))
}

pub const DELETE: Call = Call {
    id: "deleteFile",
    tag: &TAG,
    summary: "Delete a file",
    description: "With the links to it.",
    example: None,
    problems: &[],
};

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    IfMatch(expected): IfMatch,
) -> Answer<Done> {
    state.files.delete(who.account, id, expected).await?;
    Ok(Done)
}

fn one(file: File) -> Tagged<Shown<FileJson>> {
    Tagged::new(file.version, Shown(FileJson::of(file)))
}
