//! When a node becomes due: marks of its predecessors, joins, loops.
//!
//! An `all` join waits until every predecessor is done, and becomes due if the deepest of them took its edge
//! to it. That is what core's traversal comes to, made independent of which worker is faster.
//! An `any` join becomes due by the first edge taken, once a round.

use super::{Due, Ledger, Mark, NodeEntry, NodeState, Transition};
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::blueprint::{Blueprint, Join};

impl Ledger {
    /// Counts an edge taken; whether its input is to be used.
    pub(super) fn arrive(
        &mut self,
        blueprint: &Blueprint,
        predecessor: &str,
        target: &NodeId,
        closing: bool,
        by: &NodeId,
        transition: &mut Transition,
    ) -> bool {
        let (wave, level) = self.position(by);
        let mark = Mark { wave: wave + u32::from(closing), level, passed: false };
        let join = join_of(blueprint, target);
        let entry = self.entry_or_new(target);
        if !entry.takes(join, mark.wave) {
            return false;
        }
        let deepest = entry.arrived.values().all(|other| other.passed || other.level <= level);
        entry.arrived.insert(predecessor.into(), mark);
        self.fire_if_ready(blueprint, target, by, transition);
        deepest
    }

    /// Counts a predecessor that is done and did not take its edge.
    pub(super) fn pass(
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
        let (wave, level) = self.position(by);
        let mark = Mark { wave: wave + u32::from(closing), level, passed: true };
        let predecessor = blueprint.predecessor(source, target);
        let entry = self.entry_or_new(target);
        let arrived =
            entry.arrived.get(predecessor).is_some_and(|other| !other.passed && other.wave >= mark.wave);
        if entry.takes(join, mark.wave) && !arrived {
            entry.arrived.insert(predecessor.into(), mark);
            self.fire_if_ready(blueprint, target, by, transition);
        }
    }

    /// Marks that came for the next round while this one was in flight count when it is settled.
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
                Join::Any => entry.arrived.values().any(|mark| !mark.passed),
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
        // The quick answer, for joins of hundreds.
        if blueprint.node(target).is_some_and(|node| entry.arrived.len() < node.predecessors.len()) {
            return false;
        }
        let gathered = self.added.iter().filter(|(_, added)| added.gather.as_deref() == Some(target));
        drawn.chain(gathered.map(|(id, _)| id)).all(|predecessor| entry.arrived.contains_key(predecessor))
    }

    /// Makes a joined node due, and sends the nodes of its loop back to where they began.
    pub(super) fn fire(
        &mut self,
        blueprint: &Blueprint,
        target: &NodeId,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let marks = || self.entry(target).into_iter().flat_map(|entry| entry.arrived.values());
        let wave = marks().map(|mark| mark.wave).max().unwrap_or(1);
        let level = marks().map(|mark| mark.level).max().unwrap_or(0) + 1;
        let gathered = self.added.iter().filter(|(_, added)| added.gather.as_ref() == Some(target));
        for id in gathered.map(|(id, _)| id.clone()).collect::<Vec<NodeId>>() {
            if let Some(added) = self.added.get_mut(&id) {
                added.gather = None;
            }
        }
        self.make_due(target, wave, level, by, transition);
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
        wave: u32,
        level: u32,
        by: &NodeId,
        transition: &mut Transition,
    ) {
        let entry = self.entry_or_new(node);
        *entry = NodeEntry {
            state: NodeState::Due,
            round: entry.round + 1,
            wave: wave.max(entry.wave),
            level,
            by: Some(if makes(Mutant::NamesWrongOrigin) { node.clone() } else { by.clone() }),
            fed: entry.fed,
            done_before: entry.done_before || entry.state == NodeState::Done,
            ..NodeEntry::default()
        };
        transition.due.push(Due::of(node, entry));
    }
}

impl NodeEntry {
    /// Whether a mark of this wave can still make the node due.
    fn takes(&self, join: Join, wave: u32) -> bool {
        match (self.state, join) {
            (NodeState::Idle, _) => true,
            // Once a round; the next one begins when its cycle comes round.
            (_, Join::Any) => wave > self.wave,
            // In flight while its loop already comes round again: the mark waits.
            (NodeState::Due | NodeState::Awaiting | NodeState::Failed, Join::All) => wave > self.wave,
            (NodeState::Done, Join::All) => false,
        }
    }

    fn deepest_took(&self) -> bool {
        let deepest =
            |passed| self.arrived.values().filter(|mark| mark.passed == passed).map(|mark| mark.level).max();
        deepest(false) >= deepest(true) && deepest(false).is_some()
    }
}

fn join_of(blueprint: &Blueprint, target: &str) -> Join {
    blueprint.node(target).map_or(Join::All, |node| node.join)
}
