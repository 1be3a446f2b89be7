//! Every URL of the product, with who may use it.

use actix_web::web::ServiceConfig;

use super::guard::{Listed, Routes};
use super::proof::PUBLIC;
use super::{State, api, assets, compat, health, jwks, openapi, pages};

fn routes(routes: &mut Routes<'_>) {
    // The first route that matches a request gets it, and the tutorials' match programs only.
    compat::routes(routes);
    pages::routes(routes);
    api::routes(routes);
    routes.at("/healthz", |at| at.get(PUBLIC, health::live));
    routes.at("/readyz", |at| at.get(PUBLIC, health::ready));
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
