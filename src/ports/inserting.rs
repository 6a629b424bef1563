//! Runs that are inserted into a record, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

/// The runs that were inserted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inserted {
    /// When, by the database's clock: milliseconds since 1970; none if none was.
    pub at: Option<u64>,
    /// Each as it was asked for, and the id that the tables have for it: a UUID may be written in several ways.
    pub runs: BTreeMap<String, String>,
    /// Those that had a row already, as they were asked for.
    pub there: BTreeSet<String>,
}

/// Which of several runs are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// Those that have no row yet.
    Each,
    /// All of them or none.
    All,
}
