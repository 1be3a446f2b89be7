//! What the rooms answer that was not asked for, as what ends a request.

use super::{
    BUSY, KEY_REUSED, LAST_ADMINISTRATOR, NOT_FOUND, Problem, SEARCH_TOO_SLOW, SHARE_ENDED,
    SHARE_PASSWORD, SIGN_IN_REFUSED, STALE, STORE_FULL, TOO_LARGE, TOO_MANY, WEAK_PASSWORD,
};
use crate::accounts::{self, NotProved, SignUpError};
use crate::files;
use crate::passwords::HashError;
use crate::sessions::NotSignedIn;
use crate::shares;
use crate::storage::SearchError;
use crate::work;

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::TooSlow => SEARCH_TOO_SLOW,
            SearchError::Fault(fault) => fault.into(),
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
            NotProved::Busy(_) => BUSY,
            NotProved::Fault(fault) => fault.into(),
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
            R::Nameless => Self::field(
                "username",
                "An account needs a username or an email address.",
            ),
            R::Taken(which) => Self::taken(which.field()),
            R::Reserved(words) => Self::field("username", &words),
            R::Busy(_) => BUSY,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Taken(which) => Self::taken(which.field()),
            SignUpError::Reserved(words) => Self::field("username", &words),
            SignUpError::Password(HashError::Weak) => Self::field("password", WEAK_PASSWORD),
            SignUpError::Password(HashError::Busy(_)) => BUSY,
            SignUpError::Password(HashError::Fault(fault)) | SignUpError::Fault(fault) => {
                fault.into()
            }
        }
    }
}

impl From<files::Refused> for Problem {
    fn from(refused: files::Refused) -> Self {
        use files::Refused as R;
        match refused {
            R::NoSuchFile => NOT_FOUND,
            R::Stale(_) => STALE,
            R::DescriptionTaken => Self::description_taken(),
            R::TooMany(_) => TOO_MANY,
            R::TooManyAtOnce(_) => TOO_LARGE,
            R::TooLarge(_) | R::TooLargeToScan => Problem::file_too_large(&refused.to_string()),
            R::OverQuota(_) => Problem::over_quota(&refused.to_string()),
            R::StoreFull => STORE_FULL,
            R::KeyReused => KEY_REUSED,
            R::TypeNotTaken(_) | R::ExtensionNotTaken(_) | R::Infected => {
                Self::field("file", &refused.to_string())
            }
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
            R::Tries => Problem::tries(shares::TRIES_MINUTES * 60),
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
