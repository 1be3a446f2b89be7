//! The composition root: from settings to a running server.

mod descriptors;
mod listening;

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_server::ServerBuilder;
use actix_web::dev;
use actix_web::web::Data;
use secrecy::{ExposeSecret, SecretString};

pub use listening::{Listening, resolved};
use listening::{SocketFile, drop_new_connections, limit_unsent};

use crate::accounts::{self, Accounts};
use crate::administration::Administration;
use crate::audit::{self, Audit};
use crate::base::clock::{Clock, Stopwatch};
use crate::base::event::{Action, Actor, Event};
use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::base::secret::InstanceSecret;
use crate::config::{BaseUrl, Config, Shown, Source};
use crate::files::Files;
use crate::invitations::Invitations;
use crate::jobs::{self, Running};
use crate::limits::Limits;
use crate::mail::{self, Mailer, Outbox, Postbox};
use crate::passwords::{Breached, Passwords};
use crate::recovery::{self, Recovery};
use crate::sessions::Sessions;
use crate::shares::Shares;
use crate::sign_in::SignIn;
use crate::storage::{self, Db, Location};
use crate::tokens::Tokens;
use crate::web::{self, Connections, State, Stopping, Web};
use crate::work::Work;

/// Threads of each worker. They wait for the connections to the database; each costs memory.
const BLOCKING_THREADS: usize = 4;
/// Time for open requests after the server has stopped taking new ones. With the drain before it,
/// and a second that actix may take longer, this is less than the ten seconds that Docker waits.
const FINISH_WITHIN_SECONDS: u64 = 7;
/// Time for kept-alive connections, which are closed with their next response.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
/// Time for connections that began just before new ones were refused.
const LAST_WITHIN: Duration = Duration::from_millis(500);
const LAST_AT_LEAST: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Writing a draft of the secret and moving it into place takes less than this.
const DRAFT_SECONDS: i64 = 60;

/// What every command and server starts from: settings, secret and database, and the rooms that
/// need only these.
pub struct Services {
    pub config: Config,
    pub secret: InstanceSecret,
    pub db: Db,
    pub clock: Clock,
    pub passwords: Passwords,
    pub limits: Limits,
    pub accounts: Accounts,
    pub postbox: Postbox,
    pub recovery: Recovery,
    pub invitations: Invitations,
}

impl Services {
    /// Creates what is missing: folder, secret, database, schema.
    pub fn prepare(config: Config, clock: Clock) -> Result<Self, Fault> {
        let location = Location::of(&config)?;
        // Before anything is created.
        let breached = open_breached(&config)?;
        make_data_dir(&config)?;
        if let Location::Sqlite(path) = &location {
            storage::make_room(path);
        }
        remove_old_drafts(&secret_file(&config), &clock);
        let secret = match &config.secret {
            Some(secret) => secret.clone(),
            None => load_or_make_secret(&config, &location)?,
        };
        let db = Db::open_renewed(location, clock.clone(), accounts::renew_keys)?;
        let actor = config.command.clone().map_or(Actor::Server, Actor::Command);
        let trail = recovery::telling(&secret, audit::trail(&secret));
        let db = db.recording(trail, actor);
        let passwords = Passwords::new(&secret, config.passwords.bcrypt_cost, breached);
        let limits = Limits::new(db.clone(), clock.clone(), &secret, config.limits.clone());
        let accounts = Accounts::new(
            db.clone(),
            clock.clone(),
            passwords.clone(),
            limits.clone(),
            &config.signup,
        );
        let postbox = Postbox::new(&secret);
        let recovery = Recovery::new(
            db.clone(),
            accounts.clone(),
            limits.clone(),
            postbox.clone(),
            &secret,
            config.signup.verify_email,
        );
        let invitations = Invitations::new(
            db.clone(),
            accounts.clone(),
            postbox.clone(),
            recovery.clone(),
            config.signup.verify_email,
        );
        Ok(Self {
            config,
            secret,
            db,
            clock,
            passwords,
            limits,
            accounts,
            postbox,
            recovery,
            invitations,
        })
    }
}

/// The file of `passwords.breached`.
pub fn open_breached(config: &Config) -> Result<Option<Arc<Breached>>, Fault> {
    let path = config.passwords.breached.as_deref();
    path.map(|path| Breached::open(path).map(Arc::new))
        .transpose()
}

/// Prints a line for the administrator.
pub type Console = fn(&dyn Display);

/// A server with its address; it serves when `http` is awaited.
pub struct Server {
    pub http: dev::Server,
    /// The address that it listens on, which can differ from the base URL.
    pub listening: String,
    pub drain: Drain,
    pub base_url: BaseUrl,
    pub db: Db,
    /// Where the metrics are served.
    pub metrics: Option<SocketAddr>,
    pub jobs: Running,
    /// The link to the page that makes the first administrator; `None` if an administrator exists.
    pub first_administrator: Option<SecretString>,
}

/// Stops a server without losing a request that was sent.
pub struct Drain {
    stopping: Stopping,
    connections: Connections,
    entrances: Vec<TcpListener>,
    file: Option<SocketFile>,
}

