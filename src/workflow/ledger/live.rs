//! Live writes: what an execution has written before its answer.
//!
//! They are on record under their plain keys, for the run's other nodes to read, and still count once: an attempt that dies
//! takes them back when its node runs again. So the ledger keeps, for each attempt that has not answered, its token, and for
//! each key that it wrote what the key had before. A key's value is the last write that was not taken back; nothing else is
//! restored, so what another node wrote later stands. From the first live write of an attempt on, writes and the result of any
//! other attempt at that execution are refused.
//!
//! ```text
//!     key k:   1 ──▶ 2 (by a) ──▶ 3 (by b)
//!              a is taken back: k stays 3, and below b's write lies 1
//!              b is taken back: k is 2 again
//!              a answers:       what lay below its write is forgotten
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::NodeState;
use super::state::Ledger;
use super::written::{Layer, Written, digest};
use crate::ids::NodeId;
use crate::json::Json;

/// An attempt at an execution.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The node.
    pub node: &'a NodeId,
    /// Its round.
    pub round: u32,
    /// Tells the attempt apart.
    pub token: &'a str,
}

/// Why nothing is written live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLive {
    /// The node is not due in that round.
    Over,
    /// Another attempt writes for it, or its own token has vanished.
    Superseded,
}

/// Keys and what they are to have; none removes the key.
pub type Restored = Vec<(String, Option<Json>)>;

impl Ledger {
    /// The attempt that has written for a node and not answered.
    pub fn writer(&self, node: &str) -> Option<&str> {
        self.live.get(node).map(|written| written.token.as_str())
    }

    /// Whether anybody has written and not answered.
    pub fn has_writers(&self) -> bool {
        !self.live.is_empty()
    }

