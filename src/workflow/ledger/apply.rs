//! How a ledger changes: one event at a time.

use super::{
    Added, Arrival, Due, DynamicNode, Event, Ledger, NodeEntry, NodeError, NodeState, Refusal, RunStatus,
    Transition,
};
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::blueprint::Blueprint;

impl Ledger {
    /// Applies an event, or says why it changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]: the ledger is as it was.
    pub fn apply(&mut self, blueprint: &Blueprint, event: Event) -> Result<Transition, Refusal> {
        if self.status.is_end() && !matches!(event, Event::TriedAgain) {
            return Err(Refusal::Ended);
        }
        let mut transition = Transition::default();
        match event {
            Event::Finished { node, round, action, taken, added, again } => {
                self.settle(&node, round, NodeState::Done)?.action = action;
                self.add(&node, added, &mut transition);
                match again {
                    Some(scatterer) => self.scatter_again(&node, &scatterer, &mut transition),
                    None => self.follow(blueprint, &node, &taken, &mut transition),
                }
            }
            Event::Failed { node, round, message, recoverable } => {
                self.fail(blueprint, &node, round, message, recoverable, &mut transition)?;
            }
            Event::Retried { node, round, not_before } => {
                let resumed = self.entry(&node).and_then(|entry| entry.resumed.clone());
                let entry = self.settle(&node, round, NodeState::Due)?;
                entry.resumed = resumed;
                entry.failures += 1;
                entry.not_before = Some(not_before);
                entry.by = Some(node.clone());
                transition.due.push(Due::of(&node, entry));
            }
            Event::Paused { node, round, pause } => self.pause(&node, round, pause, &mut transition)?,
            Event::Resumed { node, with } => self.resume(&node, with, &mut transition)?,
            Event::Happened { name, payload, node } => {
                self.happen(name, payload, node.as_ref(), &mut transition);
            }
            Event::Cancelled { reason } => {
                self.cancelled = Some(reason);
                self.status = RunStatus::Cancelled;
                return Ok(transition);
            }
            Event::TriedAgain => self.try_again(&mut transition)?,
            Event::Abandoned { error } => {
                self.errors.push(error);
                self.status = RunStatus::Failed;
                return Ok(transition);
            }
        }
        self.conclude();
        Ok(transition)
    }

    /// The one place where an execution is counted: the node must be in flight in that very round.
    pub(super) fn settle(
        &mut self,
        node: &str,
        round: u32,
        state: NodeState,
    ) -> Result<&mut NodeEntry, Refusal> {
        let entry = self.entry_mut(node).ok_or(Refusal::NotDue)?;
        let is_due = entry.state == NodeState::Due || makes(Mutant::CountsLateResults);
        let is_its_round = entry.round == round || makes(Mutant::IgnoresRounds);
        if !is_due || !is_its_round {
            return Err(Refusal::NotDue);
        }
        entry.state = state;
        entry.resumed = None;
        Ok(entry)
    }

    fn fail(
        &mut self,
        blueprint: &Blueprint,
        node: &NodeId,
        round: u32,
        message: String,
        recoverable: bool,
        transition: &mut Transition,
    ) -> Result<(), Refusal> {
        match blueprint.fallback_of(node).filter(|_| recoverable) {
            Some(fallback) => {
                self.settle(node, round, NodeState::Done)?.replaced = true;
                self.fallback_ran = true;
                transition.replaced = true;
                self.fall_back(node, fallback, transition);
            }
            None => {
                self.settle(node, round, NodeState::Failed)?;
                self.errors.push(NodeError { node: node.clone(), message });
            }
        }
        self.come_round_again(blueprint, node, transition);
        Ok(())
    }

