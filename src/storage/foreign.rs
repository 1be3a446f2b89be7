//! The SQLite file of another program: read, and never written.
//!
//! The file is not trusted: only plain tables are read, values are read as bytes, large ones are
//! left out, and nothing that the file itself defines is run.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::fault::Fault;

pub const COLUMNS_MAX: usize = 8;
pub const PAGE_ROWS: i64 = 100;
/// A longer value is returned as zeros, one byte longer than this.
pub const VALUE_MAX_BYTES: usize = 4096;

pub struct Row {
    /// SQLite's own number of the row.
    pub number: i64,
    pub values: [Option<Vec<u8>>; COLUMNS_MAX],
}

pub struct ForeignFile(SqliteConnection);

impl ForeignFile {
    /// # Errors
    /// When it does not exist, or is not an SQLite file.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let failed = |error| Fault::caused(format!("{shown} cannot be read as SQLite"), error);
        let path = path
            .to_str()
            .ok_or_else(|| Fault::new(format!("the path {shown} is not UTF-8")))?;
        // As a URI, because only a URI can require that the file exists and is read-only.
        let path = utf8_percent_encode(path, NON_ALPHANUMERIC);
        let mut connection = SqliteConnection::establish(&format!("file:{path}?mode=ro"))
            .map_err(|error| failed(error.into()))?;
        connection
            .batch_execute(
                "PRAGMA busy_timeout=5000; PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; \
                 PRAGMA cell_size_check=ON; SELECT count(*) FROM sqlite_schema",
            )
            .map_err(|error| failed(Box::<dyn std::error::Error + Send + Sync>::from(error)))?;
        Ok(Self(connection))
    }

    /// The tables with their columns.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn tables(&mut self) -> Result<Vec<(String, Vec<String>)>, Fault> {
        #[derive(QueryableByName)]
        struct Column {
            #[diesel(sql_type = Text)]
            in_table: String,
            #[diesel(sql_type = Text)]
            column_name: String,
        }
        let columns: Vec<Column> = diesel::sql_query(
            "SELECT t.name AS in_table, c.name AS column_name \
             FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.sql LIKE 'CREATE TABLE%' \
             ORDER BY t.name, c.cid",
        )
        .load(&mut self.0)?;
        let mut tables: Vec<(String, Vec<String>)> = Vec::new();
        for Column {
            in_table,
            column_name,
        } in columns
        {
            match tables.last_mut() {
                Some((table, columns)) if *table == in_table => columns.push(column_name),
                _ => tables.push((in_table, vec![column_name])),
            }
        }
        Ok(tables)
    }

    /// The number of the last row of a table; 0 without rows.
    pub fn last(&mut self, table: &str) -> Result<i64, Fault> {
        #[derive(QueryableByName)]
        struct Last {
            #[diesel(sql_type = BigInt)]
            last: i64,
        }
        let last: Last = diesel::sql_query(format!(
            "SELECT coalesce(max(_rowid_), 0) AS last FROM {}",
            quoted(table)
        ))
        .get_result(&mut self.0)?;
        Ok(last.last)
    }

    /// The rows behind number `after`, a page of them; none at the end.
    ///
    /// # Errors
    /// When the file is damaged, or the table's rows have no numbers (`WITHOUT ROWID`).
    pub fn page(
        &mut self,
        table: &str,
        columns: [Option<&str>; COLUMNS_MAX],
        after: i64,
    ) -> Result<Vec<Row>, Fault> {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = BigInt)]
            number: i64,
            #[diesel(sql_type = Nullable<Binary>)]
            value0: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value1: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value2: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value3: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value4: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value5: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value6: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            value7: Option<Vec<u8>>,
        }
        let mut values = String::new();
        for (at, column) in columns.into_iter().enumerate() {
            let column = column.map_or("NULL".to_owned(), quoted);
            values += &format!(
                ", CASE WHEN octet_length({column}) > {VALUE_MAX_BYTES} THEN zeroblob({}) \
                 ELSE CAST({column} AS BLOB) END AS value{at}",
                VALUE_MAX_BYTES + 1
            );
        }
        let rows: Vec<Found> = diesel::sql_query(format!(
            "SELECT _rowid_ AS number{values} FROM {} WHERE _rowid_ > ? ORDER BY _rowid_ LIMIT ?",
            quoted(table)
        ))
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(PAGE_ROWS)
        .load(&mut self.0)?;
        // A column may have this name too, with any content.
        if rows.first().is_some_and(|row| row.number <= after) {
            return Err(Fault::new("its rows have no numbers to go by"));
        }
        let row = |row: Found| Row {
            number: row.number,
            values: [
                row.value0, row.value1, row.value2, row.value3, row.value4, row.value5, row.value6,
                row.value7,
            ],
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
