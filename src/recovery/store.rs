//! The tables of one-time tokens, and of the requests that are answered by mail.

use diesel::prelude::*;

use super::Purpose;
use crate::base::clock::UnixSeconds;
use crate::base::fault::Fault;
use crate::base::ids::{AccountId, MailId};
use crate::storage::AnyConnection;
use crate::storage::schema::{mail_requests, one_time_tokens};

/// What a token is for, besides its purpose.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub account: Option<AccountId>,
    /// The address that it is about.
    pub email: Option<String>,
    /// The state of the account that it depends on.
    pub bound_to: Option<Vec<u8>>,
    pub sealed: Option<Vec<u8>>,
    /// The hash of the cookie of the browser that asked for it.
    pub browser: Option<Vec<u8>>,
}

/// A token that is valid.
#[derive(Clone, Debug)]
pub struct Found {
    pub hash: Vec<u8>,
    pub ends_at: UnixSeconds,
    pub content: Content,
    pub wrong_codes: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = one_time_tokens)]
struct Row {
    hash: Vec<u8>,
    ends_at: i64,
    account_id: Option<String>,
    email: Option<String>,
    bound_to: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
    browser: Option<Vec<u8>>,
    wrong_codes: i64,
}

impl From<Row> for Found {
    fn from(row: Row) -> Self {
        Self {
            hash: row.hash,
            ends_at: row.ends_at,
            content: Content {
                account: row.account_id.as_deref().and_then(AccountId::parse),
                email: row.email,
                bound_to: row.bound_to,
                sealed: row.sealed,
                browser: row.browser,
            },
            wrong_codes: row.wrong_codes,
        }
    }
}

pub fn insert(
    tx: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    ends_at: UnixSeconds,
    content: Content,
) -> Result<(), Fault> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::hash.eq(hash),
            one_time_tokens::purpose.eq(purpose.as_str()),
            one_time_tokens::ends_at.eq(ends_at),
            one_time_tokens::account_id.eq(content.account.map(|id| id.to_string())),
            one_time_tokens::email.eq(content.email),
            one_time_tokens::bound_to.eq(content.bound_to),
            one_time_tokens::sealed.eq(content.sealed),
            one_time_tokens::browser.eq(content.browser),
        ))
        .execute(tx)?;
    Ok(())
}

/// A valid token. Does not use it up.
pub fn find(
    db: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<Option<Found>, Fault> {
    let row: Option<Row> = one_time_tokens::table
        .filter(one_time_tokens::hash.eq(hash))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::ends_at.gt(now))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    Ok(row.map(Found::from))
}

