//! Whether the user's tables can be worked with, looked at before the first job is taken: what would fail one day is said at
//! once, with what to do.

use super::columns::Column;
use super::connection::Connection;
use super::contexts::Contexts;
use super::tables::{TableName, unfit};
use crate::error::{Code, Error, Result, SqlState};
use crate::workflow::ledger::RunStatus;

/// A column that may be there: its name, whether it holds what it has to, and what would, in words.
type Wanted = (&'static str, fn(&Column) -> bool, &'static str);

/// Those of a status table.
pub(super) const WANTED: [Wanted; 3] = [
    ("status", holds_status, "text, or an enumeration of running, awaiting, completed, failed and cancelled"),
    ("status_data", holds_result, "jsonb"),
    ("result", holds_result, "jsonb"),
];

/// $1 the quoted name of a table: its kind, whether one row a run is sure, and what this user may do.
const LOOK: &str = "
    SELECT c.relkind::text, EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid
        AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
        AND i.indpred IS NULL AND i.indimmediate AND a.attname = 'run_id'),
    has_any_column_privilege(c.oid, 'SELECT'), has_any_column_privilege(c.oid, 'INSERT'),
    has_any_column_privilege(c.oid, 'UPDATE'), current_user::text
    FROM pg_class AS c WHERE c.oid = to_regclass($1)";

/// Looks at the context table.
///
/// # Errors
/// It cannot be worked with.
pub(super) async fn of_contexts(client: &Connection, name: &TableName, contexts: &Contexts) -> Result<()> {
    let Some(found) = Found::look(client, &contexts.sql).await? else { return Ok(()) };
    found.may(name, &["SELECT", "UPDATE"])?;
    found.is_one_row_a_run(name)
}

/// A status table that is to be worked with.
pub(super) struct CheckedTable<'a> {
    pub name: &'a TableName,
    /// Its quoted name.
    pub table: &'a str,
    /// The statement that writes a status.
    pub touch: &'a str,
    /// That makes no row.
    pub only_updates: bool,
}

/// Looks at a status table.
///
/// # Errors
/// It cannot be worked with.
pub(super) async fn of_statuses(
    client: &Connection,
    CheckedTable { name, table, touch, only_updates }: CheckedTable<'_>,
) -> Result<()> {
    let Some(found) = Found::look(client, table).await? else { return Ok(()) };
    found.may(name, if only_updates { &["SELECT", "UPDATE"] } else { &["SELECT", "INSERT", "UPDATE"] })?;
    match found.kind.as_str() {
        "r" | "p" => found.is_one_row_a_run(name),
        // Whatever stands behind it, PostgreSQL knows whether it takes a status.
        "v" => {
            let status = RunStatus::Running.as_str();
            // It is planned for no run, and not executed.
            let plan = client.rows(&format!("EXPLAIN {touch}"), &[&None::<&str>, &status]).await;
            plan.map(drop).map_err(|error| not_updatable(name, error))
        }
        _ => Err(unfit(format!(
            "'{name}' is no table that takes what is written. Name one that does (option statusTableName)"
        ))),
    }
}

/// What a user has to know of a status table whose new rows owe a value; none where they owe none.
pub(super) fn owing(name: &TableName, owed: &[String]) -> Option<String> {
    (!owed.is_empty()).then(|| {
        format!(
            "A new row of the table '{name}' has to say '{}', which only your client knows: no status is kept of a run whose \
             client inserts no row there",
            owed.join("', '")
        )
    })
}

struct Found {
    kind: String,
    is_unique: bool,
    privileges: [(&'static str, bool); 3],
    user: String,
}

impl Found {
    async fn look(client: &Connection, table: &str) -> Result<Option<Self>> {
        let row = client.row(LOOK, &[&table]).await?;
        Ok(row.map(|row| Self {
            kind: row.get(0),
            is_unique: row.get(1),
            privileges: [("SELECT", row.get(2)), ("INSERT", row.get(3)), ("UPDATE", row.get(4))],
            user: row.get(5),
        }))
    }

    fn may(&self, name: &TableName, wanted: &[&str]) -> Result<()> {
        let lacks = |(privilege, has): &&(&'static str, bool)| !has && wanted.contains(privilege);
        let lacking: Vec<&str> =
            self.privileges.iter().filter(lacks).map(|(privilege, _)| *privilege).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let (lacking, user) = (lacking.join(", "), &self.user);
        let what = format!(
            "the user '{user}' lacks a privilege on the table '{name}'. Grant it with:\nGRANT {lacking} ON {name} TO \"{user}\";"
        );
        Err(Error::new(Code::DatabaseRefused, "Looking at the tables", what))
    }

    fn is_one_row_a_run(&self, name: &TableName) -> Result<()> {
        if self.is_unique {
            return Ok(());
        }
        let why = match self.kind.as_str() {
            "p" => "A partitioned table can have one only where it is partitioned by run_id (by its hash, say), and so can hold \
                    one row a run. Partition it so, or name another table"
                .to_owned(),
            _ => format!(
                "Nothing keeps two rows of one run apart. Make one with:\nALTER TABLE {name} ADD PRIMARY KEY (run_id);"
            ),
        };
        Err(unfit(format!("the table '{name}' has no unique index of 'run_id' alone. {why}")))
    }
}

fn not_updatable(name: &TableName, error: Error) -> Error {
    // 42P10: no unique index; 55000 and 0A000: a view that takes no rows.
    let is_of_view =
        matches!(error.sql_state.as_ref().map(SqlState::as_str), Some("42P10" | "55000" | "0A000"));
    match is_of_view {
        true => unfit(format!(
            "'{name}' is a view that takes no status ({}). Name the table behind it (option statusTableName)",
            error.message
        ))
        .with_sql_state(error.sql_state),
        false => error,
    }
}

/// Whether every status can be written into a column.
fn holds_status(column: &Column) -> bool {
    let fits = |status: &RunStatus| {
        let word = status.as_str();
        match (column.words.as_slice(), column.length) {
            ([], Some(length)) => usize::try_from(length).is_ok_and(|length| word.len() <= length),
            ([], None) => is_text(column),
            (words, _) => words.iter().any(|known| known == word),
        }
    };
    RunStatus::ALL.iter().all(fits)
}

/// Whether a result can be written into a column.
fn holds_result(column: &Column) -> bool {
    matches!(column.base.as_str(), "json" | "jsonb") || (is_text(column) && column.length.is_none())
}

fn is_text(column: &Column) -> bool {
    matches!(column.base.rsplit('.').next(), Some("text" | "character varying" | "citext" | "bpchar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base: &str, length: Option<i32>, words: &[&str]) -> Column {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Column { kind: base.into(), base: base.into(), length, words, is_owed: false }
    }

    #[test]
    fn a_status_fits_into_text_that_is_long_enough_and_into_all_its_words() {
        let all = ["running", "awaiting", "completed", "failed", "cancelled"];
        for (found, expected) in [
            (column("text", None, &[]), true),
            (column("character varying", Some(20), &[]), true),
            (column("character", Some(9), &[]), true),
            (column("character varying", Some(8), &[]), false),
            (column("mood", None, &all), true),
            (column("mood", None, &all[..3]), false),
            (column("integer", None, &[]), false),
        ] {
            assert_eq!(holds_status(&found), expected, "{found:?}");
        }
    }

    #[test]
    fn a_result_fits_into_json_and_text() {
        for (base, expected) in [("jsonb", true), ("json", true), ("text", true), ("bytea", false)] {
            assert_eq!(holds_result(&column(base, None, &[])), expected, "{base}");
        }
        assert!(!holds_result(&column("character varying", Some(200), &[])));
    }
}
