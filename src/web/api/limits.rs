//! The rate limits of an account.

use actix_web::web::Data;

use super::accounts::TAG;
use super::answers::{Answer, Done};
use crate::access::Action;
use crate::base::ids::AccountId;
use crate::limits::Subject;
use crate::web::State;
use crate::web::describe::Call;
use crate::web::path_id::Id;
use crate::web::problem::{FORBIDDEN, NOT_FOUND};
use crate::web::proof::{Recent, may};

pub const CLEAR: Call = Call {
    id: "clearLimits",
    tag: &TAG,
    summary: "Clear the rate limits of an account",
    description: "For administrators. All attempts are available again, for every client.",
    example: None,
    problems: &[FORBIDDEN],
};

pub async fn clear(Recent(who): Recent, state: Data<State>, Id(id): Id<AccountId>) -> Answer<Done> {
    may(&who, Action::GovernAccount, Some(id))?;
    state.accounts.find(id).await?.ok_or(NOT_FOUND)?;
    state.limits.clear(Subject::Account(id)).await?;
    Ok(Done)
}
