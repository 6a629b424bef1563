//! What the functions of the [record](super::record) take and answer with: rows and what is newer of them, locked changes, stale
//! runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::Revision;

/// A run, and what is newer of it than the revision that was asked about.
#[derive(Debug, Clone)]
pub struct Newer {
    /// The run.
    pub run: String,
    /// When, by the database's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The revision of its row.
    pub row: i64,
    /// What the row says.
    pub text: RowText,
    /// The entries of its journal after the one asked about, or all where the row is another.
    pub entries: Vec<String>,
    /// The number of the last of them.
    pub last: Option<i64>,
}

/// What a row says.
#[derive(Debug, Clone)]
pub enum RowText {
    /// It is of the revision that was asked about.
    Unchanged,
    /// `context_data`, as text; none for SQL null.
    Text(Option<String>),
}

/// Of each run that was written: when, by the database's clock, and the revision it is of now.
pub type Written = BTreeMap<String, (Option<u64>, Revision)>;

/// A statement for a transaction of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignStatement {
    /// SQL, with the parameters `$1`, `$2` and so on.
    pub text: String,
    /// The parameters, all text.
    pub values: Vec<Option<String>>,
    /// The id that the tables have for the run.
    pub run: String,
}

/// A change that was decided under the lock of a run's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedChange {
    /// It is written, at this moment by the database's clock.
    Written(Option<u64>),
    /// Nothing was to be changed.
    Declined,
    /// Runs have a journal: nothing was decided.
    Journal,
}

/// What is asked of a run's row on behalf of a `PostgresContext`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InRow<T> {
    /// This is what the row says.
    Found(T),
    /// There is no row.
    NoRow,
    /// Runs have a journal, which says the rest.
    Journal,
}

/// A run that is `running` and stale: its `updated_at` is old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleRun {
    /// The run.
    pub run: String,
    /// Its `updated_at`: microseconds since 1970, by the database's clock.
    pub since: i64,
}

/// Which stale runs to look for.
#[derive(Debug, Clone)]
pub struct StaleSearch {
    /// The least time since `updated_at`.
    pub at_least: Duration,
    /// The greatest time since `updated_at`.
    pub at_most: Duration,
    /// Only runs after this one.
    pub after: StaleRun,
    /// At most so many.
    pub limit: i64,
}

/// What awaits in a page of runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AwaitingPage {
    /// The last run of the page; none where it was the last page.
    pub last: Option<String>,
    /// Those that await.
    pub awaiting: Vec<String>,
}

/// How much of a run's row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Every key.
    Whole,
    /// The ledger alone, however large the rest is.
    Ledger,
}
