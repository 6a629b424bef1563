//! The table of the history.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment::Moment;
use crate::ports::history::{HistoryPlace, HistoryRemoval, HistorySearch, NewAttempt, StoredAttempt};

/// The attempts of each run, in the order in which they were written.
#[derive(Debug, Default)]
pub struct HistoryRows {
    runs: BTreeMap<String, Vec<StoredAttempt>>,
    last: i64,
}

impl HistoryRows {
    /// Writes attempts of runs that have a row.
    pub fn write(&mut self, attempts: &[NewAttempt], moment: Moment, has_row: impl Fn(&str) -> bool) {
        for NewAttempt { of, started, ended } in attempts.iter().filter(|attempt| has_row(&attempt.of.run)) {
            self.last += 1;
            let ago = |time: &Duration| moment.micros() - i64::try_from(time.as_micros()).unwrap_or_default();
            let row = StoredAttempt {
                of: of.clone(),
                started_at: u64::try_from(ago(started) / 1000).unwrap_or_default(),
                place: HistoryPlace { ended: ago(ended), number: self.last },
            };
            self.runs.entry(of.run.clone()).or_default().push(row);
        }
    }

    /// Attempts of a run, the latest first.
    pub fn read(&self, search: &HistorySearch) -> Vec<StoredAttempt> {
        let is_meant = |row: &&StoredAttempt| {
            search.node.as_ref().is_none_or(|node| row.of.node == *node)
                && search.before.is_none_or(|before| row.place < before)
        };
        let rows = self.runs.get(&search.run).into_iter().flatten();
        let mut found: Vec<_> = rows.filter(is_meant).cloned().collect();
        found.sort_by_key(|row| std::cmp::Reverse(row.place));
        found.truncate(usize::try_from(search.limit).unwrap_or_default());
        found
    }

    /// Removes attempts; how many.
    pub fn remove(&mut self, removal: &HistoryRemoval, moment: Moment) -> u64 {
        match removal {
            HistoryRemoval::OfRun(run) => self.forget(run),
            HistoryRemoval::Older(age, limit) => {
                let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 4);
                self.remove_older(moment.micros() - age, usize::try_from(*limit).unwrap_or_default())
            }
        }
    }

    /// Removes those of a run.
    pub fn forget(&mut self, run: &str) -> u64 {
        u64::try_from(self.runs.remove(run).map_or(0, |rows| rows.len())).unwrap_or(u64::MAX)
    }

    fn remove_older(&mut self, bound: i64, limit: usize) -> u64 {
        let mut left = limit;
        for rows in self.runs.values_mut() {
            rows.retain(|row| {
                let goes = left > 0 && row.place.ended < bound;
                left -= usize::from(goes);
                !goes
            });
        }
        self.runs.retain(|_, rows| !rows.is_empty());
        u64::try_from(limit - left).unwrap_or(u64::MAX)
    }
}
