//! When a node becomes due: arrivals of its predecessors, joins, loops.
//!
//! An `all` join waits until every predecessor is done. It becomes due if the deepest of them took its edge to it.
//! Core's traversal has the same result, but here it does not depend on which worker is faster.
//! An `any` join becomes due by the first edge taken, once a round.
//! A node that is done runs again where a loop, an `any` join or, as in core, a node that was resumed leads back to it.

use super::due::DueJob;
use super::entry::{Arrival, NodeEntry, NodeState};
use super::event::Transition;
use super::state::Ledger;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::blueprint::{Blueprint, Join};

/// What the end of one node sets off.
pub(super) struct Course<'a> {
    pub blueprint: &'a Blueprint,
    /// The node that ended.
    pub by: &'a NodeId,
    /// It had paused, and goes on since it was resumed.
    pub resumed: bool,
    /// What has come of it so far.
    pub transition: &'a mut Transition,
}

impl<'a> Course<'a> {
    /// What the end of a node sets off that had not paused.
    pub fn of(blueprint: &'a Blueprint, by: &'a NodeId, transition: &'a mut Transition) -> Self {
        Self { blueprint, by, resumed: false, transition }
    }
}

/// An edge as it arrives at its target.
pub(super) struct Arriving<'a> {
    /// What the arrival counts as.
    pub predecessor: &'a str,
    pub target: &'a NodeId,
    /// The edge closes a cycle: it begins the target's next lap.
    pub closing: bool,
}

/// How far into a run a node is.
#[derive(Clone, Copy)]
pub(super) struct Position {
    /// Counts the rounds of cycles.
    pub lap: u32,
    /// Counts the nodes before it.
    pub depth: u32,
}

impl Position {
    /// One node further on.
    pub fn next(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// What an edge leaves that was taken; one that is `closing` begins the target's next lap.
    fn taken(self, closing: bool) -> Arrival {
        Arrival { lap: self.lap + u32::from(closing), depth: self.depth, skipped: false }
    }

    /// What an edge leaves that was not taken.
    fn skipped(self, closing: bool) -> Arrival {
        Arrival { skipped: true, ..self.taken(closing) }
    }
}

impl Ledger {
    /// Records the arrival of an edge that was taken. Answers whether the target uses its input.
    pub(super) fn arrive(
        &mut self,
        course: &mut Course<'_>,
        Arriving { predecessor, target, closing }: Arriving<'_>,
    ) -> bool {
        let arrival = self.position(course.by).taken(closing);
        let depth = arrival.depth;
        let join = join_of(course.blueprint, target);
        let entry = self.entry_or_new(target);
        let goes_round = course.resumed && entry.state == NodeState::Done && arrival.lap > entry.lap;
        if !entry.takes(join, arrival.lap) && !goes_round {
            return false;
        }
        let deepest = entry.arrived.values().all(|other| other.skipped || other.depth <= depth);
        entry.arrived.insert(predecessor.into(), arrival);
        self.fire_if_ready(course, target);
        deepest
    }

    /// Records the arrival of a predecessor that is done and did not take its edge.
    pub(super) fn skip(&mut self, course: &mut Course<'_>, source: &str, target: &NodeId) {
        let blueprint = course.blueprint;
        let join = join_of(blueprint, target);
        let gathers = || self.added.values().any(|added| added.gather.as_ref() == Some(target));
        let several = || blueprint.node(target).is_some_and(|node| node.predecessors.len() > 1);
        if join == Join::Any || !(several() || gathers()) {
            return;
        }
        let closing = blueprint.closes_a_cycle(source, target);
        let arrival = self.position(course.by).skipped(closing);
        let predecessor = blueprint.predecessor(source, target);
        let entry = self.entry_or_new(target);
        let arrived =
            entry.arrived.get(predecessor).is_some_and(|other| !other.skipped && other.lap >= arrival.lap);
        if entry.takes(join, arrival.lap) && !arrived {
            entry.arrived.insert(predecessor.into(), arrival);
            self.fire_if_ready(course, target);
        }
    }

    /// Makes a node that is done due again if everything for its next round arrived while it was in flight.
    pub(super) fn come_round_again(&mut self, course: &mut Course<'_>) {
        let node = course.by;
        if self.entry(node).is_some_and(|entry| !entry.arrived.is_empty()) {
            self.fire_if_ready(course, node);
        }
    }

    /// Makes those joins due whose missing predecessors are gone: the blueprint was replaced while they waited.
    pub(super) fn fire_what_is_left(&mut self, course: &mut Course<'_>) {
        let blueprint = course.blueprint;
        let waits = |id: &NodeId, entry: &NodeEntry| {
            entry.state == NodeState::Idle && !entry.arrived.is_empty() && blueprint.node(id).is_some()
        };
        let waiting = self.nodes.iter().filter(|(id, entry)| waits(id, entry)).map(|(id, _)| id.clone());
        for join in waiting.collect::<Vec<NodeId>>() {
            self.fire_if_ready(course, &join);
        }
    }

    fn fire_if_ready(&mut self, course: &mut Course<'_>, target: &NodeId) {
        let blueprint = course.blueprint;
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
            self.fire(course, target);
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
    pub(super) fn fire(&mut self, course: &mut Course<'_>, target: &NodeId) {
        let arrivals = || self.entry(target).into_iter().flat_map(|entry| entry.arrived.values());
        let lap = arrivals().map(|arrival| arrival.lap).max().unwrap_or(1);
        let depth = arrivals().map(|arrival| arrival.depth).max().unwrap_or(0) + 1;
        let gathered = self.added.iter().filter(|(_, added)| added.gather.as_ref() == Some(target));
        for id in gathered.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            if let Some(added) = self.added.get_mut(&id) {
                added.gather = None;
            }
        }
        self.make_due(course, target, Position { lap, depth });
        for id in course.blueprint.node(target).into_iter().flat_map(|node| &node.loop_body) {
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

    pub(super) fn make_due(&mut self, course: &mut Course<'_>, node: &NodeId, at: Position) {
        let Position { lap, depth } = at;
        let by = course.by;
        let entry = self.entry_or_new(node);
        *entry = NodeEntry {
            state: NodeState::Due,
            round: entry.round + 1,
            lap: lap.max(entry.lap),
            depth,
            by: Some(if makes(Mutant::NamesWrongOrigin) { node.clone() } else { by.clone() }),
            fed: entry.fed,
            done_before: entry.done_before || entry.state == NodeState::Done,
            tried: std::mem::take(&mut entry.tried),
            ..NodeEntry::default()
        };
        course.transition.due.push(DueJob::of(node, entry));
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
