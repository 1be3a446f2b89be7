//! The files that rows come from, read piece by piece: a file of any size takes the same memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::str::FromStr;

use csv_core::ReadRecordResult;
use serde_json::{Map, Value};

use super::fields::{self, Field, Values};
use crate::base::fault::Fault;
use crate::base::names::Refusal;
use crate::storage::foreign::{COLUMNS_MAX, ForeignFile, VALUE_MAX_BYTES};

/// Of a line of text, or of a row of CSV that has several. No field comes near it.
const ROW_MAX_BYTES: usize = 64 * 1024;
const CSV_COLUMNS_MAX: usize = 1024;
/// Of those that are ignored, to be told.
const IGNORED_MAX: usize = 20;
/// What the tables of accounts are called, by Flask's tutorials and by Django.
const USUAL_TABLES: [&str; 6] = [
    "user",
    "users",
    "account",
    "accounts",
    "auth_user",
    "member",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
    Sqlite,
    Htpasswd,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            "sqlite" => Ok(Self::Sqlite),
            "htpasswd" => Ok(Self::Htpasswd),
            _ => Err("expected csv, jsonl, sqlite or htpasswd"),
        }
    }
}

impl Format {
    /// What the end of the file's name says.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        // A file may be called nothing but `.htpasswd`.
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "sqlite" | "sqlite3" | "db" => Some(Self::Sqlite),
            "htpasswd" => Some(Self::Htpasswd),
            _ => None,
        }
    }
}

/// What was found at one place of the file.
pub struct Row {
    /// The line where it begins; in SQLite the row's own number.
    pub at: i64,
    pub values: Result<Values, Refusal>,
}

/// Where, and what.
type Found<T> = (i64, Result<T, Refusal>);

pub struct Source {
    rows: Rows,
    map: Vec<(Field, String)>,
    /// For a format with a header: what each column is.
    columns: Vec<Option<Field>>,
    ignored: BTreeSet<String>,
    about: Option<String>,
}

enum Rows {
    Csv(Text, Box<Csv>),
    JsonLines(Text),
    Htpasswd(Text),
    Sqlite(Box<Table>),
}

struct Table {
    file: ForeignFile,
    name: String,
    columns: Vec<String>,
    after: i64,
    last: i64,
    page: std::vec::IntoIter<crate::storage::foreign::Row>,
}

impl Source {
    /// # Errors
    /// When the file cannot be read, or it cannot be told which columns hold the accounts.
    pub fn open(
        path: &Path,
        format: Format,
        table: Option<&str>,
        map: Vec<(Field, String)>,
    ) -> Result<Self, Fault> {
        if table.is_some() && format != Format::Sqlite {
            return Err(Fault::new("--table is for SQLite files"));
        }
        if !map.is_empty() && format == Format::Htpasswd {
            return Err(Fault::new("htpasswd has no columns for --map"));
        }
        let rows = match format {
            Format::Csv => Rows::Csv(Text::open(path)?, Box::default()),
            Format::JsonLines => Rows::JsonLines(Text::open(path)?),
            Format::Htpasswd => Rows::Htpasswd(Text::open(path)?),
            Format::Sqlite => Rows::Sqlite(Box::new(choose_table(
                ForeignFile::open(path)?,
                table,
                &map,
            )?)),
        };
        let mut source = Self {
            rows,
            map,
            columns: Vec::new(),
            ignored: BTreeSet::new(),
            about: None,
        };
        source.read_header()?;
        Ok(source)
    }

