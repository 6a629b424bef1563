//! A client's way to a memory server's record: each question and each transaction goes as the server's faults decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::clock::MemoryClock;
use super::super::faults::{Fault, FaultSlot, RecordOperation, ServerEvent, under};
use super::moment::Moment;
use super::store::{RecordStore, TablesState};
use crate::error::{Code, Error, Result, SqlState};
use crate::ports::platform::Clock;
use crate::ports::record::{Database, Record, Tables};

/// How long a statement waits for rows that somebody has locked.
const LOCK_WAIT: Duration = Duration::from_millis(100);
const LOOKS_AT_LOCKS: u32 = 10;

/// A memory server as a database.
#[derive(Debug, Clone)]
pub struct MemoryDatabase {
    pub(super) store: Arc<RecordStore>,
    pub(super) clock: Arc<MemoryClock>,
    faults: Arc<FaultSlot>,
    /// The name of the client, for its faults.
    client: Arc<str>,
}

impl MemoryDatabase {
    /// A client's way to it.
    pub(in super::super) fn new(
        store: Arc<RecordStore>,
        clock: Arc<MemoryClock>,
        faults: Arc<FaultSlot>,
        client: &str,
    ) -> Self {
        Self { store, clock, faults, client: client.into() }
    }
}

impl Database for MemoryDatabase {
    fn record(&self, tables: &Tables) -> Arc<dyn Record> {
        Arc::new(MemoryRecord { of: self.clone(), tables: tables.clone(), connections: AtomicU64::new(1) })
    }

    fn let_go(&self) {}
}

/// A client's way to the record in some tables.
pub(super) struct MemoryRecord {
    pub of: MemoryDatabase,
    pub tables: Tables,
    /// How many connections were opened: each lost one is followed by another.
    pub connections: AtomicU64,
}

impl MemoryRecord {
    /// Asks the server, as its faults decide.
    async fn ask<T: Send>(
        &self,
        operation: RecordOperation,
        runs: &[&str],
        effect: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        let event = ServerEvent::Record { client: &self.of.client, operation, runs };
        let fault = self.of.faults.strike(&event);
        if matches!(fault, Some(Fault::FailBefore | Fault::FailAfter)) {
            self.connections.fetch_add(1, Ordering::Relaxed);
        }
        let lost = || {
            Error::new(
                Code::DatabaseUnreachable,
                "Talking to the record in memory",
                "the connection was lost",
            )
        };
        under(fault, &self.of.clock, effect, lost).await
    }

    /// Reads, or makes a change that has no revision.
    pub async fn read<T: Send>(
        &self,
        operation: RecordOperation,
        runs: &[&str],
        act: impl FnOnce(TablesState<'_>, i64) -> T + Send,
    ) -> Result<T> {
        let effect = || {
            let now = i64::try_from(self.of.clock.now().saturating_mul(1000)).unwrap_or(i64::MAX);
            Ok(self.of.store.with(&self.tables, |state| act(state, now)))
        };
        self.ask(operation, runs, effect).await
    }

    /// Writes in a transaction of its own. Its moment is taken before its effect, as for a statement that waits for a lock.
    pub async fn transact<T: Send>(
        &self,
        operation: RecordOperation,
        runs: &[&str],
        act: impl FnOnce(TablesState<'_>, Moment) -> Result<T> + Send,
    ) -> Result<T> {
        let at = self.of.clock.now();
        self.wait_for_locks(runs).await?;
        self.ask(operation, runs, || self.of.store.transaction(&self.tables, at, act)).await
    }

    /// Waits until nobody has locked these runs.
    async fn wait_for_locks(&self, runs: &[&str]) -> Result<()> {
        for _ in 0..LOOKS_AT_LOCKS {
            if self.of.store.locked_among(runs).is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LOCK_WAIT / LOOKS_AT_LOCKS).await;
        }
        let why = "a row was locked for too long";
        let error = Error::new(Code::RunBusy, "Talking to the record in memory", why);
        Err(error.with_sql_state(Some(SqlState::LOCKED)))
    }
}
