//! What is wrong with an input, field by field, in words for the person who sent it.

use std::fmt;

use super::fault::Fault;
use super::names::{Refusal, within_sentence};

/// The fields that are not accepted, each with what is wrong and what would be accepted. Pages, the
/// API, commands and imports use the same sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals(Vec<(&'static str, Refusal)>);

impl Refusals {
    /// In place of a field: no field of the form is at fault.
    pub const FORM: &str = "";

    pub fn of(field: &'static str, why: impl Into<Refusal>) -> Self {
        Self(vec![(field, why.into())])
    }

    pub fn add(&mut self, field: &'static str, why: impl Into<Refusal>) {
        self.0.push((field, why.into()));
    }

    /// The parsed value; or `None`, with its refusal noted.
    pub fn note<T>(&mut self, field: &'static str, parsed: Result<T, Refusal>) -> Option<T> {
        parsed.map_err(|why| self.add(field, why)).ok()
    }

    /// What was parsed, if nothing was refused.
    ///
    /// # Errors
    /// The refusals.
    pub fn or<T>(self, parsed: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(parsed)
        } else {
            Err(self)
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn find(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == field);
        found.map(|(_, why)| why.as_ref())
    }

    /// For a response with one sentence.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", |(_, why)| why)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(field, why)| (*field, why.as_ref()))
    }

    /// For a form that asks for the field under another name.
    pub fn renamed(mut self, field: &str, shown: &'static str) -> Self {
        let of_field = self.0.iter_mut().filter(|(name, _)| *name == field);
        of_field.for_each(|(name, _)| *name = shown);
        self
    }

    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

/// All sentences on one line.
impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.iter().map(|(_, why)| why).collect();
        f.write_str(&all.join("; "))
    }
}

impl std::error::Error for Refusals {}

/// For a command, which prints it after a colon.
impl From<Refusals> for Fault {
    fn from(refusals: Refusals) -> Self {
        Self::new(within_sentence(&refusals.to_string()))
    }
}
