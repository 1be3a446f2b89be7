//! PgBouncer in transaction mode in front of PostgreSQL.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use url::Url;

use super::*;
use crate::support::tools::{postgres, tool};
use crate::support::{Place, wait_until};

/// A PgBouncer with a database of its own behind it, both gone with their owner.
struct Pooler {
    process: Child,
    server: String,
    database: String,
    url: String,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// `None` where the suite runs on SQLite, or without PgBouncer.
    fn start() -> Option<Self> {
        let server = postgres()?;
        let program = tool("pgbouncer", "DOORWARD_TEST_PGBOUNCER")?;
        let database = format!("door_{}", uuid::Uuid::new_v4().simple());
        run(&server, &format!("CREATE DATABASE {database}"));
        let url = Url::parse(&server).unwrap();
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let folder = tempfile::tempdir().unwrap();
        // It does not run as root, so another account has to read its settings.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let (host, user) = (url.host_str().unwrap(), url.username());
        let (to, password) = (url.port().unwrap_or(5432), url.password().unwrap());
        fs::write(
            &settings,
            format!(
                "[databases]\ndoor = host={host} port={to} dbname={database} user={user} password={password}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
            ),
        )
        .unwrap();
        let mut command = Command::new(program);
        if rustix::process::getuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let process = command
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("PgBouncer listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            process,
            server,
            database,
            url: format!("postgres://ada@127.0.0.1:{port}/door"),
            _folder: folder,
        })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        run(
            &self.server,
            &format!("DROP DATABASE {} WITH (FORCE)", self.database),
        );
    }
}

fn run(server: &str, sql: &str) {
    let mut connection = PgConnection::establish(server).unwrap();
    connection.batch_execute(sql).unwrap();
}

#[test]
fn twelve_clients_are_served_through_a_pooler_in_transaction_mode() {
    let Some(pooler) = Pooler::start() else {
        return;
    };
    let mut place = Place::on_sqlite();
    place.set("DOORWARD_DATABASE__URL", &pooler.url);
    place.set("DOORWARD_DATABASE__POOLER", "transaction");
    // One address alone has a quarter of the queue for hashes.
    place.set("DOORWARD_PROXIES__TRUSTED", "127.0.0.1");
    place.run(&["migrate"]).well();
    place.run(&["doctor"]).well();
    let serving = place.serve();
    std::thread::scope(|scope| {
        for person in 0..12 {
            let serving = &serving;
            scope.spawn(move || {
                let name = format!("ada-{person}");
                let address = format!("198.51.100.{person}");
                let from = |client: Browser| client.with("x-forwarded-for", &address);
                let browser = from(serving.browser());
                let email = format!("{name}@example.com");
                assert_eq!(browser.sign_up(&name, &email, PASSWORD).status, 303);
                let program = from(Browser::program(&serving.url(), None));
                let granted = sign_in(&program, &name);
                assert_eq!(granted.status, 201, "{}", granted.body);
                let refresh = json!({"refresh_token": granted.json()["refresh_token"]});
                let refreshed = program.send_json("POST", "/api/tokens/refresh", &refresh);
                assert_eq!(refreshed.status, 200, "{}", refreshed.body);
                let access = refreshed.json()["access_token"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                let holder = Browser::program(&serving.url(), Some(&access));
                for n in 0..8 {
                    let made = add_item(&holder, &format!("item {n}"));
                    assert_eq!(made.status, 201, "{}", made.body);
                    let at = format!("/api/work-items/{}", made.json()["id"].as_str().unwrap());
                    let done = json!({"done": true});
                    let changed = holder.send_json("PATCH", &at, &done);
                    assert_eq!(changed.status, 200, "{}", changed.body);
                    assert_eq!(holder.get("/api/work-items").status, 200);
                }
                assert_eq!(browser.sign_out().status, 303);
                assert!(!browser.is_signed_in());
            });
        }
    });
    let (status, _, stderr) = serving.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("ERROR"), "{stderr}");
    // Connections of the pooler keep no setting of ours.
    let setting = "SHOW statement_timeout";
    let mut connection = PgConnection::establish(&pooler.url).unwrap();
    assert_eq!(shown(&mut connection, setting), "0");
}

#[test]
fn a_server_that_does_not_know_of_the_pooler_names_the_setting() {
    let Some(pooler) = Pooler::start() else {
        return;
    };
    let mut place = Place::on_sqlite();
    place.set("DOORWARD_DATABASE__URL", &pooler.url);
    place.run(&["migrate"]);
    // Which of them meets a statement of the other is for the pooler to decide.
    let met = (0..8).any(|_| {
        let ran = place.run(&["account", "list"]);
        ran.stderr.contains("set database.pooler to transaction")
    });
    assert!(met);
}

fn shown(connection: &mut PgConnection, sql: &str) -> String {
    use diesel::prelude::*;

    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        statement_timeout: String,
    }
    connection.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
    let row: Row = diesel::sql_query(sql).get_result(connection).unwrap();
    row.statement_timeout
}
