//! Each verdict is a row, and so is each rule of order.
//!
//! A message is a word or a few: its node, `/` and its round if it has one, and what else it says (`again` for a
//! repeated one, `replayed`, `wakes`). A verdict is written as [`told`] tells it.

use super::*;
use crate::record::{Patch, ReservedKey};
use crate::workflow::ledger::tests::support::{Story, raw};
use crate::workflow::ledger::{Event, Pause, Resume};

/// A run, and the blueprint of the worker that gets a message for it.
struct Given {
    document: Document,
    blueprint: Blueprint,
    tried: Tried,
}

/// The run of a story, checked for outputs of others.
fn run(story: Story) -> Given {
    let reserved = ReservedKey { ledger: story.ledger, ..ReservedKey::default() };
    let document = Document { found: true, reserved: Some(reserved), ..Document::default() };
    Given { document, blueprint: story.blueprint, tried: Tried::default() }
}

/// A row without a ledger.
fn row(graph: &str) -> Given {
    let given = run(Story::of(graph));
    Given { document: Document { reserved: None, ..given.document }, ..given }
}

impl Given {
    fn without_row(mut self) -> Self {
        self.document.found = false;
        self
    }

    /// A key of the context; the row is one that nobody looked through for outputs of others.
    fn with(mut self, key: &str, value: &str) -> Self {
        let mut patch = Patch::default();
        patch.set(key, raw(value));
        let reserved = self.document.reserved.take();
        self.document =
            Document { reserved, unchecked: true, ..self.document.after(&patch, &ReservedKey::default()) };
        self
    }

    /// The engine recorded which blueprint it follows.
    fn following(mut self, blueprint: &str, version: &str) -> Self {
        let version = serde_json::from_str(version).unwrap();
        let reserved = self.document.reserved.get_or_insert_default();
        reserved.blueprint = Some(FollowedBlueprint { id: blueprint.into(), version }.into());
        self
    }

    fn unpublished(mut self) -> Self {
        self.document.reserved.as_mut().unwrap().unpublished = true;
        self
    }

    fn after(self, tried: Tried) -> Self {
        Self { tried, ..self }
    }

    #[track_caller]
    fn admits(&self, words: &str, verdict: &str) {
        let message = message(words);
        assert_eq!(
            told(&admit(&self.document, &self.blueprint, &message, self.tried)),
            verdict,
            "for '{words}'"
        );
    }

    #[track_caller]
    fn admits_beside_lease(&self, words: &str, verdict: Option<&str>) {
        let left = admit_beside_lease(&self.document, &message(words));
        let told = left.map(|left| if left.is_empty() { "done".into() } else { republish(&left) });
        assert_eq!(told.as_deref(), verdict, "for '{words}'");
    }
}

fn message(words: &str) -> JobMessage {
    let mut words = words.split(' ');
    let first = words.next().unwrap();
    let (node, round) = match first.split_once('/') {
        Some((node, round)) => (node, Some(round.parse().unwrap())),
        None => (first, None),
    };
    let job = JobMessage::parse(br#"{"runId":"r","blueprintId":"story","nodeId":"?"}"#).unwrap();
    let mut job = JobMessage { node_id: node.into(), round, ..job };
    for word in words {
        match word {
            "again" => job.repeated = true,
            "replayed" => job.replayed = true,
            "wakes" => job.wakes = true,
            attempt => job.attempt = Some(attempt.parse().unwrap()),
        }
    }
    job
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Run { round } => format!("run {round}"),
        Verdict::First(Step::Begin) => "begin".into(),
        Verdict::First(Step::Adopt) => "adopt".into(),
        Verdict::First(Step::Reopen) => "reopen".into(),
        Verdict::First(Step::Call) => "call".into(),
        Verdict::First(Step::Wake { round }) => format!("wake {round}"),
        Verdict::First(Step::Expire { round }) => format!("expire {round}"),
        Verdict::First(Step::AwaitAgain) => "await again".into(),
        Verdict::Dispose(disposal) => match disposal {
            Disposal::Reschedule(reason) => format!("reschedule: {}", of(reason)),
            Disposal::DeadLetter { reason, fails_run: true } => {
                format!("dead-letter and fail: {}", of(reason))
            }
            Disposal::DeadLetter { reason, fails_run: false } => format!("dead-letter: {}", of(reason)),
            Disposal::Republish(due) => republish(due),
            Disposal::PublishResult => "publish the result".into(),
            Disposal::Done => "done".into(),
        },
    }
}

