//! Nodes that wait to be resumed.

use super::super::{Event, Ledger, NodeError, NodeState, Pause, Refusal, Resume, RunStatus::*, Standing};
use super::support::{Result, Story, graph, raw};
use crate::workflow::blueprint::Blueprint;

fn resumed(id: &str) -> Event {
    Event::Resumed { node: id.into(), with: Resume::default() }
}

#[test]
fn a_run_awaits_when_nothing_but_a_paused_node_is_left() {
    let story = Story::of("a -> b").pauses("a").makes_due(&[]).has_due(&[]).is(Awaiting);
    assert!(!story.ledger.status.is_end());
    story.stands("a", Some(1), Standing::Done).stands("a", None, Standing::Done);
}

#[test]
fn a_run_is_running_while_others_are_in_flight_beside_a_paused_node() {
    Story::of("a, b -> c").pauses("a").is(Running).finishes("b").is(Running).finishes("c").is(Awaiting);
}

#[test]
fn a_run_with_failures_still_awaits_its_paused_node_before_it_fails() {
    Story::of("a, b")
        .pauses("a")
        .fails("b")
        .is(Awaiting)
        .resumes("a")
        .finishes("a")
        .failed_because("b is broken");
}

#[test]
fn what_a_node_waits_for_is_kept_until_it_is_resumed() {
    let story = Story::of("a").pauses("a");
    let awaiting: Vec<_> = story
        .ledger
        .awaiting()
        .map(|(id, entry)| (id.as_str(), entry.details.as_ref().unwrap().get()))
        .collect();
    assert_eq!(awaiting, [("a", r#"{"reason":"a person"}"#)]);
    let story = story.resumes("a");
    assert!(story.ledger.awaiting().next().is_none());
    assert!(story.ledger.nodes["a"].details.is_none());
}

#[test]
fn a_resumed_node_is_due_in_a_round_of_its_own_and_decides_its_edges() {
    Story::of("a -yes-> b, a -no-> c")
        .pauses("a")
        .resumes("a")
        .makes_due(&["a"])
        .has_due_in_round("a", 2)
        .is(Running)
        .decides("a", "no")
        .makes_due(&["c"])
        .finishes("c")
        .is(Completed);
}

#[test]
fn what_a_node_is_resumed_with_is_kept_until_it_is_done() {
    let with = Resume { action: Some("yes".into()), output: Some(raw("42")) };
    let story = Story::of("a -> b").pauses("a").counts(Event::Resumed { node: "a".into(), with });
    let kept = story.ledger.nodes["a"].resumed.clone().unwrap();
    assert_eq!((kept.action.as_deref(), kept.output.unwrap().get()), (Some("yes"), "42"));
    assert!(story.finishes("a").ledger.nodes["a"].resumed.is_none());
}

#[test]
fn a_second_resume_is_refused() {
    Story::of("a -> b")
        .pauses("a")
        .resumes("a")
        .refuses(resumed("a"), Refusal::NotAwaiting)
        .finishes("a")
        .refuses(resumed("a"), Refusal::NotAwaiting);
}

#[test]
fn only_a_node_that_waits_can_be_resumed() {
    Story::of("a -> b")
        .refuses(resumed("a"), Refusal::NotAwaiting)
        .refuses(resumed("b"), Refusal::NotAwaiting)
        .refuses(resumed("nobody"), Refusal::NotAwaiting);
}

#[test]
fn after_a_resume_answers_of_the_round_before_are_refused() {
    let story = Story::of("a -> b");
    let (pause, finish) = (story.paused("a"), story.finished("a", 1, Result::default()));
    story
        .pauses("a")
        .refuses(pause.clone(), Refusal::NotDue)
        .refuses(finish.clone(), Refusal::NotDue)
        .resumes("a")
        .refuses(pause, Refusal::NotDue)
        .refuses(finish, Refusal::NotDue)
        .stands("a", Some(1), Standing::Done)
        .finishes("a")
        .makes_due(&["b"]);
}

#[test]
fn a_node_may_pause_again_and_again() {
    let mut story = Story::of("a -> b");
    for round in 1..=3 {
        story = story.has_due_in_round("a", round).pauses("a").is(Awaiting).resumes("a");
    }
    story.finishes("a").finishes("b").is(Completed);
}

#[test]
fn several_paused_nodes_are_resumed_one_by_one() {
    let story = Story::of("a -> j, b -> j").pauses("a").pauses("b").is(Awaiting);
    assert_eq!(story.ledger.awaiting().count(), 2);
    story.resumes("b").is(Running).finishes("b").is(Awaiting).resumes("a").finishes("a").makes_due(&["j"]);
}

#[test]
fn a_paused_node_may_fail_when_it_is_resumed_and_its_fallback_takes_over() {
    Story::of("a -> p, a else f")
        .pauses("a")
        .resumes("a")
        .fails("a")
        .makes_due(&["f"])
        .finishes("f")
        .makes_due(&["p"]);
}

#[test]
fn a_join_waits_for_a_paused_predecessor() {
    Story::of("a -> j, b -> j")
        .pauses("a")
        .finishes("b")
        .makes_due(&[])
        .is(Awaiting)
        .resumes("a")
        .finishes("a")
        .makes_due(&["j"]);
}

// A resume may come from a process that knows nothing of the blueprint.
#[test]
fn resuming_needs_no_blueprint() {
    let mut story = Story::of("a -> b").pauses("a");
    story.blueprint = Blueprint::unknown("story");
    let mut story = story.resumes("a").makes_due(&["a"]);
    story.blueprint = Blueprint::new(story.graph.clone());
    story.finishes("a").makes_due(&["b"]);
}

#[test]
fn an_awaiting_run_can_be_abandoned() {
    Story::of("a")
        .pauses("a")
        .abandons("given up")
        .failed_because("given up")
        .refuses(resumed("a"), Refusal::Ended);
}

#[test]
fn an_any_join_that_ran_does_not_run_again_for_a_predecessor_that_was_resumed() {
    Story::of("a -> j, b -> j, any j")
        .pauses("a")
        .finishes("b")
        .makes_due(&["j"])
        .finishes("j")
        .resumes("a")
        .finishes("a")
        .makes_due(&[])
        .is(Completed);
}

// --- while a loop comes round ---

const SIDE: &str = "in -> l, loop l, l -continue-> s -> e -> l, s -> x, l -break-> out";

fn paused_side() -> Story {
    Story::of(SIDE).finishes("in").decides("l", "continue").finishes("s").pauses("x")
}

#[test]
fn a_loop_that_comes_round_while_a_node_is_paused_runs_it_again_afterwards() {
    paused_side()
        .finishes("e")
        .decides("l", "continue")
        .finishes("s")
        .makes_due(&["e"])
        .resumes("x")
        .finishes("x")
        .makes_due(&["x"]);
}

#[test]
fn a_loop_that_comes_round_after_the_resume_runs_it_again_as_well() {
    paused_side()
        .resumes("x")
        .finishes("e")
        .decides("l", "continue")
        .finishes("s")
        .makes_due(&["e"])
        .finishes("x")
        .makes_due(&["x"]);
}

#[test]
fn a_node_beside_a_cycle_that_was_resumed_runs_in_the_next_round() {
    Story::starting_at(&["a"], "a -> b -> a, a -> x, any a, any b, any x")
        .finishes("a")
        .pauses("x")
        .resumes("x")
        .finishes("x")
        .finishes("b")
        .finishes("a")
        .makes_due(&["b", "x"]);
}

/// A delivery for a webhook `h`, whose event a wait `w` may name.
fn delivered() -> Event {
    Event::Happened { name: "webhook:h".into(), payload: Some(raw("1")), node: Some("h".into()) }
}

/// `h` passes on its URL, `w` waits for the delivery.
fn pair() -> Story {
    let mut graph = graph("h -> t, t -> w");
    let wait = graph.nodes.iter_mut().find(|node| node.id == "w").unwrap();
    wait.event = Some("webhook:h".into());
    Story::of_description(graph)
}

fn kept(story: &Story) -> usize {
    story.ledger.events.len()
}

#[test]
fn a_delivery_is_kept_for_the_wait_that_names_it_although_its_webhook_is_done() {
    let story = pair().finishes("h").counts(delivered()).counts(delivered());
    assert_eq!(kept(&story), 1);
    let round = story.finishes("t");
    let pause = Pause { event: Some("webhook:h".into()), ..Pause::default() };
    let story = round.counts(Event::Paused { node: "w".into(), round: 1, pause }).has_due_in_round("w", 2);
    assert_eq!(kept(&story), 0);
    assert_eq!(kept(&story.counts(delivered())), 0, "it was resumed");
}

#[test]
fn a_delivery_is_dropped_once_the_wait_that_names_it_is_past() {
    let story = pair().finishes("h").finishes("t").pauses("w").resumes("w");
    assert_eq!(kept(&story.counts(delivered())), 0);
}

#[test]
fn a_delivery_is_dropped_once_a_webhook_that_waits_itself_is_past() {
    let story = Story::of("h -> a").pauses("h").resumes("h").finishes("h").counts(delivered());
    assert_eq!(kept(&story), 0);
}

#[test]
fn a_delivery_is_kept_where_the_blueprint_is_unknown() {
    let mut story = pair().finishes("h");
    let unknown = Blueprint::unknown("");
    for _ in 0..2 {
        story.ledger.apply(&unknown, delivered()).unwrap();
    }
    assert_eq!(kept(&story), 1);
}

// --- back to a node that is done ---

#[test]
fn a_node_that_was_resumed_leads_back_to_one_that_is_done_and_no_other_does() {
    let story = Story::starting_at(&["a"], "a -> b -> a, a -> c");
    let story = story.finishes("a").makes_due(&["b", "c"]).finishes("c");
    let story = story.pauses("b").is(Awaiting).resumes("b").finishes("b").makes_due(&["a"]);
    // As in core: what is done stays done, but for what the resumed node led to.
    story.finishes("a").makes_due(&[]).is(Completed);
}

#[test]
fn a_key_is_heard_once_and_of_very_many_the_last_are_known() {
    let mut ledger = Ledger::default();
    assert!(ledger.hears("a") && !ledger.hears("a"));
    let before = ledger.clone();
    assert!((0..1_000).all(|key| ledger.hears(&key.to_string())));
    assert!(ledger.heard.len() == 1_000 && ledger.hears("a"), "the oldest was forgotten");
    let mut grown = before.clone();
    grown.grow(ledger.since(&before));
    assert_eq!(grown, ledger);
}

#[test]
fn a_wait_for_a_child_is_due_once_more_where_the_run_is_tried_again() {
    for (event, state) in [("flowcraft.child:c", NodeState::Due), ("paid", NodeState::Awaiting)] {
        let pause = Pause { event: Some(event.into()), ..Pause::default() };
        let mut ledger = Story::of("a, b").ledger;
        let blueprint = Blueprint::unknown("");
        ledger.apply(&blueprint, Event::Paused { node: "a".into(), round: 1, pause }).unwrap();
        let error = NodeError { node: "".into(), message: "late".into() };
        ledger.apply(&blueprint, Event::Abandoned { error }).unwrap();
        ledger.apply(&blueprint, Event::TriedAgain).unwrap();
        let entry = ledger.entry("a").unwrap();
        assert_eq!((entry.state, entry.round), (state, 1), "{event}");
        assert_eq!(entry.event.is_none(), state == NodeState::Due);
    }
}
