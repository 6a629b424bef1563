//! Commits of runs whose rows others have locked. They leave in batches of their own, each of which asks first whose rows are
//! free by now, and never waits for one that is not. So locked rows hold up no other run.

use super::aside::locked_by_others;
use super::requests::CommitRequest;
use super::store::RunStore;
use crate::error::Result;

impl RunStore {
    /// Commits of runs that were locked: those that are free by now are written, the others are answered at once.
    pub(super) async fn commit_free(&self, batch: Vec<CommitRequest>) {
        let mut runs: Vec<&str> = batch.iter().map(|commit| commit.run.as_str()).collect();
        runs.dedup();
        let locked = match self.record.locked(&runs).await {
            Ok(locked) => locked,
            Err(error) => {
                return batch.into_iter().for_each(|commit| drop(commit.answer.send(Err(error.clone()))));
            }
        };
        let (locked, free): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|commit| locked.contains(&commit.run));
        free.iter().for_each(|commit| self.aside.remove(&commit.run));
        locked.into_iter().for_each(|commit| drop(commit.answer.send(Err(locked_by_others()))));
        if !free.is_empty() {
            self.commit_all(free).await;
        }
    }

    /// Those of some runs that are locked now; they are set aside.
    pub(super) async fn set_aside(&self, runs: &[&str]) -> Result<Vec<String>> {
        let locked = self.record.locked(runs).await?;
        locked.iter().for_each(|run| self.aside.add(run));
        Ok(locked)
    }
}
