//! The facade: the port of the record, over the tables of a memory server.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use super::super::faults::RecordOperation;
use super::asking::MemoryRecord;
use super::contexts::{Contexts, Row};
use super::rows::{in_row, newer};
use super::store::TablesState;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::migrations::{StepReport, StepStatus, Target};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};
use crate::ports::platform::Clock;
use crate::ports::record::{
    AwaitingPage, DecideLocked, ForeignStatement, InRow, Inserted, Insertion, LockedChange, Newer,
    Projection, Record, StaleRun, StaleSearch, Written,
};
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, ScheduleWrite, ScheduleWritten};
use crate::ports::throughput::MinuteCount;
use crate::ports::watching::{
    EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};
use crate::record::{Document, NewRun, Patch, Revision, Write, WriteKind};
use crate::workflow::ledger::RunStatus;

fn borrowed(runs: &[String]) -> Vec<&str> {
    runs.iter().map(String::as_str).collect()
}

#[async_trait]
impl Record for MemoryRecord {
    async fn has_journal(&self) -> Result<bool> {
        Ok(self.of.store.with(&self.tables, |state| state.contexts.journal.is_some()))
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.has_journal().await.map(|_| Vec::new())
    }

    async fn find_journal(&self) -> Result<bool> {
        self.read(RecordOperation::Look, &[], |state, _| state.contexts.journal.is_some()).await
    }

