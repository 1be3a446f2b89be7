//! A text file or standard input, read in pieces: any size takes the same memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::source::Found;
use crate::base::fault::Fault;
use crate::base::names::Refusal;

/// Limit of a line of text, or of a row of several lines. Every sensible row is far shorter.
pub const ROW_MAX_BYTES: usize = 64 * 1024;
/// Enough to recognise another kind of file.
const BEGINNING_BYTES: usize = 64;

/// The files that can be read.
pub const ACCEPTED: &str = "accepted are CSV with a header row (commas, semicolons or tabs), \
                            JSON Lines, a JSON array, Django's dumpdata as JSON, an SQLite file, and htpasswd";

/// Keeps the current line number. Every line ends with LF here, whatever ends it in the file.
pub struct Text {
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    /// The current position in `buffer`.
    at: usize,
    after_cr: bool,
    pub line: i64,
    /// Bytes read of the file's `length`, which is 0 if it is not known.
    pub read: u64,
    pub length: u64,
}

impl Text {
    /// `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read or is not text in UTF-8.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let (input, length): (Box<dyn Read>, u64) = if path == Path::new("-") {
            (Box::new(io::stdin()), 0)
        } else {
            let opened = File::open(path)
                .and_then(|file| file.metadata().map(|about| (file, about.len())))
                .map_err(|error| Fault::caused(format!("{} cannot be read", shown(path)), error))?;
            (Box::new(opened.0), opened.1)
        };
        let mut text = Self {
            input,
            buffer: Vec::with_capacity(ROW_MAX_BYTES),
            at: 0,
            after_cr: false,
            line: 1,
            read: 0,
            length,
        };
        while text.buffer.len() < BEGINNING_BYTES && text.read_more()? {}
        if let Some(what) = not_text(&text.buffer) {
            return Err(Fault::new(format!("{} is {what}; {ACCEPTED}", shown(path))));
        }
        if text.buffer.starts_with(b"\xef\xbb\xbf") {
            text.at = 3;
        }
        Ok(text)
    }

    /// Returns whether there was more.
    fn read_more(&mut self) -> Result<bool, Fault> {
        let mut piece = [0; 8 * 1024];
        loop {
            let read = self.input.read(&mut piece);
            let bytes = read.map_err(|error| Fault::caused("the file cannot be read", error))?;
            self.read += bytes as u64;
            let before = self.buffer.len();
            for byte in &piece[..bytes] {
                if *byte != b'\n' || !self.after_cr {
                    self.buffer.push(if *byte == b'\r' { b'\n' } else { *byte });
                }
                self.after_cr = *byte == b'\r';
            }
            // A piece may consist of the LF of a CRLF only.
            if bytes == 0 || self.buffer.len() > before {
                return Ok(bytes > 0);
            }
        }
    }

    /// The next byte, without consuming it.
    pub fn peek(&mut self) -> Result<Option<u8>, Fault> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            self.read_more()?;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    pub fn take(&mut self) -> Result<Option<u8>, Fault> {
        let next = self.peek()?;
        if let Some(byte) = next {
            self.at += 1;
            self.line += i64::from(byte == b'\n');
        }
        Ok(next)
    }

    /// The next line, without consuming it; only the beginning of a long one.
    pub fn peek_line(&mut self) -> Result<&[u8], Fault> {
        loop {
            let rest = &self.buffer[self.at..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                return Ok(&self.buffer[self.at..self.at + end]);
            }
            if rest.len() > ROW_MAX_BYTES || !self.read_more()? {
                return Ok(&self.buffer[self.at..]);
            }
        }
    }

    /// The bytes that were read ahead, without consuming them: at least a line, or the longest
    /// allowed.
    pub fn peek_ahead(&mut self) -> Result<&[u8], Fault> {
        self.peek_line()?;
        Ok(&self.buffer[self.at..])
    }

    /// The first non-blank byte, without consuming it.
    pub fn peek_content(&mut self) -> Result<Option<u8>, Fault> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.take()?;
        }
        self.peek()
    }

    /// Skips to the end of the line.
    pub fn skip_line(&mut self) -> Result<(), Fault> {
        while self.take()?.is_some_and(|byte| byte != b'\n') {}
        Ok(())
    }

    /// The next line that is not blank and that `skips` does not skip, without its end.
    pub fn line_with_content(
        &mut self,
        skips: impl Fn(&str) -> bool,
    ) -> Result<Option<Found<String>>, Fault> {
        while self.peek()?.is_some() {
            let (at, mut line) = (self.line, Vec::new());
            while let Some(byte) = self.take()?.filter(|byte| *byte != b'\n') {
                // One byte more than the limit shows that the line is too long.
                if line.len() <= ROW_MAX_BYTES {
                    line.push(byte);
                }
            }
            if line.len() > ROW_MAX_BYTES {
                return Ok(Some((at, Err(too_long()))));
            }
            match text(line) {
                Ok(line) if line.trim().is_empty() || skips(&line) => {}
                line => return Ok(Some((at, line))),
            }
        }
        Ok(None)
    }
}

/// The file's name in a message.
pub fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

pub fn text(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8: save the file as UTF-8".into())
}

pub fn too_long() -> Refusal {
    format!(
        "it is longer than {} kB, the most that a row may have",
        ROW_MAX_BYTES / 1024
    )
    .into()
}

/// The kind of a file that is not UTF-8 text, and what to do.
fn not_text(beginning: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| beginning.starts_with(with);
    if begins(b"\xff\xfe") || begins(b"\xfe\xff") {
        Some("UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
    } else if begins(b"PK\x03\x04") {
        Some(
            "a spreadsheet (xlsx, ods) or another zip archive: save the sheet with the accounts as CSV UTF-8",
        )
    } else if begins(b"\xd0\xcf\x11\xe0") {
        Some("an Excel file: save the sheet with the accounts as CSV UTF-8")
    } else if begins(b"\x1f\x8b")
        || begins(b"BZh")
        || begins(b"\xfd7zXZ")
        || begins(b"\x28\xb5\x2f\xfd")
    {
        Some("compressed: unpack it first")
    } else if begins(b"SQLite format 3") {
        Some("an SQLite file: add --format sqlite")
    } else if begins(b"PGDMP") {
        Some(SQL_DUMP)
    } else {
        None
    }
}

const SQL_DUMP: &str = "a database dump: export the table with the accounts instead, with \
                        psql -c \"\\copy (SELECT username, email, password FROM users) TO users.csv CSV HEADER\", \
                        or mysql --batch -e \"SELECT username, email, password FROM users\" > users.tsv, \
                        or sqlite3 -header -csv";

pub const YAML: &str =
    "YAML: export the accounts as JSON or CSV (Django: manage.py dumpdata --format json)";

/// The kind of a file whose first line cannot begin a table of accounts, and what to do.
pub fn not_a_table(first_line: &str) -> Option<&'static str> {
    let line = first_line.trim_start().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|with| line.starts_with(with));
    if begins(&["---", "- ", "%yaml"]) {
        Some(YAML)
    } else if begins(&[
        "--",
        "/*",
        "insert into ",
        "create ",
        "drop ",
        "set ",
        "begin;",
        "pragma ",
        "use ",
    ]) {
        Some(SQL_DUMP)
    } else if begins(&["<"]) {
        Some("XML or HTML: export the accounts as CSV or JSON")
    } else if begins(&["dn:", "version: 1"]) {
        Some("LDIF: export the accounts as CSV or JSON")
    } else if begins(&["{", "["]) {
        Some("JSON: add --format jsonl")
    } else {
        None
    }
}
