//! Imports the accounts of another program, with the hashes of their passwords.
//!
//! Rows are imported in batches of some hundred, each in one transaction, so an interrupted import
//! is finished by running it again: it never changes an existing account, and never prints a
//! password or a hash.

mod csv;
mod fields;
mod json;
mod row;
mod source;
mod text;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::access::Role;
use crate::accounts::{self, AccountState, Accounts, Holder, NewAccount, Prepared};
use crate::base::event::{self, Action};
use crate::base::fault::Fault;
use crate::base::ids::AccountId;
use crate::base::names::{Email, Refusal, Username};
use crate::storage::{AnyConnection, Db};
pub use fields::Field;
pub use row::Rules;
use row::{Candidate, Secret};
pub use source::{Format, Source, unknown_format};
pub use text::shown;

/// Rows in one transaction. Each ends with a sync of the disk; other writers wait meanwhile.
const BATCH_ROWS: usize = 500;
/// Passwords that are hashed before each write: at most some ten seconds of work are lost when the
/// import is interrupted.
const BATCH_TYPED: usize = 32;
/// Concurrent hashes. The pool has a thread for each core but one; further jobs wait there.
const HASHES_AT_ONCE: usize = 16;

/// The result of a row, or of a dry run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Added,
    /// An account with the same names exists. It is not changed.
    Exists,
    Refused(Refusal),
}

/// Progress reports of an import.
pub enum Event<'a> {
    Row {
        at: i64,
        /// A username or an address, if the row has a valid one.
        who: Option<&'a str>,
        fate: &'a Fate,
        /// Values of an added row that were not imported.
        warnings: &'a [Refusal],
    },
    /// The first password that has to be hashed here.
    Hashing,
    Progress {
        rows: u64,
        percent: u64,
    },
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub rows: u64,
    pub added: u64,
    pub existing: u64,
    pub refused: u64,
    pub warnings: u64,
}

