//! All differences between the databases.

use std::error::Error;
use std::time::Duration;

use diesel::connection::TransactionManager;
use diesel::dsl::{AsExprOf, sql};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Text};

use super::disk::Disk;
use super::{AnyConnection, Location};
use crate::base::fault::{Fault, Kind};

type Failed = Box<dyn Error + Send + Sync>;

/// Timeout of any statement. PostgreSQL itself gives up earlier.
const SERVER_ANSWERS_WITHIN: Duration = Duration::from_secs(4);
const STATEMENT_SECONDS: u64 = 3;
/// SQLite waits five seconds for another process, and for the disk.
const FILE_ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The first connection of a process; makes SQLite's file if it is missing.
pub fn connect(location: &Location) -> Result<AnyConnection, Failed> {
    match location {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => {
            make_file(path)?;
            connect_sqlite(path).map(AnyConnection::Sqlite)
        }
        #[cfg(feature = "postgres")]
        Location::Postgres { url, pooled } => {
            use secrecy::ExposeSecret;
            connect_postgres(url.expose_secret(), *pooled).map(AnyConnection::Postgres)
        }
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        other => Err(format!(
            "this build has no {}: build it with that feature",
            other.describe()
        )
        .into()),
    }
}

/// Another connection to the same database, and to no other file.
pub fn connect_again(location: &Location, disk: Option<&Disk>) -> Result<AnyConnection, Failed> {
    match (location, disk) {
        #[cfg(feature = "sqlite")]
        (Location::Sqlite(path), Some(disk)) => {
            // Checked before and after opening it, because a file may be moved at any time.
            disk.in_place()?;
            let connection = connect_sqlite(path)?;
            disk.in_place()?;
            Ok(AnyConnection::Sqlite(connection))
        }
        _ => connect(location),
    }
}

/// Timeout of one statement.
pub fn answers_within(location: &Location) -> Duration {
    match location {
        Location::Sqlite(_) => FILE_ANSWERS_WITHIN,
        Location::Postgres { .. } => SERVER_ANSWERS_WITHIN,
    }
}

/// What an error says about the connection or the database rather than about the statement.
#[derive(Debug)]
pub enum Trouble {
    /// The connection must not be used again.
    Lost(String),
    /// The statement took too long, or waited too long for others.
    Late(String),
    DiskFull(String),
}

impl Trouble {
    /// The effect on the request. `commits`: the error occurred while a transaction was committed.
    pub fn kind(&self, commits: bool) -> Kind {
        match self {
            Self::Lost(_) if commits => Kind::OutcomeUnknown,
            Self::Lost(_) | Self::Late(_) => Kind::Unavailable,
            Self::DiskFull(_) => Kind::DiskFull,
        }
    }

    pub fn fault(self, commits: bool) -> Fault {
        let kind = self.kind(commits);
        let (Self::Lost(why) | Self::Late(why) | Self::DiskFull(why)) = self;
        Fault::caused("database", why).of(kind)
    }
}

