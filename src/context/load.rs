//! Loading runs: those that wait, in one statement.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::batch::Request;
use super::connect::rows;
use super::document::Document;
use super::store::{BOOKKEEPING, ContextStore, NOW, moment, row};
use crate::error::{Error, Result};

/// A request for a run's row.
#[derive(Debug)]
pub(super) struct Load {
    run: String,
    answer: oneshot::Sender<Result<Option<Row>>>,
}

impl Request for Load {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

/// A row as it came.
#[derive(Debug, Clone)]
pub(super) struct Row {
    text: Option<String>,
    at: Option<u64>,
    version: i64,
}

impl Row {
    pub fn document(&self) -> Result<Document> {
        let document = Document::parse(self.text.as_deref())?;
        Ok(Document { at: self.at, version: Some(self.version), ..document })
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
        self.loads.submit(Load { run: run.to_owned(), answer }, move |batch| {
            let store = store.clone();
            async move { store.load_all(batch).await }
        });
        let lost = |_| Err(Error::transient("Loading the run", "the answer was lost"));
        let row = answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))?;
        match row {
            Some(row) => row.document().map_err(|error| error.of_run(run)),
            None => Ok(Document { found: false, ..Document::default() }),
        }
    }

    /// A run's bookkeeping alone, however large the rest is.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn peek(&self, run: &str) -> Result<Document> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!("SELECT ({BOOKKEEPING})::text, {NOW} FROM {table} WHERE run_id = $1");
        let row = row(&client, &sql, &[&run]).await.map_err(|error| error.of_run(run))?;
        let Some(row) = row else { return Ok(Document { found: false, ..Document::default() }) };
        let document = Document::parse(row.get(0)).map_err(|error| error.of_run(run))?;
        Ok(Document { at: moment(&row, 1), ..document })
    }

    async fn load_all(&self, batch: Vec<Load>) {
        let runs: Vec<&str> = batch.iter().map(|load| load.run.as_str()).collect();
        match self.rows(&runs).await {
            Ok(rows) => {
                for load in batch {
                    let _ = load.answer.send(Ok(rows.get(&load.run).cloned()));
                }
            }
            Err(error) => batch.into_iter().for_each(|load| drop(load.answer.send(Err(error.clone())))),
        }
    }

    /// The rows of runs, by run; of those that have one.
    pub(super) async fn rows(&self, runs: &[&str]) -> Result<HashMap<String, Row>> {
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!(
            "SELECT run_id::text, context_data::text, {NOW}, xmin::text::bigint FROM {table} WHERE run_id = ANY($1)"
        );
        let rows = rows(&client, &sql, &[&runs]).await?;
        let read = |row: tokio_postgres::Row| {
            (row.get(0), Row { text: row.get(1), at: moment(&row, 2), version: row.get(3) })
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
