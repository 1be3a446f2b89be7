//! HTML pages: a struct for each template, beside its handler.

pub mod account;
pub mod activity;
pub mod admin;
pub mod audit;
mod confirm;
pub mod continue_link;
pub mod dashboard;
pub mod docs;
pub mod email;
pub mod files;
pub mod first_administrator;
pub mod home;
pub mod inspect;
pub mod login;
pub mod logout;
pub mod password;
mod profile;
pub mod sessions;
pub mod share;
pub mod signup;
pub mod verify;
pub mod work;

use super::page::{Answer, DASHBOARD, Page, next_page};
use super::problem::{NOT_FOUND, Problem};

/// A notice about links that a change did not close; empty if there are none.
fn stay_open(count: i64) -> String {
    match count {
        0 => String::new(),
        1 => " 1 link to files still works.".to_owned(),
        count => format!(" {count} links to files still work."),
    }
}

/// The part of an address that identifies the page of a list.
fn known<T>(
    asked: Option<String>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    match asked {
        Some(text) => parse(&text).map(Some).ok_or(NOT_FOUND),
        None => Ok(None),
    }
}