fn republish(due: &[DueJob]) -> String {
    let nodes: Vec<&str> = due.iter().map(|due| due.node.as_str()).collect();
    format!("republish {}", nodes.join(" "))
}

fn of(reason: &Reason) -> &'static str {
    match reason {
        Reason::BlueprintMissing { .. } => "no such blueprint",
        Reason::BlueprintUnusable(_) => "unusable blueprint",
        Reason::OtherVersion { .. } => "other version",
        Reason::OtherBlueprint { .. } => "other blueprint",
        Reason::NodeMissing { .. } => "node missing",
        Reason::InnerBlueprintMissing { .. } => "inner blueprint missing",
        Reason::NoStart { .. } => "no start",
        Reason::UnknownNode { .. } => "unknown node",
        Reason::UnknownRun { .. } => "unknown run",
        Reason::NotReached { .. } => "not reached",
    }
}

/// What a story does not tell: an event whose job has another time, or none.
fn and_then(mut story: Story, event: Event) -> Story {
    story.ledger.apply(&story.blueprint, event).unwrap();
    story
}

/// `a` sleeps until a moment.
fn sleeping() -> Story {
    let pause = Pause { until: Some(1_000), ..Pause::default() };
    and_then(Story::of("a -> b"), Event::Paused { node: "a".into(), round: 1, pause })
}

/// Somebody resumed it.
fn woken() -> Story {
    and_then(sleeping(), Event::Resumed { node: "a".into(), with: Resume::default() })
}

/// The run ended because of a message for `b`.
fn abandoned_at_b() -> Given {
    let mut given = run(Story::of("a -> b").finishes("a").abandons("no"));
    let ledger = &mut given.document.reserved.as_mut().unwrap().ledger;
    ledger.errors[0].node = "b".into();
    given
}

const TAKEN_OVER: Tried =
    Tried { take_over: true, reopen: false, call: false, wake: false, await_again: false };

// --- each verdict ---

#[test]
fn a_node_that_is_due_runs_in_its_round() {
    run(Story::of("a -> b")).admits("a/1", "run 1");
    run(Story::of("a -> b")).admits("a", "run 1");
    run(Story::of("a -> b").finishes("a")).admits("b/1 again", "run 1");
}

#[test]
fn a_run_without_a_ledger_begins() {
    row("a -> b").admits("a", "begin");
    row("a -> b").without_row().admits("a", "begin");
    row("a -> b").with("_outputs.a", "1").admits("b", "begin");
}

#[test]
fn what_is_late_of_a_run_that_was_removed_does_not_bring_it_back() {
    row("a -> b").without_row().admits("a/1", "dead-letter: unknown run");
    row("a -> b").without_row().admits("a/1 again", "dead-letter: unknown run");
    row("a -> b").without_row().admits("a/2 wakes", "dead-letter: unknown run");
    row("a -> b").without_row().admits("b/1", "dead-letter: unknown run");
}

#[test]
fn an_output_that_the_ledger_does_not_know_is_adopted() {
    run(Story::of("a -> b")).with("_outputs.a", "1").admits("b", "adopt");
    run(Story::of("a -> b").finishes("a")).with("_outputs.a", "1").admits("b/1", "run 1");
    run(Story::of("a -> b")).with("_outputs.stranger", "1").admits("a/1", "run 1");
}

/// The run of a story, and a worker whose blueprint has been replaced by this graph.
fn deployed(story: Story, graph: &str) -> Given {
    Given { blueprint: Story::of(graph).blueprint, ..run(story) }
}

