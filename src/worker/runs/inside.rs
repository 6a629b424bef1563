//! What happens to a subflow and is no node's result: its time is up, or its container was resumed in its place.

use super::operations::FollowUp;
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ids::NodeId;
use crate::ports::record::Projection;
use crate::worker::job::subflow::expired;
use crate::workflow::path::Inside;

impl Runs {
    /// The time of a container is up: its subflow ends, if this timer still counts. `instance` is the subflow by its id.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn expire(&self, run: &str, instance: &str, round: u32) -> Result<()> {
        let container = Inside::of(instance).map(|inside| inside.container);
        let expire = |state: &mut RunState| {
            let RunState { document, reserved, patch, .. } = state;
            let is_due = reserved.ledger.sleeps(instance, round);
            let ended = container.as_ref().filter(|_| is_due);
            let Some((due, gone)) =
                ended.and_then(|container| expired(&mut reserved.ledger, document, container))
            else {
                return Ok(Decision::Leave(()));
            };
            // Whoever gets the timer's message again finds the container's job by it.
            reserved.ledger.attribute(&[due], &NodeId::from(instance));
            *patch = gone;
            Ok(Decision::Write(()))
        };
        self.update(run, Projection::Whole, expire).await.map(drop)
    }

    /// A container, or its subflow, is due although the subflow goes on: both await again. What follows.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub async fn await_again(&self, run: &str, node: &NodeId) -> Result<FollowUp> {
        let container = match Inside::of(node) {
            Some(inside) if inside.is_instance() => inside.container,
            _ => node.clone(),
        };
        let again = |state: &mut RunState| {
            let before = state.reserved.ledger.clone();
            let due = state.ledger().await_again(&container);
            let answer = (due, state.follows().unwrap_or_default());
            Ok(if state.reserved.ledger == before {
                Decision::Leave(answer)
            } else {
                Decision::Write(answer)
            })
        };
        let committed = self.update(run, Projection::Whole, again).await?;
        let (due, blueprint) = committed.answer;
        let (operation, at) = ("Resuming", committed.at);
        Ok(FollowUp { operation, blueprint: blueprint.to_string(), due, at, again: false, carried: None })
    }
}
