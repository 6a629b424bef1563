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
mod delta;
mod event;
mod join;
mod pause;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::blueprint::Blueprint;

pub use delta::Delta;
pub use event::{Arrival, DynamicNode, Event, Pause, Refusal, Transition};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Where it stands.
    #[serde(default)]
    pub state: NodeState,
    /// The round it is in: which execution of it this is; 0 before it was ever due.
    #[serde(default)]
    pub round: u32,
    /// How often its cycles had come round when it became due. Grows along every path, so that the waves of
    /// nested loops agree, and tells an arrival of the next lap from a late one of this.
    #[serde(default)]
    pub wave: u32,
    /// How many steps from the start it came to be due: core's iteration, whatever the workers' speed.
    #[serde(default)]
    pub level: u32,
    /// Predecessors that are done for the round to come.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub arrived: OrdMap<NodeId, Mark>,
    /// The action it returned: the decision, kept with the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// It failed, and its fallback took its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// The node whose result made it due, to publish its job again if that result's worker died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NodeId>,
    /// An edge's transform decided its input, which then comes before the `inputs` of its definition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fed: bool,
    /// It was done in an earlier round: an output in the row is ours, not another worker's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done_before: bool,
    /// A worker of another kind did it: its output was found in the row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// What it waits for, in core's words (`reason`, `wakeUpAt`); kept while it awaits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
    /// The event it waits for, if it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What it was resumed with: it goes on from there instead of running again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resume>,
    /// Failed attempts of this round that another follows, where retries go through the queue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// When its job, or the timer it waits for, is to be delivered: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// An event that came before anybody waited for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Its name.
    pub name: String,
    /// What it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Json>,
}

/// What a paused node is resumed with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The action that decides its edges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Its output; absent for the one it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
}

/// What a predecessor leaves at a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The predecessor's wave, one more if its edge closes a cycle.
    pub wave: u32,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its definition, as core wrote it; read only in JavaScript.
    pub definition: Json,
    /// The node that gathers it, until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather: Option<NodeId>,
}

/// A job: one node of the run, in one round.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The node to run.
    pub node: NodeId,
    /// The round it is due in.
    pub round: u32,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// When it is to be delivered, if not at once: milliseconds since 1970.
    pub not_before: Option<u64>,
    /// It wakes a node that sleeps, rather than running one that is due.
    pub wakes: bool,
}

impl Due {
    fn of(node: &NodeId, entry: &NodeEntry) -> Self {
        Self {
            node: node.clone(),
            round: entry.round,
            attempt: entry.failures + 1,
            not_before: entry.not_before,
            wakes: entry.state == NodeState::Awaiting,
        }
    }
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

/// A run's bookkeeping. A copy shares what it does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Where the run stands.
    pub status: RunStatus,
    /// Every node that was ever reached. Shared one by one: a change of one copies no other.
    pub nodes: OrdMap<NodeId, Arc<NodeEntry>>,
    /// Every failure, in the order they were committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<NodeError>,
    /// A fallback took over somewhere: core calls such a run completed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback_ran: bool,
    /// Nodes added while the run was going on.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub added: OrdMap<NodeId, Added>,
    /// Events kept for the node that will wait for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<KeptEvent>,
    /// Why the run was cancelled, if it was and somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
}

impl Ledger {
    /// The ledger of a run that begins: its start nodes are due.
    #[cfg(test)]
    pub fn begin(blueprint: &Blueprint) -> Self {
        let mut ledger = Self::default();
        ledger.begin_with(blueprint);
        ledger
    }

    /// What is kept of a node; none where it was never reached.
    pub fn entry(&self, node: &str) -> Option<&NodeEntry> {
        self.nodes.get(node).map(|entry| &**entry)
    }

    fn entry_mut(&mut self, node: &str) -> Option<&mut NodeEntry> {
        self.nodes.get_mut(node).map(Arc::make_mut)
    }

    fn entry_or_new(&mut self, node: &NodeId) -> &mut NodeEntry {
        Arc::make_mut(self.nodes.entry(node.clone()).or_default())
    }

    /// Whether the run has not begun. Events may have come all the same.
    pub fn is_unbegun(&self) -> bool {
        self.nodes.is_empty() && !self.status.is_end()
    }

