//! Before a node's code starts in an attempt that may not be the first: what an earlier one wrote without an answer is taken
//! back, and from then on nobody writes for the node but this attempt. A batch's scatterer that read the index of a dead one
//! would skip a chunk.

use std::time::Duration;

use super::admitting::ToExecute;
use super::claiming::Clearance;
use super::context::JobContext;
use super::trouble::is_passing_trouble;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::protocol::message::JobMessage;
use crate::worker::registry::card::LIVE_CONTEXT;
use crate::worker::runs::live::Recorded;

/// Takes over from an earlier attempt, if there may have been one; whether the node may be executed. `may_be_again`: the message
/// was delivered before, or is a copy.
///
/// # Errors
/// The run cannot be read, or the worker aborts.
pub async fn take_over(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: &mut ToExecute,
    may_be_again: bool,
) -> Result<Clearance> {
    let services = context.services;
    let ledger = executed.document.reserved.as_ref().map(|reserved| &reserved.ledger);
    let is_written = ledger.is_some_and(|ledger| ledger.writer(&message.node_id).is_some());
    // One that has written nothing may still be at it, and must not write from now on.
    let may_write = may_be_again && !executed.has_begun && services.registry.agrees_now(LIVE_CONTEXT).await;
    if !is_written && !may_write || makes(Mutant::TakesNothingBack) {
        return Ok(Clearance::Granted);
    }
    let attempt = executed.attempt.clone();
    attempt.name(|| services.platform.mark());
    let (runs, run) = (&services.runs, &message.run_id);
    let take_over = || runs.take_over_writes(run, &executed.document, &attempt);
    match context.retry.unless(is_passing_trouble, take_over).await {
        // Others have locked its row: it waits for that without holding a place.
        Err(error) if is_passing_trouble(&error) => return Ok(Clearance::After(Duration::ZERO)),
        Err(error) => return Err(error),
        Ok(Recorded::No) => return Ok(Clearance::Outdated),
        Ok(Recorded::Yes(document)) => {
            attempt.note_recorded();
            executed.document = match document {
                Some(document) => *document,
                None => context.retry.until_done(|| runs.load(run)).await?,
            };
        }
    }
    Ok(Clearance::Granted)
}
