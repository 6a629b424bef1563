//! Runs that a person pauses and lets go on, and what is paused for all workers.

use super::operations::{FollowUp, refused};
use super::state::{Decision, RunState};
use super::store::Runs;
use crate::error::{Code, Error, Result};
use crate::ports::halting::{HaltWrite, StoredHalt};
use crate::ports::record::Projection;
use crate::workflow::ledger::Halt;

const PAUSING: &str = "Pausing the run";
const LETTING_GO_ON: &str = "Letting the run go on";

/// What becomes of a run that is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// Its own pause ends. If it was not paused, nothing follows.
    Itself,
    /// Its blueprint goes on: what is due is published, unless the run itself is paused.
    WithItsBlueprint,
}

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

    /// Lets a run go on; what is due of it by `now`, in milliseconds since 1970. None where it was not paused.
    ///
    /// # Errors
    /// There is no such run, it is over, or the server is out of reach.
    pub async fn go_on(&self, run: &str, now: u64, how: GoOn) -> Result<Option<FollowUp>> {
        let go_on = |state: &mut RunState| {
            state.require_row(LETTING_GO_ON)?;
            let ledger = state.ledger();
            let was_paused = match how {
                GoOn::Itself => ledger.lift_halt().map_err(|refusal| refused(ledger, refusal))?,
                GoOn::WithItsBlueprint => false,
            };
            if how == GoOn::Itself && !was_paused {
                return Ok(Decision::Leave(None));
            }
            let due = ledger.pending_by(now);
            let blueprint = state.follows().unwrap_or_default();
            let answer = Some((due, blueprint, state.reserved.carried.clone()));
            Ok(if was_paused { Decision::Write(answer) } else { Decision::Leave(answer) })
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
        self.store().record().halts().await
    }

    /// Changes what is paused for all workers; whether that changed something.
    ///
    /// # Errors
    /// There is no table for it, or the server is out of reach.
    pub async fn write_halt(&self, write: &HaltWrite) -> Result<bool> {
        self.store().record().write_halt(write).await?.ok_or_else(|| no_table("Changing what is paused"))
    }
}

/// There is no table of what is paused.
pub fn no_table(operation: &'static str) -> Error {
    let what = "the table of what is paused is not there: migrate makes it (step 8; npx flowcraft-rabbitmq migrate up)";
    Error::new(Code::TableMissing, operation, what)
}