    /// Begins: the start nodes are due.
    pub fn begin_with(&mut self, blueprint: &Blueprint) {
        for start in &blueprint.starts {
            let entry =
                NodeEntry { state: NodeState::Due, round: 1, wave: 1, level: 1, ..NodeEntry::default() };
            self.nodes.insert(start.clone(), entry.into());
        }
    }

    /// What a message for an attempt at `node` finds. One without a round speaks of the present one.
    pub fn standing_of_attempt(&self, node: &str, round: Option<u32>, attempt: Option<u32>) -> Standing {
        let outdated = |entry: &NodeEntry| round.is_some() && attempt.unwrap_or(1) <= entry.failures;
        match self.standing(node, round) {
            Standing::Due(_) if self.entry(node).is_some_and(outdated) => Standing::Settled,
            standing => standing,
        }
    }

    /// What a message for `node` finds. A message without a round speaks of the present one.
    pub fn standing(&self, node: &str, round: Option<u32>) -> Standing {
        if self.status.is_end() {
            return Standing::Ended;
        }
        match self.entry(node) {
            Some(entry) if round.is_some_and(|round| round < entry.round) => Standing::Settled,
            Some(entry) if entry.state == NodeState::Due => Standing::Due(entry.round),
            Some(entry) if entry.state == NodeState::Idle && entry.round == 0 => Standing::NotReached,
            Some(_) => Standing::Settled,
            None => Standing::NotReached,
        }
    }

    /// Every job in flight.
    pub fn due(&self) -> Vec<Due> {
        let in_flight = |entry: &NodeEntry| !self.status.is_end() && entry.state == NodeState::Due;
        self.nodes
            .iter()
            .filter(|(_, entry)| in_flight(entry))
            .map(|(id, entry)| Due::of(id, entry))
            .collect()
    }

    /// Every job in flight, and every timer that sleeping nodes wait for.
    pub fn pending(&self) -> Vec<Due> {
        let sleeping = self.awaiting().filter(|(_, entry)| entry.not_before.is_some());
        let timers: Vec<Due> = sleeping.map(|(id, entry)| Due::of(id, entry)).collect();
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

    /// The jobs in flight, and the timers, that the result of `node` led to.
    pub fn due_by(&self, node: &str) -> Vec<Due> {
        let led_to = |due: &Due| self.entry(&due.node).is_some_and(|entry| entry.by.as_deref() == Some(node));
        self.pending().into_iter().filter(led_to).collect()
    }

    /// Whether the run ended because of a job for this node that could not be processed.
    pub fn was_abandoned_at(&self, node: &str) -> bool {
        let settled = |entry: &NodeEntry| entry.state != NodeState::Due;
        self.status == RunStatus::Failed
            && self.errors.iter().any(|error| error.node == node)
            && !self.entry(node).is_some_and(settled)
    }

    /// Whether the run ended as `other` says; not if it was retried since, and ended again.
    pub fn has_the_end_of(&self, other: &Self) -> bool {
        let rounds = |ledger: &Self| -> Vec<u32> { ledger.nodes.values().map(|entry| entry.round).collect() };
        self.status == other.status && self.errors == other.errors && rounds(self) == rounds(other)
    }

    /// Whether nothing is in flight and nothing awaits, and yet the run has not ended: others did its last nodes.
    pub fn is_stuck(&self) -> bool {
        let lives = |entry: &Arc<NodeEntry>| matches!(entry.state, NodeState::Due | NodeState::Awaiting);
        self.status == RunStatus::Running && !self.is_unbegun() && !self.nodes.values().any(lives)
    }

    /// Whether a predecessor of this node was done by a worker of another kind.
    pub fn is_beside_strangers(&self, blueprint: &Blueprint, node: &str) -> bool {
        let adopted = |id: &NodeId| self.entry(id).is_some_and(|entry| entry.adopted);
        blueprint.node(node).is_some_and(|place| place.predecessors.iter().any(adopted))
    }

    /// The nodes that wait to be resumed.
    pub fn awaiting(&self) -> impl Iterator<Item = (&NodeId, &NodeEntry)> {
        let ended = self.status.is_end();
        let nodes = self.nodes.iter().map(|(id, entry)| (id, &**entry));
        nodes.filter(move |(_, entry)| !ended && entry.state == NodeState::Awaiting)
    }

    /// Why the run failed, every error in a sentence, or why it was cancelled.
    pub fn reason(&self) -> String {
        if let Some(reason) = &self.cancelled {
            return reason.clone();
        }
        self.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
    }
}
