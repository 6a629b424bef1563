//! Reads runs: many in one statement, or one key of one run.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::connection::Connection;
use super::journal::{self, JournalTable};
use super::session::Session;
use super::sql::{NOW, RESERVED, moment};
use super::transaction::Transaction;
use crate::error::Result;
use crate::ports::record::{InRow, Newer, RowText};
use crate::record::{Document, RESERVED_KEY, Revision};

impl Session {
    /// Runs, and what is newer of each than a revision of it.
    pub async fn newest(&self, known: &[(&str, Revision)]) -> Result<Vec<Newer>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        loop {
            if !self.journal.is_there() {
                match self.newest_rows(&client, contexts, known).await? {
                    Some(found) => return Ok(found),
                    None => self.journal.found(),
                }
            }
            match self.newest_entries(&client, contexts, known).await {
                Err(error) if self.journal.has_gone(&error) => {}
                found => return found,
            }
        }
    }

    /// Reads plain rows; none if there is a journal after all.
    async fn newest_rows(
        &self,
        client: &Connection,
        contexts: &str,
        known: &[(&str, Revision)],
    ) -> Result<Option<Vec<Newer>>> {
        let asked = Asked::of(known);
        let sql = format!(
            "SELECT t.run_id::text, {NOW}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
             CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END, {} \
             FROM unnest($1::text[], $2::bigint[]) AS g (run_id, version) JOIN {contexts} AS t ON t.run_id = g.run_id",
            JournalTable::is_absent(contexts)
        );
        let rows = client.rows(&sql, &[&asked.runs, &asked.rows]).await?;
        if rows.iter().any(|row| !row.get::<_, bool>(5)) {
            return Ok(None);
        }
        Ok(Some(rows.iter().map(|row| newer(row, (None, Vec::new()))).collect()))
    }

    /// Reads rows and their journal.
    async fn newest_entries(
        &self,
        client: &Connection,
        contexts: &str,
        known: &[(&str, Revision)],
    ) -> Result<Vec<Newer>> {
        let asked = Asked::of(known);
        let sql = journal::load(contexts, NOW);
        let rows = client.rows(&sql, &[&asked.runs, &asked.rows, &asked.entries]).await?;
        Ok(rows.iter().map(|row| newer(row, entries(row))).collect())
    }

    /// Whole runs, within a transaction that holds the tables.
    pub async fn entries_within(
        &self,
        transaction: &Transaction<'_>,
        contexts: &str,
        runs: &[&str],
    ) -> Result<Vec<Newer>> {
        let known: Vec<(&str, Revision)> = runs.iter().map(|run| (*run, Revision::default())).collect();
        let asked = Asked::of(&known);
        let sql = journal::load(contexts, NOW);
        let rows = transaction.rows(&sql, &[&asked.runs, &asked.rows, &asked.entries]).await?;
        Ok(rows.iter().map(|row| newer(row, entries(row))).collect())
    }

    /// A run's reserved key alone.
    pub async fn reserved(&self, run: &str) -> Result<InRow<Document>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let absent = JournalTable::is_absent(contexts);
        let sql = format!("SELECT ({RESERVED})::text, {NOW}, {absent} FROM {contexts} WHERE run_id = $1");
        let Some(row) = client.row(&sql, &[&run]).await? else { return Ok(InRow::NoRow) };
        if !row.get::<_, bool>(2) {
            self.journal.found();
            return Ok(InRow::Journal);
        }
        Ok(InRow::Found(Document { at: moment(&row, 1), ..Document::parse(row.get(0))? }))
    }

    /// The value of an SQL expression over a run's row, with the parameter $2.
    pub async fn look_into_row<T: for<'a> FromSql<'a>>(
        &self,
        run: &str,
        key: &str,
        what: &str,
    ) -> Result<InRow<T>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        if self.journal.is_there() {
            return Ok(InRow::Journal);
        }
        let absent = JournalTable::is_absent(contexts);
        let sql = format!("SELECT {what}, {absent} FROM {contexts} WHERE run_id = $1");
        match client.row(&sql, &[&run, &key]).await? {
            Some(row) if !row.get::<_, bool>(1) => {
                self.journal.found();
                Ok(InRow::Journal)
            }
            Some(row) => Ok(InRow::Found(row.get(0))),
            None => Ok(InRow::NoRow),
        }
    }

    /// Which of these runs were cancelled.
    pub async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {contexts} WHERE run_id = ANY($1) \
             AND context_data->'{RESERVED_KEY}'->'ledger'->>'status' = 'cancelled'"
        );
        let rows = client.rows(&sql, &[&runs]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Which of these runs have a node that should have woken before a moment.
    pub async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {contexts} WHERE run_id = ANY($1) AND EXISTS (SELECT FROM \
             jsonb_each(context_data->'{RESERVED_KEY}'->'ledger'->'nodes') AS node (id, entry) \
             WHERE entry->>'state' = 'awaiting' AND (entry->>'not_before')::bigint < $2)"
        );
        let moment = i64::try_from(moment).unwrap_or(i64::MAX);
        let rows = client.rows(&sql, &[&runs, &moment]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

/// Runs and the revisions known of them, a column each.
struct Asked<'a> {
    runs: Vec<&'a str>,
    rows: Vec<i64>,
    entries: Vec<i64>,
}

impl<'a> Asked<'a> {
    fn of(known: &[(&'a str, Revision)]) -> Self {
        Self {
            runs: known.iter().map(|(run, _)| *run).collect(),
            rows: known.iter().map(|(_, revision)| revision.row).collect(),
            entries: known.iter().map(|(_, revision)| revision.entry).collect(),
        }
    }
}

fn newer(row: &Row, (last, entries): (Option<i64>, Vec<String>)) -> Newer {
    let text = if row.get(3) { RowText::Unchanged } else { RowText::Text(row.get(4)) };
    Newer { run: row.get(0), at: moment(row, 1), row: row.get(2), text, entries, last }
}

fn entries(row: &Row) -> (Option<i64>, Vec<String>) {
    (row.get(5), row.get::<_, Option<Vec<String>>>(6).unwrap_or_default())
}
