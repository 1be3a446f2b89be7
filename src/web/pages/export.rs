//! All data of the account that is signed in, as one archive.
//!
//! The page has a button, so that no browser begins the download by fetching an address ahead.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::Data;
use askama::Template;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::events::Seen;
use super::{Answer, Page};
use crate::audit;
use crate::base::clock::{UnixSeconds, rfc3339};
use crate::base::event::{Action, Event, Outcome};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::size;
use crate::files::{self, File, Sort};
use crate::limits::{Budget, Subject};
use crate::sessions::Identity;
use crate::shares::{self, Share};
use crate::storage::SearchError;
use crate::web::State;
use crate::web::api::{AccountJson, FileJson, SessionJson, WorkItem};
use crate::web::archive::{Archive, Entry};
use crate::web::forms::Form;
use crate::web::problem::EXPORT_RUNNING;
use crate::web::proof::Recent;

/// Rows that are read at once.
const ROWS: usize = 50;
const FOLDER: &str = "files";
const DELETED: &str = "deleted while this archive was made";
const CUT: &str = "deleted while this archive was made: the end of the file is missing";
const UNREADABLE: &str = "the server cannot read this file";

#[derive(Template)]
#[template(path = "pages/account/export.html")]
struct Export {
    files: i64,
    size: String,
}

pub async fn show(Recent(who): Recent, page: Page) -> Answer {
    let usage = page.files.usage(who.account).await?;
    page.show(&Export {
        files: usage.files,
        size: size::for_reading(usage.bytes),
    })
}

pub async fn send(Recent(who): Recent, page: Page, state: Data<State>, _: Form) -> Answer {
    let account = who.account;
    let running = page.web.exports.begin(account).ok_or(EXPORT_RUNNING)?;
    let subject = Subject::Account(account);
    page.limits.take_one(Budget::Exports, subject).await?;
    let event = Event::done(Action::ExportAccount).about(account);
    page.db.record(event).await?;
    let at = page.clock.now();
    let export = Exporting { state, who, at };
    let content = Archive::stream(move |archive| async move {
        let _running = running;
        export.write(archive).await
    });
    // The status is sent before an archive breaks off: only the log can report it.
    let content = content.inspect_err(|fault| tracing::warn!(%fault, "an export broke off"));
    let day = &rfc3339(at)[..10];
    let file = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("account-{day}.zip"))],
    };
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/zip").insert_header(file);
    Ok(answer.streaming(content))
}

/// The accounts whose data this server is sending.
#[derive(Clone, Default)]
pub struct Exports(Arc<Mutex<HashSet<AccountId>>>);

/// Ends on drop.
struct Running(Exports, AccountId);

