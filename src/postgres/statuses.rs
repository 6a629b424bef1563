//! The status table, in any of the three shapes its users have.

use std::time::Duration;

use tokio::sync::OnceCell;

use super::connection::{Asks, Connection};
use super::contexts::{Contexts, owed};
use super::fitness::{self, CheckedTable};
use super::ids::Names;
use super::pool::Pool;
use super::status_sql::{Beside, Statements, Timed, Writing};
use super::status_upserts::RESULTS;
use super::tables::{Table, TableName, adding, missing, unfit_column};
use super::tags::TagsColumn;
use super::transaction::Transaction;
use super::upsert::Shape;
use super::zone::Moments;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::migrations::TAGS_COLUMN;
use crate::ports::record::{AwaitingPage, StaleRun, StaleSearch};
use crate::workflow::ledger::RunStatus;

const DDL: &str = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, \
                   updated_at TIMESTAMPTZ DEFAULT NOW());";

/// A status table, looked at when first used.
#[derive(Debug)]
pub struct StatusTable {
    name: TableName,
    statements: OnceCell<Statements>,
    tags: TagsColumn,
}

impl StatusTable {
    /// A table by name; nothing is looked up yet.
    pub fn new(name: TableName) -> Self {
        Self { name, statements: OnceCell::new(), tags: TagsColumn::default() }
    }

    /// Writes a run's status and `updated_at`.
    pub(super) async fn touch(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        let run = statements.ids.named(run)?;
        transaction.execute(&statements.touch, &[&run, &status.as_str()]).await.map(drop)
    }

    /// Stores a run's end and its result.
    pub(super) async fn finish(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
        result: &Json,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        let run = statements.ids.named(run)?;
        transaction.execute(&statements.finish, &[&run, &status.as_str(), &result.get()]).await.map(drop)
    }

    /// Writes the end of a run if the adapter's own `publishFinalResult` did not.
    pub(super) async fn finish_unheard(
        &self,
        client: &Connection,
        run: &str,
        status: RunStatus,
    ) -> Result<()> {
        let Statements { finish_unheard, ids, .. } = self.statements(client).await?;
        client.execute(finish_unheard, &[&ids.named(run)?, &status.as_str()]).await.map(drop)
    }

    /// The same within a transaction.
    pub(super) async fn finish_unheard_within(
        &self,
        transaction: &Transaction<'_>,
        run: &str,
        status: RunStatus,
    ) -> Result<()> {
        let statements = self.statements(transaction).await?;
        let run = statements.ids.named(run)?;
        transaction.execute(&statements.finish_unheard, &[&run, &status.as_str()]).await.map(drop)
    }

