//! Every URL of the product, with who may use it.

use actix_web::web::ServiceConfig;

use super::guard::Guard::{OneTime, Open, Public, SignedInOrLink};
use super::guard::{Listed, Routes};
use super::pages::{dashboard, first_administrator, home, inspect, login, logout, signup};
use super::{State, assets, jwks};

fn routes(routes: &mut Routes<'_>) {
    // Pages
    routes.at("/", |at| at.get(Open, home::show));
    routes.at("/public", |at| at.get(Open, home::public));
    routes.at("/signup", |at| {
        at.get(Open, signup::show).post(Open, signup::submit)
    });
    routes.at("/login", |at| {
        at.get(Open, login::show).post(Open, login::submit)
    });
    routes.at("/logout", |at| at.post(Open, logout::submit));
    routes.at("/dashboard", |at| at.get(SignedInOrLink, dashboard::show));
    routes.at("/inspect", |at| {
        at.get(Open, inspect::show).post(Open, inspect::submit)
    });
    routes.at("/first-administrator", |at| {
        at.get(OneTime, first_administrator::show)
            .post(Open, first_administrator::submit)
    });

    // Machines
    routes.at("/.well-known/jwks.json", |at| at.get(Public, jwks::serve));
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
