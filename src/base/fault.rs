//! What went wrong on our side: nobody can react to it, so it is kept whole and logged once.

use std::error::Error;
use std::fmt;
use std::panic::Location;

/// An error with its source and the place where it was met. What it prints is for the
/// operator's log, never for the person at the page.
pub struct Fault {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    at: &'static Location<'static>,
    is_away: bool,
}

impl Fault {
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
            at: Location::caller(),
            is_away: false,
        }
    }

    #[track_caller]
    pub fn caused(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            what: what.into(),
            source: Some(source.into()),
            at: Location::caller(),
            is_away: false,
        }
    }

    /// Of something that is needed and cannot be had now, but may be in a minute.
    #[track_caller]
    pub fn away(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            is_away: true,
            ..Self::caused(what, source)
        }
    }

    pub fn is_away(&self) -> bool {
        self.is_away
    }

    /// `file:line` of the place where it was met.
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