    fn generation(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    async fn newest(&self, known: &[(&str, Revision)]) -> Result<Vec<Newer>> {
        let runs: Vec<&str> = known.iter().map(|(run, _)| *run).collect();
        let at = self.of.clock.now();
        self.read(RecordOperation::Load, &runs, |state, _| {
            let newer = |(run, known): &(&str, Revision)| newer(run, *known, state.contexts, at);
            known.iter().filter_map(newer).collect::<Result<Vec<Newer>>>()
        })
        .await?
    }

    async fn reserved(&self, run: &str) -> Result<InRow<Document>> {
        let at = self.of.clock.now();
        self.read(RecordOperation::Load, &[run], |state, _| {
            in_row(&state, run, |row| Ok(Document { at: Some(at), ..row.content.reserved()? })).transpose()
        })
        .await?
    }

    async fn write(&self, kind: WriteKind, writes: &[Write<'_>]) -> Result<Written> {
        let runs: Vec<&str> = writes.iter().map(|write| write.run).collect();
        self.transact(RecordOperation::Write, &runs, |mut state, moment| state.write(kind, writes, moment))
            .await
    }

    async fn locked(&self, runs: &[&str]) -> Result<Vec<String>> {
        self.read(RecordOperation::Look, runs, |_, _| self.of.store.locked_among(runs)).await
    }

    async fn change_locked(
        &self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
    ) -> Result<LockedChange> {
        self.transact(RecordOperation::Write, &[run], |mut state, moment| {
            state.change_locked(run, needed, decide, moment)
        })
        .await
    }

    async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        let names: Vec<&str> = runs.iter().map(|new| new.run.as_str()).collect();
        self.transact(RecordOperation::Write, &names, |mut state, moment| state.insert(runs, which, moment))
            .await
    }

    async fn insertion(&self, _run: &NewRun) -> Result<ForeignStatement> {
        let what = "a memory has no transactions of others: start the run without `transaction`";
        Err(Error::new(Code::InvalidArgument, "Starting the run", what))
    }

    async fn create(&self, run: &str) -> Result<()> {
        self.transact(RecordOperation::Write, &[run], |state, moment| {
            let new = || Row { xmin: moment.xid, content: Default::default() };
            state.contexts.rows.entry(run.to_owned()).or_insert_with(new);
            Ok(())
        })
        .await
    }

    async fn value(&self, run: &str, key: &str) -> Result<InRow<Option<String>>> {
        self.read(RecordOperation::Look, &[run], |state, _| {
            in_row(&state, run, |row| {
                let value = row.content.values().and_then(|values| values.get(key));
                value.map(|value| value.get().to_owned())
            })
        })
        .await
    }

    async fn has_key(&self, run: &str, key: &str) -> Result<InRow<bool>> {
        self.read(RecordOperation::Look, &[run], |state, _| {
            in_row(&state, run, |row| row.content.values().is_some_and(|values| values.contains_key(key)))
        })
        .await
    }

    async fn patch_row(&self, run: &str, patch: &Patch) -> Result<()> {
        self.transact(RecordOperation::Write, &[run], |mut state, moment| state.patch_row(run, patch, moment))
            .await
    }

    async fn append(&self, run: &str, base: Revision, entry: &Json) -> Result<bool> {
        self.transact(RecordOperation::Write, &[run], |mut state, _| state.append(run, base, entry)).await
    }

    async fn time(&self) -> Result<u64> {
        let micros = self.read(RecordOperation::Look, &[], |_, now| now).await?;
        Ok(u64::try_from(micros / 1000).unwrap_or_default())
    }

    async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        let chosen = |state: &TablesState<'_>, run: &&String| {
            state.contexts.rows.get(*run).is_some_and(|row| row.content.is_cancelled())
        };
        self.read(RecordOperation::Look, &borrowed(runs), |state, _| {
            runs.iter().filter(|run| chosen(&state, run)).cloned().collect()
        })
        .await
    }

    async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        let chosen = |state: &TablesState<'_>, run: &&String| {
            state.contexts.rows.get(*run).is_some_and(|row| row.content.is_overdue(moment))
        };
        self.read(RecordOperation::Look, &borrowed(runs), |state, _| {
            runs.iter().filter(|run| chosen(&state, run)).cloned().collect()
        })
        .await
    }

    async fn keep_alive(&self, runs: &[String]) -> Result<()> {
        self.read(RecordOperation::Touch, &borrowed(runs), |state, now| state.statuses.keep_alive(runs, now))
            .await
    }

    async fn stale(&self, search: &StaleSearch) -> Result<Vec<StaleRun>> {
        self.read(RecordOperation::Look, &[], |state, now| state.statuses.stale(search, now)).await
    }

    async fn claim_stale(&self, stale: &StaleRun) -> Result<bool> {
        self.read(RecordOperation::Touch, &[&stale.run], |state, now| state.statuses.claim_stale(stale, now))
            .await
    }

    async fn claim_stale_page(&self, threshold: Duration, after: &str, limit: i64) -> Result<Vec<String>> {
        self.read(RecordOperation::Touch, &[], |state, now| {
            state.statuses.claim_stale_page(threshold, after, limit, now)
        })
        .await
    }

    async fn awaiting(&self, after: &str, limit: i64) -> Result<AwaitingPage> {
        self.read(RecordOperation::Look, &[], |state, _| state.statuses.awaiting(after, limit)).await
    }

    async fn finish_unheard(&self, run: &str, status: RunStatus) -> Result<()> {
        self.read(RecordOperation::Touch, &[run], |state, now| {
            state.statuses.finish_unheard(run, status, now);
        })
        .await
    }

    async fn write_result(&self, run: &str, status: RunStatus, result: &Json) -> Result<()> {
        self.transact(RecordOperation::Write, &[run], |state, moment| {
            super::contexts::refuse_unstorable(result.get())?;
            state.statuses.finish(run, status, result.clone(), moment.micros());
            Ok(())
        })
        .await
    }

    async fn views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>> {
        self.read(RecordOperation::Look, runs, |state, _| state.views(runs)).await
    }

    async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        self.read(RecordOperation::Look, &[], |state, _| state.list(search)).await
    }

    async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        self.read(RecordOperation::Look, &[], |state, _| state.counts(tags)).await
    }

    async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        self.read(RecordOperation::Look, &[], |state, now| state.ends(search, now)).await
    }

    async fn store_throughput(&self, writer: &str, counts: &[MinuteCount], folds: bool) -> Result<bool> {
        self.transact(RecordOperation::Write, &[], |state, moment| {
            let Some(throughput) = &mut state.contexts.throughput else { return Ok(false) };
            throughput.store(writer, counts, moment.at);
            if folds {
                throughput.fold(moment.at);
            }
            Ok(true)
        })
        .await
    }

    async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        let run: Vec<&str> = removal.run.iter().map(String::as_str).collect();
        self.transact(RecordOperation::Write, &run, |mut state, moment| {
            Ok(state.remove(removal, moment.micros(), |run| self.of.store.locked_among(&[run]).is_empty()))
        })
        .await
    }

    async fn migrate(&self, target: Target) -> Result<Vec<StepReport>> {
        self.transact(RecordOperation::Migrate, &[], |mut state, moment| state.migrate(target, moment)).await
    }

    async fn migrations(&self) -> Result<Vec<StepStatus>> {
        self.read(RecordOperation::Look, &[], |state, _| super::steps::status(&state.contexts.steps)).await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.read(RecordOperation::Announce, &[], |state, now| state.contexts.announce(announcement, now))
            .await
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.read(RecordOperation::Announce, &[], |state, _| state.contexts.withdraw(worker)).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.read(RecordOperation::Announce, &[], |state, now| state.contexts.announced(now)).await
    }

    async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>> {
        let now = self.of.clock.now();
        self.read(RecordOperation::Schedule, &[], |state, _| state.contexts.schedules(search, now)).await
    }

    async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>> {
        let names: Vec<&str> = runs.iter().map(|new| new.run.as_str()).collect();
        self.transact(RecordOperation::Schedule, &names, |mut state, moment| {
            state.write_schedule(write, runs, moment)
        })
        .await
    }

    async fn halts(&self) -> Result<Option<Vec<StoredHalt>>> {
        self.read(RecordOperation::Look, &[], |state, _| state.contexts.halts()).await
    }

    async fn write_halt(&self, write: &HaltWrite) -> Result<Option<bool>> {
        self.transact(RecordOperation::Write, &[], |state, moment| {
            Ok(state.contexts.write_halt(write, moment.at))
        })
        .await
    }

    async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        self.transact(RecordOperation::Write, &[], |state, moment| {
            let Contexts { history: Some(history), rows, .. } = state.contexts else { return Ok(false) };
            history.write(attempts, moment, |run| rows.contains_key(run));
            Ok(true)
        })
        .await
    }

    async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>> {
        self.read(RecordOperation::Look, &[], |state, _| {
            state.contexts.history.as_ref().map(|history| history.read(search))
        })
        .await
    }

    async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>> {
        self.transact(RecordOperation::Write, &[], |state, moment| {
            Ok(state.contexts.history.as_mut().map(|history| history.remove(removal, moment)))
        })
        .await
    }

    fn let_go(&self) {}
}
