//! Lists a page at a time: `?limit=1..100&after=`, answered by `{"items", "next"}`.

use actix_web::HttpRequest;
use actix_web::web::Query;
use actix_web::{FromRequest, dev::Payload};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answers::Shown;
use crate::web::describe::{Describe, Operation, schema};
use crate::web::problem::Problem;

const LIMIT: u16 = 50;
const LIMIT_MAX: u16 = 100;
const NO_SUCH_PAGE: Problem = Problem::malformed(
    "Unknown page of the list: after is the value of next, limit is 1 to 100, \
     and nothing is asked for twice.",
);

/// The most items of a page.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "u16")]
#[schemars(inline, with = "Items")]
pub struct Limit(u16);

schema!(inline Items, {
    "type": "integer", "format": "int64", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT,
});

impl Limit {
    pub fn items(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(LIMIT)
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The most items of the page.
    #[serde(default)]
    pub limit: Limit,
    /// The value of `next` of the page before.
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
        // PostgreSQL accepts no NUL in text.
        let asked = asked.ok().filter(|_| !query.contains("%00"));
        let asked = asked.map(|asked| Self(asked.into_inner()));
        std::future::ready(asked.ok_or(NO_SUCH_PAGE))
    }
}

impl<T: JsonSchema> Describe for Asked<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<T>();
    }
}

/// The start of the page, from `next` of the page before.
///
/// # Errors
/// When the value is not from there.
pub fn cursor<C>(
    after: Option<&str>,
    parse: impl FnOnce(&str) -> Option<C>,
) -> Result<Option<C>, Problem> {
    match after {
        Some(text) => parse(text).map(Some).ok_or(NO_SUCH_PAGE),
        None => Ok(None),
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}s")]
pub struct List<T> {
    #[schemars(length(max = LIMIT_MAX))]
    items: Vec<T>,
    /// The value of `after` for the next page; null on the last one.
    next: Option<String>,
}

pub fn list<T>(items: impl Iterator<Item = T>, next: Option<impl ToString>) -> Shown<List<T>> {
    Shown(List {
        items: items.collect(),
        next: next.map(|cursor| cursor.to_string()),
    })
}
