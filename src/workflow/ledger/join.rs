//! When a node becomes due: arrivals of its predecessors, joins, loops.
//!
//! An `all` join waits until every predecessor is done. It becomes due if the deepest of them took its edge to it.
//! Core's traversal has the same result, but here it does not depend on which worker is faster.
//! An `any` join becomes due by the first edge taken, once a round.

use super::due::DueJob;
use super::entry::{Arrival, NodeEntry, NodeState};
use super::event::Transition;
use super::state::Ledger;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::blueprint::{Blueprint, Join};

impl Ledger {
    /// Records the arrival of an edge that was taken. Answers whether the target uses its input.
    pub(super) fn arrive(
        &mut self,
        blueprint: &Blueprint,
        predecessor: &str,
        target: &NodeId,
        closing: bool,
        by: &NodeId,
        transition: &mut Transition,
    ) -> bool {
        let (lap, depth) = self.position(by);
        let arrival = Arrival { lap: lap + u32::from(closing), depth, skipped: false };
        let join = join_of(blueprint, target);
        let entry = self.entry_or_new(target);
        if !entry.takes(join, arrival.lap) {
            return false;
        }
        let deepest = entry.arrived.values().all(|other| other.skipped || other.depth <= depth);
        entry.arrived.insert(predecessor.into(), arrival);
        self.fire_if_ready(blueprint, target, by, transition);
        deepest
    }

    /// Records the arrival of a predecessor that is done and did not take its edge.
    pub(super) fn skip(
        &mut self,
        blueprint: &Blueprint,
        source: &str,
        target: &NodeId,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let join = join_of(blueprint, target);
        let gathers = || self.added.values().any(|added| added.gather.as_ref() == Some(target));
        let several = || blueprint.node(target).is_some_and(|node| node.predecessors.len() > 1);
        if join == Join::Any || !(several() || gathers()) {
            return;
        }
        let closing = blueprint.closes_a_cycle(source, target);
        let (lap, depth) = self.position(by);
        let arrival = Arrival { lap: lap + u32::from(closing), depth, skipped: true };
        let predecessor = blueprint.predecessor(source, target);
        let entry = self.entry_or_new(target);
        let arrived =
            entry.arrived.get(predecessor).is_some_and(|other| !other.skipped && other.lap >= arrival.lap);
        if entry.takes(join, arrival.lap) && !arrived {
            entry.arrived.insert(predecessor.into(), arrival);
            self.fire_if_ready(blueprint, target, by, transition);
        }
    }

    /// Makes a node that is done due again if everything for its next round arrived while it was in flight.
    pub(super) fn come_round_again(
        &mut self,
        blueprint: &Blueprint,
        node: &NodeId,
        transition: &mut Transition,
    ) {
        if self.entry(node).is_some_and(|entry| !entry.arrived.is_empty()) {
            self.fire_if_ready(blueprint, node, node, transition);
        }
    }

    /// Makes those joins due whose missing predecessors are gone: the blueprint was replaced while they waited.
    pub(super) fn fire_what_is_left(
        &mut self,
        blueprint: &Blueprint,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let waits = |id: &NodeId, entry: &NodeEntry| {
            entry.state == NodeState::Idle && !entry.arrived.is_empty() && blueprint.node(id).is_some()
        };
        let waiting = self.nodes.iter().filter(|(id, entry)| waits(id, entry)).map(|(id, _)| id.clone());
        for join in waiting.collect::<Vec<NodeId>>() {
            self.fire_if_ready(blueprint, &join, by, transition);
        }
    }

    fn fire_if_ready(
        &mut self,
        blueprint: &Blueprint,
        target: &NodeId,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let Some(entry) = self.entry(target) else {
            return;
        };
        let in_flight = matches!(entry.state, NodeState::Due | NodeState::Awaiting);
        let ready = !in_flight
            && match join_of(blueprint, target) {
                Join::Any => entry.arrived.values().any(|arrival| !arrival.skipped),
                Join::All => self.everyone_is_done(blueprint, target) && entry.deepest_took(),
            };
        if ready {
            self.fire(blueprint, target, by, transition);
        }
    }

    fn everyone_is_done(&self, blueprint: &Blueprint, target: &str) -> bool {
        let Some(entry) = self.entry(target) else {
            return false;
        };
        let drawn = blueprint.node(target).into_iter().flat_map(|node| &node.predecessors);
        // A shortcut for joins of hundreds.
        if blueprint.node(target).is_some_and(|node| entry.arrived.len() < node.predecessors.len()) {
            return false;
        }
        let gathered = self.added.iter().filter(|(_, added)| added.gather.as_deref() == Some(target));
        drawn.chain(gathered.map(|(id, _)| id)).all(|predecessor| entry.arrived.contains_key(predecessor))
    }

    /// Makes a joined node due and resets the nodes of its loop.
    pub(super) fn fire(
        &mut self,
        blueprint: &Blueprint,
        target: &NodeId,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let arrivals = || self.entry(target).into_iter().flat_map(|entry| entry.arrived.values());
        let lap = arrivals().map(|arrival| arrival.lap).max().unwrap_or(1);
        let depth = arrivals().map(|arrival| arrival.depth).max().unwrap_or(0) + 1;
        let gathered = self.added.iter().filter(|(_, added)| added.gather.as_ref() == Some(target));
        for id in gathered.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            if let Some(added) = self.added.get_mut(&id) {
                added.gather = None;
            }
        }
        self.make_due(target, lap, depth, by, transition);
        for id in blueprint.node(target).into_iter().flat_map(|node| &node.loop_body) {
            let entry = self.entry_mut(id);
            if let Some(entry) =
                entry.filter(|entry| !matches!(entry.state, NodeState::Due | NodeState::Awaiting))
            {
                entry.done_before |= entry.state == NodeState::Done;
                entry.state = NodeState::Idle;
                entry.arrived.clear();
            }
        }
    }

    pub(super) fn make_due(
        &mut self,
        node: &NodeId,
        lap: u32,
        depth: u32,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let entry = self.entry_or_new(node);
        *entry = NodeEntry {
            state: NodeState::Due,
            round: entry.round + 1,
            lap: lap.max(entry.lap),
            depth,
            by: Some(if makes(Mutant::NamesWrongOrigin) { node.clone() } else { by.clone() }),
            fed: entry.fed,
            done_before: entry.done_before || entry.state == NodeState::Done,
            ..NodeEntry::default()
        };
        transition.due.push(DueJob::of(node, entry));
    }
}

impl NodeEntry {
    /// Whether an arrival of this lap can still make the node due.
    fn takes(&self, join: Join, lap: u32) -> bool {
        match (self.state, join) {
            (NodeState::Idle, _) => true,
            // Once a round. The next round begins with the next lap of its cycle.
            (_, Join::Any) => lap > self.lap,
            // The node is in flight while its loop begins the next lap: the arrival waits.
            (NodeState::Due | NodeState::Awaiting | NodeState::Failed, Join::All) => lap > self.lap,
            (NodeState::Done, Join::All) => false,
        }
    }

    fn deepest_took(&self) -> bool {
        let deepest = |skipped| {
            self.arrived
                .values()
                .filter(|arrival| arrival.skipped == skipped)
                .map(|arrival| arrival.depth)
                .max()
        };
        deepest(false) >= deepest(true) && deepest(false).is_some()
    }
}

fn join_of(blueprint: &Blueprint, target: &str) -> Join {
    blueprint.node(target).map_or(Join::All, |node| node.join)
}