/// After a statement that took `elapsed`. A PostgreSQL server's messages may be in any language.
pub fn trouble(error: &DieselError, elapsed: Duration) -> Option<Trouble> {
    let words = error.to_string();
    let is_in = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match error {
        DieselError::BrokenTransactionManager
        | DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            // After a failover, connections may lead to a server that has become a standby.
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        ) => Some(Trouble::Lost(words)),
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
            Some(Trouble::Late(words))
        }
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, _) => {
            if is_in(&["database or disk is full", "No space left on device"]) {
                Some(Trouble::DiskFull(words))
            } else if elapsed >= Duration::from_secs(STATEMENT_SECONDS)
                || is_in(&[
                    "database is locked",
                    "statement timeout",
                    "lock timeout",
                    "deadlock detected",
                    "the database system is",
                ])
            {
                Some(Trouble::Late(words))
            } else if is_in(&["terminating connection"]) {
                Some(Trouble::Lost(words))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The message when two clients of a pooler have prepared a statement under one name.
pub fn pooler_in_between(error: &(dyn Error + 'static)) -> Option<&'static str> {
    error.to_string().contains("__diesel_stmt_").then_some(
        "the database is reached through a pooler in transaction mode: set database.pooler to transaction",
    )
}

/// A server that does not respond is given up after some seconds; libpq alone would wait as long as
/// the kernel does, which is hours. Timeouts in the URL take precedence.
///
/// A pooler gives its server connection to another client after each transaction: so no statement
/// is prepared on it, and settings apply to one transaction ([`begin`]).
#[cfg(feature = "postgres")]
fn connect_postgres(url: &str, pooled: bool) -> Result<PgConnection, Failed> {
    use diesel::connection::{CacheSize, SimpleConnection};

    let mut url = url.to_owned();
    for (key, value) in [
        ("connect_timeout", "3"),
        ("tcp_user_timeout", "10000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
    ] {
        if !url.contains(key) {
            let mark = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{mark}{key}={value}"));
        }
    }
    let mut connection = PgConnection::establish(&url).map_err(repeatable)?;
    if pooled {
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    } else {
        connection.batch_execute(&timeouts("SESSION"))?;
    }
    Ok(connection)
}

/// A transaction whose client has gone holds its locks until the last of these timeouts.
#[cfg(feature = "postgres")]
fn timeouts(scope: &str) -> String {
    format!(
        "SET {scope} statement_timeout = '{STATEMENT_SECONDS}s'; \
         SET {scope} idle_in_transaction_session_timeout = '10s'"
    )
}

/// libpq quotes the parts of a URL that it cannot parse, which may include the password. Its
/// messages about a connection that it tried to make name host, port and user only.
#[cfg(feature = "postgres")]
fn repeatable(error: ConnectionError) -> Failed {
    let tried = ["connection to server", "could not translate host name"];
    match error {
        ConnectionError::BadConnection(words) if tried.iter().any(|tried| words.starts_with(tried)) => {
            words.trim_end().replace('\n', " ").into()
        }
        _ => "database.url cannot be read: percent-encode what is special in its user, password and parameters".into(),
    }
}

#[cfg(feature = "sqlite")]
fn make_file(path: &std::path::Path) -> Result<(), Failed> {
    use std::os::unix::fs::OpenOptionsExt;

    // SQLite would make it readable for everyone; its WAL inherits the mode of this file. An
    // existing file must not be opened: closing it again drops every POSIX lock of this process on
    // it, and another process then deletes the WAL under our other connections.
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// `synchronous=FULL`: acknowledged changes survive a loss of power. The order matters: the timeout
/// first, because switching to WAL may have to wait for another process. Deleted data is
/// overwritten, so that the file does not contain deleted accounts.
#[cfg(feature = "sqlite")]
const WAL_TRIES: usize = 100;
#[cfg(feature = "sqlite")]
const WAL_PAUSE: Duration = Duration::from_millis(20);

#[cfg(feature = "sqlite")]
fn connect_sqlite(path: &std::path::Path) -> Result<SqliteConnection, Failed> {
    use diesel::connection::SimpleConnection;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    let path = path
        .to_str()
        .ok_or("the path of the database is not UTF-8")?;
    // As a URI, because only a URI can require that the file exists.
    let path = utf8_percent_encode(path, NON_ALPHANUMERIC);
    let mut connection = SqliteConnection::establish(&format!("file:{path}?mode=rw"))?;
    connection.batch_execute(
        "PRAGMA busy_timeout=5000; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;",
    )?;
    // The busy timeout does not apply when two servers switch a new database to WAL at once.
    let mut tries = 0;
    while let Err(error) = connection.batch_execute("PRAGMA journal_mode=WAL") {
        tries += 1;
        if tries == WAL_TRIES || !error.to_string().contains("locked") {
            return Err(error.into());
        }
        std::thread::sleep(WAL_PAUSE);
    }
    Ok(connection)
}

/// One transaction that may write. SQLite's begins IMMEDIATE: a deferred one that becomes a writer
/// later can fail with a stale snapshot, which no timeout avoids.
///
/// It is committed if `may_commit` returns true. Before that point it is certain that nothing was
/// changed, even if the connection is lost.
pub fn write_transaction<T, E: From<Fault>>(
    connection: &mut AnyConnection,
    pooled: bool,
    may_commit: impl FnOnce() -> bool,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    type Manager = <AnyConnection as diesel::Connection>::TransactionManager;
    begin(connection, pooled).map_err(|error| Fault::unavailable("begin a transaction", error))?;
    let result = work(connection).and_then(|value| {
        if may_commit() {
            Ok(value)
        } else {
            Err(Fault::unavailable("not committed", "its request was given up").into())
        }
    });
    match result {
        Ok(value) => {
            Manager::commit_transaction(connection)
                .map_err(|error| Fault::caused("commit", error))?;
            Ok(value)
        }
        Err(error) => {
            // A failed rollback breaks the connection, and the pool drops it.
            Manager::rollback_transaction(connection).ok();
            Err(error)
        }
    }
}

#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "no pooler stands in front of SQLite")
)]
fn begin(connection: &mut AnyConnection, pooled: bool) -> QueryResult<()> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            diesel::connection::AnsiTransactionManager::begin_transaction_sql(
                connection,
                "BEGIN IMMEDIATE",
            )
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) if pooled => {
            let begin = format!("BEGIN; {}", timeouts("LOCAL"));
            diesel::connection::AnsiTransactionManager::begin_transaction_sql(connection, &begin)
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            <PgConnection as diesel::Connection>::TransactionManager::begin_transaction(connection)
        }
    }
}

/// Moves SQLite's log into the database file, except for what readers still need.
pub fn settle(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            use diesel::connection::SimpleConnection;
            connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Ok(()),
    }
}

/// Waits until no other process migrates this schema, and removes the time limit: migrating a large
/// table takes longer. Extensions belong to the whole database.
pub fn begin_migration(connection: &mut AnyConnection) -> Result<(), Fault> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => {}
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            diesel::sql_query("SET LOCAL statement_timeout = 0").execute(connection)?;
            // An arbitrary number that no other program uses: "door" in ASCII.
            diesel::sql_query(
                "SELECT pg_advisory_xact_lock(1685024626, hashtext(current_schema()))",
            )
            .execute(connection)?;
            // Two schemas cannot create the extension at once. "doorward" in ASCII.
            diesel::sql_query(
                "SELECT pg_advisory_xact_lock(7237125663627506276)
                 WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')",
            )
            .execute(connection)?;
        }
    }
    Ok(())
}