#[test]
fn a_node_that_the_run_waits_for_and_that_is_gone_waits_for_a_worker_that_has_it() {
    let gone = "reschedule: node missing";
    let after_a = || Story::of("a -> b").finishes("a");
    deployed(after_a(), "a -> c").admits("b/1", gone);
    deployed(after_a(), "a -> c").admits("b", gone);
    deployed(after_a(), "x").admits("b/1 again", gone);
    // It sleeps; it was resumed; another attempt is due.
    deployed(sleeping(), "b").admits("a/1 wakes", gone);
    deployed(woken(), "b").admits("a/2", gone);
    let retried = and_then(
        Story::of("a -> b"),
        Event::Retried { node: "a".into(), round: 1, not_before: 7, postponed: false, why: None },
    );
    deployed(retried, "b").admits("a/1 2", gone);
    // Nobody has begun it: this may be its first message.
    row("a").admits("ghost", gone);
    row("a").without_row().admits("ghost", gone);
    // An operator replays what the run ended with.
    Given { blueprint: Story::of("x").blueprint, ..abandoned_at_b() }.admits("b/1 replayed", gone);
}

#[test]
fn a_node_that_is_gone_and_that_the_run_does_not_wait_for_holds_nobody_up() {
    let after_a = || Story::of("a -> b").finishes("a");
    // Done: what it led to is published again all the same.
    deployed(after_a(), "b").admits("a/1", "done");
    deployed(after_a(), "b").admits("a/1 again", "republish b");
    deployed(sleeping(), "b").admits("a/1", "done");
    deployed(Story::of("a").finishes("a"), "b").admits("a/1", "done");
    deployed(Story::of("a -> b"), "a").admits("b/1", "dead-letter: unknown node");
    deployed(Story::of("a -> b"), "a").admits("b", "dead-letter: unknown node");
    row("a").admits("ghost/3", "dead-letter: unknown node");
    // What is due and still there goes on by the new graph.
    deployed(after_a(), "x -> b -> c").admits("b/1", "run 1");
}

#[test]
fn a_node_that_was_added_to_the_run_is_not_missed() {
    let story = Story::of("s -> g").adds("s", &["s_1"], "g");
    deployed(story, "s -> g").admits("s_1/1", "run 1");
}

#[test]
fn a_run_does_not_begin_in_the_middle() {
    row("a -> b").admits("b", "reschedule: no start");
    row("a -> b").admits("b/1", "dead-letter: not reached");
    row("a -> b").with("_outputs.a", "1").admits("b", "begin");
}

#[test]
fn a_message_without_a_round_calls_a_node_that_nothing_led_to() {
    run(Story::of("a -> b")).admits("b", "call");
    run(Story::of("a -> b")).admits("b/1", "dead-letter: not reached");
}

#[test]
fn a_sleeping_node_is_woken_and_runs_with_the_same_message() {
    let asleep = run(sleeping());
    asleep.admits("a/1 wakes", "wake 1");
    asleep.admits("a/1", "done");
    let awake = run(woken()).after(Tried { wake: true, ..Tried::default() });
    awake.admits("a/1 wakes", "run 2");
    run(woken()).admits("a/1 wakes", "done");
}

#[test]
fn a_message_from_the_dead_letters_reopens_the_run_that_ended_because_of_it() {
    abandoned_at_b().admits("b/1 replayed", "reopen");
    abandoned_at_b().admits("b/1", "done");
    abandoned_at_b().admits("a/1 replayed", "done");
}

#[test]
fn a_run_of_another_version_waits_for_a_worker_that_has_it() {
    run(Story::of("a")).with("blueprintVersion", "2").admits("a/1", "reschedule: other version");
    run(Story::of("a")).with("blueprintVersion", "null").admits("a/1", "run 1");
}

