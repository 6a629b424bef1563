//! Storing a result that PostgreSQL does not take for the moment, because of its run alone: somebody has locked its row, or
//! its statement takes too long. It is tried again without holding a place: a copy of the message is published, the
//! message acknowledged and the slot given up. The copy finds the lease taken while the result waits. If this worker dies,
//! it runs the node.

use std::time::Duration;

use tokio::time::Instant;

use super::coming_again::{LONGEST_WAIT, copy_for_later};
use super::context::JobContext;
use super::disposition::dead_letter_unreadable;
use super::fate::MessageFate;
use super::trouble::{is_over, is_passing_trouble, write_timed_out};
use crate::backoff::Backoff;
use crate::error::{Code, Error, Result};
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::Answer;
use crate::worker::unwritten::Room;
use crate::workflow::path::shown;

/// How long a result holds its place.
const HOLDS_PLACE: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(1);
/// When the copy comes, and comes again while it finds the lease taken.
const COPY_WAITS: Duration = LONGEST_WAIT;

/// Stores an answer: `attempt` is made until it counts.
///
/// # Errors
/// Of kind [`Kind::Data`](crate::error::Kind::Data), also where the run was in trouble for as long as the user lets it be; or
/// [`Kind::Stopping`](crate::error::Kind::Stopping) when the worker aborts.
pub async fn stored<T, F>(
    context: &JobContext<'_>,
    message: &JobMessage,
    answer: &Answer,
    attempt: impl Fn() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let services = context.services;
    let mut backoff = Backoff::up_to(LONGEST, &services.platform);
    let mut trouble: Option<(Instant, u64)> = None;
    let mut room: Option<Room<'_>> = None;
    loop {
        let error = match context.retry.unless(is_passing_trouble, &attempt).await {
            Err(error) if is_passing_trouble(&error) => error,
            done => return done,
        };
        let (begun, since) = *trouble.get_or_insert_with(|| {
            let about = About::run(&message.run_id).node(shown(&message.node_id)).error(&error);
            let words = format!("{error}; the result of node '{}' waits for that", shown(&message.node_id));
            services.notices.warn(about, words);
            (Instant::now(), message.busy_since.unwrap_or_else(|| services.platform.now()))
        });
        if context.abort().is_cancelled() {
            return Err(error.while_stopping());
        }
        if is_over(context, since) {
            return Err(write_timed_out(context, error));
        }
        if room.is_none() && begun.elapsed() >= HOLDS_PLACE {
            room = leave_place(context, message, answer, since).await;
        }
        tokio::select! {
            biased;
            () = context.abort().cancelled() => {}
            () = backoff.wait() => {}
        }
    }
}

/// A copy of a message whose result was given up: while its run's row is still locked, the node does not run again for
/// nothing. The message becomes a dead letter.
///
/// # Errors
/// Only when the worker aborts.
pub async fn refuse_while_locked(
    context: &JobContext<'_>,
    message: &JobMessage,
) -> Result<Option<MessageFate>> {
    if !message.busy_since.is_some_and(|since| is_over(context, since)) {
        return Ok(None);
    }
    let Some(error) = locked(context, &message.run_id).await? else { return Ok(None) };
    dead_letter_unreadable(context, &write_timed_out(context, error)).await.map(Some)
}

/// The error of a run whose row another transaction has locked, if one has.
///
/// # Errors
/// Only when the worker aborts.
pub async fn locked(context: &JobContext<'_>, run: &str) -> Result<Option<Error>> {
    let is_locked = context.retry.until_done(|| context.services.runs.is_locked(run)).await?;
    let what = "another transaction has locked the run's row";
    Ok(is_locked.then(|| Error::new(Code::RunBusy, "Writing the run", what).of_run(run)))
}

/// Gives up the slot and the message, once a copy of it is confirmed. Not while nobody else could see the lease, nor
/// where too many results wait already.
async fn leave_place<'a>(
    context: &JobContext<'a>,
    message: &JobMessage,
    answer: &Answer,
    since: u64,
) -> Option<Room<'a>> {
    let services = context.services;
    if context.place.is_given_up() || !services.leases.is_seen(&message.run_id, &message.node_id) {
        return None;
    }
    let room = services.waiting.room_for(answer)?;
    let message = JobMessage { busy_since: Some(since), ..message.clone() };
    let copy = copy_for_later(services, &message, COPY_WAITS);
    services.publisher.forward(std::slice::from_ref(&copy)).await.ok()?;
    let held = context.place.take()?;
    services.leases.note_code_over(&message.run_id, &message.node_id).await;
    context.place.set_presence(None);
    held.receipt.ack().await;
    Some(room)
}
