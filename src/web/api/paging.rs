//! Lists a page at a time: `?limit=1..100&after=`, answered by `{"items", "next"}`.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use actix_web::{FromRequest, dev::Payload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Answer, json};
use crate::web::problem::Problem;

const LIMIT_MAX: u16 = 100;
const NO_SUCH_PAGE: Problem = Problem::malformed(
    "Unknown page of the list: after is the value of next, limit is 1 to 100, \
     and nothing is asked for twice.",
);

/// The most items of a page; the default is 50.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub struct Limit(u16);

impl Limit {
    pub fn items(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u16> for Limit {
    type Error = &'static str;

    fn try_from(items: u16) -> Result<Self, Self::Error> {
        let good = (1..=LIMIT_MAX).contains(&items);
        good.then_some(Self(items)).ok_or("not a limit")
    }
}

/// A page of a list, whatever is in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[serde(default)]
    pub limit: Limit,
    pub after: Option<String>,
}

/// What is asked of a list, read strictly: no key that is not known, none twice.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let asked = Query::<T>::from_query(query);
        // PostgreSQL takes a NUL in no text.
        let asked = asked.ok().filter(|_| !query.contains("%00"));
        let asked = asked.map(|asked| Self(asked.into_inner()));
        std::future::ready(asked.ok_or(NO_SUCH_PAGE))
    }
}

/// Where the page begins, as `next` of the one before said it.
///
/// # Errors
/// When it did not.
pub fn cursor<C>(
    after: Option<&str>,
    parse: impl FnOnce(&str) -> Option<C>,
) -> Result<Option<C>, Problem> {
    match after {
        Some(text) => parse(text).map(Some).ok_or(NO_SUCH_PAGE),
        None => Ok(None),
    }
}

#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
    /// What `after` has to be for the next ones.
    next: Option<String>,
}

pub fn list<T: Serialize>(items: impl Iterator<Item = T>, next: Option<impl ToString>) -> Answer {
    json(
        StatusCode::OK,
        &List {
            items: items.collect(),
            next: next.map(|cursor| cursor.to_string()),
        },
    )
}