impl Exports {
    fn with<T>(&self, change: impl FnOnce(&mut HashSet<AccountId>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None` if one of this account is running.
    fn begin(&self, account: AccountId) -> Option<Running> {
        let is_first = self.with(|running| running.insert(account));
        is_first.then(|| Running(self.clone(), account))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.with(|running| running.remove(&self.1));
    }
}

struct Exporting {
    state: Data<State>,
    who: Arc<Identity>,
    at: UnixSeconds,
}

#[derive(Serialize)]
struct Activity {
    at: String,
    event: String,
    action: String,
    outcome: Option<&'static str>,
    address: Option<String>,
    device: Option<String>,
    user_agent: Option<String>,
}

#[derive(Serialize)]
struct Link {
    id: String,
    file: String,
    password: bool,
    downloads: i64,
    downloads_max: Option<i64>,
    state: &'static str,
    created_at: String,
    ends_at: String,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct Stored<'a> {
    /// In the archive.
    path: &'a str,
    #[serde(flatten)]
    file: FileJson,
}

impl Exporting {
    async fn write(self, mut archive: Archive) -> Result<(), Fault> {
        let (state, own) = (&self.state, self.who.account);
        let found = state.accounts.find(own).await?;
        let found = found.ok_or_else(|| Fault::new("the account of an export was deleted"))?;
        let profile = json(&AccountJson::of(found))?;
        self.add(&mut archive, "profile.json", &profile).await?;
        self.add_list(&mut archive, "sessions.json", async |after| {
            let (found, next) = state.sessions.list(own, after, ROWS).await?;
            let found = found.into_iter();
            let found = found.map(|session| SessionJson::of(session, &self.who));
            Ok((found.collect(), next))
        })
        .await?;
        self.add_list(&mut archive, "activity.json", async |after| {
            let search = audit::Search {
                account: Some(own),
                ..audit::Search::default()
            };
            let found = state.audit.list(search, after, ROWS).await;
            let (found, next) = found.map_err(fault)?;
            Ok((
                found.iter().map(|event| activity(event, own)).collect(),
                next,
            ))
        })
        .await?;
        self.add_list(&mut archive, "work-items.json", async |after| {
            let (found, next) = state.work.list(own, None, after, ROWS).await?;
            Ok((found.into_iter().map(WorkItem::of).collect(), next))
        })
        .await?;
        self.add_list(&mut archive, "links.json", async |after| {
            let (files, next) = self.files(after).await?;
            let mut links = Vec::new();
            for file in files {
                links.extend(self.links(&file).await?);
            }
            Ok((links, next))
        })
        .await?;
        self.add_files(&mut archive).await?;
        archive.finish().await
    }

    async fn files(
        &self,
        after: Option<files::Cursor>,
    ) -> Result<(Vec<File>, Option<files::Cursor>), Fault> {
        let search = files::Search {
            sort: Sort::Oldest,
            ..files::Search::default()
        };
        let found = self.state.files.list(self.who.account, search, after, ROWS);
        found.await.map_err(fault)
    }

    async fn links(&self, file: &File) -> Result<Vec<Link>, Fault> {
        // A file has at most this many.
        let most = usize::try_from(shares::SHARES_MAX).unwrap_or_default();
        let found = self.state.shares.list(file.account, file.id, None, most);
        match found.await {
            Ok((found, _)) => Ok(found.iter().map(|share| link(share, self.at)).collect()),
            Err(shares::Refused::Fault(fault)) => Err(fault),
            // The file was deleted.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The files, then their list, and the list of those that are missing.
    async fn add_files(&self, archive: &mut Archive) -> Result<(), Fault> {
        let (mut stored, mut missing) = (Vec::new(), String::new());
        let mut after = None;
        loop {
            let (files, next) = self.files(after).await?;
            for file in files {
                let path = archive.name(FOLDER, &file.name);
                match self.add_file(archive, &path, &file).await? {
                    None => {
                        let path = &path;
                        let file = FileJson::of(file);
                        stored.push(json(&Stored { path, file })?);
                    }
                    Some(why) => missing.push_str(&format!("{path}: {why}\n")),
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        let mut list = List::begin(archive.begin("files.json", self.at)?);
        for file in &stored {
            list.add(file).await?;
        }
        list.end().await?;
        if !missing.is_empty() {
            self.add(archive, "errors.txt", missing.as_bytes()).await?;
        }
        Ok(())
    }

    /// Returns why the file is not in the archive, or not whole.
    async fn add_file(
        &self,
        archive: &mut Archive,
        path: &str,
        file: &File,
    ) -> Result<Option<&'static str>, Fault> {
        let files = &self.state.files;
        let length = u64::try_from(file.bytes).unwrap_or_default();
        let mut content = match files.read(file, 0..length).await {
            Ok(content) => content,
            Err(_) if self.is_gone(file).await? => return Ok(Some(DELETED)),
            Err(fault) if files.is_store_silent() => return Err(fault),
            Err(fault) => {
                tracing::error!(%fault, "a file is missing in an export");
                return Ok(Some(UNREADABLE));
            }
        };
        let mut entry = archive.begin(path, file.created_at)?;
        while let Some(piece) = content.next().await {
            self.check()?;
            match piece {
                Ok(piece) => entry.write(&piece).await?,
                Err(_) if self.is_gone(file).await? => {
                    entry.end()?;
                    return Ok(Some(CUT));
                }
                Err(fault) => return Err(fault),
            }
        }
        entry.end()?;
        Ok(None)
    }

    async fn is_gone(&self, file: &File) -> Result<bool, Fault> {
        match self.state.files.load(file.account, file.id).await {
            Ok(_) => Ok(false),
            Err(files::Refused::Fault(fault)) => Err(fault),
            Err(_) => Ok(true),
        }
    }

    /// Who ends a session, also ends its download.
    fn check(&self) -> Result<(), Fault> {
        if self.state.sessions.has_ended(self.who.session)? {
            return Err(Fault::new("the session of an export has ended"));
        }
        Ok(())
    }

    async fn add(&self, archive: &mut Archive, name: &str, content: &[u8]) -> Result<(), Fault> {
        let mut entry = archive.begin(name, self.at)?;
        entry.write(content).await?;
        entry.end()
    }

    /// A list that is read page by page.
    async fn add_list<T: Serialize, C>(
        &self,
        archive: &mut Archive,
        name: &str,
        read: impl AsyncFn(Option<C>) -> Result<(Vec<T>, Option<C>), Fault>,
    ) -> Result<(), Fault> {
        let mut list = List::begin(archive.begin(name, self.at)?);
        let mut after = None;
        loop {
            self.check()?;
            let (items, next) = read(after).await?;
            for item in &items {
                list.add(&json(item)?).await?;
            }
            after = next;
            if after.is_none() {
                return list.end().await;
            }
        }
    }
}

/// An array in a file of the archive, each item on a line.
struct List<'a> {
    entry: Entry<'a>,
    separator: &'static str,
}

impl<'a> List<'a> {
    fn begin(entry: Entry<'a>) -> Self {
        Self {
            entry,
            separator: "[\n",
        }
    }

    async fn add(&mut self, item: &[u8]) -> Result<(), Fault> {
        self.entry.write(self.separator.as_bytes()).await?;
        self.separator = ",\n";
        self.entry.write(item).await
    }

    async fn end(mut self) -> Result<(), Fault> {
        let end = if self.separator == ",\n" {
            "\n]\n"
        } else {
            "[]\n"
        };
        self.entry.write(end.as_bytes()).await?;
        self.entry.end()
    }
}

fn activity(event: &audit::Entry, own: AccountId) -> Activity {
    let seen = Seen::of(event, own);
    let client = seen.client.as_ref();
    Activity {
        at: rfc3339(event.at),
        event: seen.what,
        action: event.action.clone(),
        outcome: event.outcome().map(Outcome::as_str),
        address: client.map(|client| client.address.clone()),
        device: client.and_then(|client| client.device()),
        user_agent: client.map(|client| client.user_agent.clone()),
    }
}

/// Without its address: who has it, has the file.
fn link(share: &Share, now: UnixSeconds) -> Link {
    Link {
        id: share.id.to_string(),
        file: share.file.to_string(),
        password: share.has_password(),
        downloads: share.downloads,
        downloads_max: share.downloads_max,
        state: share.standing(now).as_str(),
        created_at: rfc3339(share.created_at),
        ends_at: rfc3339(share.ends_at),
        last_used_at: share.last_used_at.map(rfc3339),
    }
}

fn json(item: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(item).map_err(|error| Fault::caused("write an export", error))
}

fn fault(error: SearchError) -> Fault {
    match error {
        SearchError::Fault(fault) => fault,
        SearchError::TooSlow => Fault::new("a list of an account took too long"),
    }
}
