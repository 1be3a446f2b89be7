//! The schema and its history, on every database; and what several servers on one of them need.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[cfg(feature = "postgres")]
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::base::clock::Clock;
use doorward::base::fault::Fault;
use doorward::storage::{self, Db, Location};
use secrecy::SecretString;

use crate::support::Schema;
use crate::support::door::meddle;
#[cfg(feature = "postgres")]
use crate::support::{Door, PASSWORD, tools::postgres, wait_until};

/// A database without a server, gone with its owner.
struct Empty {
    folder: tempfile::TempDir,
    schema: Option<Schema>,
}

impl Empty {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            schema: Schema::make(),
        }
    }

    fn location(&self) -> Location {
        let url = self
            .schema
            .as_ref()
            .map(|schema| SecretString::from(schema.url()));
        Location::parse(url.as_ref(), self.folder.path()).unwrap()
    }

    /// Every table, index and column, as the database tells it.
    fn tables(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let rows: Vec<Row> = match &self.schema {
            #[cfg(not(feature = "postgres"))]
            Some(_) => panic!("PostgreSQL needs the feature postgres"),
            #[cfg(feature = "postgres")]
            Some(schema) => {
                let mut connection = PgConnection::establish(&schema.url()).unwrap();
                diesel::sql_query(
                    "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, collation_name) AS line
                     FROM information_schema.columns WHERE table_schema = current_schema()
                     UNION SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY line",
                )
                .load(&mut connection)
            }
            None => {
                let path = self.folder.path().join("doorward.db");
                let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                diesel::sql_query("SELECT coalesce(sql, name) AS line FROM sqlite_schema ORDER BY line")
                    .load(&mut connection)
            }
        }
        .unwrap();
        rows.into_iter().map(|row| row.line).collect()
    }
}

/// The migrations of each database: names, and what stands in them.
fn migrations() -> BTreeMap<String, BTreeMap<String, [String; 2]>> {
    let names_in = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let of = |database: &String| {
        let folder = root.join(database);
        let steps = names_in(&folder).into_iter().map(|name| {
            let step = |file| fs::read_to_string(folder.join(&name).join(file)).unwrap();
            let steps = [step("up.sql"), step("down.sql")];
            (name, steps)
        });
        steps.collect()
    };
    names_in(&root)
        .into_iter()
        .map(|database| (database.clone(), of(&database)))
        .collect()
}

#[test]
fn every_database_has_the_same_migrations_and_each_leads_both_ways() {
    let all = migrations();
    assert!(all.len() > 1, "{:?}", all.keys());
    let names = |database: &str| all[database].keys().collect::<Vec<_>>();
    for (database, steps) in &all {
        assert_eq!(names(database), names("sqlite"), "{database}");
        for (name, [up, down]) in steps {
            assert!(
                !up.trim().is_empty() && !down.trim().is_empty(),
                "{database}/{name}"
            );
        }
    }
}

#[test]
fn a_transaction_has_one_time_which_it_reads_when_it_first_needs_it() {
    let (database, seconds) = (Empty::new(), Arc::new(AtomicI64::new(1)));
    let clock = Clock::Fixed(seconds.clone());
    let db = Db::open_renewed(database.location(), clock, |_| Ok(())).unwrap();
    let times = db.write(move |tx| {
        seconds.store(2, Ordering::Relaxed);
        let first = tx.now();
        seconds.store(3, Ordering::Relaxed);
        Ok::<_, Fault>([first, tx.now()])
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(times).unwrap(), [2, 2]);
}

#[test]
fn the_schema_goes_up_down_and_up_again_and_is_the_same() {
    let database = Empty::new();
    drop(Db::open(database.location()).unwrap());
    let first = database.tables();
    assert!(first.len() > 5, "{first:?}");
    // A system's own order changes with its C library, and indexes would not be what they were.
    let of_the_system = |line: &&String| line.contains(" text ") && !line.ends_with(" C");
    assert_eq!(first.iter().find(of_the_system), None);
    for _ in 0..2 {
        storage::reset(&database.location()).unwrap();
        assert_eq!(database.tables(), first);
        // Nothing is left to do.
        drop(Db::open(database.location()).unwrap());
        assert_eq!(database.tables(), first);
    }
}

#[test]
fn looking_at_a_database_says_what_is_to_come_and_changes_nothing() {
    let database = Empty::new();
    let before = database.tables();
    let (_, pending) = Db::look(database.location()).unwrap();
    assert_eq!(pending, migrations()["sqlite"].len());
    assert_eq!(database.tables(), before);
    drop(Db::open(database.location()).unwrap());
    assert_eq!(Db::look(database.location()).unwrap().1, 0);
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let database = Empty::new();
    drop(Db::open(database.location()).unwrap());
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')";
    let file = database.folder.path().join("doorward.db");
    meddle(&database.schema, &file, newer);
    let before = database.tables();
    let refusals = [
        Db::open(database.location()).map(drop),
        Db::look(database.location()).map(drop),
        storage::reset(&database.location()),
    ];
    for refused in refusals {
        let fault = refused.unwrap_err().to_string();
        assert!(fault.contains("29991231000000"), "{fault}");
    }
    assert_eq!(database.tables(), before);
}

#[test]
fn servers_that_start_at_once_make_one_schema() {
    let database = Empty::new();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Db::open(database.location()).map(drop)))
            .collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
    });
    assert_eq!(Db::look(database.location()).unwrap().1, 0);
}

