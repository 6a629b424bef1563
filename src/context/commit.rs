//! Committing results: those that wait, of any run, in one statement.
//!
//! A commit is decided on the bookkeeping as it was last seen and written only if the row is still of that version;
//! if it is not, the row is loaded again and the decision made anew. Several results of one run are decided one
//! upon the other and written as one change. A row that others keep changing is locked in the end ([`change`]).
//!
//! [`change`]: ContextStore::change

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::batch::Request;
use super::change::{Change, Committed, Ending};
use super::connect::rows;
use super::document::{Document, Patch, RESERVED_KEY, Version, to_raw};
use super::status::StatusTable;
use super::store::{ContextStore, moment};
use crate::error::{Error, Kind, Result};
use crate::ledger::RunStatus;

/// How often a decision is made on a row that others change, before the row is locked.
const ROUNDS: usize = 3;

/// What a result means for a run as it is; called again where the run has changed meanwhile.
pub type Decide = Box<dyn FnMut(&Document) -> Result<Option<Change>> + Send + Sync>;

/// What came of a commit.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Whether the decision was to change anything.
    pub changed: bool,
    /// When it was committed, by the server's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The run as it is now, where it was changed here.
    pub document: Option<Document>,
}

/// A commit that waits.
pub(super) struct Commit {
    run: String,
    base: Document,
    decide: Decide,
    statuses: Arc<StatusTable>,
    answer: oneshot::Sender<Result<Written>>,
}

impl Request for Commit {
    fn exclusive(&self) -> Option<&str> {
        Some(&self.run)
    }
}

impl ContextStore {
    /// Decides on a run, and writes what was decided.
    ///
    /// # Errors
    /// Whatever `decide` or the server says. Where the server's answer was lost, the commit may have counted.
    pub async fn commit(
        &self,
        statuses: &Arc<StatusTable>,
        run: &str,
        base: Document,
        decide: Decide,
    ) -> Result<Written> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        let commit = Commit { run: run.to_owned(), base, decide, statuses: statuses.clone(), answer };
        self.commits.submit(commit, move |batch| {
            let store = store.clone();
            async move { store.commit_all(batch).await }
        });
        let lost = |_| Err(Error::transient("Committing", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    async fn commit_all(&self, batch: Vec<Commit>) {
        let Some(statuses) = batch.first().map(|commit| commit.statuses.clone()) else { return };
        let mut groups = self.groups(batch);
        for _ in 0..ROUNDS {
            let (plans, mut again): (Vec<Plan>, Vec<Group>) = partition(groups);
            match self.write(&statuses, &plans).await {
                Ok(written) => again.extend(self.answer_written(plans, &written)),
                Err(error) if error.kind == Kind::Data => {
                    // One of them can not be stored: each goes alone, and only that one fails.
                    again.extend(plans.into_iter().map(|plan| plan.group));
                    return self.change_each(&statuses, again).await;
                }
                Err(error) => plans.into_iter().for_each(|plan| plan.group.answer_all(&error)),
            }
            if again.is_empty() {
                return;
            }
            groups = match self.refresh(again).await {
                Ok(groups) => groups,
                Err((groups, error)) => return groups.into_iter().for_each(|group| group.answer_all(&error)),
            };
        }
        self.change_each(&statuses, groups).await;
    }

    /// The commits of each run, in the order they came, on the newest bookkeeping known here.
    fn groups(&self, batch: Vec<Commit>) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for commit in batch {
            let base = commit.base.clone();
            let group = groups.entry(commit.run.clone()).or_insert_with(|| {
                let base = self
                    .known
                    .get(&commit.run)
                    .filter(|known| known.version.is_newer_than(base.version))
                    .unwrap_or(base.clone());
                Group { run: commit.run.clone(), base, fresh: false, commits: Vec::new() }
            });
            if base.version.is_newer_than(group.base.version) {
                group.base = base;
            }
            group.commits.push(commit);
        }
        groups.into_values().collect()
    }

    /// One statement; answers with the runs whose row was of the version the decision was made on.
    async fn write(
        &self,
        statuses: &StatusTable,
        plans: &[Plan],
    ) -> Result<BTreeMap<String, (Option<u64>, Version)>> {
        let changes: Vec<&Plan> = plans.iter().filter(|plan| plan.change.is_some()).collect();
        if changes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut columns = Rows::default();
        for plan in changes {
            columns.add(plan)?;
        }
        let client = self.database.client().await?;
        let table = self.table(&client).await?;
        let Rows { runs, versions, deletes, sets, states, ends, reasons } = &columns;
        let commit = statuses.commit(&client, table).await?;
        let answer = rows(&client, commit, &[runs, versions, deletes, sets, states, ends, reasons]).await?;
        Ok(answer.iter().map(|row| (row.get(0), (moment(row, 1), Version { row: row.get(2) }))).collect())
    }

    /// Answers what was written, and what was decided to be nothing; the others are to be decided anew.
    fn answer_written(
        &self,
        plans: Vec<Plan>,
        written: &BTreeMap<String, (Option<u64>, Version)>,
    ) -> Vec<Group> {
        let mut again = Vec::new();
        for Plan { group, change, after, declined } in plans {
            if change.is_none() {
                group.commits.into_iter().for_each(|commit| drop(commit.answer.send(Ok(Written::default()))));
                continue;
            }
            let Some(&(at, version)) = written.get(&group.run) else {
                self.known.forget(&group.run);
                again.push(group);
                continue;
            };
            let document = Document { version, at, ..after };
            match document.has_ended() {
                true => self.known.forget(&group.run),
                false => self.known.put(&group.run, &document),
            }
            for (commit, declined) in group.commits.into_iter().zip(declined) {
                let written = Written { changed: true, at, document: Some(document.clone()) };
                let _ = commit.answer.send(Ok(if declined { Written::default() } else { written }));
            }
        }
        again
    }

    /// The same commits, on the rows as they are now.
    async fn refresh(&self, groups: Vec<Group>) -> std::result::Result<Vec<Group>, (Vec<Group>, Error)> {
        let runs: Vec<&str> = groups.iter().map(|group| group.run.as_str()).collect();
        let mut found = match self.newest(&runs).await {
            Ok(found) => found,
            Err(error) => return Err((groups, error)),
        };
        let mut fresh = Vec::new();
        for mut group in groups {
            // Where somebody removed it, the decision is made on nothing, and written as a new row.
            match found.remove(&group.run).unwrap_or_else(|| Ok(Document::default())) {
                Ok(document) => {
                    group.base = document;
                    group.fresh = true;
                    fresh.push(group);
                }
                Err(error) => group.answer_all(&error),
            }
        }
        Ok(fresh)
    }

    /// Each commit alone, under the lock of its row.
    async fn change_each(&self, statuses: &StatusTable, groups: Vec<Group>) {
        for Commit { run, mut decide, answer, .. } in groups.into_iter().flat_map(|group| group.commits) {
            self.known.forget(&run);
            let decide = |document: Document| Ok((decide(&document)?, ()));
            let changed = self.change(statuses, &run, true, decide).await;
            let written = changed.map(|committed| {
                let Committed { changed, at, .. } = committed;
                Written { changed, at, document: None }
            });
            let _ = answer.send(written);
        }
    }
}

/// The commits of one run.
struct Group {
    run: String,
    base: Document,
    /// The base was loaded for them.
    fresh: bool,
    commits: Vec<Commit>,
}

/// What they come to.
struct Plan {
    group: Group,
    /// All their changes in one; none where there is none.
    change: Option<Change>,
    /// The run with it.
    after: Document,
    /// Which of them change nothing.
    declined: Vec<bool>,
}

impl Group {
    fn answer_all(self, error: &Error) {
        self.commits.into_iter().for_each(|commit| drop(commit.answer.send(Err(error.clone()))));
    }

