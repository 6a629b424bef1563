//! Committing results: those that wait, of any run, in one statement.
//!
//! A commit is decided on the bookkeeping as it was last seen and written only if the row is still of that version;
//! if it is not, the row is loaded again and the decision made anew. Several results of one run are decided one
//! upon the other and written as one change. A row that others keep changing is locked in the end ([`change`]).
//!
//! [`change`]: ContextStore::change

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::change::{Change, Committed};
use super::document::Document;
use super::plan::{Group, Plan, partition};
use super::status::StatusTable;
use super::store::ContextStore;
use super::write::{Kind, Versions};
use crate::batcher::Request;
use crate::error::{self, Error, Result};

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
    pub run: String,
    pub base: Document,
    pub decide: Decide,
    pub statuses: Arc<StatusTable>,
    pub answer: oneshot::Sender<Result<Written>>,
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
        self.commits
            .submit(commit, move |batch| {
                let store = store.clone();
                async move { store.commit_all(batch).await }
            })
            .await;
        let lost = |_| Err(Error::transient("Committing", "the answer was lost"));
        answered.await.unwrap_or_else(lost).map_err(|error| error.of_run(run))
    }

    async fn commit_all(&self, batch: Vec<Commit>) {
        let Some(statuses) = batch.first().map(|commit| commit.statuses.clone()) else { return };
        let mut groups = self.groups(batch);
        for _ in 0..ROUNDS {
            let (plans, mut again) = partition(groups);
            let mut alone = Vec::new();
            // Each kind is a statement of its own; they are under way together.
            let kinds =
                self.kinds(plans).into_iter().map(|(kind, plans)| self.write_all(&statuses, kind, plans));
            for (changed, unstorable) in join_all(kinds).await {
                again.extend(changed);
                alone.extend(unstorable);
            }
            self.change_each(&statuses, alone).await;
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

    /// Writes plans of one kind and answers them; but those whose run has changed meanwhile, and those that have to
    /// go alone because one of them can not be stored: only that one is to fail.
    async fn write_all(
        &self,
        statuses: &StatusTable,
        kind: Kind,
        plans: Vec<Plan>,
    ) -> (Vec<Group>, Vec<Group>) {
        match self.write(statuses, kind, &plans).await {
            Ok(written) => (self.answer_written(plans, &written), Vec::new()),
            Err(error) if error.kind == error::Kind::Data => {
                (Vec::new(), plans.into_iter().map(|plan| plan.group).collect())
            }
            Err(error) => {
                plans.into_iter().for_each(|plan| plan.group.answer_all(&error));
                (Vec::new(), Vec::new())
            }
        }
    }

    /// The commits of each run, in the order they came, on the newest bookkeeping known here.
    fn groups(&self, batch: Vec<Commit>) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for commit in batch {
            match groups.get_mut(&commit.run) {
                Some(group) => {
                    if commit.base.version.is_newer_than(group.base.version) {
                        group.base = commit.base.clone();
                    }
                    group.commits.push(commit);
                }
                None => {
                    let known = self.known.get(&commit.run);
                    let newer = known.filter(|known| known.version.is_newer_than(commit.base.version));
                    let base = newer.unwrap_or_else(|| commit.base.clone());
                    let run = commit.run.clone();
                    groups.insert(run.clone(), Group { run, base, fresh: false, commits: vec![commit] });
                }
            }
        }
        groups.into_values().collect()
    }

    /// Answers what was written, and what was decided to be nothing; the others are to be decided anew.
    fn answer_written(&self, plans: Vec<Plan>, written: &Versions) -> Vec<Group> {
        let mut again = Vec::new();
        for Plan { group, change, after, declined } in plans {
            if change.is_none() {
                group.commits.into_iter().for_each(|commit| drop(commit.answer.send(Ok(Written::default()))));
                continue;
            }
            let Some(&(at, version)) = written.get(&group.run) else {
                again.push(group);
                continue;
            };
            let document = after.written(at, version);
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
