//! The user's tables: their quoted names and their columns, which are looked up once. Nothing here changes a table.
//!
//! A table may be partitioned, and its columns of any type that holds what they have to: [`Ids`] says what a
//! run's id is, and a domain counts as what stands behind it.

use std::collections::HashMap;
use std::fmt;

use super::columns::Column;
use super::connection::Asks;
use super::ids::Ids;
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

/// A table that exists: its quoted name, and its columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// Safe to put into SQL.
    pub sql: String,
    pub kind: TableKind,
    pub columns: HashMap<String, Column>,
}

/// What stands behind a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TableKind {
    /// A table, partitioned or not.
    #[default]
    Table,
    View,
    /// A foreign table, a materialized view and the like.
    Other,
}

/// $1 the quoted name of a table: what it is, and its columns.
const LOOK: &str = "
    SELECT c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(b.oid, NULL),
        CASE WHEN b.oid IN ('varchar'::regtype, 'bpchar'::regtype) AND b.modifier > 4 THEN b.modifier - 4 END,
        ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = b.oid),
        a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN pg_type AS t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (
        WITH RECURSIVE behind (oid, modifier) AS (SELECT a.atttypid, a.atttypmod
            UNION ALL SELECT d.typbasetype, d.typtypmod FROM behind JOIN pg_type AS d ON d.oid = behind.oid
            WHERE d.typtype = 'd')
        SELECT behind.oid, behind.modifier FROM behind JOIN pg_type AS d ON d.oid = behind.oid WHERE d.typtype <> 'd'
    ) AS b
    WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";

impl Table {
    /// Looks a table up.
    pub async fn find(client: &impl Asks, name: &TableName, ddl: &str) -> Result<Self> {
        for sql in name.readings() {
            let rows = client.connection().rows_within(LOOK, &[&sql]).await?;
            let Some(first) = rows.first() else { continue };
            let kind = match first.get::<_, &str>(0) {
                "r" | "p" => TableKind::Table,
                "v" => TableKind::View,
                _ => TableKind::Other,
            };
            let column = |row: &tokio_postgres::Row| Column {
                kind: row.get(2),
                base: row.get(3),
                length: row.get(4),
                words: row.get(5),
                is_owed: row.get(6),
            };
            let columns = rows.iter().map(|row| (row.get(1), column(row))).collect();
            return Ok(Self { sql, kind, columns });
        }
        Err(missing(Code::TableMissing, &format!("the table '{name}' does not exist"), name, ddl))
    }

    /// A column that has to be there.
    pub fn require(&self, column: &str, name: &TableName, ddl: &str) -> Result<&Column> {
        self.columns.get(column).ok_or_else(|| {
            let what = format!("the table '{name}' has no column '{column}'");
            missing(Code::ColumnMissing, &what, name, &adding(column, ddl))
        })
    }

    /// The ids of its runs.
    pub fn ids(&self, name: &TableName, ddl: &str) -> Result<Ids> {
        let column = self.require("run_id", name, ddl)?;
        Ids::of(column).ok_or_else(|| {
            let wanted = "text, character varying, uuid or bigint";
            unfit_column(name, "run_id", column, wanted)
        })
    }

    /// The columns, other than these, that a new row has to say the values of: only its client knows them.
    pub fn owed_but(&self, own: &[&str]) -> Vec<&str> {
        let owed = self.columns.iter().filter(|(_, column)| column.is_owed).map(|(name, _)| name.as_str());
        let mut owed: Vec<&str> = owed.filter(|name| !own.contains(name)).collect();
        owed.sort_unstable();
        owed
    }
}

/// The error for a missing table or column, with the statement that creates it.
pub(super) fn missing(code: Code, what: &str, name: &TableName, ddl: &str) -> Error {
    Error::new(code, LOOKING, format!("{what}. Create it with:\n{}", ddl.replace("$TABLE", &name.written)))
}

/// The statement that adds a column, by the one that creates its table. Rows that are there already get an empty document.
pub(super) fn adding(column: &str, ddl: &str) -> String {
    let columns =
        ddl.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(inside, _)| inside);
    let definition = columns.split(", ").find(|definition| definition.split(' ').next() == Some(column));
    let definition = definition.unwrap_or(column).replace("JSONB NOT NULL", "JSONB NOT NULL DEFAULT '{}'");
    format!("ALTER TABLE $TABLE ADD COLUMN {definition};")
}

/// The error for a column of a type that cannot hold what it has to.
pub(super) fn unfit_column(name: &TableName, column: &str, found: &Column, wanted: &str) -> Error {
    let to = wanted.split([',', ' ']).next().unwrap_or(wanted);
    let to = if wanted.starts_with("timestamp") { "timestamptz" } else { to };
    let what = format!(
        "the column '{column}' of the table '{name}' is of type {}, and has to be {wanted}. Change it with:\n\
         ALTER TABLE {} ALTER COLUMN {column} TYPE {to} USING {column}::text::{to};",
        found.kind, name.written
    );
    Error::new(Code::ColumnMissing, LOOKING, what)
}

/// The error for a table that cannot be worked with.
pub(super) fn unfit(what: impl fmt::Display) -> Error {
    Error::new(Code::TableUnfit, LOOKING, what)
}

const LOOKING: &str = "Looking at the tables";

fn quote_all(parts: impl Iterator<Item = String>) -> String {
    parts.map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_added_as_its_table_would_be_created_with_it() {
        let ddl = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL, at TIMESTAMPTZ DEFAULT NOW());";
        for (column, expected) in [
            ("run_id", "ALTER TABLE $TABLE ADD COLUMN run_id TEXT PRIMARY KEY;"),
            ("context_data", "ALTER TABLE $TABLE ADD COLUMN context_data JSONB NOT NULL DEFAULT '{}';"),
            ("at", "ALTER TABLE $TABLE ADD COLUMN at TIMESTAMPTZ DEFAULT NOW();"),
        ] {
            assert_eq!(adding(column, ddl), expected);
        }
    }

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
