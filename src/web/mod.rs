//! Floor 4: the only one that knows HTTP, HTML and cookies.

mod accept;
mod answer;
mod api;
mod archive;
mod assets;
mod authorization;
mod body_drain;
mod bursts;
mod client;
mod compat;
mod connections;
mod cookies;
mod describe;
mod download;
mod etags;
mod forms;
mod guard;
mod health;
mod jwks;
mod layers;
mod metrics;
mod openapi;
mod origin;
mod page;
mod pages;
mod path_id;
mod prepared;
mod problem;
pub mod proof;
mod qr;
mod query;
mod redirect;
mod routes;
mod stopping;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request};
use actix_multipart::MultipartConfig;
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::net::{TcpStream, UnixStream};
use actix_web::web::Data;
use actix_web::{App, HttpRequest};

use crate::accounts::Accounts;
use crate::administration::Administration;
use crate::audit::Audit;
use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, RequestIds};
use crate::base::recent::Recent;
use crate::base::secret::InstanceSecret;
use crate::config::{BaseUrl, Config, SiteConfig};
use crate::files::Files;
use crate::invitations::Invitations;
use crate::limits::Limits;
use crate::mail::{self, Outbox};
use crate::recovery::Recovery;
use crate::sessions::Sessions;
use crate::shares::Shares;
use crate::sign_in::SignIn;
use crate::storage::Db;
use crate::tokens::Tokens;
use crate::work::Work;
use assets::Assets;
use bursts::Bursts;
use client::UntrustedProxy;
pub use connections::Connections;
use connections::Guarded;
use cookies::Cookies;
use forms::token::FormTokens;
#[cfg(fuzzing)]
pub use guard::fuzzing;
pub use guard::{Listed, Routes};
use origin::OtherOrigins;
use pages::docs::Docs;
use pages::export::Exports;
use prepared::Prepared;
pub use proof::Guard;
pub use routes::listed;
pub use stopping::Stopping;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;

/// Size of each connection's buffer. A page with its headers fits.
const WRITE_BUFFER_BYTES: usize = 8 * 1024;
/// Time to read the rest of a refused large body, so that the client receives the response instead
/// of a reset.
const HEARS_WITHIN: Duration = Duration::from_secs(10);

/// The state of the pages: the rooms, and the web layer's own.
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
    pub invitations: Invitations,
    /// Sends the messages of the outbox.
    pub mail: mail::Worker,
    pub outbox: Outbox,
    pub files: Files,
    pub shares: Shares,
    pub work: Work,
    pub audit: Audit,
    pub web: Web,
    pub db: Db,
    pub connections: Connections,
    /// For the report whether the server accepts new requests.
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

/// The state of the web layer itself.
pub struct Web {
    site: Arc<SiteConfig>,
    assets: Arc<Assets>,
    cookies: Cookies,
    /// Created at its first use, like `openapi`: many servers never need it.
    docs: OnceCell<Docs>,
    exports: Exports,
    form_tokens: FormTokens,
    routes: Vec<Listed>,
    openapi: OnceCell<Prepared>,
    request_ids: RequestIds,
    other_origins: OtherOrigins,
    untrusted_proxy: UntrustedProxy,
    /// Who was denied access, and to what.
    denials: Recent<(AccountId, String)>,
    outages: layers::Outages,
    pub bursts: Bursts,
    requests: metrics::Requests,
}

impl Web {
    pub fn new(secret: &InstanceSecret, base_url: &BaseUrl, site: &SiteConfig) -> Self {
        Self {
            site: site.clone().into(),
            docs: OnceCell::new(),
            exports: Exports::default(),
            assets: Assets::load().into(),
            cookies: Cookies::new(secret, base_url.is_https()),
            form_tokens: FormTokens::new(secret),
            routes: routes::listed(),
            openapi: OnceCell::new(),
            request_ids: RequestIds::new(),
            other_origins: OtherOrigins::default(),
            untrusted_proxy: UntrustedProxy::default(),
            denials: Recent::default(),
            outages: layers::Outages::default(),
            bursts: Bursts::default(),
            requests: metrics::Requests::default(),
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

/// Serves the application on the connections of a TCP listener.
pub fn on_tcp(
    state: Data<State>,
    stopped: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let connections = state.connections.clone();
    let admit = move |io: TcpStream| {
        // Head and body are written separately: without this, the body would wait for the client's
        // acknowledgement of the head.
        io.set_nodelay(true).ok();
        let admitted = io.peer_addr().and_then(|peer| {
            let io = connections.admit(io, Some(peer.ip()))?;
            Ok((io, Protocol::Http1, Some(peer)))
        });
        ready(admitted.map_err(DispatchError::Io))
    };
    fn_service(admit).and_then(on_guarded(state, stopped))
}

/// As [`on_tcp`], for a Unix socket.
pub fn on_unix(
    state: Data<State>,
    stopped: GracefulShutdownSignal,
) -> impl ServiceFactory<UnixStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let connections = state.connections.clone();
    let admit = move |io: UnixStream| {
        let admitted = connections.admit(io, None);
        let admitted = admitted.map(|io| (io, Protocol::Http1, None));
        ready(admitted.map_err(DispatchError::Io))
    };
    fn_service(admit).and_then(on_guarded(state, stopped))
}

/// Settings of the HTTP library for a connection.
fn on_guarded<S>(
    state: Data<State>,
    stopped: GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Guarded<S>, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    S: AsyncRead + AsyncWrite + AsFd + Unpin + 'static,
{
    let app = app(state).into_factory();
    let app = app.map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopped = stopped.clone();
            async move { stopped.notified().await }
        })
        // The connection has its own timeout for every head.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(HEARS_WITHIN)
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
        .on_connect_ext(|io: &Guarded<S>, extensions| io.tell(extensions))
        .finish(map_config(app, |()| AppConfig::default()))
}

/// Serves the metrics, to everyone who can connect.
pub fn on_metrics(
    state: Data<State>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let answer = move |request: Request| {
        let mut response = metrics::answer(&request, &state);
        layers::secure(response.headers_mut(), false, false);
        ready(Ok::<_, Infallible>(response))
    };
    HttpService::new(fn_service(answer)).tcp()
}
