//! What a user says of a schedule.

use serde::{Deserialize, Serialize};

use super::recurrence::{Recurrence, Timing};
use crate::error::{Code, Error, Result};
use crate::record::Values;

/// What errors say was done.
pub(super) const OPERATION: &str = "Reading the schedule";
/// The shortest window within which due times are caught up with, in milliseconds: workers look about every second.
const SHORTEST_WINDOW: u64 = 10_000;
/// The most due times that may wait for the run before them.
const LONGEST_QUEUE: u32 = 100;

/// What becomes of a due time while an earlier run of the schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// It passes.
    Skip,
    /// It waits for the end of that run; where too many wait, it passes.
    Queue,
    /// Its run starts all the same.
    Allow,
}

/// What the user says of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// When it is due.
    pub timing: Timing,
    /// The blueprint that its runs follow.
    pub blueprint_id: String,
    /// The keys of their contexts.
    #[serde(default)]
    pub context: Values,
    /// What they are found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What becomes of a due time while an earlier run goes on.
    pub overlap: Overlap,
    /// How many due times wait at most, with [`Overlap::Queue`].
    pub max_queued: u32,
    /// How late a run may start, in milliseconds. A due time that nobody could start for so long has been missed.
    pub catch_up_window: u64,
    /// It is due at this moment at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<u64>,
    /// It is due at this moment at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<u64>,
}

impl Definition {
    /// Its due times; an interval is counted from `startAt`, or from when the schedule was created.
    ///
    /// # Errors
    /// The timing cannot be read.
    pub fn recurrence(&self, created_at: u64) -> Result<Recurrence> {
        Recurrence::new(&self.timing, self.start_at.unwrap_or(created_at))
    }

    /// Its first due time after a moment; none if it is over by then.
    pub(super) fn next(&self, recurrence: &Recurrence, after: u64) -> Option<u64> {
        let after = self.start_at.map_or(after, |start| after.max(start.saturating_sub(1)));
        recurrence.after(after).filter(|due| self.end_at.is_none_or(|end| *due <= end))
    }

    /// Refuses what can never be.
    fn check(&self) -> Result<()> {
        let refused = |what: String| Err(Error::new(Code::ScheduleInvalid, OPERATION, what));
        match self {
            _ if self.catch_up_window < SHORTEST_WINDOW => {
                refused(format!("catchUpWindow is {SHORTEST_WINDOW} ms or more"))
            }
            _ if !(1..=LONGEST_QUEUE).contains(&self.max_queued) => {
                refused(format!("maxQueued is 1 to {LONGEST_QUEUE}"))
            }
            Self { start_at: Some(start), end_at: Some(end), .. } if start > end => {
                refused("endAt is before startAt".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether another says the same; a database may have written one of them in another way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (serde_json::to_value(self), serde_json::to_value(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
    }

    /// Its first due time from now on.
    ///
    /// # Errors
    /// It can never be due, or cannot be read.
    pub(super) fn first(&self, created_at: u64, now: u64) -> Result<Option<u64>> {
        self.check()?;
        let next = self.next(&self.recurrence(created_at)?, now);
        match (next, self.end_at) {
            (None, None) => Err(Error::new(
                Code::ScheduleInvalid,
                OPERATION,
                "its cron pattern names no time that will ever be",
            )),
            (next, _) => Ok(next),
        }
    }
}
