//! Loads runs: loads that wait share one statement, and of each run only what is newer than the cache is read.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::requests::LoadRequest;
use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::ports::record::{InRow, Newer, RowText};
use crate::record::{Document, Revision};

impl RunStore {
    /// Everything that is stored of a run; an empty document if there is no row.
    ///
    /// # Errors
    /// The table is missing, the server is out of reach, or the document is not one.
    pub async fn load(&self, run: &str) -> Result<Document> {
        self.newer_than(run, None).await
    }

    /// The same for a caller that has seen the run: what has not changed since is not read again, even if the run is too large
    /// for the cache.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn newer_than(&self, run: &str, known: Option<Document>) -> Result<Document> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        self.loads
            .submit(LoadRequest { run: run.to_owned(), known, answer }, move |batch| {
                let store = store.clone();
                async move { store.load_all(batch).await }
            })
            .await;
        let lost = |_| Err(Error::new(Code::Internal, "Loading the run", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    /// Notes that the outputs of version 1 in this state of a run have been adopted.
    pub fn checked(&self, run: &str, document: &Document) {
        self.cache.put(run, &Document { unchecked: false, ..document.clone() });
    }

    /// A run's reserved key alone, however large the rest is.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_ledger(&self, run: &str) -> Result<Document> {
        if !self.record.has_journal().await? {
            let asked = Instant::now();
            match self.record.reserved(run).await.map_err(|error| error.of_run(run))? {
                InRow::Found(document) => {
                    self.platform.heard(document.at, asked);
                    return Ok(document);
                }
                InRow::NoRow => return Ok(Document::default()),
                InRow::Journal => {}
            }
        }
        // The cache may hold most of the run; the rest is a few entries.
        self.load(run).await
    }

    async fn load_all(&self, batch: Vec<LoadRequest>) {
        // Nodes of one run often look at the same time: it is read once.
        let mut runs: BTreeMap<&str, Option<&Document>> = BTreeMap::new();
        for LoadRequest { run, known, .. } in &batch {
            let newest = runs.entry(run).or_default();
            let is_newer = |known: &&Document| {
                newest.is_none_or(|newest: &Document| known.revision.is_newer_than(newest.revision))
            };
            *newest = known.as_ref().filter(is_newer).or(*newest);
        }
        match self.newest(&runs).await {
            Ok(found) => {
                for LoadRequest { run, answer, .. } in batch {
                    // Copied: the same run may be asked for twice.
                    let document = found.get(&run).cloned();
                    let none = || self.record.refuses_id(&run).map_or_else(|| Ok(Document::default()), Err);
                    let _ = answer.send(document.unwrap_or_else(none));
                }
            }
            Err(error) => batch.into_iter().for_each(|load| drop(load.answer.send(Err(error.clone())))),
        }
    }

    /// The current state of those runs that have a row, each with what a caller has seen of it.
    pub(super) async fn newest(
        &self,
        runs: &BTreeMap<&str, Option<&Document>>,
    ) -> Result<HashMap<String, Result<Document>>> {
        let (generation, known, newer) = loop {
            let generation = self.record.generation();
            self.cache.over(generation);
            let of_use = |seen: &&Document| seen.generation == generation;
            let known: Vec<Document> = runs
                .iter()
                .map(|(run, seen)| self.cache.get(run).or_else(|| seen.filter(of_use).cloned()))
                .map(Option::unwrap_or_default)
                .collect();
            let asked: Vec<(&str, Revision)> =
                runs.keys().copied().zip(known.iter().map(|known| known.revision)).collect();
            let begun = Instant::now();
            let newer = self.record.newest(&asked).await?;
            self.platform.heard(newer.first().and_then(|newer| newer.at), begun);
            // A connection that was opened meanwhile may lead to a server that took over: what was known of its runs is
            // worth nothing, and they are asked for as a whole.
            let is_of_use = known.iter().any(|known| known.revision != Revision::default());
            if !is_of_use || self.record.generation() == generation {
                break (generation, known, newer);
            }
        };
        let known: HashMap<&str, Document> = runs.keys().copied().zip(known).collect();
        let mut found = HashMap::with_capacity(newer.len());
        for newer in newer {
            let run = newer.run.clone();
            let document = grown(known.get(run.as_str()), newer);
            let document = document.map(|document| Document { generation, ..document });
            if let Ok(document) = &document {
                self.cache.put(&run, document);
            }
            found.insert(run, document);
        }
        Ok(found)
    }
}

/// A run from the cache, with what is newer.
fn grown(known: Option<&Document>, newer: Newer) -> Result<Document> {
    let Newer { at, row, text, entries, last, .. } = newer;
    let document = match (text, known) {
        (RowText::Unchanged, Some(known)) => Document { at, ..known.clone() },
        (RowText::Unchanged, None) => Document { at, ..Document::default() },
        (RowText::Text(text), _) => {
            let revision = Revision { row, entry: 0 };
            Document { at, revision, ..Document::parse(text.as_deref())? }
        }
    };
    match last {
        Some(last) => document.grown(&entries, last),
        None => Ok(document),
    }
}

#[cfg(test)]
mod tests;
