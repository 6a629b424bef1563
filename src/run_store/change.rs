//! Changes of a run from outside, one at a time. Each is decided on the current run: under the lock of its row or, with a
//! journal, again until no other writer came first.

use std::time::Duration;

use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::{LockedChange, Projection};
use crate::record::{Change, Document, StatusUpdate, Write, WriteKind};
use crate::workflow::ledger::RunStatus;

/// How often a change is decided while other writers come first.
const ROUNDS: u8 = 100;

/// A change that was decided.
#[derive(Debug)]
pub struct ChangeOutcome<T> {
    /// What the decision answered.
    pub answer: T,
    /// Whether anything was changed.
    pub changed: bool,
    /// When, by the database's clock: milliseconds since 1970.
    pub at: Option<u64>,
}

impl RunStore {
    /// Lets `decide` look at what it needs of the current run and writes the change it answers with; none for no change.
    /// `decide` is called again if another writer came first.
    ///
    /// # Errors
    /// Those of `decide` or of the server. The run is not changed then.
    pub async fn change<T: Send>(
        &self,
        run: &str,
        needed: Projection,
        mut decide: impl FnMut(Document) -> Result<(Option<Change>, T)> + Send,
    ) -> Result<ChangeOutcome<T>> {
        let changed = async {
            for round in 0..ROUNDS {
                let committed = match self.record.has_journal().await? {
                    false => self.change_row(run, needed, &mut decide).await?,
                    true => self.change_entry(run, &mut decide).await?,
                };
                if let Some(committed) = committed {
                    return Ok(committed);
                }
                tokio::time::sleep(self.platform.jittered(Duration::from_millis(round.into()))).await;
            }
            Err(Error::new(Code::RunBusy, "Changing the run", "other writers keep changing it"))
        };
        changed.await.map_err(|error: Error| error.of_run(run))
    }

    /// With a journal: decides on the newest run and appends, unless another writer came first.
    async fn change_entry<T: Send>(
        &self,
        run: &str,
        decide: &mut (impl FnMut(Document) -> Result<(Option<Change>, T)> + Send),
    ) -> Result<Option<ChangeOutcome<T>>> {
        let document = self.load(run).await?;
        let (change, answer) = decide(document.clone())?;
        let Some(change) = change else {
            return Ok(Some(ChangeOutcome { answer, changed: false, at: None }));
        };
        if !document.found {
            return self.record.create(run).await.map(|()| None);
        }
        let after = document.after(&change.patch, &change.reserved);
        let kind = WriteKind::of(self.record.has_journal().await?, &document, &after);
        if kind == WriteKind::Row {
            return Ok(None);
        }
        if change.status == StatusUpdate::Published {
            // First: publishing a result twice does less harm than a run that seems to go on for ever.
            self.record.finish_unheard(run, change.reserved.ledger.status).await?;
        }
        let write = Write::new(kind, run, &document, &change, &after)?;
        let written = self.record.write(kind, &[write]).await?;
        Ok(written.get(run).map(|&(at, revision)| {
            match kind == WriteKind::Fold && self.record.may_rewrite() {
                true => self.cache.forget(run),
                false => self.cache.put(run, &after.written(at, revision)),
            }
            ChangeOutcome { answer, changed: true, at }
        }))
    }

    /// Without a journal: decides under the lock of the row. None if there is a journal after all.
    async fn change_row<T: Send>(
        &self,
        run: &str,
        needed: Projection,
        decide: &mut (impl FnMut(Document) -> Result<(Option<Change>, T)> + Send),
    ) -> Result<Option<ChangeOutcome<T>>> {
        let mut answer = None;
        let mut decide = |document: Document| {
            let (change, decided) = decide(document)?;
            answer = Some(decided);
            Ok(change)
        };
        let changed = self.record.change_locked(run, needed, &mut decide).await?;
        let (changed, at) = match changed {
            LockedChange::Written(at) => (true, at),
            LockedChange::Declined => (false, None),
            LockedChange::Journal => return Ok(None),
        };
        Ok(answer.map(|answer| ChangeOutcome { answer, changed, at }))
    }

    /// Stores a run's result in the status row, for an adapter that publishes it itself.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn write_result(&self, run: &str, end: RunStatus, result: &Json) -> Result<()> {
        self.record.write_result(run, end, result).await.map_err(|error| error.of_run(run))
    }
}