    /// Decides one upon the other. A decision to change nothing is only taken on a row as it is now.
    fn plan(mut self) -> std::result::Result<Plan, Self> {
        let mut merged: Option<Change> = None;
        let mut after = self.base.clone();
        let (mut kept, mut declined) = (Vec::new(), Vec::new());
        for mut commit in std::mem::take(&mut self.commits) {
            match (commit.decide)(&after) {
                Ok(change) => {
                    declined.push(change.is_none());
                    if let Some(change) = &change {
                        after = after.after(&change.patch, &change.reserved);
                    }
                    merged = match (merged.take(), change) {
                        (Some(earlier), Some(later)) => Some(earlier.then(later)),
                        (earlier, later) => later.or(earlier),
                    };
                    kept.push(commit);
                }
                Err(error) => drop(commit.answer.send(Err(error))),
            }
        }
        self.commits = kept;
        if !self.fresh && declined.contains(&true) {
            return Err(self);
        }
        Ok(Plan { group: self, change: merged, after, declined })
    }
}

fn partition(groups: Vec<Group>) -> (Vec<Plan>, Vec<Group>) {
    let (mut plans, mut again) = (Vec::new(), Vec::new());
    for group in groups {
        match group.plan() {
            Ok(plan) => plans.push(plan),
            Err(group) => again.push(group),
        }
    }
    (plans, again)
}

/// The statement's parameters, a column each.
#[derive(Default)]
struct Rows<'a> {
    runs: Vec<&'a str>,
    versions: Vec<i64>,
    deletes: Vec<Option<String>>,
    sets: Vec<String>,
    states: Vec<&'static str>,
    ends: Vec<bool>,
    reasons: Vec<String>,
}

impl<'a> Rows<'a> {
    fn add(&mut self, plan: &'a Plan) -> Result<()> {
        let Some(change) = &plan.change else { return Ok(()) };
        let ledger = &change.reserved.ledger;
        let sets = change.patch.sets_with(RESERVED_KEY, &to_raw(&change.reserved)?)?;
        let deletes = &change.patch.deletes;
        self.runs.push(&plan.group.run);
        self.versions.push(plan.group.base.version.row);
        self.deletes.push(
            (!deletes.is_empty()).then(|| to_raw(deletes)).transpose()?.map(|raw| raw.get().to_owned()),
        );
        self.sets.push(sets.get().to_owned());
        let deferred = change.ending == Ending::Deferred;
        self.states.push(if deferred { RunStatus::Running.as_str() } else { ledger.status.as_str() });
        self.ends.push(change.ending == Ending::Written);
        self.reasons.push(if change.ending == Ending::Written { ledger.reason() } else { String::new() });
        Ok(())
    }
}

impl Change {
    /// This change, and another upon it.
    fn then(mut self, later: Self) -> Self {
        let Patch { sets, deletes } = later.patch;
        self.patch.deletes.retain(|key| !sets.contains_key(key));
        for key in deletes {
            self.patch.sets.remove(&key);
            self.patch.deletes.push(key);
        }
        self.patch.sets.extend(sets);
        Self { patch: self.patch, reserved: later.reserved, ending: later.ending }
    }
}
