//! Every URL of the product, with who may use it.

use actix_web::web::ServiceConfig;

use super::guard::Guard::{
    Administrator, OneTime, Open, Public, PublicToken, Recent, RecentAdministrator, SignedIn,
    SignedInOrLink,
};
use super::guard::{Guard, Listed, Routes};
use super::pages::files::{file, links, shelf};
use super::pages::{
    account, admin, continue_link, dashboard, docs, email, first_administrator, home, inspect,
    login, logout, password, sessions, share, signup, verify, work,
};
use super::{State, api, assets, compat, jwks, openapi};

fn routes(routes: &mut Routes<'_>) {
    // The clients of the five tutorials
    routes.for_holders("/", |at| at.get(PublicToken, compat::d::show));
    routes.for_programs("/", |at| at.get(Public, compat::root));
    routes.for_programs("/public", |at| at.get(Public, compat::b::public));
    routes.for_programs("/signup", |at| at.post(Open, compat::sign_up));
    routes.for_programs("/login", |at| {
        at.get(Public, compat::d::log_in).post(Open, compat::log_in)
    });
    routes.for_programs("/user", |at| at.get(Public, compat::a::users));
    routes.for_programs("/auth", |at| {
        at.get(PublicToken, compat::b::auth)
            .post(Public, compat::e::auth)
    });
    routes.for_programs("/api/v1/signup", |at| at.post(Public, compat::c::sign_up));
    routes.for_programs("/api/v1/login", |at| at.post(Public, compat::c::log_in));
    for path in ["/need_login", "/api/v1/need_login"] {
        routes.for_programs(path, |at| at.get(Public, compat::c::need_login));
    }
    routes.for_programs("/work", |at| {
        at.get(Public, compat::e::list).post(Public, compat::e::add)
    });
    routes.for_programs("/workitems", |at| at.get(Public, compat::e::list));

    routes.for_holders("/upload", |at| at.post(PublicToken, compat::d::upload));
    routes.for_programs("/upload", |at| at.post(Public, compat::d::refuse));

    // Pages
    routes.at("/", |at| at.get(Open, home::show));
    routes.at("/public", |at| at.get(Open, home::public));
    routes.at("/signup", |at| {
        at.get(Open, signup::show).post(Open, signup::submit)
    });
    routes.at("/login", |at| {
        at.get(Open, login::show).post(Open, login::submit)
    });
    routes.at("/login/continue", |at| at.post(Open, continue_link::submit));
    routes.at("/logout", |at| at.post(Open, logout::submit));
    routes.at("/dashboard", |at| at.get(SignedInOrLink, dashboard::show));
    routes.at("/account", |at| at.get(SignedIn, account::show));
    routes.at("/account/password", |at| {
        at.get(SignedIn, password::show)
            .post(SignedIn, password::submit)
    });
    routes.at("/account/email", |at| {
        at.get(Recent, email::show).post(Recent, email::submit)
    });
    routes.at("/account/verify", |at| {
        at.get(SignedIn, verify::show)
            .post(SignedIn, verify::submit)
    });
    routes.at("/account/sessions", |at| at.get(SignedIn, sessions::show));
    routes.at("/account/sessions/others", |at| {
        at.get(SignedIn, sessions::ask_to_end_others)
            .post(SignedIn, sessions::end_others)
    });
    routes.at("/account/sessions/{id}", |at| {
        at.get(SignedIn, sessions::ask_to_end)
            .post(SignedIn, sessions::end)
    });
    routes.at("/account/shares", |at| {
        at.get(SignedIn, account::ask_to_revoke_shares)
            .post(SignedIn, account::revoke_shares)
    });
    routes.at("/account/delete", |at| {
        at.get(Recent, account::ask_to_delete)
            .post(Recent, account::delete)
    });
    routes.at("/admin", |at| at.get(Administrator, admin::overview));
    routes.at("/admin/accounts", |at| at.get(Administrator, admin::list));
    routes.at("/admin/accounts/{id}", |at| {
        at.get(Administrator, admin::show)
            .post(RecentAdministrator, admin::rename)
    });
    routes.at("/admin/accounts/{id}/trust", |at| {
        at.post(RecentAdministrator, admin::trust)
    });
    routes.at("/admin/accounts/{id}/state", |at| {
        at.post(RecentAdministrator, admin::set_state)
    });
    routes.at("/admin/accounts/{id}/quota", |at| {
        at.post(RecentAdministrator, admin::set_quota)
    });
    routes.at("/admin/accounts/{id}/shares", |at| {
        at.post(RecentAdministrator, admin::revoke_shares)
    });
    routes.at("/admin/accounts/{id}/sign-out", |at| {
        at.post(RecentAdministrator, admin::sign_out)
    });
    routes.at("/admin/accounts/{id}/delete", |at| {
        at.get(RecentAdministrator, admin::ask_to_delete)
            .post(RecentAdministrator, admin::delete)
    });
    routes.at("/inspect", |at| {
        at.get(Open, inspect::show).post(Open, inspect::submit)
    });
    routes.at("/docs", |at| at.get(Open, docs::show));
    routes.at("/work", |at| {
        at.get(SignedIn, work::show).post(SignedIn, work::add)
    });
    routes.at("/work/{id}", |at| {
        at.get(SignedIn, work::edit).post(SignedIn, work::rename)
    });
    routes.at("/work/{id}/done", |at| at.post(SignedIn, work::tick));
    routes.at("/work/{id}/move", |at| at.post(SignedIn, work::shift));
    routes.at("/work/{id}/delete", |at| {
        at.get(SignedIn, work::ask_to_delete)
            .post(SignedIn, work::delete)
    });
    routes.at("/files", |at| {
        at.get(SignedIn, shelf::show).post(SignedIn, shelf::add)
    });
    routes.at("/files/{id}", |at| {
        at.get(SignedIn, file::open).post(SignedIn, file::change)
    });
    routes.at("/files/{id}/content", |at| at.get(SignedIn, file::content));
    routes.at("/files/{id}/thumbnail", |at| {
        at.get(SignedIn, file::thumbnail)
    });
    routes.at("/files/{id}/delete", |at| {
        at.get(SignedIn, file::ask_to_delete)
            .post(SignedIn, file::delete)
    });
    routes.at("/files/{id}/shares", |at| at.post(SignedIn, links::make));
    routes.at("/files/{id}/shares/{share}", |at| {
        at.get(SignedIn, links::ask_to_revoke)
            .post(SignedIn, links::revoke)
    });
    routes.at("/s/{id}", |at| {
        at.get(PublicToken, share::show).post(Public, share::take)
    });
    routes.at("/first-administrator", |at| {
        at.get(OneTime, first_administrator::show)
            .post(Open, first_administrator::submit)
    });

    // Programs
    routes.at("/api/sessions", |at| {
        at.post(Public, api::sessions::start)
            .get(SignedIn, api::sessions::list)
            .delete(SignedIn, api::sessions::end_all)
    });
    routes.at("/api/sessions/current", |at| {
        at.delete(SignedIn, api::sessions::end_current)
    });
    routes.at("/api/sessions/{id}", |at| {
        at.get(SignedIn, api::sessions::show)
            .delete(SignedIn, api::sessions::end)
    });
    routes.at("/api/tokens/refresh", |at| {
        at.post(Public, api::tokens::refresh)
    });
    routes.at("/api/tokens/introspect", |at| {
        at.post(Public, api::tokens::introspect)
    });
    routes.at("/api/me", |at| {
        at.get(SignedIn, api::accounts::show_own)
            .patch(Recent, api::accounts::rename_own)
    });
    routes.at("/api/accounts", |at| {
        at.post(Public, api::accounts::sign_up)
            .get(SignedIn, api::accounts::list)
    });
    routes.at("/api/accounts/{id}", |at| {
        at.get(SignedIn, api::accounts::show)
            .patch(Recent, api::accounts::change)
            .delete(Recent, api::accounts::delete)
    });
    routes.at("/api/accounts/{id}/quota", |at| {
        at.get(SignedIn, api::quotas::show)
            .patch(Recent, api::quotas::change)
    });
    routes.at("/api/accounts/{id}/shares", |at| {
        at.get(SignedIn, api::shares::count)
            .delete(SignedIn, api::shares::revoke_all)
    });
    routes.at("/api/work-items", |at| {
        at.get(SignedIn, api::work_items::list)
            .post(SignedIn, api::work_items::add)
    });
    routes.at("/api/work-items/{id}", |at| {
        at.get(SignedIn, api::work_items::show)
            .patch(SignedIn, api::work_items::change)
            .delete(SignedIn, api::work_items::delete)
    });
    routes.at("/api/files", |at| {
        at.get(SignedIn, api::files::list)
            .post(SignedIn, api::files::add)
    });
    routes.at("/api/files/{id}", |at| {
        at.get(SignedIn, api::files::show)
            .patch(SignedIn, api::files::change)
            .delete(SignedIn, api::files::delete)
    });
    routes.at("/api/files/{id}/content", |at| {
        at.get(SignedIn, api::files::content)
    });
    routes.at("/api/files/{id}/shares", |at| {
        at.get(SignedIn, api::shares::list)
            .post(SignedIn, api::shares::add)
    });
    routes.at("/api/files/{id}/shares/{share}", |at| {
        at.delete(SignedIn, api::shares::delete)
    });
    routes.at("/api/links", |at| at.post(Recent, api::links::make));

    // Machines
    routes.at("/.well-known/change-password", |at| {
        at.get(Public, password::show_way)
    });
    routes.at("/.well-known/jwks.json", |at| at.get(Public, jwks::serve));
    routes.at("/openapi.json", |at| at.get(Public, openapi::serve));
    routes.at("/static/{file}", |at| at.get(Public, assets::serve));
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

/// Whether a link can show the page at this path.
pub fn takes_links(path: &str) -> bool {
    listed()
        .iter()
        .any(|route| route.guard == Guard::SignedInOrLink && route.path == path)
}

/// Whether a page is shown at this pattern of paths, by nothing but its address.
pub fn shows_a_page(path: &str) -> bool {
    listed().iter().any(|route| {
        let is_shown = route.method == "GET" && !route.for_programs && route.path == path;
        is_shown && route.guard != Guard::OneTime
    })
}
