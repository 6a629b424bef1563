//! A run as a node that is being executed sees it: as it was when somebody last looked. Whoever reads asks first whether that
//! is what there is ([`View::is_current`]). If not, it looks ([`LiveRuns::look`]), offers what it saw, and has the view take
//! that when nobody is reading.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::error::Result;
use crate::ids::NodeId;
use crate::json::Json;
use crate::mutants::{Mutant, makes};
use crate::record::{Document, Patch, Scope};
use crate::workflow::ledger::Attempt;

/// A run, as it was at some moment that is not before `since`.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The run.
    pub document: Document,
    /// When it was asked for.
    pub since: Instant,
}

/// Looks at runs, for nodes that are being executed.
#[async_trait]
pub trait LiveRuns: Send + Sync {
    /// A run as it is now, of which `known` was seen before. It waits for a record that is out of reach. None if the worker
    /// aborts first: it does not wait for the node's answer either.
    ///
    /// # Errors
    /// The run cannot be read.
    async fn look(&self, run: &str, known: &Document) -> Result<Option<Seen>>;

    /// Writes keys of a run before the node's answer, for the run's other nodes to read; as its node names them. Whether they are on
    /// record: else they are to go along with the answer. It waits for a record that is out of reach.
    async fn write(&self, run: &str, known: &Document, attempt: &Arc<LiveAttempt>, patch: Patch) -> bool;
}

/// An attempt at an execution, as it writes before its answer. It has a token from its first write on.
#[derive(Debug)]
pub struct LiveAttempt {
    node: NodeId,
    round: u32,
    token: OnceLock<String>,
    may_be_first: AtomicBool,
}

impl LiveAttempt {
    /// An attempt that has written nothing.
    pub fn new(node: NodeId, round: u32) -> Arc<Self> {
        Arc::new(Self { node, round, token: OnceLock::new(), may_be_first: AtomicBool::new(true) })
    }

    /// Has it have a token; `draw` makes one that no other attempt has.
    pub fn name(&self, draw: impl FnOnce() -> String) {
        self.token.get_or_init(draw);
    }

    /// Its token; none if it has written nothing.
    pub fn token(&self) -> Option<&str> {
        self.token.get().map(String::as_str)
    }

    /// Its token is on record, or was once: where it has vanished, it does not write again.
    pub fn note_recorded(&self) {
        self.may_be_first.store(false, Ordering::Relaxed);
    }

    /// Whether it may be the first attempt, and has written nothing yet.
    pub fn may_be_first(&self) -> bool {
        self.may_be_first.load(Ordering::Relaxed)
    }

    /// The same, as the ledger knows it.
    pub fn in_ledger(&self) -> Attempt<'_> {
        Attempt { node: &self.node, round: self.round, token: self.token().unwrap_or_default() }
    }

    /// What its node writes, as a change of its run.
    pub fn embedded(&self, patch: Patch) -> Patch {
        Scope::of(&self.node).embedded(patch)
    }
}

/// A run as one of its nodes sees it.
#[derive(Debug)]
pub struct View {
    node: NodeId,
    /// What the node may see of it.
    scope: Scope,
    seen: Seen,
    /// What was seen since, to be taken.
    offered: Option<Seen>,
    /// For how long what was seen is what there is; none if nobody has asked yet.
    stays: Option<Duration>,
    /// What the node was given.
    given: BTreeMap<String, Option<Json>>,
}

impl View {
    /// What a node sees of its run.
    pub fn new(node: NodeId, seen: Seen) -> Self {
        let scope = Scope::of(&node);
        Self { node, scope, seen, offered: None, stays: None, given: BTreeMap::new() }
    }

    /// The run as it was last seen.
    pub fn document(&self) -> &Document {
        &self.seen.document
    }

    /// Whether the run as it was last seen is what there is, as far as the node may ask.
    pub fn is_current(&mut self) -> bool {
        let stays = *self.stays.get_or_insert_with(|| self.seen.document.stays(&self.node));
        self.seen.since.elapsed() < stays || makes(Mutant::ReadsAsLoaded)
    }

    /// Whether nobody else of the run could read what the node writes, when it was last seen.
    pub fn is_alone(&self) -> bool {
        !self.seen.document.stays(&self.node).is_zero()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.scope.get(&self.seen.document.values, key)
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.scope.entries(&self.seen.document.values).map(|(key, _)| key)
    }

