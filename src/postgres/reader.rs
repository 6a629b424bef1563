//! Reads runs: many in one statement, or one key of one run.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::connection::Connection;
use super::contexts::Contexts;
use super::ids::{Ids, Names};
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
        contexts: &Contexts,
        known: &[(&str, Revision)],
    ) -> Result<Option<Vec<Newer>>> {
        let asked = Asked::of(known, contexts.ids);
        let cast = contexts.ids.cast();
        let sql = format!(
            "SELECT t.run_id::text, {NOW}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
             CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END, {} \
             FROM unnest($1::text[], $2::bigint[]) AS g (run_id, version) JOIN {contexts} AS t ON t.run_id = g.run_id{cast}",
            JournalTable::is_absent(&contexts.sql)
        );
        let rows = client.rows(&sql, &[&asked.names.sent, &asked.rows]).await?;
        if rows.iter().any(|row| !row.get::<_, bool>(5)) {
            return Ok(None);
        }
        Ok(Some(rows.iter().flat_map(|row| newer(row, &asked.names, Entries::default())).collect()))
    }

    /// Reads rows and their journal.
    async fn newest_entries(
        &self,
        client: &Connection,
        contexts: &Contexts,
        known: &[(&str, Revision)],
    ) -> Result<Vec<Newer>> {
        let asked = Asked::of(known, contexts.ids);
        let sql = journal::load(contexts, NOW);
        let rows = client.rows(&sql, &[&asked.names.sent, &asked.rows, &asked.entries]).await?;
        Ok(rows.iter().flat_map(|row| newer(row, &asked.names, Entries::of(row))).collect())
    }

    /// Whole runs, within a transaction that holds the tables.
    pub async fn entries_within(
        &self,
        transaction: &Transaction<'_>,
        contexts: &Contexts,
        runs: &[&str],
    ) -> Result<Vec<Newer>> {
        let known: Vec<(&str, Revision)> = runs.iter().map(|run| (*run, Revision::default())).collect();
        let asked = Asked::of(&known, contexts.ids);
        let sql = journal::load(contexts, NOW);
        let rows = transaction.rows(&sql, &[&asked.names.sent, &asked.rows, &asked.entries]).await?;
        Ok(rows.iter().flat_map(|row| newer(row, &asked.names, Entries::of(row))).collect())
    }

    /// A run's reserved key alone.
    pub async fn reserved(&self, run: &str) -> Result<InRow<Document>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let (run, id) = (contexts.ids.named(run)?, contexts.ids.first());
        let absent = JournalTable::is_absent(&contexts.sql);
        let sql = format!("SELECT ({RESERVED})::text, {NOW}, {absent} FROM {contexts} WHERE run_id = {id}");
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
        let (run, id) = (contexts.ids.named(run)?, contexts.ids.first());
        let absent = JournalTable::is_absent(&contexts.sql);
        let sql = format!("SELECT {what}, {absent} FROM {contexts} WHERE run_id = {id}");
        match client.row(&sql, &[&run, &key]).await? {
            Some(row) if !row.get::<_, bool>(1) => {
                self.journal.found();
                Ok(InRow::Journal)
            }
            Some(row) => Ok(InRow::Found(row.get(0))),
            None => Ok(InRow::NoRow),
        }
    }

    /// Now, in milliseconds since 1970.
    pub async fn time(&self) -> Result<u64> {
        let rows = self.client().await?.rows(&format!("SELECT {NOW}"), &[]).await?;
        Ok(rows.first().and_then(|row| moment(row, 0)).unwrap_or_default())
    }

    /// Which of these runs were cancelled.
    pub async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {contexts} WHERE run_id = ANY({}) \
             AND context_data->'{RESERVED_KEY}'->'ledger'->>'status' = 'cancelled'",
            contexts.ids.all()
        );
        let names = Names::of(contexts.ids, runs.iter().map(String::as_str));
        let rows = client.rows(&sql, &[&names.sent]).await?;
        Ok(rows.iter().flat_map(|row| names.asked(row.get(0))).collect())
    }

    /// Which of these runs have a node that should have woken before a moment, or should have ended before it.
    pub async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let sql = format!(
            "SELECT run_id::text FROM {contexts} WHERE run_id = ANY({}) AND \
             ((context_data->'{RESERVED_KEY}'->'start'->>'deadline')::bigint < $2 OR EXISTS (SELECT FROM \
             jsonb_each(context_data->'{RESERVED_KEY}'->'ledger'->'nodes') AS node (id, entry) \
             WHERE entry->>'state' = 'awaiting' AND (entry->>'not_before')::bigint < $2))",
            contexts.ids.all()
        );
        let names = Names::of(contexts.ids, runs.iter().map(String::as_str));
        let moment = i64::try_from(moment).unwrap_or(i64::MAX);
        let rows = client.rows(&sql, &[&names.sent, &moment]).await?;
        Ok(rows.iter().flat_map(|row| names.asked(row.get(0))).collect())
    }
}

/// Runs and the revisions known of them, a column each.
struct Asked<'a> {
    names: Names<'a>,
    rows: Vec<i64>,
    entries: Vec<i64>,
}

impl<'a> Asked<'a> {
    fn of(known: &[(&'a str, Revision)], ids: Ids) -> Self {
        let names = Names::of(ids, known.iter().map(|(run, _)| *run));
        // Those that are no ids are not sent.
        let sent = known.iter().filter(|(run, _)| ids == Ids::Text || ids.canonical(run).is_some());
        let (rows, entries) = sent.map(|(_, revision)| (revision.row, revision.entry)).unzip();
        Self { names, rows, entries }
    }
}

/// What is newer of a run, once for each name it was asked about by.
fn newer(row: &Row, names: &Names<'_>, Entries { last, entries }: Entries) -> Vec<Newer> {
    let text = if row.get(3) { RowText::Unchanged } else { RowText::Text(row.get(4)) };
    let newer = Newer { run: row.get(0), at: moment(row, 1), row: row.get(2), text, entries, last };
    let asked = names.asked(newer.run.clone());
    asked.into_iter().map(|run| Newer { run, ..newer.clone() }).collect()
}

/// Entries of a run's journal.
#[derive(Default)]
struct Entries {
    /// The number of the last one.
    last: Option<i64>,
    entries: Vec<String>,
}

impl Entries {
    fn of(row: &Row) -> Self {
        Self { last: row.get(5), entries: row.get::<_, Option<Vec<String>>>(6).unwrap_or_default() }
    }
}