/// What holds back two servers until both are at the same point: only PostgreSQL lets one hold
/// a single row.
#[cfg(feature = "postgres")]
#[test]
fn two_links_that_are_used_at_once_do_not_lock_each_other_out_on_postgresql() {
    if postgres().is_none() {
        return;
    }
    let door = Door::open();
    let url = door.database_url().unwrap();
    let (one, two) = (door.another(), door.another());
    let mut holder = PgConnection::establish(&url).unwrap();
    // The link of the first server: all others go with the one that is used.
    holder
        .batch_execute("BEGIN; SELECT 1 FROM one_time_tokens ORDER BY ctid LIMIT 1 FOR UPDATE")
        .unwrap();
    let members = [(one.signed_up("ada"), &one), (two.signed_up("bob"), &two)];
    let statuses = std::thread::scope(|scope| {
        let uses = members.map(|(member, server)| {
            let link = server.first_administrator.clone().unwrap();
            let token = link.split_once("token=").unwrap().1.to_owned();
            scope.spawn(move || {
                member
                    .post_own("/first-administrator", &[("token", &token)])
                    .status
            })
        });
        let mut watch = PgConnection::establish(&url).unwrap();
        wait_until("both wait", || waiting(&mut watch) == 2);
        holder.batch_execute("ROLLBACK").unwrap();
        let mut statuses = uses.map(|used| used.join().unwrap());
        statuses.sort();
        statuses
    });
    assert_eq!(statuses, [303, 410]);
    assert_eq!(door.browser().sign_in("ada", PASSWORD).status, 303);
}

/// How many transactions on this schema's tables, or behind one that is, wait for a lock.
#[cfg(feature = "postgres")]
fn waiting(connection: &mut PgConnection) -> i64 {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(WITH RECURSIVE ours AS (
            SELECT pid FROM pg_locks WHERE relation = 'one_time_tokens'::regclass AND pid <> pg_backend_pid()
            UNION SELECT waits.pid FROM pg_stat_activity AS waits, ours WHERE ours.pid = ANY (pg_blocking_pids(waits.pid))
        ) SELECT count(DISTINCT pid) FROM ours WHERE cardinality(pg_blocking_pids(pid)) > 0)",
    ))
    .get_result(connection)
    .unwrap()
}

/// A database of its own on the server of the tests, and an account of the server that may make
/// tables there and no extension.
#[cfg(feature = "postgres")]
struct Plain {
    server: PgConnection,
    name: String,
    url: String,
}

#[cfg(feature = "postgres")]
impl Plain {
    fn make() -> Option<Self> {
        let server = postgres()?;
        let name = format!("plain_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::establish(&server).unwrap();
        for statement in [
            format!("CREATE DATABASE {name}"),
            format!("CREATE ROLE {name} LOGIN PASSWORD 'canary-{name}'"),
        ] {
            connection.batch_execute(&statement).unwrap();
        }
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        let mut inside = PgConnection::establish(url.as_str()).unwrap();
        inside
            .batch_execute(&format!("GRANT CREATE ON SCHEMA public TO {name}"))
            .unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some(&format!("canary-{name}"))).unwrap();
        Some(Self {
            server: connection,
            name,
            url: url.into(),
        })
    }
}

#[cfg(feature = "postgres")]
impl Drop for Plain {
    fn drop(&mut self) {
        let name = &self.name;
        for statement in [
            format!("DROP DATABASE {name} WITH (FORCE)"),
            format!("DROP ROLE {name}"),
        ] {
            self.server.batch_execute(&statement).unwrap();
        }
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_postgresql_account_that_may_create_no_extension_has_searches_too() {
    let Some(plain) = Plain::make() else {
        return;
    };
    let door = Door::with(&[("database.url", &plain.url)]);
    door.signed_up("ada");
    let indexes = |inside: &mut PgConnection| {
        let count = "(SELECT count(*) FROM pg_indexes WHERE indexname IN ('accounts_names', 'files_search'))";
        let count = diesel::dsl::sql::<diesel::sql_types::BigInt>(count);
        diesel::select(count).get_result::<i64>(inside).unwrap()
    };
    let mut inside = PgConnection::establish(&plain.url).unwrap();
    assert_eq!(indexes(&mut inside), 0);
    inside
        .batch_execute("UPDATE accounts SET role = 'administrator'")
        .unwrap();
    let root = door.browser();
    assert_eq!(root.sign_in("ada", PASSWORD).status, 303);
    let found = root.get("/admin/accounts?q=da@exam");
    assert_eq!(found.text("tbody th a"), "ada");
}
