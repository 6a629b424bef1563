//! Looking at runs: one, or pages of them.

use futures_util::future::join;

use super::description::{describe, outcome};
use super::service::Client;
use crate::error::Result;
use crate::ports::limits::LimitUse;
use crate::ports::watching::{EndCount, EndSearch, RunCount, RunSearch, RunSummary, StatusView};
use crate::protocol::watch::{RunDescription, RunOutcome};
use crate::record::Document;
use crate::worker::runs::state::no_such_run;
use crate::workflow::ledger::RunStatus;

/// So many keys of limits are told of.
const LIMITS: usize = 1_000;
const OPERATION: &str = "Looking at the run";

/// The record and the status row of a run are read beside each other: a commit may come between, and one of them says what
/// the other does not know yet. They may also differ for longer: a result that its adapter still publishes, a row that the
/// user's own client wrote.
fn are_of_one_moment(document: &Document, view: Option<&StatusView>) -> bool {
    let ledger = document.reserved.as_ref().map(|reserved| reserved.ledger.status.as_str());
    let row = view.and_then(|view| view.status.as_deref());
    ledger.is_none() || row.is_none() || ledger == row
}

impl Client {
    /// How a run stands, with its result once it is over. Cheap while it goes on.
    ///
    /// # Errors
    /// There is no such run, or the server is out of reach.
    pub async fn outcome(&self, run: &str) -> Result<RunOutcome> {
        let runs = &self.services.runs;
        let Some(view) = runs.view(run).await? else {
            // A run whose client wrote no status row gets one with its first job.
            return match runs.load_ledger(run).await?.found {
                true => {
                    Ok(RunOutcome { status: RunStatus::Running.as_str().to_owned(), ..RunOutcome::default() })
                }
                false => Err(no_such_run(OPERATION).of_run(run)),
            };
        };
        let status =
            RunStatus::ALL.into_iter().find(|status| view.status.as_deref() == Some(status.as_str()));
        if status.is_some_and(|status| !status.is_end()) {
            return outcome(&view, None);
        }
        let is_told = status == Some(RunStatus::Completed) && view.result.is_some();
        let document = if is_told { None } else { Some(runs.load(run).await?) };
        outcome(&view, document.as_ref())
    }

    /// What is known of a run.
    ///
    /// # Errors
    /// As [`outcome`](Self::outcome).
    pub async fn describe(&self, run: &str) -> Result<RunDescription> {
        for is_last in [false, false, true] {
            let (document, view) = self.read(run).await?;
            if !document.found && view.is_none() {
                break;
            }
            if is_last || are_of_one_moment(&document, view.as_ref()) {
                return Ok(describe(run, &document, view.as_ref()));
            }
        }
        Err(no_such_run(OPERATION).of_run(run))
    }

    async fn read(&self, run: &str) -> Result<(Document, Option<StatusView>)> {
        let runs = &self.services.runs;
        let (document, view) = join(runs.load(run), runs.view(run)).await;
        Ok((document?, view?))
    }

    /// A page of runs, in the order of their ids.
    ///
    /// # Errors
    /// The tables cannot be worked with, or the server is out of reach.
    pub async fn list(&self, search: &RunSearch) -> Result<Vec<RunSummary>> {
        self.services.runs.list(search).await
    }

    /// How many runs there are of each status and blueprint, among those that have all of these tags.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn counts(&self, tags: &[String]) -> Result<Vec<RunCount>> {
        self.services.runs.counts(tags).await
    }

    /// How the keys of limits stand that were asked for within a day; none without a store that keeps limits.
    ///
    /// # Errors
    /// The coordination store is out of reach.
    pub async fn limits(&self) -> Result<Vec<LimitUse>> {
        self.services.store.limits(LIMITS).await
    }

    /// How many runs ended when.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn ends(&self, search: &EndSearch) -> Result<Vec<EndCount>> {
        self.services.runs.ends(search).await
    }
}
