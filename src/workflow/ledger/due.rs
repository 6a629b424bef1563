//! The jobs of a run that are in flight.

use super::entry::{NodeEntry, NodeState};
use super::state::Ledger;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::workflow::path::{Inside, instance_of};

/// A job: one node of the run, in one round.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueJob {
    /// The node to run.
    pub node: NodeId,
    /// The round it is due in.
    pub round: u32,
    /// Which try of its round it is, from 1: one that asked for a later time is counted, so that its message is known.
    pub attempt: u32,
    /// When the broker is to deliver it; none for at once. Milliseconds since 1970.
    pub not_before: Option<u64>,
    /// Its message wakes a sleeping node instead of running one that is due.
    pub wakes: bool,
}

impl DueJob {
    pub(super) fn of(node: &NodeId, entry: &NodeEntry) -> Self {
        Self {
            node: node.clone(),
            round: entry.round,
            attempt: entry.failures + 1,
            not_before: entry.not_before,
            wakes: entry.state == NodeState::Awaiting,
        }
    }
}

impl Ledger {
    /// Every job in flight.
    pub fn due(&self) -> Vec<DueJob> {
        let in_flight = |entry: &NodeEntry| !self.status.is_end() && entry.state == NodeState::Due;
        self.nodes
            .iter()
            .filter(|(_, entry)| in_flight(entry))
            .map(|(id, entry)| DueJob::of(id, entry))
            .collect()
    }

    /// Whether nobody but this node can write into the context it sees before it is done: nothing else is in flight, nothing waits
    /// or sleeps, and no worker of version 1 had a part in it. A node inside a subflow sees the context of its instance alone.
    pub fn is_alone(&self, node: &str) -> bool {
        let instance = Inside::of(node).map(|inside| instance_of(&inside.container));
        let writes = |id: &NodeId| match &instance {
            Some(instance) => id.starts_with(&**instance) && id != instance,
            None => true,
        };
        let lives = |entry: &NodeEntry| matches!(entry.state, NodeState::Due | NodeState::Awaiting);
        self.nodes
            .iter()
            .all(|(id, entry)| !entry.adopted && (id.as_str() == node || !lives(entry) || !writes(id)))
    }

    /// Every job in flight, and every timer that sleeping nodes wait for; none of a run that is paused.
    pub fn pending(&self) -> Vec<DueJob> {
        if self.halt().is_some() {
            return Vec::new();
        }
        let sleeping = self.awaiting().filter(|(_, entry)| entry.not_before.is_some());
        let timers: Vec<DueJob> = sleeping.map(|(id, entry)| DueJob::of(id, entry)).collect();
        self.due().into_iter().chain(timers).collect()
    }

    /// Whether a node sleeps in this round.
    pub fn sleeps(&self, node: &str, round: u32) -> bool {
        let entry = self.entry(node);
        entry.is_some_and(|entry| {
            !self.status.is_end()
                && entry.state == NodeState::Awaiting
                && entry.round == round
                && entry.not_before.is_some()
        })
    }

    /// Notes under whose message jobs were made due: who gets that message again looks for them.
    pub(crate) fn attribute(&mut self, due: &[DueJob], held: &NodeId) {
        for job in due {
            if let Some(entry) = self.entry_mut(&job.node)
                && entry.by.as_ref() != Some(held)
                && !makes(Mutant::NamesWrongOrigin)
            {
                entry.by = Some(held.clone());
            }
        }
    }

    /// The jobs in flight, and the timers, that were made due under a message of `node`.
    pub fn due_by(&self, node: &str) -> Vec<DueJob> {
        let led_to =
            |due: &DueJob| self.entry(&due.node).is_some_and(|entry| entry.by.as_deref() == Some(node));
        self.pending().into_iter().filter(led_to).collect()
    }
}
