//! Maps each refusal of a room to the problem that ends the request.

use super::{
    ADDRESS_TAKEN, BUSY, DESCRIPTION_TAKEN, FILE_TOO_LARGE, INVALID_FIELDS, INVITATION_REQUIRED,
    KEY_REUSED, LAST_ADMINISTRATOR, NOT_FOUND, NOT_SIGNED_IN, ONE_TIME_LINK_ENDED, OVER_QUOTA,
    Problem, SEARCH_TOO_SLOW, SHARE_ENDED, SHARE_PASSWORD, SIGN_IN_REFUSED, SIGN_UP_CLOSED, STALE,
    STORE_FULL, TAKEN, TOO_LARGE, TOO_MANY, TOO_MANY_ATTEMPTS, TRIES,
};
use crate::accounts::{self, NotProved, SignUpError};
use crate::base::input::Refusals;
use crate::config::{FilesConfig, SignupMode};
use crate::files;
use crate::invitations::NotAccepted;
use crate::limits;
use crate::recovery::{ConfirmError, NotAsked, ResetError};
use crate::sessions::NotSignedIn;
use crate::shares;
use crate::sign_in::ChangeError;
use crate::storage::SearchError;
use crate::work;

/// # Errors
/// When visitors cannot create accounts.
pub fn sign_up_is_open(mode: SignupMode) -> Result<(), Problem> {
    match mode {
        SignupMode::Open => Ok(()),
        SignupMode::Invite => Err(INVITATION_REQUIRED),
        SignupMode::Closed => Err(SIGN_UP_CLOSED),
    }
}

impl From<Refusals> for Problem {
    fn from(refusals: Refusals) -> Self {
        INVALID_FIELDS.with_refusals(&refusals)
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::TooSlow => SEARCH_TOO_SLOW,
            SearchError::Fault(fault) => fault.into(),
        }
    }
}

impl From<limits::Refused> for Problem {
    fn from(refused: limits::Refused) -> Self {
        match refused {
            limits::Refused::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            limits::Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<NotSignedIn> for Problem {
    fn from(why: NotSignedIn) -> Self {
        match why {
            NotSignedIn::Fault(fault) => Problem::unavailable(fault),
            why => Self::invalid_token(why),
        }
    }
}

impl From<NotProved> for Problem {
    fn from(why: NotProved) -> Self {
        match why {
            NotProved::Refused => SIGN_IN_REFUSED,
            NotProved::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            NotProved::Busy(_) => BUSY,
            NotProved::Fault(fault) => fault.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Input(refusals) => refusals.into(),
            ChangeError::Ended => NOT_SIGNED_IN,
            ChangeError::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            ChangeError::Busy(_) => BUSY,
            ChangeError::Fault(fault) => fault.into(),
        }
    }
}

impl From<NotAsked> for Problem {
    fn from(why: NotAsked) -> Self {
        match why {
            NotAsked::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            NotAsked::Fault(fault) => fault.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(why: ResetError) -> Self {
        match why {
            ResetError::Ended => {
                ONE_TIME_LINK_ENDED.with_action("/forgot", "Ask for a new link".to_owned())
            }
            ResetError::Input(refusals) => refusals.into(),
            ResetError::Busy(_) => BUSY,
            ResetError::Fault(fault) => fault.into(),
        }
    }
}

impl From<NotAccepted> for Problem {
    fn from(why: NotAccepted) -> Self {
        match why {
            NotAccepted::Ended => ONE_TIME_LINK_ENDED,
            NotAccepted::SignUp(error) => error.into(),
        }
    }
}

impl From<ConfirmError> for Problem {
    fn from(why: ConfirmError) -> Self {
        match why {
            ConfirmError::Ended => {
                ONE_TIME_LINK_ENDED.with_action("/signup", "Create an account".to_owned())
            }
            ConfirmError::Taken => ADDRESS_TAKEN,
            ConfirmError::Input(refusals) => refusals.into(),
            ConfirmError::Busy(_) => BUSY,
            ConfirmError::Fault(fault) => fault.into(),
        }
    }
}

impl From<accounts::Refused> for Problem {
    fn from(refused: accounts::Refused) -> Self {
        use accounts::Refused as R;
        match refused {
            R::NoSuchAccount => NOT_FOUND,
            R::Stale => STALE,
            R::LastAdministrator => LAST_ADMINISTRATOR,
            R::Taken(which) => TAKEN.with_refusals(&which.refusals()),
            R::Input(refusals) => refusals.into(),
            R::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            R::Busy(_) => BUSY,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Taken(which) => TAKEN.with_refusals(&which.refusals()),
            SignUpError::Input(refusals) => refusals.into(),
            SignUpError::Limited(limited) => TOO_MANY_ATTEMPTS.limited(limited),
            SignUpError::Busy(_) => BUSY,
            SignUpError::Fault(fault) => fault.into(),
        }
    }
}

impl Problem {
    /// The problem of the file called `name`.
    pub fn file(name: &str, refused: files::Refused, config: &FilesConfig) -> Self {
        let refusals = refused.refusals(name, config);
        let problem = Self::from(refused);
        match refusals {
            Some(refusals) => problem.with_refusals(&refusals),
            None => problem,
        }
    }
}

impl From<files::Refused> for Problem {
    fn from(refused: files::Refused) -> Self {
        use files::Refused as R;
        match refused {
            R::NoSuchFile => NOT_FOUND,
            R::Stale(_) => STALE,
            R::DescriptionTaken => DESCRIPTION_TAKEN,
            R::TooMany(_) => TOO_MANY,
            R::TooManyAtOnce(_) => TOO_LARGE,
            R::TooLarge(_) | R::TooLargeToScan => FILE_TOO_LARGE,
            R::OverQuota(_) => OVER_QUOTA,
            R::StoreFull => STORE_FULL,
            R::KeyReused => KEY_REUSED,
            R::TypeNotTaken(_) | R::ExtensionNotTaken(_) | R::Infected => INVALID_FIELDS,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<shares::Refused> for Problem {
    fn from(refused: shares::Refused) -> Self {
        use shares::Refused as R;
        match refused {
            R::NotFound => NOT_FOUND,
            R::TooMany => TOO_MANY,
            R::Ended => SHARE_ENDED,
            R::Password => SHARE_PASSWORD,
            R::Tries(limited) => TRIES.limited(limited),
            R::KeyReused => KEY_REUSED,
            R::Busy => BUSY,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<work::Refused> for Problem {
    fn from(refused: work::Refused) -> Self {
        use work::Refused as R;
        match refused {
            R::NoSuchItem => NOT_FOUND,
            R::NoSuchPlace => Self::field("before", "There is no such item."),
            R::Stale(_) => STALE,
            R::TooMany => TOO_MANY,
            R::KeyReused => KEY_REUSED,
            R::Fault(fault) => fault.into(),
        }
    }
}
