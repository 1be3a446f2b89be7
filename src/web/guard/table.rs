//! The table of routes: a URL cannot be listed without a guard.

use actix_web::dev::RequestHead;
use actix_web::guard::{Any, Delete, Get, Head, Patch, Post, fn_guard};
use actix_web::middleware::from_fn;
use actix_web::web::{ServiceConfig, resource, to};
use actix_web::{FromRequest, Handler, Resource, Responder, Route};

use super::admit;
use crate::web::accept::is_of_a_person;
use crate::web::describe::{Call, Describe, Described};
use crate::web::problem::Problem;
use crate::web::proof::{Guard, Guarded, Proof, StartsWith};
use crate::web::{State, cookies, query};

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Listed {
    pub method: &'static str,
    pub path: &'static str,
    pub guard: Guard,
    /// For the tutorials' clients: all others get the other routes of this path.
    pub for_programs: bool,
    /// The description of an API call.
    pub(in crate::web) call: Option<Described>,
}

impl Listed {
    /// Whether this pattern of paths shows a page without further parameters.
    pub fn shows_a_page_at(&self, pattern: &str) -> bool {
        let is_shown = self.method == "GET" && !self.for_programs && self.path == pattern;
        is_shown && self.guard != Guard::OneTime
    }

    /// Whether a link can show the page at this path.
    pub fn takes_links_at(&self, path: &str) -> bool {
        self.guard == Guard::SignedInOrLink && self.path == path
    }
}

/// Collects the table, and with a server's state its services too.
pub struct Routes<'a> {
    server: Option<(&'a mut ServiceConfig, &'a State)>,
    pub listed: Vec<Listed>,
}

/// The methods of one path.
pub struct At<'a> {
    path: &'static str,
    for_programs: bool,
    state: Option<&'a State>,
    resource: Resource,
    listed: Vec<Listed>,
}

/// As [`At`], for calls of the API, which are described.
pub struct CallsAt<'a>(At<'a>);

impl<'a> Routes<'a> {
    pub fn of(config: &'a mut ServiceConfig, state: &'a State) -> Self {
        Self {
            server: Some((config, state)),
            listed: Vec::new(),
        }
    }

    pub fn list_only() -> Self {
        Self {
            server: None,
            listed: Vec::new(),
        }
    }

    pub fn at(&mut self, path: &'static str, methods: impl FnOnce(At<'_>) -> At<'_>) {
        let at = methods(self.begin(path, false));
        self.serve(at);
    }

    /// The calls of the API at a path.
    pub fn calls(&mut self, path: &'static str, calls: impl FnOnce(CallsAt<'_>) -> CallsAt<'_>) {
        self.at(path, |at| calls(CallsAt(at)).0);
    }

    /// For the tutorials' clients, while the settings allow them. Browsers and all other methods
    /// get the routes that are listed for the same path further down.
    pub fn for_programs(&mut self, path: &'static str, methods: impl FnOnce(At<'_>) -> At<'_>) {
        let at = methods(self.begin(path, true));
        self.serve_clients(at, |head| !is_of_a_person(head));
    }

    /// As [`Routes::for_programs`], for requests with a tutorial's token in the address.
    pub fn for_holders(&mut self, path: &'static str, methods: impl FnOnce(At<'_>) -> At<'_>) {
        let at = methods(self.begin(path, true));
        self.serve_clients(at, |head| {
            query::has_token(head.uri.query().unwrap_or_default())
        });
    }

    fn begin(&self, path: &'static str, for_programs: bool) -> At<'a> {
        At {
            path,
            for_programs,
            state: self.server.as_ref().map(|(_, state)| *state),
            resource: resource(path),
            listed: Vec::new(),
        }
    }

    /// The handlers of a path, and its methods.
    fn take(&mut self, at: At<'_>) -> (Resource, Vec<&'static str>) {
        let mut allowed: Vec<_> = at.listed.iter().map(|listed| listed.method).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        self.listed.extend(at.listed);
        (at.resource, allowed)
    }

    fn serve(&mut self, at: At<'_>) {
        let (resource, allowed) = self.take(at);
        if let Some((config, _)) = &mut self.server {
            let allowed = allowed.join(", ");
            config.service(resource.default_service(to(move || {
                let allowed = allowed.clone();
                async move { Problem::method_not_allowed(&allowed).into_response() }
            })));
        }
    }

    fn serve_clients(&mut self, at: At<'_>, are_meant: fn(&RequestHead) -> bool) {
        let (resource, allowed) = self.take(at);
        if let Some((config, state)) = &mut self.server
            && state.config.compat.enabled
        {
            config.service(resource.guard(fn_guard(move |context| {
                let head = context.head();
                allowed.contains(&head.method.as_str()) && are_meant(head)
            })));
        }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:literal;)*) => {
        impl At<'_> {
            $($(#[$doc])* pub fn $name<P, F, Args>(self, guard: Guarded<P>, handler: F) -> Self
            where
                P: Proof,
                F: Handler<Args>,
                Args: FromRequest + StartsWith<P> + 'static,
                F::Output: Responder + 'static,
            {
                self.list($method, guard, handler, None)
            })*
        }

        impl CallsAt<'_> {
            $($(#[$doc])* pub fn $name<P, F, Args>(
                self,
                guard: Guarded<P>,
                handler: F,
                call: &'static Call,
            ) -> Self
            where
                P: Proof,
                F: Handler<Args>,
                Args: FromRequest + StartsWith<P> + Describe + 'static,
                F::Output: Responder + Describe + 'static,
            {
                let call = Some(Described::by::<Args, F::Output>(call));
                Self(self.0.list($method, guard, handler, call))
            })*
        }
    };
}
methods! {
    /// GET, including HEAD.
    get "GET";
    post "POST";
    patch "PATCH";
    delete "DELETE";
}

impl At<'_> {
    fn list<P, F, Args>(
        self,
        method: &'static str,
        _: Guarded<P>,
        handler: F,
        call: Option<Described>,
    ) -> Self
    where
        P: Proof,
        F: Handler<Args>,
        Args: FromRequest + StartsWith<P> + 'static,
        F::Output: Responder + 'static,
    {
        self.add(method, P::GUARD, Route::new().to(handler), call)
    }

    /// Compiled once, unlike [`At::list`], which each handler has one of.
    fn add(
        mut self,
        method: &'static str,
        guard: Guard,
        route: Route,
        call: Option<Described>,
    ) -> Self {
        self.listed.push(Listed {
            method,
            path: self.path,
            guard,
            for_programs: self.for_programs,
            call,
        });
        let Some(state) = self.state else { return self };
        let route = match method {
            "GET" => route.guard(Any(Get()).or(Head())),
            "POST" => route.guard(Post()),
            "PATCH" => route.guard(Patch()),
            _ => route.guard(Delete()),
        };
        let guarded = from_fn(move |request, next| admit(guard, request, next));
        let mut route = route.wrap(guarded);
        let has_forms = !matches!(
            guard,
            Guard::Public | Guard::PublicToken | Guard::SignedInOrLink
        );
        if has_forms && !self.path.starts_with("/api/") {
            // Wrapped later, so it runs earlier: the guard keeps a form that it refuses.
            route = route
                .wrap(state.web.cookies.anonymous())
                .wrap(from_fn(cookies::hide_others));
        }
        self.resource = self.resource.route(route);
        self
    }
}
