//! User code, as the engine sees it: one call a job, one answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::ports::about::About;
use crate::ports::view::{LiveAttempt, LiveRuns, View};
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::Answer;
use crate::record::Milestones;
use crate::workflow::blueprint::Description;
use crate::workflow::ledger::{Resume, RunStatus, SubflowFailure};
use crate::workflow::path::Inside;

/// The revision of a blueprint. Equal descriptions have equal revisions, in every process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueprintRevision(Arc<str>);

impl From<&str> for BlueprintRevision {
    fn from(revision: &str) -> Self {
        Self(revision.into())
    }
}

impl BlueprintRevision {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A blueprint as JavaScript has it at one moment.
#[derive(Debug, Clone)]
pub struct Described {
    /// Which revision it is.
    pub revision: BlueprintRevision,
    /// Its description.
    pub description: Description,
}

/// JavaScript's reply to a call.
#[derive(Debug)]
pub enum Reply {
    /// The node's answer.
    Answered(Answer),
    /// JavaScript has another revision of the blueprint by now. It ran nothing.
    Outdated,
    /// The node runs another blueprint, as a subflow, that JavaScript does not have. It ran nothing.
    Lacking {
        /// Which it is.
        blueprint: String,
    },
}

/// One node to run.
pub struct Call {
    /// The message that asked for it.
    pub job: JobMessage,
    /// The run as the node sees it.
    pub view: View,
    /// Where it looks at the run again, and writes.
    pub live: Arc<dyn LiveRuns>,
    /// The attempt, as it writes there.
    pub writing: Arc<LiveAttempt>,
    /// The revision of the blueprint that admitted it. JavaScript runs the node by no other.
    pub revision: BlueprintRevision,
    /// What the paused node is resumed with.
    pub resumed: Option<Resume>,
    /// The transform of an edge made the node's input.
    pub fed: bool,
    /// A worker of version 1 did a predecessor, and may have died before it wrote the node's input.
    pub beside_version_1: bool,
    /// Which attempt it is, from 1: those that asked for a later time are not counted.
    pub attempt: u32,
    /// Which execution of the node it is, from 1.
    pub round: u32,
    /// Definitions of the nodes added to the run, or to the subflow that it stands in.
    pub added: Vec<Json>,
    /// Where it stands, and the blueprint there, if it is a node inside a subflow.
    pub inside: Option<(Inside, String)>,
    /// Its own subflow failed: it answers for that, and nothing is executed.
    pub failed: Option<SubflowFailure>,
    /// That the run goes on, where this job is the one to tell it: before the node starts.
    pub onward: Option<Milestones>,
    /// Cancelled when the node should stop.
    pub cancelled: CancellationToken,
}

/// A notice for the user.
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
    /// The worker receives no more jobs and cannot recover by itself.
    Deaf {
        /// Why, and what to do.
        message: String,
        /// The queue.
        queue: String,
    },
    /// The worker takes no jobs before somebody mends what is wrong.
    Unfit {
        /// What is wrong, and what to do.
        error: Error,
    },
    /// A line for the user's logger.
    Log {
        /// How bad it is.
        level: Level,
        /// What happened.
        message: String,
        /// What it is about.
        about: About,
    },
    /// The worker takes jobs from now on, or has lost what it needs for that.
    Readiness {
        /// Which of the two.
        readiness: Readiness,
        /// How it is: JSON.
        health: Json,
    },
    /// A span of a trace.
    Span(Span),
}

/// What the engine did for a job that belongs to a trace: it ended just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it was.
    pub kind: SpanKind,
    /// The span that led to it: a `traceparent`.
    pub after: String,
    /// The run.
    pub run: String,
    /// The node.
    pub node: NodeId,
    /// How long it took.
    pub took: Duration,
}

/// What the engine does for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// The job was published.
    Publish,
    /// Its result was committed.
    Commit,
}

/// Whether a started worker takes jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// It does not, and will once its servers are back.
    Reconnecting,
}

/// The levels of core's logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For debugging.
    Debug,
    /// For the normal log.
    Info,
    /// An operator should look at it.
    Warn,
    /// Something is lost or stuck.
    Error,
}

/// What the engine asks of JavaScript.
#[async_trait]
pub trait Host: Send + Sync {
    /// A blueprint as it is now, if the user's runtime has it.
    ///
    /// # Errors
    /// The blueprint cannot be run at all, and why.
    async fn blueprint(&self, id: &str) -> Result<Option<Described>>;

    /// The revision of a blueprint as it is now, if the user's runtime has it.
    ///
    /// # Errors
    /// As [`blueprint`](Self::blueprint).
    async fn revision(&self, id: &str) -> Result<Option<BlueprintRevision>>;

    /// The blueprints of the user's runtime that can be run, each with its revision.
    ///
    /// # Errors
    /// Only if JavaScript is gone.
    async fn blueprints(&self) -> Result<BTreeMap<String, String>>;

    /// Runs a node, by the blueprint of the revision asked for.
    ///
    /// # Errors
    /// Only if JavaScript is gone: a failure of user code is an [`Answer`].
    async fn execute(&self, call: Call) -> Result<Reply>;

    /// Whether the run's result goes through the adapter's `publishFinalResult`: it is overridden, or the
    /// runtime has a serializer of its own.
    fn publishes_results(&self) -> bool;

    /// Calls the adapter's `publishFinalResult`.
    ///
    /// # Errors
    /// What it threw.
    async fn publish_result(&self, run: &str, status: RunStatus, reason: &str, context: &Json) -> Result<()>;

    /// Whether the user listens to events of jobs.
    fn listens(&self) -> bool;

    /// Whether the user collects traces.
    fn traces(&self) -> bool {
        false
    }

    /// Tells of a run as a whole; resolves once it is heard, or nobody waits for that any more.
    ///
    /// # Errors
    /// Only if JavaScript is gone.
    async fn tell_of(&self, _run: &str, _milestones: Milestones) -> Result<()> {
        Ok(())
    }

    /// Notifies the user. Never waits.
    fn notify(&self, notice: Notice);
}
