//! What is left under a message that comes again: jobs that were made due while it was held, and that nobody may have
//! published.

use super::context::JobContext;
use crate::error::Result;
use crate::ports::keys;
use crate::protocol::message::JobMessage;
use crate::worker::recovery::judgement::is_free;
use crate::workflow::ledger::DueJob;

/// Publishes what is left under a message; whether the message may go. It may not while a worker holds the lease of one of
/// these jobs: that worker may be dead, and what it commits before it dies is found by this message alone. Until then what
/// nobody executes is published once.
///
/// # Errors
/// Only when the worker aborts.
pub async fn publish_leftovers(
    context: &JobContext<'_>,
    message: &JobMessage,
    leftovers: &[DueJob],
    at: Option<u64>,
) -> Result<bool> {
    let mut free = Vec::with_capacity(leftovers.len());
    for due in leftovers {
        if !is_leased(context, message, due).await {
            free.push(due.clone());
        }
    }
    let may_go = free.len() == leftovers.len();
    if may_go || !is_looked_after(message) {
        context.publish_copies(message, &free, at).await?;
    }
    Ok(may_go)
}

/// Whether a message was put off because of what is left under it: what nobody executed then was published.
pub fn is_looked_after(message: &JobMessage) -> bool {
    message.copy && message.repeated
}

/// The message as it comes again to look after what is left.
pub fn looking_after(message: &JobMessage) -> JobMessage {
    JobMessage { copy: true, repeated: true, ..message.clone() }
}

async fn is_leased(context: &JobContext<'_>, message: &JobMessage, due: &DueJob) -> bool {
    // The message's own node may be due again. Its lease may be the one under which this worker looks.
    let is_own =
        due.node == message.node_id && context.services.leases.is_current(&message.run_id, &message.node_id);
    if is_own {
        return false;
    }
    let holder = context.services.store.get(&keys::node_lock(&message.run_id, &due.node)).await;
    // While the store is out of reach nobody is known to hold the lease: the worker that gets the copy looks for claims.
    holder.is_ok_and(|holder| !is_free(holder.as_deref()))
}