    /// The value of a key, to be given to the node.
    pub fn give(&mut self, key: &str) -> Option<&Json> {
        let value = self.scope.get(&self.seen.document.values, key);
        self.given.insert(key.to_owned(), value.cloned());
        value
    }

    /// Offers what was seen, unless something was that was asked for later.
    pub fn offer(&mut self, seen: Seen) {
        let newest = self.offered.as_ref().unwrap_or(&self.seen);
        if seen.since >= newest.since {
            self.offered = Some(seen);
        }
    }

    /// Takes what was offered. Answers with the keys that the node was given, and that have another value now.
    pub fn take(&mut self) -> Vec<String> {
        let Some(seen) = self.offered.take() else { return Vec::new() };
        let (values, scope) = (&seen.document.values, &self.scope);
        let mut others = Vec::new();
        self.given.retain(|key, value| {
            let is_same = scope.get(values, key) == value.as_ref();
            if !is_same {
                others.push(key.clone());
            }
            is_same
        });
        (self.seen, self.stays) = (seen, None);
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ReservedKey, to_raw};
    use crate::workflow::blueprint::Blueprint;
    use crate::workflow::ledger::{Event, Ledger};
    use crate::workflow::notation::graph;

    fn run(ledger: Ledger, values: &[(&str, u32)]) -> Document {
        let reserved = Some(ReservedKey { ledger, ..ReservedKey::default() });
        let values = values.iter().map(|(key, value)| (Arc::from(*key), to_raw(value).unwrap())).collect();
        Document { reserved, values, found: true, ..Document::default() }
    }

    fn seen(document: Document) -> Seen {
        Seen { document, since: Instant::now() }
    }

    fn show(view: &mut View, document: Document) -> Vec<String> {
        view.offer(seen(document));
        view.take()
    }

    fn finished(ledger: &mut Ledger, blueprint: &Blueprint, node: &str) {
        let (round, taken) = (1, crate::workflow::notation::matched(&graph("a -> b, a -> c"), node, None));
        let (node, action, added, again) = (node.into(), None, Vec::new(), None);
        ledger.apply(blueprint, Event::Finished { node, round, action, taken, added, again }).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_alone_looks_for_outside_writes_now_and_then() {
        let ledger = Ledger::begin(&Blueprint::new(graph("a -> b, a -> c")));
        let mut view = View::new("a".into(), seen(run(ledger, &[])));
        for (passes, is_current) in [(0, true), (249, true), (1, false), (1_000, false)] {
            tokio::time::advance(Duration::from_millis(passes)).await;
            assert_eq!(view.is_current(), is_current, "{passes}");
        }
        let now = view.document().clone();
        show(&mut view, now);
        assert!(view.is_current());
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_beside_others_looks_each_time_until_they_are_done() {
        let blueprint = Blueprint::new(graph("a -> b, a -> c"));
        let mut ledger = Ledger::begin(&blueprint);
        finished(&mut ledger, &blueprint, "a");
        let mut view = View::new("b".into(), seen(run(ledger.clone(), &[])));
        assert!(!view.is_current());
        show(&mut view, run(ledger.clone(), &[]));
        assert!(!view.is_current());
        finished(&mut ledger, &blueprint, "c");
        show(&mut view, run(ledger, &[]));
        assert!(view.is_current());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_node_was_given_and_has_changed_is_named() {
        let mut view = View::new("b".into(), seen(run(Ledger::default(), &[("x", 1), ("y", 1), ("z", 1)])));
        for key in ["x", "y", "new"] {
            view.give(key);
        }
        let next = run(Ledger::default(), &[("x", 1), ("y", 2), ("z", 2), ("new", 1)]);
        assert_eq!(show(&mut view, next.clone()), ["new", "y"]);
        assert!(show(&mut view, next).is_empty());
        view.give("y");
        assert_eq!(show(&mut view, Document::default()), ["x", "y"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_earlier_takes_no_place_of_what_was_later() {
        let earlier = seen(run(Ledger::default(), &[("x", 1)]));
        tokio::time::advance(Duration::from_millis(1)).await;
        let mut view = View::new("b".into(), seen(run(Ledger::default(), &[("x", 2)])));
        view.offer(earlier.clone());
        view.take();
        assert_eq!(view.give("x").map(Json::get), Some("2"));
        view.offer(seen(run(Ledger::default(), &[("x", 3)])));
        view.offer(earlier);
        assert_eq!(view.give("x").map(Json::get), Some("2"), "nothing is taken yet");
        view.take();
        assert_eq!(view.give("x").map(Json::get), Some("3"));
    }
}
