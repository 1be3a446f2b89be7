//! Guards as types: the first argument of a handler proves who may use its route.
//!
//! Only the guard can make a proof, and the table of routes takes a handler only with the proof of
//! the guard that the handler is listed with. So a handler for administrators that is listed for
//! all signed-in people does not compile:
//!
//! ```
//! use doorward::web::proof::{Administrator, ADMINISTRATOR};
//!
//! async fn delete(_: Administrator) -> &'static str {
//!     "deleted"
//! }
//! let mut routes = doorward::web::Routes::list_only();
//! routes.at("/x", |at| at.post(ADMINISTRATOR, delete));
//! ```
//!
//! ```compile_fail
//! use doorward::web::proof::{Administrator, SIGNED_IN};
//!
//! async fn delete(_: Administrator) -> &'static str {
//!     "deleted"
//! }
//! let mut routes = doorward::web::Routes::list_only();
//! routes.at("/x", |at| at.post(SIGNED_IN, delete));
//! ```

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::json;

use super::describe::{Describe, Operation};
use super::problem::{FORBIDDEN, NOT_FOUND, NOT_RECENT, NOT_SIGNED_IN, Problem};
use crate::access::{self, Action, Decision, Role, Scope};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::sessions::{Identity, LinkReader};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everyone, with the same response for everyone: cookies are not read.
    Public,
    /// As [`Guard::Public`], and `?token=` is one that the handler itself verifies: a tutorial's,
    /// or that of a link to a file.
    PublicToken,
    /// Everyone; the page knows who is signed in.
    Open,
    /// As [`Guard::Open`], and `?token=` is a one-time token, which the page itself verifies.
    OneTime,
    /// A signed-in person, or the holder of a link to this very path (`?token=`, GET and HEAD).
    SignedInOrLink,
    /// A signed-in person.
    SignedIn,
    /// A signed-in person who has proved their identity within the last ten minutes.
    Recent,
    /// Administrators.
    Administrator,
    /// Administrators who have proved their identity within the last ten minutes.
    RecentAdministrator,
}

impl Guard {
    pub fn requires_identity(self) -> bool {
        !matches!(
            self,
            Self::Public | Self::PublicToken | Self::Open | Self::OneTime
        )
    }

    pub fn requires_recent(self) -> bool {
        matches!(self, Self::Recent | Self::RecentAdministrator)
    }

    pub fn requires_administrator(self) -> bool {
        matches!(self, Self::Administrator | Self::RecentAdministrator)
    }
}

/// How a request proved who it is from.
#[derive(Clone, Debug)]
pub enum Access {
    Session(Arc<Identity>),
    Link(Arc<LinkReader>),
}

/// What a handler is given by its guard.
pub trait Proof: FromRequest {
    const GUARD: Guard;
}

/// A guard in the table of routes, which takes only handlers with its proof.
pub struct Guarded<P>(PhantomData<P>);

/// The arguments of a handler, the first of which is a proof.
pub trait StartsWith<P> {}

macro_rules! starts_with {
    ($($more:ident)*) => {
        impl<P, $($more),*> StartsWith<P> for (P, $($more,)*) {}
    };
}
starts_with!();
starts_with!(A);
starts_with!(A B);
starts_with!(A B C);
starts_with!(A B C D);
starts_with!(A B C D E);

macro_rules! proof {
    ($proof:ident, $constant:ident, $of:expr) => {
        pub const $constant: Guarded<$proof> = Guarded(PhantomData);

        impl Proof for $proof {
            const GUARD: Guard = Guard::$proof;
        }

        impl FromRequest for $proof {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let is_behind = request.extensions().get::<Guard>() == Some(&Guard::$proof);
                let proof: Option<Self> = is_behind.then(|| $of(request)).flatten();
                let missing =
                    || Fault::new(concat!("a handler without its guard ", stringify!($proof)));
                ready(proof.ok_or_else(|| Problem::from(missing())))
            }
        }
    };
}

macro_rules! proof_of_nothing {
    ($proof:ident, $constant:ident) => {
        #[doc = concat!("See [`Guard::", stringify!($proof), "`].")]
        pub struct $proof(());
        proof!($proof, $constant, |_: &HttpRequest| Some($proof(())));
    };
}

macro_rules! proof_of_identity {
    ($proof:ident, $constant:ident) => {
        #[doc = concat!("See [`Guard::", stringify!($proof), "`].")]
        pub struct $proof(pub Arc<Identity>);
        proof!($proof, $constant, |request: &HttpRequest| viewer(request)
            .filter(|identity| {
                !Guard::$proof.requires_administrator() || identity.role == Role::Administrator
            })
            .map($proof));
    };
}

proof_of_nothing!(Public, PUBLIC);
proof_of_nothing!(PublicToken, PUBLIC_TOKEN);
proof_of_nothing!(Open, OPEN);
proof_of_nothing!(OneTime, ONE_TIME);
proof_of_identity!(SignedIn, SIGNED_IN);
proof_of_identity!(Recent, RECENT);
proof_of_identity!(Administrator, ADMINISTRATOR);
proof_of_identity!(RecentAdministrator, RECENT_ADMINISTRATOR);

impl Describe for Public {
    fn describe(operation: &mut Operation<'_>) {
        operation.security(json!([]));
    }
}

impl Describe for SignedIn {
    fn describe(operation: &mut Operation<'_>) {
        operation.raises(&NOT_SIGNED_IN);
    }
}

impl Describe for Recent {
    fn describe(operation: &mut Operation<'_>) {
        operation.raises(&NOT_SIGNED_IN);
        operation.raises(&NOT_RECENT);
    }
}

impl Describe for Administrator {
    fn describe(operation: &mut Operation<'_>) {
        operation.raises(&NOT_SIGNED_IN);
        operation.raises(&FORBIDDEN);
    }
}

impl Describe for RecentAdministrator {
    fn describe(operation: &mut Operation<'_>) {
        Administrator::describe(operation);
        operation.raises(&NOT_RECENT);
    }
}

/// See [`Guard::SignedInOrLink`].
pub struct SignedInOrLink(pub Access);
proof!(
    SignedInOrLink,
    SIGNED_IN_OR_LINK,
    |request: &HttpRequest| request.extensions().get().cloned().map(SignedInOrLink)
);

/// Who is signed in at a page that is open to everyone. The holder of a link is not.
pub fn viewer(request: &HttpRequest) -> Option<Arc<Identity>> {
    match request.extensions().get::<Access>() {
        Some(Access::Session(identity)) => Some(identity.clone()),
        _ => None,
    }
}

/// Checks that `who` may do this to what belongs to `owner`.
///
/// # Errors
/// `FORBIDDEN`, or `NOT_FOUND` if they must not know that the object exists.
pub fn may(who: &Identity, action: Action, owner: Option<AccountId>) -> Result<(), Problem> {
    let who = Scope {
        account: who.account,
        role: who.role,
    };
    match access::decide(who, action, owner) {
        Decision::Allowed => Ok(()),
        Decision::Forbidden => Err(FORBIDDEN),
        Decision::Hidden => Err(NOT_FOUND),
    }
}
