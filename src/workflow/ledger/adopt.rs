//! Runs that others worked on: workers of the original leave outputs in the row and no ledger.
//!
//! An output that somebody else wrote is that node done. Which branch it decided is not recorded, so only
//! the edges that are always taken are followed here; the others announce themselves by their message.

use super::{Due, Ledger, NodeEntry, NodeState, Standing, Transition};
use crate::ids::NodeId;
use crate::workflow::blueprint::{Blueprint, Join};

impl Ledger {
    /// Takes the nodes that have an output in the row as done, where the ledger does not know of them.
    /// Answers with the jobs that follow.
    pub fn adopt<'a>(
        &mut self,
        blueprint: &Blueprint,
        outputs: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Due> {
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
                wave: entry.wave.max(1),
                level: entry.level.max(1),
                adopted: true,
                ..NodeEntry::default()
            };
        }
        for id in &unknown {
            for target in blueprint.targets(id).filter(|target| blueprint.is_certain(id, target)) {
                let predecessor = blueprint.predecessor(id, target);
                self.arrive(blueprint, predecessor, target, false, id, &mut transition);
            }
        }
        // A later output in the same list may have settled what an earlier one made due.
        transition.due.retain(|due| self.standing(&due.node, None) == Standing::Due(due.round));
        // Where an output decided a branch that is not known here, its own worker announces the branch by a
        // message: until then the run can not be seen to have ended.
        let undecided = |id: &NodeId| blueprint.targets(id).any(|target| !blueprint.is_certain(id, target));
        if !unknown.is_empty() && !unknown.iter().any(undecided) {
            self.conclude();
        }
        transition.due
    }

    /// A message of another worker names a node that nothing here led to. Its sender saw the predecessors
    /// done; so does the row, once [`adopt`](Self::adopt) has read it. The round to run it in, if it is due.
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
        self.fire(blueprint, &node.into(), &by, &mut transition);
        self.conclude();
        transition.due.pop().map(|due| due.round)
    }

    /// Whether an output of this node in the row is no news: it was done here, now or in an earlier round, or
    /// it paused or failed.
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
