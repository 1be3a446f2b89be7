//! The database: one code path for every kind.
//!
//! Rooms pass closures, which run off the async workers. This module knows no feature. Note: with
//! SQLite, writers of this process queue in the pool before they take a connection, because SQLite
//! has one writer and a queue is fairer than its busy timeout.

mod dialect;
mod disk;
#[cfg_attr(not(feature = "sqlite"), path = "no_foreign.rs")]
pub mod foreign;
mod migrate;
mod pool;
pub mod schema;
mod search;

use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::base::clock::{Clock, UnixSeconds};
use crate::base::event::{Actor, Cause, Event};
use crate::base::fault::{Fault, Kind};
use crate::config::{Config, Pooler};
pub use dialect::{has_word, may_have_letters, one_at_a_time, places, terms_from};
pub use disk::make_room;
use pool::{Access, Pool};
pub use search::{SEARCH_SECONDS, SEARCHES_AT_ONCE, SearchError, place, trigrams};

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("Doorward needs a database: build it with the feature sqlite or postgres");

/// A connection to any of the databases that this build supports.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

/// A connection for one closure, and the time. In [`Db::write`], the closure is one transaction.
pub struct Tx<'a> {
    connection: &'a mut AnyConnection,
    clock: &'a Clock,
    now: Option<UnixSeconds>,
    events: Vec<Event>,
}

/// The events of a transaction.
pub struct Recorded {
    pub cause: Cause,
    pub at: UnixSeconds,
    pub events: Vec<Event>,
}

/// Writes the events of a transaction as its last step before the commit. Its lock is therefore the
/// last one of every transaction, and is held until the commit only.
pub type Trail = Arc<dyn Fn(&mut AnyConnection, Recorded) -> Result<(), Fault> + Send + Sync>;

impl<'a> Tx<'a> {
    fn new(connection: &'a mut AnyConnection, clock: &'a Clock) -> Self {
        Self {
            connection,
            clock,
            now: None,
            events: Vec::new(),
        }
    }

    /// The time of the transaction: read at the first call, and constant until the end. Call it
    /// after the transaction has taken its locks, because it may have waited for them.
    pub fn now(&mut self) -> UnixSeconds {
        *self.now.get_or_insert_with(|| self.clock.now())
    }

    /// Records an event in the audit trail, if the transaction is committed.
    pub fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Writes the recorded events. `cause` is `None` if nothing can be written.
    fn close(mut self, trail: Option<&Trail>, cause: Option<Cause>) -> Result<(), Fault> {
        if self.events.is_empty() {
            return Ok(());
        }
        let (Some(trail), Some(cause)) = (trail, cause) else {
            return Err(Fault::new("an event cannot be recorded here"));
        };
        let at = self.now();
        let events = std::mem::take(&mut self.events);
        trail(self.connection, Recorded { cause, at, events })
    }
}

impl Deref for Tx<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection
    }
}

/// The backend of boxed queries, which are built piece by piece.
pub type Backend = <AnyConnection as diesel::Connection>::Backend;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres {
        url: SecretString,
        /// Through a pooler that assigns a connection to one transaction at a time.
        pooled: bool,
    },
}

impl Location {
    /// `sqlite:PATH` or `postgres://…`; without a URL, a file in `data_dir`.
    ///
    /// # Errors
    /// When this build does not support the database. The message does not contain the URL.
    pub fn parse(url: Option<&SecretString>, data_dir: &Path) -> Result<Self, Fault> {
        let Some(url) = url else {
            return Ok(Self::Sqlite(data_dir.join("doorward.db")));
        };
        let url = url.expose_secret();
        if let Some(path) = url.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres {
                url: SecretString::from(url),
                pooled: false,
            })
        } else {
            Err(Fault::new(
                "database.url must begin with sqlite: or postgres://",
            ))
        }
    }

    /// The location in the settings.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        let location = Self::parse(config.database_url.as_ref(), &config.data_dir)?;
        Ok(match location {
            Self::Postgres { url, .. } => Self::Postgres {
                url,
                pooled: config.database_pooler == Pooler::Transaction,
            },
            file => file,
        })
    }

    fn is_pooled(&self) -> bool {
        matches!(self, Self::Postgres { pooled: true, .. })
    }

    /// Whether SQLite's file has content; `false` for PostgreSQL.
    pub fn has_content(&self) -> bool {
        match self {
            Self::Sqlite(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > 0),
            Self::Postgres { .. } => false,
        }
    }

    /// Whether `path` is the file of this database, under any name. The file is not opened.
    pub fn is(&self, path: &Path) -> bool {
        let of = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino()));
        match self {
            Self::Sqlite(own) => {
                matches!((of(own), of(path)), (Ok(own), Ok(other)) if own == other)
            }
            Self::Postgres { .. } => false,
        }
    }

    /// For messages: without user and password.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite, {}", path.display()),
            Self::Postgres { .. } => "PostgreSQL".to_owned(),
        }
    }
}

/// A handle to the database; clones share one pool.
#[derive(Clone)]
pub struct Db {
    pool: Arc<Pool>,
    searches: Arc<Semaphore>,
    clock: Clock,
    trail: Option<Trail>,
    /// The actor of transactions without a request.
    actor: Actor,
}

