//! The turn of a node that has a limit, or whose run has one: it is executed, or its job comes again when the store says, and holds
//! no place until then. A short wait is a copy of the message; a longer one is recorded too, so that recovery takes nothing for lost.

use std::time::Duration;

use super::admitting::ToExecute;
use super::coming_again::{LONGEST_WAIT, Return, return_after};
use super::context::JobContext;
use super::fate::MessageFate;
use super::limit_key::{limited, limited_by_run};
use super::limit_note::{Waiting, note, waits_no_more};
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
    /// It may be executed. Where it has limits, it counts until what this holds is dropped.
    Open(Places),
    /// Not yet: this becomes of its message.
    Closed(MessageFate),
}

/// Where an execution counts while it goes on.
#[derive(Default)]
pub struct Places {
    /// Among the executions of its run, where that has a limit.
    of_run: Option<Running>,
    /// Under the key of its own limit.
    of_node: Option<Running>,
}

/// Asks whether it is the turn of a node. It counts from then on.
///
/// # Errors
/// The run is in trouble for the moment, or the worker aborts.
pub async fn enter(
    context: &JobContext<'_>,
    message: &JobMessage,
    to_execute: &ToExecute,
) -> Result<Entrance> {
    let ToExecute { document, analysed, round, .. } = to_execute;
    let (limits, mut places) = (&context.services.key_limits, Places::default());
    if let Some(limit) = limited_by_run(context, message, document, *round) {
        match limits.start(&limit.key, limit.rules, &limit.ticket).await {
            Started::Now(running) => places.of_run = Some(running),
            Started::After(wait, why) => {
                return wait_for_turn(context, message, Waiting { limit, round: *round, wait, why }).await;
            }
        }
    }
    if let Some(limit) = limited(context, message, document, (&analysed.blueprint, *round)) {
        match limits.start(&limit.key, limit.rules, &limit.ticket).await {
            Started::Now(running) => places.of_node = Some(running),
            Started::After(wait, why) => {
                // Others of the run may go on meanwhile.
                if let Some(place) = places.of_run {
                    place.give_back();
                }
                return wait_for_turn(context, message, Waiting { limit, round: *round, wait, why }).await;
            }
        }
    }
    if places.of_run.is_some() || places.of_node.is_some() {
        waits_no_more(context, message, *round);
    }
    Ok(Entrance::Open(places))
}

/// Pauses the key of a limit for a while, where the node's answer asks for that.
pub async fn heed(context: &JobContext<'_>, places: &Places, answer: &Answer) {
    if let (Some(running), Outcome::Retry { after, postponed: true, .. }) = (&places.of_node, &answer.outcome)
    {
        context.services.key_limits.pause(running.key(), *after).await;
    }
}

/// Has a job come again when it is to ask for its turn. What it waits for is noted meanwhile.
async fn wait_for_turn(context: &JobContext<'_>, message: &JobMessage, waiting: Waiting) -> Result<Entrance> {
    note(context, message, &waiting);
    come_in_turn(context, message, (waiting.round, waiting.wait)).await
}

async fn come_in_turn(
    context: &JobContext<'_>,
    message: &JobMessage,
    (round, wait): (u32, Duration),
) -> Result<Entrance> {
    let services = context.services;
    if wait <= LONGEST_WAIT {
        let random = services.platform.random(|random| random.f64());
        let keeps_alive = KEPT_ALIVE.mul_f64(random) < wait;
        let again = Return { wait, reason: "its limit is reached", keeps_alive };
        return return_after(context, message, again).await.map(Entrance::Closed);
    }
    let execution = LeasedExecution { run: message.run_id.clone(), node: message.node_id.clone(), round };
    let put_off = || services.runs.put_off(&execution, wait);
    if let Some(put_off) = context.retry.unless(is_passing_trouble, put_off).await? {
        let job = JobMessage::of(&message.run_id, &message.blueprint_id, &put_off.due, put_off.at);
        let job = job.carrying(message.carried.clone());
        services.publisher.forward_until_confirmed(job, context.retry).await?;
    }
    Ok(Entrance::Closed(MessageFate::Acknowledge))
}
