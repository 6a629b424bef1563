//! How a run begins, or is taken over from workers of version 1.

use std::sync::Arc;

use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::Result;
use crate::ports::record::Projection;
use crate::record::{BLUEPRINT_ID, BLUEPRINT_VERSION, Carried, Document, FollowedBlueprint, to_raw};
use crate::workflow::blueprint::Blueprint;

/// The message that a run begins with.
#[derive(Debug, Clone, Default)]
pub struct FirstMessage<'a> {
    /// The queue it came from.
    pub queue: &'a str,
    /// What goes along with the run's jobs from now on.
    pub carried: Option<Arc<Carried>>,
}

impl Runs {
    /// Gives a run its ledger and adopts what version 1 did of it. Answers whether anything changed.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn begin(&self, run: &str, blueprint: &Blueprint) -> Result<bool> {
        let queue = self.settings.queues.of(&blueprint.id);
        self.begin_by(run, blueprint, &FirstMessage { queue, carried: None }).await
    }

    async fn begin_by(&self, run: &str, blueprint: &Blueprint, first: &FirstMessage<'_>) -> Result<bool> {
        let queues = [self.settings.queues.of(&blueprint.id), first.queue];
        let begin = |state: &mut RunState| {
            note_carried(state, first.carried.as_ref());
            take_over(state, blueprint, queues)
        };
        Ok(self.update(run, Projection::Whole, begin).await?.changed)
    }

    /// As [`begin`](Self::begin), by a message from a queue, for a run as it was loaded: mostly a new one, which needs
    /// nothing but its ledger. Answers whether there was anything to do, and with the run as it is then, where that is known.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_from(
        &self,
        run: &str,
        blueprint: &Arc<Blueprint>,
        document: &Document,
        first: FirstMessage<'_>,
    ) -> Result<(bool, Option<Document>)> {
        if !document.found || document.outputs(blueprint).next().is_some() {
            return Ok((self.begin_by(run, blueprint, &first).await?, None));
        }
        let queues = [self.settings.queues.of(&blueprint.id), first.queue].map(str::to_owned);
        let (new, carried) = (blueprint.clone(), first.carried);
        let begin = move |state: &mut RunState| {
            note_carried(state, carried.as_ref());
            take_over(state, &new, [&queues[0], &queues[1]])
        };
        let written = self.update_from(run, document.clone(), begin).await?;
        Ok((written.changed, written.document))
    }

    /// A message names a node that nothing led to: a worker of version 1 may have seen its predecessors done.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn call(&self, run: &str, node: &str, blueprint: &Blueprint) -> Result<()> {
        let call = |state: &mut RunState| match state.ledger().call(blueprint, node) {
            Some(_) => Ok(Decision::Write(())),
            None => Ok(Decision::Leave(())),
        };
        self.update(run, Projection::Ledger, call).await.map(drop)
    }
}

/// Notes what goes along with the jobs of a run that begins.
fn note_carried(state: &mut RunState, carried: Option<&Arc<Carried>>) {
    if state.reserved.ledger.is_unbegun() && state.reserved.carried.is_none() {
        state.reserved.carried = carried.cloned();
    }
}

/// The ledger and the keys of a run that is seen for the first time, or that others went on with. Its jobs go through the
/// first of the queues; what its client published may wait in the second.
pub(super) fn take_over(
    state: &mut RunState,
    blueprint: &Blueprint,
    [queue, clients]: [&str; 2],
) -> Result<Decision<()>> {
    let RunState { document, reserved, .. } = state;
    let fresh = reserved.ledger.is_unbegun();
    if reserved.queue.is_none() {
        reserved.go_through(queue);
        reserved.may_wait_in(clients);
    }
    reserved.blueprint.get_or_insert_with(|| FollowedBlueprint::new(blueprint));
    if fresh {
        reserved.ledger.begin_with(blueprint);
    }
    let before = (reserved.ledger.nodes.len(), reserved.ledger.due());
    reserved.ledger.adopt(blueprint, document.outputs(blueprint));
    if !fresh && before == (reserved.ledger.nodes.len(), reserved.ledger.due()) {
        return Ok(Decision::Leave(()));
    }
    name_blueprint(state, blueprint)?;
    Ok(Decision::Write(()))
}

/// Names the blueprint where version 1 and 2.0.0 look, if the user has no values of that name.
pub(super) fn name_blueprint(
    RunState { document, patch, .. }: &mut RunState,
    blueprint: &Blueprint,
) -> Result<()> {
    if !document.values.contains_key(BLUEPRINT_ID) {
        patch.set(BLUEPRINT_ID, to_raw(&blueprint.id)?);
    }
    if !document.values.contains_key(BLUEPRINT_VERSION) {
        patch.set(BLUEPRINT_VERSION, to_raw(&blueprint.version)?);
    }
    Ok(())
}
