//! PostgreSQL that admits clients by their certificates alone.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use diesel::prelude::*;
use rustix::process::{Pid, Signal, getuid, kill_process};

use super::*;
use crate::support::tools::{postgres, tool};
use crate::support::{Place, wait_until};

/// A PostgreSQL of the test's own.
struct Server {
    process: Child,
    port: u16,
    files: Files,
}

/// The folder of a server: its data and all certificates.
struct Files {
    folder: tempfile::TempDir,
    /// The account that owns it, if not the test's: PostgreSQL refuses to run as root.
    owner: Option<(u32, u32)>,
    openssl: String,
}

impl Files {
    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) {
        let ran = self.command(program, arguments).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }

    /// `NAME.pem` and `NAME.key`, issued by `issuer`, or by itself.
    fn certify(&self, name: &str, subject: &str, issuer: Option<&str>) {
        let file = |name: &str, kind: &str| format!("{name}.{kind}");
        let (certificate, key) = (file(name, "pem"), file(name, "key"));
        let subject = format!("/CN={subject}");
        let mut arguments = vec!["req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"];
        arguments.extend(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        arguments.extend(["-subj", &subject, "-addext", "subjectAltName=DNS:localhost"]);
        arguments.extend(["-out", &certificate, "-keyout", &key]);
        let by = issuer.map(|issuer| (file(issuer, "pem"), file(issuer, "key")));
        if let Some((certificate, key)) = &by {
            arguments.extend(["-CA", certificate, "-CAkey", key]);
        }
        self.run(&self.openssl, &arguments);
    }
}

impl Server {
    /// `None` where the suite runs on SQLite, or without the programs.
    fn start() -> Option<Self> {
        postgres()?;
        let programs = tool("PostgreSQL's programs", "DOORWARD_TEST_POSTGRES")?;
        let programs = Path::new(&programs);
        let openssl = tool("OpenSSL", "DOORWARD_TEST_OPENSSL")?;
        let folder = tempfile::tempdir().unwrap();
        let owner = getuid().is_root().then(|| (nobody("-u"), nobody("-g")));
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let files = Files {
            folder,
            owner,
            openssl,
        };
        files.certify("ca", "ca", None);
        files.certify("server", "localhost", Some("ca"));
        files.certify("client", "doorward", Some("ca"));
        let options = ["-D", "data", "-U", "doorward", "-E", "UTF8", "--no-locale"];
        let nobody_yet = ["--no-sync", "-A", "reject"];
        files.run(
            programs.join("initdb"),
            &[&options[..], &nobody_yet].concat(),
        );
        let admitted = "hostssl all all 127.0.0.1/32 cert\n";
        fs::write(files.folder.path().join("data/pg_hba.conf"), admitted).unwrap();
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let settings = [
            format!("--port={port}"),
            "--listen_addresses=127.0.0.1".to_owned(),
            "--unix_socket_directories=".to_owned(),
            "--fsync=off".to_owned(),
            "--ssl=on".to_owned(),
            "--ssl_ca_file=../ca.pem".to_owned(),
            "--ssl_cert_file=../server.pem".to_owned(),
            "--ssl_key_file=../server.key".to_owned(),
        ];
        let settings = settings.iter().map(String::as_str);
        let arguments: Vec<_> = ["-D", "data"].into_iter().chain(settings).collect();
        let process = files
            .command(programs.join("postgres"), &arguments)
            .stderr(fs::File::create(files.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            files,
        };
        let url = server.url("ca", Some("client"));
        wait_until("PostgreSQL accepts the certificate", || {
            PgConnection::establish(&url).is_ok()
        });
        Some(server)
    }

    /// For a client that trusts `root`, and has the certificate `client`.
    fn url(&self, root: &str, client: Option<&str>) -> String {
        let (port, folder) = (self.port, self.files.folder.path().display());
        let shown = client.map_or_else(String::new, |client| {
            format!("&sslcert={folder}/{client}.pem&sslkey={folder}/{client}.key")
        });
        format!(
            "postgres://doorward@localhost:{port}/postgres?sslmode=verify-full\
             &sslrootcert={folder}/{root}.pem{shown}"
        )
    }

    fn lines(&self, sql: &str) -> BTreeSet<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            line: String,
        }
        let url = self.url("ca", Some("client"));
        let mut connection = PgConnection::establish(&url).unwrap();
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut connection).unwrap();
        rows.into_iter().map(|row| row.line).collect()
    }

    /// The numbers of the certificates that others are connected with.
    fn serials(&self) -> BTreeSet<String> {
        self.lines(
            "SELECT client_serial::text AS line FROM pg_stat_ssl \
             WHERE client_dn = '/CN=doorward' AND pid <> pg_backend_pid()",
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.process), Signal::QUIT).ok();
        self.process.wait().ok();
    }
}

fn nobody(which: &str) -> u32 {
    let id = Command::new("id").args([which, "nobody"]).output().unwrap();
    String::from_utf8(id.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn the_database_admits_a_server_by_its_certificate_and_a_renewed_one_needs_no_restart() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut place = Place::on_sqlite();
    place.set("DOORWARD_DATABASE__URL", &server.url("ca", Some("client")));
    let serving = place.serve();
    let ada = program(&serving, "ada");
    assert_eq!(add_item(&ada, "an item").status, 201);
    let first = server.serials();
    assert_eq!(first.len(), 1, "{first:?}");

    server.files.certify("client", "doorward", Some("ca"));
    server.lines(
        "SELECT pg_terminate_backend(pid)::text AS line FROM pg_stat_ssl \
         WHERE ssl AND pid <> pg_backend_pid()",
    );
    wait_until("it is connected with the renewed one alone", || {
        let added = add_item(&ada, "an item").status == 201;
        let now = server.serials();
        added && now.len() == 1 && now.is_disjoint(&first)
    });
    let (status, _, stderr) = serving.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[test]
fn without_a_certificate_that_the_database_accepts_the_start_fails_and_says_why() {
    let Some(server) = Server::start() else {
        return;
    };
    server.files.certify("stranger", "doorward", None);
    server.files.certify("somebody", "somebody", Some("ca"));
    let mut place = Place::on_sqlite();
    for (url, why) in [
        (
            server.url("ca", None),
            "connection requires a valid client certificate",
        ),
        (server.url("ca", Some("stranger")), "unknown ca"),
        (
            server.url("ca", Some("somebody")),
            "certificate authentication failed for user \"doorward\"",
        ),
        (
            server.url("stranger", Some("client")),
            "certificate verify failed",
        ),
        // libpq sends none if the file is missing.
        (
            server.url("ca", Some("missing")),
            "connection requires a valid client certificate",
        ),
        (
            server
                .url("ca", Some("client"))
                .replace("verify-full", "disable"),
            "no pg_hba.conf entry",
        ),
    ] {
        place.set("DOORWARD_DATABASE__URL", &url);
        let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).ill(1);
        assert!(said.contains(why), "{why}: {said}");
    }
}
