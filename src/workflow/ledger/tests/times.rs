//! When everything happened: each change of a ledger is stamped with its moment.

use std::time::Duration;

use super::super::{EarlierTry, Event, Ledger, NodeTimes, Pause, Ran, RunStatus, Stamp, Tries, Why};
use super::support::{Result, Story, stored};
use crate::ids::NodeId;
use crate::workflow::blueprint::Blueprint;

/// The moment that everything counts from here.
pub const START: u64 = 1_764_000_000_000;

/// A story with a clock.
struct Timed {
    story: Story,
    now: u64,
}

impl Timed {
    /// A run that has just begun.
    fn of(text: &str) -> Self {
        let mut story = Story::of(text);
        story.ledger.stamp(&Ledger::default(), Stamp { now: START, node: None, ran: None });
        Self { story, now: START }
    }

    /// What happens then, so much later, not by an execution.
    fn after(self, later: u64, happens: impl FnOnce(Story) -> Story) -> Self {
        self.changed(later, None, happens)
    }

    /// A node answers, so much later; a worker began to execute it half of that before.
    fn by(self, worker: &str, (node, later): (&str, u64), answers: impl FnOnce(Story) -> Story) -> Self {
        self.changed(later, Some((node, worker)), answers)
    }

    fn changed(self, later: u64, by: Option<(&str, &str)>, happens: impl FnOnce(Story) -> Story) -> Self {
        let (before, now) = (self.story.ledger.clone(), self.now + later);
        let mut story = happens(self.story);
        let node = by.map(|(node, _)| NodeId::from(node));
        let ran = by.map(|(_, worker)| Ran { started: now - later / 2, worker, tries: None });
        story.ledger.stamp(&before, Stamp { now, node: node.as_ref(), ran });
        Self { story, now }
    }

    fn finishes(self, node: &str) -> Self {
        self.by("w1", (node, 10), |story| story.finishes(node))
    }

    /// What is known of a node, after the start of the run: `due 0, started 5, ended 10 by w1`.
    fn times(&self, node: &str) -> String {
        times(&self.story.ledger, node)
    }
}

/// The same, of a ledger.
pub fn times(ledger: &Ledger, node: &str) -> String {
    let moments = ledger.moments(ledger.entry(node).unwrap());
    let named = [
        ("due", moments.due),
        ("started", moments.started),
        ("awaited", moments.awaited),
        ("resumed", moments.resumed),
        ("ended", moments.ended),
    ];
    let known = named.iter().filter_map(|(name, moment)| Some(format!("{name} {}", (*moment)? - START)));
    let by = moments.worker.map(|worker| format!(" by {worker}")).unwrap_or_default();
    known.collect::<Vec<_>>().join(", ") + &by
}

#[test]
fn a_node_becomes_due_is_started_and_ends() {
    let run = Timed::of("a -> b").finishes("a");
    assert_eq!(run.times("a"), "due 0, started 5, ended 10 by w1");
    assert_eq!(run.times("b"), "due 10");
    assert_eq!(run.story.ledger.ended_at(), None);
    let run = run.by("w2", ("b", 20), |story| story.fails("b"));
    assert_eq!(run.times("b"), "due 10, started 20, ended 30 by w2");
    assert_eq!(run.story.ledger.ended_at(), Some(START + 30));
}

#[test]
fn a_node_that_awaits_keeps_when_it_was_executed_and_when_it_was_resumed() {
    let run = Timed::of("a -> b").by("w1", ("a", 10), |story| story.pauses("a"));
    assert_eq!(run.times("a"), "due 0, started 5, awaited 10 by w1");
    let run = run.after(1_000, |story| story.resumes("a"));
    assert_eq!(run.times("a"), "due 0, started 5, awaited 10, resumed 1010 by w1");
    // What decides its edges is no execution of it.
    let run = run.by("w2", ("a", 10), |story| story.finishes("a"));
    assert_eq!(run.times("a"), "due 0, started 5, awaited 10, resumed 1010, ended 1020 by w1");
    assert_eq!(run.times("b"), "due 1020");
}

