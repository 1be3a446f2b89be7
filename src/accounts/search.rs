//! Searching accounts: the filters, and the terms to look up in the index.

use super::{Account, AccountState};
use crate::access::Role;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{caseless, folded};
use crate::base::paging;
use crate::storage::{self, AnyConnection};

/// The index of trigrams, on a database that has one.
pub const INDEX: &str = "account_search";
/// A short text that begins this many trigrams is in the names of many accounts.
const MANY_TERMS: usize = 64;

/// The accounts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// A part of a username or address, in upper or lower case.
    pub text: String,
    pub role: Option<Role>,
    pub state: Option<AccountState>,
    pub group: Option<String>,
}

/// Continues a list of accounts, oldest first, after this one.
pub type Cursor = paging::Cursor<UnixSeconds, AccountId>;

pub fn cursor(account: &Account) -> Cursor {
    Cursor {
        value: account.created_at,
        id: account.id,
    }
}

/// The terms of a search: an account that matches has one of each list in the index. `None` when
/// so many accounts can match that reading all of them in order is faster.
pub fn terms(db: &mut AnyConnection, search: &Search) -> Result<Option<Vec<Vec<String>>>, Fault> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let (key, shown) = (caseless(&search.text), folded(&search.text));
    let (of_key, of_shown) = (storage::trigrams(&key), storage::trigrams(&shown));
    if !of_key.is_empty() && !of_shown.is_empty() {
        // Either spelling matches: an account with all terms of one has one of each pair.
        let pairs = of_key.into_iter().zip(of_shown);
        all.extend(pairs.map(|(key, shown)| {
            if key == shown {
                vec![key]
            } else {
                vec![key, shown]
            }
        }));
    } else if !key.is_empty() {
        let mut terms = Vec::new();
        let mut starts = [&key, &shown]
            .map(|text| text.chars().take(3).collect::<String>())
            .to_vec();
        starts.dedup();
        for start in starts {
            let found = storage::terms_from(db, INDEX, &start, MANY_TERMS)?;
            terms.extend(found.unwrap_or_default());
        }
        if terms.len() < MANY_TERMS {
            all.push(terms);
        }
    }
    // The format is that of the migration that makes the index.
    let letter = |role: Role| &role.as_str()[..1];
    match (search.role, search.state) {
        (None, None) => {}
        (Some(role), None) => all.push(vec![format!("\u{1}\u{2}{}", letter(role))]),
        (role, Some(state)) => {
            let roles = Role::ALL
                .into_iter()
                .filter(|one| role.is_none_or(|role| role == *one));
            let disabled = u8::from(state == AccountState::Disabled);
            all.push(
                roles
                    .map(|role| format!("\u{2}{}{disabled}", letter(role)))
                    .collect(),
            );
        }
    }
    if let Some(group) = &search.group {
        let whole = storage::trigrams(&format!("\u{3}{group}\u{3}"));
        all.extend(whole.into_iter().map(|one| vec![one]));
    }
    Ok((!all.is_empty()).then_some(all))
}
