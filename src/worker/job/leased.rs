//! A job under its lease: admitted, executed, and carried on from there. [`dispose`] performs what a verdict says in place of
//! that; its steps are performed in [`admitting`](super::admitting), and a carried chain takes no verdict but that to run.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::abandoning::fail_run;
use super::admitting::{Admitted, Disposed, ToExecute, admitted};
use super::calling::execute;
use super::carrying::carry_on;
use super::claiming::{Clearance, clear};
use super::coming_again::come_again;
use super::context::JobContext;
use super::disposition::dead_letter_job;
use super::fate::MessageFate;
use super::finishing::Executed;
use super::leftovers::{looking_after, publish_leftovers};
use super::limiting::{Entrance, Places, enter, heed};
use super::rescheduling::{Lack, lacks_inner_blueprint, reschedule};
use super::storing::refuse_while_locked;
use super::taking_over::take_over;
use super::telling::{onward, tell_if_nobody_may_have};
use super::verdict::Disposal;
use crate::error::{Code, Error, Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::host::Reply;
use crate::ports::view::Seen;
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::worker::runs::failing::RunFailure;
use crate::workflow::path::shown;

/// When a message looks again after what a worker runs that went on with its run.
const CARRIED_WAIT: Duration = Duration::from_secs(2);
/// How often a job is admitted again because JavaScript has another revision of its blueprint by then.
const ADMISSIONS: u32 = 10;

/// Processes a job whose lease this worker has.
pub async fn with_lease(
    context: &JobContext<'_>,
    message: &JobMessage,
    prefetched: Option<Seen>,
) -> Result<MessageFate> {
    see_to(context, message, prefetched, None).await
}

/// Sees to a job whose lease this worker has, and whose node killed so many workers that it fails.
pub async fn condemned(context: &JobContext<'_>, message: &JobMessage, deaths: u32) -> Result<MessageFate> {
    see_to(context, message, None, Some(deaths)).await
}

async fn see_to(
    context: &JobContext<'_>,
    message: &JobMessage,
    mut prefetched: Option<Seen>,
    deaths: Option<u32>,
) -> Result<MessageFate> {
    let begun = Instant::now();
    if let Some(reason) = &message.abandoned_for {
        return fail_run(context, &message.run_id, RunFailure::of(message, reason)).await;
    }
    if let Some(fate) = refuse_while_locked(context, message).await? {
        return Ok(fate);
    }
    let mut message = Cow::Borrowed(message);
    for _ in 0..ADMISSIONS {
        let to_execute = match admitted(context, &message, prefetched.take()).await? {
            Admitted::Execute(to_execute) => to_execute,
            Admitted::Dispose(disposed) => return dispose(context, &message, *disposed).await,
        };
        if message.wakes {
            // It has done that. If it is admitted again, it is for what it woke.
            message = Cow::Owned(message.into_owned().having_woken(to_execute.round));
        }
        if let Some(fate) = execute_admitted(context, &message, to_execute, Under { begun, deaths }).await? {
            return Ok(fate);
        }
    }
    let (run, node) = (&message.run_id, shown(&message.node_id));
    let what = format!("its blueprint was replaced {ADMISSIONS} times while the job was being admitted");
    let about = About::run(run).node(shown(node));
    let words = format!("Run '{run}', node '{node}': the job goes back to its queue: {what}");
    context.services.notices.warn(about, words);
    Ok(MessageFate::Requeue)
}

/// What holds for every admission of one job.
#[derive(Clone, Copy)]
struct Under {
    begun: Instant,
    /// So many workers died of its node that it is not executed.
    deaths: Option<u32>,
}

/// Executes what was admitted. Answers nothing if it is to be admitted again: the run, or its blueprint, has changed meanwhile.
async fn execute_admitted(
    context: &JobContext<'_>,
    message: &JobMessage,
    to_execute: Box<ToExecute>,
    under: Under,
) -> Result<Option<MessageFate>> {
    publish_others(context, message, &to_execute).await?;
    if under.deaths.is_some() && !to_execute.has_begun {
        // It is not executed.
        return execute_in_turn(context, message, (to_execute, Places::default()), under).await;
    }
    match enter(context, message, &to_execute).await? {
        Entrance::Open(places) => execute_in_turn(context, message, (to_execute, places), under).await,
        Entrance::Closed(fate) => Ok(Some(fate)),
    }
}

/// Executes a node whose turn has come, unless another worker may be executing it.
async fn execute_in_turn(
    context: &JobContext<'_>,
    message: &JobMessage,
    (mut to_execute, places): (Box<ToExecute>, Places),
    Under { begun, deaths }: Under,
) -> Result<Option<MessageFate>> {
    let mut clearance = clear(context, message, &mut to_execute).await?;
    // What died before the run began died of another run of that id.
    let deaths = deaths.filter(|_| !to_execute.has_begun);
    // A node that killed its workers is not executed: its failure takes back what it wrote.
    if clearance == Clearance::Granted && deaths.is_none() {
        let may_be_again = context.redelivered || message.may_be_a_copy();
        clearance = take_over(context, message, &mut to_execute, may_be_again).await?;
    }
    match clearance {
        Clearance::Granted => {}
        Clearance::After(wait) => {
            let why = "another worker may be executing the node";
            return come_again(context, message, wait, why).await.map(Some);
        }
        Clearance::Outdated => return Ok(None),
    }
    fault_points::point("after-load");
    to_execute.onward = onward(context, message, &mut to_execute.document).await?;
    let started = deaths.is_none().then(|| context.services.platform.now());
    let executed = |node, answer| Executed { node, answer, begun, held: &message.node_id, started };
    if let Some(deaths) = deaths {
        if let Some(milestones) = to_execute.onward.take() {
            context.services.notices.tell_of(&message.run_id, milestones).await?;
        }
        let answer = killed_workers(context, message, deaths);
        return answered(context, message, executed(*to_execute, answer)).await.map(Some);
    }
    match execute(context, message, &to_execute).await? {
        None => Ok(Some(MessageFate::Requeue)),
        Some(Reply::Answered(answer)) => {
            fault_points::point("after-call");
            heed(context, &places, &answer).await;
            drop(places);
            answered(context, message, executed(*to_execute, answer)).await.map(Some)
        }
        Some(Reply::Lacking { blueprint }) => {
            lacks_inner_blueprint(context, message, (to_execute.round, blueprint)).await.map(Some)
        }
        Some(Reply::Outdated) => {
            let blueprint = &to_execute.analysed.blueprint.id;
            take_present_blueprint(context, blueprint).await.map(|()| None)
        }
    }
}

/// JavaScript goes by another revision of the blueprint than the verdict did: so does the next verdict.
async fn take_present_blueprint(context: &JobContext<'_>, blueprint: &str) -> Result<()> {
    debug!(blueprint, "the blueprint was replaced");
    // Now, and not when the next verdict asks for it: the next verdict is `Run` again.
    match context.services.blueprints.current(blueprint).await {
        Err(error) if error.kind() != Kind::Setup => Err(error),
        _ => Ok(()),
    }
}

/// Commits what came of a job, and carries on from there.
async fn answered(
    context: &JobContext<'_>,
    message: &JobMessage,
    executed: Executed<'_>,
) -> Result<MessageFate> {
    // What follows from it is of the trace of its execution.
    let after = message.after(executed.answer.trace.as_deref());
    let message = &*after;
    carry_on(context, message, executed).await
}

/// The answer of a node that killed too many workers: its fallback takes its place, if it has one.
fn killed_workers(context: &JobContext<'_>, message: &JobMessage, deaths: u32) -> Answer {
    let (run, node) = (&message.run_id, shown(&message.node_id));
    let what =
        format!("{deaths} workers died, or no longer answered, while they executed it (option maxDeaths)");
    let error = Error::new(Code::NodeKilledWorkers, "Executing the node", what).of_node(shown(node));
    let words = format!("{} (run '{run}'): {error}", error.code.as_str());
    context.services.notices.warn(About::run(run).error(&error), words);
    let why = format!("{}: {error}", error.code.as_str()).into();
    Answer::of(Outcome::Failed { why, recoverable: true })
}

/// A message that was held may find its own node due again, by a loop: what else is left under it comes first.
async fn publish_others(context: &JobContext<'_>, message: &JobMessage, executed: &ToExecute) -> Result<()> {
    if !message.repeated || makes(Mutant::ForgetsLeftovers) {
        return Ok(());
    }
    let ledger = executed.document.reserved.as_ref().map(|reserved| &reserved.ledger);
    let mut leftovers = ledger.map(|ledger| ledger.due_by(&message.node_id)).unwrap_or_default();
    leftovers.retain(|due| due.node != message.node_id);
    publish_leftovers(context, message, &leftovers, executed.document.at).await.map(drop)
}

/// Disposes of a message for which no node is executed.
async fn dispose(
    context: &JobContext<'_>,
    message: &JobMessage,
    Disposed { disposal, at, revision }: Disposed,
) -> Result<MessageFate> {
    match disposal {
        Disposal::Reschedule(reason) => {
            let lack = Lack { reason: &reason, revision: revision.as_ref() };
            return reschedule(context, message, lack).await;
        }
        Disposal::DeadLetter { reason, fails_run } => {
            return dead_letter_job(context, message, &reason, fails_run).await;
        }
        Disposal::Republish(_) if makes(Mutant::ForgetsLeftovers) => {}
        Disposal::Republish(leftovers) => {
            if !publish_leftovers(context, message, &leftovers, at).await? {
                let message = looking_after(message);
                return come_again(context, &message, CARRIED_WAIT, "a worker goes on with its run").await;
            }
        }
        Disposal::PublishResult => {
            context.services.results.publish_or_report(&message.run_id, context.abort()).await?;
        }
        Disposal::Done => debug!(round = message.round, "nothing to do for this message"),
    }
    tell_if_nobody_may_have(context, message).await?;
    Ok(MessageFate::Acknowledge)
}