impl Db {
    /// Connects, brings the schema up to date, and opens the pool. Its time is the system's.
    ///
    /// # Errors
    /// When the database cannot be reached or is damaged, or a migration fails.
    pub fn open(location: Location) -> Result<Self, Fault> {
        Self::open_renewed(location, Clock::System, |_| Ok(()))
    }

    /// As [`Db::open`], with this clock. In the transaction of the migrations, `renew` updates the
    /// rows that SQL alone cannot update. It runs at each start.
    ///
    /// # Errors
    /// As [`Db::open`], and what `renew` returns; then nothing has changed.
    pub fn open_renewed(
        location: Location,
        clock: Clock,
        renew: impl FnOnce(&mut AnyConnection) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        let mut connection = connect(&location)?;
        migrate::run(&mut connection, renew)?;
        Ok(Self::with_pool(location, clock, connection))
    }

    /// Connects and changes nothing; also returns the number of pending migrations. With pending
    /// migrations, tables may be missing.
    pub fn look(location: Location) -> Result<(Self, usize), Fault> {
        let mut connection = connect(&location)?;
        let pending = migrate::pending(&mut connection)?;
        Ok((
            Self::with_pool(location, Clock::System, connection),
            pending,
        ))
    }

    fn with_pool(location: Location, clock: Clock, first: AnyConnection) -> Self {
        Self {
            pool: Arc::new(Pool::new(location, first)),
            searches: Arc::new(Semaphore::new(SEARCHES_AT_ONCE)),
            clock,
            trail: None,
            actor: Actor::Server,
        }
    }

    /// Writes events by `trail` from now on; without a request, they are `actor`'s.
    pub fn recording(self, trail: Trail, actor: Actor) -> Self {
        Self {
            trail: Some(trail),
            actor,
            ..self
        }
    }

    /// Runs queries that change nothing.
    ///
    /// # Errors
    /// What `work` returns, or a fault without a connection or a response of the database.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.run(Access::Read, work).await
    }

    /// Runs `work` in one transaction that can write from its beginning. It is committed if `work`
    /// returns `Ok`, else rolled back.
    ///
    /// # Errors
    /// What `work` returns, or a fault without a connection or if the commit fails. The
    /// fault's kind says whether the change may have been made nevertheless.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.run(Access::Write, work).await
    }

    /// As [`Db::write`], even when the disk is full: for changes that end sessions or free space.
    pub async fn write_on_full_disk<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.run(Access::WriteOnFullDisk, work).await
    }

    /// Records an event in a separate transaction, such as a refusal, which changes nothing else.
    pub async fn record(&self, event: Event) -> Result<(), Fault> {
        self.write(move |tx| {
            tx.record(event);
            Ok(())
        })
        .await
    }

    async fn run<T, E>(
        &self,
        access: Access,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (clock, trail) = (self.clock.clone(), self.trail.clone());
        let cause = (access != Access::Read)
            .then(|| Cause::current().unwrap_or_else(|| Cause::of(self.actor.clone())));
        let work = move |connection: &mut AnyConnection| {
            let mut tx = Tx::new(connection, &clock);
            let done = work(&mut tx)?;
            tx.close(trail.as_ref(), cause)?;
            Ok(done)
        };
        self.pool.run(access, work).await
    }

    /// Why the database is unavailable; `None` while it works.
    pub fn outage(&self) -> Option<String> {
        self.pool.outage()
    }

    /// Whether the files of the database were moved or deleted under the server. Cheap.
    pub fn is_replaced(&self) -> bool {
        self.pool.is_replaced()
    }

    /// Reserves some space on SQLite's disk from now on, for [`Db::write_on_full_disk`].
    pub fn keep_reserve(&self) {
        if let Some(disk) = self.pool.disk() {
            disk.keep_reserve();
        }
    }

    /// Called when a server stops, so that a copy of SQLite's file is complete. If it fails,
    /// nothing is lost: the rest is in SQLite's log.
    pub async fn settle(&self) {
        let Some(disk) = self.pool.disk() else { return };
        let settled: Result<(), Fault> = self
            .read(|connection| Ok(dialect::settle(connection)?))
            .await;
        if let Err(fault) = settled {
            tracing::error!(%fault, "the database's log was not moved into its file");
        }
        disk.leave_reserve();
    }
}

/// Deletes everything in the database and makes its tables anew.
pub fn reset(location: &Location) -> Result<(), Fault> {
    migrate::reset(&mut connect(location)?)
}

fn connect(location: &Location) -> Result<AnyConnection, Fault> {
    dialect::connect(location).map_err(|error| {
        Fault::caused(
            format!("the database cannot be opened ({})", location.describe()),
            error,
        )
    })
}

impl From<DieselError> for Fault {
    #[track_caller]
    fn from(error: DieselError) -> Self {
        let kind = match dialect::trouble(&error, Duration::ZERO) {
            Some(trouble) => trouble.kind(false),
            None => Kind::Ours,
        };
        let what = dialect::pooler_in_between(&error).unwrap_or("database");
        Fault::caused(what, error).of(kind)
    }
}

/// Whether an insert or update violated a unique constraint.
pub fn is_taken(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

/// A pattern of LIKE for texts that contain this one; `\` escapes.
pub fn containing(text: &str) -> String {
    // Longer than any searched text: then nothing matches, and no database reports an error.
    const LONG: usize = 1000;
    let mut pattern = String::from("%");
    for c in text.chars().take(LONG) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
