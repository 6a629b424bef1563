//! What came of a node: the data JavaScript answers a job with.

use std::time::Duration;

use crate::ids::NodeId;
use crate::json::Json;
use crate::record::Patch;
use crate::workflow::ledger::{Arrival, DynamicNode, Pause};

/// What came of a node.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// What it wrote into the context; lands whether it succeeded or not.
    pub patch: Patch,
}

/// How a node ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With a result.
    Finished {
        /// Its output; absent for none, which is not the same as `null`.
        output: Option<Json>,
        /// The action it decided on.
        action: Option<String>,
        /// The edges that follow.
        taken: Vec<Taken>,
        /// The nodes it adds.
        added: Vec<DynamicNode>,
        /// It is a gatherer and sends this scatterer for its next chunk.
        again: Option<NodeId>,
    },
    /// With an error.
    Failed {
        /// Why, in a sentence.
        message: String,
        /// Whether its fallback may take over.
        recoverable: bool,
    },
    /// With an error that another attempt may mend, through the queue.
    Retry {
        /// How long to wait first.
        after: Duration,
    },
    /// Not yet: it waits.
    Paused {
        /// For what.
        pause: Pause,
        /// Its output so far, which it goes on with unless it is resumed with another.
        output: Option<Json>,
    },
}

/// An edge that follows from a result, with what it brings.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The edge.
    pub arrival: Arrival,
    /// The target's input; absent for none.
    pub input: Option<Json>,
}
