//! Runs change: what is decided on one is written, and those who wait, count or listen hear of it.

use std::sync::Arc;

use super::service::Runs;
use super::state::{Decision, RunState, decide};
use crate::error::Result;
use crate::ids::NodeId;
use crate::ports::record::Projection;
use crate::record::{Decide, Document, Milestones, ReservedKey, Teller, Untold, blueprint_named_in};
use crate::run_store::{ChangeOutcome, CommitOutcome};
use crate::worker::meters::kinds::{Counter, Of};

impl Runs {
    /// Lets `judge` look at a run as it is, and writes what it decides; it is asked again where somebody else was
    /// faster.
    ///
    /// # Errors
    /// Whatever `judge` or the server says; nothing is changed then.
    pub async fn update<T: Send>(
        &self,
        run: &str,
        needed: Projection,
        mut judge: impl FnMut(&mut RunState) -> Result<Decision<T>> + Send,
    ) -> Result<ChangeOutcome<T>> {
        let (mut rests, mut ended, mut milestones) = (false, None, None);
        let terms = self.terms();
        let decide = |document: Document| {
            let before = document.status();
            let was_over = document.reserved.as_ref().is_some_and(|before| before.ledger.status.is_end());
            let named = if terms.heard { blueprint_named_in(&document.values) } else { None };
            let (mut change, answer) = decide(document, terms, &mut judge)?;
            let after = change.as_ref().map(|change| &change.reserved);
            rests = after.is_some_and(ReservedKey::shows_rest);
            ended = after.filter(|after| !was_over && after.ledger.status.is_end()).cloned();
            milestones =
                change.as_mut().filter(|_| terms.heard).and_then(|change| change.comes_to_rest(before));
            if let Some(Milestones { blueprint, .. }) = &mut milestones
                && blueprint.is_empty()
            {
                // Nothing has happened of it yet.
                *blueprint = named.unwrap_or_default().to_string();
            }
            Ok((change, answer))
        };
        let committed = self.run_store.change(run, needed, decide).await?;
        if let Some(ended) = ended.filter(|_| committed.changed) {
            let blueprint = ended.blueprint.as_ref().map_or("", |follows| &*follows.id);
            let of = Of::jobs(blueprint, ended.queue.as_deref().unwrap_or_default());
            self.heard.meters.count(Counter::RunsEnded, of.ended(ended.ledger.status.as_str()), 1);
        }
        if committed.changed && rests {
            self.heard.changes.tell(run);
        }
        if let Some(milestones) = milestones.filter(|_| committed.changed) {
            // Where nobody is there to hear it any more, nobody missed it.
            let _ = self.heard.notices.tell_of(run, milestones).await;
        }
        Ok(committed)
    }

    /// Tells the listeners of this process how a run ended. It recorded that end without getting PostgreSQL's answer, and told nothing.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn tell_end_again(&self, run: &str) -> Result<()> {
        if !self.heard.notices.are_heard() {
            return Ok(());
        }
        let ended = self.load(run).await?.reserved.filter(|reserved| reserved.ledger.status.is_end());
        if let Some(mut reserved) = ended {
            // Where JavaScript is gone, the worker that comes to the run next tells its end.
            let _ = self.heard.notices.tell_of(run, reserved.milestones()).await;
        }
        Ok(())
    }

    /// Has the job of one node tell what is still to be told of a run. Answers with the run as it is then.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn appoint(&self, run: &str, base: &Document, node: &NodeId) -> Result<Document> {
        let node = node.clone();
        let judge = move |state: &mut RunState| {
            let Some(untold) = state.reserved.untold.as_deref() else { return Ok(Decision::Leave(())) };
            if untold.teller(&state.reserved.ledger, &node) != Teller::Nobody {
                return Ok(Decision::Leave(()));
            }
            state.reserved.untold = Some(Arc::new(Untold { by: Some(node.clone()), ..untold.clone() }));
            Ok(Decision::Write(()))
        };
        let written = self.update_from(run, base.clone(), judge).await?;
        match written.document {
            Some(document) => Ok(document),
            None => self.load(run).await,
        }
    }

    /// As [`update`](Self::update), for a run as it was loaded: the decision is written with those of other runs.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn update_from(
        &self,
        run: &str,
        base: Document,
        mut judge: impl FnMut(&mut RunState) -> Result<Decision<()>> + Send + Sync + 'static,
    ) -> Result<CommitOutcome> {
        let terms = self.terms();
        let decide =
            move |document: &Document| decide(document.clone(), terms, &mut judge).map(|(change, ())| change);
        self.commit(run, base, Box::new(decide)).await
    }

    /// Decides on a run as it was loaded, and writes what was decided with the commits of other runs.
    ///
    /// # Errors
    /// Whatever `decide` or the server says. Where the server's answer was lost, the commit may have counted.
    pub async fn commit(&self, run: &str, base: Document, decide: Decide) -> Result<CommitOutcome> {
        let outcome = self.run_store.commit(run, base, decide).await?;
        let shows_rest =
            |document: &Document| document.reserved.as_ref().is_some_and(ReservedKey::shows_rest);
        if outcome.changed && outcome.document.as_ref().is_none_or(shows_rest) {
            self.heard.changes.tell(run);
        }
        Ok(outcome)
    }
}
