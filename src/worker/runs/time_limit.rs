//! Runs that may take a certain time only (`timeoutMs` of their start).

use super::operations::apply;
use super::state::{Decision, RunState};
use super::store::Runs;
use crate::error::Result;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::record::Projection;
use crate::workflow::ledger::{Event, NodeError};

impl Runs {
    /// Fails a run whose time is over. Whether it did: somebody else may have, or it may have ended.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn time_out(&self, run: &str, now: u64) -> Result<bool> {
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

    /// The same where an earlier answer was lost: if that call ended the run, its end is told now.
    ///
    /// # Errors
    /// As [`time_out`](Self::time_out).
    pub async fn time_out_again(&self, run: &str, now: u64) -> Result<bool> {
        let is_ended_now = self.time_out(run, now).await?;
        if !is_ended_now && self.heard.notices.are_heard() && !makes(Mutant::ForgetsDoubt) {
            let document = self.load(run).await?;
            if let Some(mut reserved) = document.reserved.filter(|reserved| reserved.ledger.status.is_end()) {
                // Where nobody is there to hear it any more, nobody missed it.
                let _ = self.heard.notices.tell_of(run, reserved.milestones()).await;
            }
        }
        Ok(is_ended_now)
    }
}
