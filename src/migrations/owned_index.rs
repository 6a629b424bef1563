//! The indexes that steps make, and their names.

use super::names::beside;

/// An index of one of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnedIndex {
    /// Of the runs that go on.
    Open,
    /// Of the tags.
    Tags,
    /// Of the runs of a blueprint.
    Blueprint,
    /// Of the runs that wait, by the first node that does.
    Waits,
    /// Of the runs in which several nodes wait, by all but the first of them.
    WaitsMore,
    /// Of the runs that a person has paused.
    Halted,
    /// Of the runs that failed or were cancelled.
    Failed,
    /// Of why they did, by any part of the text.
    Reasons,
}

impl OwnedIndex {
    /// Every one of a status table.
    pub const OF_STATUSES: &[Self] = &[Self::Open, Self::Tags, Self::Failed, Self::Reasons];
    /// Every one of a context table.
    pub const OF_CONTEXTS: &[Self] = &[Self::Blueprint, Self::Waits, Self::WaitsMore, Self::Halted];

    /// Its quoted name, by that of its table.
    pub fn name(self, table: &str) -> String {
        let word = match self {
            Self::Open => "open",
            Self::Tags => "tags",
            Self::Blueprint => "blueprint",
            Self::Waits => "waits",
            Self::WaitsMore => "waits_more",
            Self::Halted => "halted",
            Self::Failed => "failed",
            Self::Reasons => "reasons",
        };
        beside(table, word)
    }
}
