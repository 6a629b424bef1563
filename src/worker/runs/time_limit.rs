//! Runs that may take a certain time only (`timeoutMs` of their start).

use super::operations::apply;
use super::state::{Decision, RunState};
use super::store::Runs;
use crate::error::Result;
use crate::ids::NodeId;
use crate::ports::record::Projection;
use crate::workflow::ledger::{Event, NodeError};

impl Runs {
    /// Fails a run whose time is over. Whether it did: somebody else may have, or it may have ended.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn time_out(&self, run: &str, now: u64) -> Result<bool> {
        let time_out = |state: &mut RunState| {
            if !state.reserved.is_late(now) {
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
