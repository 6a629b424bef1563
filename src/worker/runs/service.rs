//! The one place where the worker reads and writes the record. What it decides on a run is in `updating`.

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::debug;

use super::state::Terms;
use crate::error::Result;
use crate::json::Json;
use crate::ports::record::{AwaitingPage, StaleRun, StaleSearch};
use crate::record::Document;
use crate::run_store::RunStore;
use crate::worker::changes::Changes;
use crate::worker::meters::service::Meters;
use crate::worker::notices::Notices;
use crate::worker::settings::Settings;
use crate::workflow::ledger::RunStatus;

/// How many rows are asked for the time, if the first cannot be read.
const CLOCKS_ASKED: usize = 5;

/// Who hears of what becomes of runs.
pub struct Heard {
    /// Those who wait for a run: of its pauses and its end.
    pub changes: Changes,
    /// Those who count.
    pub meters: Arc<Meters>,
    /// Those who listen to events.
    pub notices: Notices,
}

/// The runs, as they are recorded.
pub struct Runs {
    pub(super) run_store: RunStore,
    /// Names the queue that a run's jobs go through.
    pub(super) settings: Arc<Settings>,
    pub(super) heard: Heard,
    /// The adapter publishes results itself.
    pub(super) deferred: bool,
}

impl Runs {
    /// Over this record. `deferred` says that the adapter publishes results itself.
    pub fn new(run_store: RunStore, settings: Arc<Settings>, heard: Heard, deferred: bool) -> Self {
        Self { run_store, settings, heard, deferred }
    }

    pub(super) fn terms(&self) -> Terms {
        let heard = self.heard.notices.are_heard();
        Terms { deferred: self.deferred, heard, now: self.run_store.now() }
    }

    pub(super) fn run_store(&self) -> &RunStore {
        &self.run_store
    }

    /// Whether the adapter publishes results itself.
    pub fn defers_results(&self) -> bool {
        self.deferred
    }

    /// Everything that is stored of a run; an empty document if there is no row.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn load(&self, run: &str) -> Result<Document> {
        self.run_store.load(run).await
    }

    /// The same for a caller that has seen the run.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn newer_than(&self, run: &str, known: Document) -> Result<Document> {
        self.run_store.newer_than(run, Some(known)).await
    }

    /// The ledger of a run alone.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_ledger(&self, run: &str) -> Result<Document> {
        self.run_store.load_ledger(run).await
    }

    /// Whether this worker has heard what the database's clock says.
    pub fn knows_the_time(&self) -> bool {
        self.run_store.knows_the_time()
    }

    /// Before moments are compared, this worker hears from the run's row what the database's clock says.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn set_the_clock(&self, run: &str) -> Result<()> {
        match self.run_store.knows_the_time() {
            true => Ok(()),
            false => self.load_ledger(run).await.map(drop),
        }
    }

    /// The same, where there may be no run to read it from.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn learn_the_time(&self) -> Result<()> {
        match self.run_store.knows_the_time() {
            true => Ok(()),
            false => self.run_store.ask_the_time().await,
        }
    }

    /// Now, by the database's clock as far as anything was heard of it: milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.run_store.now()
    }

    /// The same, by one of the first of several runs whose row can be read.
    pub async fn set_the_clock_by(&self, runs: impl Iterator<Item = &str> + Send) {
        for run in runs.take(CLOCKS_ASKED) {
            if self.run_store.knows_the_time() {
                return;
            }
            let heard = self.load_ledger(run).await;
            let _ =
                heard.inspect_err(|error| debug!(%error, run, "could not read the time from the run's row"));
        }
    }

    /// Notes that the outputs of version 1 in this state of a run have been adopted.
    pub fn looked_through(&self, run: &str, document: &Document) {
        self.run_store.checked(run, document);
    }

    /// Stores a run's end and its result in the status table.
    ///
    /// # Errors
    /// The server is out of reach, or the result cannot be stored.
    pub async fn write_result(&self, run: &str, end: RunStatus, result: &Json) -> Result<()> {
        self.run_store.write_result(run, end, result).await?;
        self.heard.changes.tell(run);
        Ok(())
    }

    /// Whether another transaction has locked a run's row.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn is_locked(&self, run: &str) -> Result<bool> {
        self.run_store.record().locked(&[run]).await.map(|locked| !locked.is_empty())
    }

    /// Writes the end of a run into its status row, if that still says `running`.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn finish_unheard(&self, run: &str, end: RunStatus) -> Result<()> {
        self.run_store.record().finish_unheard(run, end).await
    }

    /// Says that runs are alive, where they are still running.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn keep_alive(&self, runs: &[String]) -> Result<()> {
        match self.run_store.record().keep_alive(runs).await {
            // What the table refuses of one run must not make the others seem dead.
            Err(error) if error.may_be_of_one_run() && runs.len() > 1 => {
                let one_by_one = runs.iter().map(|run| async move {
                    let kept = self.run_store.record().keep_alive(std::slice::from_ref(run)).await;
                    kept.or_else(|error| if error.may_be_of_one_run() { Ok(()) } else { Err(error) })
                });
                join_all(one_by_one).await.into_iter().collect()
            }
            kept => kept,
        }
    }

    /// Which of these runs were cancelled.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn cancelled(&self, runs: &[String]) -> Result<Vec<String>> {
        self.run_store.record().cancelled(runs).await
    }

    /// Which of these runs have a node that was to wake up before a moment, in milliseconds since 1970, or were to end before it.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn overdue(&self, runs: &[String], moment: u64) -> Result<Vec<String>> {
        self.run_store.record().overdue(runs, moment).await
    }

    /// Runs that are `running` and stale.
    ///
    /// # Errors
    /// The table has no `updated_at`, or the server is out of reach.
    pub async fn stale(&self, search: &StaleSearch) -> Result<Vec<StaleRun>> {
        self.run_store.record().stale(search).await
    }

    /// Claims a stale run. Answers false if another worker claimed it or anything happened to it since.
    ///
    /// # Errors
    /// As [`stale`](Self::stale).
    pub async fn claim_stale(&self, stale: &StaleRun) -> Result<bool> {
        self.run_store.record().claim_stale(stale).await
    }

    /// Those that wait of a page of all runs, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// As [`stale`](Self::stale).
    pub async fn awaiting(&self, after: &str, limit: i64) -> Result<AwaitingPage> {
        self.run_store.record().awaiting(after, limit).await
    }

    /// Whether the tables are there, and can be worked with. Answers with what their user has to know of them.
    ///
    /// # Errors
    /// They cannot, or the server is out of reach.
    pub async fn check(&self) -> Result<Vec<String>> {
        self.run_store.record().check().await
    }

    /// Whether a pooler stands before the database; none where that cannot be.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn is_pooled(&self) -> Result<Option<bool>> {
        let record = self.run_store.record();
        record.has_journal().await?;
        Ok(record.is_pooled())
    }

    /// Asks the server for nothing but an answer.
    ///
    /// # Errors
    /// It is out of reach, or cannot be worked with.
    pub async fn answers(&self) -> Result<()> {
        self.run_store.record().find_journal().await.map(drop)
    }

    /// Closes what was opened here; whatever is used again opens again.
    pub fn let_go(&self) {
        self.run_store.record().let_go();
    }
}
