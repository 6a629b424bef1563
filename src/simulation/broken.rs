//! A promise that was broken.

use std::time::Duration;

use super::host::{Blamed, Outdated};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A run has not ended.
    NotEnded { run: String, status: Option<String> },
    /// A run that was said to be started, or of which a node was executed, is not there.
    Vanished { run: String },
    /// A run has another result than its rules say.
    Wrong { run: String, what: String },
    /// A node was executed twice without a death, a standstill or a lost lease.
    Twice { run: String, node: String, round: u32, attempt: u32 },
    /// A worker that had stopped started a node.
    AfterStop { worker: String, run: String, node: String },
    /// A node of a paused run was executed.
    WhilePaused { run: String, node: String },
    /// A node of a cancelled run, or of one that ends with it, was executed.
    AfterCancel { run: String, node: String },
    /// More nodes of a run were executed at a time than it may have.
    Crowded { run: String, times: usize, most: u32 },
    /// More nodes were executed at a time under a key than may be.
    OverLimit { times: usize, most: u32 },
    /// Messages are left in the queue.
    Left { queue: String, messages: usize },
    /// A message went to the dead letters.
    DeadLetter { body: String },
    /// A run failed for what its worker lacks, although another had it, or for what nobody lacks.
    Missed { run: String, reason: String },
    /// A node went on before it had slept.
    Overslept { run: String, node: String, slept: Duration, of: Duration },
    /// The user's own keys are not the user's.
    Keys { run: String, context: String },
    /// A node that kills nobody failed because workers died.
    Blamed(Blamed),
    /// A node was shown less of its run than there was.
    Outdated(Outdated),
    /// A due time of a schedule came to something else than one run.
    Schedule { schedule: String, what: String },
    /// Something of a run was not told, or was told twice.
    Untold { run: String, what: &'static str },
    /// A run has a key that nobody who answered has written, or lacks one.
    Written { run: String, what: String },
    /// A node that kills its worker was executed more often than it may be.
    Kills { run: String, node: String, times: usize },
}

impl Broken {
    /// Of which kind it is: a shrunk plan must break the same promise.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotEnded { .. } => "a run has not ended",
            Self::Vanished { .. } => "a run that was started is not there",
            Self::Wrong { .. } => "a run came to something else",
            Self::Twice { .. } => "a node was executed twice",
            Self::AfterStop { .. } => "a stopped worker started a node",
            Self::WhilePaused { .. } => "a node of a paused run was executed",
            Self::AfterCancel { .. } => "a node of a cancelled run was executed",
            Self::Crowded { .. } => "too many nodes of a run were executed at a time",
            Self::OverLimit { .. } => "too many nodes were executed at a time under a key",
            Self::Left { .. } => "messages are left",
            Self::DeadLetter { .. } => "a message went to the dead letters",
            Self::Missed { .. } => "a run failed for what another worker had",
            Self::Overslept { .. } => "a node did not sleep",
            Self::Keys { .. } => "a user's keys are changed",
            Self::Blamed(_) => "a node was blamed for deaths of others",
            Self::Outdated(_) => "a node did not see its run as it was",
            Self::Schedule { .. } => "a due time came to something else than one run",
            Self::Untold { .. } => "something was not told as it was",
            Self::Written { .. } => "what a node wrote does not count once",
            Self::Kills { .. } => "a node killed too many workers",
        }
    }
}
