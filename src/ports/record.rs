//! The record of runs, as the engine sees it: what a database does with two tables of the user's.
//!
//! Contexts hold one document a run, statuses what the user's clients look at. Everything here is one statement or one
//! transaction. What stands above it once for every database (batches, the run cache, optimistic commits) is in
//! [`run_store`](crate::run_store).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::json::Json;
use crate::migrations::{StepReport, StepStatus, Target};
use crate::ports::announcement::{Announced, Announcement};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::history::{HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};
pub use crate::ports::inserting::{Inserted, Insertion};
pub use crate::ports::rows::{
    AwaitingPage, ForeignStatement, InRow, LockedChange, Newer, Projection, RowText, StaleRun, StaleSearch,
    Written,
};
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, ScheduleWrite, ScheduleWritten};
use crate::ports::throughput::MinuteCount;
use crate::ports::watching::{
    EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};
use crate::record::{Change, Document, NewRun, Patch, Revision, Write, WriteKind};
use crate::workflow::ledger::RunStatus;

/// A database that holds records.
pub trait Database: Send + Sync {
    /// The record in these tables; nothing is looked up yet.
    fn record(&self, tables: &Tables) -> Arc<dyn Record>;

    /// Closes the idle connections; the next use opens one again.
    fn let_go(&self);
}

/// The tables of a record, as the user names them: `table` or `schema.table`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// The contexts; none if only the statuses are used.
    pub contexts: Option<String>,
    /// The statuses; none if only the contexts are used.
    pub statuses: Option<String>,
}

/// Decides on a run under the lock of its row; how much of it is needed was said before.
pub type DecideLocked<'a> = &'a mut (dyn FnMut(Document) -> Result<Option<Change>> + Send);

/// The record of one adapter. An implementation looks its tables up when it is first used.
///
/// Every operation fails with an error of kind `Transient` where the server is out of reach, `Setup` where a table, a
/// column or a privilege is missing, and `Data` where a value cannot be stored or read. What changes rows waits for the
/// locks of others for a moment only, and fails as [`LOCKED`](crate::error::SqlState::LOCKED) then.
#[async_trait]
pub trait Record: Send + Sync {
    /// Whether runs have a journal, as far as is known here.
    async fn has_journal(&self) -> Result<bool>;

    /// Whether runs have a journal now: the database is asked.
    async fn find_journal(&self) -> Result<bool>;

    /// Whether the tables are there, and can be worked with. Answers with what their user has to know of them.
    async fn check(&self) -> Result<Vec<String>>;

    /// Why a run of this id cannot be, if it is known here what ids the tables have.
    fn refuses_id(&self, _run: &str) -> Option<Error> {
        None
    }

    /// Whether what is written may be stored as something else, as far as is known here: a trigger of the user's changes it.
    fn may_rewrite(&self) -> bool {
        false
    }

    /// Whether a pooler stands before the database; none where that is not known yet, or cannot be.
    fn is_pooled(&self) -> Option<bool> {
        None
    }

    /// The number of connections opened so far. A new connection may lead to another server, which has less.
    fn generation(&self) -> u64;

    /// Runs, and of each what is newer than a revision of it; those that have a row.
    async fn newest(&self, known: &[(&str, Revision)]) -> Result<Vec<Newer>>;

    /// A run's reserved key alone, however large the rest is.
    async fn reserved(&self, run: &str) -> Result<InRow<Document>>;

