//! Commits results: those that wait, of any run, share one statement.
//!
//! A commit is decided on the run as this worker last saw it, and written only if the run is still of that revision. If it
//! is not, the worker loads the run and decides again. Several results of one run are merged: each is decided on the one
//! before it, and all are written as one change. If other writers keep changing the run, its row is locked ([`change`]).
//!
//! [`change`]: RunStore::change

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::aside::locked_by_others;
use super::change::ChangeOutcome;
use super::group::{Group, PlannedGroup, Unwritten, partition};
use super::requests::{CommitOutcome, CommitRequest};
use super::store::RunStore;
use crate::error::{Code, Error, Result, SqlState};
use crate::ports::record::{Projection, Written};
use crate::record::{Decide, Document, Merged, Write, WriteKind};

/// How often a decision is made on a run that others change before its row is locked.
const ROUNDS: usize = 3;

/// A run that writes more is written by a statement of its own.
const LARGE: usize = 1 << 20;

impl RunStore {
    /// Decides on a run and writes the change.
    ///
    /// # Errors
    /// Those of `decide` or of the server. If the server's answer was lost, the commit may have counted.
    pub async fn commit(&self, run: &str, base: Document, decide: Decide) -> Result<CommitOutcome> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        let commit = CommitRequest { run: run.to_owned(), base, decide, answer };
        if self.aside.has(run) {
            self.apart
                .submit(commit, move |batch| {
                    let store = store.clone();
                    async move { store.commit_free(batch).await }
                })
                .await;
        } else {
            self.commits
                .submit(commit, move |batch| {
                    let store = store.clone();
                    async move { store.commit_all(batch).await }
                })
                .await;
        }
        let lost = |_| Err(Error::new(Code::Internal, "Committing", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    pub(super) async fn commit_all(&self, batch: Vec<CommitRequest>) {
        let mut groups = self.groups(batch);
        for _ in 0..ROUNDS {
            let (plans, mut again) = partition(groups);
            let mut alone = Vec::new();
            let kinds = match self.kinds(plans).await {
                Ok(kinds) => kinds,
                Err((plans, error)) => {
                    plans.into_iter().for_each(|plan| plan.group.answer_all(&error));
                    return again.into_iter().for_each(|group| group.answer_all(&error));
                }
            };
            // Each kind is a statement of its own; they run at the same time.
            let writes = kinds.into_iter().map(|(kind, plans)| self.write_apart(kind, plans));
            for unwritten in join_all(writes).await.into_iter().flatten() {
                again.extend(unwritten.again);
                alone.extend(unwritten.alone);
            }
            self.change_each(alone).await;
            if again.is_empty() {
                return;
            }
            groups = match self.refresh(again).await {
                Ok(groups) => groups,
                Err((groups, error)) => return groups.into_iter().for_each(|group| group.answer_all(&error)),
            };
        }
        self.change_each(groups).await;
    }

    /// Plans by the way they are written; those that change nothing are with the first.
    async fn kinds(
        &self,
        plans: Vec<PlannedGroup>,
    ) -> std::result::Result<Vec<(WriteKind, Vec<PlannedGroup>)>, (Vec<PlannedGroup>, Error)> {
        let has_journal = match self.record.has_journal().await {
            Ok(has_journal) => has_journal,
            Err(error) => return Err((plans, error)),
        };
        let mut kinds: Vec<(WriteKind, Vec<PlannedGroup>)> = Vec::new();
        for plan in plans {
            let kind = WriteKind::of(has_journal, &plan.group.base, &plan.merged.after);
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, plans)) => plans.push(plan),
                None => kinds.push((kind, vec![plan])),
            }
        }
        Ok(kinds)
    }

    /// Writes plans of one kind: the small ones together, then each large one by itself, so that it neither holds up the
    /// others nor makes their statement too large.
    async fn write_apart(&self, kind: WriteKind, plans: Vec<PlannedGroup>) -> Vec<Unwritten> {
        let (large, small): (Vec<_>, Vec<_>) = plans.into_iter().partition(|plan| plan.bytes(kind) > LARGE);
        let mut left = Vec::with_capacity(1 + large.len());
        if !small.is_empty() {
            left.push(self.write_all(kind, small).await);
        }
        for plan in large {
            left.push(self.write_all(kind, vec![plan]).await);
        }
        left
    }

    /// Writes plans of one kind and answers them.
    async fn write_all(&self, kind: WriteKind, plans: Vec<PlannedGroup>) -> Unwritten {
        match self.write(kind, &plans).await {
            Ok(written) => {
                Unwritten { again: self.answer_written(kind, plans, &written), ..Unwritten::default() }
            }
            Err(error) if error.sql_state == Some(SqlState::LOCKED) => {
                self.without_locked(plans, &error).await
            }
            Err(error) if error.may_be_of_one_run() => {
                let alone = plans.into_iter().map(|plan| plan.group).collect();
                Unwritten { alone, ..Unwritten::default() }
            }
            Err(error) => {
                plans.into_iter().for_each(|plan| plan.group.answer_all(&error));
                Unwritten::default()
            }
        }
    }

    /// A statement waited too long for somebody's lock. Answers the runs that are locked; the others are decided again or,
    /// where none is, written one by one: something else may be locked that one of them needs.
    async fn without_locked(&self, plans: Vec<PlannedGroup>, error: &Error) -> Unwritten {
        let runs: Vec<&str> = plans.iter().map(|plan| plan.group.run.as_str()).collect();
        let locked = self.set_aside(&runs).await.unwrap_or_default();
        let groups = plans.into_iter().map(|plan| plan.group);
        let (held, free): (Vec<_>, Vec<_>) = groups.partition(|group| locked.contains(&group.run));
        let (nobody, alone) = (held.is_empty(), free.len() == 1);
        held.into_iter().for_each(|group| group.answer_all(&locked_by_others()));
        match (nobody, alone) {
            (false, _) => Unwritten { again: free, ..Unwritten::default() },
            (true, false) => Unwritten { alone: free, ..Unwritten::default() },
            (true, true) => {
                free.into_iter().for_each(|group| group.answer_all(error));
                Unwritten::default()
            }
        }
    }

    /// Writes plans of one kind. Answers with the runs that were still of the revision of the decision.
    async fn write(&self, kind: WriteKind, plans: &[PlannedGroup]) -> Result<Written> {
        let mut writes = Vec::with_capacity(plans.len());
        for PlannedGroup { group, merged } in plans {
            if let Some(change) = &merged.change {
                writes.push(Write::new(kind, &group.run, &group.base, change, &merged.after)?);
            }
        }
        match writes.is_empty() {
            true => Ok(Written::new()),
            false => self.record.write(kind, &writes).await,
        }
    }

    /// The commits of each run, in the order they came, on the newest state of the run in the cache.
    fn groups(&self, batch: Vec<CommitRequest>) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for commit in batch {
            match groups.get_mut(&commit.run) {
                Some(group) => {
                    if commit.base.revision.is_newer_than(group.base.revision) {
                        group.base = commit.base.clone();
                    }
                    group.commits.push(commit);
                }
                None => {
                    let known = self.cache.get(&commit.run);
                    let newer = known.filter(|known| known.revision.is_newer_than(commit.base.revision));
                    let base = newer.unwrap_or_else(|| commit.base.clone());
                    let run = commit.run.clone();
                    groups.insert(run.clone(), Group { run, base, fresh: false, commits: vec![commit] });
                }
            }
        }
        groups.into_values().collect()
    }

    /// Answers the plans that were written or change nothing. Returns the groups to decide again.
    fn answer_written(&self, kind: WriteKind, plans: Vec<PlannedGroup>, written: &Written) -> Vec<Group> {
        let mut again = Vec::new();
        // Then the row has to be read again.
        let is_known = kind == WriteKind::Entry || !self.record.may_rewrite();
        for PlannedGroup { group, merged } in plans {
            let Merged { change, after, answers } = merged;
            if change.is_none() {
                group
                    .commits
                    .into_iter()
                    .for_each(|commit| drop(commit.answer.send(Ok(CommitOutcome::default()))));
                continue;
            }
            let Some(&(at, revision)) = written.get(&group.run) else {
                again.push(group);
                continue;
            };
            let document = after.written(at, revision);
            match document.has_ended() || !is_known {
                true => self.cache.forget(&group.run),
                false => self.cache.put(&group.run, &document),
            }
            for (commit, changed) in group.commits.into_iter().zip(answers) {
                let outcome = match changed {
                    Ok(true) => {
                        CommitOutcome { changed: true, at, document: is_known.then(|| document.clone()) }
                    }
                    _ => CommitOutcome::default(),
                };
                let _ = commit.answer.send(Ok(outcome));
            }
        }
        again
    }

    /// The same commits, on the runs as they are now.
    async fn refresh(&self, groups: Vec<Group>) -> std::result::Result<Vec<Group>, (Vec<Group>, Error)> {
        let runs = groups.iter().map(|group| (group.run.as_str(), None)).collect();
        let mut found = match self.newest(&runs).await {
            Ok(found) => found,
            Err(error) => return Err((groups, error)),
        };
        let mut fresh = Vec::new();
        for mut group in groups {
            // If the row was removed, the decision is made on an empty document and written as a new row.
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
    async fn change_each(&self, groups: Vec<Group>) {
        for CommitRequest { run, mut decide, answer, .. } in
            groups.into_iter().flat_map(|group| group.commits)
        {
            self.cache.forget(&run);
            let decide = |document: Document| Ok((decide(&document)?, ()));
            let outcome = self.change(&run, Projection::Whole, decide).await.map(|committed| {
                let ChangeOutcome { changed, at, .. } = committed;
                CommitOutcome { changed, at, document: None }
            });
            if outcome.as_ref().is_err_and(|error| error.sql_state == Some(SqlState::LOCKED)) {
                self.aside.add(&run);
            }
            let _ = answer.send(outcome);
        }
    }
}
