//! A database that is lost, silent or out of space: what is answered meanwhile, and that nothing
//! that was acknowledged is lost.

#[cfg(feature = "postgres")]
mod certificates;
#[cfg(feature = "postgres")]
mod pooler;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use serde_json::json;

use crate::support::{Browser, PASSWORD, Reply, Serving};

fn signed_up(serving: &Serving, name: &str) -> Browser {
    let browser = serving.browser();
    let reply = browser.sign_up(name, &format!("{name}@example.com"), PASSWORD);
    assert_eq!(reply.status, 303, "{}", reply.body);
    browser
}

fn program(serving: &Serving, name: &str) -> Browser {
    Browser::program(&serving.url(), Some(&signed_up(serving, name).access()))
}

fn add_item(who: &Browser, title: &str) -> Reply {
    who.send_json("POST", "/api/work-items", &json!({"title": title}))
}

fn sign_in(program: &Browser, name: &str) -> Reply {
    let body = json!({"username": name, "password": PASSWORD});
    program.send_json("POST", "/api/sessions", &body)
}
