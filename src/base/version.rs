//! Versions of a row: every change adds one.

pub type Version = i64;

/// The versions of a row that a change applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Any version: the last write wins.
    Any,
    OneOf(Vec<Version>),
}

impl ExpectedVersion {
    pub fn includes(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
