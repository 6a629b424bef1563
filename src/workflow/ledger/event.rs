//! What can happen to a run, and what follows from it.

use super::{Due, NodeError, Resume};
use crate::ids::NodeId;
use crate::json::Json;

/// An edge that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Where the edge leaves. A fallback's result also takes the edges of the node it replaced.
    pub source: NodeId,
    /// Where it arrives.
    pub target: NodeId,
    /// The edge has a transform, whose value comes before the `inputs` of the target's definition.
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
        taken: Vec<Arrival>,
        /// The nodes it adds.
        added: Vec<DynamicNode>,
        /// A gatherer that has not got everything sends its scatterer round again, and is not done yet.
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
    },
    /// It failed for good.
    Failed {
        /// The node.
        node: NodeId,
        /// The round it ran in.
        round: u32,
        /// Why, in a sentence.
        message: String,
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
        /// What it goes on with.
        with: Resume,
    },
    /// Something happened that a node waits for, or will.
    Happened {
        /// The event's name.
        name: String,
        /// What it carries.
        payload: Option<Json>,
        /// The one node it is meant for, if it is.
        node: Option<NodeId>,
    },
    /// The run is to end.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// A failed run is to start again from the nodes that failed.
    TriedAgain,
    /// The run as a whole can not go on: its blueprint is unknown, say.
    Abandoned {
        /// Why.
        error: NodeError,
    },
}

/// What a paused node waits for.
#[derive(Debug, Clone, Default)]
pub struct Pause {
    /// In core's words, for `_awaitingDetails`.
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
    /// The node is not in flight in that round: another execution of it was counted.
    NotDue,
    /// The node does not wait to be resumed.
    NotAwaiting,
    /// The run has not failed.
    NotFailed,
}

/// What follows from an event that was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transition {
    /// The jobs to publish.
    pub due: Vec<Due>,
    /// Which of the event's edges arrived, by their index: only their inputs are written. An edge to an
    /// `any` join that has fired, or to a node already done, arrives no more.
    pub arrived: Vec<usize>,
    /// The node was replaced by its fallback: its output is `null`.
    pub replaced: bool,
}