    /// Notes live writes of an attempt. `is_first`: it may be the first attempt, and has written nothing yet. `value` is what a
    /// key has.
    ///
    /// # Errors
    /// The ledger is unchanged, and nothing may be written.
    pub fn write_live<'a>(
        &mut self,
        attempt: Attempt<'_>,
        is_first: bool,
        writes: impl Iterator<Item = (&'a str, Option<&'a Json>)>,
        value: impl Fn(&str) -> Option<Json>,
    ) -> Result<(), NotLive> {
        self.require_due(attempt)?;
        match self.writer(attempt.node) {
            Some(token) if token == attempt.token => {}
            None if is_first => {}
            _ => return Err(NotLive::Superseded),
        }
        for (key, written) in writes {
            self.lay(attempt, key, written, &value);
        }
        Ok(())
    }

    /// Has an attempt that may not be the first write for its node: what an earlier one wrote is taken back.
    ///
    /// # Errors
    /// The execution is over: the ledger is unchanged.
    pub fn take_over(
        &mut self,
        attempt: Attempt<'_>,
        value: impl Fn(&str) -> Option<Json>,
    ) -> Result<Restored, NotLive> {
        self.require_due(attempt)?;
        if self.writer(attempt.node) == Some(attempt.token) {
            return Ok(Restored::new());
        }
        let restored = self.take_back(attempt.node, value);
        let written = Written { token: attempt.token.to_owned(), ..Written::default() };
        self.live.insert(attempt.node.clone(), Arc::new(written));
        Ok(restored)
    }

    /// Takes back what a node has written without an answer.
    pub fn take_back(&mut self, node: &str, value: impl Fn(&str) -> Option<Json>) -> Restored {
        let Some(written) = self.live.remove(node) else { return Restored::new() };
        let mut restored = Restored::new();
        for (key, layer) in &written.keys {
            let is_last = self.lift(key, layer);
            if is_last && value(key).as_ref().map(digest) == layer.left {
                restored.push((key.clone(), layer.below.clone()));
            }
        }
        restored
    }

    /// Takes back what all nodes have written without an answer: the run is over.
    pub fn take_all_back(&mut self, value: impl Fn(&str) -> Option<Json>) -> Restored {
        let mut restored: BTreeMap<String, Option<Json>> = BTreeMap::new();
        while let Some((node, _)) = self.live.get_min().cloned() {
            let now = |key: &str| restored.get(key).cloned().unwrap_or_else(|| value(key));
            let taken_back = self.take_back(&node, now);
            restored.extend(taken_back);
        }
        restored.into_iter().collect()
    }

    /// The answer of a node counts, and so does what it wrote. `writes` are the keys that its commit writes, over all others.
    pub fn settle_writes<'a>(&mut self, node: &str, writes: impl Iterator<Item = &'a str>) {
        if let Some(written) = self.live.remove(node) {
            for (key, layer) in &written.keys {
                self.forget_below(key, layer.at);
            }
        }
        if !self.live.is_empty() {
            writes.for_each(|key| self.forget_below(key, u32::MAX));
        }
    }

    /// Forgets who wrote for executions that are over.
    pub fn forget_writers(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let is_due = |node: &NodeId| self.entry(node).is_some_and(|entry| entry.state == NodeState::Due);
        let over: Vec<NodeId> =
            self.live.keys().filter(|node| self.status.is_end() || !is_due(node)).cloned().collect();
        for node in over {
            self.live.remove(&node);
        }
    }

    fn require_due(&self, Attempt { node, round, .. }: Attempt<'_>) -> Result<(), NotLive> {
        let is_due = |entry: &super::NodeEntry| entry.state == NodeState::Due && entry.round == round;
        match !self.status.is_end() && self.entry(node).is_some_and(is_due) {
            true => Ok(()),
            false => Err(NotLive::Over),
        }
    }

    /// Lays a write of an attempt over the others of its key.
    fn lay(
        &mut self,
        Attempt { node, token, .. }: Attempt<'_>,
        key: &str,
        written: Option<&Json>,
        value: impl Fn(&str) -> Option<Json>,
    ) {
        let own = self.live.get(node).and_then(|written| written.keys.get(key)).cloned();
        let last = self.layers(key).map(|(other, layer)| (layer.at, other == node)).max();
        let left = written.map(digest);
        let layer = match (own, last) {
            // Nobody wrote it since.
            (Some(own), Some((_, true))) => Layer { left, ..own },
            (own, last) => {
                if let Some(own) = own {
                    self.written_mut(node, token).keys.remove(key);
                    self.lift(key, &own);
                }
                Layer { at: last.map_or(1, |(at, _)| at + 1), below: value(key), left }
            }
        };
        self.written_mut(node, token).keys.insert(key.to_owned(), layer);
    }

    /// Takes a write out from under those that lie over it. Whether none does.
    fn lift(&mut self, key: &str, layer: &Layer) -> bool {
        let above =
            self.layers(key).filter(|(_, other)| other.at > layer.at).min_by_key(|(_, other)| other.at);
        let Some(node) = above.map(|(node, _)| node.clone()) else { return true };
        if let Some(above) =
            self.live.get_mut(&node).and_then(|written| Arc::make_mut(written).keys.get_mut(key))
        {
            above.below.clone_from(&layer.below);
        }
        false
    }

    /// Forgets the writes of a key that lie below a place.
    fn forget_below(&mut self, key: &str, at: u32) {
        let below: Vec<NodeId> =
            self.layers(key).filter(|(_, layer)| layer.at < at).map(|(node, _)| node.clone()).collect();
        for node in below {
            if let Some(written) = self.live.get_mut(&node) {
                Arc::make_mut(written).keys.remove(key);
            }
        }
    }

    fn layers<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a NodeId, &'a Layer)> {
        self.live.iter().filter_map(move |(node, written)| Some((node, written.keys.get(key)?)))
    }

    fn written_mut(&mut self, node: &NodeId, token: &str) -> &mut Written {
        let first = || Arc::new(Written { token: token.to_owned(), ..Written::default() });
        Arc::make_mut(self.live.entry(node.clone()).or_insert_with(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::ledger::Event;
    use crate::workflow::ledger::tests::support::{Story, stored};

    /// A run whose nodes `a`, `b` and `c` are due, and what its keys have.
    struct Run {
        ledger: Ledger,
        values: BTreeMap<String, Json>,
    }

    fn json(text: &str) -> Json {
        serde_json::value::RawValue::from_string(text.to_owned()).unwrap().into()
    }

    impl Run {
        fn new() -> Self {
            Self { ledger: Story::of("a, b, c").ledger, values: BTreeMap::new() }
        }

        fn set(&mut self, key: &str, value: Option<&str>) {
            match value {
                Some(value) => self.values.insert(key.to_owned(), json(value)),
                None => self.values.remove(key),
            };
        }

        fn writes(
            &mut self,
            (node, token): (&str, &str),
            first: bool,
            value: Option<&str>,
        ) -> Result<(), NotLive> {
            let (node, written) = (NodeId::from(node), value.map(json));
            let attempt = Attempt { node: &node, round: 1, token };
            let values = self.values.clone();
            let now = |key: &str| values.get(key).cloned();
            self.ledger.write_live(attempt, first, [("k", written.as_ref())].into_iter(), now)?;
            self.set("k", value);
            Ok(())
        }

        /// The first attempt at a node writes `k`.
        fn write(&mut self, node: &str, value: &str) {
            let token = format!("{node}1");
            let first = self.ledger.writer(node).is_none();
            self.writes((node, &token), first, Some(value)).unwrap();
        }

        fn restore(&mut self, restored: Restored) {
            for (key, value) in restored {
                self.set(&key, value.as_ref().map(Json::get));
            }
        }

        fn dies(&mut self, node: &str) {
            let values = self.values.clone();
            let restored = self.ledger.take_back(node, |key| values.get(key).cloned());
            self.restore(restored);
        }

        /// A node answers, and its commit may write `k`.
        fn answers(&mut self, node: &str, value: Option<&str>) {
            if let Some(value) = value {
                self.set("k", Some(value));
            }
            self.ledger.settle_writes(node, value.map(|_| "k").into_iter());
        }

        fn k(&self) -> Option<&str> {
            self.values.get("k").map(Json::get)
        }
    }

    #[test]
    fn what_a_dead_attempt_wrote_is_taken_back() {
        let mut run = Run::new();
        run.write("a", "1");
        run.write("a", "2");
        run.dies("a");
        assert_eq!(run.k(), None);
        run.set("k", Some("0"));
        run.write("a", "1");
        run.dies("a");
        assert_eq!(run.k(), Some("0"));
        assert!(!stored(&run.ledger).contains("live"), "nothing of it is left");
    }

    #[test]
    fn a_keys_value_is_the_last_write_that_was_not_taken_back() {
        // Who writes, who dies, who answers (with a value of its own after `=`), in turn; and what the key has then.
        let stories = [
            ("a+1 b+2 -a", Some("2")),
            ("a+1 b+2 -b", Some("1")),
            ("a+1 b+2 -a -b", None),
            ("a+1 b+2 -b -a", None),
            ("a+1 b+2 a+3 -a", Some("2")),
            ("a+1 b+2 a+3 -a -b", None),
            ("a+1 b+2 a+3 -b", Some("3")),
            ("a+1 b+2 a+3 -b -a", None),
            ("a+1 b+2 !a -b", Some("1")),
            ("a+1 b+2 !b -a", Some("2")),
            ("a+1 b+2 c+3 -b -c", Some("1")),
            ("a+1 b+2 c+3 -b -c -a", None),
            ("a+1 b+2 c+3 !b -a -c", Some("2")),
            ("a+1 !b=5 -a", Some("5")),
            ("a+1 !a=5 -a", Some("5")),
            ("a+1 b+2 !c=5 -a -b", Some("5")),
            ("a+1 !c=5 b+2 -b -a", Some("5")),
        ];
        for (story, expected) in stories {
            let mut run = Run::new();
            for step in story.split(' ') {
                match (step.as_bytes()[0], step.split_once(['+', '='])) {
                    (b'-', _) => run.dies(&step[1..]),
                    (b'!', Some((node, value))) => run.answers(&node[1..], Some(value)),
                    (b'!', None) => run.answers(&step[1..], None),
                    (_, Some((node, value))) => run.write(node, value),
                    _ => unreachable!(),
                }
            }
            assert_eq!(run.k(), expected, "{story}");
        }
    }

    #[test]
    fn what_is_written_from_outside_stands_however_it_is_spelt() {
        let mut run = Run::new();
        run.write("a", r#"{"b":1,"a":[1,2]}"#);
        run.set("k", Some(r#"{"a": [1, 2], "b": 1}"#));
        run.dies("a");
        assert_eq!(run.k(), None, "PostgreSQL spells the same value so");
        run.write("a", "1");
        run.set("k", Some("7"));
        run.dies("a");
        assert_eq!(run.k(), Some("7"));
    }

    #[test]
    fn a_removed_key_comes_back() {
        let mut run = Run::new();
        run.set("k", Some("0"));
        run.writes(("a", "a1"), true, None).unwrap();
        assert_eq!(run.k(), None);
        run.dies("a");
        assert_eq!(run.k(), Some("0"));
    }

    #[test]
    fn another_attempt_is_refused_and_one_whose_token_has_vanished() {
        let mut run = Run::new();
        run.write("a", "1");
        for (token, first) in [("a2", true), ("a2", false)] {
            assert_eq!(
                run.writes(("a", token), first, Some("9")),
                Err(NotLive::Superseded),
                "{token} {first}"
            );
        }
        assert_eq!(run.writes(("b", "b1"), false, Some("9")), Err(NotLive::Superseded));
        let over = Attempt { node: &"a".into(), round: 2, token: "a1" };
        assert_eq!(run.ledger.write_live(over, true, std::iter::empty(), |_| None), Err(NotLive::Over));
        assert_eq!(run.ledger.take_over(over, |_| None), Err(NotLive::Over));
    }

    #[test]
    fn an_attempt_that_takes_over_takes_back_and_is_the_only_one_then() {
        let mut run = Run::new();
        run.write("a", "1");
        let (node, values) = ("a".into(), run.values.clone());
        let attempt = Attempt { node: &node, round: 1, token: "a2" };
        let restored = run.ledger.take_over(attempt, |key| values.get(key).cloned()).unwrap();
        run.restore(restored);
        assert_eq!((run.k(), run.ledger.writer("a")), (None, Some("a2")));
        assert_eq!(run.writes(("a", "a1"), false, Some("9")), Err(NotLive::Superseded));
        run.writes(("a", "a2"), false, Some("2")).unwrap();
        assert!(run.ledger.take_over(attempt, |_| None).unwrap().is_empty(), "once");
        assert_eq!(run.k(), Some("2"));
    }

    #[test]
    fn a_run_that_is_over_takes_back_what_nobody_answered_for() {
        let mut run = Run::new();
        run.set("k", Some("0"));
        for (node, value) in [("b", "1"), ("a", "2"), ("c", "3")] {
            run.write(node, value);
        }
        let values = run.values.clone();
        let restored = run.ledger.take_all_back(|key| values.get(key).cloned());
        run.restore(restored);
        assert_eq!(run.k(), Some("0"));
    }

    #[test]
    fn who_writes_is_forgotten_once_the_execution_is_over() {
        let mut run = Run::new();
        run.write("a", "1");
        run.write("b", "2");
        let blueprint =
            crate::workflow::blueprint::Blueprint::new(crate::workflow::notation::graph("a, b, c"));
        let (action, taken, added, again) = (None, Vec::new(), Vec::new(), None);
        let event = Event::Finished { node: "a".into(), round: 1, action, taken, added, again };
        run.ledger.apply(&blueprint, event).unwrap();
        run.ledger.forget_writers();
        assert_eq!((run.ledger.writer("a"), run.ledger.writer("b")), (None, Some("b1")));
        run.ledger.apply(&blueprint, Event::Cancelled { reason: String::new() }).unwrap();
        run.ledger.forget_writers();
        assert_eq!(run.ledger.writer("b"), None);
    }

    #[test]
    fn a_delta_brings_writers_and_takes_them_away() {
        let mut run = Run::new();
        let before = run.ledger.clone();
        run.write("a", "1");
        let mut grown = before.clone();
        grown.grow(run.ledger.since(&before));
        assert_eq!(grown, run.ledger);
        let before = run.ledger.clone();
        run.dies("a");
        grown.grow(run.ledger.since(&before));
        assert_eq!(grown, run.ledger);
    }
}
