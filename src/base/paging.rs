//! Lists that are shown a page at a time.

use std::fmt;
use std::str::FromStr;

/// Continues a list after the item with this value, by which the list is sorted, and this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<V, I> {
    pub value: V,
    pub id: I,
}

impl<V: FromStr, I: FromStr> Cursor<V, I> {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, value) = text.split_once('.')?;
        Some(Self {
            id: id.parse().ok()?,
            value: value.parse().ok()?,
        })
    }
}

impl<V: fmt::Display, I: fmt::Display> fmt::Display for Cursor<V, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.value)
    }
}

/// A page of a list from which one more than `limit` was asked for, and the cursor of the next
/// page, if that one came.
pub fn page<T, C>(
    mut found: Vec<T>,
    limit: usize,
    cursor: impl FnOnce(&T) -> C,
) -> (Vec<T>, Option<C>) {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(cursor);
    (found, next)
}
