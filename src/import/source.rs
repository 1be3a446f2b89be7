//! The files that rows are read from.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use super::csv::Csv;
use super::fields::{self, Field, Values};
use super::json;
use super::text::{ACCEPTED, Text, YAML, not_a_table, shown, text};
use crate::base::fault::Fault;
use crate::base::names::Refusal;
use crate::storage::foreign::{COLUMNS_MAX, ForeignFile, VALUE_MAX_BYTES};

/// How many of the ignored columns are named.
const IGNORED_MAX: usize = 20;
/// The usual names of tables of accounts, from Flask's tutorials and Django.
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
    /// One object on each line, or one array of objects.
    Json,
    Sqlite,
    Htpasswd,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" | "json" => Ok(Self::Json),
            "sqlite" => Ok(Self::Sqlite),
            "htpasswd" => Ok(Self::Htpasswd),
            _ => Err("expected csv, jsonl, json, sqlite or htpasswd"),
        }
    }
}

impl Format {
    /// The format by the extension of the file's name.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        // The whole file name may be `.htpasswd`.
        match name.rsplit_once('.')?.1 {
            "csv" | "tsv" | "tab" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Json),
            "sqlite" | "sqlite3" | "db" => Some(Self::Sqlite),
            "htpasswd" => Some(Self::Htpasswd),
            _ => None,
        }
    }
}

/// A row, and its place in the file.
pub struct Row {
    /// The line where it begins; in SQLite the row's own number.
    pub at: i64,
    pub values: Result<Values, Refusal>,
}

/// The place, and the result.
pub type Found<T> = (i64, Result<T, Refusal>);

pub struct Source {
    rows: Rows,
    map: Vec<(Field, String)>,
    /// For a format with a header: the field of each column.
    columns: Vec<Option<Field>>,
    ignored: BTreeSet<String>,
    about: Option<String>,
}

enum Rows {
    Csv(Text, Csv),
    JsonLines(Text),
    JsonArray(Text, json::Place),
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
    /// When the file cannot be read, or its columns of accounts cannot be identified.
    pub fn open(
        path: &Path,
        format: Format,
        table: Option<&str>,
        map: Vec<(Field, String)>,
    ) -> Result<Self, Fault> {
        if table.is_some() && format != Format::Sqlite {
            return Err(Fault::new(
                "--table names a table of an SQLite file: leave it out for other files",
            ));
        }
        if !map.is_empty() && format == Format::Htpasswd {
            return Err(Fault::new(
                "--map names columns, and an htpasswd file has none: leave it out",
            ));
        }
        let rows = match format {
            Format::Sqlite if path == Path::new("-") => {
                return Err(Fault::new(
                    "an SQLite file cannot be read from standard input: give its path instead",
                ));
            }
            Format::Sqlite => Rows::Sqlite(Box::new(choose_table(
                ForeignFile::open(path)?,
                table,
                &map,
            )?)),
            Format::Htpasswd => Rows::Htpasswd(Text::open(path)?),
            Format::Csv => {
                let mut text = Text::open(path)?;
                let header = text.peek_line()?;
                if let Some(what) = not_a_table(&String::from_utf8_lossy(header)) {
                    return Err(Fault::new(format!("{} is {what}; {ACCEPTED}", shown(path))));
                }
                let suffices = |columns: &[String]| {
                    fields::assign(columns, &map).is_ok_and(|fields| fields::suffice(&fields))
                };
                let csv = Csv::of(header, suffices);
                Rows::Csv(text, csv)
            }
            Format::Json => {
                let mut text = Text::open(path)?;
                match text.peek_content()? {
                    Some(b'[') => Rows::JsonArray(text, json::Place::Before),
                    Some(b'{') if json::open_wrapped(&mut text)? => {
                        Rows::JsonArray(text, json::Place::BeforeWrapped)
                    }
                    _ => Rows::JsonLines(text),
                }
            }
        };
        let mut source = Self {
            rows,
            map,
            columns: Vec::new(),
            ignored: BTreeSet::new(),
            about: None,
        };
        source.read_header(path)?;
        Ok(source)
    }

    fn read_header(&mut self, path: &Path) -> Result<(), Fault> {
        let header = match &mut self.rows {
            Rows::Csv(text, csv) => {
                let header = csv.record(text)?.map(|(_, record)| record);
                let header = header.ok_or_else(|| {
                    let name = shown(path);
                    Fault::new(format!(
                        "{name} is empty: it has no header and no rows; {ACCEPTED}"
                    ))
                })?;
                header.map_err(|why| Fault::new(format!("the header cannot be read: {why}")))?
            }
            Rows::Sqlite(table) => {
                self.about = Some(format!("Reading the table {:?}.", table.name));
                table.columns.clone()
            }
            Rows::JsonLines(_) | Rows::JsonArray(..) | Rows::Htpasswd(_) => return Ok(()),
        };
        self.columns = fields::assign(&header, &self.map)?;
        if !fields::suffice(&self.columns) {
            // A first CSV line that is not a header may contain anything: it is not repeated.
            let there_are = match self.rows {
                Rows::Sqlite(_) => format!("its columns are: {}", fields::listed(&header)),
                _ => "the first line must name the columns, with commas, semicolons or tabs between them".to_owned(),
            };
            return Err(Fault::new(format!(
                "there must be a column username or email, and a column password_hash or password; \
                 {there_are}. If the columns have other names, give --map FIELD=COLUMN"
            )));
        }
        if let Some(column) = fields::find_double(&header, &self.columns, &self.map) {
            return Err(Fault::new(format!(
                "the header has the column \"{}\" twice: rename or delete one of the two",
                fields::shown(column)
            )));
        }
        for (column, field) in header.into_iter().zip(&self.columns) {
            if field.is_none() {
                ignore(&mut self.ignored, column);
            }
        }
        Ok(())
    }

