//! The ledger itself: the engine's state of a run.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::entry::{NodeEntry, NodeState};
use super::halt::Halt;
use super::status::RunStatus;
use super::times::RunTimes;
use super::written::Written;
use crate::ids::NodeId;
use crate::json::{self, Json};
use crate::workflow::blueprint::Blueprint;

/// How many steps a run may go from its start before it is ended as a runaway loop; core's own bound.
pub const MAX_DEPTH: u32 = 10_000;

/// An event that happened before a node waited for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Its name.
    pub name: String,
    /// What it carries, which may be `null`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::present")]
    pub payload: Option<Json>,
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeError {
    /// The node.
    pub node: NodeId,
    /// The error's message.
    pub message: String,
}

/// A node that another node added to the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its definition, as core wrote it; read only in JavaScript.
    pub definition: Json,
    /// The node that gathers it; none once that node became due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<NodeId>,
}

/// The engine's state of a run. A copy shares what it does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The run's status.
    pub status: RunStatus,
    /// Every node that was ever reached. Entries are shared: changing one copies no other.
    pub nodes: OrdMap<NodeId, Arc<NodeEntry>>,
    /// Every failure, in the order of the commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<NodeError>,
    /// A fallback took over from some node: core calls such a run completed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback_ran: bool,
    /// Nodes that other nodes added during the run.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub added: OrdMap<NodeId, Added>,
    /// Events kept for the node that will wait for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<KeptEvent>,
    /// The keys of events that were told of with one, the oldest first. Version 2.0.0 drops them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// Why the run was cancelled; none if it was not, or no reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    /// Since when a person has paused it, and why. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Arc<Halt>>,
    /// What executions have written that are not answered yet, by node.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub live: OrdMap<NodeId, Arc<Written>>,
    /// When it ended, and what the times of its nodes count by. Version 2.0.0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Arc<RunTimes>>,
}

impl Ledger {
    /// The ledger of a run that begins: its start nodes are due.
    #[cfg(test)]
    pub fn begin(blueprint: &Blueprint) -> Self {
        let mut ledger = Self::default();
        ledger.begin_with(blueprint);
        ledger
    }

    /// The entry of a node; none if it was never reached.
    pub fn entry(&self, node: &str) -> Option<&NodeEntry> {
        self.nodes.get(node).map(|entry| &**entry)
    }

    pub(super) fn entry_mut(&mut self, node: &str) -> Option<&mut NodeEntry> {
        self.nodes.get_mut(node).map(Arc::make_mut)
    }

    pub(super) fn entry_or_new(&mut self, node: &NodeId) -> &mut NodeEntry {
        Arc::make_mut(self.nodes.entry(node.clone()).or_default())
    }

    /// Whether the run has not begun. Events may have happened already.
    pub fn is_unbegun(&self) -> bool {
        self.nodes.is_empty() && !self.status.is_end()
    }

    /// Whether nothing of the run has been answered yet: its start nodes are due, or executed for the first time.
    pub fn is_at_its_start(&self) -> bool {
        let is_first =
            |entry: &NodeEntry| entry.state == NodeState::Due && entry.by.is_none() && entry.round == 1;
        self.status == RunStatus::Running
            && !self.nodes.is_empty()
            && self.nodes.values().all(|entry| is_first(entry))
    }

    /// Begins: the start nodes are due.
    pub fn begin_with(&mut self, blueprint: &Blueprint) {
        for start in &blueprint.starts {
            let entry =
                NodeEntry { state: NodeState::Due, round: 1, lap: 1, depth: 1, ..NodeEntry::default() };
            self.nodes.insert(start.clone(), entry.into());
        }
    }

    /// Begins a run anew that has ended. Rounds go on counting: a message or a result of the former run that comes late finds
    /// its round over.
    pub fn begin_again(&mut self, blueprint: &Blueprint) {
        let former = std::mem::take(self);
        let idle = |entry: &NodeEntry| NodeEntry { round: entry.round, ..NodeEntry::default() };
        self.nodes = former.nodes.iter().map(|(id, entry)| (id.clone(), Arc::new(idle(entry)))).collect();
        for start in &blueprint.starts {
            let entry = self.entry_or_new(start);
            *entry = NodeEntry {
                state: NodeState::Due,
                round: entry.round + 1,
                lap: 1,
                depth: 1,
                ..NodeEntry::default()
            };
        }
    }

    /// Has what is due wait until a moment, in milliseconds since 1970.
    pub fn postpone(&mut self, moment: u64) {
        let due: Vec<NodeId> = self.due().into_iter().map(|due| due.node).collect();
        for node in due {
            self.entry_or_new(&node).not_before = Some(moment);
        }
    }

    /// Whether the run still has the end that `other` has. A run that was retried and ended again has another one.
    pub fn has_the_end_of(&self, other: &Self) -> bool {
        let rounds = |ledger: &Self| -> Vec<u32> { ledger.nodes.values().map(|entry| entry.round).collect() };
        self.status == other.status && self.errors == other.errors && rounds(self) == rounds(other)
    }

    /// Whether the run is running although nothing is due and nothing awaits: version 1 did its last nodes.
    pub fn is_stuck(&self) -> bool {
        let lives = |entry: &Arc<NodeEntry>| matches!(entry.state, NodeState::Due | NodeState::Awaiting);
        self.status == RunStatus::Running && !self.is_unbegun() && !self.nodes.values().any(lives)
    }

    /// Whether workers of version 1 did something of this run.
    pub fn has_adopted(&self) -> bool {
        self.nodes.values().any(|entry| entry.adopted)
    }

    /// Whether a worker of version 1 did a predecessor of this node.
    pub fn is_beside_version_1(&self, blueprint: &Blueprint, node: &str) -> bool {
        let adopted = |id: &NodeId| self.entry(id).is_some_and(|entry| entry.adopted);
        blueprint.node(node).is_some_and(|place| place.predecessors.iter().any(adopted))
    }

    /// The nodes that wait to be resumed.
    pub fn awaiting(&self) -> impl Iterator<Item = (&NodeId, &NodeEntry)> {
        let ended = self.status.is_end();
        let nodes = self.nodes.iter().map(|(id, entry)| (id, &**entry));
        nodes.filter(move |(_, entry)| !ended && entry.state == NodeState::Awaiting)
    }

    /// Why the run was cancelled, or else every error, joined.
    pub fn reason(&self) -> String {
        if let Some(reason) = &self.cancelled {
            return reason.clone();
        }
        self.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
    }
}
