//! A schedule as it is stored: what its user said, and how it stands. All moments are milliseconds since 1970, by the record's
//! clock.

use serde::{Deserialize, Serialize};

use super::recurrence::{Recurrence, Timing};
use crate::error::{Code, Error, Result};
use crate::record::Values;

const OPERATION: &str = "Reading the schedule";
/// The shortest window within which due times are caught up with, in milliseconds: workers look about every second.
const SHORTEST_WINDOW: u64 = 10_000;
/// The most due times that may wait for the run before them.
const LONGEST_QUEUE: u32 = 100;
/// The runs that are remembered as the last ones.
const RECENT: usize = 10;
/// The runs that are looked at to know whether an earlier one goes on.
const OPEN: usize = 100;

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

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// What its user says.
    pub definition: Definition,
    /// When it was created.
    pub created_at: u64,
    /// When its definition last changed.
    pub updated_at: u64,
    /// Since when it pauses, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<SchedulePause>,
    /// The next due time that nothing has become of yet; none where it pauses or is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Due times that wait for the end of an earlier run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued: Vec<u64>,
    /// Runs that are to start besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// Due times of the past that are to start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<Backfill>,
    /// The runs that may go on, as far as that matters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// What became of its due times.
    #[serde(default)]
    pub counts: Counts,
    /// Its last runs, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Recent>,
}

/// A schedule pauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePause {
    /// Since when.
    pub at: u64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A run that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its id.
    pub run: String,
    /// When it was asked for.
    pub at: u64,
}

/// Due times of the past that somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The first that has not started.
    pub next: u64,
    /// The last.
    pub to: u64,
}

/// What became of the due times of a schedule, and how often somebody asked for a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Runs that its due times started.
    pub started: u64,
    /// Due times that passed because an earlier run went on.
    pub skipped: u64,
    /// Due times that nobody could start in time.
    pub missed: u64,
    /// Runs that were started by hand.
    pub triggered: u64,
    /// Runs that were started for due times of the past.
    pub backfilled: u64,
}

/// Why a run started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It was due.
    Due,
    /// Somebody asked for it.
    Trigger,
    /// Somebody asked for what was due in the past.
    Backfill,
}

/// A run that started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recent {
    /// Its id.
    pub run_id: String,
    /// Why it started.
    pub cause: Cause,
    /// When it was due.
    pub due_at: u64,
    /// When it started.
    pub started_at: u64,
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
}

impl Schedule {
    /// A new schedule.
    ///
    /// # Errors
    /// It can never be due, or cannot be read.
    pub fn new(definition: Definition, now: u64, pause: Option<SchedulePause>) -> Result<Self> {
        let next = first(&definition, now, now)?;
        Ok(Self {
            definition,
            created_at: now,
            updated_at: now,
            next: next.filter(|_| pause.is_none()),
            pause,
            queued: Vec::new(),
            triggers: Vec::new(),
            backfills: Vec::new(),
            open: Vec::new(),
            counts: Counts::default(),
            recent: Vec::new(),
        })
    }

    /// The schedule with another definition. It goes on pausing, if it pauses, and keeps what became of it. A due time that has
    /// come stays due if the new definition has it too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn redefined(&self, definition: Definition, now: u64) -> Result<Self> {
        let next = first(&definition, self.created_at, now)?;
        let (old, new) = (&self.definition, &definition);
        let is_as_due = (&old.timing, old.start_at, old.end_at) == (&new.timing, new.start_at, new.end_at);
        let next = if is_as_due { self.next } else { next.filter(|_| self.pause.is_none()) };
        let updated_at = if is_same(old, new) { self.updated_at } else { now };
        Ok(Self { definition, updated_at, next, ..self.clone() })
    }

    /// The schedule as it pauses; what is due meanwhile passes.
    #[must_use]
    pub fn paused(&self, now: u64, note: Option<String>) -> Self {
        Self { pause: Some(SchedulePause { at: now, note }), next: None, ..self.clone() }
    }

    /// The schedule as it goes on from now.
    ///
    /// # Errors
    /// Its timing cannot be read.
    pub fn resumed(&self, now: u64) -> Result<Self> {
        if self.pause.is_none() {
            return Ok(self.clone());
        }
        let next = self.definition.next(&self.definition.recurrence(self.created_at)?, now);
        Ok(Self { pause: None, next, ..self.clone() })
    }

    /// Its next due times; while it pauses, those that it would have.
    ///
    /// # Errors
    /// Its timing cannot be read.
    pub fn next_times(&self, now: u64, most: usize) -> Result<Vec<u64>> {
        let recurrence = self.definition.recurrence(self.created_at)?;
        let next = |after: u64| self.definition.next(&recurrence, after);
        let first = if self.pause.is_some() { next(now) } else { self.next };
        Ok(std::iter::successors(first, |due| next(*due)).take(most).collect())
    }

    /// Reads a stored one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                Code::ScheduleInvalid,
                OPERATION,
                format!("what is stored of it cannot be read: {error}"),
            )
        })
    }

    /// Notes a run that starts.
    pub(super) fn note(&mut self, run: Recent) {
        match run.cause {
            Cause::Due => self.counts.started += 1,
            Cause::Trigger => self.counts.triggered += 1,
            Cause::Backfill => self.counts.backfilled += 1,
        }
        if self.definition.overlap != Overlap::Allow && run.cause != Cause::Backfill {
            self.open.push(run.run_id.clone());
            let old = self.open.len().saturating_sub(OPEN);
            self.open.drain(..old);
        }
        self.recent.insert(0, run);
        self.recent.truncate(RECENT);
    }
}

/// Whether two definitions say the same; a database may have written one of them in another way.
fn is_same(one: &Definition, other: &Definition) -> bool {
    match (serde_json::to_value(one), serde_json::to_value(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The first due time of a definition from now on.
fn first(definition: &Definition, created_at: u64, now: u64) -> Result<Option<u64>> {
    definition.check()?;
    let next = definition.next(&definition.recurrence(created_at)?, now);
    match (next, definition.end_at) {
        (None, None) => Err(Error::new(
            Code::ScheduleInvalid,
            OPERATION,
            "its cron pattern names no time that will ever be",
        )),
        (next, _) => Ok(next),
    }
}
