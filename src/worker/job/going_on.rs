//! Whether this worker goes on with a run under the message it holds.

use tokio::time::Instant;

use super::chain::Progress;
use super::context::JobContext;
use super::finishing::Finished;
use crate::ids::NodeId;
use crate::protocol::message::JobMessage;
use crate::worker::recovery::judgement::VERSION_1_STAYS;

/// The chain under one message.
pub struct Chain<'a> {
    /// The node of the message that is held.
    pub held: &'a NodeId,
    /// When its first job began.
    pub begun: Instant,
    /// Nodes that were run under it, its own one included.
    pub hops: u32,
}

/// Whether this worker goes on with the run under the message it holds.
pub fn goes_on(
    context: &JobContext<'_>,
    chain: &Chain<'_>,
    message: &JobMessage,
    finished: &Finished,
) -> bool {
    let ledger = finished.document.as_ref().and_then(|document| document.reserved.as_ref());
    let has_adopted = ledger.is_some_and(|reserved| reserved.ledger.has_adopted());
    finished.is_certain && !has_adopted && may_go_on(context, chain, message)
}

/// The same, as far as it is known before the commit.
pub fn may_go_on(context: &JobContext<'_>, chain: &Chain<'_>, message: &JobMessage) -> bool {
    let services = context.services;
    let progress = Progress { hops: chain.hops, lasted: chain.begun.elapsed() };
    let met_version_1 = services.traffic.since_version_1().is_some_and(|since| since < VERSION_1_STAYS);
    services.settings.continuation
        && context.place.is_held()
        && services.leases.is_seen(&message.run_id, chain.held)
        && services.settings.queues.of(&message.blueprint_id) == context.queue
        && services.intake.is_open()
        && !services.halts.holds_queue(context.queue)
        && !services.halts.holds_blueprint(message.run_blueprint())
        && !progress.is_over(services.intake.others_may_wait())
        && !met_version_1
}
