//! How a ledger changes: one event at a time.

use super::{
    Added, Arrival, Due, DynamicNode, Event, Ledger, NodeError, NodeState, Refusal, RunStatus, Transition,
};
use crate::blueprint::{Blueprint, NodeId};

impl Ledger {
    /// Applies an event, or says why it changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`]: the ledger is as it was.
    pub fn apply(&mut self, blueprint: &Blueprint, event: Event) -> Result<Transition, Refusal> {
        if self.status.is_end() {
            return Err(Refusal::Ended);
        }
        let mut transition = Transition::default();
        match event {
            Event::Finished {
                node,
                round,
                action,
                taken,
                added,
            } => {
                self.settle(&node, round, NodeState::Done)?.action = action;
                self.add(&node, added, &mut transition);
                self.follow(blueprint, &node, &taken, &mut transition);
            }
            Event::Failed {
                node,
                round,
                message,
                recoverable,
            } => {
                match blueprint.fallback_of(&node).filter(|_| recoverable) {
                    Some(fallback) => {
                        self.settle(&node, round, NodeState::Done)?.action = Some(FALLBACK.into());
                        self.fallback_ran = true;
                        transition.replaced = true;
                        self.fall_back(&node, fallback, &mut transition);
                    }
                    None => {
                        self.settle(&node, round, NodeState::Failed)?;
                        self.errors.push(NodeError {
                            node: node.clone(),
                            message,
                        });
                    }
                }
                self.come_round_again(blueprint, &node, &mut transition);
            }
            Event::Paused { node, round, details } => {
                self.settle(&node, round, NodeState::Awaiting)?.details = details;
            }
            Event::Resumed { node, with } => {
                let entry = self
                    .nodes
                    .get_mut(&node)
                    .filter(|entry| entry.state == NodeState::Awaiting);
                let entry = entry.ok_or(Refusal::NotAwaiting)?;
                // A round of its own: a second resume, or a timer of the pause that is over, finds it settled.
                entry.round += 1;
                entry.state = NodeState::Due;
                entry.details = None;
                entry.resumed = Some(with);
                transition.due.push(Due {
                    node,
                    round: entry.round,
                });
            }
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
    fn settle(&mut self, node: &str, round: u32, state: NodeState) -> Result<&mut super::NodeEntry, Refusal> {
        let entry = self.nodes.get_mut(node).ok_or(Refusal::NotDue)?;
        if entry.state != NodeState::Due || entry.round != round {
            return Err(Refusal::NotDue);
        }
        entry.state = state;
        entry.resumed = None;
        Ok(entry)
    }

    fn add(&mut self, parent: &NodeId, added: Vec<DynamicNode>, transition: &mut Transition) {
        let (round, level) = self.position(parent);
        for DynamicNode {
            id,
            definition,
            gather,
        } in added
        {
            self.make_due(&id, round, level + 1, parent, transition);
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
        let replaced = |id: &&NodeId| {
            self.nodes
                .get(*id)
                .is_some_and(|entry| entry.action.as_deref() == Some(FALLBACK))
        };
        // A fallback also has the edges of the nodes it replaced, and of no other node that names it.
        let sources: Vec<&NodeId> = std::iter::once(node)
            .chain(blueprint.primaries_of(node).filter(replaced))
            .collect();
        for source in &sources {
            for target in blueprint.targets(source) {
                if !taken
                    .iter()
                    .any(|arrival| &arrival.source == *source && &arrival.target == target)
                {
                    self.pass(blueprint, source, target, node, transition);
                }
            }
        }
        for (index, arrival) in taken
            .iter()
            .enumerate()
            .filter(|(_, arrival)| sources.contains(&&arrival.source))
        {
            let closing = blueprint.closes_a_cycle(&arrival.source, &arrival.target);
            let predecessor = blueprint.predecessor(&arrival.source, &arrival.target);
            if self.arrive(blueprint, predecessor, &arrival.target, closing, node, transition) {
                transition.arrived.push(index);
                if arrival.fed
                    && let Some(entry) = self.nodes.get_mut(&arrival.target)
                {
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

    fn fall_back(&mut self, primary: &NodeId, fallback: &NodeId, transition: &mut Transition) {
        let (round, level) = self.position(primary);
        let entry = self.nodes.get(fallback);
        if entry.is_none_or(|entry| entry.state == NodeState::Idle || entry.round < round) {
            self.make_due(fallback, round, level + 1, primary, transition);
        }
    }

    /// The round and level a node is in.
    pub(super) fn position(&self, node: &str) -> (u32, u32) {
        self.nodes
            .get(node)
            .map_or((0, 0), |entry| (entry.round, entry.level))
    }

    /// A run ends when nothing of it is in flight, not when every terminal node has run.
    pub(super) fn conclude(&mut self) {
        if let Some((node, _)) = self
            .nodes
            .iter()
            .find(|(_, entry)| entry.level > super::MAX_LEVEL)
        {
            let message = format!(
                "Traversal exceeded {} steps at node '{node}': the run was ended as a possible infinite loop",
                super::MAX_LEVEL
            );
            self.errors.push(NodeError {
                node: node.clone(),
                message,
            });
            self.status = RunStatus::Failed;
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

/// The action core gives a node that its fallback replaced.
const FALLBACK: &str = "fallback";