#[test]
fn a_node_whose_event_had_happened_awaited_for_no_time() {
    let pause = Pause { event: Some("go".into()), ..Pause::default() };
    let pauses = |story: Story| story.counts(Event::Paused { node: "a".into(), round: 1, pause });
    let run = Timed::of("a -> b")
        .after(1, |story| story.counts(Event::Happened { name: "go".into(), payload: None, node: None }))
        .by("w1", ("a", 10), pauses);
    assert_eq!(run.times("a"), "due 0, started 6, awaited 11, resumed 11 by w1");
}

#[test]
fn each_round_of_a_loop_has_times_of_its_own() {
    let run = Timed::of("s -> a, any a, a -> a, a -> b").finishes("s");
    let run = run.by("w1", ("a", 10), |story| story.takes("a", &["a"]));
    assert_eq!(run.times("a"), "due 20");
    let run = run.by("w2", ("a", 10), |story| story.takes("a", &["b"]));
    assert_eq!(run.times("a"), "due 20, started 25, ended 30 by w2");
}

#[test]
fn every_attempt_that_failed_is_kept() {
    let retry = |message: Option<&str>| {
        let (postponed, why) = (message.is_none(), message.map(Why::from));
        move |mut story: Story| {
            let event = Event::Retried { node: "a".into(), round: 1, not_before: 7, postponed, why };
            story.ledger.apply(&story.blueprint, event).unwrap();
            story
        }
    };
    let tried = |run: &Timed| {
        let ledger = &run.story.ledger;
        let told = ledger.entry("a").unwrap().tried.iter().map(|tried| {
            let (ended, worker) = ledger.moment_of(tried);
            let (ended, worker) = (ended.map(|ended| ended - START), worker.unwrap_or_default());
            (tried.message.clone(), tried.attempt, ended, worker.to_owned())
        });
        told.collect::<Vec<_>>()
    };
    let run = Timed::of("a -> b").by("w1", ("a", 10), retry(Some("no")));
    let first = ("no".to_owned(), 1, Some(10), "w1".to_owned());
    assert_eq!(tried(&run), std::slice::from_ref(&first));
    assert_eq!(run.times("a"), "due 0");
    // One that its limit puts off was not executed.
    let run = run.after(10, retry(None)).by("w2", ("a", 10), retry(Some(&"n".repeat(600))));
    let second = (format!("{}…", "n".repeat(500)), 2, Some(30), "w2".to_owned());
    assert_eq!(tried(&run), [first.clone(), second.clone()]);
    let finished = |mut story: Story| {
        let event = story.finished("a", 1, Result::default());
        story.ledger.apply(&story.blueprint, event).unwrap();
        story
    };
    let run = run.by("w1", ("a", 10), finished);
    assert_eq!(run.times("a"), "due 0, started 35, ended 40 by w1");
    assert_eq!(tried(&run), [first, second]);
}

#[test]
fn attempts_of_earlier_rounds_are_kept_too() {
    let within = Tries {
        earlier: vec![EarlierTry { number: 1, why: "no".into(), ago: Duration::from_millis(3) }],
        last: 2,
    };
    let run = Timed::of("s -> a, any a, a -> a, a -> b").finishes("s");
    let mut story = run.story;
    let before = story.ledger.clone();
    story = story.takes("a", &["a"]);
    let ran = Some(Ran { started: START + 15, worker: "w1", tries: Some(&within) });
    story.ledger.stamp(&before, Stamp { now: START + 20, node: Some(&"a".into()), ran });
    let entry = story.ledger.entry("a").unwrap();
    let told: Vec<_> = entry.tried.iter().map(|tried| (tried.round, tried.attempt, tried.ended)).collect();
    assert_eq!((entry.round, told), (2, vec![(1, 1, Some(17))]));
}

