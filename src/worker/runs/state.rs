//! A run while something is decided about it. Pure.

use std::sync::Arc;

use super::finalize::{finalize, published};
use crate::error::{Code, Error, Result};
use crate::record::{Change, Document, Patch, ReservedKey};
use crate::workflow::ledger::{Ledger, Stamp};

/// A run as it is: what is decided is changed here, and written if the [`Decision`] says so.
#[derive(Debug)]
pub struct RunState {
    /// Its keys. Where only the ledger was asked for, none.
    pub document: Document,
    /// The ledger, and what stands beside it; a run without one has a ledger in which nothing happened.
    pub reserved: ReservedKey,
    /// The keys that change.
    pub patch: Patch,
    /// That the run goes on is noted, for whoever tells it.
    pub notes: bool,
}

/// What holds for every decision of an engine.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The adapter publishes results itself.
    pub deferred: bool,
    /// Somebody listens to events here.
    pub heard: bool,
    /// Now, by the record's clock: milliseconds since 1970.
    pub now: u64,
}

/// What was decided, with an answer for the caller.
#[derive(Debug)]
pub enum Decision<T> {
    /// The run stays as it is.
    Leave(T),
    /// The change is written.
    Write(T),
    /// The run's result is published: the record is to say so.
    MarkPublished(T),
}

impl RunState {
    fn of(mut document: Document, notes: bool) -> Self {
        let reserved = document.reserved.take().unwrap_or_default();
        Self { document, reserved, patch: Patch::default(), notes }
    }

    /// The ledger.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.reserved.ledger
    }

    /// The id of the blueprint that the run follows; none if no message has named one.
    pub fn follows(&self) -> Option<Arc<str>> {
        self.reserved.follows(&self.document.values)
    }

    /// Refuses a run that has no row.
    ///
    /// # Errors
    /// There is none.
    pub fn require_row(&self, operation: &'static str) -> Result<()> {
        match self.document.found {
            true => Ok(()),
            false => Err(no_such_run(operation)),
        }
    }
}

/// Has something decided on a run, and makes a change of it.
///
/// # Errors
/// Whatever `judge` says.
pub fn decide<T>(
    document: Document,
    Terms { deferred, heard, now }: Terms,
    judge: &mut impl FnMut(&mut RunState) -> Result<Decision<T>>,
) -> Result<(Option<Change>, T)> {
    let mut state = RunState::of(document, heard);
    let before = state.reserved.clone();
    Ok(match judge(&mut state)? {
        Decision::Leave(answer) => (None, answer),
        Decision::Write(answer) => {
            if state.reserved.ledger.status.is_end() {
                // Nobody will answer for it any more.
                let values = &state.document.values;
                let restored = state.reserved.ledger.take_all_back(|key| values.get(key).cloned());
                state.patch = Patch::restoring(restored).then(state.patch);
            }
            let stamp = Stamp { now, node: None, ran: None };
            state.reserved.ledger.stamp(&before.ledger, stamp);
            if state.notes && state.reserved.untold == before.untold {
                let onward = state.reserved.ledger.goes_on_since(&before.ledger);
                state.reserved.note(onward);
            }
            (Some(finalize(state.reserved, state.patch, deferred)?), answer)
        }
        Decision::MarkPublished(answer) => (Some(published(state.reserved, state.patch, deferred)), answer),
    })
}

/// A run that nothing is stored of.
pub fn no_such_run(operation: &'static str) -> Error {
    Error::new(Code::RunNotFound, operation, "there is no such run: it has no context row")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StatusUpdate;
    use crate::workflow::blueprint::Blueprint;
    use crate::workflow::ledger::RunStatus;
    use crate::workflow::ledger::tests::support::graph;

    const TERMS: Terms = Terms { deferred: false, heard: false, now: 1_000 };

    fn ended() -> Document {
        let ledger = Ledger { status: RunStatus::Completed, ..Ledger::default() };
        let reserved = ReservedKey { ledger, unpublished: true, ..ReservedKey::default() };
        Document { found: true, reserved: Some(reserved), ..Document::default() }
    }

    #[test]
    fn what_is_decided_is_written_as_it_was_left() {
        let (change, answer) =
            decide(ended(), TERMS, &mut |state| Ok(Decision::Leave(state.document.found))).unwrap();
        assert!(change.is_none() && answer);
        for (deferred, ending) in [(false, StatusUpdate::End), (true, StatusUpdate::Defer)] {
            let terms = Terms { deferred, ..TERMS };
            let (change, ()) = decide(ended(), terms, &mut |_| Ok(Decision::Write(()))).unwrap();
            assert_eq!(change.unwrap().status, ending);
        }
        let (change, ()) =
            decide(ended(), Terms { deferred: true, ..TERMS }, &mut |_| Ok(Decision::MarkPublished(())))
                .unwrap();
        let change = change.unwrap();
        assert_eq!((change.status, change.reserved.unpublished), (StatusUpdate::Published, false));
    }

    #[test]
    fn that_a_run_goes_on_is_noted_where_somebody_listens_or_may_elsewhere() {
        let begin = |heard: bool, asked: bool| {
            let judge = &mut |state: &mut RunState| {
                state.notes |= asked;
                state.ledger().begin_with(&Blueprint::new(graph("a -> b")));
                Ok(Decision::Write(()))
            };
            let found = Document { found: true, ..Document::default() };
            let (change, ()) = decide(found, Terms { heard, ..TERMS }, judge).unwrap();
            change.unwrap().reserved.untold.map(|untold| untold.events.len())
        };
        assert_eq!([begin(false, false), begin(true, false), begin(false, true)], [None, Some(2), Some(2)]);
    }

    #[test]
    fn a_run_without_a_ledger_has_one_in_which_nothing_happened() {
        let judge = &mut |state: &mut RunState| {
            state.require_row("Testing")?;
            Ok(Decision::Leave(state.ledger().is_unbegun()))
        };
        assert!(decide(Document::default(), TERMS, judge).unwrap_err().to_string().contains("no such run"));
        let found = Document { found: true, ..Document::default() };
        assert!(decide(found, TERMS, judge).unwrap().1);
    }
}
