//! Where a server listens, and whose address it sees there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PASSWORD, Place, Serving, status_of, wait_until};

const GET: &str = "GET /public HTTP/1.1\r\nhost: door.test\r\nconnection: close\r\n\r\n";

/// Ends with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Server {
    fn on_socket(place: &Place, listen: &str, file: &Path) -> Self {
        let child = place
            .command(&["serve", "--listen", listen])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        wait_until("it listens", || UnixStream::connect(file).is_ok());
        // It serves once it has answered.
        assert_eq!(status_of(&ask(file, GET)), "200");
        server
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

fn ask(file: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(file).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_unix_socket_serves_a_proxy_and_goes_with_the_server() {
    let mut place = Place::new();
    place.set("DOORWARD_BASE_URL", "http://door.test");
    let file = place.path("door.sock");
    for listen in ["unix:door.sock", file.to_str().unwrap()] {
        let server = Server::on_socket(&place, listen, &file);
        let found = std::fs::metadata(&file).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o660);
        assert_eq!(status_of(&ask(&file, GET)), "200");
        let doctor = place.run(&["doctor", "--set", &format!("listen={listen}")]);
        assert!(doctor.stdout.contains("ok    address"), "{}", doctor.stdout);

        let second = place.run(&["serve", "--listen", listen]).ill(1);
        assert!(second.contains("another program listens there"), "{second}");
        assert_eq!(status_of(&ask(&file, GET)), "200", "it was left alone");
        server.end();
        assert!(!file.exists());
    }
}

#[test]
fn a_client_of_the_unix_socket_is_a_trusted_proxy() {
    let mut place = Place::new();
    place.set("DOORWARD_BASE_URL", "http://door.test");
    let file = place.path("door.sock");
    let server = Server::on_socket(&place, "unix:door.sock", &file);
    let sign_up = format!("username=ada&email=ada%40example.com&password={PASSWORD}");
    let head = "POST /signup HTTP/1.1\r\nhost: door.test\r\naccept: text/html\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\n\
                x-forwarded-for: 192.0.2.66, 198.51.100.7:44321";
    let length = sign_up.len();
    let answer = ask(
        &file,
        &format!("{head}\r\ncontent-length: {length}\r\n\r\n{sign_up}"),
    );
    assert_eq!(status_of(&answer), "303", "{answer}");
    assert_eq!(
        place.lines("SELECT address AS line FROM sessions"),
        ["198.51.100.7"]
    );
    server.end();
}

#[test]
fn a_stale_socket_is_replaced_and_no_other_file_is() {
    let mut place = Place::on_sqlite();
    let needed = place
        .run(&["config", "show", "--listen", "unix:door.sock"])
        .ill(2);
    assert!(needed.contains("base_url: must be set"), "{needed}");
    place.set("DOORWARD_BASE_URL", "http://door.test");
    let file = place.path("door.sock");
    // As a server leaves it that was killed.
    drop(UnixListener::bind(&file).unwrap());
    assert!(file.exists());
    Server::on_socket(&place, "unix:door.sock", &file).end();
    place.write("door.sock", "kept");
    let refused = place.run(&["serve", "--listen", "unix:door.sock"]).ill(1);
    assert!(refused.contains("not a socket"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    let nowhere = place
        .run(&["serve", "--listen", "unix:nowhere/door.sock"])
        .ill(1);
    assert!(nowhere.contains("the folder nowhere"), "{nowhere}");
}

#[test]
fn a_name_is_listened_on_at_each_of_its_addresses() {
    let place = Place::new();
    let mut serving = Serving::start(&mut place.command(&["--listen", "localhost:0"]));
    let port = serving.address.port();
    assert_eq!(
        serving.line(),
        format!("Doorward is ready at http://localhost:{port}")
    );
    let has_v6 = TcpListener::bind("[::1]:0").is_ok();
    let resolves_to_v6 = std::net::ToSocketAddrs::to_socket_addrs("localhost:1")
        .unwrap()
        .any(|address| address.is_ipv6());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    if has_v6 && resolves_to_v6 {
        assert!(TcpStream::connect(("::1", port)).is_ok());
    }
    let unknown = place
        .run(&["serve", "--listen", "nowhere.invalid:8080"])
        .ill(1);
    assert!(
        unknown.contains("the name nowhere.invalid has no address"),
        "{unknown}"
    );
}
