//! A real server on a port of its own, with a database of its own and a stopped clock.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use doorward::app::{self, Services};
use doorward::base::clock::Clock;
use doorward::config::Config;
use doorward::storage::{Db, Location};
use secrecy::{ExposeSecret, SecretString};

use super::browser::reach_by;
use super::{Browser, NOON, PASSWORD, log};

pub struct Door {
    pub url: String,
    pub address: SocketAddr,
    /// The one-time link of the console.
    pub first_administrator: Option<String>,
    /// Where the metrics are served.
    pub metrics: Option<SocketAddr>,
    home: Arc<Home>,
    clock: Arc<AtomicI64>,
    settings: Vec<(String, String)>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What outlives a restart: the data folder, and on PostgreSQL the schema.
struct Home {
    folder: tempfile::TempDir,
    database: Option<Schema>,
}

/// A schema on the PostgreSQL server that `scripts/test` started, deleted with its owner.
pub struct Schema {
    server: String,
    name: String,
}

impl Door {
    pub fn open() -> Self {
        Self::with(&[])
    }

    pub fn with(settings: &[(&str, &str)]) -> Self {
        let home = Home {
            folder: tempfile::tempdir().unwrap(),
            database: Schema::make(),
        };
        let settings = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Self::start(Arc::new(home), Arc::new(AtomicI64::new(NOON)), settings)
    }

    /// Another server on the same database, with the same secret and clock.
    pub fn another(&self) -> Self {
        self.another_with(&[])
    }

    /// Another server whose clock is ahead by some seconds.
    pub fn another_ahead_by(&self, seconds: i64) -> Self {
        let clock = AtomicI64::new(self.clock.load(Ordering::Relaxed) + seconds);
        let mut settings = self.settings.clone();
        settings.push(("base_url".into(), self.url.clone()));
        Self::start(self.home.clone(), Arc::new(clock), settings)
    }

    pub fn another_with(&self, settings: &[(&str, &str)]) -> Self {
        let own = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        // A token is for one issuer: both have to be reached under one name.
        let mut settings = self.settings.clone();
        settings.push(("base_url".into(), self.url.clone()));
        settings.extend(own);
        Self::start(self.home.clone(), self.clock.clone(), settings)
    }

    /// The same server after a restart, under the same name.
    pub fn restart(self) -> Self {
        self.restart_with(&[])
    }

    pub fn restart_with(mut self, settings: &[(&str, &str)]) -> Self {
        self.stop();
        self.another_with(settings)
    }

    pub fn browser(&self) -> Browser {
        Browser::at(&self.local_url())
    }

    /// A program without a token, or with this one.
    pub fn program(&self, bearer: Option<&str>) -> Browser {
        Browser::program(&self.local_url(), bearer)
    }

    /// A browser in which `username` has just signed up.
    pub fn signed_up(&self, username: &str) -> Browser {
        let browser = self.browser();
        let email = format!("{username}@example.com");
        // No account can sign up by a reserved name.
        let free = if username == "root" {
            "root-to-be"
        } else {
            username
        };
        let reply = browser.sign_up(free, &email, PASSWORD);
        assert_eq!(reply.status, 303, "{}", reply.body);
        if free == username {
            return browser;
        }
        self.sql(&format!(
            "UPDATE accounts SET username = '{username}', username_key = '{username}' \
             WHERE username = '{free}'"
        ));
        browser.sign_out();
        assert_eq!(browser.sign_in(username, PASSWORD).status, 303);
        browser
    }

    pub fn let_pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    /// What its clock shows.
    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub fn data_dir(&self) -> &Path {
        self.home.folder.path()
    }

    /// `None` where it is a file in the data folder.
    pub fn database_url(&self) -> Option<String> {
        self.home.database.as_ref().map(Schema::url)
    }

    /// The database, beside the server.
    pub fn database(&self) -> Db {
        let url = self.database_url().map(SecretString::from);
        Db::open(Location::parse(url.as_ref(), self.data_dir()).unwrap()).unwrap()
    }

    /// The address that it listens on, whatever its base URL says.
    pub fn local_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the database while the server uses it.
    pub fn sql(&self, sql: &str) {
        meddle(
            &self.home.database,
            &self.data_dir().join("doorward.db"),
            sql,
        );
    }

