//! A schedule as it is stored: what its user said, and how it stands. All moments are milliseconds since 1970, by the record's
//! clock.

use serde::{Deserialize, Serialize};

use super::definition::{Definition, OPERATION, Overlap};
use crate::error::{Code, Error, Result};

/// The runs that are remembered as the last ones.
const RECENT: usize = 10;
/// The runs that are looked at to know whether an earlier one goes on.
const OPEN: usize = 100;

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

impl Schedule {
    /// A new schedule.
    ///
    /// # Errors
    /// It can never be due, or cannot be read.
    pub fn new(definition: Definition, now: u64, pause: Option<SchedulePause>) -> Result<Self> {
        let next = definition.first(now, now)?;
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
        let next = definition.first(self.created_at, now)?;
        let (old, new) = (&self.definition, &definition);
        let is_as_due = (&old.timing, old.start_at, old.end_at) == (&new.timing, new.start_at, new.end_at);
        let next = if is_as_due { self.next } else { next.filter(|_| self.pause.is_none()) };
        let updated_at = if old.is_same(new) { self.updated_at } else { now };
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
