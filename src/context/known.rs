//! The bookkeeping of runs as this worker last wrote it, so that the next result of a run need not be decided on what
//! was loaded before. It decides nothing: a commit is written only if the row is still of that version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::commit::Base;

/// Runs kept.
const RUNS: usize = 512;

/// The runs last written here.
#[derive(Debug, Default)]
pub(super) struct Known {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bases: HashMap<String, Base>,
    /// In the order they came in.
    order: VecDeque<String>,
}

impl Known {
    pub fn get(&self, run: &str) -> Option<Base> {
        self.with(|inner| inner.bases.get(run).cloned())
    }

    pub fn put(&self, run: String, base: Base) {
        self.with(|inner| {
            if inner.bases.insert(run.clone(), base).is_some() {
                return;
            }
            inner.order.push_back(run);
            if inner.order.len() > RUNS
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.bases.remove(&oldest);
            }
        });
    }

    pub fn forget(&self, run: &str) {
        self.with(|inner| {
            if inner.bases.remove(run).is_some() {
                inner.order.retain(|known| known != run);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
