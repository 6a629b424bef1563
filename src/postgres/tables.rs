//! The user's tables: their quoted names and their columns, which are looked up once. Nothing here changes a table.

use std::collections::HashMap;
use std::fmt;

use super::connection::Asks;
use crate::error::{Code, Error, Result};

/// A table's name as the user wrote it: `table` or `schema.table`, each part quoted or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    text: String,
    quoted: bool,
}

impl TableName {
    /// Splits a name at its dots, outside double quotes.
    pub fn parse(written: &str) -> Self {
        let (mut parts, mut part, mut inside) = (Vec::new(), Part::default(), false);
        let mut characters = written.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if inside && characters.peek() == Some(&'"') => {
                    characters.next();
                    part.text.push('"');
                }
                '"' if inside => inside = false,
                '"' if part.text.is_empty() => (inside, part.quoted) = (true, true),
                '.' if !inside => parts.push(std::mem::take(&mut part)),
                other => part.text.push(other),
            }
        }
        parts.push(part);
        Self { written: written.to_owned(), parts }
    }

    /// The possible readings of the name, the most likely first. An unquoted name means the lower-case table, as it does in
    /// SQL; if there is none, it means the table of exactly that name.
    fn readings(&self) -> Vec<String> {
        let exact = quote_all(self.parts.iter().map(|part| part.text.clone()));
        let folded = quote_all(self.parts.iter().map(|part| match part.quoted {
            true => part.text.clone(),
            false => part.text.to_ascii_lowercase(),
        }));
        if folded == exact { vec![exact] } else { vec![folded, exact] }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A table that exists: its quoted name and the types of its columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Safe to put into SQL.
    pub sql: String,
    /// Column name to type, both as PostgreSQL writes them.
    pub columns: HashMap<String, String>,
}

impl Table {
    /// Looks a table up.
    pub async fn find(client: &impl Asks, name: &TableName, ddl: &str) -> Result<Self> {
        for sql in name.readings() {
            let rows = client
                .connection()
                .rows_within(
                    "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
                     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
                    &[&sql],
                )
                .await?;
            if !rows.is_empty() {
                return Ok(Self { sql, columns: rows.iter().map(|row| (row.get(0), row.get(1))).collect() });
            }
        }
        Err(missing(Code::TableMissing, &format!("the table '{name}' does not exist"), name, ddl))
    }

    /// The type of a column that has to be there.
    pub fn require(&self, column: &str, name: &TableName, ddl: &str) -> Result<&str> {
        self.columns.get(column).map(String::as_str).ok_or_else(|| {
            let what = format!("the table '{name}' has no column '{column}'");
            missing(Code::ColumnMissing, &what, name, ddl)
        })
    }
}

/// The error for a missing table or column, with the statement that creates it.
pub(super) fn missing(code: Code, what: &str, name: &TableName, ddl: &str) -> Error {
    Error::new(
        code,
        "Looking at the tables",
        format!("{what}. Create it with:\n{}", ddl.replace("$TABLE", &name.written)),
    )
}

fn quote_all(parts: impl Iterator<Item = String>) -> String {
    parts.map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_reads_them_and_always_quoted() {
        for (written, readings) in [
            ("contexts", vec![r#""contexts""#]),
            ("app.Contexts", vec![r#""app"."contexts""#, r#""app"."Contexts""#]),
            (r#""My.Table""#, vec![r#""My.Table""#]),
            (r#""My Schema".ÜBERSICHT"#, vec![r#""My Schema"."Übersicht""#, r#""My Schema"."ÜBERSICHT""#]),
            (r#"x"; DROP TABLE y; --"#, vec![r#""x""; drop table y; --""#, r#""x""; DROP TABLE y; --""#]),
        ] {
            assert_eq!(TableName::parse(written).readings(), readings, "{written}");
        }
    }
}
