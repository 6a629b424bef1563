//! The context table: loading a run, and the single reads and writes of a `PostgresContext`.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use tokio::sync::OnceCell;

use super::commit::Commit;
use super::connect::{Database, database_error, prepared, rows};
use super::document::{NOT_AN_OBJECT, Patch, RESERVED_KEY};
use super::journal::JournalTable;
use super::known::Known;
use super::load::Load;
use super::tables::{Table, TableName, missing};
use crate::batcher::Batches;
use crate::error::{Error, Kind, Result};
use crate::json::Json;
use crate::ports::platform::Platform;

const DDL: &str = "CREATE TABLE $TABLE (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);";

/// The context table of one database. Clones share everything.
#[derive(Clone)]
pub struct ContextStore {
    /// Where it is.
    pub(super) database: Database,
    pub(super) platform: Platform,
    name: TableName,
    table: Arc<OnceCell<String>>,
    pub(super) loads: Arc<Batches<Load>>,
    pub(super) commits: Arc<Batches<Commit>>,
    pub(super) known: Arc<Known>,
    pub(super) journal: Arc<JournalTable>,
}

impl ContextStore {
    /// A table by name; nothing is looked up yet.
    pub fn new(database: Database, name: TableName, platform: Platform) -> Self {
        Self {
            database,
            name,
            table: Arc::default(),
            loads: Arc::new(Batches::new(platform.clone())),
            commits: Arc::new(Batches::new(platform.clone())),
            platform,
            known: Arc::default(),
            journal: Arc::default(),
        }
    }

    /// The database it is in.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Which of these runs have a node that was to wake up before a moment, in milliseconds since 1970.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {table} WHERE run_id = ANY($1) AND EXISTS (SELECT FROM \
             jsonb_each(context_data->'{RESERVED_KEY}'->'ledger'->'nodes') AS node (id, entry) \
             WHERE entry->>'state' = 'awaiting' AND (entry->>'not_before')::bigint < $2)"
        );
        let moment = i64::try_from(moment).unwrap_or(i64::MAX);
        let rows = rows(&client, &sql, &[&runs, &moment]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Which of these runs were cancelled.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {table} WHERE run_id = ANY($1) \
             AND context_data->'{RESERVED_KEY}'->'ledger'->>'status' = 'cancelled'"
        );
        let rows = rows(&client, &sql, &[&runs]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The visible document of a run as one JSON object, for `toJSON`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn visible(&self, run: &str) -> Result<Json> {
        self.load(run).await?.visible_json()
    }

    /// The raw value of one key.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn get(&self, run: &str, key: &str) -> Result<Option<String>> {
        if key == RESERVED_KEY {
            return Ok(None);
        }
        let value = "(context_data->$2::text)::text";
        match self.look_into_row(run, key, value).await.map_err(|error| error.of_run(run))? {
            Some(found) => Ok(found.flatten()),
            None => Ok(self.load(run).await?.values.get(key).map(|value| value.get().to_owned())),
        }
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn has(&self, run: &str, key: &str) -> Result<bool> {
        if key == RESERVED_KEY {
            return Ok(false);
        }
        let is_there = "coalesce(jsonb_typeof(context_data) = 'object' AND context_data ? $2::text, false)";
        match self.look_into_row(run, key, is_there).await.map_err(|error| error.of_run(run))? {
            Some(found) => Ok(found.unwrap_or(false)),
            None => Ok(self.load(run).await?.values.contains_key(key)),
        }
    }

    /// Changes keys in one statement; creates the row when there is none.
    ///
    /// # Errors
    /// As [`load`](Self::load), and values PostgreSQL can not store.
    pub async fn patch(&self, run: &str, patch: &Patch) -> Result<()> {
        refuse_reserved(patch).map_err(|error| error.of_run(run))?;
        self.write_patch(run, patch).await.map_err(|error| error.of_run(run))
    }

    async fn write_patch(&self, run: &str, patch: &Patch) -> Result<()> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        self.journal.look(&client, table).await?;
        if self.journal.is_there() && self.write_patch_entry(&client, run, patch).await? {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {table} AS t (run_id, context_data) VALUES ($1, $3::text::jsonb) \
             ON CONFLICT (run_id) DO UPDATE SET context_data = ({PRESENT} - $2::text[]) || EXCLUDED.context_data \
             WHERE coalesce(jsonb_typeof(t.context_data), 'null') IN ('null', 'object')"
        );
        let sets = patch.sets_json()?;
        match execute(&client, &sql, &[&run, &patch.deletes, &sets.get()]).await? {
            0 => Err(Error::new(Kind::Data, "Writing the context", NOT_AN_OBJECT)),
            _ => Ok(()),
        }
    }

    /// Removes a key; whether it was there.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn delete(&self, run: &str, key: &str) -> Result<bool> {
        let is_there = self.has(run, key).await?;
        if is_there {
            let patch = Patch { deletes: vec![key.to_owned()], ..Patch::default() };
            self.write_patch(run, &patch).await.map_err(|error| error.of_run(run))?;
        }
        Ok(is_there)
    }

    /// What a run's row says, if there is one; nothing at all where a journal says the rest. $2 key
    async fn look_into_row<T: for<'a> tokio_postgres::types::FromSql<'a>>(
        &self,
        run: &str,
        key: &str,
        what: &str,
    ) -> Result<Option<Option<T>>> {
        if self.has_journal().await? {
            return Ok(None);
        }
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let absent = JournalTable::is_absent(table);
        let sql = format!("SELECT {what}, {absent} FROM {table} WHERE run_id = $1");
        match row(&client, &sql, &[&run, &key]).await? {
            Some(row) if !row.get::<_, bool>(1) => {
                self.journal.found();
                Ok(None)
            }
            found => Ok(Some(found.map(|row| row.get(0)))),
        }
    }

    /// Whether runs have a journal, as far as this worker knows.
    pub(super) async fn has_journal(&self) -> Result<bool> {
        let client = self.database.client().await?;
        self.table(&client).await?;
        Ok(self.journal.is_there())
    }

    /// The table's quoted name, once it is known to have the columns it needs.
    pub(super) async fn table(&self, client: &impl GenericClient) -> Result<&str> {
        let find = || async {
            let table = Table::find(client, &self.name, DDL).await?;
            table.require("run_id", &self.name, DDL)?;
            match table.require("context_data", &self.name, DDL)? {
                "jsonb" => {
                    self.journal.look(client, &table.sql).await?;
                    Ok(table.sql)
                }
                other => {
                    let what = format!(
                        "the column 'context_data' of the table '{}' is {other}, not jsonb",
                        self.name
                    );
                    Err(missing(&what, &self.name, DDL))
                }
            }
        };
        self.table.get_or_try_init(find).await.map(String::as_str)
    }
}

