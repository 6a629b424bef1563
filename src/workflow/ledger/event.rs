//! What can happen to a run, and what follows from it.

use super::due::DueJob;
use super::entry::Resume;
use super::state::NodeError;
use super::tried::Why;
use crate::ids::NodeId;
use crate::json::Json;

/// An edge that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenEdge {
    /// Where the edge starts. A fallback also takes the edges of the node it replaced.
    pub source: NodeId,
    /// Where it ends.
    pub target: NodeId,
    /// The edge has a transform. Its value takes precedence over the `inputs` of the target's definition.
    pub fed: bool,
}

/// A node that a result adds to the run; due at once.
#[derive(Debug, Clone)]
pub struct DynamicNode {
    /// Its id.
    pub id: NodeId,
    /// Its definition, passed through unread.
    pub definition: Json,
    /// The node that waits for it, besides its own predecessors.
    pub gather: Option<NodeId>,
}

/// Something that happened to a node in one round.
#[derive(Debug, Clone)]
pub enum Event {
    /// It returned a result.
    Finished {
        /// The node.
        node: NodeId,
        /// The round it ran in.
        round: u32,
        /// The action it decided on.
        action: Option<String>,
        /// The edges that follow from it.
        taken: Vec<TakenEdge>,
        /// The nodes it adds.
        added: Vec<DynamicNode>,
        /// The scatterer of a gatherer that has not gathered everything: it is due again, and the gatherer is not done.
        again: Option<NodeId>,
    },
    /// An attempt failed, and another follows.
    Retried {
        /// The node.
        node: NodeId,
        /// The round it ran in.
        round: u32,
        /// When the next attempt is due: milliseconds since 1970.
        not_before: u64,
        /// It only asked for a later time, and counts as no attempt.
        postponed: bool,
        /// Why; none where it was not executed.
        why: Option<Why>,
    },
    /// It failed for good.
    Failed {
        /// The node.
        node: NodeId,
        /// The round it ran in.
        round: u32,
        /// Why.
        why: Why,
        /// Whether its fallback, if it has one, may take over: not after a fatal error.
        recoverable: bool,
    },
    /// It waits to be resumed.
    Paused {
        /// The node.
        node: NodeId,
        /// The round it ran in.
        round: u32,
        /// What it waits for.
        pause: Pause,
    },
    /// A paused node is to go on: it becomes due again, to decide its edges.
    Resumed {
        /// The node.
        node: NodeId,
        /// What it is resumed with.
        with: Resume,
    },
    /// An event happened that a node waits for or will wait for.
    Happened {
        /// The event's name.
        name: String,
        /// What it carries.
        payload: Option<Json>,
        /// The only node it is meant for; none for every node that waits for it.
        node: Option<NodeId>,
    },
    /// The run is to end.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// A failed run is to start again from the nodes that failed.
    TriedAgain,
    /// The run cannot go on at all, for example because no worker knows its blueprint.
    Abandoned {
        /// Why.
        error: NodeError,
    },
}

/// What a paused node waits for.
#[derive(Debug, Clone, Default)]
pub struct Pause {
    /// In core's fields, for `_awaitingDetails`.
    pub details: Option<Json>,
    /// An event, by its name.
    pub event: Option<String>,
    /// A moment: milliseconds since 1970.
    pub until: Option<u64>,
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The run is over.
    Ended,
    /// The node is not in flight in that round: another execution counted already.
    NotDue,
    /// The node does not wait to be resumed.
    NotAwaiting,
    /// The run has not failed.
    NotFailed,
}

/// What follows from an event that counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transition {
    /// The jobs to publish.
    pub due: Vec<DueJob>,
    /// The indices of the event's edges that arrived: only their inputs are written. An edge does not arrive at an
    /// `any` join that has fired, or at a node that is done.
    pub arrived: Vec<usize>,
    /// The node was replaced by its fallback: its output is `null`.
    pub replaced: bool,
}