    /// Every `line` that a query has.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        lines(
            &self.home.database,
            &self.data_dir().join("doorward.db"),
            sql,
        )
    }

    /// The number that a query has as `n`.
    pub fn number(&self, sql: &str) -> i64 {
        self.lines(&as_line(sql))[0].parse().unwrap()
    }

    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The server has been told, whether the future is polled or not.
            drop(self.handle.stop(false));
            thread.join().unwrap();
        }
    }

    fn start(home: Arc<Home>, clock: Arc<AtomicI64>, settings: Vec<(String, String)>) -> Self {
        log::start();
        let mut all: Vec<(&str, &str)> = vec![
            ("passwords.bcrypt_cost", "4"),
            // Every client of a test comes from one address.
            ("limits.account", "off"),
            ("limits.address", "off"),
            ("limits.sign_up_address", "off"),
        ];
        let folder = home.folder.path().to_str().unwrap();
        all.push(("data_dir", folder));
        let url = home.database.as_ref().map(Schema::url);
        all.extend(url.as_deref().map(|url| ("database.url", url)));
        all.extend(
            settings
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        let config = Config::of(&all).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ready, is_ready) = mpsc::channel();
        let time = Clock::Fixed(clock.clone());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let services = Services::prepare(config, time).unwrap();
                let door = app::start(services, listener.into(), None).await.unwrap();
                let link = door
                    .first_administrator
                    .map(|link| link.expose_secret().to_owned());
                ready
                    .send((door.base_url, link, door.http.handle(), door.metrics))
                    .unwrap();
                door.http.await.unwrap();
            });
        });
        let (url, first_administrator, handle, metrics) =
            is_ready.recv().expect("the server starts");
        let url = url.as_str().to_owned();
        reach_by(&format!("http://{address}"), &url);
        Self {
            url,
            address,
            first_administrator,
            metrics,
            home,
            clock,
            settings,
            handle,
            thread: Some(thread),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Schema {
    /// `None` where the suite runs on SQLite.
    pub fn make() -> Option<Self> {
        let server = std::env::var("DOORWARD_TEST_DATABASE").ok()?;
        let name = format!("door_{}", uuid::Uuid::new_v4().simple());
        let schema = Self { server, name };
        schema.run(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    pub fn url(&self) -> String {
        let mark = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{mark}options=-csearch_path%3D{}", self.server, self.name)
    }

    #[cfg(feature = "postgres")]
    fn run(&self, sql: &str) {
        let mut connection = diesel::PgConnection::establish(&self.server).unwrap();
        connection.batch_execute(sql).unwrap();
    }

    #[cfg(not(feature = "postgres"))]
    fn run(&self, _: &str) {
        panic!("DOORWARD_TEST_DATABASE needs the feature postgres");
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

pub fn meddle(database: &Option<Schema>, file: &Path, sql: &str) {
    match database {
        Some(schema) => schema.run(&format!("SET search_path TO {}; {sql}", schema.name)),
        None => SqliteConnection::establish(file.to_str().unwrap())
            .unwrap()
            .batch_execute(&format!("PRAGMA busy_timeout=5000; {sql}"))
            .unwrap(),
    }
}

/// Every `line` that a query has.
pub fn lines(database: &Option<Schema>, file: &Path, sql: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        line: String,
    }
    let query = diesel::sql_query(sql);
    let rows: Vec<Row> = match database {
        #[cfg(feature = "postgres")]
        Some(schema) => {
            let mut connection = diesel::PgConnection::establish(&schema.url()).unwrap();
            query.load(&mut connection).unwrap()
        }
        #[cfg(not(feature = "postgres"))]
        Some(_) => panic!("PostgreSQL needs the feature postgres"),
        None => {
            let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            connection
                .batch_execute("PRAGMA busy_timeout=5000")
                .unwrap();
            query.load(&mut connection).unwrap()
        }
    };
    rows.into_iter().map(|row| row.line).collect()
}

/// The number that a query has as `n`, as its only line.
pub fn as_line(sql: &str) -> String {
    format!("SELECT CAST(n AS TEXT) AS line FROM ({sql}) AS asked")
}

/// The binary, for tests that need a process.
pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_doorward"))
}