    /// A failed run starts again from the nodes that failed; what is done stays done.
    fn try_again(&mut self, transition: &mut Transition) -> Result<(), Refusal> {
        if self.status != RunStatus::Failed {
            return Err(Refusal::NotFailed);
        }
        self.errors.clear();
        self.status = RunStatus::Running;
        let failed = self.nodes.iter().filter(|(_, entry)| entry.state == NodeState::Failed);
        for id in failed.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            let Some(entry) = self.entry_mut(&id) else { continue };
            entry.state = NodeState::Due;
            entry.round += 1;
            entry.failures = 0;
            entry.not_before = None;
        }
        // An abandoned run has no failed node: it goes on with what was in flight.
        transition.due = self.due();
        Ok(())
    }

    fn add(&mut self, parent: &NodeId, added: Vec<DynamicNode>, transition: &mut Transition) {
        let (wave, level) = self.position(parent);
        for DynamicNode { id, definition, gather } in added {
            self.make_due(&id, wave, level + 1, parent, transition);
            self.added.insert(id, Added { definition, gather });
        }
    }

    /// Leaves a mark at every node the edges of a finished node lead to, taken or not.
    fn follow(
        &mut self,
        blueprint: &Blueprint,
        node: &NodeId,
        taken: &[Arrival],
        transition: &mut Transition,
    ) {
        // A fallback also has the edges of the nodes it replaced, and of no other node that names it.
        let sources: Vec<&NodeId> = std::iter::once(node)
            .chain(blueprint.primaries_of(node).filter(|id| self.is_replaced(id)))
            .collect();
        // A loop that goes round again has not passed what follows it: it is not done yet.
        let goes_round = blueprint
            .node(node)
            .is_some_and(|place| taken.iter().any(|arrival| place.loop_body.contains(&arrival.target)));
        for source in sources.iter().filter(|_| !goes_round) {
            for target in blueprint.targets(source) {
                let takes = |arrival: &Arrival| arrival.source == **source && arrival.target == *target;
                if !taken.iter().any(takes) {
                    self.pass(blueprint, source, target, node, transition);
                }
            }
        }
        let mut reached: Vec<&NodeId> = Vec::new();
        for (index, arrival) in taken.iter().enumerate() {
            let Arrival { source, target, fed } = arrival;
            if !sources.contains(&source) {
                continue;
            }
            let closing = blueprint.closes_a_cycle(source, target);
            let mut counts = false;
            for predecessor in self.predecessors(blueprint, source, target) {
                counts |= self.arrive(blueprint, &predecessor, target, closing, node, transition);
            }
            // Of several edges to one node the last brings its input, as in core.
            if counts || reached.contains(&target) {
                reached.push(target);
                transition.arrived.push(index);
                if *fed && let Some(entry) = self.entry_mut(target) {
                    entry.fed = true;
                }
            }
        }
        // A node added for a gatherer arrives there when it is done, although no edge says so.
        if let Some(gather) = self.added.get(node).and_then(|added| added.gather.clone()) {
            self.arrive(blueprint, node, &gather, false, node, transition);
        }
        self.come_round_again(blueprint, node, transition);
    }

    /// The scatterer hands out its next chunk; the gatherer waits for it as it did for the first.
    fn scatter_again(&mut self, gatherer: &NodeId, scatterer: &NodeId, transition: &mut Transition) {
        let (wave, level) = self.position(gatherer);
        if let Some(entry) = self.entry_mut(gatherer) {
            entry.state = NodeState::Idle;
            entry.done_before = true;
        }
        self.make_due(scatterer, wave, level + 1, gatherer, transition);
    }

    /// The predecessors an edge counts for at its target. A fallback counts for the primaries it replaced.
    fn predecessors(&self, blueprint: &Blueprint, source: &str, target: &str) -> Vec<NodeId> {
        let Some(place) = blueprint.node(target) else { return vec![source.into()] };
        let replaced: Vec<NodeId> = blueprint
            .primaries_of(source)
            .filter(|id| place.predecessors.contains(*id) && self.is_replaced(id))
            .cloned()
            .collect();
        if place.predecessors.contains(source) || replaced.is_empty() {
            return vec![blueprint.predecessor(source, target).into()];
        }
        replaced
    }

    fn is_replaced(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|entry| entry.replaced)
    }

    /// Makes the fallback due. One that is in flight for another primary takes this one's edges too; one that has
    /// run for another runs again: what follows this primary must not depend on which of them failed first.
    fn fall_back(&mut self, primary: &NodeId, fallback: &NodeId, transition: &mut Transition) {
        let (wave, level) = self.position(primary);
        // One that was itself replaced has failed for good: nodes may name each other.
        let closed = |entry: &NodeEntry| match entry.state {
            NodeState::Due | NodeState::Awaiting => true,
            _ => entry.replaced && entry.wave >= wave,
        };
        if !self.entry(fallback).is_some_and(closed) {
            self.make_due(fallback, wave, level + 1, primary, transition);
        }
    }

    /// The wave and level a node is in.
    pub(super) fn position(&self, node: &str) -> (u32, u32) {
        self.entry(node).map_or((0, 0), |entry| (entry.wave, entry.level))
    }

    /// A run ends when nothing of it is in flight, not when every terminal node has run.
    pub fn conclude(&mut self) {
        if let Some((node, _)) = self.nodes.iter().find(|(_, entry)| entry.level > super::MAX_LEVEL) {
            let message = format!(
                "Traversal exceeded {} steps at node '{node}': the run was ended as a possible infinite loop",
                super::MAX_LEVEL
            );
            self.errors.push(NodeError { node: node.clone(), message });
            self.status = RunStatus::Failed;
            return;
        }
        if self.is_unbegun() {
            return;
        }
        let any = |state| self.nodes.values().any(|entry| entry.state == state);
        self.status = if any(NodeState::Due) {
            RunStatus::Running
        } else if any(NodeState::Awaiting) {
            RunStatus::Awaiting
        } else if self.errors.is_empty() || self.fallback_ran {
            RunStatus::Completed
        } else {
            RunStatus::Failed
        };
    }
}