    /// Renews `updated_at` of those runs that are still running.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn keep_alive(&self, pool: &Pool, runs: &[String]) -> Result<()> {
        let client = pool.client().await?;
        let Statements { timed, ids, .. } = self.statements(&client).await?;
        let names = Names::of(*ids, runs.iter().map(String::as_str));
        match timed {
            Some(timed) => client.execute(&timed.keep_alive, &[&names.sent]).await.map(drop),
            None => Ok(()),
        }
    }

    /// Runs that are `running` and stale, the stalest first.
    ///
    /// # Errors
    /// The table has no `updated_at`, or the server is out of reach.
    pub async fn stale(&self, pool: &Pool, search: &StaleSearch) -> Result<Vec<StaleRun>> {
        let client = pool.client().await?;
        let StaleSearch { at_least, at_most, after, limit } = search;
        let (at_least, at_most) = (at_least.as_secs_f64(), at_most.as_secs_f64());
        let stale = &self.timed(&client).await?.stale;
        let rows = client.rows(stale, &[&at_least, &at_most, &after.since, &after.run, limit]).await?;
        Ok(rows.iter().map(|row| StaleRun { run: row.get(0), since: row.get(1) }).collect())
    }

    /// Claims a stale run. Answers false if another worker claimed it or anything happened to it since.
    ///
    /// # Errors
    /// As [`stale`](Self::stale).
    pub async fn claim_stale(&self, pool: &Pool, stale: &StaleRun) -> Result<bool> {
        let client = pool.client().await?;
        let claim = &self.timed(&client).await?.claim_stale;
        client.execute(claim, &[&stale.run, &stale.since]).await.map(|claimed| claimed > 0)
    }

    /// Claims runs that have been stale for `threshold`, in the order of their ids, after `after`. Of several callers, each
    /// gets other runs.
    ///
    /// # Errors
    /// As [`stale`](Self::stale).
    pub async fn claim_stale_page(
        &self,
        pool: &Pool,
        threshold: Duration,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        let client = pool.client().await?;
        let claim = &self.timed(&client).await?.claim_stale_page;
        let rows = client.rows(claim, &[&threshold.as_secs_f64(), &after, &limit]).await?;
        let mut runs: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        runs.sort_unstable();
        Ok(runs)
    }

    /// The runs that await in a page of all runs, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// As [`stale`](Self::stale).
    pub async fn awaiting(&self, pool: &Pool, after: &str, limit: i64) -> Result<AwaitingPage> {
        let client = pool.client().await?;
        let rows = client.rows(&self.timed(&client).await?.awaiting, &[&after, &limit]).await?;
        let is_full = i64::try_from(rows.len()).unwrap_or(0) == limit;
        Ok(AwaitingPage {
            last: rows.last().filter(|_| is_full).map(|row| row.get(0)),
            awaiting: rows.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect(),
        })
    }

    async fn timed(&self, client: &Connection) -> Result<&Timed> {
        self.statements(client).await?.timed.as_ref().ok_or_else(|| {
            let what = format!(
                "the table '{}' has no column 'updated_at', by which stalled runs are found",
                self.name
            );
            missing(Code::ColumnMissing, &what, &self.name, &adding("status", DDL))
        })
    }

    /// The statements, in which a migration finds the table's name, the status of a row, and where its final result is.
    pub(super) async fn for_migrations(&self, client: &Connection) -> Result<&Statements> {
        self.statements(client).await
    }

    /// Whether a new row owes values that the engine does not know.
    pub(super) async fn owes(&self, client: &impl Asks) -> Result<bool> {
        Ok(!self.statements(client).await?.owed.is_empty())
    }

    /// The statement that inserts runs of the relation that `given` defines, into this context table too.
    pub(super) async fn insertion(
        &self,
        client: &impl Asks,
        contexts: &Contexts,
        given: &str,
        has_journal: bool,
    ) -> Result<String> {
        Ok(self.statements(client).await?.insert(
            contexts,
            given,
            Beside { has_journal, has_tags: self.tags.is_there() },
        ))
    }

    /// Whether there is a column of tags. Looks for one that was not there.
    pub(super) async fn find_tags(&self, client: &impl Asks) -> Result<bool> {
        self.tags.find(client, &self.statements(client).await?.table).await
    }

    /// The same, whatever was known before.
    pub(super) async fn look_for_tags(&self, client: &impl Asks) -> Result<bool> {
        self.tags.look(client, &self.statements(client).await?.table).await
    }

    /// Whether there was one a few seconds ago.
    pub(super) async fn find_tags_lately(&self, client: &impl Asks) -> Result<bool> {
        self.tags.find_lately(client, &self.statements(client).await?.table).await
    }

    /// Whether a statement failed because the column is gone, and notes that.
    pub(super) fn has_lost_tags(&self, error: &Error) -> bool {
        self.tags.is_there() && self.tags.has_gone(error)
    }

    /// The statements that write changes of many runs, over this context table too.
    pub(super) async fn writing(&self, client: &Connection, contexts: &Contexts) -> Result<Writing> {
        Ok(self.statements(client).await?.writing(contexts))
    }

    pub(super) async fn statements(&self, client: &impl Asks) -> Result<&Statements> {
        self.statements.get_or_try_init(|| self.look(client)).await
    }

    async fn look(&self, client: &impl Asks) -> Result<Statements> {
        let table = Table::find(client, &self.name, DDL).await?;
        let ids = table.ids(&self.name, DDL)?;
        if table.columns.contains_key(TAGS_COLUMN) {
            self.tags.look(client, &table.sql).await?;
        }
        let moments = match table.columns.get("updated_at") {
            Some(column) => {
                let wanted = "timestamp with time zone";
                let found = Moments::of(client, column).await?;
                Some(found.ok_or_else(|| unfit_column(&self.name, "updated_at", column, wanted))?)
            }
            None => None,
        };
        for (name, holds, wanted) in fitness::WANTED {
            if let Some(column) = table.columns.get(name).filter(|column| !holds(column)) {
                return Err(unfit_column(&self.name, name, column, wanted));
            }
        }
        let own = ["run_id", "status", "updated_at", RESULTS[0], RESULTS[1]];
        let owed = owed(client, &table, &own).await?;
        let shape = Shape { table: &table, ids, moments, owed };
        Statements::for_shape(&shape).ok_or_else(|| {
            let what = format!("the table '{}' has no column 'status'", self.name);
            missing(Code::ColumnMissing, &what, &self.name, &adding("status", DDL))
        })
    }

    /// Whether the table can be worked with, and what its user has to know of it.
    pub(super) async fn check(&self, client: &Connection) -> Result<Option<String>> {
        let Statements { table, touch, owed, .. } = self.statements(client).await?;
        let only_updates = !owed.is_empty();
        fitness::of_statuses(client, CheckedTable { name: &self.name, table, touch, only_updates }).await?;
        Ok(fitness::owing(&self.name, owed))
    }
}