#[test]
fn before_the_run_has_begun_the_blueprint_and_version_in_its_context_are_the_users() {
    row("a").with("blueprintId", "\"house-7\"").admits("a", "begin");
    row("a").with("blueprintId", "7").with("blueprintVersion", "\"3\"").admits("a", "begin");
    // Events may have happened to it.
    let mut told = row("a").with("blueprintId", "\"house-7\"");
    told.document.reserved = Some(ReservedKey::default());
    told.admits("a", "begin");
    // Version 1 went on with it: they are its own.
    row("a -> b")
        .with("_outputs.a", "1")
        .with("blueprintVersion", "2")
        .admits("b", "reschedule: other version");
    let other = row("a -> b").with("_outputs.a", "1").with("blueprintId", "\"other\"");
    other.admits("b", "dead-letter: other blueprint");
}

#[test]
fn so_they_are_in_a_run_that_was_cancelled_before_it_began() {
    let cancelled = |key: &str, value: &str| {
        let mut reserved = ReservedKey::default();
        reserved.ledger.apply(&Blueprint::unknown(""), Event::Cancelled { reason: "late".into() }).unwrap();
        let mut given = row("a").with(key, value);
        given.document.reserved = Some(reserved);
        given
    };
    cancelled("blueprintId", "\"house-7\"").admits("a", "done");
    cancelled("blueprintVersion", "\"3\"").admits("a", "done");
}

#[test]
fn what_a_node_writes_there_is_the_users_too() {
    let began = || run(Story::of("a")).following("story", "null");
    began().with("blueprintId", "\"mine\"").admits("a/1", "run 1");
    began().with("blueprintVersion", "\"mine\"").admits("a/1", "run 1");
    run(Story::of("a")).following("story", "2").admits("a/1", "reschedule: other version");
}

#[test]
fn a_run_of_2_0_0_says_it_in_its_context_alone() {
    let theirs = || run(Story::of("a -> b")).with("blueprintId", "\"other\"");
    theirs().admits("a", "dead-letter: other blueprint");
    theirs().admits("b/1", "dead-letter: other blueprint");
    // A node may have written it since: a message for what is due in that round is the engine's own.
    theirs().admits("a/1", "run 1");
}

#[test]
fn a_message_that_cannot_belong_to_its_run_is_a_dead_letter() {
    run(Story::of("a")).following("other", "null").admits("a/1", "dead-letter: other blueprint");
    run(Story::of("a")).admits("ghost", "dead-letter: unknown node");
    row("a -> b").without_row().admits("b", "dead-letter: unknown run");
}

#[test]
fn what_a_run_waits_for_and_what_not() {
    for (given, words, expected) in [
        (row("a"), "a", true),
        (row("a"), "ghost", true),
        (row("a"), "a/1", false),
        (run(Story::of("a -> b")), "a/1", true),
        (run(Story::of("a -> b")), "a", true),
        (run(Story::of("a -> b")), "b", false),
        (run(Story::of("a -> b").finishes("a")), "a/1", false),
        (run(Story::of("a").finishes("a")), "a/1", false),
        (run(sleeping()), "a/1 wakes", true),
        (run(sleeping()), "a/1", false),
        (run(woken()), "a/1 wakes", false),
        (run(woken()), "a/2", true),
    ] {
        assert_eq!(is_waited_for(&given.document, &message(words)), expected, "{words}");
    }
}

#[test]
fn what_a_done_node_led_to_is_published_again_for_a_message_that_comes_again() {
    let story = || Story::of("a -> b, a -> c").finishes("a");
    run(story()).admits("a/1 again", "republish b c");
    run(story()).admits("a/1", "done");
    run(story().finishes("b")).admits("a/1 again", "republish c");
}

#[test]
fn an_attempt_that_failed_already_does_not_run_again() {
    let story = || {
        and_then(
            Story::of("a"),
            Event::Retried { node: "a".into(), round: 1, not_before: 7, postponed: false, why: None },
        )
    };
    run(story()).admits("a/1 1", "done");
    run(story()).admits("a/1 1 again", "republish a");
    run(story()).admits("a/1 2", "run 1");
}

#[test]
fn the_result_of_a_run_that_is_over_is_published_once() {
    run(Story::of("a").finishes("a")).unpublished().admits("a/1", "publish the result");
    run(Story::of("a").finishes("a")).admits("a/1", "done");
}

// --- each rule of order ---