/// The document as it stands in the row, where SQL and JSON null are an empty one.
pub(super) const PRESENT: &str = "CASE WHEN coalesce(jsonb_typeof(t.context_data), 'null') = 'null' THEN '{}'::jsonb ELSE t.context_data END";

/// The document with nothing but the engine's bookkeeping; what is no document stays as it is.
pub(super) const BOOKKEEPING: &str = "CASE WHEN jsonb_typeof(context_data) NOT IN ('null', 'object') THEN context_data WHEN context_data ? '_flowcraft' THEN jsonb_build_object('_flowcraft', context_data->'_flowcraft') END";

fn refuse_reserved(patch: &Patch) -> Result<()> {
    let touched =
        patch.sets.contains_key(RESERVED_KEY) || patch.deletes.iter().any(|key| key == RESERVED_KEY);
    if touched {
        return Err(Error::setup(
            "Writing the context",
            format!("the key '{RESERVED_KEY}' is reserved for the engine"),
        ));
    }
    Ok(())
}

/// The server's clock, in milliseconds since 1970.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A moment that a row has in a column.
pub(super) fn moment(row: &tokio_postgres::Row, column: usize) -> Option<u64> {
    u64::try_from(row.get::<_, i64>(column)).ok()
}

/// The one row a query answers with, if it does.
pub(super) async fn row(
    client: &deadpool_postgres::Object,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Option<tokio_postgres::Row>> {
    let statement = prepared(client, sql).await?;
    client.query_opt(&statement, parameters).await.map_err(|error| database_error(&error))
}

async fn execute(
    client: &deadpool_postgres::Object,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<u64> {
    let statement = prepared(client, sql).await?;
    client.execute(&statement, parameters).await.map_err(|error| database_error(&error))
}
