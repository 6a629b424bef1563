//! User code, as the engine sees it: one question a job, one answer.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::blueprint::Description;
use crate::blueprint::NodeId;
use crate::context::{Document, Patch};
use crate::error::Result;
use crate::json::Json;
use crate::ledger::{Arrival, DynamicNode, Pause, Resume, RunStatus};
use crate::message::JobMessage;

/// One node to run.
#[derive(Debug)]
pub struct Call {
    /// The message that asked for it.
    pub job: JobMessage,
    /// Everything stored of the run.
    pub document: Document,
    /// The node was paused and goes on with this.
    pub resumed: Option<Resume>,
    /// An edge decided the node's input.
    pub fed: bool,
    /// What led to it was done by a worker of another kind, which may have died before it passed the input on.
    pub beside_strangers: bool,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Definitions of the nodes added to the run.
    pub added: Vec<Json>,
    /// Cancelled when the node should stop.
    pub cancelled: CancellationToken,
}

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

/// Something the user may want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A job was published: core's `job:enqueued`.
    Enqueued {
        /// The job.
        job: JobMessage,
        /// Where it was published to.
        queue: String,
    },
    /// A job was done: core's `job:processed`.
    Processed {
        /// The job.
        job: JobMessage,
        /// Milliseconds from delivery to commit.
        duration: u64,
        /// Whether the node succeeded.
        success: bool,
    },
    /// The worker receives no more jobs, and nothing it can do will change that.
    Deaf {
        /// Why, and what to do.
        message: String,
    },
    /// A line for the user's logger.
    Log {
        /// How bad it is.
        level: Level,
        /// What happened.
        message: String,
    },
}

/// The levels of core's logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of no interest in production.
    Debug,
    /// Worth a line.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something is lost or stuck.
    Error,
}

/// What the engine asks of JavaScript.
#[async_trait]
pub trait Host: Send + Sync {
    /// The description of a blueprint, if the user's runtime has it.
    ///
    /// # Errors
    /// The blueprint can not be run at all, and why.
    async fn blueprint(&self, id: &str) -> Result<Option<Description>>;

    /// Runs a node.
    ///
    /// # Errors
    /// Only when JavaScript is gone: whatever user code does is an [`Answer`].
    async fn execute(&self, call: Call) -> Result<Answer>;

    /// Whether the run's result goes through the adapter's `publishFinalResult`: it is overridden, or the
    /// runtime has a serializer of its own.
    fn publishes_results(&self) -> bool;

    /// Calls the adapter's `publishFinalResult`.
    ///
    /// # Errors
    /// What it threw.
    async fn publish_result(&self, run: &str, status: RunStatus, reason: &str, context: &Json) -> Result<()>;

    /// Whether anybody hears of jobs that are published and done.
    fn listens(&self) -> bool;

    /// Tells the user something; never waits.
    fn notify(&self, notice: Notice);
}
