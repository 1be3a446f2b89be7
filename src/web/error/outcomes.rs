//! What the rooms answer that was not asked for, as what ends a request.

use super::{PageError, WEAK_PASSWORD};
use crate::accounts::{self, SignUpError};
use crate::base::fault::{Fault, Kind};
use crate::files;
use crate::passwords::HashError;
use crate::sessions::NotSignedIn;
use crate::shares;
use crate::storage::SearchError;
use crate::work;

impl From<Fault> for PageError {
    fn from(fault: Fault) -> Self {
        if fault.kind() == Kind::Ours {
            Self::Fault(fault)
        } else {
            Self::Unavailable(fault)
        }
    }
}

impl From<SearchError> for PageError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::TooSlow => Self::SearchTooSlow,
            SearchError::Fault(fault) => fault.into(),
        }
    }
}

impl From<NotSignedIn> for PageError {
    fn from(why: NotSignedIn) -> Self {
        match why {
            NotSignedIn::Fault(fault) => Self::Unavailable(fault),
            why => Self::NotSignedIn(Some(why.to_string())),
        }
    }
}

impl From<accounts::Refused> for PageError {
    fn from(refused: accounts::Refused) -> Self {
        use accounts::Refused as R;
        match refused {
            R::NoSuchAccount => Self::NotFound,
            R::Stale => Self::Stale,
            R::LastAdministrator => Self::LastAdministrator,
            R::Nameless => Self::field(
                "username",
                "An account needs a username or an email address.",
            ),
            R::Taken(which) => Self::Taken(which),
            R::Reserved(words) => Self::field("username", &words),
            R::Busy(_) => Self::Busy,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<SignUpError> for PageError {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Taken(which) => Self::Taken(which),
            SignUpError::Reserved(words) => Self::field("username", &words),
            SignUpError::Password(HashError::Weak) => Self::field("password", WEAK_PASSWORD),
            SignUpError::Password(HashError::Busy(_)) => Self::Busy,
            SignUpError::Password(HashError::Fault(fault)) | SignUpError::Fault(fault) => {
                fault.into()
            }
        }
    }
}

impl From<files::Refused> for PageError {
    fn from(refused: files::Refused) -> Self {
        use files::Refused as R;
        match refused {
            R::NoSuchFile => Self::NotFound,
            R::Stale(_) => Self::Stale,
            R::DescriptionTaken => Self::DescriptionTaken,
            R::TooMany(_) => Self::TooMany,
            R::TooManyAtOnce(_) => Self::TooLarge,
            R::TooLarge(_) | R::TooLargeToScan => Self::FileTooLarge(refused.to_string()),
            R::OverQuota(_) => Self::OverQuota(refused.to_string()),
            R::StoreFull => Self::StoreFull,
            R::KeyReused => Self::KeyReused,
            R::TypeNotTaken(_) | R::ExtensionNotTaken(_) | R::Infected => {
                Self::field("file", &refused.to_string())
            }
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<shares::Refused> for PageError {
    fn from(refused: shares::Refused) -> Self {
        use shares::Refused as R;
        match refused {
            R::NotFound => Self::NotFound,
            R::TooMany => Self::TooMany,
            R::Ended => Self::ShareEnded,
            R::Password => Self::SharePassword,
            R::Tries => Self::Tries(shares::TRIES_MINUTES * 60),
            R::KeyReused => Self::KeyReused,
            R::Busy => Self::Busy,
            R::Fault(fault) => fault.into(),
        }
    }
}

impl From<work::Refused> for PageError {
    fn from(refused: work::Refused) -> Self {
        use work::Refused as R;
        match refused {
            R::NoSuchItem => Self::NotFound,
            R::NoSuchPlace => Self::field("before", "There is no such item."),
            R::Stale(_) => Self::Stale,
            R::TooMany => Self::TooMany,
            R::KeyReused => Self::KeyReused,
            R::Fault(fault) => fault.into(),
        }
    }
}
