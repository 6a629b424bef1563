//! Making the journal, and taking it away again: each in one transaction, beside workers that are running.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::connect::database_error;
use super::journal::{JournalTable, beside};
use super::session::Session;
use super::sql::PRESENT;
use crate::error::Result;
use crate::ports::record::{Newer, RowText};
use crate::record::{Document, Patch, RESERVED_KEY, to_raw};

/// Runs folded at a time.
const PAGE: usize = 200;
/// How long to wait for locks that workers hold: they wait behind us meanwhile.
const PATIENCE: &str = "SET LOCAL lock_timeout = '10s'";

impl Session {
    /// Makes the journal beside the context table, a view of the contexts as they are at the moment, and an index by
    /// which runs that go on are found among those that ended. Workers that are running take it up by themselves.
    /// What is there already is left as it is.
    ///
    /// # Errors
    /// The tables are missing, may not be changed, or are in use for longer than 10 s; nothing is changed then.
    pub async fn migrate(&self) -> Result<()> {
        let failed = |error: tokio_postgres::Error| database_error(&error);
        let mut client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let open = self.statuses()?.open_runs(&client).await?;
        let (journal, live) = (JournalTable::of(contexts), beside(contexts, "live"));
        let transaction = client.transaction().await.map_err(failed)?;
        // Whoever writes a row as one document is done before the journal is there, or sees it.
        let make = format!(
            "{PATIENCE}; LOCK TABLE {contexts} IN SHARE ROW EXCLUSIVE MODE; \
             CREATE TABLE IF NOT EXISTS {journal} (run_id TEXT NOT NULL, entry BIGINT NOT NULL, \
             change JSON NOT NULL CHECK ((change::jsonb) IS NOT NULL), PRIMARY KEY (run_id, entry)); \
             CREATE OR REPLACE VIEW {live} AS {}",
            live_contexts(contexts, &journal)
        );
        transaction.batch_execute(&make).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.journal.found();
        // In no transaction: the status table is written to while it is built.
        client.batch_execute(&open.create).await.map_err(failed)?;
        self.compress(&client, "lz4").await
    }

    /// How large contexts and results are compressed from now on. Most of what a megabyte costs at a run's end is the
    /// compression that is PostgreSQL's default; one without the other way of it keeps that.
    async fn compress(&self, client: &Object, method: &str) -> Result<()> {
        let contexts = self.contexts(client).await?.to_owned();
        let columns = std::iter::once((contexts, "context_data"))
            .chain(self.statuses()?.results(client).await?.cloned());
        for (table, column) in columns {
            let alter = format!(
                "BEGIN; {PATIENCE}; ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION {method}; COMMIT"
            );
            if let Err(error) = client.batch_execute(&alter).await {
                client.batch_execute("ROLLBACK").await.map_err(|error| database_error(&error))?;
                let lacking =
                    [SqlState::FEATURE_NOT_SUPPORTED, SqlState::SYNTAX_ERROR, SqlState::DATATYPE_MISMATCH];
                if !error.code().is_some_and(|code| lacking.contains(code)) {
                    return Err(database_error(&error));
                }
                tracing::debug!(%error, table, "compressed as before");
            }
        }
        Ok(())
    }

    /// Takes it all away again: every run goes on as one document. Workers that are running follow by themselves.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    pub async fn unmigrate(&self) -> Result<()> {
        let failed = |error: tokio_postgres::Error| database_error(&error);
        let mut client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        self.journal.look(&client, contexts).await?;
        client.batch_execute(&self.statuses()?.open_runs(&client).await?.drop).await.map_err(failed)?;
        self.compress(&client, "default").await?;
        if !self.journal.is_there() {
            return Ok(());
        }
        let (journal, live) = (JournalTable::of(contexts), beside(contexts, "live"));
        let transaction = client.transaction().await.map_err(failed)?;
        let lock = format!(
            "{PATIENCE}; LOCK TABLE {contexts} IN SHARE ROW EXCLUSIVE MODE; \
             LOCK TABLE {journal} IN ACCESS EXCLUSIVE MODE"
        );
        transaction.batch_execute(&lock).await.map_err(failed)?;
        let runs = format!("SELECT DISTINCT run_id FROM {journal}");
        let runs = transaction.query(&runs, &[]).await.map_err(failed)?;
        let runs: Vec<String> = runs.iter().map(|row| row.get(0)).collect();
        let fold = format!(
            "UPDATE {contexts} AS t SET context_data = ({PRESENT} - $2::text[]) || $3::text::jsonb WHERE run_id = $1"
        );
        let fold = transaction.prepare(&fold).await.map_err(failed)?;
        for page in runs.chunks(PAGE) {
            let page: Vec<&str> = page.iter().map(String::as_str).collect();
            for newer in self.entries_within(&transaction, contexts, &page).await? {
                let run = newer.run.clone();
                let document = whole(newer).map_err(|error| error.of_run(&run))?;
                let Patch { deletes, mut sets } = document.folded();
                if let Some(reserved) = &document.reserved {
                    sets.insert(RESERVED_KEY.to_owned(), to_raw(reserved)?);
                }
                let sets = to_raw(&sets)?;
                transaction.execute(&fold, &[&run, &deletes, &sets.get()]).await.map_err(failed)?;
            }
        }
        let drop = format!("DROP VIEW IF EXISTS {live}; DROP TABLE {journal}");
        transaction.batch_execute(&drop).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.journal.look(&client, contexts).await
    }
}

/// A run that was read as a whole.
fn whole(newer: Newer) -> Result<Document> {
    let text = match newer.text {
        RowText::Text(text) => text,
        RowText::Unchanged => None,
    };
    let document = Document::parse(text.as_deref())?;
    match newer.last {
        Some(last) => document.grown(&newer.entries, last),
        None => Ok(document),
    }
}

/// The contexts as they are at the moment, without the engine's bookkeeping: of each key, what was written last.
fn live_contexts(contexts: &str, journal: &str) -> String {
    format!(
        "SELECT t.run_id, CASE WHEN jsonb_typeof(t.context_data) NOT IN ('null', 'object') THEN t.context_data \
         WHEN j.written IS NULL THEN {PRESENT} - '{RESERVED_KEY}' \
         ELSE ({PRESENT} - '{RESERVED_KEY}' - j.written) || coalesce(j.sets, '{{}}'::jsonb) END AS context_data \
         FROM {contexts} AS t CROSS JOIN LATERAL (SELECT array_agg(key) AS written, \
         jsonb_object_agg(key, value) FILTER (WHERE value IS NOT NULL) AS sets FROM ( \
         SELECT DISTINCT ON (key) key, value FROM {journal} AS j CROSS JOIN LATERAL ( \
         SELECT key, value::jsonb, 0 AS rank FROM json_each(j.change->'sets') UNION ALL \
         SELECT key, NULL, 1 FROM json_array_elements_text(j.change->'deletes') AS d (key)) AS keys \
         WHERE j.run_id = t.run_id ORDER BY key, j.entry DESC, rank) AS last) AS j"
    )
}
