//! Every URL of the product, with who may use it.

use actix_web::web::ServiceConfig;

use super::guard::{Listed, Routes};
use super::pages::files::{file, links, shelf};
use super::pages::{
    account, activity, admin, audit, continue_link, dashboard, docs, email, first_administrator,
    home, inspect, login, logout, password, sessions, share, signup, verify, work,
};
use super::proof::{
    ADMINISTRATOR, ONE_TIME, OPEN, PUBLIC, PUBLIC_TOKEN, RECENT, RECENT_ADMINISTRATOR, SIGNED_IN,
    SIGNED_IN_OR_LINK,
};
use super::{State, api, assets, compat, health, jwks, openapi};

fn routes(routes: &mut Routes<'_>) {
    // The clients of the five tutorials
    routes.for_holders("/", |at| at.get(PUBLIC_TOKEN, compat::basic_upload::show));
    routes.for_programs("/", |at| at.get(PUBLIC, compat::root));
    routes.for_programs("/public", |at| at.get(PUBLIC, compat::query_token::public));
    routes.for_programs("/signup", |at| at.post(OPEN, compat::sign_up));
    routes.for_programs("/login", |at| {
        at.get(PUBLIC, compat::basic_upload::log_in)
            .post(OPEN, compat::log_in)
    });
    routes.for_programs("/user", |at| at.get(PUBLIC, compat::x_access_token::users));
    routes.for_programs("/auth", |at| {
        at.get(PUBLIC_TOKEN, compat::query_token::auth)
            .post(PUBLIC, compat::flask_jwt::auth)
    });
    routes.for_programs("/api/v1/signup", |at| {
        at.post(PUBLIC, compat::api_v1::sign_up)
    });
    routes.for_programs("/api/v1/login", |at| {
        at.post(PUBLIC, compat::api_v1::log_in)
    });
    for path in ["/need_login", "/api/v1/need_login"] {
        routes.for_programs(path, |at| at.get(PUBLIC, compat::api_v1::need_login));
    }
    routes.for_programs("/work", |at| {
        at.get(PUBLIC, compat::flask_jwt::list)
            .post(PUBLIC, compat::flask_jwt::add)
    });
    routes.for_programs("/workitems", |at| at.get(PUBLIC, compat::flask_jwt::list));

    routes.for_holders("/upload", |at| {
        at.post(PUBLIC_TOKEN, compat::basic_upload::upload)
    });
    routes.for_programs("/upload", |at| {
        at.post(PUBLIC, compat::basic_upload::refuse)
    });

    // Pages
    routes.at("/", |at| at.get(OPEN, home::show));
    routes.at("/public", |at| at.get(OPEN, home::public));
    routes.at("/signup", |at| {
        at.get(OPEN, signup::show).post(OPEN, signup::submit)
    });
    routes.at("/login", |at| {
        at.get(OPEN, login::show).post(OPEN, login::submit)
    });
    routes.at("/login/continue", |at| at.post(OPEN, continue_link::submit));
    routes.at("/logout", |at| at.post(OPEN, logout::submit));
    routes.at("/dashboard", |at| {
        at.get(SIGNED_IN_OR_LINK, dashboard::show)
    });
    routes.at("/account", |at| at.get(SIGNED_IN, account::show));
    routes.at("/account/password", |at| {
        at.get(SIGNED_IN, password::show)
            .post(SIGNED_IN, password::submit)
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
        at.get(SIGNED_IN, sessions::ask_to_end_others)
            .post(SIGNED_IN, sessions::end_others)
    });
    routes.at("/account/sessions/{id}", |at| {
        at.get(SIGNED_IN, sessions::ask_to_end)
            .post(SIGNED_IN, sessions::end)
    });
    routes.at("/account/activity", |at| at.get(SIGNED_IN, activity::show));
    routes.at("/account/shares", |at| {
        at.get(SIGNED_IN, account::ask_to_revoke_shares)
            .post(SIGNED_IN, account::revoke_shares)
    });
    routes.at("/account/delete", |at| {
        at.get(RECENT, account::ask_to_delete)
            .post(RECENT, account::delete)
    });
    routes.at("/admin", |at| at.get(ADMINISTRATOR, admin::overview));
    routes.at("/admin/audit", |at| at.get(ADMINISTRATOR, audit::list));
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
    routes.at("/first-administrator", |at| {
        at.get(ONE_TIME, first_administrator::show)
            .post(OPEN, first_administrator::submit)
    });

    // Programs
    routes.calls("/api/sessions", |at| {
        at.post(PUBLIC, api::sessions::start, &api::sessions::START)
            .get(SIGNED_IN, api::sessions::list, &api::sessions::LIST)
            .delete(SIGNED_IN, api::sessions::end_all, &api::sessions::END_ALL)
    });
    routes.calls("/api/sessions/current", |at| {
        at.delete(
            SIGNED_IN,
            api::sessions::end_current,
            &api::sessions::END_CURRENT,
        )
    });
    routes.calls("/api/sessions/{id}", |at| {
        at.get(SIGNED_IN, api::sessions::show, &api::sessions::SHOW)
            .delete(SIGNED_IN, api::sessions::end, &api::sessions::END)
    });
    routes.calls("/api/tokens/refresh", |at| {
        at.post(PUBLIC, api::tokens::refresh, &api::tokens::REFRESH)
    });
    routes.calls("/api/tokens/introspect", |at| {
        at.post(PUBLIC, api::tokens::introspect, &api::tokens::INTROSPECT)
    });
    routes.calls("/api/me", |at| {
        at.get(SIGNED_IN, api::accounts::show_own, &api::accounts::SHOW_OWN)
            .patch(
                RECENT,
                api::accounts::rename_own,
                &api::accounts::RENAME_OWN,
            )
    });
    routes.calls("/api/accounts", |at| {
        at.post(PUBLIC, api::accounts::sign_up, &api::accounts::SIGN_UP)
            .get(SIGNED_IN, api::accounts::list, &api::accounts::LIST)
    });
    routes.calls("/api/accounts/{id}", |at| {
        at.get(SIGNED_IN, api::accounts::show, &api::accounts::SHOW)
            .patch(RECENT, api::accounts::change, &api::accounts::CHANGE)
            .delete(RECENT, api::accounts::delete, &api::accounts::DELETE)
    });
    routes.calls("/api/accounts/{id}/quota", |at| {
        at.get(SIGNED_IN, api::quotas::show, &api::quotas::SHOW)
            .patch(RECENT, api::quotas::change, &api::quotas::CHANGE)
    });
    routes.calls("/api/accounts/{id}/shares", |at| {
        at.get(SIGNED_IN, api::shares::count, &api::shares::COUNT)
            .delete(SIGNED_IN, api::shares::revoke_all, &api::shares::REVOKE_ALL)
    });
    routes.calls("/api/work-items", |at| {
        at.get(SIGNED_IN, api::work_items::list, &api::work_items::LIST)
            .post(SIGNED_IN, api::work_items::add, &api::work_items::ADD)
    });
    routes.calls("/api/work-items/{id}", |at| {
        at.get(SIGNED_IN, api::work_items::show, &api::work_items::SHOW)
            .patch(SIGNED_IN, api::work_items::change, &api::work_items::CHANGE)
            .delete(SIGNED_IN, api::work_items::delete, &api::work_items::DELETE)
    });
    routes.calls("/api/files", |at| {
        at.get(SIGNED_IN, api::files::list, &api::files::LIST).post(
            SIGNED_IN,
            api::files::add,
            &api::files::ADD,
        )
    });
    routes.calls("/api/files/{id}", |at| {
        at.get(SIGNED_IN, api::files::show, &api::files::SHOW)
            .patch(SIGNED_IN, api::files::change, &api::files::CHANGE)
            .delete(SIGNED_IN, api::files::delete, &api::files::DELETE)
    });
    routes.calls("/api/files/{id}/content", |at| {
        at.get(SIGNED_IN, api::files::content, &api::files::CONTENT)
    });
    routes.calls("/api/files/{id}/shares", |at| {
        at.get(SIGNED_IN, api::shares::list, &api::shares::LIST)
            .post(SIGNED_IN, api::shares::add, &api::shares::ADD)
    });
    routes.calls("/api/files/{id}/shares/{share}", |at| {
        at.delete(SIGNED_IN, api::shares::delete, &api::shares::DELETE)
    });
    routes.calls("/api/audit", |at| {
        at.get(ADMINISTRATOR, api::audit::list, &api::audit::LIST)
    });
    routes.calls("/api/links", |at| {
        at.post(RECENT, api::links::make, &api::links::MAKE)
    });

    // Machines
    routes.at("/healthz", |at| at.get(PUBLIC, health::live));
    routes.at("/readyz", |at| at.get(PUBLIC, health::ready));
    routes.at("/.well-known/change-password", |at| {
        at.get(PUBLIC, password::show_way)
    });
    routes.calls("/.well-known/jwks.json", |at| {
        at.get(PUBLIC, jwks::serve, &jwks::KEYS)
    });
    routes.at("/openapi.json", |at| at.get(PUBLIC, openapi::serve));
    routes.at("/static/{file}", |at| at.get(PUBLIC, assets::serve));
}

pub fn configure(config: &mut ServiceConfig, state: &State) {
    routes(&mut Routes::of(config, state));
}

/// The table itself, for the tests that walk it.
pub fn listed() -> Vec<Listed> {
    let mut table = Routes::list_only();
    routes(&mut table);
    table.listed
}
