//! The lease of the node that follows, asked for while the commit that makes it due is under way: then the lease takes no time
//! of its own. The decision says which node that is, as soon as it is made.
//!
//! A lease belongs to one decision. If another one counts in the end, it is given back before the job is published.

use futures_util::future::join;
use tokio::sync::oneshot;

use super::chain::is_kept;
use super::context::JobContext;
use super::finishing::{Executed, Finished, finish};
use super::foretold::Foretold;
use super::going_on::{Chain, may_go_on};
use crate::error::Result;
use crate::fault_points;
use crate::ports::coordination::Acquired;
use crate::protocol::message::JobMessage;
use crate::workflow::ledger::DueJob;

/// A lease that was asked for ahead.
pub struct Ahead {
    /// The job that it is for.
    pub due: DueJob,
    /// None where it cannot be had.
    pub acquired: Option<Acquired>,
}

impl Ahead {
    /// Gives the lease back, if it was taken.
    pub async fn give_back(self, context: &JobContext<'_>, message: &JobMessage) {
        if self.acquired.is_some() {
            context.services.leases.give_back(&message.run_id, &self.due.node).await;
        }
    }
}

/// Commits an answer, and asks for the lease of the node that this worker may go on with.
///
/// # Errors
/// Only when the worker aborts. Then no lease is left that was asked for here.
pub async fn finish_ahead(
    context: &JobContext<'_>,
    chain: &Chain<'_>,
    message: &JobMessage,
    executed: Executed<'_>,
) -> Result<(Finished, Option<Ahead>)> {
    let (foretold, heard) = Foretold::heard();
    let (finished, ahead) =
        join(finish(context, message, executed, foretold), ask(context, chain, message, heard)).await;
    match (finished, ahead) {
        (Ok(finished), ahead) => Ok((finished, ahead)),
        (Err(error), None) => Err(error),
        (Err(error), Some(ahead)) => {
            ahead.give_back(context, message).await;
            Err(error)
        }
    }
}

/// Asks for the lease of the job that a decision makes due, if this worker may keep that one.
async fn ask(
    context: &JobContext<'_>,
    chain: &Chain<'_>,
    message: &JobMessage,
    heard: oneshot::Receiver<DueJob>,
) -> Option<Ahead> {
    let due = heard.await.ok()?;
    if !is_kept(std::slice::from_ref(&due), chain.held) || !may_go_on(context, chain, message) {
        return None;
    }
    let acquired = lease(context, message, &due).await;
    Some(Ahead { due, acquired })
}

/// Takes the lease of a job; none where it cannot be had.
async fn lease(context: &JobContext<'_>, message: &JobMessage, due: &DueJob) -> Option<Acquired> {
    let leases = &context.services.leases;
    fault_points::point("before-carry");
    context.place.carry(&due.node);
    let job = JobMessage::of(&message.run_id, &message.blueprint_id, due, None);
    let acquired = leases.take_at_once(&job).await;
    fault_points::point("after-carry");
    match acquired? {
        Acquired::No => None,
        // Workers died of it: it is executed alone, and not under a message of another node.
        Acquired::Suspect(_) => {
            leases.give_back(&message.run_id, &due.node).await;
            None
        }
        acquired => Some(acquired),
    }
}
