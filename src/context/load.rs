//! Loading runs: those that wait, in one statement; of each only what is newer than what is known here.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::batch::Request;
use super::connect::rows;
use super::document::{Document, Version};
use super::store::{BOOKKEEPING, ContextStore, NOW, moment, row};
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
        self.loads.submit(Load { run: run.to_owned(), answer }, move |batch| {
            let store = store.clone();
            async move { store.load_all(batch).await }
        });
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
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!("SELECT ({BOOKKEEPING})::text, {NOW} FROM {table} WHERE run_id = $1");
        let row = row(&client, &sql, &[&run]).await.map_err(|error| error.of_run(run))?;
        let Some(row) = row else { return Ok(Document::default()) };
        let document = Document::parse(row.get(0)).map_err(|error| error.of_run(run))?;
        Ok(Document { at: moment(&row, 1), ..document })
    }

    async fn load_all(&self, batch: Vec<Load>) {
        let runs: Vec<&str> = batch.iter().map(|load| load.run.as_str()).collect();
        match self.newest(&runs).await {
            Ok(mut found) => {
                for Load { run, answer } in batch {
                    // The same run may be asked for twice.
                    let document =
                        found.get_mut(&run).map_or_else(|| Ok(Document::default()), |each| each.clone());
                    let _ = answer.send(document);
                }
            }
            Err(error) => batch.into_iter().for_each(|load| drop(load.answer.send(Err(error.clone())))),
        }
    }

    /// Runs as they are now, by run; those that have a row.
    pub(super) async fn newest(&self, runs: &[&str]) -> Result<HashMap<String, Result<Document>>> {
        let known: HashMap<&str, Document> =
            runs.iter().filter_map(|run| Some((*run, self.known.get(run)?))).collect();
        let versions: Vec<i64> = runs
            .iter()
            .map(|run| known.get(run).map_or(Version::default().row, |known| known.version.row))
            .collect();
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let sql = format!(
            "SELECT t.run_id::text, {NOW}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
             CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END \
             FROM unnest($1::text[], $2::bigint[]) AS g (run_id, version) JOIN {table} AS t ON t.run_id = g.run_id"
        );
        let rows = rows(&client, &sql, &[&runs, &versions]).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let run: &str = row.get(0);
            let (at, version) = (moment(&row, 1), Version { row: row.get(2) });
            let document = match known.get(run).filter(|_| row.get(3)) {
                Some(known) => Ok(Document { at, ..known.clone() }),
                None => Document::parse(row.get(4)).map(|read| Document { at, version, ..read }),
            };
            if let Ok(document) = document.as_ref() {
                self.known.put(run, document);
            }
            found.insert(run.to_owned(), document);
        }
        Ok(found)
    }
}
