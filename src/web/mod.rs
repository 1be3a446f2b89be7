//! Floor 4: the only one that knows HTTP, HTML and cookies.

mod accept;
mod answer;
mod api;
mod assets;
mod authorization;
mod body_drain;
mod client;
mod compat;
mod cookies;
mod describe;
mod download;
mod etags;
mod forms;
mod guard;
mod jwks;
mod layers;
mod openapi;
mod origin;
mod page;
mod pages;
mod path_id;
mod prepared;
mod problem;
pub mod proof;
mod query;
mod redirect;
mod routes;
mod stopping;

use std::sync::Arc;

use actix_multipart::MultipartConfig;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpRequest};

use crate::accounts::Accounts;
use crate::administration::Administration;
use crate::audit::Audit;
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::base::ids::RequestIds;
use crate::base::secret::InstanceSecret;
use crate::config::{BaseUrl, Config};
use crate::files::Files;
use crate::limits::Limits;
use crate::recovery::Recovery;
use crate::sessions::Sessions;
use crate::shares::Shares;
use crate::sign_in::SignIn;
use crate::tokens::Tokens;
use crate::work::Work;
use assets::Assets;
use cookies::Cookies;
use forms::token::FormTokens;
#[cfg(fuzzing)]
pub use guard::fuzzing;
pub use guard::{Listed, Routes};
use origin::OtherOrigins;
use pages::docs::Docs;
use prepared::Prepared;
pub use proof::Guard;
pub use routes::listed;
pub use stopping::Stopping;
use tokio::sync::OnceCell;

/// What the pages are handed: the rooms, and what the web itself keeps.
pub struct State {
    pub config: Config,
    pub base_url: BaseUrl,
    pub clock: Clock,
    pub limits: Limits,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub tokens: Tokens,
    pub administration: Administration,
    pub sign_in: SignIn,
    pub recovery: Recovery,
    pub files: Files,
    pub shares: Shares,
    pub work: Work,
    pub audit: Audit,
    pub web: Web,
    /// For what says whether the server takes new requests.
    pub stopping: Stopping,
}

impl State {
    /// # Errors
    /// None that a request can cause.
    pub fn of(request: &HttpRequest) -> Result<&Self, Fault> {
        let state = request.app_data::<Data<Self>>();
        state
            .map(|state| state.get_ref())
            .ok_or_else(|| Fault::new("a server without state"))
    }
}

/// What belongs to the web alone.
pub struct Web {
    assets: Arc<Assets>,
    cookies: Cookies,
    /// Made when it is first asked for, like `openapi`: many servers never are.
    docs: OnceCell<Docs>,
    form_tokens: FormTokens,
    routes: Vec<Listed>,
    openapi: OnceCell<Prepared>,
    request_ids: RequestIds,
    other_origins: OtherOrigins,
    outages: layers::Outages,
}

impl Web {
    pub fn new(secret: &InstanceSecret, base_url: &BaseUrl) -> Self {
        Self {
            docs: OnceCell::new(),
            assets: Assets::load().into(),
            cookies: Cookies::new(secret, base_url.is_https()),
            form_tokens: FormTokens::new(secret),
            routes: routes::listed(),
            openapi: OnceCell::new(),
            request_ids: RequestIds::new(),
            other_origins: OtherOrigins::default(),
            outages: layers::Outages::default(),
        }
    }
}

/// The application that each worker runs.
pub fn app(
    state: Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let routed = state.clone();
    App::new()
        .app_data(state)
        .app_data(MultipartConfig::new().buffer_limit(forms::multipart::BUFFER_BYTES))
        .configure(move |config| routes::configure(config, &routed))
        .default_service(actix_web::web::to(answer::not_found))
        .wrap(from_fn(layers::edge))
}
