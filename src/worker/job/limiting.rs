//! The turn of a node that has a limit: it is executed, or its job comes again when the store says, and holds no place until
//! then. A short wait is a copy of the message; a longer one is recorded too, so that recovery takes nothing for lost.

use std::time::Duration;

use super::admitting::ToExecute;
use super::coming_again::{LONGEST_WAIT, Return, return_after};
use super::context::JobContext;
use super::fate::MessageFate;
use super::limit_key::limited;
use super::trouble::is_passing_trouble;
use crate::error::Result;
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::worker::leases::held::LeasedExecution;
use crate::worker::limits::service::{Running, Started};

/// A job that comes again more often than this keeps its run's status fresh only as often as this, on average.
const KEPT_ALIVE: Duration = Duration::from_millis(500);

/// Whether it is a node's turn.
pub enum Entrance {
    /// It may be executed. Where it has a limit, it counts until what this holds is dropped.
    Open(Option<Running>),
    /// Not yet: this becomes of its message.
    Closed(MessageFate),
}

/// Asks whether it is the turn of a node. It counts from then on.
///
/// # Errors
/// The run is in trouble for the moment, or the worker aborts.
pub async fn enter(
    context: &JobContext<'_>,
    message: &JobMessage,
    ToExecute { document, analysed, round, .. }: &ToExecute,
) -> Result<Entrance> {
    let limits = &context.services.key_limits;
    let Some(limited) = limited(context, message, document, (&analysed.blueprint, *round)) else {
        return Ok(Entrance::Open(None));
    };
    let Some(rules) = limits.rules(&limited.limit) else { return Ok(Entrance::Open(None)) };
    match limits.start(&limited.key, rules, &limited.ticket).await {
        Started::Now(running) => Ok(Entrance::Open(Some(running))),
        Started::After(wait) => wait_for_turn(context, message, (*round, wait)).await.map(Entrance::Closed),
    }
}

/// Pauses the key of a limit for a while, where the node's answer asks for that.
pub async fn heed(context: &JobContext<'_>, running: Option<&Running>, answer: &Answer) {
    if let (Some(running), Outcome::Retry { after, postponed: true, .. }) = (running, &answer.outcome) {
        context.services.key_limits.pause(running.key(), *after).await;
    }
}

/// Has a job come again when it is to ask for its turn.
async fn wait_for_turn(
    context: &JobContext<'_>,
    message: &JobMessage,
    (round, wait): (u32, Duration),
) -> Result<MessageFate> {
    let services = context.services;
    if wait <= LONGEST_WAIT {
        let random = services.platform.random(|random| random.f64());
        let keeps_alive = KEPT_ALIVE.mul_f64(random) < wait;
        let again = Return { wait, reason: "its limit is reached", keeps_alive };
        return return_after(context, message, again).await;
    }
    let execution = LeasedExecution { run: message.run_id.clone(), node: message.node_id.clone(), round };
    let put_off = || services.runs.put_off(&execution, wait);
    if let Some(put_off) = context.retry.unless(is_passing_trouble, put_off).await? {
        let job = JobMessage::of(&message.run_id, &message.blueprint_id, &put_off.due, put_off.at);
        let job = job.carrying(message.carried.clone());
        services.publisher.forward_until_confirmed(job, context.retry).await?;
    }
    Ok(MessageFate::Acknowledge)
}
