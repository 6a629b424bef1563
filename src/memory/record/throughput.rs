//! The table of what happened when.

use std::collections::BTreeMap;

use crate::ports::throughput::{HOURLY_AFTER, KEPT_FOR, MERGED_AFTER, MinuteCount, WRITTEN_FOR};
use crate::ports::watching::{By, EndCount, EndSearch};
use crate::time::milliseconds;

const MINUTE: u64 = 60_000;

/// Counts, by what they are of.
#[derive(Debug, Default)]
pub struct ThroughputRows {
    rows: BTreeMap<RowKey, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    minute: u64,
    /// How many minutes it counts: one, or those of an hour.
    minutes: u64,
    blueprint: String,
    queue: String,
    outcome: &'static str,
    /// Who counted; empty where that is all of them.
    writer: String,
}

impl ThroughputRows {
    /// Stores the counts of a writer; `now` in milliseconds since 1970.
    pub fn store(&mut self, writer: &str, counts: &[MinuteCount], now: u64) {
        let oldest = (now / MINUTE).saturating_sub(WRITTEN_FOR + 1);
        for MinuteCount { minute, blueprint, queue, outcome, count } in counts.iter().cloned() {
            if minute >= oldest {
                let key = RowKey { minute, minutes: 1, blueprint, queue, outcome, writer: writer.to_owned() };
                let stored = self.rows.entry(key).or_default();
                *stored = count.max(*stored);
            }
        }
    }

    /// Rows of many writers become one, minutes become hours, and what is too old goes.
    pub fn fold(&mut self, now: u64) {
        let before = |age: u64| (now / MINUTE).saturating_sub(age);
        let (merged, hourly, kept) = (before(MERGED_AFTER), before(HOURLY_AFTER), before(KEPT_FOR));
        for (key, count) in std::mem::take(&mut self.rows) {
            let key = match key.minute {
                minute if minute < kept => continue,
                minute if minute < hourly => {
                    RowKey { minute: minute / 60 * 60, minutes: 60, writer: String::new(), ..key }
                }
                minute if minute < merged => RowKey { writer: String::new(), ..key },
                _ => key,
            };
            *self.rows.entry(key).or_default() += count;
        }
    }

    /// What is stored of that time; `now` in milliseconds since 1970.
    pub fn ends(&self, EndSearch { within, step, by, outcomes }: &EndSearch, now: u64) -> Vec<EndCount> {
        let first = now.saturating_sub(milliseconds(*within)) / MINUTE;
        let step = milliseconds(*step).max(1);
        let mut counts: BTreeMap<(u64, &str, Option<&str>), u64> = BTreeMap::new();
        for (key, count) in &self.rows {
            let name = if *by == By::Queue { &key.queue } else { &key.blueprint };
            if key.minute + key.minutes > first && outcomes.iter().any(|outcome| outcome == key.outcome) {
                let name = (!name.is_empty()).then_some(name.as_str());
                *counts.entry((key.minute * MINUTE / step * step, key.outcome, name)).or_default() += count;
            }
        }
        let count = |((from, status, name), count): ((u64, &str, Option<&str>), u64)| {
            let (name, is_queue) = (name.map(str::to_owned), *by == By::Queue);
            let (blueprint, queue) = if is_queue { (None, name) } else { (name, None) };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            EndCount { from, status: status.to_owned(), blueprint, queue, count }
        };
        counts.into_iter().map(count).collect()
    }
}
