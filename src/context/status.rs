//! The status table, in any of the three shapes its users have.

use std::time::Duration;

use deadpool_postgres::{GenericClient, Transaction};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::connect::{Database, database_error};
use super::tables::{Table, TableName, missing};
use crate::error::{Error, Result};
use crate::ledger::RunStatus;

const DDL: &str = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, \
                   updated_at TIMESTAMPTZ DEFAULT NOW());";

/// A status table, looked at when first used.
#[derive(Debug)]
pub struct StatusTable {
    name: TableName,
    statements: OnceCell<Statements>,
}

/// The statements that fit the columns the table has.
#[derive(Debug)]
struct Statements {
    /// $1 run, $2 status
    touch: String,
    /// $1 run, $2 status, $3 final result
    finish: String,
    /// $1 run, $2 status: for a run that ended while its row still says `running`.
    finish_unheard: String,
    /// $1 seconds, $2 limit, $3 the last run of the batch before; none without `updated_at`.
    stalled: Option<String>,
}

impl StatusTable {
    /// A table by name; nothing is looked up yet.
    pub fn new(name: TableName) -> Self {
        Self { name, statements: OnceCell::new() }
    }

    /// Notes that a run is alive, and where it stands.
    pub(super) async fn touch(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        execute(transaction, &statements.touch, &[&run, &status.as_str()]).await
    }

    /// Stores a run's end and its result.
    pub(super) async fn finish(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
        result: &RawValue,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        execute(transaction, &statements.finish, &[&run, &status.as_str(), &result.get()]).await
    }

    /// Says that a run ended, where the adapter's own `publishFinalResult` left the row as it was.
    pub(super) async fn finish_unheard(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        execute(transaction, &statements.finish_unheard, &[&run, &status.as_str()]).await
    }

    /// Runs that are `running` and have not been heard of for `threshold`, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// The table has no `updated_at`, or the server is out of reach.
    pub async fn stalled(
        &self,
        database: &Database,
        threshold: Duration,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let client = database.client().await?;
        let statements = self.statements(&client).await?;
        let Some(stalled) = &statements.stalled else {
            let what =
                format!("the table '{}' has no column 'updated_at', which the reconciler needs", self.name);
            return Err(missing(&what, &self.name, DDL));
        };
        let statement = client.prepare_cached(stalled).await.map_err(|error| database_error(&error))?;
        let rows = client.query(&statement, &[&threshold.as_secs_f64(), &limit, &after]).await;
        Ok(rows.map_err(|error| database_error(&error))?.iter().map(|row| row.get(0)).collect())
    }

    async fn statements(&self, client: &impl GenericClient) -> Result<&Statements> {
        self.statements
            .get_or_try_init(|| async {
                let table = Table::find(client, &self.name, DDL).await?;
                table.require("run_id", &self.name, DDL)?;
                Statements::for_columns(&table).ok_or_else(|| {
                    missing(&format!("the table '{}' has no column 'status'", self.name), &self.name, DDL)
                })
            })
            .await
    }
}

impl Statements {
    fn for_columns(table: &Table) -> Option<Self> {
        let type_of = |column: &str| table.columns.get(column);
        let status_object = "jsonb_build_object('status', $2::text)";
        // Where the final result goes: the README's table keeps it in `status_data`, the guide's in `result`.
        let result_column = ["status_data", "result"].into_iter().find(|column| type_of(column).is_some());

        let mut touch = Upsert::new(table);
        let mut finish = Upsert::new(table);
        match (type_of("status"), type_of("status_data")) {
            (Some(status), data) => {
                touch.set("status", format!("$2::text::{status}"));
                finish.set("status", format!("$2::text::{status}"));
                if let Some(data) = data {
                    touch.set_on_insert("status_data", format!("{status_object}::{data}"));
                }
            }
            (None, Some(data)) => {
                touch.set("status_data", format!("{status_object}::{data}"));
            }
            (None, None) => return None,
        }
        match result_column.and_then(|column| Some((column, type_of(column)?))) {
            Some((column, kind)) => finish.set(column, format!("$3::text::{kind}")),
            // Nowhere to put it: the status alone is kept. The parameter still has to be used.
            None => finish.mention("$3::text"),
        }
        if !finish.sql().contains("$2") {
            finish.mention("$2::text");
        }
        if type_of("updated_at").is_some() {
            touch.set("updated_at", "now()".into());
            finish.set("updated_at", "now()".into());
        }

        let status =
            if type_of("status").is_some() { "t.status::text" } else { "t.status_data::jsonb->>'status'" };
        let stalled = type_of("updated_at").map(|_| {
            format!(
                "SELECT run_id::text FROM {} AS t WHERE {status} = 'running' \
                 AND updated_at < now() - make_interval(secs => $1) AND run_id::text > $3::text \
                 ORDER BY run_id::text LIMIT $2",
                table.sql
            )
        });
        let finish_unheard = touch.update_where(&format!("{status} = 'running'"));
        Some(Self { touch: touch.sql(), finish: finish.sql(), finish_unheard, stalled })
    }
}

