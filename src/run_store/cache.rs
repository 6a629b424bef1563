//! The run cache: runs as this worker last saw them, so that a job does not read again what has not changed. The cache
//! decides nothing: a load asks for what is newer, and a commit is written only if the run is still of that revision.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::record::Document;

/// Approximate bytes that all cached runs may take.
const BUDGET: usize = 24 << 20;
/// A larger run is not cached: it would evict many others.
const LARGEST: usize = 8 << 20;

/// The runs last seen here.
#[derive(Debug, Default)]
pub(super) struct RunCache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Each with the number under which it was added.
    runs: HashMap<String, (u64, Document)>,
    approximate_bytes: usize,
    /// The record's generation when they were read.
    generation: u64,
    /// In the order they were added; some have been removed since.
    order: VecDeque<(u64, String)>,
    last: u64,
}

impl RunCache {
    pub fn get(&self, run: &str) -> Option<Document> {
        self.with(|inner| inner.runs.get(run).map(|(_, document)| document.clone()))
    }

    /// Drops everything that was read over earlier connections: a server that took over may have lost some of it and given
    /// the same revisions to other changes.
    pub fn over(&self, generation: u64) {
        self.with(|inner| {
            if inner.generation != generation {
                *inner = Inner { generation, ..Inner::default() };
            }
        });
    }

    /// Caches a run, unless a newer state of it is cached.
    pub fn put(&self, run: &str, document: &Document) {
        self.with(|inner| inner.put(run, document));
    }

    pub fn forget(&self, run: &str) {
        self.with(|inner| inner.forget(run));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn put(&mut self, run: &str, document: &Document) {
        if let Some((_, known)) = self.runs.get_mut(run) {
            if document.revision != known.revision && !document.revision.is_newer_than(known.revision) {
                return;
            }
            self.approximate_bytes =
                self.approximate_bytes - known.approximate_bytes + document.approximate_bytes;
            *known = document.clone();
        } else {
            self.last += 1;
            self.approximate_bytes += document.approximate_bytes;
            self.runs.insert(run.to_owned(), (self.last, document.clone()));
            self.order.push_back((self.last, run.to_owned()));
        }
        if document.approximate_bytes > LARGEST {
            self.forget(run);
        }
        while self.approximate_bytes > BUDGET
            && let Some((number, run)) = self.order.pop_front()
        {
            if self.runs.get(&run).is_some_and(|(own, _)| *own == number) {
                self.forget(&run);
            }
        }
        if self.order.len() > 2 * self.runs.len() + 64 {
            let runs = &self.runs;
            self.order.retain(|(number, run)| runs.get(run).is_some_and(|(own, _)| own == number));
        }
    }

    fn forget(&mut self, run: &str) {
        if let Some((_, document)) = self.runs.remove(run) {
            self.approximate_bytes -= document.approximate_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Revision;

    fn document(row: i64, approximate_bytes: usize) -> Document {
        Document { revision: Revision { row, entry: 0 }, approximate_bytes, ..Document::default() }
    }

    #[test]
    fn an_older_state_does_not_take_the_place_of_a_newer_one() {
        let cache = RunCache::default();
        cache.put("r", &document(5, 1));
        cache.put("r", &document(4, 1));
        assert_eq!(cache.get("r").unwrap().revision.row, 5);
        // After four thousand million transactions they begin again.
        cache.put("r", &document((1 << 32) - 1, 1));
        assert_eq!(cache.get("r").unwrap().revision.row, 5);
    }

    #[test]
    fn those_that_came_first_make_room() {
        let cache = RunCache::default();
        for number in 0..100 {
            cache.put(&number.to_string(), &document(1, BUDGET / 10));
        }
        let kept = (0..100).filter(|number: &i32| cache.get(&number.to_string()).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), (90..100).collect::<Vec<_>>());
        assert!(cache.with(|inner| inner.order.len() <= 2 * inner.runs.len() + 64));
    }

    #[test]
    fn a_new_connection_may_be_to_a_server_that_knows_less() {
        let cache = RunCache::default();
        cache.over(1);
        cache.put("r", &document(1, 1));
        cache.over(1);
        assert!(cache.get("r").is_some());
        cache.over(2);
        assert!(cache.get("r").is_none());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let cache = RunCache::default();
        cache.put("r", &document(1, LARGEST + 1));
        assert!(cache.get("r").is_none() && cache.with(|inner| inner.approximate_bytes) == 0);
    }
}
