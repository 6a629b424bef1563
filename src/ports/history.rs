//! The history of executions, as a record stores it: what went into each attempt at a node, and what came out. It tells
//! people; nothing is decided by it.

use std::time::Duration;

use crate::json::Json;

/// An attempt at a node that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The run.
    pub run: String,
    /// The node, by its place in the run.
    pub node: String,
    /// Which execution of the node it was, from 1.
    pub execution: u32,
    /// Which attempt of that execution it was, from 1.
    pub attempt: u32,
    /// What it came to, in JavaScript's words.
    pub outcome: String,
    /// The worker that made it.
    pub worker: String,
    /// What went into it.
    pub input: KeptValue,
    /// What came out.
    pub output: KeptValue,
    /// Why it failed.
    pub error: Option<Json>,
    /// What it logged.
    pub log: Option<Json>,
}

/// A value, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptValue {
    /// As it is stored; none where there is no value, or it is too large.
    pub json: Option<Json>,
    /// Its size in bytes; none where there is no value.
    pub size: Option<u32>,
}

/// An attempt that is to be stored. The moments are those of the record's clock, as long ago as the worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// What is known of it.
    pub of: Attempt,
    /// How long ago it began.
    pub started: Duration,
    /// How long ago it ended.
    pub ended: Duration,
}

/// An attempt that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttempt {
    /// What is known of it.
    pub of: Attempt,
    /// When it began: milliseconds since 1970.
    pub started_at: u64,
    /// When it ended, and which of those that ended then it is.
    pub place: HistoryPlace,
}

/// Where an attempt stands in the history of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryPlace {
    /// When it ended: microseconds since 1970.
    pub ended: i64,
    /// A number that no other attempt has.
    pub number: i64,
}

/// Which attempts of a run to read: the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySearch {
    /// The run.
    pub run: String,
    /// At this node alone.
    pub node: Option<String>,
    /// Those that stand before this one.
    pub before: Option<HistoryPlace>,
    /// At most so many.
    pub limit: i64,
}

/// Which attempts to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryRemoval {
    /// All of a run.
    OfRun(String),
    /// Those that ended so long ago, at most so many.
    Older(Duration, i64),
}
