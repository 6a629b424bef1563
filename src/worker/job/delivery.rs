//! One delivery from end to end: whatever becomes of it, its message is settled exactly once, and last.
//!
//! Whatever is interrupted leaves the message unacknowledged; it comes again and finds in the record how far
//! its predecessor got.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Span, debug};

use super::abandoning::{abandon, fail_run};
use super::context::JobContext;
use super::cut_short::{fate_after, panicked};
use super::dead_lettering::{Unprocessable, about, dead_letter};
use super::fate::MessageFate;
use super::place::{Held, Place};
use super::process::process;
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::broker::{Delivery, Receipt};
use crate::ports::view::LiveRuns;
use crate::protocol::message::JobMessage;
use crate::protocol::taking_along::with_carried;
use crate::protocol::unfit::Unfit;
use crate::record::blueprint_named_in;
use crate::worker::meters::kinds::{Measure, Of};
use crate::worker::retry::Retry;
use crate::worker::runs::failing::RunFailure;
use crate::worker::services::Services;
use crate::worker::shutdown::Shutdown;

/// How long a job may take to end once its worker aborts: a commit that is under way may be answered.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How soon an acknowledgement has left, on a test's order.
const ACK_LEAVES: Duration = Duration::from_millis(100);

/// What lasts as long as a worker is started.
#[derive(Clone)]
pub struct Lifetime {
    /// Retries until it aborts.
    pub retry: Retry,
    /// Where its nodes look at their runs.
    pub live: Arc<dyn LiveRuns>,
    /// How it ends.
    pub shutdown: Shutdown,
}

/// Processes one delivery, and settles its message last.
pub async fn handle(
    services: &Services,
    delivery: Delivery,
    slot: OwnedSemaphorePermit,
    Lifetime { retry, live, shutdown }: &Lifetime,
) {
    let Delivery { queue, body, headers, priority, redelivered, receipt } = delivery;
    let body = with_carried(body, &headers, priority);
    let place = &Place::new(receipt, slot);
    let context = JobContext { services, retry, live, queue: &queue, body: &body, place, redelivered };
    let ended = tokio::select! {
        biased;
        ended = fate_of(context) => ended,
        () = aborted(shutdown) => {
            // Whatever it waited for: what it did is in the record, or was not done.
            if let Some(Held { receipt, slot: _slot }) = place.take() {
                receipt.requeue().await;
            }
            return give_back_leases(services, &body, place).await;
        }
    };
    let fate = fate_after(&context, ended).await;
    let Some(Held { receipt, slot: _slot }) = place.take() else {
        if let Err(error) = fate {
            debug!(%error, "a copy of the message carries on");
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
        Err(error) => {
            let message = JobMessage::described(&body, &queue);
            let words = format!("{message} goes back to the queue, and comes again. {error}");
            services.notices.warn(about(&body, &queue).error(&error), words);
        }
    }
    receipt.requeue().await;
}

/// The worker aborts, and what was under way has had time to end.
async fn aborted(shutdown: &Shutdown) {
    shutdown.abort.cancelled().await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// Gives back the leases that a job had when it was given up.
async fn give_back_leases(services: &Services, body: &[u8], place: &Place) {
    let Ok(JobMessage { run_id, node_id, .. }) = JobMessage::parse(body) else { return };
    for node in place.carried().iter().chain([&node_id]) {
        services.leases.give_back(&run_id, node).await;
    }
}

async fn acknowledge(receipt: Box<dyn Receipt>) {
    receipt.ack().await;
    if fault_points::is_planned("after-ack") {
        // Only a test waits until the acknowledgement has left.
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
            measure_wait(context, &message);
            process(context, message).await
        }
        Err(reason) => no_job(context, &reason).await,
    }
}

/// Measures how long a job waited in its queue. One that came before, or was put back, says nothing of that.
fn measure_wait(context: &JobContext<'_>, message: &JobMessage) {
    let JobContext { services: Services { meters, platform, .. }, queue, redelivered, .. } = context;
    if !meters.are_on() || *redelivered || message.has_been_away() || !platform.is_set() {
        return;
    }
    let Some(due) = message.at.max(message.not_before) else { return };
    let waited = platform.now().saturating_sub(due);
    if platform.until(due).is_none() {
        meters.measure(
            Measure::Wait,
            Of::jobs(message.run_blueprint(), queue),
            Duration::from_millis(waited),
        );
        meters.note_youngest(queue, due);
    }
}

/// A message that is no job. If all it lacks is its blueprint, the run says which it follows. Else it goes to the dead
/// letters, and fails its run if that waited for it.
async fn no_job(context: &JobContext<'_>, reason: &str) -> Result<MessageFate> {
    let services = context.services;
    let unfit = Unfit::read(context.body).filter(|_| !makes(Mutant::FailsNobody));
    let Some(unfit) = unfit else {
        return dead_letter(context, context.queue, context.body, reason).await;
    };
    let run = unfit.run.clone();
    let node = unfit.node.clone();
    let node = node.as_ref().map_or("", |node| node.as_str());
    let blueprint = unfit.blueprint.clone();
    let failure = RunFailure { blueprint: blueprint.as_deref(), node, job: None, reason };
    if let Some((reason, _)) = &unfit.abandoned {
        return fail_run(context, &run, RunFailure { reason, ..failure }).await;
    }
    if unfit.but_for_blueprint.is_some() {
        let follows = context.retry.until_done(|| blueprint_of(services, &run)).await?;
        if let Some(job) = follows.and_then(|blueprint| unfit.clone().with_blueprint(&blueprint)) {
            return process(context, job).await;
        }
    }
    let letter = Unprocessable { queue: context.queue, body: context.body, reason };
    abandon(context, letter, &run, failure).await
}

/// The blueprint that a run follows or, before it has begun, the one that its context names.
async fn blueprint_of(services: &Services, run: &str) -> Result<Option<String>> {
    let document = services.runs.load(run).await?;
    let follows = document.follows().or_else(|| blueprint_named_in(&document.values));
    Ok(follows.map(|blueprint| blueprint.to_string()))
}
