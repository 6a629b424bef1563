//! How a run fails by a message that cannot be processed.

use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ports::record::Projection;
use crate::protocol::message::JobMessage;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Event, Ledger, NodeError};

/// A message that cannot be processed, and why.
#[derive(Debug, Clone, Copy)]
pub struct RunFailure<'a> {
    /// The blueprint it names, if it names one.
    pub blueprint: Option<&'a str>,
    /// The node it names; empty if it names none.
    pub node: &'a str,
    /// The job it asked for, if it is one.
    pub job: Option<&'a JobMessage>,
    /// Why.
    pub reason: &'a str,
}

/// What a message that cannot be processed did to its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The run waited for it, and has failed.
    Yes,
    /// The run waits for something else, or is over.
    No,
    /// There is no such run.
    NoRow,
}

impl<'a> RunFailure<'a> {
    /// That of a job.
    pub fn of(job: &'a JobMessage, reason: &'a str) -> Self {
        Self { blueprint: Some(job.run_blueprint()), node: &job.node_id, job: Some(job), reason }
    }

    /// Whether a run that has begun waits for it.
    fn is_due_in(&self, ledger: &Ledger) -> bool {
        match self.job {
            Some(job) => ledger.waits_for(self.node, job.round, job.attempt, job.wakes),
            None => ledger.waits_for(self.node, None, None, false),
        }
    }
}

impl Runs {
    /// Fails a run that waited for a message.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn fail(&self, run: &str, failure: RunFailure<'_>) -> Result<Failed> {
        let fail = |state: &mut RunState| {
            if !state.document.found {
                return Ok(Decision::Leave(Failed::NoRow));
            }
            let named = failure.blueprint.unwrap_or_default();
            // A message that names another blueprint, or what is not due, ends no run but its own.
            let own = state.follows().is_none_or(|own| failure.blueprint.is_none_or(|named| *own == *named));
            let ledger = state.ledger();
            let waits = match ledger.is_unbegun() {
                // Where a round is named, it is of an earlier run of that id.
                true => failure.job.is_none_or(|job| job.round.is_none()),
                false => failure.is_due_in(ledger),
            };
            let error = NodeError { node: failure.node.into(), message: failure.reason.to_owned() };
            let failed =
                own && waits && ledger.apply(&Blueprint::unknown(named), Event::Abandoned { error }).is_ok();
            Ok(if failed { Decision::Write(Failed::Yes) } else { Decision::Leave(Failed::No) })
        };
        self.update(run, Projection::Whole, fail).await.map(|committed| committed.answer)
    }
}
