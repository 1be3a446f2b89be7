//! Errors on our side. No caller can handle them, so they are kept whole and logged once.

use std::error::Error;
use std::fmt;
use std::panic::Location;

/// An error with its source and the place where it occurred. Its text is for the log, never for a
/// page. A function that asks the database returns one when the database is unavailable; its
/// documentation does not repeat that.
pub struct Fault {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    at: &'static Location<'static>,
    kind: Kind,
}

/// The effect of a fault on its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A bug, or a wrong installation.
    Ours,
    /// A dependency is unavailable, but may be available in a minute. Nothing was changed.
    Unavailable,
    /// As [`Kind::Unavailable`], but a change was under way and may have been made.
    OutcomeUnknown,
    /// The disk is full. Nothing was changed.
    DiskFull,
}

impl Fault {
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
            at: Location::caller(),
            kind: Kind::Ours,
        }
    }

    #[track_caller]
    pub fn caused(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(what)
        }
    }

    /// For a dependency that is unavailable now, but may be available in a minute.
    #[track_caller]
    pub fn unavailable(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::caused(what, source).of(Kind::Unavailable)
    }

    pub fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `file:line` of the place where it occurred.
    pub fn place(&self) -> String {
        format!("{}:{}", self.at.file(), self.at.line())
    }
}

/// The whole chain on one line.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.place())
    }
}

impl Error for Fault {}
