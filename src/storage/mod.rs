//! The database: one code path for every kind.
//!
//! Rooms hand in closures; they run off the async workers. Knows no feature. What surprises:
//! with SQLite, writers of this process wait for each other here, before they take a
//! connection, because SQLite has one writer and a queue is fairer than its busy timeout.

mod dialect;
#[cfg_attr(not(feature = "sqlite"), path = "no_foreign.rs")]
pub mod foreign;
mod migrate;
pub mod schema;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::R2D2Connection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use secrecy::{ExposeSecret, SecretString};

use crate::base::fault::Fault;
pub use dialect::one_at_a_time;

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("Doorward needs a database: build it with the feature sqlite or postgres");

const POOL_SIZE: u32 = 8;
const POOL_WAIT: Duration = Duration::from_secs(5);

/// A connection to any of the databases that this build knows.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

/// What a query put together piece by piece is boxed for.
pub type Backend = <AnyConnection as diesel::Connection>::Backend;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres(SecretString),
}

impl Location {
    /// `sqlite:PATH` or `postgres://…`; without a URL, a file in `data_dir`.
    ///
    /// # Errors
    /// When this build does not know such a database. The URL is not in the message.
    pub fn parse(url: Option<&SecretString>, data_dir: &Path) -> Result<Self, Fault> {
        let Some(url) = url else {
            return Ok(Self::Sqlite(data_dir.join("doorward.db")));
        };
        let url = url.expose_secret();
        if let Some(path) = url.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(SecretString::from(url)))
        } else {
            Err(Fault::new(
                "database.url must begin with sqlite: or postgres://",
            ))
        }
    }

    /// Whether something has been written there; a server cannot be asked this way.
    pub fn has_content(&self) -> bool {
        match self {
            Self::Sqlite(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > 0),
            Self::Postgres(_) => false,
        }
    }

    /// Whether `path` leads to the file of this database, by whatever name. It is not opened.
    pub fn is(&self, path: &Path) -> bool {
        let of = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino()));
        match self {
            Self::Sqlite(own) => {
                matches!((of(own), of(path)), (Ok(own), Ok(other)) if own == other)
            }
            Self::Postgres(_) => false,
        }
    }

    /// What an operator may read: no password, no user.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite, {}", path.display()),
            Self::Postgres(_) => "PostgreSQL".to_owned(),
        }
    }
}

/// A handle to the database; clones share one pool.
#[derive(Clone)]
pub struct Db {
    pool: r2d2::Pool<Manager>,
    writer: Option<Arc<tokio::sync::Mutex<()>>>,
}

impl Db {
    /// Connects, brings the schema up to date, and opens the pool.
    ///
    /// # Errors
    /// When the database cannot be reached, is no database, or a migration fails.
    pub fn open(location: Location) -> Result<Self, Fault> {
        Self::open_renewed(location, |_| Ok(()))
    }

    /// As [`Db::open`]; in the transaction of the migrations, `renew` also brings rows up to date
    /// that SQL alone cannot. It runs at each start.
    ///
    /// # Errors
    /// As [`Db::open`], and what `renew` returns; then nothing has changed.
    pub fn open_renewed(
        location: Location,
        renew: impl FnOnce(&mut AnyConnection) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        migrate::run(&mut connect(&location)?, renew)?;
        Ok(Self::with_pool(location))
    }

    /// Connects and changes nothing; with the number of migrations that are still to come,
    /// before which the tables may not be there.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn look(location: Location) -> Result<(Self, usize), Fault> {
        let pending = migrate::pending(&mut connect(&location)?)?;
        Ok((Self::with_pool(location), pending))
    }

    fn with_pool(location: Location) -> Self {
        let writer = matches!(location, Location::Sqlite(_)).then(Arc::default);
        let pool = r2d2::Pool::builder()
            .max_size(POOL_SIZE)
            // None ahead of need: a command that ends while libpq connects on another thread can
            // crash in OpenSSL's clean-up.
            .min_idle(Some(0))
            .connection_timeout(POOL_WAIT)
            .error_handler(Box::new(LogPoolErrors))
            .build_unchecked(Manager(location));
        Self { pool, writer }
    }

    /// Runs queries that change nothing.
    ///
    /// # Errors
    /// What `work` returns, or a fault when no connection can be had.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.run(work).await
    }

    /// Runs `work` in one transaction that has the right to write from its beginning. It is
    /// committed when `work` returns `Ok`, else rolled back.
    ///
    /// # Errors
    /// What `work` returns, or a fault when there is no connection or the commit fails.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        // Moved into the blocking closure: a request that is dropped half-way must not let the
        // next writer in while its own transaction still runs.
        let turn = match &self.writer {
            Some(writer) => Some(writer.clone().lock_owned().await),
            None => None,
        };
        self.run(move |connection| {
            let result = dialect::write_transaction(connection, work);
            drop(turn);
            result
        })
        .await
    }

    /// For the end of a server, so that a copy of its database's file is whole.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn settle(&self) -> Result<(), Fault> {
        self.read(|connection| Ok(dialect::settle(connection)?))
            .await
    }

    async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || {
            let mut connection = pool
                .get()
                .map_err(|error| Fault::away("no database connection", error))?;
            work(&mut connection)
        })
        .await
        .unwrap_or_else(|panic| Err(Fault::caused("a database closure panicked", panic).into()))
    }
}

/// Deletes everything in the database and makes its tables anew.
///
/// # Errors
/// As [`Db::open`].
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
        Fault::caused("database", error)
    }
}

/// Whether an insert or update met a value that must be unique.
pub fn is_taken(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

/// A pattern of LIKE for what has this in it; `\` escapes.
pub fn containing(text: &str) -> String {
    // Longer than anything that is searched: then nothing fits, and no database complains.
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

struct Manager(Location);

impl r2d2::ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = Fault;

    fn connect(&self) -> Result<AnyConnection, Fault> {
        dialect::connect(&self.0).map_err(|error| Fault::caused("connect", error))
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Fault> {
        connection.ping().map_err(Fault::from)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

#[derive(Debug)]
struct LogPoolErrors;

impl r2d2::HandleError<Fault> for LogPoolErrors {
    fn handle_error(&self, fault: Fault) {
        tracing::error!(fault = %fault, "database connection");
    }
}
