//! When a schedule is due: the next moment after another, by a cron pattern in a time zone, or by an interval.
//!
//! `croner` knows which wall-clock times a pattern means. What becomes of a wall-clock time that a change of the clocks skips
//! or repeats is decided here, as cron has it:
//!
//! - A pattern that names its hours and minutes (`30 2 * * *`, `0 9,17 * * *`) is due once for each time it names. A time that
//!   is skipped is due when the clocks have jumped; one that comes twice is due the first time.
//! - A pattern with `*` for its hours, minutes or seconds (`*/15 * * * *`) goes by the clock on the wall: what is skipped is not
//!   due, and what comes twice is due twice.

use croner::Cron;
use croner::parser::CronParser;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

const OPERATION: &str = "Reading the schedule";
/// The shortest interval, in milliseconds.
const SHORTEST: u64 = 1_000;
/// Clocks are never moved by more than this at a time.
const LARGEST_CHANGE: SignedDuration = SignedDuration::from_hours(26);

/// When a schedule is due, as its user says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// A cron pattern of five fields, or of six with seconds before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of the pattern, by its IANA name; UTC if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// In place of a pattern: milliseconds from one due time to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
}

/// The due times of a schedule.
#[derive(Debug, Clone)]
pub struct Recurrence(RecurrenceKind);

#[derive(Debug, Clone)]
enum RecurrenceKind {
    Every {
        ms: u64,
        anchor: u64,
    },
    /// By the clock on the wall.
    Wall(Box<Cron>, TimeZone),
    /// At times that are named.
    Named(Box<Cron>, TimeZone),
}

impl Recurrence {
    /// The due times by a timing; an interval is counted from `anchor`, in milliseconds since 1970.
    ///
    /// # Errors
    /// There is no such time zone, the pattern cannot be read, the interval is too short, or both or none are given.
    pub fn new(timing: &Timing, anchor: u64) -> Result<Self> {
        match (&timing.cron, timing.every_ms) {
            (Some(pattern), None) => {
                let zone = zone(timing.time_zone.as_deref())?;
                let cron = CronParser::new().parse(pattern).map_err(|error| {
                    refused(format!("the cron pattern '{}' cannot be read: {error}", shown(pattern)))
                })?;
                let cron = Box::new(cron);
                Ok(Self(if goes_by_the_wall(pattern) {
                    RecurrenceKind::Wall(cron, zone)
                } else {
                    RecurrenceKind::Named(cron, zone)
                }))
            }
            (None, Some(ms)) if timing.time_zone.is_some() => {
                Err(refused(format!("an interval ({ms} ms) has no time zone: give a cron pattern")))
            }
            (None, Some(ms)) if ms >= SHORTEST => Ok(Self(RecurrenceKind::Every { ms, anchor })),
            (None, Some(ms)) => {
                Err(refused(format!("everyMs is {ms}: the shortest interval is {SHORTEST} ms")))
            }
            _ => Err(refused("it is due either by a cron pattern or by everyMs".to_owned())),
        }
    }

    /// The first due time after a moment, both in milliseconds since 1970; none if there is none any more.
    pub fn after(&self, moment: u64) -> Option<u64> {
        match &self.0 {
            RecurrenceKind::Every { ms, anchor } if moment < *anchor => {
                Some(anchor - (anchor - moment - 1) / ms * ms)
            }
            RecurrenceKind::Every { ms, anchor } => {
                anchor.checked_add(((moment - anchor) / ms + 1).checked_mul(*ms)?)
            }
            RecurrenceKind::Wall(cron, zone) => {
                let from = Zoned::new(timestamp(moment)?, zone.clone());
                Some(milliseconds(cron.find_next_occurrence(&from, false).ok()?.timestamp()))
            }
            RecurrenceKind::Named(cron, zone) => named_after(cron, zone, moment),
        }
    }

    /// The due times after a moment, each after the one before.
    pub fn all_after(&self, moment: u64) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(self.after(moment), |due| self.after(*due))
    }

    /// How many due times there are from a due time to before another moment. Of a pattern they are counted up to `most`.
    pub fn count(&self, from: u64, before: u64, most: u64) -> u64 {
        match &self.0 {
            _ if from >= before => 0,
            RecurrenceKind::Every { ms, .. } => (before - from - 1) / ms + 1,
            RecurrenceKind::Wall(..) | RecurrenceKind::Named(..) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let all = std::iter::once(from).chain(self.all_after(from));
                all.take(most).take_while(|due| *due < before).count() as u64
            }
        }
    }
}

/// The id of the run of a due time: the schedule's id, `@`, and the due time in ISO 8601, in UTC, with milliseconds.
pub fn run_id(schedule: &str, due: u64) -> String {
    let moment = timestamp(due).unwrap_or_default();
    format!("{schedule}@{moment:.3}")
}

/// Whether a pattern has `*` for its hours, minutes or seconds.
fn goes_by_the_wall(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    if let [nickname] = fields.as_slice() {
        return nickname.eq_ignore_ascii_case("@hourly");
    }
    let times = if fields.len() > 5 { 3 } else { 2 };
    fields.iter().take(times).any(|field| field.starts_with(['*', '?']))
}

/// The first time after a moment of a pattern that names its times.
fn named_after(cron: &Cron, zone: &TimeZone, moment: u64) -> Option<u64> {
    let at = timestamp(moment)?;
    // What was skipped or comes twice lies before the wall-clock time of the moment, if the clocks were changed lately.
    let lately = at.checked_sub(LARGEST_CHANGE).ok()?;
    let next = at.checked_add(SignedDuration::from_millis(1)).ok()?;
    let was_changed = zone.preceding(next).next().is_some_and(|change| change.timestamp() >= lately);
    let wall = zone.to_datetime(at);
    let mut wall = if was_changed { wall.checked_sub(LARGEST_CHANGE).ok()? } else { wall };
    loop {
        wall = cron.find_next_occurrence(&wall, false).ok()?;
        let due = moment_of(zone, wall)?;
        if due > at {
            return Some(milliseconds(due));
        }
    }
}

/// When a wall-clock time is: the first time that it comes, or when the clocks have jumped over it.
fn moment_of(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            let within = ambiguous.later().ok()?.checked_add(SignedDuration::from_millis(1)).ok()?;
            zone.preceding(within).next().map(|change| change.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    }
}

fn zone(name: Option<&str>) -> Result<TimeZone> {
    let name = name.unwrap_or("UTC");
    TimeZone::get(name).map_err(|_| refused(format!("there is no time zone '{}'", shown(name))))
}

fn timestamp(moment: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(moment).ok()?).ok()
}

fn milliseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millisecond()).unwrap_or(0)
}

/// As much of a text of the user's as a message shows.
fn shown(text: &str) -> String {
    text.chars().take(80).filter(|character| !character.is_control()).collect()
}

fn refused(what: String) -> Error {
    Error::new(Code::ScheduleInvalid, OPERATION, what)
}