    /// A sentence about what is read, if the administrator did not choose it.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// The columns that were ignored.
    pub fn ignored(&self) -> String {
        fields::listed(&self.ignored.iter().cloned().collect::<Vec<_>>())
    }

    /// Notes for the administrator after the last row, one line each.
    pub fn notes(&self) -> Vec<String> {
        match &self.rows {
            Rows::Csv(_, csv) => csv.notes(),
            _ => Vec::new(),
        }
    }

    /// The word for a row's place.
    pub fn place(&self) -> &'static str {
        match self.rows {
            Rows::Sqlite(_) => "row",
            _ => "line",
        }
    }

    /// How much has been read, from 0 to 100.
    pub fn percent(&self) -> u64 {
        let (done, all) = match &self.rows {
            Rows::Csv(text, _)
            | Rows::JsonLines(text)
            | Rows::JsonArray(text, _)
            | Rows::Htpasswd(text) => (text.read, text.length),
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
            Rows::JsonLines(_) | Rows::JsonArray(..) => self.next_object(),
            Rows::Htpasswd(text) => {
                let next = text.line_with_content(|line| line.starts_with('#'))?;
                Ok(next.map(|(at, line)| row((at, line.and_then(|line| htpasswd(&line))))))
            }
            Rows::Sqlite(table) => Ok(table.next(&self.columns)?.map(row)),
        }
    }

    fn next_object(&mut self) -> Result<Option<Row>, Fault> {
        loop {
            let next = match &mut self.rows {
                Rows::JsonLines(text) => text.line_with_content(|_| false)?,
                Rows::JsonArray(text, place) => json::element(text, place)?,
                _ => None,
            };
            let Some((at, object)) = next else {
                return Ok(None);
            };
            let values = object.and_then(|text| json::values(&text, &self.map, &mut self.ignored));
            // A Django object that is not a user is skipped.
            if let Some(values) = values.transpose() {
                return Ok(Some(Row { at, values }));
            }
        }
    }
}

pub fn ignore(ignored: &mut BTreeSet<String>, column: String) {
    if ignored.len() < IGNORED_MAX {
        ignored.insert(column);
    }
}

fn by_column(record: Vec<String>, columns: &[Option<Field>]) -> Result<Values, Refusal> {
    if record.len() != columns.len() {
        let fields = match record.len() {
            1 => "1 field".to_owned(),
            fields => format!("{fields} fields"),
        };
        let expected = columns.len();
        return Err(format!(
            "it has {fields}, and the header has {expected}: each row must have as many"
        )
        .into());
    }
    let mut values = Values::default();
    for (value, field) in record.into_iter().zip(columns) {
        if let Some(field) = field {
            // MySQL and PostgreSQL write NULL so in text, where no other notation exists.
            let is_null = matches!(value.trim(), "NULL" | "\\N");
            values[*field as usize] = (!is_null).then_some(value);
        }
    }
    Ok(values)
}

fn htpasswd(line: &str) -> Result<Values, Refusal> {
    let Some((user, hash)) = line.split_once(':') else {
        return Err("it is not USER:HASH, as htpasswd -B writes it".into());
    };
    // Apache also accepts plaintext passwords and crypt(3)'s 13 characters; the two cannot be told
    // apart.
    if !hash.starts_with(['$', '{']) {
        return Err(
            "its password is not hashed, or by the old crypt(3), which does not protect it: \
             make a new hash with htpasswd -B"
                .into(),
        );
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
            "several tables may hold the accounts: name one of them with --table: {}",
            names()
        ))),
        (None, _) => Err(Fault::new(format!(
            "{}; the tables are: {}",
            match wanted {
                Some(wanted) => format!("there is no table {wanted:?}"),
                None => "no table was recognized as the accounts: name it with --table, and its \
                         columns with --map"
                    .to_owned(),
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
            match found.map(text) {
                None => {}
                Some(Ok(text)) if text.len() <= VALUE_MAX_BYTES => *value = Some(text),
                Some(Ok(_)) => return Ok(Some((row.number, Err(too_long_value())))),
                Some(Err(why)) => return Ok(Some((row.number, Err(why)))),
            }
        }
        Ok(Some((row.number, Ok(values))))
    }
}

fn too_long_value() -> Refusal {
    format!("one of its values is longer than {VALUE_MAX_BYTES} bytes").into()
}

/// The message about a file whose name does not tell its format.
pub fn unknown_format(path: &Path) -> Fault {
    let name = shown(path);
    if path == Path::new("-") {
        return Fault::new(
            "standard input has no name that tells its format: add --format csv, jsonl, json or htpasswd",
        );
    }
    let is_yaml = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"));
    let what = Text::open(path).map(|mut text| {
        let line = text.peek_line()?;
        let what = not_a_table(&String::from_utf8_lossy(line));
        Ok::<_, Fault>(if is_yaml { Some(YAML) } else { what })
    });
    match what {
        Err(fault) | Ok(Err(fault)) => fault,
        Ok(Ok(Some(what))) => Fault::new(format!("{name} is {what}; {ACCEPTED}")),
        Ok(Ok(None)) => Fault::new(format!(
            "the name {name} does not tell the file's format: \
             add --format csv, jsonl, json, sqlite or htpasswd; {ACCEPTED}"
        )),
    }
}
