//! Loading runs: those that wait, in one statement; of each only what is newer than what is known here.

use std::collections::HashMap;

use deadpool_postgres::{Object, Transaction};
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::connect::{database_error, rows};
use super::document::{Document, Version};
use super::journal::{self, JournalTable};
use super::store::{BOOKKEEPING, ContextStore, NOW, moment, row};
use crate::batcher::Request;
use crate::error::{Error, Result};

/// A request for a run.
#[derive(Debug)]
pub(super) struct Load {
    run: String,
    answer: oneshot::Sender<Result<Document>>,
}

impl Request for Load {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

impl ContextStore {
    /// Everything that is stored of a run; an empty document where there is no row.
    ///
    /// # Errors
    /// The table is missing, the server is out of reach, or the document is not one.
    pub async fn load(&self, run: &str) -> Result<Document> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        self.loads
            .submit(Load { run: run.to_owned(), answer }, move |batch| {
                let store = store.clone();
                async move { store.load_all(batch).await }
            })
            .await;
        let lost = |_| Err(Error::transient("Loading the run", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    /// Somebody looked whether others left outputs in a run: in this state of it nobody need look again.
    pub fn checked(&self, run: &str, document: &Document) {
        self.known.put(run, &Document { unchecked: false, ..document.clone() });
    }

    /// A run's bookkeeping alone, however large the rest is.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn peek(&self, run: &str) -> Result<Document> {
        if !self.has_journal().await?
            && let Some(document) = self.peek_row(run).await.map_err(|error| error.of_run(run))?
        {
            return Ok(document);
        }
        // Much of it may be known here, and the rest is entries of it. No connection is held meanwhile.
        self.load(run).await
    }

    /// None where there is a journal after all.
    async fn peek_row(&self, run: &str) -> Result<Option<Document>> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let absent = JournalTable::is_absent(table);
        let sql = format!("SELECT ({BOOKKEEPING})::text, {NOW}, {absent} FROM {table} WHERE run_id = $1");
        let Some(row) = row(&client, &sql, &[&run]).await? else { return Ok(Some(Document::default())) };
        if !row.get::<_, bool>(2) {
            self.journal.found();
            return Ok(None);
        }
        Ok(Some(Document { at: moment(&row, 1), ..Document::parse(row.get(0))? }))
    }

    async fn load_all(&self, batch: Vec<Load>) {
        let runs: Vec<&str> = batch.iter().map(|load| load.run.as_str()).collect();
        match self.newest(&runs).await {
            Ok(found) => {
                for Load { run, answer } in batch {
                    // Copied: the same run may be asked for twice.
                    let document = found.get(&run).cloned();
                    let _ = answer.send(document.unwrap_or_else(|| Ok(Document::default())));
                }
            }
            Err(error) => batch.into_iter().for_each(|load| drop(load.answer.send(Err(error.clone())))),
        }
    }

    /// Runs as they are now, by run; those that have a row.
    pub(super) async fn newest(&self, runs: &[&str]) -> Result<HashMap<String, Result<Document>>> {
        let client = self.database.client().await?;
        self.known.over(self.database.opened());
        let table = self.table(&client).await?;
        loop {
            if !self.journal.is_there() {
                match self.newest_rows(&client, table, runs).await? {
                    Some(found) => return Ok(found),
                    None => self.journal.found(),
                }
            }
            match self.newest_entries(&client, table, runs).await {
                Err(error) if self.journal.has_gone(&error) => {}
                found => return found,
            }
        }
    }

    /// A run that may have a journal, over a connection that is held already.
    pub(super) async fn load_with(&self, client: &Object, run: &str) -> Result<Document> {
        let table = self.table(client).await?;
        let found = self.newest_entries(client, table, &[run]).await?.remove(run);
        found.unwrap_or_else(|| Ok(Document::default()))
    }

    /// Where runs are plain rows; none where they turn out not to be.
    async fn newest_rows(
        &self,
        client: &Object,
        table: &str,
        runs: &[&str],
    ) -> Result<Option<HashMap<String, Result<Document>>>> {
        let known = self.known_of(runs);
        let (versions, _) = versions(runs, &known);
        let sql = format!(
            "SELECT t.run_id::text, {NOW}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
             CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END, {} \
             FROM unnest($1::text[], $2::bigint[]) AS g (run_id, version) JOIN {table} AS t ON t.run_id = g.run_id",
            JournalTable::is_absent(table)
        );
        let mut found = HashMap::with_capacity(runs.len());
        for row in rows(client, &sql, &[&runs, &versions]).await? {
            if !row.get::<_, bool>(5) {
                return Ok(None);
            }
            let document = read_row(&row, &known);
            self.keep(&row, &document);
            found.insert(row.get(0), document);
        }
        Ok(Some(found))
    }

    /// Where runs have a journal.
    async fn newest_entries(
        &self,
        client: &Object,
        table: &str,
        runs: &[&str],
    ) -> Result<HashMap<String, Result<Document>>> {
        let known = self.known_of(runs);
        let (versions, entries) = versions(runs, &known);
        let mut found = HashMap::with_capacity(runs.len());
        for row in rows(client, &journal::load(table, NOW), &[&runs, &versions, &entries]).await? {
            let document = read_entries(&row, &known);
            self.keep(&row, &document);
            found.insert(row.get(0), document);
        }
        Ok(found)
    }

    /// The same within a transaction that holds the tables.
    pub(super) async fn entries_within(
        &self,
        transaction: &Transaction<'_>,
        table: &str,
        runs: &[&str],
    ) -> Result<Vec<(String, Result<Document>)>> {
        let nothing = HashMap::new();
        let (versions, entries) = versions(runs, &nothing);
        let sql = journal::load(table, NOW);
        let rows = transaction.query(&sql, &[&runs, &versions, &entries]).await;
        let rows = rows.map_err(|error| database_error(&error))?;
        Ok(rows.iter().map(|row| (row.get(0), read_entries(row, &nothing))).collect())
    }

    /// Runs as they are known here; of those that are not, a document of no version.
    fn known_of<'a>(&self, runs: &[&'a str]) -> HashMap<&'a str, Document> {
        runs.iter().map(|run| (*run, self.known.get(run).unwrap_or_default())).collect()
    }

    fn keep(&self, row: &Row, document: &Result<Document>) {
        if let Ok(document) = document {
            self.known.put(row.get(0), document);
        }
    }
}

/// The versions of runs that are known.
fn versions(runs: &[&str], known: &HashMap<&str, Document>) -> (Vec<i64>, Vec<i64>) {
    let version = |run: &&str| known.get(run).map_or_else(Version::default, |known| known.version);
    runs.iter().map(version).map(|version| (version.row, version.entry)).unzip()
}

/// The same, and the entries of the journal after it.
fn read_entries(row: &Row, known: &HashMap<&str, Document>) -> Result<Document> {
    let document = read_row(row, known)?;
    match (row.get(5), row.get::<_, Option<Vec<String>>>(6)) {
        (Some(last), Some(changes)) => document.grown(&changes, last),
        _ => Ok(document),
    }
}

/// What a row says, or what is known where it is still the same.
fn read_row(row: &Row, known: &HashMap<&str, Document>) -> Result<Document> {
    let at = moment(row, 1);
    if let Some(known) = known.get(row.get::<_, &str>(0)).filter(|_| row.get(3)) {
        return Ok(Document { at, ..known.clone() });
    }
    let version = Version { row: row.get(2), entry: 0 };
    Document::parse(row.get(4)).map(|read| Document { at, version, ..read })
}