    fn read_header(&mut self) -> Result<(), Fault> {
        let header = match &mut self.rows {
            Rows::Csv(text, csv) => {
                let header = csv.record(text)?.map(|(_, record)| record);
                let header = header.ok_or_else(|| Fault::new("the file is empty"))?;
                header.map_err(|why| Fault::new(format!("the header: {why}")))?
            }
            Rows::Sqlite(table) => {
                self.about = Some(format!("Reading the table {:?}.", table.name));
                table.columns.clone()
            }
            Rows::JsonLines(_) | Rows::Htpasswd(_) => return Ok(()),
        };
        self.columns = fields::assign(&header, &self.map)?;
        if !fields::suffice(&self.columns) {
            // A first line of CSV that is no header may hold anything: it is not repeated.
            let there_are = match self.rows {
                Rows::Sqlite(_) => format!("there are: {}", fields::listed(&header)),
                _ => "the first line must name the columns".to_owned(),
            };
            return Err(Fault::new(format!(
                "there must be a column username or email, and password_hash or password; \
                 {there_are}. Else say --map FIELD=COLUMN"
            )));
        }
        for (column, field) in header.into_iter().zip(&self.columns) {
            if field.is_none() {
                ignore(&mut self.ignored, column);
            }
        }
        Ok(())
    }

    /// A sentence on what is read, where that was not said.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// The columns that were met and not read.
    pub fn ignored(&self) -> String {
        fields::listed(&self.ignored.iter().cloned().collect::<Vec<_>>())
    }

    /// How a row's place is called.
    pub fn place(&self) -> &'static str {
        match self.rows {
            Rows::Sqlite(_) => "row",
            _ => "line",
        }
    }

    /// How much has been read, from 0 to 100.
    pub fn percent(&self) -> u64 {
        let (done, all) = match &self.rows {
            Rows::Csv(text, _) | Rows::JsonLines(text) | Rows::Htpasswd(text) => {
                (text.read, text.length)
            }
            Rows::Sqlite(table) => (
                table.after.max(0).unsigned_abs(),
                table.last.max(0).unsigned_abs(),
            ),
        };
        (done.min(all) * 100).checked_div(all).unwrap_or_default()
    }

    /// The next row, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub fn next_row(&mut self) -> Result<Option<Row>, Fault> {
        let row = |(at, values)| Row { at, values };
        match &mut self.rows {
            Rows::Csv(text, csv) => {
                let columns = &self.columns;
                let next = csv.record(text)?;
                Ok(next.map(|(at, record)| {
                    row((at, record.and_then(|record| by_column(record, columns))))
                }))
            }
            Rows::JsonLines(text) => {
                let (map, ignored) = (&self.map, &mut self.ignored);
                let next = text.line_with_content(|_| false)?;
                Ok(next
                    .map(|(at, line)| row((at, line.and_then(|line| json(&line, map, ignored))))))
            }
            Rows::Htpasswd(text) => {
                let next = text.line_with_content(|line| line.starts_with('#'))?;
                Ok(next.map(|(at, line)| row((at, line.and_then(|line| htpasswd(&line))))))
            }
            Rows::Sqlite(table) => Ok(table.next(&self.columns)?.map(row)),
        }
    }
}

fn ignore(ignored: &mut BTreeSet<String>, column: String) {
    if ignored.len() < IGNORED_MAX {
        ignored.insert(column);
    }
}

fn by_column(record: Vec<String>, columns: &[Option<Field>]) -> Result<Values, Refusal> {
    if record.len() != columns.len() {
        return Err(format!(
            "it has {} fields, and the header {}",
            record.len(),
            columns.len()
        )
        .into());
    }
    let mut values = Values::default();
    for (value, field) in record.into_iter().zip(columns) {
        if let Some(field) = field {
            values[*field as usize] = Some(value).filter(|value| !value.is_empty());
        }
    }
    Ok(values)
}