/// Takes the lock of this instance until the transaction ends: one process at a time continues,
/// even where write transactions can run concurrently. Another instance may have another schema of
/// the database.
pub fn one_at_a_time(connection: &mut AnyConnection) -> Result<(), Fault> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => {}
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            // "DOOR" in ASCII.
            diesel::sql_query(
                "SELECT pg_advisory_xact_lock(1146048338, hashtext(current_schema()))",
            )
            .execute(connection)?;
        }
    }
    Ok(())
}

/// Runs `work` so that each of its queries ends soon after `limit`, and is planned for the actual
/// values. SQLite cannot interrupt a query of ours; there, the index of a search bounds its time.
#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "a query of SQLite is not interrupted")
)]
pub fn within<T>(
    connection: &mut AnyConnection,
    limit: Duration,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => work(connection),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => write_transaction(
            connection,
            false,
            || true,
            |connection| {
                let set = format!(
                    "SELECT set_config('statement_timeout', '{}', true), \
                 set_config('plan_cache_mode', 'force_custom_plan', true)",
                    limit.as_millis()
                );
                diesel::sql_query(set).execute(connection)?;
                work(connection)
            },
        ),
    }
}

/// The places in a search index, from `from` on, that have one of each list of terms: the first
/// `most` in order. `None` for a database with other indexes for this query.
pub fn places(
    connection: &mut AnyConnection,
    index: &str,
    terms: &[Vec<String>],
    from: i64,
    most: i64,
) -> QueryResult<Option<Vec<i64>>> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            use diesel::sql_types::BigInt;
            #[derive(QueryableByName)]
            struct Found {
                #[diesel(sql_type = BigInt)]
                place: i64,
            }
            if terms.iter().any(Vec::is_empty) {
                return Ok(Some(Vec::new()));
            }
            let quoted = |term: &String| format!("\"{}\"", term.replace('"', "\"\""));
            let any = |terms: &Vec<String>| {
                let terms: Vec<_> = terms.iter().map(quoted).collect();
                format!("({})", terms.join(" OR "))
            };
            let all: Vec<_> = terms.iter().map(any).collect();
            let found: Vec<Found> = diesel::sql_query(format!(
                "SELECT rowid AS place FROM {index} WHERE {index} MATCH ? AND rowid >= ? \
                 ORDER BY rowid LIMIT ?"
            ))
            .bind::<Text, _>(all.join(" AND "))
            .bind::<BigInt, _>(from)
            .bind::<BigInt, _>(most)
            .load(connection)?;
            Ok(Some(found.into_iter().map(|found| found.place).collect()))
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Ok(None),
    }
}

/// The terms of a search index that begin with `prefix`, `most` of them; `None` as [`places`].
pub fn terms_from(
    connection: &mut AnyConnection,
    index: &str,
    prefix: &str,
    most: usize,
) -> QueryResult<Option<Vec<String>>> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            #[derive(QueryableByName)]
            struct Found {
                #[diesel(sql_type = Text)]
                term: String,
            }
            let mut terms = Vec::new();
            let mut from = prefix.to_owned();
            while terms.len() < most {
                // One at a time: the table has a row for each place that has the term.
                let next: Option<Found> = diesel::sql_query(format!(
                    "SELECT term FROM {index}_terms WHERE term >= ? LIMIT 1"
                ))
                .bind::<Text, _>(&from)
                .get_result(connection)
                .optional()?;
                match next.filter(|next| next.term.starts_with(prefix)) {
                    Some(next) => {
                        from = format!("{}\u{1}", next.term);
                        terms.push(next.term);
                    }
                    None => break,
                }
            }
            Ok(Some(terms))
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Ok(None),
    }
}

type Condition = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, AsExprOf<String, Text>>>;

/// Whether a column of words, separated by single spaces, contains this word.
pub fn has_word(connection: &AnyConnection, column: &str, word: String) -> Condition {
    let (before, behind) = match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => (
            format!("instr(' ' || {column} || ' ', ' ' || "),
            " || ' ') > 0",
        ),
        // In the form of its index.
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => (
            format!("{column} <> '' AND string_to_array({column}, ' ') @> ARRAY["),
            "]",
        ),
    };
    sql(&before).bind::<Text, _>(word).sql(behind)
}

/// The condition, from an index, that an account may have one of these texts in its names; `None`
/// if another index is used, and for texts of more than two letters.
#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "only PostgreSQL needs it")
)]
pub fn may_have_letters(connection: &AnyConnection, texts: [&str; 2]) -> Option<Condition> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => None,
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => {
            let is_short = |text: &&str| (1..=2).contains(&text.chars().count());
            texts.iter().all(is_short).then(|| {
                sql("account_letters(username_key, email_key, email) && string_to_array(")
                    .bind::<Text, _>(texts.join("\u{1}"))
                    .sql(", chr(1))")
            })
        }
    }
}