#[test]
fn what_a_fallback_or_a_retry_of_the_run_hides_is_kept() {
    let error = |run: &Timed| {
        let ledger = &run.story.ledger;
        let tried = ledger.entry("a").unwrap().tried.iter().last().unwrap();
        (ledger.moment_of(tried).0.map(|ended| ended - START), tried.message.clone())
    };
    let run = Timed::of("a -> b, a else f").by("w1", ("a", 10), |story| story.fails("a"));
    assert_eq!(error(&run), (Some(10), "a is broken".into()));
    let run = Timed::of("a -> b").by("w1", ("a", 10), |story| story.fails("a"));
    assert_eq!(run.story.ledger.ended_at(), Some(START + 10));
    let run = run.after(10, |story| story.counts(Event::TriedAgain));
    assert_eq!((run.times("a"), run.story.ledger.ended_at()), ("due 20".into(), None));
    assert_eq!(error(&run), (Some(10), "a is broken".into()));
}

#[test]
fn what_version_1_did_nobody_timed() {
    let run = Timed::of("a -> b -> c").after(10, |story| story.finds_outputs(&["a"]));
    assert_eq!((run.times("a").as_str(), run.times("b").as_str()), ("", "due 10"));
}

#[test]
fn a_run_that_has_no_times_yet_gets_them_from_then_on() {
    let run = Timed { story: Story::of("a -> b -> c"), now: START + 100 }.finishes("a");
    assert_eq!(run.times("a"), "started 105, ended 110 by w1");
    assert_eq!(run.times("b"), "due 110");
}

#[test]
fn workers_are_named_once_and_those_that_no_node_needs_give_their_place_away() {
    let mut run = Timed::of("s -> a, any a, a -> a, a -> b").finishes("s");
    for turn in 0..100 {
        let worker = format!("worker-{turn}");
        run = run.by(&worker, ("a", 10), |story| story.takes("a", &["a"]));
    }
    let run = run.by("the last", ("a", 10), |story| story.takes("a", &["b"]));
    assert!(run.times("a").ends_with("by the last"), "{}", run.times("a"));
    assert!(run.times("s").ends_with("by w1"), "{}", run.times("s"));
    let names = stored(&run.story.ledger).matches("worker-").count();
    assert!(names < 16, "{names} names");
}

#[test]
fn a_clock_that_went_back_makes_no_moment_before_the_first() {
    let mut ledger = Timed::of("a -> b").story.ledger;
    let (before, nowhere) = (ledger.clone(), Blueprint::unknown(""));
    ledger.apply(&nowhere, Event::Cancelled { reason: String::new() }).unwrap();
    ledger.stamp(&before, Stamp { now: START - 500, node: None, ran: None });
    assert_eq!((ledger.status, ledger.ended_at()), (RunStatus::Cancelled, Some(START)));
}

#[test]
fn what_is_stored_of_a_node_is_short_and_comes_back() {
    let stored = |run: &Timed| {
        let entry = run.story.ledger.entry("a").unwrap();
        let text = serde_json::to_string(&entry.times).unwrap();
        assert_eq!(serde_json::from_str::<NodeTimes>(&text).unwrap(), entry.times);
        text
    };
    let run = Timed::of("s -> a, a -> b").finishes("s");
    assert_eq!(stored(&run), "[10]");
    let run = run.by("w1", ("a", 10), |story| story.pauses("a"));
    assert_eq!(stored(&run), "[10,5,null,0,10]");
    let run = run.after(20, |story| story.resumes("a")).finishes("a");
    assert_eq!(stored(&run), "[10,5,40,0,10,30]");
    assert_eq!(serde_json::from_str::<NodeTimes>("[]").unwrap(), NodeTimes::default());
    let later: NodeTimes = serde_json::from_str(r#"[10,5,40,0,10,30,{"more":1},2]"#).unwrap();
    assert_eq!(later, run.story.ledger.entry("a").unwrap().times);
}

#[test]
fn a_run_that_begins_anew_has_no_times_of_the_one_before() {
    let run = Timed::of("a -> b")
        .by("w1", ("a", 10), |story| story.pauses("a"))
        .after(10, |story| story.counts(Event::Cancelled { reason: String::new() }));
    let (mut ledger, before) = (run.story.ledger.clone(), run.story.ledger);
    ledger.begin_again(&run.story.blueprint);
    ledger.stamp(&before, Stamp { now: START + 50, node: None, ran: None });
    assert_eq!((times(&ledger, "a"), ledger.ended_at()), ("due 50".into(), None));
}
