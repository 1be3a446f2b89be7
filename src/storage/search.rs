//! Searches: at most a few at once and each within a time limit, so that other requests keep
//! threads and connections.

use std::time::Duration;

use super::{Db, Tx, dialect};
use crate::base::fault::Fault;

/// Share of the pool's connections and of their threads; both have more.
pub const SEARCHES_AT_ONCE: usize = 2;
pub const SEARCH_SECONDS: u64 = 2;
const LIMIT: Duration = Duration::from_secs(SEARCH_SECONDS);
/// After this, the database stops the query itself: later than the caller's limit.
const STOPPED_WITHIN: Duration = Duration::from_millis(SEARCH_SECONDS * 1000 + 500);

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("the search took longer than {SEARCH_SECONDS} seconds")]
    TooSlow,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Db {
    /// As [`Db::read`], for queries whose cost depends on the search. The time limit includes the
    /// wait for other searches. A query that exceeds the limit keeps its connection until it ends,
    /// and no other search takes its place before that.
    ///
    /// # Errors
    /// [`SearchError::TooSlow`], what `work` returns, or a fault without a connection.
    pub async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, SearchError> {
        let searches = self.searches.clone();
        let search = async {
            let turn = searches
                .acquire_owned()
                .await
                .map_err(|closed| Fault::caused("wait for other searches", closed))?;
            self.read(move |tx| {
                let clock = tx.clock;
                let found = dialect::within(tx, STOPPED_WITHIN, |connection| {
                    work(&mut Tx::new(connection, clock))
                });
                drop(turn);
                found
            })
            .await
        };
        match tokio::time::timeout(LIMIT, search).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(SearchError::TooSlow),
        }
    }
}

/// The place of a row in an index that is searched in the order of `created_at` and `id`: never
/// before a row that is listed earlier, and rarely the same as another row's. `id` are the
/// bytes of a UUID. The migrations compute the same.
pub fn place(created_at: i64, id: &[u8; 16]) -> i64 {
    const SECONDS_MAX: i64 = (1 << 35) - 1;
    let [a, b, c, d, ..] = *id;
    match created_at {
        ..0 => 0,
        0..=SECONDS_MAX => (created_at << 28) + i64::from(u32::from_be_bytes([a, b, c, d]) >> 4),
        _ => i64::MAX,
    }
}

/// The trigrams to look up for texts that contain this one: a few, including the first and the
/// last. None for less than three characters.
pub fn trigrams(text: &str) -> Vec<String> {
    const MOST: usize = 8;
    let chars: Vec<char> = text.chars().collect();
    let all: Vec<String> = chars.windows(3).map(String::from_iter).collect();
    let most = all.len().min(MOST);
    let chosen = (0..most).filter_map(|n| all.get(n * (all.len() - 1) / (most - 1).max(1)));
    chosen.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_time_and_id() {
        let id = |first: u8, second: u8| {
            let mut id = [0; 16];
            (id[0], id[1]) = (first, second);
            id
        };
        assert_eq!(place(-1, &id(0xff, 0)), place(-2, &id(0, 0)));
        let ordered = [
            place(-1, &id(0xff, 0)),
            place(0, &id(0, 1)),
            place(0, &id(0xff, 0)),
            place(1, &id(0, 0)),
            place(1_800_000_000, &id(9, 0)),
            place((1 << 35) - 1, &id(0xff, 0xff)),
            place(1 << 35, &id(0, 0)),
        ];
        assert!(ordered.is_sorted_by(|one, next| one < next), "{ordered:?}");
        assert_eq!(place(1, &id(0x12, 0x34)), (1 << 28) + 0x123_4000);
    }

    #[test]
    fn a_text_is_looked_up_by_a_few_of_its_trigrams() {
        assert_eq!(trigrams("ab"), Vec::<String>::new());
        assert_eq!(trigrams("abc"), ["abc"]);
        assert_eq!(trigrams("abcé"), ["abc", "bcé"]);
        let long = trigrams("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(long.len(), 8);
        assert_eq!((long[0].as_str(), long[7].as_str()), ("abc", "xyz"));
        assert_eq!(trigrams(&"x".repeat(20_000)).len(), 8);
    }
}
