//! CSV by RFC 4180, and its variants in practice: other delimiters, other line ends, empty lines,
//! and quotes within a field that does not begin with one.

use super::source::Found;
use super::text::{ROW_MAX_BYTES, Text, text, too_long};
use crate::base::fault::Fault;
use crate::base::names::Refusal;

const COLUMNS_MAX: usize = 1024;
/// The delimiter of a file is the first that makes columns of its header.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub struct Csv {
    delimiter: u8,
    /// Lines that were not read because of a quote.
    unread: i64,
    /// Rows with quoted text that goes over several lines.
    quoted_over_lines: u64,
    /// First and last line of the longest quoted text.
    longest: (i64, i64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// No byte of the field was read yet.
    Begin,
    Plain,
    Quoted,
    /// A quote within quotes: the end, or the first of two.
    Quote,
}

impl Csv {
    /// For a file with this first line.
    pub fn of(header: &[u8], suffices: impl Fn(&[String]) -> bool) -> Self {
        let header = String::from_utf8_lossy(header);
        let columns = |delimiter: u8| {
            let columns = header.split(char::from(delimiter));
            columns
                .map(|column| column.trim().trim_matches('"').to_owned())
                .collect::<Vec<_>>()
        };
        let fitting = DELIMITERS
            .into_iter()
            .find(|delimiter| suffices(&columns(*delimiter)));
        Self {
            delimiter: fitting.unwrap_or(b','),
            unread: 0,
            quoted_over_lines: 0,
            longest: (0, 0),
        }
    }

    /// The fields of the next record, with the line where it begins, or where the wrong quote was
    /// opened. Quoted text is never taken for a row, however long it is.
    pub fn record(&mut self, input: &mut Text) -> Result<Option<Found<Vec<String>>>, Fault> {
        while input.peek()? == Some(b'\n') {
            input.take()?;
        }
        if input.peek()?.is_none() {
            return Ok(None);
        }
        let begin = input.line;
        let (mut record, mut ends, mut is_too_long) = (Vec::new(), Vec::new(), false);
        let (mut within, mut opened, mut over_lines) = (Within::Begin, begin, false);
        let mut last = begin;
        loop {
            let here = input.line;
            let next = input.take()?;
            match (within, next) {
                (Within::Quoted, None) => {
                    self.unread += last - opened + 1;
                    return Ok(Some((opened, Err(unclosed(last)))));
                }
                (Within::Quoted, Some(b'"')) => {
                    within = Within::Quote;
                    if here > opened {
                        over_lines = true;
                        if here - opened > self.longest.1 - self.longest.0 {
                            self.longest = (opened, here);
                        }
                    }
                    continue;
                }
                (Within::Begin, Some(b'"')) => {
                    (within, opened) = (Within::Quoted, here);
                    continue;
                }
                (Within::Quote, Some(b'"')) => within = Within::Quoted,
                (Within::Begin | Within::Plain | Within::Quote, next)
                    if next.is_none_or(|byte| byte == b'\n' || byte == self.delimiter) =>
                {
                    within = Within::Begin;
                    is_too_long |= ends.len() == COLUMNS_MAX;
                    if !is_too_long {
                        ends.push(record.len());
                    }
                    if next == Some(self.delimiter) {
                        continue;
                    }
                    break;
                }
                (Within::Quote, _) => {
                    input.skip_line()?;
                    self.unread += here - opened + 1;
                    return Ok(Some((opened, Err(text_after_quote(opened, here)))));
                }
                (Within::Begin, _) => within = Within::Plain,
                (Within::Plain | Within::Quoted, _) => {}
            }
            last = here;
            is_too_long |= record.len() == ROW_MAX_BYTES;
            if let (Some(byte), false) = (next, is_too_long) {
                record.push(byte);
            }
        }
        if is_too_long {
            return Ok(Some((begin, Err(too_long()))));
        }
        self.quoted_over_lines += u64::from(over_lines);
        let mut start = 0;
        let fields = ends.into_iter().map(|end| {
            let field = record[start..end].to_vec();
            start = end;
            text(field)
        });
        Ok(Some((begin, fields.collect())))
    }

    /// Notes for the administrator: a stray quote may have merged several rows into one.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.unread {
            0 => {}
            1 => notes.push("Not read because of a wrong quote: 1 line.".to_owned()),
            lines => notes.push(format!("Not read because of a wrong quote: {lines} lines.")),
        }
        let (from, to) = self.longest;
        let rows = match self.quoted_over_lines {
            0 => return notes,
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        notes.push(format!(
            "Quoted text goes over several lines in {rows}. The longest goes from line {from} to \
             line {to}: if a row is missing, look for a stray quote there."
        ));
        notes
    }
}

fn unclosed(last: i64) -> Refusal {
    format!(
        "the quote that opens in this line is never closed: nothing from here to the end of the \
         file (line {last}) was read. Close it, or write a quote within quoted text twice (\"\")"
    )
    .into()
}

fn text_after_quote(opened: i64, closed: i64) -> Refusal {
    let unread = if opened == closed {
        "this row was not read".to_owned()
    } else {
        format!("lines {opened} to {closed} were not read")
    };
    format!(
        "the quote that opens in this line is closed in line {closed}, and more text follows it \
         there: {unread}. After a closing quote there must be a delimiter or the end of the line; \
         write a quote within quoted text twice (\"\")"
    )
    .into()
}