/// Imports the rows of `source`. Without `accounts` it only checks them, which is a dry run. It
/// keeps sixteen bytes for each name, to find names that two rows share.
///
/// # Errors
/// When the file cannot be read any further or the database is unavailable. Accounts that
/// were added before that stay.
pub async fn run(
    db: &Db,
    accounts: Option<&Accounts>,
    source: &mut Source,
    rules: &Rules,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Summary, Fault> {
    let mut summary = Summary::default();
    let mut names = Names::of(source.place());
    let mut has_hashed = false;
    loop {
        let (batch, typed) = read_batch(source, rules)?;
        if batch.is_empty() {
            return Ok(summary);
        }
        let (mut told, mut candidates) = (Vec::new(), Vec::new());
        for (at, who, candidate) in batch {
            let (refused, warnings) = match candidate {
                Ok(mut candidate) => match names.claim(at, &Keys::of(&candidate.names)) {
                    Ok(()) => {
                        let warnings = std::mem::take(&mut candidate.warnings);
                        candidates.push(candidate);
                        (None, warnings)
                    }
                    Err(why) => (Some(Fate::Refused(why)), Vec::new()),
                },
                Err(why) => (Some(Fate::Refused(why)), Vec::new()),
            };
            told.push((at, who, refused, warnings));
        }
        let fates = match accounts {
            None => look(db, &candidates).await?,
            Some(accounts) => {
                if typed > 0 && !has_hashed {
                    has_hashed = true;
                    tell(Event::Hashing);
                }
                add(db, accounts, candidates).await?
            }
        };
        let mut fates = fates.into_iter();
        for (at, who, refused, mut warnings) in told {
            let Some(fate) = refused.or_else(|| fates.next()) else {
                return Err(Fault::new("a row without a fate"));
            };
            summary.rows += 1;
            *match fate {
                Fate::Added => &mut summary.added,
                Fate::Exists => &mut summary.existing,
                Fate::Refused(_) => &mut summary.refused,
            } += 1;
            if fate != Fate::Added {
                warnings.clear();
            }
            summary.warnings += warnings.len() as u64;
            tell(Event::Row {
                at,
                who: who.as_deref(),
                fate: &fate,
                warnings: &warnings,
            });
        }
        tell(Event::Progress {
            rows: summary.rows,
            percent: source.percent(),
        });
    }
}

type Read = (i64, Option<String>, Result<Candidate, Refusal>);

/// The next rows, and how many of them have a plaintext password.
fn read_batch(source: &mut Source, rules: &Rules) -> Result<(Vec<Read>, usize), Fault> {
    let (mut batch, mut typed) = (Vec::new(), 0);
    while batch.len() < BATCH_ROWS && typed < BATCH_TYPED {
        let Some(row) = source.next_row()? else { break };
        let who = row.values.as_ref().ok().and_then(row::label);
        let candidate = row
            .values
            .and_then(|values| Candidate::parse(values, rules));
        typed += usize::from(candidate.as_ref().is_ok_and(Candidate::is_typed));
        batch.push((row.at, who, candidate));
    }
    Ok((batch, typed))
}

/// The results that these rows would have.
async fn look(db: &Db, candidates: &[Candidate]) -> Result<Vec<Fate>, Fault> {
    let keys: Vec<_> = candidates.iter().map(|new| Keys::of(&new.names)).collect();
    db.read(move |db| find_fates(db, &keys)).await
}

async fn add(db: &Db, accounts: &Accounts, candidates: Vec<Candidate>) -> Result<Vec<Fate>, Fault> {
    let mut fates = vec![Fate::Added; candidates.len()];
    // Hashing takes half a minute: only passwords that are still needed are hashed.
    if candidates.iter().any(Candidate::is_typed) {
        fates = look(db, &candidates).await?;
    }
    let wanted = candidates
        .into_iter()
        .zip(&fates)
        .filter(|(_, fate)| **fate == Fate::Added)
        .map(|(candidate, _)| prepare(accounts, candidate));
    let ready: Vec<Ready> = stream::iter(wanted)
        .buffered(HASHES_AT_ONCE)
        .try_collect()
        .await?;
    let written = write(db, ready.into()).await?;
    let places = fates.iter_mut().filter(|fate| **fate == Fate::Added);
    for (place, fate) in places.zip(written) {
        *place = fate;
    }
    Ok(fates)
}

/// Ready for a transaction.
struct Ready {
    prepared: Prepared,
    role: Role,
    state: AccountState,
}

async fn prepare(accounts: &Accounts, candidate: Candidate) -> Result<Ready, Fault> {
    let (role, state) = (candidate.role, candidate.state);
    let mut prepared = match candidate.secret {
        Secret::Hash(hash) => Prepared {
            names: candidate.names,
            hash,
            created_at: candidate.created_at,
            email_verified_at: None,
        },
        Secret::Typed(password) => accounts
            .prepare(NewAccount {
                names: candidate.names,
                password,
            })
            .await
            .map_err(|error| Fault::caused("hash a password", error))?,
    };
    prepared.created_at = candidate.created_at;
    prepared.email_verified_at = candidate.email_verified_at;
    Ok(Ready {
        prepared,
        role,
        state,
    })
}

/// Writes all in one transaction; or each in its own if a name was taken between the check and the
/// insert, which ends PostgreSQL's transaction.
async fn write(db: &Db, ready: Arc<[Ready]>) -> Result<Vec<Fate>, Fault> {
    if let Some(fates) = write_at_once(db, ready.clone(), 0..ready.len()).await? {
        return Ok(fates);
    }
    let mut fates = Vec::new();
    for at in 0..ready.len() {
        let fate = write_at_once(db, ready.clone(), at..at + 1).await?;
        fates.extend(fate.unwrap_or_else(|| {
            vec![Fate::Refused(
                "another account has just taken its username or email address: run the import again"
                    .into(),
            )]
        }));
    }
    Ok(fates)
}

/// `None` if it was rolled back because a name was taken meanwhile.
async fn write_at_once(
    db: &Db,
    ready: Arc<[Ready]>,
    which: Range<usize>,
) -> Result<Option<Vec<Fate>>, Fault> {
    let written = db.write(move |tx| {
        let ready = &ready[which];
        let keys: Vec<_> = ready
            .iter()
            .map(|new| Keys::of(&new.prepared.names))
            .collect();
        let fates = find_fates(tx, &keys)?;
        // In the order of the list of accounts, in which indexes are written fastest.
        let mut added: Vec<_> = ready.iter().zip(&fates).collect();
        added.retain(|(_, fate)| **fate == Fate::Added);
        added.sort_by_key(|(new, _)| new.prepared.created_at);
        let mut ids: Vec<_> = added.iter().map(|_| AccountId::new()).collect();
        ids.sort_unstable_by_key(|id| *id.as_bytes());
        if !ids.is_empty() {
            let imported = event::Event::done(Action::ImportAccounts);
            tx.record(imported.with("accounts", ids.len()));
        }
        for ((new, _), id) in added.into_iter().zip(ids) {
            if !accounts::import(tx, id, &new.prepared, new.role, new.state)? {
                return Err(GivenUp::Taken);
            }
        }
        Ok(fates)
    });
    match written.await {
        Ok(fates) => Ok(Some(fates)),
        Err(GivenUp::Taken) => Ok(None),
        Err(GivenUp::Fault(fault)) => Err(fault),
    }
}

enum GivenUp {
    Taken,
    Fault(Fault),
}

impl From<Fault> for GivenUp {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The keys by which a row's names are compared.
struct Keys {
    username: Option<String>,
    email: Option<String>,
}

impl Keys {
    fn of(names: &accounts::Names) -> Self {
        Self {
            username: names.username.as_ref().map(Username::key),
            email: names.email.as_ref().map(Email::key),
        }
    }
}

/// The results of rows with these names.
fn find_fates(db: &mut AnyConnection, keys: &[Keys]) -> Result<Vec<Fate>, Fault> {
    let usernames: Vec<_> = keys
        .iter()
        .filter_map(|keys| keys.username.clone())
        .collect();
    let emails: Vec<_> = keys.iter().filter_map(|keys| keys.email.clone()).collect();
    let holders = Holders::of(accounts::find_holders(db, &usernames, &emails)?);
    Ok(keys.iter().map(|keys| holders.fate(keys)).collect())
}

/// The accounts that have some names, by those names.
#[derive(Default)]
struct Holders {
    usernames: HashMap<String, String>,
    emails: HashMap<String, String>,
}

impl Holders {
    fn of(found: Vec<Holder>) -> Self {
        let mut holders = Self::default();
        for Holder {
            id,
            username_key,
            email_key,
        } in found
        {
            let username = username_key.map(|key| (key, id.clone()));
            holders.usernames.extend(username);
            holders.emails.extend(email_key.map(|key| (key, id)));
        }
        holders
    }

    fn fate(&self, keys: &Keys) -> Fate {
        let username = keys.username.as_ref().map(|key| self.usernames.get(key));
        let email = keys.email.as_ref().map(|key| self.emails.get(key));
        match (username, email) {
            (Some(Some(one)), Some(Some(other))) if one != other => {
                Fate::Refused("its username and its email address belong to two accounts".into())
            }
            (Some(Some(_)), Some(None)) => Fate::Refused(
                "its username belongs to an account with another email address".into(),
            ),
            (Some(None), Some(Some(_))) => Fate::Refused(
                "its email address belongs to an account with another username".into(),
            ),
            (Some(Some(_)), _) | (_, Some(Some(_))) => Fate::Exists,
            _ => Fate::Added,
        }
    }
}

/// The names in this file, with the line of their row: sixteen bytes for each, so that a file may
/// have any length.
struct Names {
    place: &'static str,
    hasher: RandomState,
    rows: HashMap<u64, i64>,
}

impl Names {
    fn of(place: &'static str) -> Self {
        Self {
            place,
            hasher: RandomState::new(),
            rows: HashMap::new(),
        }
    }

    /// Claims these names for the row. Refuses the row if an earlier row has one of them.
    fn claim(&mut self, at: i64, keys: &Keys) -> Result<(), Refusal> {
        let hash = |kind: char, key: &String| self.hasher.hash_one((kind, key));
        let username = keys.username.as_ref().map(|key| hash('u', key));
        let email = keys.email.as_ref().map(|key| hash('e', key));
        let row = |name: Option<u64>| name.and_then(|name| self.rows.get(&name));
        let place = self.place;
        let same = match (row(username), row(email)) {
            (None, None) => {
                let names = username.into_iter().chain(email);
                self.rows.extend(names.map(|name| (name, at)));
                return Ok(());
            }
            (Some(one), None) => format!("the same username as {place} {one}"),
            (None, Some(one)) => format!("the same email address as {place} {one}"),
            (Some(one), Some(other)) if one == other => {
                format!("the same username and email address as {place} {one}")
            }
            (Some(one), Some(other)) => format!(
                "the same username as {place} {one} and the same email address as {place} {other}"
            ),
        };
        Err(format!("it has {same}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(rows: &[(&str, &str)]) -> Vec<String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut names = Names::of("line");
        let holders = Holders::of(vec![
            Holder {
                id: "1".into(),
                username_key: some("ada"),
                email_key: some("ada@example.com"),
            },
            Holder {
                id: "2".into(),
                username_key: None,
                email_key: some("bob@example.com"),
            },
        ]);
        let fate = |(at, (username, email)): (i64, &(&str, &str))| {
            let keys = Keys {
                username: some(username),
                email: some(email),
            };
            let claimed = names.claim(at, &keys);
            let fate = claimed.map_or_else(Fate::Refused, |()| holders.fate(&keys));
            match fate {
                Fate::Refused(why) => why.into_owned(),
                fate => format!("{fate:?}"),
            }
        };
        (2..).zip(rows).map(fate).collect()
    }

    #[test]
    fn a_row_exists_when_all_of_its_names_are_one_accounts() {
        for row in [
            ("ada", "ada@example.com"),
            ("ada", ""),
            ("", "ada@example.com"),
            ("", "bob@example.com"),
        ] {
            assert_eq!(fates(&[row]), ["Exists"], "{row:?}");
        }
        for (row, why) in [
            (("ada", "bob@example.com"), "two accounts"),
            (("ada", "new@example.com"), "another email address"),
            (("bob", "bob@example.com"), "another username"),
        ] {
            assert!(fates(&[row])[0].contains(why), "{row:?}");
        }
        assert_eq!(fates(&[("new", "new@example.com")]), ["Added"]);
    }

    #[test]
    fn a_name_that_two_rows_have_is_the_first_rows() {
        let eve = ("eve", "eve@example.com");
        for (rows, last) in [
            (
                &[eve, eve][..],
                "it has the same username and email address as line 2",
            ),
            (&[eve, ("eve", "")], "it has the same username as line 2"),
            (&[("eve", ""), eve], "it has the same username as line 2"),
            // An existing account holds its names as an added one does.
            (
                &[("ada", ""), ("ada", "ada@example.com")],
                "it has the same username as line 2",
            ),
            // A username is not an address, even if both have the same text.
            (&[("x", ""), ("", "x")], "Added"),
        ] {
            assert_eq!(fates(rows).last().unwrap(), last, "{rows:?}");
        }
    }
}