/// An `INSERT … ON CONFLICT (run_id) DO UPDATE` over the columns a table happens to have.
struct Upsert<'a> {
    table: &'a Table,
    columns: Vec<(&'static str, String)>,
    updated: Vec<&'static str>,
    mentioned: String,
}

impl<'a> Upsert<'a> {
    fn new(table: &'a Table) -> Self {
        Self { table, columns: Vec::new(), updated: Vec::new(), mentioned: String::new() }
    }

    fn set(&mut self, column: &'static str, value: String) {
        self.columns.push((column, value));
        self.updated.push(column);
    }

    /// A column that must not stay empty in a new row, and is the user's in an old one.
    fn set_on_insert(&mut self, column: &'static str, value: String) {
        self.columns.push((column, value));
    }

    /// Uses a parameter this table has no column for.
    fn mention(&mut self, parameter: &str) {
        let word = if self.mentioned.is_empty() { "WHERE" } else { "AND" };
        self.mentioned.push_str(&format!(" {word} {parameter} IS NOT NULL"));
    }

    /// The same values as an update of an existing row.
    fn update_where(&self, condition: &str) -> String {
        let updates: Vec<String> = self
            .columns
            .iter()
            .filter(|(name, _)| self.updated.contains(name))
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        format!(
            "UPDATE {} AS t SET {} WHERE run_id = $1::text AND {condition}",
            self.table.sql,
            updates.join(", ")
        )
    }

    fn sql(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = self.columns.iter().map(|(_, value)| value.as_str()).collect();
        let updates: Vec<String> =
            self.updated.iter().map(|name| format!("{name} = EXCLUDED.{name}")).collect();
        format!(
            "INSERT INTO {} (run_id, {}) SELECT $1::text, {}{} ON CONFLICT (run_id) DO UPDATE SET {}",
            self.table.sql,
            names.join(", "),
            values.join(", "),
            self.mentioned,
            updates.join(", ")
        )
    }
}

async fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<()> {
    let failed = |error: tokio_postgres::Error| -> Error { database_error(&error) };
    let statement = transaction.prepare_cached(sql).await.map_err(failed)?;
    transaction.execute(&statement, parameters).await.map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &str)]) -> Table {
        let columns = columns.iter().map(|(name, kind)| ((*name).into(), (*kind).into())).collect();
        Table { sql: "\"s\"".into(), columns }
    }

    #[test]
    fn each_of_the_three_tables_gets_statements_of_its_own() {
        let time = ("updated_at", "timestamp with time zone");
        let readme =
            Statements::for_columns(&table(&[("run_id", "text"), ("status_data", "jsonb"), time])).unwrap();
        assert!(readme.touch.contains("(run_id, status_data, updated_at)"), "{}", readme.touch);
        assert!(readme.stalled.unwrap().contains("t.status_data::jsonb->>'status' = 'running'"));

        let guide = [("run_id", "text"), ("status", "text"), time, ("result", "jsonb")];
        let guide = Statements::for_columns(&table(&guide)).unwrap();
        assert!(guide.finish.contains("(run_id, status, result, updated_at)"), "{}", guide.finish);

        let code = [("run_id", "text"), ("status", "text"), ("status_data", "jsonb"), time];
        let code = Statements::for_columns(&table(&code)).unwrap();
        assert!(code.finish.contains("(run_id, status, status_data, updated_at)"), "{}", code.finish);
        assert!(!code.touch.contains("status_data = EXCLUDED"), "{}", code.touch);

        assert!(Statements::for_columns(&table(&[("run_id", "text")])).is_none());
    }
}
