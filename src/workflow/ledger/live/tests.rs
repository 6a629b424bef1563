//! Stories of live writes: who writes a key, who dies, who answers, and what the key has then.

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
        assert_eq!(run.writes(("a", token), first, Some("9")), Err(NotLive::Superseded), "{token} {first}");
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
    let blueprint = crate::workflow::blueprint::Blueprint::new(crate::workflow::notation::graph("a, b, c"));
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
