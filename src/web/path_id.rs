//! The id in a path.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::describe::{Describe, Operation, schema};
use super::problem::{NOT_FOUND, Problem};

schema!(inline Uuid, { "type": "string", "format": "uuid" });

/// The part `{id}` of a route's path.
pub struct Id<T>(pub T);

impl<T: FromStr> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "id").map(Self))
    }
}

impl<T> Describe for Id<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.part::<Uuid>("id", "The id of what the call is about.");
        operation.raises(&NOT_FOUND);
    }
}

/// A part of a route's path by its name.
///
/// # Errors
/// [`NOT_FOUND`] for text that is not an id: no page has such an address.
pub fn read<T: FromStr>(request: &HttpRequest, part: &str) -> Result<T, Problem> {
    let id = request.match_info().get(part).map(str::parse);
    id.and_then(Result::ok).ok_or(NOT_FOUND)
}
