//! Committing results: those that wait, of any run, in one statement.
//!
//! A commit is decided on the bookkeeping as it was last seen and written only if the run is still of that revision;
//! if it is not, the run is loaded again and the decision made anew. Several results of one run are decided one
//! upon the other and written as one change. A run that others keep changing is locked in the end ([`change`]).
//!
//! [`change`]: RunStore::change

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::change::Committed;
use super::store::RunStore;
use crate::batcher::Request;
use crate::error::{Code, Error, Kind, Result};
use crate::ports::record::Written;
use crate::record::{Decide, Document, Merged, Write, WriteKind, merge};

/// How often a decision is made on a run that others change, before its row is locked.
const ROUNDS: usize = 3;

/// What came of a commit.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Whether the decision was to change anything.
    pub changed: bool,
    /// When it was committed, by the database's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The run as it is now, where it was changed here.
    pub document: Option<Document>,
}

/// A commit that waits.
pub(super) struct Commit {
    run: String,
    base: Document,
    decide: Decide,
    answer: oneshot::Sender<Result<Outcome>>,
}

impl Request for Commit {
    fn exclusive(&self) -> Option<&str> {
        Some(&self.run)
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
    merged: Merged,
}

impl Group {
    fn answer_all(self, error: &Error) {
        self.commits.into_iter().for_each(|commit| drop(commit.answer.send(Err(error.clone()))));
    }

    /// Decides one upon the other; answers those that fail. A decision to change nothing is only taken on a run as it is
    /// now.
    fn plan(mut self) -> std::result::Result<Plan, Box<Self>> {
        let mut merged = merge(&self.base, self.commits.iter_mut().map(|commit| &mut commit.decide));
        let mut kept = Vec::with_capacity(self.commits.len());
        let mut answers = Vec::with_capacity(self.commits.len());
        for (commit, answer) in self.commits.into_iter().zip(std::mem::take(&mut merged.answers)) {
            match answer {
                Ok(_) => {
                    kept.push(commit);
                    answers.push(answer);
                }
                Err(error) => drop(commit.answer.send(Err(error))),
            }
        }
        self.commits = kept;
        merged.answers = answers;
        if !self.fresh && merged.has_declined() {
            return Err(Box::new(self));
        }
        Ok(Plan { group: self, merged })
    }
}

fn partition(groups: Vec<Group>) -> (Vec<Plan>, Vec<Group>) {
    let (mut plans, mut again) = (Vec::new(), Vec::new());
    for group in groups {
        match group.plan() {
            Ok(plan) => plans.push(plan),
            Err(group) => again.push(*group),
        }
    }
    (plans, again)
}

impl RunStore {
    /// Decides on a run, and writes what was decided.
    ///
    /// # Errors
    /// Whatever `decide` or the server says. Where the server's answer was lost, the commit may have counted.
    pub async fn commit(&self, run: &str, base: Document, decide: Decide) -> Result<Outcome> {
        let (answer, answered) = oneshot::channel();
        let store = self.clone();
        let commit = Commit { run: run.to_owned(), base, decide, answer };
        self.commits
            .submit(commit, move |batch| {
                let store = store.clone();
                async move { store.commit_all(batch).await }
            })
            .await;
        let lost = |_| Err(Error::new(Code::Internal, "Committing", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    async fn commit_all(&self, batch: Vec<Commit>) {
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
            // Each kind is a statement of its own; they are under way together.
            let writes = kinds.into_iter().map(|(kind, plans)| self.write_all(kind, plans));
            for (changed, unstorable) in join_all(writes).await {
                again.extend(changed);
                alone.extend(unstorable);
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
        plans: Vec<Plan>,
    ) -> std::result::Result<Vec<(WriteKind, Vec<Plan>)>, (Vec<Plan>, Error)> {
        let has_journal = match self.record.has_journal().await {
            Ok(has_journal) => has_journal,
            Err(error) => return Err((plans, error)),
        };
        let mut kinds: Vec<(WriteKind, Vec<Plan>)> = Vec::new();
        for plan in plans {
            let kind = WriteKind::of(has_journal, &plan.merged.after);
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, plans)) => plans.push(plan),
                None => kinds.push((kind, vec![plan])),
            }
        }
        Ok(kinds)
    }

    /// Writes plans of one kind and answers them; but those whose run has changed meanwhile, and those that have to
    /// go alone because one of them cannot be stored: only that one is to fail.
    async fn write_all(&self, kind: WriteKind, plans: Vec<Plan>) -> (Vec<Group>, Vec<Group>) {
        match self.write(kind, &plans).await {
            Ok(written) => (self.answer_written(plans, &written), Vec::new()),
            Err(error) if error.kind() == Kind::Data => {
                (Vec::new(), plans.into_iter().map(|plan| plan.group).collect())
            }
            Err(error) => {
                plans.into_iter().for_each(|plan| plan.group.answer_all(&error));
                (Vec::new(), Vec::new())
            }
        }
    }

    /// Writes plans of one kind; answers with the runs that were still of the revision the decision was made on.
    async fn write(&self, kind: WriteKind, plans: &[Plan]) -> Result<Written> {
        let mut writes = Vec::with_capacity(plans.len());
        for Plan { group, merged } in plans {
            if let Some(change) = &merged.change {
                writes.push(Write::new(kind, &group.run, &group.base, change, &merged.after)?);
            }
        }
        match writes.is_empty() {
            true => Ok(Written::new()),
            false => self.record.write(kind, &writes).await,
        }
    }

    /// The commits of each run, in the order they came, on the newest bookkeeping known here.
    fn groups(&self, batch: Vec<Commit>) -> Vec<Group> {
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

    /// Answers what was written, and what was decided to be nothing; the others are to be decided anew.
    fn answer_written(&self, plans: Vec<Plan>, written: &Written) -> Vec<Group> {
        let mut again = Vec::new();
        for Plan { group, merged } in plans {
            let Merged { change, after, answers } = merged;
            if change.is_none() {
                group.commits.into_iter().for_each(|commit| drop(commit.answer.send(Ok(Outcome::default()))));
                continue;
            }
            let Some(&(at, revision)) = written.get(&group.run) else {
                again.push(group);
                continue;
            };
            let document = after.written(at, revision);
            match document.has_ended() {
                true => self.cache.forget(&group.run),
                false => self.cache.put(&group.run, &document),
            }
            for (commit, changed) in group.commits.into_iter().zip(answers) {
                let outcome = match changed {
                    Ok(true) => Outcome { changed: true, at, document: Some(document.clone()) },
                    _ => Outcome::default(),
                };
                let _ = commit.answer.send(Ok(outcome));
            }
        }
        again
    }

    /// The same commits, on the runs as they are now.
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
    async fn change_each(&self, groups: Vec<Group>) {
        for Commit { run, mut decide, answer, .. } in groups.into_iter().flat_map(|group| group.commits) {
            self.cache.forget(&run);
            let decide = |document: Document| Ok((decide(&document)?, ()));
            let outcome = self.change(&run, true, decide).await.map(|committed| {
                let Committed { changed, at, .. } = committed;
                Outcome { changed, at, document: None }
            });
            let _ = answer.send(outcome);
        }
    }
}
