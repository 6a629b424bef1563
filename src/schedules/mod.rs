//! Schedules as data and rules: when a run is due by a cron pattern or an interval, and what becomes of each due time. Pure:
//! no server, and no clock but the moment that a caller names.
//!
//! A [`Schedule`] is what is stored of one. [`Recurrence`] knows its times. A [`turn()`] is what is to be done with it at a
//! moment: which runs start, which due times pass, and how the schedule stands afterwards. A due time is one step of the stored
//! schedule, so whoever writes the turn only if the schedule is still as it was read has each due time once.

mod definition;
mod recurrence;
mod schedule;
mod turn;

pub use definition::{Definition, Overlap};
pub use recurrence::{Recurrence, Timing, run_id};
pub use schedule::{Backfill, Cause, Counts, Recent, Schedule, SchedulePause, Trigger};
pub use turn::{MOST_OF_A_BACKFILL, StartDue, Turn, TurnInputs, look_at, turn};

#[cfg(test)]
mod tests;
