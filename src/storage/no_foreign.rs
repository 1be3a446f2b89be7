//! Replaces `foreign.rs` in a build without SQLite.

use std::path::Path;

use crate::base::fault::Fault;

pub const COLUMNS_MAX: usize = 8;
pub const PAGE_ROWS: i64 = 100;
pub const VALUE_MAX_BYTES: usize = 4096;

pub struct Row {
    pub number: i64,
    pub values: [Option<Vec<u8>>; COLUMNS_MAX],
}

/// No file can be opened.
pub enum ForeignFile {}

impl ForeignFile {
    pub fn open(_: &Path) -> Result<Self, Fault> {
        Err(Fault::new(
            "this build cannot read SQLite: build it with that feature",
        ))
    }

    pub fn tables(&mut self) -> Result<Vec<(String, Vec<String>)>, Fault> {
        match *self {}
    }

    pub fn last(&mut self, _: &str) -> Result<i64, Fault> {
        match *self {}
    }

    pub fn page(
        &mut self,
        _: &str,
        _: [Option<&str>; COLUMNS_MAX],
        _: i64,
    ) -> Result<Vec<Row>, Fault> {
        match *self {}
    }
}
