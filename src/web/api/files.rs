//! Files for programs.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::creation::{self, created};
use super::paging::{self, Asked, Limit};
use super::preconditions::{IfMatch, IfNoneMatch, not_modified, tagged};
use super::{Answer, Json, json, named};
use crate::base::clock::rfc3339;
use crate::base::ids::FileId;
use crate::files::{self, Change, Cursor, File, Search, Sort};
use crate::web::State;
use crate::web::download::{self, Display, Parts};
use crate::web::forms::upload::{self, Expected, Right, receive};
use crate::web::path_id::Id;
use crate::web::problem::Problem;
use crate::web::proof::SignedIn;

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    media_type: String,
    size: i64,
    sha256: String,
    created_at: String,
    updated_at: String,
}

impl Shown {
    fn of(file: File) -> Self {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    q: Option<String>,
    sort: Option<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

pub async fn list(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Asked(which): Asked<Which>,
) -> Answer {
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
    let (files, next) = state.files.list(who.account, search, after, limit).await?;
    paging::list(files.into_iter().map(Shown::of), next)
}

/// One file is answered as itself, several as a list.
pub async fn add(
    SignedIn(who): SignedIn,
    state: Data<State>,
    request: HttpRequest,
    body: Payload,
) -> Answer {
    let (files, account) = (&state.files, who.account);
    let expected = Expected {
        field: "file",
        right: Right::Session,
        // What is asked for with it will be known when all of it has come.
        key: creation::once(&request, b"")?,
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
    let once = creation::once(&request, asked_for.as_bytes())?;
    let name = arrived[0].name.as_str().to_owned();
    let kept = files.keep(account, arrived, description, once).await;
    let kept = kept.map_err(|refused| Problem::file(&name, refused, files.config()))?;
    let mut made = kept.files;
    if let [_] = made.as_slice() {
        let file = made.remove(0);
        let (location, version) = (format!("/api/files/{}", file.id), file.version);
        let answer = created(&location, &Shown::of(file), kept.replayed)?;
        return Ok(tagged(answer, version));
    }
    let several: Vec<_> = made.into_iter().map(Shown::of).collect();
    let several = serde_json::json!({ "items": several, "next": null });
    created("/api/files", &several, kept.replayed)
}

pub async fn show(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    seen: IfNoneMatch,
) -> Answer {
    let file = state.files.load(who.account, id).await?;
    if seen.has(file.version) {
        return Ok(not_modified(file.version));
    }
    one(file)
}

pub async fn content(
    SignedIn(who): SignedIn,
    state: Data<State>,
    request: HttpRequest,
    Id(id): Id<FileId>,
) -> Answer {
    let (files, id) = (&state.files, id);
    let file = files.load(who.account, id).await?;
    download::answer(&request, files, &file, Display::Never, Parts::AsAsked).await
}

/// What is not named stays as it is; a description of `null` is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    #[serde(default, deserialize_with = "named")]
    name: Option<String>,
    #[serde(default, deserialize_with = "named")]
    description: Option<Option<String>>,
}

pub async fn change(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    IfMatch(expected): IfMatch,
    Json(changes): Json<Changes>,
) -> Answer {
    let text = changes.description.map(Option::unwrap_or_default);
    let change = Change::parse(changes.name.as_deref(), text.as_deref())?;
    let files = &state.files;
    let changed = files.change(who.account, id, expected, change).await;
    one(changed.map_err(|refused| Problem::file("", refused, files.config()))?)
}

pub async fn delete(
    SignedIn(who): SignedIn,
    state: Data<State>,
    Id(id): Id<FileId>,
    IfMatch(expected): IfMatch,
) -> Answer {
    state.files.delete(who.account, id, expected).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn one(file: File) -> Answer {
    let version = file.version;
    Ok(tagged(json(StatusCode::OK, &Shown::of(file))?, version))
}
