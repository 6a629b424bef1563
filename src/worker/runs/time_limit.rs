//! Runs that may take a certain time only (`timeoutMs` of their start).

use std::sync::atomic::{AtomicBool, Ordering};

use super::operations::apply;
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::record::Projection;
use crate::workflow::ledger::{Event, NodeError};

impl Runs {
    /// Fails a run whose time is over. Whether it did: another worker may have, or the run may have ended.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    async fn time_out(&self, run: &str, now: u64) -> Result<bool> {
        let time_out = |state: &mut RunState| {
            if !state.reserved.is_late(now) || makes(Mutant::ForgetsDeadlines) {
                return Ok(Decision::Leave(false));
            }
            let message = "the run was not over when its time was (timeoutMs of its start)".to_owned();
            let error = NodeError { node: NodeId::default(), message };
            apply(state.ledger(), Event::Abandoned { error })?;
            Ok(Decision::Write(true))
        };
        self.update(run, Projection::Whole, time_out).await.map(|committed| committed.answer)
    }
}

/// A run whose time is over, while it is being ended.
#[derive(Debug)]
pub struct LateRun {
    run: String,
    /// An answer was lost: what was asked may have been done.
    in_doubt: AtomicBool,
}

impl LateRun {
    /// The run.
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), in_doubt: AtomicBool::new(false) }
    }

    /// Fails the run. Whether this call did. Where an earlier call of this may have done it, its end is told now.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn end(&self, runs: &Runs, now: u64) -> Result<bool> {
        let may_be_done = self.in_doubt.swap(true, Ordering::Relaxed) && !makes(Mutant::ForgetsDoubt);
        let is_ended_now = runs.time_out(&self.run, now).await?;
        if !is_ended_now && may_be_done {
            runs.tell_end_again(&self.run).await?;
        }
        self.in_doubt.store(false, Ordering::Relaxed);
        Ok(is_ended_now)
    }
}
