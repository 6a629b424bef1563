//! The rules of a run: a pure state machine.
//!
//! A [`Ledger`] says exactly what of a run is in flight. It is stored in the run's row under one reserved
//! key, and changes only by [`Ledger::apply`]: given the blueprint and an [`Event`], what is the new ledger
//! and which jobs are due. No I/O, no clock, no JavaScript.
//!
//! A node that becomes due gets a *round*. The pair (node, round) names one execution: the first event for
//! it counts, every later one is refused, so that repeated messages and late workers change nothing.

mod adopt;
mod apply;
mod event;
mod join;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::blueprint::{Blueprint, NodeId};

pub use event::{Arrival, DynamicNode, Event, Refusal, Transition};

/// How many steps a run may go from its start before it is ended as a runaway loop; core's own bound.
pub const MAX_LEVEL: u32 = 10_000;

/// Where a run stands, as its `status` column says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Something of it is in flight.
    #[default]
    Running,
    /// Nothing is in flight, and something waits to be resumed.
    Awaiting,
    /// Ended well, or after a fallback ran (core calls that completed too).
    Completed,
    /// Ended with errors.
    Failed,
    /// Ended by request.
    Cancelled,
}

impl RunStatus {
    /// Whether the run is over: nothing more will happen to it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word stored in the status table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Awaiting => "awaiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where a node stands in its present round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Not due: never reached, still waiting for predecessors, or reset by its loop.
    #[default]
    Idle,
    /// In flight: a job for it is waiting or running.
    Due,
    /// Finished, or replaced by its fallback.
    Done,
    /// Failed for good.
    Failed,
    /// Paused until it is resumed.
    Awaiting,
}

/// What the ledger keeps of a node that was ever reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Where it stands.
    #[serde(default)]
    pub state: NodeState,
    /// The round it is in; 0 before it was ever due. Grows along every path, so rounds of nested loops agree.
    #[serde(default)]
    pub round: u32,
    /// How many steps from the start it came to be due: core's iteration, whatever the workers' speed.
    #[serde(default)]
    pub level: u32,
    /// Predecessors that are done for the round to come.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arrived: BTreeMap<NodeId, Mark>,
    /// The action it returned: the decision, kept with the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The node whose result made it due, to publish its job again if that result's worker died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NodeId>,
    /// An edge's transform decided its input, which then comes before the `inputs` of its definition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fed: bool,
    /// It was done in an earlier round: an output in the row is ours, not another worker's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done_before: bool,
    /// What it waits for, in core's words (`reason`, `wakeUpAt`); kept while it awaits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<RawValue>>,
    /// What it was resumed with: it goes on from there instead of running again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resume>,
}

/// What a paused node is resumed with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Resume {
    /// The action that decides its edges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Its output; absent for the one it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
}

/// What a predecessor leaves at a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The predecessor's round, one more if its edge closes a cycle.
    pub round: u32,
    /// The predecessor's level.
    pub level: u32,
    /// It is done but did not take its edge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeError {
    /// The node.
    pub node: NodeId,
    /// What happened, in the words of the error.
    pub message: String,
}

/// A node that another node added to the run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Added {
    /// Its definition, as core wrote it; read only in JavaScript.
    pub definition: Box<RawValue>,
    /// The node that gathers it, until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<NodeId>,
}

/// A job: one node of the run, in one round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The node to run.
    pub node: NodeId,
    /// The round it is due in.
    pub round: u32,
}

/// What a message finds when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The node is due in this round: run it.
    Due(u32),
    /// It was done before, or in an earlier round: there is nothing to run.
    Settled,
    /// Nothing has led to it yet.
    NotReached,
    /// The run is over.
    Ended,
}

/// A run's bookkeeping.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Where the run stands.
    pub status: RunStatus,
    /// Every node that was ever reached.
    pub nodes: BTreeMap<NodeId, NodeEntry>,
    /// Every failure, in the order they were committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<NodeError>,
    /// A fallback took over somewhere: core calls such a run completed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback_ran: bool,
    /// Nodes added while the run was going on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub added: BTreeMap<NodeId, Added>,
}

impl Ledger {
    /// The ledger of a run that begins: its start nodes are due.
    pub fn begin(blueprint: &Blueprint) -> Self {
        let mut ledger = Self::default();
        for start in &blueprint.starts {
            ledger.nodes.insert(
                start.clone(),
                NodeEntry {
                    state: NodeState::Due,
                    round: 1,
                    level: 1,
                    ..NodeEntry::default()
                },
            );
        }
        ledger
    }

    /// What a message for `node` finds. A message without a round speaks of the present one.
    pub fn standing(&self, node: &str, round: Option<u32>) -> Standing {
        if self.status.is_end() {
            return Standing::Ended;
        }
        match self.nodes.get(node) {
            Some(entry) if round.is_some_and(|round| round < entry.round) => Standing::Settled,
            Some(entry) if entry.state == NodeState::Due => Standing::Due(entry.round),
            Some(entry) if entry.state == NodeState::Idle && entry.round == 0 => Standing::NotReached,
            Some(_) => Standing::Settled,
            None => Standing::NotReached,
        }
    }

    /// Every job in flight.
    pub fn due(&self) -> Vec<Due> {
        self.due_where(|_| true)
    }

    /// The jobs in flight that the result of `node` made due.
    pub fn due_by(&self, node: &str) -> Vec<Due> {
        self.due_where(|entry| entry.by.as_deref() == Some(node))
    }

    /// The nodes that wait to be resumed.
    pub fn awaiting(&self) -> impl Iterator<Item = (&NodeId, &NodeEntry)> {
        self.nodes
            .iter()
            .filter(|(_, entry)| entry.state == NodeState::Awaiting)
    }

    /// Why the run failed: every error, in a sentence each.
    pub fn reason(&self) -> String {
        self.errors
            .iter()
            .map(|error| error.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn due_where(&self, wanted: impl Fn(&NodeEntry) -> bool) -> Vec<Due> {
        self.nodes
            .iter()
            .filter(|(_, entry)| entry.state == NodeState::Due && wanted(entry))
            .map(|(id, entry)| Due {
                node: id.clone(),
                round: entry.round,
            })
            .collect()
    }
}
