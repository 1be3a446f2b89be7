//! Lists that are shown a page at a time.

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
