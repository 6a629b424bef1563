//! Runs that version 1 worked on: its workers leave outputs in the row and no ledger.
//!
//! An output that version 1 wrote means that its node is done. The row does not say which branch the node decided, so
//! the ledger follows only the edges that are always taken. Version 1 publishes a message for each of the others.

use std::collections::BTreeMap;

use super::due::DueJob;
use super::entry::{NodeEntry, NodeState};
use super::event::Transition;
use super::join::{Arriving, Course};
use super::standing::Standing;
use super::state::Ledger;
use crate::ids::NodeId;
use crate::workflow::blueprint::{Blueprint, Join};

/// Nodes of which is known to which others they led, of those that are not done themselves.
pub type Led = BTreeMap<NodeId, Vec<NodeId>>;

impl Ledger {
    /// Marks as done every node that has an output in the row and that the ledger does not know as done. Answers
    /// with the jobs that follow.
    pub fn adopt<'a>(
        &mut self,
        blueprint: &Blueprint,
        outputs: impl IntoIterator<Item = &'a str>,
    ) -> Vec<DueJob> {
        self.adopt_led(blueprint, outputs, &Led::new())
    }

    /// As [`adopt`](Self::adopt), where of some nodes is known to which others they led.
    pub fn adopt_led<'a>(
        &mut self,
        blueprint: &Blueprint,
        outputs: impl IntoIterator<Item = &'a str>,
        led: &Led,
    ) -> Vec<DueJob> {
        if self.status.is_end() {
            return Vec::new();
        }
        let unknown: Vec<NodeId> = outputs
            .into_iter()
            .filter(|id| blueprint.node(id).is_some() && self.is_open(id))
            .map(NodeId::from)
            .collect();
        let mut transition = Transition::default();
        for id in &unknown {
            let entry = self.entry_or_new(id);
            *entry = NodeEntry {
                state: NodeState::Done,
                round: entry.round.max(1),
                lap: entry.lap.max(1),
                depth: entry.depth.max(1),
                adopted: true,
                ..NodeEntry::default()
            };
        }
        for id in &unknown {
            let leads = |target: &&NodeId| match led.get(id) {
                Some(targets) => targets.contains(*target),
                None => blueprint.is_certain(id, target),
            };
            for target in blueprint.targets(id).filter(leads) {
                let predecessor = blueprint.predecessor(id, target);
                let course = &mut Course::of(blueprint, id, &mut transition);
                self.arrive(course, Arriving { predecessor, target, closing: false });
            }
        }
        // A node that an earlier output made due may have its own output later in the list.
        transition.due.retain(|due| self.standing(&due.node, None) == Standing::Due(due.round));
        // A worker of version 1 publishes a message for the branch it decided. Until the message arrives the run
        // must not end.
        let undecided = |id: &NodeId| {
            !led.contains_key(id) && blueprint.targets(id).any(|target| !blueprint.is_certain(id, target))
        };
        if !unknown.is_empty() && !unknown.iter().any(undecided) {
            self.update_status();
        }
        transition.due
    }

    /// Handles a message of version 1 for a node that no edge in the ledger led to. Its sender saw the predecessors done;
    /// so does the ledger once it [adopted](Self::adopt) the row. Answers with the round to run the node in, if it is due.
    pub fn call(&mut self, blueprint: &Blueprint, node: &str) -> Option<u32> {
        let place = blueprint.node(node)?;
        let done = |id: &NodeId| self.entry(id).is_some_and(|entry| entry.state == NodeState::Done);
        let justified = match place.join {
            Join::Any => place.predecessors.iter().any(done),
            Join::All => !place.predecessors.is_empty() && place.predecessors.iter().all(done),
        };
        if !justified || self.standing(node, None) != Standing::NotReached {
            return None;
        }
        let by = place.predecessors.iter().find(|id| done(id))?.clone();
        let mut transition = Transition::default();
        self.fire(&mut Course::of(blueprint, &by, &mut transition), &node.into());
        self.update_status();
        transition.due.pop().map(|due| due.round)
    }

    /// Whether the ledger knows the origin of this node's output in the row: the node was done in this round or an
    /// earlier one, it paused, or it failed.
    pub fn knows_as_done(&self, id: &str) -> bool {
        self.status.is_end() || !self.is_open(id)
    }

    fn is_open(&self, id: &str) -> bool {
        self.entry(id).is_none_or(|entry| {
            matches!(entry.state, NodeState::Idle | NodeState::Due)
                && !entry.done_before
                && entry.resumed.is_none()
        })
    }
}
