//! The last question before a node is executed: does another worker claim it, and must this one?
//!
//! A lease that others see answers both. While the coordination store is out of reach, or has just forgotten its leases, the
//! record does: see [`claim`](crate::workflow::ledger::Claim). It may be out of reach for this worker alone: of a job that
//! another worker may have too, it asks in the record first, and the worker that executes the node answers there.

use std::time::Duration;

use super::admitting::ToExecute;
use super::context::JobContext;
use super::trouble::is_passing_trouble;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::protocol::message::JobMessage;
use crate::worker::leases::held::LeasedExecution;
use crate::worker::runs::claim::{ClaimMode, Claimed};

/// Whether a node may be executed.
#[derive(Debug, PartialEq, Eq)]
pub enum Clearance {
    /// It may.
    Granted,
    /// Another worker may be executing it, for so long at most unless it says so again.
    After(Duration),
    /// The execution is over: the message is to be admitted again.
    Outdated,
}

/// Whether a node may be executed, under its lease.
///
/// # Errors
/// The claim cannot be written, and the worker aborts.
pub async fn clear(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: &mut ToExecute,
) -> Result<Clearance> {
    let services = context.services;
    let execution =
        LeasedExecution { run: message.run_id.clone(), node: message.node_id.clone(), round: executed.round };
    if let Some(wait) =
        claimed_by_others(context, executed, &execution).filter(|_| !makes(Mutant::IgnoresClaims))
    {
        return Ok(Clearance::After(wait));
    }
    let mut is_seen = services.leases.is_seen(&execution.run, &execution.node);
    // This message began the run, so no execution came before it, even if a client sends the message twice.
    let is_the_first = executed.has_begun && !message.may_be_a_copy();
    let must_claim = !is_seen || message.may_be_a_copy() || is_asked(context, executed, &execution);
    if !is_seen && message.may_be_one_of_two() && !is_the_first {
        if let Some(wait) = services.leases.silence_left() {
            return Ok(Clearance::After(wait));
        }
        // Another worker may have reached the store again before this one did.
        if services.leases.is_others(&execution.run, &execution.node).await {
            return Ok(Clearance::After(Duration::ZERO));
        }
        is_seen = services.leases.is_seen(&execution.run, &execution.node);
    }
    // A copy is claimed under a lease too: the worker that has the original may not see leases.
    if must_claim {
        let is_one_of_two = message.may_be_one_of_two() && !is_the_first;
        let how = match !is_seen && is_one_of_two && !makes(Mutant::StartsUnasked) {
            true => ClaimMode::AfterAsking,
            false => ClaimMode::Now,
        };
        let clearance = claim(context, executed, &execution, how).await?;
        if clearance != Clearance::Granted {
            return Ok(clearance);
        }
    }
    services.leases.note_execution(execution, must_claim);
    Ok(Clearance::Granted)
}

/// Claims an execution in the record, or asks there who executes the node.
async fn claim(
    context: &JobContext<'_>,
    executed: &mut ToExecute,
    execution: &LeasedExecution,
    how: ClaimMode,
) -> Result<Clearance> {
    let claim = || context.services.runs.claim_node(execution, &executed.document, how);
    let claimed = match context.retry.unless(is_passing_trouble, claim).await {
        // Others have locked its row: it waits for that without holding a place.
        Err(error) if is_passing_trouble(&error) => return Ok(Clearance::After(Duration::ZERO)),
        claimed => claimed?,
    };
    Ok(match claimed {
        Claimed::Yes(document) => {
            if let Some(document) = document {
                executed.document = *document;
            }
            Clearance::Granted
        }
        Claimed::After(wait) => Clearance::After(wait),
        Claimed::Over => Clearance::Outdated,
    })
}

/// Whether another worker, which sees no leases, has asked who executes the node.
fn is_asked(context: &JobContext<'_>, executed: &ToExecute, execution: &LeasedExecution) -> bool {
    let ledger = executed.document.reserved.as_ref().map(|reserved| &reserved.ledger);
    ledger.is_some_and(|ledger| ledger.is_asked(&execution.node, &context.services.settings.worker))
        && !makes(Mutant::AnswersNobody)
}

fn claimed_by_others(
    context: &JobContext<'_>,
    executed: &ToExecute,
    execution: &LeasedExecution,
) -> Option<Duration> {
    let now = executed.document.at?;
    let ledger = &executed.document.reserved.as_ref()?.ledger;
    let until = ledger.claimed_by_others(&execution.node, &context.services.settings.worker, now)?;
    Some(Duration::from_millis(until - now))
}
