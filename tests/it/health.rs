//! What a load balancer is told.

use serde_json::json;

use crate::support::{Browser, Door, Place, wait_until};

pub fn ready(url: &str) -> (u16, serde_json::Value) {
    let reply = Browser::sending(url, &[]).get("/readyz");
    (reply.status, reply.json()["failed"].clone())
}

#[test]
fn a_server_that_can_serve_is_alive_and_ready() {
    let door = Door::open();
    let anyone = Browser::sending(&door.local_url(), &[]);
    assert_eq!(anyone.get("/healthz").json(), json!({"status": "ok"}));
    assert_eq!(ready(&door.local_url()), (200, json!([])));
    assert_eq!(anyone.head("/readyz").status, 200);
    assert_eq!(
        anyone.get("/readyz").header("cache-control"),
        Some("no-store")
    );
}

#[test]
fn a_server_without_its_database_is_alive_and_not_ready() {
    let place = Place::on_sqlite();
    let serving = place.serve();
    assert_eq!(ready(&serving.url()), (200, json!([])));
    std::fs::rename(place.path("data/doorward.db"), place.path("data/moved.db")).unwrap();
    wait_until("it is not ready", || {
        ready(&serving.url()) == (503, json!(["database"]))
    });
    assert_eq!(serving.browser().get("/healthz").status, 200);
}

#[test]
fn a_server_that_cannot_read_its_keys_is_not_ready() {
    let door = Door::open();
    door.sql("ALTER TABLE signing_keys RENAME TO gone");
    wait_until("it is not ready", || {
        ready(&door.local_url()) == (503, json!(["keys"]))
    });
    door.sql("ALTER TABLE gone RENAME TO signing_keys");
    wait_until("it is ready again", || ready(&door.local_url()).0 == 200);
}

#[test]
fn a_server_that_stops_is_not_ready() {
    let place = Place::new();
    let serving = place.serve();
    // Held open, so that the server waits for it.
    let held = std::net::TcpStream::connect(serving.address).unwrap();
    let url = serving.url();
    assert_eq!(ready(&url).0, 200);
    serving.signal(rustix::process::Signal::TERM);
    wait_until("it is not ready", || {
        ready(&url) == (503, json!(["stopping"]))
    });
    drop(held);
}
