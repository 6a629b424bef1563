//! Runs as this worker last saw them, so that a job need not read again what has not changed. They decide nothing: a
//! load asks for whatever is newer, and a commit is written only if the run is still of that version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::document::Document;

/// What all of them may take, in bytes of memory, about.
const BUDGET: usize = 24 << 20;
/// A run larger than this is not kept: it would drive out many others.
const LARGEST: usize = 8 << 20;

/// The runs last seen here.
#[derive(Debug, Default)]
pub(super) struct Known {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Each with the number of its coming.
    runs: HashMap<String, (u64, Document)>,
    weight: usize,
    /// How many connections were open when they were seen.
    opened: u64,
    /// In the order they came; some have gone since.
    order: VecDeque<(u64, String)>,
    last: u64,
}

impl Known {
    pub fn get(&self, run: &str) -> Option<Document> {
        self.with(|inner| inner.runs.get(run).map(|(_, document)| document.clone()))
    }

    /// What was seen over earlier connections is not known any more: a server that took over may have lost some of it,
    /// and have given its versions to something else.
    pub fn over(&self, opened: u64) {
        self.with(|inner| {
            if inner.opened != opened {
                *inner = Inner { opened, ..Inner::default() };
            }
        });
    }

    /// Keeps a run, unless a newer state of it is known.
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
            if document.version != known.version && !document.version.is_newer_than(known.version) {
                return;
            }
            self.weight = self.weight - known.weight + document.weight;
            *known = document.clone();
        } else {
            self.last += 1;
            self.weight += document.weight;
            self.runs.insert(run.to_owned(), (self.last, document.clone()));
            self.order.push_back((self.last, run.to_owned()));
        }
        if document.weight > LARGEST {
            self.forget(run);
        }
        while self.weight > BUDGET
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
            self.weight -= document.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Version;

    fn document(row: i64, weight: usize) -> Document {
        Document { version: Version { row, entry: 0 }, weight, ..Document::default() }
    }

    #[test]
    fn an_older_state_does_not_take_the_place_of_a_newer_one() {
        let known = Known::default();
        known.put("r", &document(5, 1));
        known.put("r", &document(4, 1));
        assert_eq!(known.get("r").unwrap().version.row, 5);
        // After four thousand million transactions they begin again.
        known.put("r", &document((1 << 32) - 1, 1));
        assert_eq!(known.get("r").unwrap().version.row, 5);
    }

    #[test]
    fn those_that_came_first_make_room() {
        let known = Known::default();
        for number in 0..100 {
            known.put(&number.to_string(), &document(1, BUDGET / 10));
        }
        let kept = (0..100).filter(|number: &i32| known.get(&number.to_string()).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), (90..100).collect::<Vec<_>>());
        assert!(known.with(|inner| inner.order.len() <= 2 * inner.runs.len() + 64));
    }

    #[test]
    fn a_new_connection_may_be_to_a_server_that_knows_less() {
        let known = Known::default();
        known.over(1);
        known.put("r", &document(1, 1));
        known.over(1);
        assert!(known.get("r").is_some());
        known.over(2);
        assert!(known.get("r").is_none());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let known = Known::default();
        known.put("r", &document(1, LARGEST + 1));
        assert!(known.get("r").is_none() && known.with(|inner| inner.weight) == 0);
    }
}
