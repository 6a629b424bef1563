//! Runs as an application sees them.

use std::collections::BTreeMap;

use super::contexts::Row;
use super::statuses::StatusRow;
use super::store::TablesState;
use crate::ports::watching::{
    By, EndCount, EndSearch, Removal, Removed, RunCount, RunSearch, RunSummary, StatusView,
};
use crate::protocol::watch::StoredResult;
use crate::record::Document;
use crate::time::milliseconds;
use crate::workflow::ledger::RunStatus;

/// How runs end.
const ENDS: [RunStatus; 3] = [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled];

impl TablesState<'_> {
    /// What the status rows of runs say.
    pub fn views(&self, runs: &[&str]) -> BTreeMap<String, StatusView> {
        let view = |run: &&str| Some(((*run).to_owned(), self.statuses.rows.get(*run)?.view()));
        runs.iter().filter_map(view).collect()
    }

    /// A page of runs.
    pub fn list(&self, search: &RunSearch) -> Vec<RunSummary> {
        let all = self.statuses.rows.iter().filter(|(run, row)| self.stands_as(run, row, search));
        let summaries = all.map(|(run, row)| self.summary(run, row));
        let mut found: Vec<RunSummary> = summaries.filter(|summary| search.takes(summary)).collect();
        if search.is_descending {
            found.reverse();
        }
        found.truncate(usize::try_from(search.limit).unwrap_or(0));
        found
    }

    /// How many runs there are of each status and blueprint, among those that have all of these tags.
    pub fn counts(&self, tags: &[String]) -> Vec<RunCount> {
        let mut counts: BTreeMap<(Option<String>, Option<String>), i64> = BTreeMap::new();
        for (run, row) in &self.statuses.rows {
            let summary = self.summary(run, row);
            if !has_all(&summary.tags, tags) {
                continue;
            }
            let RunSummary { status, blueprint, .. } = summary;
            *counts.entry((status, blueprint)).or_default() += 1;
        }
        let count = |((status, blueprint), count)| RunCount { status, blueprint, count };
        counts.into_iter().map(count).collect()
    }

    /// How many runs ended when; `now` in microseconds since 1970.
    pub fn ends(&self, search: &EndSearch, now: i64) -> Vec<EndCount> {
        let now = u64::try_from(now / 1000).unwrap_or_default();
        if let Some(stored) = &self.contexts.throughput {
            return stored.ends(search, now);
        }
        let EndSearch { within, step, by, outcomes } = search;
        let (first, step) = (now.saturating_sub(milliseconds(*within)), milliseconds(*step).max(1));
        let mut counts: BTreeMap<(u64, String, Option<String>), i64> = BTreeMap::new();
        for (run, row) in &self.statuses.rows {
            let RunSummary { status, blueprint, updated_at, .. } = self.summary(run, row);
            let (Some(status), Some(updated)) = (status, updated_at) else { continue };
            let is_over = ENDS.iter().any(|end| end.as_str() == status);
            let blueprint = blueprint.filter(|_| *by == By::Blueprint);
            if is_over && updated >= first && outcomes.contains(&status) {
                *counts.entry((updated / step * step, status, blueprint)).or_default() += 1;
            }
        }
        let count =
            |((from, status, blueprint), count)| EndCount { from, status, blueprint, queue: None, count };
        counts.into_iter().map(count).collect()
    }

    /// Removes runs that are over.
    pub fn remove(&mut self, removal: &Removal, now: i64, is_free: impl Fn(&str) -> bool) -> Vec<Removed> {
        let age = removal.older_than.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 4));
        let meets = |(run, row): &(&String, &StatusRow)| {
            removal.run.as_ref().is_none_or(|only| only == *run)
                && removal.statuses.contains(&row.status)
                && age.is_none_or(|age| row.updated_at <= now - age)
                && is_free(run)
                && (removal.tags.is_empty() || has_all(&self.summary(run, row).tags, &removal.tags))
        };
        let limit = usize::try_from(removal.limit).unwrap_or(0);
        let chosen: Vec<String> =
            self.statuses.rows.iter().filter(meets).take(limit).map(|(run, _)| run.clone()).collect();
        chosen.into_iter().filter_map(|run| self.remove_run(run)).collect()
    }

    fn remove_run(&mut self, run: String) -> Option<Removed> {
        let ledger = self.contexts.rows.get(&run).and_then(document).and_then(|found| found.reserved);
        let ledger = ledger.map(|reserved| reserved.ledger).unwrap_or_default();
        if ledger.status == RunStatus::Awaiting
            || (ledger.status == RunStatus::Running && !ledger.is_unbegun())
        {
            return None;
        }
        self.contexts.rows.remove(&run);
        if let Some(journal) = &mut self.contexts.journal {
            journal.remove(&run);
        }
        if let Some(history) = &mut self.contexts.history {
            history.forget(&run);
        }
        self.statuses.rows.remove(&run);
        Some(Removed { run, nodes: ledger.nodes.keys().map(ToString::to_string).collect() })
    }

    /// Whether a run waits, is paused and failed as a search says.
    fn stands_as(&self, run: &str, row: &StatusRow, search: &RunSearch) -> bool {
        let RunSearch { waiting_at, error, paused, .. } = search;
        let failed = |part: &String| {
            let is_bad =
                [RunStatus::Failed, RunStatus::Cancelled].iter().any(|end| end.as_str() == row.status);
            let result = row.result.as_ref().and_then(|result| serde_json::from_str(result.get()).ok());
            let reason = result.and_then(|StoredResult { reason, .. }| reason);
            is_bad && reason.is_some_and(|reason| reason.contains(part))
        };
        if !error.as_ref().is_none_or(failed) {
            return false;
        }
        if waiting_at.is_none() && paused.is_none() {
            return true;
        }
        let found = self.found(run);
        let waits = |node: &String| found.as_ref().is_some_and(|found| found.awaiting().contains(node));
        let reserved = found.as_ref().and_then(|found| found.reserved.as_ref());
        let is_paused = reserved.is_some_and(|reserved| reserved.ledger.halt().is_some());
        waiting_at.as_ref().is_none_or(waits) && paused.is_none_or(|paused| paused == is_paused)
    }

    /// A run as it is now.
    fn found(&self, run: &str) -> Option<Document> {
        let entries = self.contexts.entries_after(run, crate::record::Revision::default());
        let found = self.contexts.rows.get(run).and_then(document);
        match (found, entries) {
            (Some(found), (Some(last), entries)) => found.grown(&entries, last).ok(),
            (found, _) => found,
        }
    }

    fn summary(&self, run: &str, row: &StatusRow) -> RunSummary {
        let found = self.found(run);
        let (named, start) = match &found {
            Some(found) => (
                found.follows().or_else(|| crate::record::blueprint_named_in(&found.values)),
                found.reserved.as_ref().and_then(|reserved| reserved.start.clone()),
            ),
            None => (None, None),
        };
        let StatusView { status, updated_at, .. } = row.view();
        let blueprint = named.map(|named| named.to_string());
        let created_at = start.as_ref().map(|start| start.at);
        let tags = start.map(|start| start.tags.clone()).unwrap_or_default();
        RunSummary { run: run.to_owned(), status, blueprint, created_at, updated_at, tags }
    }
}