impl Drain {
    /// Answers all requests on accepted connections, each with `Connection: close`; then refuses
    /// new connections, and answers those that were accepted. After some two seconds, requests that
    /// are still open are left to the server's own stop.
    pub async fn run(self) {
        self.stopping.begin();
        let clock = Stopwatch::start();
        wait_until_left(&self.connections, &clock, DRAIN_WITHIN).await;
        for entrance in &self.entrances {
            if let Err(error) = drop_new_connections(entrance) {
                tracing::debug!(%error, "new connections cannot be held off while stopping");
            }
        }
        if let Some(file) = &self.file {
            file.remove();
        }
        // Otherwise they would listen on after the server has closed its own.
        drop(self.entrances);
        let clock = Stopwatch::start();
        tokio::time::sleep(LAST_AT_LEAST).await;
        wait_until_left(&self.connections, &clock, LAST_WITHIN).await;
    }
}

/// Waits until no connection is left, at most for this long.
async fn wait_until_left(connections: &Connections, clock: &Stopwatch, limit: Duration) {
    while connections.open() > 0 && clock.elapsed() < limit {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Composes the rooms and the web layer; nothing is served yet.
///
/// `console` prints a line for the administrator.
pub async fn compose(
    services: Services,
    base_url: BaseUrl,
    console: Option<Console>,
) -> Result<State, Fault> {
    let Services {
        config,
        secret,
        db,
        clock,
        passwords,
        limits,
        accounts,
        postbox,
        recovery,
        invitations,
    } = services;
    let tokens = Tokens::open(
        &db,
        clock.clone(),
        &secret,
        base_url.as_str(),
        &config.tokens,
    )
    .await?;
    let sessions = Sessions::open(
        db.clone(),
        clock.clone(),
        tokens.clone(),
        &secret,
        config.sessions.clone(),
    )
    .await?;
    accounts.count_password_kinds().await?;
    let administration = Administration::new(
        db.clone(),
        accounts.clone(),
        sessions.clone(),
        recovery.clone(),
        config.signup.verify_email,
    );
    let sign_in = SignIn::new(db.clone(), accounts.clone(), sessions.clone());
    let files = Files::open(db.clone(), &config.files)?;
    let shares = Shares::new(
        db.clone(),
        clock.clone(),
        passwords,
        limits.clone(),
        tokens.clone(),
        &secret,
    );
    let audit = Audit::new(db.clone(), &secret, &config.audit);
    let work = Work::new(db.clone());
    let mailer = Mailer::new(&config, &base_url, console)?;
    let mail = mail::Worker::new(db.clone(), clock.clone(), postbox, mailer);
    let web = Web::new(&secret, &base_url, &config.site);
    let connections = Connections::new(
        config.connections.clone(),
        config.proxies.clone(),
        descriptors::for_connections(),
    );
    Ok(State {
        config,
        base_url,
        clock,
        limits,
        accounts,
        sessions,
        tokens,
        administration,
        sign_in,
        recovery,
        invitations,
        mail,
        outbox: Outbox::new(db.clone()),
        files,
        shares,
        work,
        audit,
        web,
        db,
        connections,
        stopping: Stopping::default(),
    })
}

/// Composes the server around sockets that already listen, and starts its workers.
pub async fn start(
    services: Services,
    listening: Listening,
    console: Option<Console>,
) -> Result<Server, Fault> {
    let socket = |error| Fault::caused("the socket", error);
    let base_url = services.config.base_url.clone();
    let base_url = base_url.or_else(|| listening.base_url());
    let base_url = base_url.ok_or_else(|| Fault::new("there is no base_url"))?;
    let db = services.db.clone();
    let metrics_listen = services.config.metrics_listen;
    let state = Data::new(compose(services, base_url.clone(), console).await?);
    let old = db.read(|db| accounts::list_old_keys(db)).await?.len();
    if old > 0 {
        tracing::warn!(
            accounts = old,
            "some accounts cannot be found by every spelling of their email address: \
             `doorward doctor` names them"
        );
    }
    let first_administrator = state.recovery.first_administrator().await?.map(|token| {
        SecretString::from(format!(
            "{}/first-administrator?token={}",
            base_url.as_str(),
            token.expose_secret()
        ))
    });
    let mut started = Event::done(Action::StartServer).with("version", env!("CARGO_PKG_VERSION"));
    let is_set = |setting: &&Shown| setting.source != Source::Default;
    for setting in state.config.shown.iter().filter(is_set) {
        started = started.with(setting.key, &setting.value);
    }
    db.write_on_full_disk(move |tx| {
        tx.record(started);
        Ok::<_, Fault>(())
    })
    .await?;
    let jobs = jobs::start(&state.clone().into_inner(), &db);
    let mut server = ServerBuilder::new()
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .max_concurrent_connections(descriptors::for_each_worker())
        .shutdown_timeout(FINISH_WITHIN_SECONDS)
        .disable_signals();
    let stopped = server.graceful_shutdown_signal();
    let described = listening.describe();
    let mut entrances = Vec::new();
    for listener in listening.tcp {
        limit_unsent(&listener);
        entrances.push(listener.try_clone().map_err(socket)?);
        let (state, stopped) = (state.clone(), stopped.clone());
        let serve = move || web::on_tcp(state.clone(), stopped.clone());
        server = server.listen("tcp", listener, serve).map_err(socket)?;
    }
    let mut metrics = None;
    if let Some(address) = metrics_listen {
        let what = format!("cannot listen on {address}, as metrics.listen says");
        let listener = TcpListener::bind(address).map_err(|error| Fault::caused(what, error))?;
        metrics = listener.local_addr().ok();
        let state = state.clone();
        let serve = move || web::on_metrics(state.clone());
        server = server.listen("metrics", listener, serve).map_err(socket)?;
    }
    if let Some(listener) = listening.unix {
        let (state, stopped) = (state.clone(), stopped.clone());
        let serve = move || web::on_unix(state.clone(), stopped.clone());
        server = server.listen_uds("unix", listener, serve).map_err(socket)?;
    }
    Ok(Server {
        http: server.run(),
        listening: described,
        drain: Drain {
            stopping: state.stopping.clone(),
            connections: state.connections.clone(),
            entrances,
            file: listening.file,
        },
        base_url,
        db,
        metrics,
        jobs,
        first_administrator,
    })
}

/// Makes the data folder, readable by its owner only.
///
/// # Errors
/// When it is missing and cannot be made, or must not be made.
pub fn make_data_dir(config: &Config) -> Result<(), Fault> {
    require_data_dir(config)?;
    let folder = &config.data_dir;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| {
            Fault::caused(
                format!("the data folder {} cannot be made", folder.display()),
                error,
            )
        })
}

/// # Errors
/// When the data folder is missing and the settings say that it must exist.
pub fn require_data_dir(config: &Config) -> Result<(), Fault> {
    if !config.data_dir_must_exist || config.data_dir.exists() {
        return Ok(());
    }
    Err(Fault::new(format!(
        "the data folder {} does not exist, and data_dir_must_exist is set: mount the volume that it is on, \
         or create the folder for a new installation",
        config.data_dir.display()
    )))
}

/// The file of the secret, unless the secret is a setting.
pub fn secret_file(config: &Config) -> PathBuf {
    config.data_dir.join("secret")
}

/// The secret in its file; `None` without one.
///
/// # Errors
/// When the file cannot be read, or does not contain a secret.
pub fn find_secret(path: &Path) -> Result<Option<InstanceSecret>, Fault> {
    match fs::read(path) {
        Ok(bytes) => {
            let secret = String::from_utf8(bytes).ok();
            let secret = secret.and_then(|text| InstanceSecret::parse(&text));
            secret.map(Some).ok_or_else(|| {
                Fault::new(format!(
                    "the secret {} is damaged: it must hold at least 32 bytes as base64. Restore it from your backup",
                    path.display()
                ))
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::caused(
            format!("the secret {} cannot be read", path.display()),
            error,
        )),
    }
}

/// The secret in its file. A missing file is created, unless a database exists already, which was
/// made with another secret.
fn load_or_make_secret(config: &Config, database: &Location) -> Result<InstanceSecret, Fault> {
    let path = secret_file(config);
    if let Some(secret) = find_secret(&path)? {
        return Ok(secret);
    }
    if !database.has_content() {
        make_missing_secret(config)?;
    }
    // Another server may have made the file, and then a database, since the check.
    find_secret(&path)?.ok_or_else(|| {
        Fault::new(format!(
            "the secret {} is missing, and there is a database that was made with it ({}). Restore it from your backup",
            path.display(),
            database.describe()
        ))
    })
}

/// Makes the file of the secret, 0600, unless it exists, or the secret is a setting. Of two
/// concurrent servers, one makes it: the file is written elsewhere and moved into place.
pub fn make_missing_secret(config: &Config) -> Result<(), Fault> {
    if config.secret.is_some() {
        return Ok(());
    }
    let path = secret_file(config);
    place_secret(&path).map_err(|error| {
        Fault::caused(
            format!("the secret {} cannot be made", path.display()),
            error,
        )
    })
}

/// Removes drafts of the secret that were left by killed processes. Another process may be writing
/// a new one.
fn remove_old_drafts(secret: &Path, clock: &Clock) {
    let (Some(folder), Some(name)) = (secret.parent(), secret.file_name()) else {
        return;
    };
    let is_draft = |file: &fs::DirEntry| {
        let name_of_file = file.file_name();
        let id = name_of_file
            .to_str()
            .and_then(|text| text.strip_prefix(name.to_str()?)?.strip_prefix('.'));
        id.is_some_and(|id| KeyId::parse(id).is_some())
            && file
                .metadata()
                .is_ok_and(|draft| draft.is_file() && draft.mtime() < clock.now() - DRAFT_SECONDS)
    };
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_draft(&file) {
            fs::remove_file(file.path()).ok();
        }
    }
}

fn place_secret(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(KeyId::new().to_string());
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(InstanceSecret::generate().to_base64().as_bytes())?;
            file.sync_all()
        });
    let placed = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).ok();
    match placed {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
