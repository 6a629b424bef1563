//! Rows of a status table.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::json::Json;
use crate::ports::record::{AwaitingPage, StaleRun, StaleSearch};
use crate::workflow::ledger::RunStatus;

/// One row.
#[derive(Debug, Clone)]
pub struct StatusRow {
    /// The word; clients may have written another one.
    pub status: String,
    /// The final payload.
    pub result: Option<Json>,
    /// Microseconds since 1970.
    pub updated_at: i64,
}

/// A status table.
#[derive(Debug, Default)]
pub struct Statuses {
    pub rows: BTreeMap<String, StatusRow>,
}

impl StatusRow {
    pub fn is_running(&self) -> bool {
        self.status == RunStatus::Running.as_str()
    }
}

impl Statuses {
    /// Writes a row anew, as a client of the user's does.
    pub fn set(&mut self, run: &str, status: &str, now: i64) {
        let row = StatusRow { status: status.to_owned(), result: None, updated_at: now };
        self.rows.insert(run.to_owned(), row);
    }

    /// Writes the status of a run.
    pub fn touch(&mut self, run: &str, status: RunStatus, now: i64) {
        let row = self.row(run, now);
        row.status = status.as_str().to_owned();
        row.updated_at = now;
    }

    /// Writes the end of a run and its result.
    pub fn finish(&mut self, run: &str, status: RunStatus, result: Json, now: i64) {
        self.touch(run, status, now);
        self.row(run, now).result = Some(result);
    }

    /// Writes the end of a run if its row still says `running`.
    pub fn finish_unheard(&mut self, run: &str, status: RunStatus, now: i64) {
        if self.rows.get(run).is_some_and(StatusRow::is_running) {
            self.touch(run, status, now);
        }
    }

    /// Renews `updated_at` of those runs that are still running.
    pub fn keep_alive(&mut self, runs: &[String], now: i64) {
        for run in runs {
            if let Some(row) = self.rows.get_mut(run).filter(|row| row.is_running()) {
                row.updated_at = now;
            }
        }
    }

    /// Runs that are `running` and stale, the stalest first.
    pub fn stale(&self, search: &StaleSearch, now: i64) -> Vec<StaleRun> {
        let StaleSearch { at_least, at_most, after, limit } = search;
        let window = (now - micros(*at_most)) + 1..now - micros(*at_least);
        let mut found: Vec<StaleRun> = self
            .rows
            .iter()
            .filter(|(_, row)| row.is_running() && window.contains(&row.updated_at))
            .map(|(run, row)| StaleRun { run: run.clone(), since: row.updated_at })
            .filter(|stale| (stale.since, &stale.run) > (after.since, &after.run))
            .collect();
        found.sort_by(|one, other| (one.since, &one.run).cmp(&(other.since, &other.run)));
        found.truncate(usize::try_from(*limit).unwrap_or(0));
        found
    }

    /// Claims a stale run. Answers false if anything happened to it since.
    pub fn claim_stale(&mut self, stale: &StaleRun, now: i64) -> bool {
        let row = self.rows.get_mut(&stale.run);
        match row.filter(|row| row.is_running() && row.updated_at == stale.since) {
            Some(row) => {
                row.updated_at = now;
                true
            }
            None => false,
        }
    }

    /// Claims runs that have been stale for `threshold`, in the order of their ids.
    pub fn claim_stale_page(
        &mut self,
        threshold: Duration,
        after: &str,
        limit: i64,
        now: i64,
    ) -> Vec<String> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let until = now - micros(threshold);
        let stalled: Vec<String> = self
            .rows
            .iter()
            .filter(|(run, row)| run.as_str() > after && row.is_running() && row.updated_at < until)
            .map(|(run, _)| run.clone())
            .take(limit)
            .collect();
        self.keep_alive(&stalled, now);
        stalled
    }

    /// Those that await of a page of all runs, in the order of their ids.
    pub fn awaiting(&self, after: &str, limit: i64) -> AwaitingPage {
        let limit = usize::try_from(limit).unwrap_or(0);
        let page: Vec<(&String, &StatusRow)> =
            self.rows.iter().filter(|(run, _)| run.as_str() > after).take(limit).collect();
        let awaits = |row: &StatusRow| row.status == RunStatus::Awaiting.as_str();
        AwaitingPage {
            last: page.last().filter(|_| page.len() == limit).map(|(run, _)| (*run).clone()),
            awaiting: page.iter().filter(|(_, row)| awaits(row)).map(|(run, _)| (*run).clone()).collect(),
        }
    }

    fn row(&mut self, run: &str, now: i64) -> &mut StatusRow {
        let new = || StatusRow { status: String::new(), result: None, updated_at: now };
        self.rows.entry(run.to_owned()).or_insert_with(new)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}
