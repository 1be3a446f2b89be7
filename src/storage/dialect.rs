//! Everything in which the databases differ.

use std::error::Error;

use diesel::connection::TransactionManager;
use diesel::prelude::*;

use super::{AnyConnection, Location};
use crate::base::fault::Fault;

type Failed = Box<dyn Error + Send + Sync>;

pub fn connect(location: &Location) -> Result<AnyConnection, Failed> {
    match location {
        #[cfg(feature = "sqlite")]
        Location::Sqlite(path) => connect_sqlite(path).map(AnyConnection::Sqlite),
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => {
            use secrecy::ExposeSecret;
            connect_postgres(url.expose_secret()).map(AnyConnection::Postgres)
        }
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        other => Err(format!(
            "this build has no {}: build it with that feature",
            other.describe()
        )
        .into()),
    }
}

/// A server that has gone silent is given up after some seconds; libpq alone would wait for as
/// long as the kernel does. What the URL itself says of a time counts.
#[cfg(feature = "postgres")]
fn connect_postgres(url: &str) -> Result<PgConnection, Failed> {
    use diesel::connection::SimpleConnection;

    let mut url = url.to_owned();
    for (key, value) in [("connect_timeout", "5"), ("tcp_user_timeout", "10000")] {
        if !url.contains(key) {
            let mark = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{mark}{key}={value}"));
        }
    }
    let mut connection = PgConnection::establish(&url).map_err(repeatable)?;
    connection.batch_execute("SET statement_timeout = '10s'")?;
    Ok(connection)
}

/// libpq quotes what it cannot read of a URL, which may be a part of the password. What it says
/// of a connection that it tried to make names host, port and user only.
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

/// `synchronous=FULL`: what was acknowledged survives a loss of power. The order matters: the
/// timeout first, because switching to WAL may have to wait for another process. What is deleted
/// is overwritten: somebody who has left is not to be read in the file.
#[cfg(feature = "sqlite")]
fn connect_sqlite(path: &std::path::Path) -> Result<SqliteConnection, Failed> {
    use std::os::unix::fs::OpenOptionsExt;

    use diesel::connection::SimpleConnection;

    // SQLite would make it readable for everyone; its WAL takes over the mode of this file. One
    // that exists must not be opened: closing it again drops every POSIX lock that this process
    // has on it, and another process then deletes the WAL under our other connections.
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let path = path
        .to_str()
        .ok_or("the path of the database is not UTF-8")?;
    let mut connection = SqliteConnection::establish(path)?;
    connection.batch_execute(
        "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
         PRAGMA secure_delete=ON;",
    )?;
    Ok(connection)
}

/// One transaction that may write. SQLite's begins IMMEDIATE: a deferred one that turns into a
/// writer later can fail with a stale snapshot, which no timeout cures.
pub fn write_transaction<T, E: From<Fault>>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    type Manager = <AnyConnection as diesel::Connection>::TransactionManager;
    begin(connection).map_err(|error| Fault::away("begin a transaction", error))?;
    match work(connection) {
        Ok(value) => {
            Manager::commit_transaction(connection)
                .map_err(|error| Fault::caused("commit", error))?;
            Ok(value)
        }
        Err(error) => {
            // A rollback that fails breaks the connection, and the pool drops it.
            Manager::rollback_transaction(connection).ok();
            Err(error)
        }
    }
}

fn begin(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            diesel::connection::AnsiTransactionManager::begin_transaction_sql(
                connection,
                "BEGIN IMMEDIATE",
            )
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            <PgConnection as diesel::Connection>::TransactionManager::begin_transaction(connection)
        }
    }
}

/// Moves what stands in SQLite's log into the file of the database, as far as nobody reads it.
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

/// Waiting for one's turn to migrate, and a migration of a large table, may take their time.
pub fn take_time(connection: &mut AnyConnection) -> Result<(), Fault> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => {}
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            diesel::sql_query("SET LOCAL statement_timeout = 0").execute(connection)?;
        }
    }
    Ok(())
}

/// Lets one process at a time go on until its transaction ends, also where a write transaction
/// alone does not. For what is done once in the life of an instance.
pub fn one_at_a_time(connection: &mut AnyConnection) -> Result<(), Fault> {
    match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            // Any number will do as long as it is ours: "doorward" in ASCII.
            diesel::sql_query("SELECT pg_advisory_xact_lock(7237125663627506276)")
                .execute(connection)?;
            Ok(())
        }
    }
}
