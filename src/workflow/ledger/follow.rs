//! What follows from a finished node: its edges lead to others, it adds some, or its scatterer goes on.

use super::entry::NodeState;
use super::event::{DynamicNode, TakenEdge};
use super::join::{Arriving, Course};
use super::state::{Added, Ledger};
use crate::ids::NodeId;
use crate::workflow::blueprint::Blueprint;

impl Ledger {
    /// Makes the nodes that a finished node added due.
    pub(super) fn add(&mut self, course: &mut Course<'_>, added: Vec<DynamicNode>) {
        let at = self.position(course.by).next();
        for DynamicNode { id, definition, gather } in added {
            self.make_due(course, &id, at);
            self.added.insert(id, Added { definition, gather });
        }
    }

    /// Goes on from a finished node: with its scatterer's next chunk, if it names one, or by its edges.
    pub(super) fn go_on(&mut self, course: &mut Course<'_>, taken: &[TakenEdge], scatterer: Option<&NodeId>) {
        match scatterer {
            Some(scatterer) => self.scatter_again(course, scatterer),
            None => self.follow(course, taken),
        }
    }

    /// Leaves an arrival, taken or skipped, at every node that the edges of a finished node lead to.
    fn follow(&mut self, course: &mut Course<'_>, taken: &[TakenEdge]) {
        let (blueprint, node) = (course.blueprint, course.by);
        // A fallback has the edges of the nodes it replaced, but not those of other nodes that name it.
        let sources: Vec<&NodeId> = std::iter::once(node)
            .chain(blueprint.primaries_of(node).filter(|id| self.is_replaced(id)))
            .collect();
        // A loop that goes round again is not done: it has not skipped the edges that leave it.
        let goes_round = blueprint
            .node(node)
            .is_some_and(|place| taken.iter().any(|edge| place.loop_body.contains(&edge.target)));
        for source in sources.iter().filter(|_| !goes_round) {
            for target in blueprint.targets(source) {
                let takes = |edge: &TakenEdge| edge.source == **source && edge.target == *target;
                if !taken.iter().any(takes) {
                    self.skip(course, source, target);
                }
            }
        }
        let mut reached: Vec<&NodeId> = Vec::new();
        for (index, edge) in taken.iter().enumerate() {
            let TakenEdge { source, target, fed } = edge;
            if !sources.contains(&source) {
                continue;
            }
            let closing = blueprint.closes_a_cycle(source, target);
            let mut counts = false;
            for predecessor in self.predecessors(blueprint, source, target) {
                let arriving = Arriving { predecessor: &predecessor, target, closing };
                counts |= self.arrive(course, arriving);
            }
            // If several edges lead to one node, the last one brings its input, as in core.
            if counts || reached.contains(&target) {
                reached.push(target);
                course.transition.arrived.push(index);
                if *fed && let Some(entry) = self.entry_mut(target) {
                    entry.fed = true;
                }
            }
        }
        // A node that was added for a gatherer arrives there without an edge.
        if let Some(gather) = self.added.get(node).and_then(|added| added.gather.clone()) {
            self.arrive(course, Arriving { predecessor: node, target: &gather, closing: false });
        }
        self.come_round_again(course);
    }

    /// Makes the scatterer due for its next chunk. The gatherer waits for it as it did for the first.
    fn scatter_again(&mut self, course: &mut Course<'_>, scatterer: &NodeId) {
        let at = self.position(course.by).next();
        if let Some(entry) = self.entry_mut(course.by) {
            entry.state = NodeState::Idle;
            entry.done_before = true;
        }
        self.make_due(course, scatterer, at);
    }

    /// The predecessors that an edge counts as at its target. A fallback counts as the primaries it replaced.
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
}
