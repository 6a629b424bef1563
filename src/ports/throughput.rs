//! What happened when, as a record stores it: counts by minute, and by hour once they are old. They stay when runs are
//! purged; they tell people, and nothing is decided by them.

/// How many minutes a row of a writer may still be written; older ones are dropped. Each is the writer's own until
/// [`MERGED_AFTER`], so that it may be written again and again.
pub const WRITTEN_FOR: u64 = 5;
/// After how many minutes the rows of all writers become one.
pub const MERGED_AFTER: u64 = 10;
/// After how many minutes the rows of an hour become one: two days.
pub const HOURLY_AFTER: u64 = 2 * 24 * 60;
/// After how many minutes a row is removed: 31 days.
pub const KEPT_FOR: u64 = 31 * 24 * 60;

/// How often something happened within a minute, as one writer has counted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCount {
    /// The minute, since 1970.
    pub minute: u64,
    /// Of runs of this blueprint; empty where it is not known.
    pub blueprint: String,
    /// Whose jobs go through this queue.
    pub queue: String,
    /// What happened: `started`, `completed`, `failed` or `cancelled` for runs, `nodes` for a node that was executed.
    pub outcome: &'static str,
    /// How often, all in all: it replaces what the writer has written of this minute before.
    pub count: u64,
}
