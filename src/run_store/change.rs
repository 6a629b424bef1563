//! What happens to a run from outside, one change at a time: decided on the run as it is, under the lock of its row or, with
//! a journal, again until nobody else was faster.

use std::time::Duration;

use super::store::RunStore;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::LockedChange;
use crate::record::{Change, Document, StatusUpdate, Write, WriteKind};
use crate::workflow::ledger::RunStatus;

/// How often a change is decided on where others are faster each time.
const ROUNDS: u8 = 100;

/// A transaction that went through.
#[derive(Debug)]
pub struct Committed<T> {
    /// Whatever the decision answered.
    pub answer: T,
    /// Whether anything was changed.
    pub changed: bool,
    /// When, by the database's clock: milliseconds since 1970.
    pub at: Option<u64>,
}

impl RunStore {
    /// Lets `decide` look at a run as it is, and writes the change it answers with; none leaves all as it is. It is
    /// asked again where somebody else was faster. `whole` says whether it needs every key or only the bookkeeping.
    ///
    /// # Errors
    /// Whatever `decide` or the server says; nothing is changed then.
    pub async fn change<T: Send>(
        &self,
        run: &str,
        whole: bool,
        mut decide: impl FnMut(Document) -> Result<(Option<Change>, T)> + Send,
    ) -> Result<Committed<T>> {
        let changed = async {
            for round in 0..ROUNDS {
                let committed = match self.record.has_journal().await? {
                    false => self.change_row(run, whole, &mut decide).await?,
                    true => self.change_entry(run, &mut decide).await?,
                };
                if let Some(committed) = committed {
                    return Ok(committed);
                }
                tokio::time::sleep(self.platform.jittered(Duration::from_millis(round.into()))).await;
            }
            Err(Error::new(Code::RunBusy, "Changing the run", "others keep changing it"))
        };
        changed.await.map_err(|error: Error| error.of_run(run))
    }

    /// With a journal: decided on what is known and newer, and written if nobody else was faster.
    async fn change_entry<T: Send>(
        &self,
        run: &str,
        decide: &mut (impl FnMut(Document) -> Result<(Option<Change>, T)> + Send),
    ) -> Result<Option<Committed<T>>> {
        let document = self.load(run).await?;
        let (change, answer) = decide(document.clone())?;
        let Some(change) = change else {
            return Ok(Some(Committed { answer, changed: false, at: None }));
        };
        if !document.found {
            return self.record.create(run).await.map(|()| None);
        }
        let after = document.after(&change.patch, &change.reserved);
        let kind = WriteKind::of(self.record.has_journal().await?, &after);
        if kind == WriteKind::Row {
            return Ok(None);
        }
        if change.status == StatusUpdate::Published {
            // First: a result that is published again does less harm than a run that seems to go on for ever.
            self.record.finish_unheard(run, change.reserved.ledger.status).await?;
        }
        let write = Write::new(kind, run, &document, &change, &after)?;
        let written = self.record.write(kind, &[write]).await?;
        Ok(written.get(run).map(|&(at, revision)| {
            self.cache.put(run, &after.written(at, revision));
            Committed { answer, changed: true, at }
        }))
    }

    /// Without one: decided on the row, under its lock; none where there is a journal after all.
    async fn change_row<T: Send>(
        &self,
        run: &str,
        whole: bool,
        decide: &mut (impl FnMut(Document) -> Result<(Option<Change>, T)> + Send),
    ) -> Result<Option<Committed<T>>> {
        let mut answer = None;
        let mut decide = |document: Document| {
            let (change, decided) = decide(document)?;
            answer = Some(decided);
            Ok(change)
        };
        let changed = self.record.change_locked(run, whole, &mut decide).await?;
        let (changed, at) = match changed {
            LockedChange::Written(at) => (true, at),
            LockedChange::Declined => (false, None),
            LockedChange::Journal => return Ok(None),
        };
        Ok(answer.map(|answer| Committed { answer, changed, at }))
    }

    /// Stores a run's result in the status row, for an adapter that publishes it itself.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn write_result(&self, run: &str, end: RunStatus, result: &Json) -> Result<()> {
        self.record.write_result(run, end, result).await.map_err(|error| error.of_run(run))
    }
}
