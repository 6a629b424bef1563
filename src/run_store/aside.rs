//! Which runs have rows that others have locked. Their commits are set aside.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

use crate::error::{Code, Error, SqlState};

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
