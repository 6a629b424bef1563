//! The call of a node: JavaScript executes it under the lease, and answers.

use tokio::time::Instant;
use tracing::debug;

use super::admitting::ToExecute;
use super::context::JobContext;
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::host::{Call, Reply};
use crate::ports::view::{Seen, View};
use crate::protocol::message::JobMessage;
use crate::worker::meters::kinds::{Counter, Measure};
use crate::workflow::path::{Inside, shown};

/// Has JavaScript execute the node; none when the worker aborts first, or was so slow that its lease may have run out:
/// another worker may be executing the node by now. What a node answers to the signal of a worker that aborts counts for
/// nothing: it may be half of its work.
///
/// # Errors
/// The host's own, when JavaScript is gone.
pub async fn execute(
    context: &JobContext<'_>,
    message: &JobMessage,
    node: &ToExecute,
) -> Result<Option<Reply>> {
    fault_points::point("before-call");
    if !may_start(context, message) {
        return Ok(None);
    }
    let call = call_of(context, message, node);
    let active_nodes = &context.services.active_nodes;
    let signal = call.cancelled.clone();
    let (of, deadline) = ((&message.node_id, node.round), node.document.deadline());
    let _active = active_nodes.note_node(&message.run_id, of, deadline, signal);
    let (meters, of, begun) = (&context.services.meters, context.metered(message), Instant::now());
    meters.count(Counter::Takeovers, of, context.redelivered.into());
    tokio::select! {
        // First: it passes the signal on before this stops waiting for it.
        biased;
        reply = context.services.host.execute(call) => reply.map(Some).inspect_err(|error| {
            if error.kind() == Kind::Stopping && !context.abort().is_cancelled() {
                context.services.leases.desert();
            }
        }).inspect(|reply| {
            if let Some(Reply::Answered(answer)) = reply {
                meters.measure(Measure::Node, of.ended(answer.outcome.word()), begun.elapsed());
            }
        }).map(|reply| reply.filter(|_| !context.abort().is_cancelled() || makes(Mutant::CountsBrokenOff))),
        () = context.abort().cancelled() => Ok(None),
    }
}

/// Whether the node may start: its lease is this worker's, and the worker goes on.
fn may_start(context: &JobContext<'_>, message: &JobMessage) -> bool {
    let is_current = context.services.leases.is_current(&message.run_id, &message.node_id);
    if !is_current && !makes(Mutant::IgnoresExpiry) {
        let (run, node) = (&message.run_id, shown(&message.node_id));
        let what = "the job goes back to its queue: its lease may have run out before the node could start";
        let about = About::run(run).node(node);
        context.services.notices.warn(about, format!("Run '{run}', node '{node}': {what}"));
        return false;
    }
    if context.abort().is_cancelled() && !makes(Mutant::StartsWhileAborting) {
        debug!("the job goes back to its queue: the worker stops");
        return false;
    }
    true
}

/// The call that JavaScript gets for the node, from the run as it was loaded.
fn call_of(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToExecute { document, since, analysed, round, attempt, onward, .. }: &ToExecute,
) -> Call {
    let seen = Seen { document: document.clone(), since: *since };
    let mut call = Call {
        job: message.clone(),
        view: View::new(message.node_id.clone(), seen),
        live: context.live.clone(),
        writing: attempt.clone(),
        revision: analysed.revision.clone(),
        resumed: None,
        fed: false,
        beside_version_1: false,
        attempt: 1,
        round: *round,
        added: Vec::new(),
        inside: Inside::of(&message.node_id).map(|inside| (inside, analysed.blueprint.id.clone())),
        failed: None,
        onward: onward.clone(),
        cancelled: context.abort().child_token(),
    };
    let Some(reserved) = &document.reserved else { return call };
    let ledger = &reserved.ledger;
    if let Some(entry) = ledger.entry(&message.node_id) {
        (call.resumed, call.fed, call.attempt) = (entry.resumed.clone(), entry.fed, entry.attempt());
    }
    call.failed = ledger.failed_inside(&message.node_id);
    call.beside_version_1 =
        call.inside.is_none() && ledger.is_beside_version_1(&analysed.blueprint, &message.node_id);
    call.added = ledger.added_beside(&message.node_id).cloned().collect();
    call
}