fn document(row: &Row) -> Option<Document> {
    Document::parse(Some(&row.content.text().ok()?)).ok()
}

/// Whether these tags are among those of a run.
fn has_all(tags: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| tags.contains(wanted))
}

impl StatusRow {
    fn view(&self) -> StatusView {
        let goes_on = ["running", "awaiting"].contains(&self.status.as_str());
        let result = self.result.as_ref().filter(|_| !goes_on).map(|result| result.get().to_owned());
        let updated_at = u64::try_from(self.updated_at / 1000).ok();
        // The tags stand in the record, which nobody strips of them here.
        StatusView { status: Some(self.status.clone()), result, updated_at, tags: Vec::new() }
    }
}

impl RunSearch {
    fn takes(&self, run: &RunSummary) -> bool {
        let is_before = |moment: Option<u64>, bound: Option<u64>| {
            bound.is_none_or(|bound| moment.is_some_and(|moment| moment < bound))
        };
        let follows = |after: &String| match self.is_descending {
            true => run.run < *after,
            false => run.run > *after,
        };
        (self.statuses.is_empty() || run.status.as_ref().is_some_and(|status| self.statuses.contains(status)))
            && self.blueprint.as_ref().is_none_or(|wanted| run.blueprint.as_ref() == Some(wanted))
            && has_all(&run.tags, &self.tags)
            && self.prefix.as_ref().is_none_or(|prefix| run.run.starts_with(prefix))
            && self.after.as_ref().is_none_or(follows)
            && is_before(run.created_at, self.created_before)
            && is_before(run.updated_at, self.updated_before)
    }
}
