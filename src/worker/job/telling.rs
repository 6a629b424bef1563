//! What a job tells of its run as a whole. That the run goes on, the job that goes on tells before its node starts; how it came
//! to rest, a message tells again whose worker may have died before it had told it.

use super::context::JobContext;
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::protocol::message::JobMessage;
use crate::record::{Document, Milestones, Teller};

/// The milestones that this job announces before its node starts: that its run goes on, where no job has announced it.
///
/// # Errors
/// Only when the worker aborts.
pub async fn onward(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &mut Document,
) -> Result<Option<Milestones>> {
    let JobContext { services, retry, .. } = context;
    if !services.notices.are_heard() {
        return Ok(None);
    }
    let (run, node) = (&message.run_id, &message.node_id);
    if teller(document, node) == Some(Teller::Nobody) {
        *document = retry.until_done(|| services.runs.appoint(run, document, node)).await?;
    }
    if teller(document, node) != Some(Teller::This) {
        return Ok(None);
    }
    let Some(reserved) = &document.reserved else { return Ok(None) };
    let all = reserved.untold.iter().flat_map(|untold| untold.milestones()).collect();
    let blueprint = document.follows().unwrap_or_default().to_string();
    Ok(Some(Milestones { blueprint, all }))
}

fn teller(document: &Document, node: &str) -> Option<Teller> {
    let reserved = document.reserved.as_ref()?;
    Some(reserved.untold.as_ref()?.teller(&reserved.ledger, node))
}

/// Announces again how a message's run came to rest, since the first worker may have died before it did.
///
/// # Errors
/// The worker aborts, or JavaScript is gone.
pub async fn tell_if_nobody_may_have(context: &JobContext<'_>, message: &JobMessage) -> Result<()> {
    match message.untold || message.busy_since.is_some() {
        true => tell_again(context, &message.run_id).await,
        false => Ok(()),
    }
}

/// Tells again how a run came to rest, if it rests.
///
/// # Errors
/// The worker aborts, or JavaScript is gone.
pub async fn tell_again(context: &JobContext<'_>, run: &str) -> Result<()> {
    let JobContext { services, retry, .. } = context;
    if !services.notices.are_heard() || makes(Mutant::TellsNothingAgain) {
        return Ok(());
    }
    let document = retry.until_done(|| services.runs.load(run)).await?;
    if document.is_going_on() {
        return Ok(());
    }
    let Some(mut reserved) = document.reserved else { return Ok(()) };
    services.notices.tell_of(run, reserved.milestones()).await
}
