//! The outcome of a node: JavaScript's answer to a job.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::NodeId;
use crate::json::Json;
use crate::record::Patch;
use crate::workflow::ledger::{DynamicNode, Pause, TakenEdge, Tries, Why};

/// The answer to a job.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// What it wrote into the context. It is committed whether the node succeeded or not.
    pub patch: Patch,
    /// The span that executed it, if there is one: a `traceparent`.
    pub trace: Option<String>,
    /// The tries within its execution.
    pub tries: Tries,
}

impl Answer {
    /// An answer that writes nothing.
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, patch: Patch::default(), trace: None, tries: Tries::default() }
    }
}

/// How a node ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It returned a result.
    Finished {
        /// Its output; none is not the same as `null`.
        output: Option<Json>,
        /// The action it decided on.
        action: Option<String>,
        /// The edges that follow.
        taken: Vec<Taken>,
        /// The nodes it adds.
        added: Vec<DynamicNode>,
        /// The node is a gatherer, and this scatterer is due for its next chunk.
        again: Option<NodeId>,
    },
    /// It failed for good.
    Failed {
        /// Why.
        why: Why,
        /// Whether its fallback may take over.
        recoverable: bool,
    },
    /// It failed, and another attempt follows through the queue.
    Retry {
        /// How long to wait first.
        after: Duration,
        /// It only asked for a later time, and counts as no attempt.
        postponed: bool,
        /// Why; none where it was not executed.
        why: Option<Why>,
    },
    /// It paused.
    Paused {
        /// What it waits for.
        pause: Pause,
        /// Its output so far. A resume may replace it.
        output: Option<Json>,
    },
    /// It runs another blueprint as a subflow, whose nodes are jobs of the run.
    Opened(Box<Subflow>),
}

impl Outcome {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
            Self::Retry { .. } => "retry",
            Self::Paused { .. } => "paused",
            Self::Opened(_) => "opened",
        }
    }
}

/// A subflow that begins, as its container asks for it.
#[derive(Debug, Clone)]
pub struct Subflow {
    /// The blueprint.
    pub blueprint: String,
    /// The keys of its context.
    pub context: BTreeMap<String, Json>,
    /// The keys it gives its container's context, each with the key of its own that it takes the value from.
    pub outputs: Option<BTreeMap<String, String>>,
    /// Its terminal nodes.
    pub terminals: Vec<NodeId>,
    /// How long it may take.
    pub limit: Option<Duration>,
}

/// An edge that follows from a result, with what it brings.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The edge.
    pub edge: TakenEdge,
    /// The target's input; absent for none.
    pub input: Option<Json>,
}
