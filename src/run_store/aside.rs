//! Runs whose rows others have locked. Their commits are set aside: they leave in batches of their own, each of which asks
//! first whose rows are free by now, and never waits for one that is not. So locked rows hold up no other run.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

use super::requests::Commit;
use super::store::RunStore;
use crate::error::{Code, Error, Result, SqlState};

/// How long a run is remembered that nobody commits to any more.
const REMEMBERED: Duration = Duration::from_secs(120);
/// From how many runs on those are forgotten.
const MANY: usize = 1_000;

/// The runs set aside.
#[derive(Debug, Default)]
pub(super) struct Aside(Mutex<HashMap<String, Instant>>);

impl Aside {
    pub fn has(&self, run: &str) -> bool {
        self.with(|runs| !runs.is_empty() && runs.contains_key(run))
    }

    pub fn add(&self, run: &str) {
        self.with(|runs| {
            if runs.len() >= MANY {
                runs.retain(|_, since| since.elapsed() < REMEMBERED);
            }
            runs.insert(run.to_owned(), Instant::now());
        });
    }

    pub fn remove(&self, run: &str) {
        self.with(|runs| runs.remove(run));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Instant>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The error of a commit whose run is locked.
pub(super) fn locked_by_others() -> Error {
    let what = "another transaction has locked the run's row";
    Error::new(Code::RunBusy, "Committing", what).with_sql_state(Some(SqlState::LOCKED))
}

impl RunStore {
    /// Commits of runs that were locked: those that are free by now are written, the others are answered at once.
    pub(super) async fn commit_free(&self, batch: Vec<Commit>) {
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
