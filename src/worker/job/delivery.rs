//! One delivery from end to end: whatever becomes of it, its message is settled exactly once, and last.
//!
//! Whatever is interrupted leaves the message unacknowledged; it comes again and finds in the record how far
//! its predecessor got.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Span, debug};

use super::admission::comes_again_after_panic;
use super::context::JobContext;
use super::disposition::{dead_letter, fail_run, later, unreadable};
use super::fate::MessageFate;
use super::place::{Held, Place};
use super::process::process;
use super::storing::is_passing_trouble;
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::ports::broker::{Delivery, Receipt};
use crate::protocol::message::JobMessage;
use crate::worker::retry::Retry;
use crate::worker::services::Services;
use crate::worker::shutdown::Shutdown;

/// How soon an acknowledgement has left, on a test's order.
const ACK_LEAVES: Duration = Duration::from_millis(100);

/// Sees to one delivery, and settles its message last.
pub async fn handle(
    services: &Services,
    delivery: Delivery,
    slot: OwnedSemaphorePermit,
    (retry, shutdown): (&Retry, &Shutdown),
) {
    let Delivery { queue, body, redelivered, receipt, .. } = delivery;
    let place = &Place::new(receipt, slot);
    let context = JobContext { services, retry, queue: &queue, body: &body, place, redelivered };
    let fate = match fate_of(context).await {
        // A copy of the message is on its way, and sees to it.
        outcome if place.is_left() => outcome,
        // Not now: nobody else has to wait for that.
        Err(error) if is_passing_trouble(&error) => later(&context, error).await,
        // What cannot be read is no better the next time: a person has to look at it.
        Err(error) if error.kind() == Kind::Data => unreadable(&context, &error).await,
        other => other,
    };
    let Some(Held { receipt, slot: _slot }) = place.take() else {
        if let Err(error) = fate {
            debug!(%error, "the copy of the message sees to it");
        }
        return;
    };
    match fate {
        Ok(MessageFate::Acknowledge) => return acknowledge(receipt).await,
        Ok(MessageFate::Requeue) => {}
        Err(error) if error.kind() == Kind::Stopping => {
            debug!(%error, "the job goes back to the queue");
            // JavaScript is gone: this worker would only take jobs and give them back.
            shutdown.now();
        }
        Err(error) => services.notices.warn(format!("A job goes back to queue '{queue}'. {error}")),
    }
    receipt.requeue().await;
}

async fn acknowledge(receipt: Box<dyn Receipt>) {
    receipt.ack().await;
    if fault_points::is_planned("after-ack") {
        // Nobody else waits until it has left.
        tokio::time::sleep(ACK_LEAVES).await;
    }
    fault_points::point("after-ack");
}

/// A panic is this job's error, and must not keep its message from being settled.
async fn fate_of(context: JobContext<'_>) -> Result<MessageFate> {
    let work = async {
        let fate = read_and_process(&context).await;
        fault_points::point("before-ack");
        fate
    };
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(fate) => fate,
        Err(_) => {
            AssertUnwindSafe(panicked(&context)).catch_unwind().await.unwrap_or(Ok(MessageFate::Requeue))
        }
    }
}

async fn read_and_process(context: &JobContext<'_>) -> Result<MessageFate> {
    match JobMessage::parse(context.body) {
        Ok(message) => {
            Span::current().record("run", &message.run_id).record("node", message.node_id.as_str());
            context.services.traffic.delivered(context.queue, &message, context.redelivered);
            process(context, message).await
        }
        Err(reason) => dead_letter(context, context.queue, context.body, &reason).await,
    }
}

/// The engine panicked on a message. What was committed is not lost: the message comes again, as if its worker had
/// died. What was not, or panics again, fails its run.
async fn panicked(context: &JobContext<'_>) -> Result<MessageFate> {
    let reason = "The engine panicked on this message";
    let Ok(message) = JobMessage::parse(context.body) else {
        return dead_letter(context, context.queue, context.body, reason).await;
    };
    let JobMessage { run_id: run, node_id: node, .. } = &message;
    let services = context.services;
    services.leases.give_back(run, node).await;
    let document = context.retry.until_done(|| services.runs.load(run)).await?;
    if comes_again_after_panic(&document, &message, context.redelivered) {
        services.notices.warn(format!("{reason} (run '{run}', node '{node}'): it comes again"));
        return Ok(MessageFate::Requeue);
    }
    dead_letter(context, context.queue, context.body, reason).await?;
    fail_run(context, &message, reason).await
}
