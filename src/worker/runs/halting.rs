//! Runs that a person pauses and lets go on, and what is paused for all workers.

use super::operations::{FollowUp, refused};
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::{Code, Error, Result};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::record::Projection;
use crate::workflow::ledger::Halt;

const PAUSING: &str = "Pausing the run";
const LETTING_GO_ON: &str = "Letting the run go on";

impl Runs {
    /// Pauses a run; whether that changed something.
    ///
    /// # Errors
    /// There is no such run, it is over, or the server is out of reach.
    pub async fn halt(&self, run: &str, halt: &Halt) -> Result<bool> {
        let pause = |state: &mut RunState| {
            state.require_row(PAUSING)?;
            let ledger = state.ledger();
            let is_new = ledger.halt_for(halt.clone()).map_err(|refusal| refused(ledger, refusal))?;
            Ok(if is_new { Decision::Write(true) } else { Decision::Leave(false) })
        };
        self.update(run, Projection::Ledger, pause).await.map(|committed| committed.answer)
    }

    /// Lets a paused run go on; what is due of it, also later: the worker that made that due may have died before it published it. None
    /// where the run was not paused.
    ///
    /// # Errors
    /// There is no such run, it is over, or the server is out of reach.
    pub async fn go_on(&self, run: &str) -> Result<Option<FollowUp>> {
        let go_on = |state: &mut RunState| {
            state.require_row(LETTING_GO_ON)?;
            let ledger = state.ledger();
            if !ledger.lift_halt().map_err(|refusal| refused(ledger, refusal))? {
                return Ok(Decision::Leave(None));
            }
            let due = ledger.pending();
            let blueprint = state.follows().unwrap_or_default();
            Ok(Decision::Write(Some((due, blueprint, state.reserved.carried.clone()))))
        };
        let committed = self.update(run, Projection::Ledger, go_on).await?;
        let at = committed.at;
        Ok(committed.answer.map(|(due, blueprint, carried)| FollowUp {
            operation: LETTING_GO_ON,
            blueprint: blueprint.to_string(),
            due,
            at,
            again: true,
            carried,
        }))
    }

    /// What is paused for all workers; none where there is no table for it.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn halts(&self) -> Result<Option<Vec<StoredHalt>>> {
        self.run_store().record().halts().await
    }

    /// Changes what is paused for all workers; whether that changed something.
    ///
    /// # Errors
    /// There is no table for it, or the server is out of reach.
    pub async fn write_halt(&self, write: &HaltWrite) -> Result<bool> {
        self.run_store().record().write_halt(write).await?.ok_or_else(|| no_table("Changing what is paused"))
    }
}

/// There is no table of what is paused.
pub fn no_table(operation: &'static str) -> Error {
    let what = "the table of what is paused is not there: migrate makes it (step 8; npx flowcraft-rabbitmq migrate up)";
    Error::new(Code::TableMissing, operation, what)
}
