//! Runs as an application sees them: what their status rows say, pages of them, and their removal.

use std::time::Duration;

/// What the status row of a run says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusView {
    /// The word; a client of the user's may have written any.
    pub status: Option<String>,
    /// The final payload as JSON, once the run is over.
    pub result: Option<String>,
    /// Milliseconds since 1970; none where the table has no `updated_at`.
    pub updated_at: Option<u64>,
    /// What the run is found by, where the row says it.
    pub tags: Vec<String>,
}

/// Which runs to list, all that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSearch {
    /// Of one of these statuses; any if there is none.
    pub statuses: Vec<String>,
    /// Of this blueprint.
    pub blueprint: Option<String>,
    /// That have all of these tags.
    pub tags: Vec<String>,
    /// In which this node of the blueprint waits: for a person, an event, a webhook, a moment or a child.
    pub waiting_at: Option<String>,
    /// That failed or were cancelled for a reason of which this is a part.
    pub error: Option<String>,
    /// That a person has paused and that are not over, or all others.
    pub paused: Option<bool>,
    /// Whose ids begin so.
    pub prefix: Option<String>,
    /// Started by a client of ours before: milliseconds since 1970.
    pub created_before: Option<u64>,
    /// Last changed before: milliseconds since 1970.
    pub updated_before: Option<u64>,
    /// After this run, in the order of the list.
    pub after: Option<String>,
    /// From the greatest id to the least.
    pub is_descending: bool,
    /// At most so many.
    pub limit: i64,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// Its status.
    pub status: Option<String>,
    /// The blueprint it follows, as far as its rows say.
    pub blueprint: Option<String>,
    /// When a client of ours started it: milliseconds since 1970.
    pub created_at: Option<u64>,
    /// When it last changed: milliseconds since 1970.
    pub updated_at: Option<u64>,
    /// What it is found by.
    pub tags: Vec<String>,
}

/// How many runs of a blueprint are of a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunCount {
    /// The status.
    pub status: Option<String>,
    /// The blueprint, as far as the rows say.
    pub blueprint: Option<String>,
    /// How many.
    pub count: i64,
}

/// By what counts are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The blueprint of the run.
    Blueprint,
    /// The queue of its jobs.
    Queue,
}

/// What to count that happened, ends of runs above all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSearch {
    /// Those of the time until now that is so long.
    pub within: Duration,
    /// The length of each step of time that is counted by itself: at least a millisecond.
    pub step: Duration,
    /// By what they are told apart.
    pub by: By,
    /// What to count: `completed`, `failed` and `cancelled` runs; where counts are stored, also runs that were `started` and `nodes`
    /// that were executed.
    pub outcomes: Vec<String>,
}

/// How many runs of a blueprint ended alike within a step of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndCount {
    /// When the step begins: milliseconds since 1970.
    pub from: u64,
    /// How they ended: the word of their status rows, or another that was asked for.
    pub status: String,
    /// The blueprint, as far as the rows say; none where it is told by queue.
    pub blueprint: Option<String>,
    /// The queue, where it is told by that; none where only the status rows say how runs ended.
    pub queue: Option<String>,
    /// How many.
    pub count: i64,
}

/// Which runs to remove: those that are over and meet every condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// This run alone.
    pub run: Option<String>,
    /// Of one of these statuses.
    pub statuses: Vec<String>,
    /// That have all of these tags.
    pub tags: Vec<String>,
    /// Last changed so long ago; none for any.
    pub older_than: Option<Duration>,
    /// At most so many.
    pub limit: i64,
}

/// A run that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The run.
    pub run: String,
    /// The nodes it had reached, as far as its row says.
    pub nodes: Vec<String>,
}
