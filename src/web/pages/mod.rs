//! HTML pages: a struct for each template, beside its handler.

mod account;
mod activity;
mod admin;
mod audit;
mod confirm;
mod confirm_email;
mod continue_link;
mod dashboard;
pub mod docs;
mod email;
mod events;
pub mod export;
mod files;
mod first_administrator;
mod forgot;
mod home;
mod inspect;
mod invitation;
mod invites;
mod limits;
pub mod login;
mod logout;
mod mail;
mod not_me;
mod password;
mod profile;
mod reset;
mod sessions;
mod share;
mod sign_in_link;
pub mod signup;
mod undo;
mod verify;
mod work;

use files::{file, links, several, shelf};

use super::guard::Routes;
use super::page::{Answer, DASHBOARD, Page, next_page};
use super::problem::{NOT_FOUND, Problem};
use super::proof::{
    ADMINISTRATOR, ONE_TIME, OPEN, PUBLIC, PUBLIC_TOKEN, RECENT, RECENT_ADMINISTRATOR, SIGNED_IN,
    SIGNED_IN_OR_LINK,
};

/// Every page, with who may use it.
pub fn routes(routes: &mut Routes<'_>) {
    routes.at("/", |at| at.get(OPEN, home::show));
    routes.at("/public", |at| at.get(OPEN, home::public));
    routes.at("/signup", |at| {
        at.get(OPEN, signup::show).post(OPEN, signup::submit)
    });
    routes.at("/login", |at| {
        at.get(OPEN, login::show).post(OPEN, login::submit)
    });
    routes.at("/login/continue", |at| at.post(OPEN, continue_link::submit));
    routes.at("/forgot", |at| {
        at.get(OPEN, forgot::show).post(OPEN, forgot::submit)
    });
    routes.at("/reset", |at| {
        at.get(ONE_TIME, reset::show).post(OPEN, reset::submit)
    });
    routes.at("/logout", |at| at.post(OPEN, logout::submit));
    routes.at("/dashboard", |at| {
        at.get(SIGNED_IN_OR_LINK, dashboard::show)
    });
    routes.at("/account", |at| at.get(SIGNED_IN, account::show));
    routes.at("/account/password", |at| {
        at.get(SIGNED_IN, password::show)
            .post(SIGNED_IN, password::submit)
    });
    routes.at("/.well-known/change-password", |at| {
        at.get(PUBLIC, password::show_way)
    });
    routes.at("/account/email", |at| {
        at.get(RECENT, email::show).post(RECENT, email::submit)
    });
    routes.at("/account/verify", |at| {
        at.get(SIGNED_IN, verify::show)
            .post(SIGNED_IN, verify::submit)
    });
    routes.at("/account/sessions", |at| at.get(SIGNED_IN, sessions::show));
    routes.at("/account/sessions/others", |at| {
        at.get(RECENT, sessions::ask_to_end_others)
            .post(RECENT, sessions::end_others)
    });
    routes.at("/account/sessions/{id}", |at| {
        at.get(RECENT, sessions::ask_to_end)
            .post(RECENT, sessions::end)
    });
    routes.at("/account/activity", |at| at.get(SIGNED_IN, activity::show));
    routes.at("/account/shares", |at| {
        at.get(SIGNED_IN, account::ask_to_revoke_shares)
            .post(SIGNED_IN, account::revoke_shares)
    });
    routes.at("/account/export", |at| {
        at.get(RECENT, export::show).post(RECENT, export::send)
    });
    routes.at("/account/delete", |at| {
        at.get(RECENT, account::ask_to_delete)
            .post(RECENT, account::delete)
    });
    routes.at("/admin", |at| at.get(ADMINISTRATOR, admin::overview));
    routes.at("/admin/audit", |at| at.get(ADMINISTRATOR, audit::list));
    routes.at("/admin/limits", |at| {
        at.get(ADMINISTRATOR, limits::show)
            .post(RECENT_ADMINISTRATOR, limits::clear)
    });
    routes.at("/admin/mail", |at| at.get(ADMINISTRATOR, mail::list));
    routes.at("/admin/mail/{id}/retry", |at| {
        at.post(RECENT_ADMINISTRATOR, mail::retry)
    });
    routes.at("/admin/mail/{id}/delete", |at| {
        at.get(RECENT_ADMINISTRATOR, mail::ask_to_delete)
            .post(RECENT_ADMINISTRATOR, mail::delete)
    });
    routes.at("/admin/accounts", |at| at.get(ADMINISTRATOR, admin::list));
    routes.at("/admin/accounts/{id}", |at| {
        at.get(ADMINISTRATOR, admin::show)
            .post(RECENT_ADMINISTRATOR, admin::rename)
    });
    routes.at("/admin/accounts/{id}/trust", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::trust)
    });
    routes.at("/admin/accounts/{id}/state", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::set_state)
    });
    routes.at("/admin/accounts/{id}/quota", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::set_quota)
    });
    routes.at("/admin/accounts/{id}/shares", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::revoke_shares)
    });
    routes.at("/admin/accounts/{id}/sign-out", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::sign_out)
    });
    routes.at("/admin/accounts/{id}/reset", |at| {
        at.post(RECENT_ADMINISTRATOR, admin::send_reset)
    });
    routes.at("/admin/accounts/{id}/delete", |at| {
        at.get(RECENT_ADMINISTRATOR, admin::ask_to_delete)
            .post(RECENT_ADMINISTRATOR, admin::delete)
    });
    routes.at("/inspect", |at| {
        at.get(OPEN, inspect::show).post(OPEN, inspect::submit)
    });
    routes.at("/docs", |at| at.get(OPEN, docs::show));
    routes.at("/work", |at| {
        at.get(SIGNED_IN, work::show).post(SIGNED_IN, work::add)
    });
    routes.at("/work/{id}", |at| {
        at.get(SIGNED_IN, work::edit).post(SIGNED_IN, work::rename)
    });
    routes.at("/work/{id}/done", |at| at.post(SIGNED_IN, work::tick));
    routes.at("/work/{id}/move", |at| at.post(SIGNED_IN, work::shift));
    routes.at("/work/{id}/delete", |at| {
        at.get(SIGNED_IN, work::ask_to_delete)
            .post(SIGNED_IN, work::delete)
    });
    routes.at("/files", |at| {
        at.get(SIGNED_IN, shelf::show).post(SIGNED_IN, shelf::add)
    });
    routes.at("/files/delete", |at| {
        at.get(SIGNED_IN, several::ask_to_delete)
            .post(SIGNED_IN, several::delete)
    });
    routes.at("/files/{id}", |at| {
        at.get(SIGNED_IN, file::open).post(SIGNED_IN, file::change)
    });
    routes.at("/files/{id}/content", |at| at.get(SIGNED_IN, file::content));
    routes.at("/files/{id}/thumbnail", |at| {
        at.get(SIGNED_IN, file::thumbnail)
    });
    routes.at("/files/{id}/delete", |at| {
        at.get(SIGNED_IN, file::ask_to_delete)
            .post(SIGNED_IN, file::delete)
    });
    routes.at("/files/{id}/shares", |at| at.post(SIGNED_IN, links::make));
    routes.at("/files/{id}/shares/{share}", |at| {
        at.get(SIGNED_IN, links::ask_to_revoke)
            .post(SIGNED_IN, links::revoke)
    });
    routes.at("/s/{id}", |at| {
        at.get(PUBLIC_TOKEN, share::show).post(PUBLIC, share::take)
    });
    routes.at("/s/{id}/preview", |at| at.get(PUBLIC_TOKEN, share::preview));
    routes.at("/admin/invites", |at| {
        at.get(ADMINISTRATOR, invites::list)
            .post(RECENT_ADMINISTRATOR, invites::make)
    });
    routes.at("/admin/invites/{id}", |at| {
        at.get(RECENT_ADMINISTRATOR, invites::ask_to_revoke)
            .post(RECENT_ADMINISTRATOR, invites::revoke)
    });
    routes.at("/invitation", |at| {
        at.get(ONE_TIME, invitation::show)
            .post(OPEN, invitation::submit)
    });
    routes.at("/first-administrator", |at| {
        at.get(ONE_TIME, first_administrator::show)
            .post(OPEN, first_administrator::submit)
    });
    routes.at("/verify", |at| {
        at.get(ONE_TIME, confirm_email::show)
            .post(OPEN, confirm_email::submit)
    });
    routes.at("/not-me", |at| {
        at.get(ONE_TIME, not_me::show).post(OPEN, not_me::submit)
    });
    routes.at("/undo", |at| {
        at.get(ONE_TIME, undo::show).post(OPEN, undo::submit)
    });
    routes.at("/account/email/confirm", |at| {
        at.post(SIGNED_IN, email::send_again)
    });
    routes.at("/account/email/cancel", |at| {
        at.post(SIGNED_IN, email::cancel)
    });
    routes.at("/login/link", |at| {
        at.get(ONE_TIME, sign_in_link::show)
            .post(OPEN, sign_in_link::submit)
    });
    routes.at("/login/link/sent", |at| {
        at.get(OPEN, sign_in_link::show_sent)
            .post(OPEN, sign_in_link::submit_code)
    });
    routes.at("/login/link/open", |at| {
        at.get(OPEN, sign_in_link::show_open)
            .post(OPEN, sign_in_link::submit_open)
    });
}

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
