//! The schema's history. Migrations have the same names for every database and are never
//! edited after they landed.

use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{AnyConnection, dialect};
use crate::base::fault::Fault;

#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Brings the schema up to date and its rows with it, by `renew`: both or neither. Several servers
/// may start at once.
pub fn run(
    connection: &mut AnyConnection,
    renew: impl FnOnce(&mut AnyConnection) -> Result<(), Fault>,
) -> Result<(), Fault> {
    alone(connection, |connection| {
        match connection {
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => up(connection, SQLITE),
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => up(connection, POSTGRES),
        }?;
        Ok(renew(connection)?)
    })
}

/// Reverts all migrations, which deletes all data, and applies them again.
pub fn reset(connection: &mut AnyConnection) -> Result<(), Fault> {
    alone(connection, |connection| match connection {
        #[cfg(feature = "sqlite")]
        AnyConnection::Sqlite(connection) => {
            down(connection, SQLITE).and_then(|()| up(connection, SQLITE))
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => {
            down(connection, POSTGRES).and_then(|()| up(connection, POSTGRES))
        }
    })
}

/// The number of pending migrations.
pub fn pending(connection: &mut AnyConnection) -> Result<usize, Fault> {
    let mut found = None;
    // Rolled back, because diesel creates the table of migrations in order to read it.
    let only_looked: Result<(), Fault> = alone(connection, |connection| {
        found = Some(match connection {
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => to_come(connection, SQLITE)?,
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => to_come(connection, POSTGRES)?,
        });
        Err("only looked".into())
    });
    found.map_or_else(|| only_looked.map(|()| 0), Ok)
}

fn to_come<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<usize, Failed>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_a_newer_schema(connection, &source)?;
    Ok(connection.pending_migrations(source)?.len())
}

fn alone(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<(), Failed>,
) -> Result<(), Fault> {
    dialect::write_transaction(
        connection,
        false,
        || true,
        |connection| {
            dialect::begin_migration(connection)?;
            work(connection).map_err(|error| {
                let what = "the database's schema cannot be brought up to date";
                Fault::caused(dialect::pooler_in_between(&*error).unwrap_or(what), error)
            })
        },
    )
}

fn up<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<(), Failed>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_a_newer_schema(connection, &source)?;
    connection.run_pending_migrations(source).map(drop)
}

fn down<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<(), Failed>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    connection.revert_all_migrations(source).map(drop)
}

fn refuse_a_newer_schema<DB: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<(), Failed>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known: Vec<_> = MigrationSource::<DB>::migrations(source)?
        .iter()
        .map(|migration| migration.name().version().as_owned())
        .collect();
    let applied = connection.applied_migrations()?;
    match applied.iter().find(|version| !known.contains(version)) {
        Some(version) => Err(format!("it has the migration {version}, which this version of Doorward does not know: a newer one wrote it").into()),
        None => Ok(()),
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::storage::Location;

    #[test]
    fn the_schema_goes_up_down_and_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("up-down-up.db"));
        let mut connection = dialect::connect(&location).unwrap();
        for _ in 0..2 {
            run(&mut connection, |_| Ok(())).unwrap();
            reset(&mut connection).unwrap();
        }
    }
}
