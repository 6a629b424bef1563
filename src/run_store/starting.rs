//! Runs that are started by a client: inserted, or begun anew where one has ended.

use std::time::Duration;

use tokio::time::Instant;

use super::change::ChangeOutcome;
use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::ports::record::{ForeignStatement, Inserted, Insertion};
use crate::record::{Change, Document, NewRun, Write, WriteKind};

/// How often a run is rewritten while other writers come first.
const ROUNDS: u8 = 100;

impl RunStore {
    /// Inserts runs that have no row yet.
    ///
    /// # Errors
    /// Those of the server. Where its answer was lost, the runs may be there.
    pub async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        let begun = Instant::now();
        let inserted = self.record.insert(runs, which).await?;
        self.platform.heard(inserted.at, begun);
        Ok(inserted)
    }

    /// The statement that inserts a run, for a transaction of somebody else's.
    ///
    /// # Errors
    /// The tables cannot be worked with, or the server is out of reach.
    pub async fn insertion(&self, run: &NewRun) -> Result<ForeignStatement> {
        self.record.insertion(run).await
    }

    /// Lets `decide` look at the current run and writes its row anew with the change it answers with: its journal, if it has
    /// one, says nothing of it afterwards. `decide` is called again if another writer came first.
    ///
    /// # Errors
    /// Those of `decide` or of the server. Where the server's answer was lost, the run may have been written.
    pub async fn rewrite<T: Send>(
        &self,
        run: &str,
        mut decide: impl FnMut(Document) -> Result<(Option<Change>, T)> + Send,
    ) -> Result<ChangeOutcome<T>> {
        for round in 0..ROUNDS {
            let document = self.load(run).await?;
            let (change, answer) = decide(document.clone()).map_err(|error| error.of_run(run))?;
            let Some(change) = change else {
                return Ok(ChangeOutcome { answer, changed: false, at: None });
            };
            let after = document.after(&change.patch, &change.reserved);
            let kind = if self.record.has_journal().await? { WriteKind::Fold } else { WriteKind::Row };
            let begins = Write::new(kind, run, &document, &change, &after)?;
            let write = Write { begins: true, ..begins };
            let written = self.record.write(kind, &[write]).await.map_err(|error| error.of_run(run))?;
            self.cache.forget(run);
            if let Some((at, _)) = written.get(run) {
                return Ok(ChangeOutcome { answer, changed: true, at: *at });
            }
            // The journal may have been made, or taken away.
            self.record.find_journal().await?;
            tokio::time::sleep(self.platform.jittered(Duration::from_millis(round.into()))).await;
        }
        let what = "other writers keep changing it";
        Err(Error::new(Code::RunBusy, "Starting the run", what).of_run(run))
    }
}
