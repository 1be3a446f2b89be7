//! Versions of a row: each change counts one on.

pub type Version = i64;

/// Which version of a row a change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is by now: the last to write wins.
    Any,
    OneOf(Vec<Version>),
}

impl Expected {
    pub fn includes(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
