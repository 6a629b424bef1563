//! Schedules as a record stores them: texts that it does not read, each with the moment at which somebody has to look at it.

use crate::ports::inserting::Inserted;

/// Which schedules to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleSearch {
    /// Those whose next check is due, the most urgent first.
    Due {
        /// Not those of these blueprints.
        without_blueprints: Vec<String>,
        /// Nor these.
        without: Vec<String>,
        /// At most so many.
        limit: i64,
    },
    /// The one of this id.
    One(String),
    /// A page of them, in the order of their ids.
    Page {
        /// Of this blueprint; of any if there is none.
        blueprint: Option<String>,
        /// After this one.
        after: String,
        /// At most so many.
        limit: i64,
    },
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundSchedules {
    /// When, by the record's clock: milliseconds since 1970.
    pub at: u64,
    /// The schedules.
    pub schedules: Vec<StoredSchedule>,
    /// When somebody has to look at the next one that is not due yet: milliseconds since 1970. Said of those that are due.
    pub next: Option<u64>,
}

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// Its id.
    pub id: String,
    /// What is stored: a JSON object.
    pub text: String,
    /// Changes with every write.
    pub revision: i64,
}

/// A schedule as it is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSchedule<'a> {
    /// Its id.
    pub id: &'a str,
    /// The blueprint that its runs follow.
    pub blueprint: &'a str,
    /// What is stored: a JSON object.
    pub text: &'a str,
    /// When somebody has to look at it: milliseconds since 1970; none for never.
    pub due: Option<u64>,
}

/// A change of the schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleWrite<'a> {
    /// A new one, if there is none of that id.
    Insert(NewSchedule<'a>),
    /// One that is there, if it is still of this revision.
    Change(NewSchedule<'a>, i64),
    /// The one of this id goes.
    Remove(&'a str),
}

/// What became of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleWritten {
    /// Whether it was made. If not, no run was inserted.
    pub is_written: bool,
    /// The runs that were inserted with it.
    pub inserted: Inserted,
}