#[test]
fn the_version_is_looked_at_before_anything_else() {
    let other = || run(Story::of("a")).with("blueprintVersion", "2");
    other().with("blueprintId", "\"other\"").admits("a/1", "reschedule: other version");
    other().admits("ghost", "reschedule: other version");
}

#[test]
fn a_misplaced_message_reopens_begins_and_adopts_nothing() {
    abandoned_at_b().following("other", "null").admits("b/1 replayed", "dead-letter: other blueprint");
    row("a").following("other", "null").admits("a", "dead-letter: other blueprint");
    run(Story::of("a")).with("_outputs.a", "1").admits("ghost", "dead-letter: unknown node");
}

#[test]
fn a_run_is_reopened_before_outputs_are_adopted() {
    abandoned_at_b().with("_outputs.b", "1").admits("b/1 replayed", "reopen");
}

#[test]
fn outputs_are_adopted_before_a_node_is_called_woken_or_run() {
    run(Story::of("a -> b, c")).with("_outputs.a", "1").admits("b", "adopt");
    run(Story::of("a -> b, c")).with("_outputs.a", "1").admits("c/1", "adopt");
    run(sleeping()).with("_outputs.b", "1").admits("a/1 wakes", "adopt");
}

#[test]
fn nothing_is_tried_twice() {
    row("a").after(TAKEN_OVER).admits("a/1", "dead-letter: not reached");
    run(Story::of("a")).with("_outputs.a", "1").after(TAKEN_OVER).admits("a/1", "run 1");
    let called = Tried { call: true, ..Tried::default() };
    run(Story::of("a -> b")).after(called).admits("b", "dead-letter: not reached");
    abandoned_at_b().after(Tried { reopen: true, ..Tried::default() }).admits("b/1 replayed", "done");
    run(sleeping()).after(Tried { wake: true, ..Tried::default() }).admits("a/1 wakes", "done");
}

#[test]
fn only_what_an_outdated_blueprint_may_have_decided_is_made_sure_of() {
    let depends = |given: &Given, words| {
        admit(&given.document, &given.blueprint, &message(words), given.tried).depends_on_blueprint()
    };
    assert!(depends(&row("a"), "a") && depends(&run(Story::of("a -> b")), "b"));
    assert!(depends(&run(Story::of("a")), "ghost"));
    assert!(depends(&run(Story::of("a")).with("blueprintVersion", "2"), "a"));
    assert!(!depends(&run(Story::of("a")), "a") && !depends(&run(sleeping()), "a/1 wakes"));
}

// --- while another worker holds the lease ---

#[test]
fn beside_a_lease_a_message_waits_until_the_record_says_that_its_node_is_done() {
    run(Story::of("a -> b")).admits_beside_lease("a/1 again", None);
    run(Story::of("a -> b")).admits_beside_lease("b/1", None);
    row("a").admits_beside_lease("a", None);
    run(Story::of("a -> b").finishes("a")).admits_beside_lease("a/1", Some("done"));
    run(Story::of("a -> b").finishes("a")).admits_beside_lease("a/1 again", Some("republish b"));
    run(Story::of("a").finishes("a")).unpublished().admits_beside_lease("a/1", Some("done"));
}

#[test]
fn beside_a_lease_a_timer_waits_while_its_node_sleeps() {
    run(sleeping()).admits_beside_lease("a/1 wakes", None);
    run(sleeping()).admits_beside_lease("a/1", Some("done"));
    run(woken()).admits_beside_lease("a/1 wakes", Some("done"));
}

// --- after a panic ---

#[test]
fn after_a_panic_a_message_comes_again_once_if_what_it_asked_for_is_committed() {
    let due = run(Story::of("a -> b"));
    let done = run(Story::of("a -> b").finishes("a"));
    let ended = run(Story::of("a").finishes("a"));
    for (given, redelivered, again) in [
        (&due, false, false),
        (&due, true, false),
        (&done, false, true),
        (&done, true, false),
        (&ended, false, true),
    ] {
        assert_eq!(comes_again_after_panic(&given.document, &message("a/1"), redelivered), again);
    }
}
