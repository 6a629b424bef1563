//! What is to be done with a schedule at a moment.

use std::collections::BTreeSet;

use super::definition::Overlap;
use super::recurrence::{Recurrence, run_id};
use super::schedule::{Backfill, Cause, Recent, Schedule};
use crate::error::Result;

/// Runs that start in one turn.
const MOST_STARTS: usize = 50;
/// Due times that pass in one turn.
const MOST_PASSES: usize = 1_000;
/// Up to so many missed due times of a pattern are counted in one turn.
const MOST_COUNTED: u64 = 10_000;
/// The most due times of one backfill.
pub const MOST_OF_A_BACKFILL: usize = 10_000;
/// How soon it is looked whether an earlier run has ended, at first and at last, in milliseconds.
const SOON: u64 = 1_000;
const LATE: u64 = 60_000;

/// What a turn goes by besides the schedule.
#[derive(Debug, Clone, Copy)]
pub struct TurnInputs<'a> {
    /// Now, by the record's clock: milliseconds since 1970.
    pub now: u64,
    /// Those of its open runs that are over.
    pub over: &'a BTreeSet<String>,
}

/// A run that is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartDue {
    /// Its id.
    pub run: String,
    /// Why.
    pub cause: Cause,
    /// When it was due.
    pub due: u64,
}

/// What is to be done with a schedule: all of it in one step, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The schedule afterwards.
    pub schedule: Schedule,
    /// The runs that start.
    pub starts: Vec<StartDue>,
    /// When somebody has to look at it again; none for never.
    pub look_at: Option<u64>,
    /// The first of the due times that were missed, and how many.
    pub missed: Option<(u64, u64)>,
}

/// What is to be done with a schedule.
///
/// # Errors
/// Its timing cannot be read.
pub fn turn(id: &str, schedule: &Schedule, seen: TurnInputs<'_>) -> Result<Turn> {
    let recurrence = schedule.definition.recurrence(schedule.created_at)?;
    let mut turning = Turning {
        id,
        recurrence: &recurrence,
        now: seen.now,
        starts: Vec::new(),
        schedule: schedule.clone(),
    };
    turning.schedule.open.retain(|run| !seen.over.contains(run));
    turning.by_hand();
    turning.of_the_past();
    let mut missed = None;
    if turning.schedule.pause.is_none() {
        turning.waiting();
        missed = turning.missed();
        turning.due();
    }
    let look_at = look_at(&turning.schedule, seen.now);
    Ok(Turn { schedule: turning.schedule, starts: turning.starts, look_at, missed })
}

/// When somebody has to look at a schedule; none for never.
pub fn look_at(schedule: &Schedule, now: u64) -> Option<u64> {
    if !schedule.triggers.is_empty() || !schedule.backfills.is_empty() {
        return Some(now);
    }
    if schedule.pause.is_some() {
        return None;
    }
    // The longer it has waited, the less it matters.
    let waiting = schedule.queued.first().map(|due| now + (now.saturating_sub(*due) / 10).clamp(SOON, LATE));
    schedule.next.into_iter().chain(waiting).min()
}

struct Turning<'a> {
    id: &'a str,
    recurrence: &'a Recurrence,
    now: u64,
    starts: Vec<StartDue>,
    schedule: Schedule,
}

impl Turning<'_> {
    fn has_room(&self) -> bool {
        self.starts.len() < MOST_STARTS
    }

    fn start(&mut self, run: String, cause: Cause, due: u64) {
        // A due time may be asked for twice, by two backfills or by one that ends now. It has one run.
        if self.starts.iter().any(|start| start.run == run) {
            return;
        }
        let started_at = self.now;
        self.schedule.note(Recent { run_id: run.clone(), cause, due_at: due, started_at });
        self.starts.push(StartDue { run, cause, due });
    }

    /// What somebody asked for starts, whatever goes on.
    fn by_hand(&mut self) {
        while self.has_room() && !self.schedule.triggers.is_empty() {
            let trigger = self.schedule.triggers.remove(0);
            self.start(trigger.run, Cause::Trigger, trigger.at);
        }
    }

    /// So does what was due in the past.
    fn of_the_past(&mut self) {
        while self.has_room() {
            let Some(Backfill { next, to }) = self.schedule.backfills.first().copied() else { return };
            if next <= to {
                self.start(run_id(self.id, next), Cause::Backfill, next);
            }
            match self.recurrence.after(next).filter(|next| *next <= to) {
                Some(next) => self.schedule.backfills[0] = Backfill { next, to },
                None => drop(self.schedule.backfills.remove(0)),
            }
        }
    }

    /// What waited for an earlier run starts once that is over.
    fn waiting(&mut self) {
        if self.schedule.definition.overlap == Overlap::Allow {
            // It was another policy when they were due.
            while self.has_room() && !self.schedule.queued.is_empty() {
                self.start_waiting();
            }
        } else if self.has_room() && self.schedule.open.is_empty() && !self.schedule.queued.is_empty() {
            self.start_waiting();
        }
    }

    fn start_waiting(&mut self) {
        let due = self.schedule.queued.remove(0);
        self.start(run_id(self.id, due), Cause::Due, due);
    }

    /// Passes over what nobody could start in time; the first of it, and how many.
    fn missed(&mut self) -> Option<(u64, u64)> {
        let in_time = self.now.saturating_sub(self.schedule.definition.catch_up_window);
        let first = self.schedule.next.filter(|due| *due < in_time)?;
        let before = self.schedule.definition.end_at.map_or(in_time, |end| in_time.min(end + 1));
        let count = self.recurrence.count(first, before, MOST_COUNTED);
        self.schedule.counts.missed += count;
        self.schedule.next = self.schedule.definition.next(self.recurrence, in_time.saturating_sub(1));
        Some((first, count))
    }

    /// What is due now starts, waits, or passes.
    fn due(&mut self) {
        for _ in 0..MOST_PASSES {
            let Some(due) = self.schedule.next.filter(|due| *due <= self.now && self.has_room()) else {
                return;
            };
            let is_free = self.schedule.open.is_empty() && self.schedule.queued.is_empty();
            let max_queued = usize::try_from(self.schedule.definition.max_queued).unwrap_or(usize::MAX);
            match self.schedule.definition.overlap {
                Overlap::Allow => self.start(run_id(self.id, due), Cause::Due, due),
                Overlap::Skip | Overlap::Queue if is_free => {
                    self.start(run_id(self.id, due), Cause::Due, due)
                }
                Overlap::Queue if self.schedule.queued.len() < max_queued => self.schedule.queued.push(due),
                Overlap::Skip | Overlap::Queue => self.schedule.counts.skipped += 1,
            }
            self.schedule.next = self.schedule.definition.next(self.recurrence, due);
        }
    }
}