/// The words of the parser are not passed on: they quote what they met.
fn json(
    line: &str,
    map: &[(Field, String)],
    ignored: &mut BTreeSet<String>,
) -> Result<Values, Refusal> {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(line) else {
        return Err("it is no JSON object on one line".into());
    };
    let keys: Vec<String> = object.keys().cloned().collect();
    // A row may leave out a key that others have.
    let present: Vec<_> = map
        .iter()
        .filter(|(_, key)| object.contains_key(key))
        .cloned()
        .collect();
    let columns = fields::assign(&keys, &present).map_err(|fault| fault.to_string())?;
    let mut values = Values::default();
    for ((key, value), field) in object.into_iter().zip(columns) {
        // Where the key that it is mapped to is missing, no other takes its place.
        let is_mapped = |field: &Field| map.iter().any(|(to, name)| to == field && *name != key);
        let Some(field) = field.filter(|field| !is_mapped(field)) else {
            ignore(ignored, key);
            continue;
        };
        values[field as usize] = match value {
            Value::Null => None,
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                return Err(format!("its {} is no text", field.as_str()).into());
            }
        };
    }
    Ok(values)
}

fn htpasswd(line: &str) -> Result<Values, Refusal> {
    let Some((user, hash)) = line.split_once(':') else {
        return Err("it is not USER:HASH".into());
    };
    // Apache also takes passwords as they were typed and crypt(3)'s 13 characters; nobody can
    // tell one from the other.
    if !hash.starts_with(['$', '{']) {
        return Err("its hash gives the password away too easily: make it with htpasswd -B".into());
    }
    let mut values = Values::default();
    values[Field::Username as usize] = Some(user.to_owned());
    values[Field::PasswordHash as usize] = Some(hash.trim_end().to_owned());
    Ok(values)
}

fn choose_table(
    mut file: ForeignFile,
    wanted: Option<&str>,
    map: &[(Field, String)],
) -> Result<Table, Fault> {
    let tables = file.tables()?;
    let names = || {
        fields::listed(
            &tables
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>(),
        )
    };
    let fits = |(name, columns): &&(String, Vec<String>)| match wanted {
        Some(wanted) => name == wanted,
        None => {
            USUAL_TABLES.contains(&name.to_ascii_lowercase().as_str())
                && fields::assign(columns, map).is_ok_and(|fields| fields::suffice(&fields))
        }
    };
    let mut fitting = tables.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some((name, columns)), None) => Ok(Table {
            after: i64::MIN,
            last: file.last(name)?,
            page: Vec::new().into_iter(),
            file,
            name: name.clone(),
            columns: columns.clone(),
        }),
        (Some(_), Some(_)) => Err(Fault::new(format!(
            "several tables may hold the accounts: say --table, one of {}",
            names()
        ))),
        (None, _) => Err(Fault::new(format!(
            "{}; there are: {}",
            match wanted {
                Some(wanted) => format!("there is no table {wanted:?}"),
                None => "no table is seen to hold accounts: say --table, and --map".to_owned(),
            },
            names()
        ))),
    }
}

