//! A record that answers in time, or counts as silent.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::answering::Answering;
use super::watch::{Watch, WatchedServer};
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::migrations::{StepReport, StepStatus, Target};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};
use crate::ports::host::Host;
use crate::ports::record::{
    AwaitingPage, DecideLocked, ForeignStatement, InRow, Inserted, Insertion, LockedChange, Newer,
    Projection, Record, StaleRun, StaleSearch, Written,
};
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, ScheduleWrite, ScheduleWritten};
use crate::ports::throughput::MinuteCount;
use crate::ports::watching::{
    EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};
use crate::record::{Document, NewRun, Patch, Revision, Write, WriteKind, time_to_carry, time_to_insert};
use crate::workflow::ledger::RunStatus;

/// How much longer than the statement its answer may take. A server that is not silent cancels a statement at its limit,
/// and says so.
const GRACE: Duration = Duration::from_secs(2);
const SERVER: WatchedServer = WatchedServer {
    name: "PostgreSQL",
    operation: "Talking to PostgreSQL",
    option: "statementTimeout",
    code: Code::DatabaseUnreachable,
    grace: GRACE,
    consequence: "the work goes on over another one, with the results it has",
};
/// A record with deadlines: each call is a statement or a short transaction. What carries much has a second more for each
/// MiB. A migration has limits of its own.
pub struct PunctualRecord {
    record: Arc<dyn Record>,
    limit: Duration,
    watch: Watch,
}

impl PunctualRecord {
    /// Whatever is asked of this record has that limit; `host` hears when it passes.
    pub fn new(record: Arc<dyn Record>, limit: Duration, host: Option<Arc<dyn Host>>) -> Self {
        Self { record, limit, watch: Watch::new(SERVER, host) }
    }

    /// What is known of it.
    pub fn answering(&self) -> Arc<Answering> {
        self.watch.answering.clone()
    }

    async fn within<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        self.watch.answer(self.limit, asked).await
    }
}

#[async_trait]
impl Record for PunctualRecord {
    async fn has_journal(&self) -> Result<bool> {
        self.within(self.record.has_journal()).await
    }

    async fn find_journal(&self) -> Result<bool> {
        self.within(self.record.find_journal()).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.within(self.record.check()).await
    }

    fn refuses_id(&self, run: &str) -> Option<Error> {
        self.record.refuses_id(run)
    }

    fn may_rewrite(&self) -> bool {
        self.record.may_rewrite()
    }

    fn is_pooled(&self) -> Option<bool> {
        self.record.is_pooled()
    }

    fn generation(&self) -> u64 {
        self.record.generation()
    }

    async fn newest(&self, known: &[(&str, Revision)]) -> Result<Vec<Newer>> {
        self.within(self.record.newest(known)).await
    }

    async fn reserved(&self, run: &str) -> Result<InRow<Document>> {
        self.within(self.record.reserved(run)).await
    }

    async fn write(&self, kind: WriteKind, writes: &[Write<'_>]) -> Result<Written> {
        let limit = self.limit + time_to_carry(writes);
        self.watch.answer(limit, self.record.write(kind, writes)).await
    }

    async fn locked(&self, runs: &[&str]) -> Result<Vec<String>> {
        self.within(self.record.locked(runs)).await
    }

    async fn change_locked(
        &self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
    ) -> Result<LockedChange> {
        self.within(self.record.change_locked(run, needed, decide)).await
    }

    async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        let limit = self.limit + time_to_insert(runs);
        self.watch.answer(limit, self.record.insert(runs, which)).await
    }

    async fn insertion(&self, run: &NewRun) -> Result<ForeignStatement> {
        self.within(self.record.insertion(run)).await
    }

    async fn create(&self, run: &str) -> Result<()> {
        self.within(self.record.create(run)).await
    }

    async fn value(&self, run: &str, key: &str) -> Result<InRow<Option<String>>> {
        self.within(self.record.value(run, key)).await
    }

    async fn has_key(&self, run: &str, key: &str) -> Result<InRow<bool>> {
        self.within(self.record.has_key(run, key)).await
    }

    async fn patch_row(&self, run: &str, patch: &Patch) -> Result<()> {
        self.within(self.record.patch_row(run, patch)).await
    }

    async fn append(&self, run: &str, base: Revision, entry: &Json) -> Result<bool> {
        self.within(self.record.append(run, base, entry)).await
    }

    async fn time(&self) -> Result<u64> {
        self.within(self.record.time()).await
    }

    async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        self.within(self.record.cancelled(runs)).await
    }

    async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        self.within(self.record.overdue(runs, moment)).await
    }

    async fn keep_alive(&self, runs: &[String]) -> Result<()> {
        self.within(self.record.keep_alive(runs)).await
    }

    async fn stale(&self, search: &StaleSearch) -> Result<Vec<StaleRun>> {
        self.within(self.record.stale(search)).await
    }

    async fn claim_stale(&self, stale: &StaleRun) -> Result<bool> {
        self.within(self.record.claim_stale(stale)).await
    }

    async fn claim_stale_page(&self, threshold: Duration, after: &str, limit: i64) -> Result<Vec<String>> {
        self.within(self.record.claim_stale_page(threshold, after, limit)).await
    }

    async fn awaiting(&self, after: &str, limit: i64) -> Result<AwaitingPage> {
        self.within(self.record.awaiting(after, limit)).await
    }

    async fn finish_unheard(&self, run: &str, status: RunStatus) -> Result<()> {
        self.within(self.record.finish_unheard(run, status)).await
    }

    async fn write_result(&self, run: &str, status: RunStatus, result: &Json) -> Result<()> {
        self.within(self.record.write_result(run, status, result)).await
    }

    async fn views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>> {
        self.within(self.record.views(runs)).await
    }

    async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        self.within(self.record.list(search)).await
    }

    async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        self.within(self.record.counts(tags)).await
    }

    async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        self.within(self.record.ends(search)).await
    }

    async fn store_throughput(&self, writer: &str, counts: &[MinuteCount], folds: bool) -> Result<bool> {
        self.within(self.record.store_throughput(writer, counts, folds)).await
    }

    async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        self.within(self.record.remove(removal)).await
    }

    async fn migrate(&self, target: Target) -> Result<Vec<StepReport>> {
        self.record.migrate(target).await
    }

    async fn migrations(&self) -> Result<Vec<StepStatus>> {
        self.record.migrations().await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.within(self.record.announce(announcement)).await
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.within(self.record.withdraw(worker)).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.within(self.record.announced()).await
    }

    async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>> {
        self.within(self.record.schedules(search)).await
    }

    async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>> {
        let limit = self.limit + time_to_insert(runs);
        self.watch.answer(limit, self.record.write_schedule(write, runs)).await
    }

    async fn halts(&self) -> Result<Option<Vec<StoredHalt>>> {
        self.within(self.record.halts()).await
    }

    async fn write_halt(&self, write: &HaltWrite) -> Result<Option<bool>> {
        self.within(self.record.write_halt(write)).await
    }

    async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        self.within(self.record.write_history(attempts)).await
    }

    async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>> {
        self.within(self.record.history(search)).await
    }

    async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>> {
        self.within(self.record.remove_history(removal)).await
    }

    fn let_go(&self) {
        self.record.let_go();
    }
}
