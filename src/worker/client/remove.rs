//! Removing runs that are over: both rows, the journal, and what the coordination store keeps.

use std::time::Duration;

use super::keys::forget;
use super::service::Client;
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::ports::keys;
use crate::ports::watching::{Removal, Removed};
use crate::run_store::patiently;
use crate::worker::runs::state::no_such_run;
use crate::workflow::ledger::RunStatus;

const OPERATION: &str = "Removing the run";
/// Runs removed by one statement.
const BATCH: i64 = 500;
/// The word of a run that neither failed nor completed, as core has it: version 1 may have written it.
const STALLED: &str = "stalled";

/// Which runs to remove: those that are over and meet every condition.
#[derive(Debug, Clone)]
pub struct RunsToRemove {
    /// Of one of these statuses.
    pub statuses: Vec<String>,
    /// That have all of these tags.
    pub tags: Vec<String>,
    /// Last changed so long ago.
    pub older_than: Duration,
}

impl Client {
    /// Removes a run that is over.
    ///
    /// # Errors
    /// There is no such run, it is not over, or the server is out of reach.
    pub async fn remove(&self, run: &str) -> Result<()> {
        let removal = Removal {
            run: Some(run.to_owned()),
            statuses: ends(),
            tags: Vec::new(),
            older_than: None,
            limit: 1,
        };
        if self.remove_some(&removal).await? > 0 {
            return Ok(());
        }
        match self.describe(run).await {
            Err(error) if error.code == Code::RunNotFound => Err(no_such_run(OPERATION).of_run(run)),
            Err(error) => Err(error),
            Ok(described) => {
                let what =
                    format!("only a run that is over can be removed; this one is {}", described.status);
                Err(Error::new(Code::RunNotEnded, OPERATION, what).of_run(run))
            }
        }
    }

    /// Removes all of these runs, in batches. How many. A run that goes on stays.
    ///
    /// # Errors
    /// One of the statuses is none of a run that is over, or the server is out of reach; what was removed until then is gone.
    pub async fn purge(&self, which: RunsToRemove) -> Result<u64> {
        if let Some(other) = which.statuses.iter().find(|status| !ends().contains(status)) {
            let what = format!("only runs that are over can be removed, and '{other}' is no such status");
            return Err(Error::new(Code::InvalidArgument, "Removing runs", what));
        }
        self.purge_some(which, usize::MAX).await
    }

    /// Removes these runs, so many batches of them at most. How many.
    ///
    /// # Errors
    /// The server is out of reach; what was removed until then is gone.
    pub async fn purge_some(&self, which: RunsToRemove, batches: usize) -> Result<u64> {
        let RunsToRemove { statuses, tags, older_than } = which;
        let removal = Removal { run: None, statuses, tags, older_than: Some(older_than), limit: BATCH };
        let mut all = 0;
        for _ in 0..batches {
            let removed = self.remove_some(&removal).await?;
            all += removed;
            if removed < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(all)
    }

    async fn remove_some(&self, removal: &Removal) -> Result<u64> {
        let services = &self.services;
        let removed = patiently(&services.platform, || services.runs.remove(removal)).await?;
        // Older ones have no keys any more.
        if removal.older_than.is_none_or(|age| age.as_secs() < keys::TTL) {
            for Removed { run, nodes } in &removed {
                let nodes: Vec<NodeId> = nodes.iter().map(|node| node.as_str().into()).collect();
                forget(services, run, &nodes).await;
            }
        }
        Ok(u64::try_from(removed.len()).unwrap_or(u64::MAX))
    }
}

/// The words of runs that are over.
fn ends() -> Vec<String> {
    let own = RunStatus::ALL.into_iter().filter(|status| status.is_end()).map(RunStatus::as_str);
    own.chain([STALLED]).map(str::to_owned).collect()
}
