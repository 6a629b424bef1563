//! The facade: PostgreSQL as a database of records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::connect::{PasswordSource, PostgresSettings};
use super::pool::Pool;
use super::session::Session;
use super::sql;
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::migrations::{StepReport, StepStatus, Target};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};
use crate::ports::record::{
    AwaitingPage, Database, DecideLocked, ForeignStatement, InRow, Inserted, Insertion, LockedChange, Newer,
    Projection, Record, StaleRun, StaleSearch, Tables, Written,
};
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, ScheduleWrite, ScheduleWritten};
use crate::ports::throughput::MinuteCount;
use crate::ports::watching::{
    EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};
use crate::record::{Document, NewRun, Patch, Revision, Write, WriteKind};
use crate::workflow::ledger::RunStatus;

/// A PostgreSQL database: a pool of connections, opened when first needed.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: Pool,
    /// Past a pooler, where one is named.
    direct: Option<Pool>,
}

impl Postgres {
    /// Opens no connection.
    ///
    /// # Errors
    /// Options that are not an address, or certificates that cannot be read.
    pub fn new(settings: &PostgresSettings, password: Option<Arc<dyn PasswordSource>>) -> Result<Self> {
        let direct =
            settings.direct.as_deref().map(|direct| Pool::new(direct, password.clone())).transpose()?;
        Ok(Self { pool: Pool::new(settings, password)?, direct })
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Database for Postgres {
    fn record(&self, tables: &Tables) -> Arc<dyn Record> {
        Arc::new(PostgresRecord { session: Session::new(self.pool.clone(), self.direct.clone(), tables) })
    }

    fn let_go(&self) {
        self.pool.let_go();
        self.direct.iter().for_each(Pool::let_go);
    }
}

struct PostgresRecord {
    session: Session,
}

#[async_trait]
impl Record for PostgresRecord {
    async fn has_journal(&self) -> Result<bool> {
        if !self.session.has_found_contexts() {
            let client = self.session.client().await?;
            self.session.contexts(&client).await?;
        }
        Ok(self.session.journal.is_there())
    }

    async fn find_journal(&self) -> Result<bool> {
        let client = self.session.client().await?;
        let contexts = self.session.contexts(&client).await?;
        self.session.journal.look(&client, &contexts.sql).await?;
        Ok(self.session.journal.is_there())
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.session.check().await
    }

    fn refuses_id(&self, run: &str) -> Option<Error> {
        self.session.refuses_id(run)
    }

    fn may_rewrite(&self) -> bool {
        self.session.triggers.are_there()
    }

    fn is_pooled(&self) -> Option<bool> {
        self.session.pool.is_pooled()
    }

    fn generation(&self) -> u64 {
        self.session.pool.opened()
    }

    async fn newest(&self, known: &[(&str, Revision)]) -> Result<Vec<Newer>> {
        self.session.newest(known).await
    }

    async fn reserved(&self, run: &str) -> Result<InRow<Document>> {
        self.session.reserved(run).await
    }

    async fn write(&self, kind: WriteKind, writes: &[Write<'_>]) -> Result<Written> {
        self.session.write(kind, writes).await
    }

    async fn locked(&self, runs: &[&str]) -> Result<Vec<String>> {
        self.session.locked(runs).await
    }

    async fn change_locked(
        &self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
    ) -> Result<LockedChange> {
        self.session.change_locked(run, needed, decide).await
    }

    async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        self.session.insert(runs, which).await
    }

    async fn insertion(&self, run: &NewRun) -> Result<ForeignStatement> {
        self.session.insertion(run).await
    }

    async fn create(&self, run: &str) -> Result<()> {
        self.session.create(run).await
    }

    async fn value(&self, run: &str, key: &str) -> Result<InRow<Option<String>>> {
        self.session.look_into_row(run, key, "(context_data->$2::text)::text").await
    }

    async fn has_key(&self, run: &str, key: &str) -> Result<InRow<bool>> {
        let is_there = "coalesce(jsonb_typeof(context_data) = 'object' AND context_data ? $2::text, false)";
        self.session.look_into_row(run, key, is_there).await
    }

    async fn patch_row(&self, run: &str, patch: &Patch) -> Result<()> {
        self.session.patch_row(run, patch).await
    }

    async fn append(&self, run: &str, base: Revision, entry: &Json) -> Result<bool> {
        self.session.append(run, base, entry).await
    }

    async fn time(&self) -> Result<u64> {
        self.session.time().await
    }

    async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        self.session.cancelled(runs).await
    }

    async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        self.session.overdue(runs, moment).await
    }

    async fn keep_alive(&self, runs: &[String]) -> Result<()> {
        self.session.statuses()?.keep_alive(&self.session.pool, runs).await
    }

    async fn stale(&self, search: &StaleSearch) -> Result<Vec<StaleRun>> {
        self.session.statuses()?.stale(&self.session.pool, search).await
    }

    async fn claim_stale(&self, stale: &StaleRun) -> Result<bool> {
        self.session.statuses()?.claim_stale(&self.session.pool, stale).await
    }

    async fn claim_stale_page(&self, threshold: Duration, after: &str, limit: i64) -> Result<Vec<String>> {
        self.session.statuses()?.claim_stale_page(&self.session.pool, threshold, after, limit).await
    }

    async fn awaiting(&self, after: &str, limit: i64) -> Result<AwaitingPage> {
        self.session.statuses()?.awaiting(&self.session.pool, after, limit).await
    }

    async fn finish_unheard(&self, run: &str, status: RunStatus) -> Result<()> {
        let client = self.session.client().await?;
        self.session.statuses()?.finish_unheard(&client, run, status).await
    }

    async fn write_result(&self, run: &str, status: RunStatus, result: &Json) -> Result<()> {
        let client = self.session.client().await?;
        let transaction = Transaction::begin(&client).await?;
        transaction.batch(&sql::limit_of_transaction()).await?;
        self.session.statuses()?.finish(&transaction, run, status, result).await?;
        transaction.commit().await
    }

    async fn views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>> {
        self.session.views(runs).await
    }

    async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        self.session.list(search).await
    }

    async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        self.session.counts(tags).await
    }

    async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        self.session.ends(search).await
    }

    async fn store_throughput(&self, writer: &str, counts: &[MinuteCount], folds: bool) -> Result<bool> {
        self.session.store_throughput(writer, counts, folds).await
    }

    async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>> {
        self.session.remove(removal).await
    }

    async fn migrate(&self, target: Target) -> Result<Vec<StepReport>> {
        self.session.migrate(target).await
    }

    async fn migrations(&self) -> Result<Vec<StepStatus>> {
        self.session.migrations().await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        self.session.announce(announcement).await
    }

    async fn withdraw(&self, worker: &str) -> Result<()> {
        self.session.withdraw(worker).await
    }

    async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        self.session.announced().await
    }

    async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>> {
        self.session.schedules(search).await
    }

    async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>> {
        self.session.write_schedule(write, runs).await
    }

    async fn halts(&self) -> Result<Option<Vec<StoredHalt>>> {
        self.session.halts().await
    }

    async fn write_halt(&self, write: &HaltWrite) -> Result<Option<bool>> {
        self.session.write_halt(write).await
    }

    async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        self.session.write_history(attempts).await
    }

    async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>> {
        self.session.history(search).await
    }

    async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>> {
        self.session.remove_history(removal).await
    }

    fn let_go(&self) {
        self.session.pool.let_go();
    }
}