/// The valid tokens of an account for this purpose, latest first.
pub fn find_of(
    db: &mut AnyConnection,
    account: AccountId,
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<Vec<Found>, Fault> {
    let rows: Vec<Row> = one_time_tokens::table
        .filter(one_time_tokens::account_id.eq(account.to_string()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::ends_at.gt(now))
        .order(one_time_tokens::ends_at.desc())
        .select(Row::as_select())
        .load(db)?;
    Ok(rows.into_iter().map(Found::from).collect())
}

/// Uses a token up; `None` if it is not valid. Of two concurrent uses, the database lets one
/// delete it.
pub fn use_up(
    tx: &mut AnyConnection,
    hash: &[u8],
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<Option<Found>, Fault> {
    let Some(found) = find(tx, hash, purpose, now)? else {
        return Ok(None);
    };
    let used = diesel::delete(one_time_tokens::table.find(hash)).execute(tx)?;
    Ok((used == 1).then_some(found))
}

pub fn delete_all(tx: &mut AnyConnection, purpose: Purpose) -> Result<(), Fault> {
    let all = one_time_tokens::table.filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::delete(all).execute(tx)?;
    Ok(())
}

/// Deletes every token of an account for this purpose.
pub fn delete_of(
    tx: &mut AnyConnection,
    account: AccountId,
    purpose: Purpose,
) -> Result<(), Fault> {
    let own = one_time_tokens::table
        .filter(one_time_tokens::account_id.eq(account.to_string()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::delete(own).execute(tx)?;
    Ok(())
}

/// The valid tokens for this purpose that a browser asked for.
pub fn find_of_browser(
    db: &mut AnyConnection,
    browser: &[u8],
    purpose: Purpose,
    now: UnixSeconds,
) -> Result<Vec<Found>, Fault> {
    let rows: Vec<Row> = one_time_tokens::table
        .filter(one_time_tokens::browser.eq(browser))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::ends_at.gt(now))
        .select(Row::as_select())
        .load(db)?;
    Ok(rows.into_iter().map(Found::from).collect())
}

/// Deletes the token for this purpose that a browser asked for with this address.
pub fn delete_of_browser(
    tx: &mut AnyConnection,
    browser: &[u8],
    email: &str,
    purpose: Purpose,
) -> Result<(), Fault> {
    let own = one_time_tokens::table
        .filter(one_time_tokens::browser.eq(browser))
        .filter(one_time_tokens::email.eq(email))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::delete(own).execute(tx)?;
    Ok(())
}

/// Counts a code that was typed in a browser as wrong, at every token that the browser asked for.
pub fn count_code(tx: &mut AnyConnection, browser: &[u8], purpose: Purpose) -> Result<(), Fault> {
    let own = one_time_tokens::table
        .filter(one_time_tokens::browser.eq(browser))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::update(own)
        .set(one_time_tokens::wrong_codes.eq(one_time_tokens::wrong_codes + 1))
        .execute(tx)?;
    Ok(())
}

/// Deletes the tokens with so many wrong codes.
pub fn delete_guessed(
    tx: &mut AnyConnection,
    browser: &[u8],
    purpose: Purpose,
    wrong_codes: i64,
) -> Result<(), Fault> {
    let guessed = one_time_tokens::table
        .filter(one_time_tokens::browser.eq(browser))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::wrong_codes.ge(wrong_codes));
    diesel::delete(guessed).execute(tx)?;
    Ok(())
}

/// Deletes at most `most` tokens that ended before `moment`, and returns how many.
pub fn forget(tx: &mut AnyConnection, moment: UnixSeconds, most: i64) -> Result<usize, Fault> {
    let old: Vec<Vec<u8>> = one_time_tokens::table
        .filter(one_time_tokens::ends_at.le(moment))
        .select(one_time_tokens::hash)
        .limit(most)
        .load(tx)?;
    Ok(
        diesel::delete(one_time_tokens::table.filter(one_time_tokens::hash.eq_any(old)))
            .execute(tx)?,
    )
}

pub fn insert_request(
    tx: &mut AnyConnection,
    id: MailId,
    sealed: &[u8],
    now: UnixSeconds,
) -> Result<(), Fault> {
    diesel::insert_into(mail_requests::table)
        .values((
            mail_requests::id.eq(id.to_string()),
            mail_requests::sealed.eq(sealed),
            mail_requests::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

/// The oldest requests.
pub fn requests(db: &mut AnyConnection, most: i64) -> Result<Vec<(MailId, Vec<u8>)>, Fault> {
    let rows: Vec<(String, Vec<u8>)> = mail_requests::table
        .order((mail_requests::created_at, mail_requests::id))
        .limit(most)
        .select((mail_requests::id, mail_requests::sealed))
        .load(db)?;
    rows.into_iter()
        .map(|(id, sealed)| {
            let id = MailId::parse(&id).ok_or_else(|| Fault::new("a request without an id"))?;
            Ok((id, sealed))
        })
        .collect()
}

/// `false` if another server answers it.
pub fn delete_request(tx: &mut AnyConnection, id: MailId) -> Result<bool, Fault> {
    Ok(diesel::delete(mail_requests::table.find(id.to_string())).execute(tx)? == 1)
}

/// Counts one of `most` tries to use a token; `false` if it is not valid or has none left.
pub fn count_try(
    tx: &mut AnyConnection,
    hash: &[u8],
    most: i64,
    now: UnixSeconds,
) -> Result<bool, Fault> {
    let valid = one_time_tokens::table
        .filter(one_time_tokens::hash.eq(hash))
        .filter(one_time_tokens::ends_at.gt(now))
        .filter(one_time_tokens::wrong_codes.lt(most));
    let counted = diesel::update(valid)
        .set(one_time_tokens::wrong_codes.eq(one_time_tokens::wrong_codes + 1))
        .execute(tx)?;
    Ok(counted == 1)
}

/// Deletes the tokens of an account for this purpose that end at `moment` or later.
pub fn delete_later(
    tx: &mut AnyConnection,
    account: AccountId,
    purpose: Purpose,
    moment: UnixSeconds,
) -> Result<(), Fault> {
    let later = one_time_tokens::table
        .filter(one_time_tokens::account_id.eq(account.to_string()))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::ends_at.ge(moment));
    diesel::delete(later).execute(tx)?;
    Ok(())
}

/// Deletes every token of an account.
pub fn delete_of_account(tx: &mut AnyConnection, account: AccountId) -> Result<(), Fault> {
    let own = one_time_tokens::table.filter(one_time_tokens::account_id.eq(account.to_string()));
    diesel::delete(own).execute(tx)?;
    Ok(())
}