    /// Writes changes of one kind, each if its run is still of the revision it was decided on. Answers with those that
    /// were written; with none if the journal was created or removed meanwhile.
    async fn write(&self, kind: WriteKind, writes: &[Write<'_>]) -> Result<Written>;

    /// Those of some runs whose rows another transaction has locked at the moment. It waits for none of them.
    async fn locked(&self, runs: &[&str]) -> Result<Vec<String>>;

    /// Lets `decide` look at what it needs of a run under the lock of its row, and writes what it answers in the same
    /// transaction. Creates the row if there is none.
    async fn change_locked(
        &self,
        run: &str,
        needed: Projection,
        decide: DecideLocked<'_>,
    ) -> Result<LockedChange>;

    /// Inserts runs, both rows of each in one step; what stands in a status row without a run is replaced. Answers with
    /// those that were inserted.
    async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted>;

    /// The statement that inserts a run, for a transaction of somebody else's. It answers with a row of two columns where
    /// the run was inserted, `run_id` and `shown` (whether it has its status row), and with none where there is one already.
    async fn insertion(&self, run: &NewRun) -> Result<ForeignStatement>;

    /// Creates an empty row for a run that has none.
    async fn create(&self, run: &str) -> Result<()>;

    /// The value of a key of a run's row, as JSON text.
    async fn value(&self, run: &str, key: &str) -> Result<InRow<Option<String>>>;

    /// Whether a run's row has a key.
    async fn has_key(&self, run: &str, key: &str) -> Result<InRow<bool>>;

    /// Changes keys of a run's row; creates it if there is none.
    async fn patch_row(&self, run: &str, patch: &Patch) -> Result<()>;

    /// Appends an entry to a run's journal if it is still of that revision; whether it was.
    async fn append(&self, run: &str, base: Revision, entry: &Json) -> Result<bool>;

    /// Now, by the clock of the database: milliseconds since 1970.
    async fn time(&self) -> Result<u64>;

    /// Which of these runs were cancelled.
    async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>>;

    /// Which of these runs have a node that should have woken before a moment, in milliseconds since 1970, or should have
    /// ended before it.
    async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>>;

    /// Renews `updated_at` of those runs that are still running.
    async fn keep_alive(&self, runs: &[String]) -> Result<()>;

    /// Runs that are `running` and stale, the stalest first.
    async fn stale(&self, search: &StaleSearch) -> Result<Vec<StaleRun>>;

    /// Claims a stale run. Answers false if another worker claimed it or anything happened to it since.
    async fn claim_stale(&self, stale: &StaleRun) -> Result<bool>;

    /// Claims runs that have been stale for `threshold`, in the order of their ids, after `after`. Of several callers, each gets
    /// other runs.
    async fn claim_stale_page(&self, threshold: Duration, after: &str, limit: i64) -> Result<Vec<String>>;

    /// Those that await of a page of all runs, in the order of their ids, after `after`.
    async fn awaiting(&self, after: &str, limit: i64) -> Result<AwaitingPage>;

    /// Writes the end of a run into its status row if the adapter's own `publishFinalResult` did not.
    async fn finish_unheard(&self, run: &str, status: RunStatus) -> Result<()>;

    /// Stores a run's end and its result in the status row.
    async fn write_result(&self, run: &str, status: RunStatus, result: &Json) -> Result<()>;

    /// What the status rows of runs say; those that have one.
    async fn views(&self, runs: &[&str]) -> Result<BTreeMap<String, StatusView>>;

    /// A page of runs, in the order of their ids.
    async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>>;

    /// How many runs there are of each status and blueprint.
    async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>>;

    /// How many runs ended when, in the order of time: as it is stored, by minutes and of what is old by hours; without a table for
    /// that by the moment at which their status rows changed last. None where the table has no such moment.
    async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>>;

    /// Stores what a writer has counted, in place of what it said of the same minutes before; whether there is a table for that. What
    /// is older than the writer may write is left out. If it `folds`, old rows become fewer then.
    async fn store_throughput(&self, writer: &str, counts: &[MinuteCount], folds: bool) -> Result<bool>;

    /// Removes runs that are over, with both rows and the journal of each. Those that somebody else has locked stay.
    async fn remove(&self, removal: &Removal) -> Result<Vec<Removed>>;

    /// Takes the steps to a target beside workers that are running, or says which they would be. Each is whole or undone.
    /// With the first one runs get a journal; without it every run goes on as one document.
    async fn migrate(&self, target: Target) -> Result<Vec<StepReport>>;

    /// Where every step stands.
    async fn migrations(&self) -> Result<Vec<StepStatus>>;

    /// A worker says that it lives; whether there is a table for that.
    async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool>;

    /// Removes a worker that stops.
    async fn withdraw(&self, worker: &str) -> Result<()>;

    /// The workers that are alive; none where there is no table for them.
    async fn announced(&self) -> Result<Option<Vec<Announced>>>;

    /// Reads schedules; none where there is no table for them.
    async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>>;

    /// Changes a schedule, and inserts those of these runs that have no row yet, all in one step: if the change is not made, no
    /// run is inserted. None where there is no table for schedules.
    async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<Option<ScheduleWritten>>;

    /// What a person has paused for all workers, in the order of its names; none where there is no table for it.
    async fn halts(&self) -> Result<Option<Vec<StoredHalt>>>;

    /// Changes what is paused; whether that changed something. None where there is no table for it.
    async fn write_halt(&self, write: &HaltWrite) -> Result<Option<bool>>;

    /// Writes attempts at nodes, of those runs that have a row; whether there is a table for them.
    async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool>;

    /// Reads the history of a run, the latest first; none where there is no table for it.
    async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>>;

    /// Removes attempts at nodes; how many. None where there is no table for them.
    async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>>;

    /// Closes the idle connections; the next use opens one again.
    fn let_go(&self);
}