impl Table {
    fn next(&mut self, fields: &[Option<Field>]) -> Result<Option<Found<Values>>, Fault> {
        if self.page.len() == 0 {
            let mut columns = [None; COLUMNS_MAX];
            for (column, field) in self.columns.iter().zip(fields) {
                if let Some(field) = field {
                    columns[*field as usize] = Some(column.as_str());
                }
            }
            self.page = self.file.page(&self.name, columns, self.after)?.into_iter();
        }
        let Some(row) = self.page.next() else {
            return Ok(None);
        };
        self.after = row.number;
        let mut values = Values::default();
        for (value, found) in values.iter_mut().zip(row.values) {
            match found.filter(|found| !found.is_empty()).map(text) {
                None => {}
                Some(Ok(text)) if text.len() <= VALUE_MAX_BYTES => *value = Some(text),
                Some(Ok(_)) => return Ok(Some((row.number, Err("a field is too long".into())))),
                Some(Err(why)) => return Ok(Some((row.number, Err(why)))),
            }
        }
        Ok(Some((row.number, Ok(values))))
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

/// A text file, read in pieces. It knows the line it is in.
struct Text {
    file: BufReader<File>,
    line: i64,
    read: u64,
    length: u64,
}

impl Text {
    fn open(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let failed = |error| Fault::caused(format!("{shown} cannot be read"), error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut text = Self {
            file: BufReader::with_capacity(ROW_MAX_BYTES, file),
            line: 1,
            read: 0,
            length,
        };
        let beginning = text.file.fill_buf().map_err(failed)?;
        if beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff") {
            return Err(Fault::new(format!("{shown} is UTF-16: save it as UTF-8")));
        }
        if beginning.starts_with(b"\xef\xbb\xbf") {
            text.consume(3);
        }
        Ok(text)
    }

    fn buffer(&mut self) -> Result<&[u8], Fault> {
        self.file
            .fill_buf()
            .map_err(|error: io::Error| Fault::caused("the file cannot be read", error))
    }

    fn consume(&mut self, bytes: usize) {
        let consumed = &self.file.buffer()[..bytes];
        self.line += consumed.iter().filter(|byte| **byte == b'\n').count() as i64;
        self.read += bytes as u64;
        self.file.consume(bytes);
    }

    /// The next line that holds more than blanks and that `skips` does not want to skip, without
    /// its end.
    fn line_with_content(
        &mut self,
        skips: impl Fn(&str) -> bool,
    ) -> Result<Option<Found<String>>, Fault> {
        loop {
            let at = self.line;
            let (mut line, mut is_too_long) = (Vec::new(), false);
            loop {
                let buffer = self.buffer()?;
                if buffer.is_empty() {
                    break;
                }
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let piece = &buffer[..end.unwrap_or(buffer.len())];
                is_too_long |= line.len() + piece.len() > ROW_MAX_BYTES;
                if !is_too_long {
                    line.extend_from_slice(piece);
                }
                let bytes = end.map_or(buffer.len(), |end| end + 1);
                self.consume(bytes);
                if end.is_some() {
                    break;
                }
            }
            if is_too_long {
                return Ok(Some((at, Err(too_long()))));
            }
            let line = text(line).map(|line| line.trim_end_matches('\r').to_owned());
            match line {
                Ok(line) if line.trim().is_empty() || skips(&line) => {
                    if self.buffer()?.is_empty() {
                        return Ok(None);
                    }
                }
                line => return Ok(Some((at, line))),
            }
        }
    }
}

fn too_long() -> Refusal {
    format!("it is longer than {} kB", ROW_MAX_BYTES / 1024).into()
}

/// RFC 4180, and what differs from it in practice: LF for CRLF, empty lines, a BOM.
struct Csv {
    reader: csv_core::Reader,
    record: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            record: vec![0; ROW_MAX_BYTES],
            ends: vec![0; CSV_COLUMNS_MAX],
        }
    }
}

impl Csv {
    /// The fields of the next record, with the line where it begins. One that is too long is read
    /// to its end: what stands in the middle of a field must never be taken for a row.
    fn record(&mut self, text: &mut Text) -> Result<Option<Found<Vec<String>>>, Fault> {
        // Also the LF of a CRLF, which the reader leaves behind.
        loop {
            let buffer = text.buffer()?;
            let ends = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let bytes = buffer.iter().take_while(ends).count();
            if bytes == 0 {
                break;
            }
            text.consume(bytes);
        }
        let at = text.line;
        let (mut bytes, mut fields, mut is_too_long) = (0, 0, false);
        loop {
            let (result, read, written, ended) = self.reader.read_record(
                text.buffer()?,
                &mut self.record[bytes..],
                &mut self.ends[fields..],
            );
            text.consume(read);
            (bytes, fields) = (bytes + written, fields + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => (is_too_long, bytes) = (true, 0),
                ReadRecordResult::OutputEndsFull => (is_too_long, fields) = (true, 0),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        if is_too_long {
            return Ok(Some((at, Err(too_long()))));
        }
        let mut start = 0;
        let fields = self.ends[..fields].iter().map(|end| {
            let field = self.record[start..*end].to_vec();
            start = *end;
            self::text(field)
        });
        Ok(Some((at, fields.collect())))
    }
}
