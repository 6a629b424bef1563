//! Failures, and the fallbacks that take over.

use super::super::{Event, Ledger, Refusal, RunStatus::*, Standing};
use super::support::{Result, Story, graph};
use crate::workflow::blueprint::Blueprint;

#[test]
fn a_failure_does_not_stop_the_other_branches() {
    Story::of("a -> b -> c, a -> d")
        .finishes("a")
        .fails("d")
        .is(Running)
        .finishes("b")
        .makes_due(&["c"])
        .is(Running)
        .finishes("c")
        .failed_because("d is broken");
}

#[test]
fn a_failed_run_says_every_reason_in_the_order_they_were_committed() {
    Story::of("a, b, c").fails("c").fails("a").finishes("b").failed_because("c is broken; a is broken");
}

#[test]
fn nothing_follows_a_failed_node() {
    Story::of("a -> b").fails("a").makes_due(&[]).failed_because("a is broken");
}

#[test]
fn a_join_behind_a_failed_node_never_runs_and_does_not_hold_the_run_open() {
    for order in [["b", "c"], ["c", "b"]] {
        let mut story = Story::of("a -> b -> j, a -> c -> j").finishes("a");
        for id in order {
            story = if id == "b" { story.fails(id) } else { story.finishes(id) };
        }
        story.has_due(&[]).failed_because("b is broken");
    }
}

#[test]
fn an_any_join_runs_by_the_predecessor_that_did_not_fail() {
    Story::of("a -> j, b -> j, any j").fails("a").finishes("b").makes_due(&["j"]).finishes("j").is(Failed);
}

#[test]
fn a_failure_reported_twice_is_one_failure() {
    let story = Story::of("a, b");
    let again = story.failed("a", true);
    let late = story.finished("a", 1, Result::default());
    story
        .fails("a")
        .refuses(again, Refusal::NotDue)
        .refuses(late, Refusal::NotDue)
        .stands("a", Some(1), Standing::Done)
        .finishes("b")
        .failed_because("a is broken");
}

#[test]
fn an_abandoned_run_is_over_at_once_and_says_why() {
    let story = Story::of("a, b");
    let late = story.finished("a", 1, Result::default());
    story
        .fails("b")
        .abandons("its blueprint is gone")
        .failed_because("b is broken; its blueprint is gone")
        .stands("a", Some(1), Standing::Ended)
        .refuses(late, Refusal::Ended);
}

#[test]
fn an_abandoned_run_has_nothing_in_flight() {
    let story = Story::of("a, b").pauses("b").abandons("its blueprint is gone").has_due(&[]);
    assert_eq!(story.ledger.awaiting().count(), 0);
}

// --- fallbacks ---

// The example of core's documentation: both lead to the same node.
const DOCUMENTED: &str = "primary -> p, fallback -> p, primary else fallback";

#[test]
fn a_fallback_does_not_run_when_its_primary_succeeds_and_nothing_waits_for_it() {
    Story::of(DOCUMENTED)
        .has_due(&["primary"])
        .finishes("primary")
        .makes_due(&["p"])
        .finishes("p")
        .is(Completed);
}

#[test]
fn a_fallback_runs_when_its_primary_fails_and_what_follows_runs_once() {
    let story = Story::of(DOCUMENTED).fails("primary").makes_due(&["fallback"]);
    assert!(story.last.replaced);
    story
        .is(Running)
        .stands("primary", Some(1), Standing::Done)
        .finishes("fallback")
        .makes_due(&["p"])
        .finishes("p")
        .is(Completed);
}

#[test]
fn a_fallback_inherits_the_edges_of_its_primary() {
    Story::of("primary -> p, primary else fallback")
        .fails("primary")
        .finishes("fallback")
        .makes_due(&["p"])
        .finishes("p")
        .is(Completed);
}

#[test]
fn a_fallback_follows_its_own_edges_and_the_inherited_ones() {
    Story::of("primary -> p, fallback -> q, primary else fallback")
        .fails("primary")
        .finishes("fallback")
        .makes_due(&["p", "q"]);
}

#[test]
fn the_action_of_a_fallback_decides_the_inherited_edges() {
    Story::of("primary -yes-> p, primary -no-> q, primary else fallback")
        .fails("primary")
        .decides("fallback", "no")
        .makes_due(&["q"]);
}

#[test]
fn at_a_join_a_fallback_counts_as_its_primary() {
    for fallback_first in [true, false] {
        let story =
            Story::of("primary -> j, other -> j, fallback -> j, primary else fallback").fails("primary");
        let story = if fallback_first {
            story.finishes("fallback").makes_due(&[]).finishes("other")
        } else {
            story.finishes("other").makes_due(&[]).finishes("fallback")
        };
        story.makes_due(&["j"]).finishes("j").is(Completed);
    }
}

#[test]
fn at_a_join_the_primary_alone_is_enough() {
    Story::of("primary -> j, other -> j, fallback -> j, primary else fallback")
        .finishes("other")
        .finishes("primary")
        .makes_due(&["j"]);
}

#[test]
fn a_fatal_failure_is_not_recovered() {
    Story::of("primary -> p, primary else fallback")
        .fails_fatally("primary")
        .makes_due(&[])
        .failed_because("primary is broken");
}

#[test]
fn a_fallback_that_is_no_node_of_the_blueprint_recovers_nothing() {
    let mut graph = super::support::graph("a -> b");
    graph.nodes[0].fallback = Some("nowhere".into());
    Story::of_description(graph).fails("a").failed_because("a is broken");
}

// Core calls a run completed once a fallback ran, whatever else failed.
#[test]
fn a_run_in_which_a_fallback_ran_is_completed_even_with_other_failures() {
    let story = Story::of("a else f, b").fails("b").fails("a").finishes("f").is(Completed);
    assert_eq!(story.ledger.reason(), "b is broken");
}

#[test]
fn when_a_fallback_fails_nothing_follows_and_its_reason_is_kept() {
    let story = Story::of("primary -> p, primary else fallback")
        .fails("primary")
        .fails("fallback")
        .makes_due(&[])
        .is(Completed);
    assert_eq!(story.ledger.reason(), "fallback is broken");
}

#[test]
fn a_fallback_may_have_a_fallback() {
    Story::of("a else f, f else g, f -> p")
        .fails("a")
        .makes_due(&["f"])
        .fails("f")
        .makes_due(&["g"])
        .finishes("g")
        .makes_due(&["p"]);
}

#[test]
fn nodes_that_name_each_other_as_fallback_do_not_go_round() {
    Story::starting_at(&["a"], "a else b, b else a")
        .fails("a")
        .makes_due(&["b"])
        .fails("b")
        .makes_due(&[])
        .is(Completed);
}

#[test]
fn a_failure_that_was_replaced_counts_once() {
    let story = Story::of("primary -> p, primary else fallback");
    let again = story.failed("primary", true);
    let late = story.finished("primary", 1, Result::default());
    story
        .fails("primary")
        .refuses(again.clone(), Refusal::NotDue)
        .refuses(late, Refusal::NotDue)
        .finishes("fallback")
        .refuses(again, Refusal::NotDue);
}

// --- one fallback for several ---

#[test]
fn a_shared_fallback_runs_once_and_continues_for_every_primary_it_replaced() {
    Story::of("a -> p, b -> q, a else f, b else f")
        .fails("a")
        .makes_due(&["f"])
        .fails("b")
        .makes_due(&[])
        .finishes("f")
        .makes_due(&["p", "q"]);
}

#[test]
fn a_shared_fallback_does_not_continue_for_a_primary_that_succeeded() {
    Story::of("a -> p, b -> q -> r, a else f, b else f")
        .finishes("b")
        .makes_due(&["q"])
        .fails("a")
        .finishes("f")
        .makes_due(&["p"]);
}

#[test]
fn two_primaries_of_a_shared_fallback_are_two_predecessors_of_a_join() {
    Story::of("a -> j, b -> j, a else f, b else f")
        .fails("a")
        .finishes("f")
        .makes_due(&[])
        .finishes("b")
        .makes_due(&["j"]);
}

#[test]
fn a_shared_fallback_leads_on_for_both_primaries_whichever_failed_first() {
    let story = || Story::of("a -> p, b -> q, a else f, b else f").fails("a");
    // It runs once more for a primary that fails after it is done, and once for both where it is still in flight.
    story()
        .finishes("f")
        .makes_due(&["p"])
        .fails("b")
        .makes_due(&["f"])
        .finishes("f")
        .makes_due(&["q"])
        .finishes("p")
        .finishes("q")
        .is(Completed);
    story().fails("b").makes_due(&[]).finishes("f").makes_due(&["p", "q"]);
}

#[test]
fn a_join_waits_for_the_primary_in_flight_when_the_shared_fallback_has_an_edge_of_its_own() {
    Story::of("a -> j, b -> j, f -> j, a else f, b else f")
        .fails("b")
        .finishes("f")
        .makes_due(&[])
        .finishes("a")
        .makes_due(&["j"]);
}

#[test]
fn an_action_called_fallback_is_an_action_like_any_other() {
    Story::of("p -fallback-> f, p -> q, p else f")
        .decides("p", "fallback")
        .makes_due(&["f"])
        .finishes("f")
        .makes_due(&[]);
}

#[test]
fn a_run_that_was_retried_has_another_end_even_if_it_fails_alike() {
    let blueprint = Blueprint::new(graph("a -> b"));
    let fail = |ledger: &mut Ledger, round| {
        let (node, why) = ("a".into(), "broken".into());
        ledger.apply(&blueprint, Event::Failed { node, round, why, recoverable: false }).unwrap();
    };
    let mut ledger = Ledger::begin(&blueprint);
    fail(&mut ledger, 1);
    let first = ledger.clone();
    assert!(ledger.has_the_end_of(&first));
    ledger.apply(&blueprint, Event::TriedAgain).unwrap();
    assert!(!ledger.has_the_end_of(&first));
    fail(&mut ledger, 2);
    assert_eq!(ledger.status, first.status);
    assert!(!ledger.has_the_end_of(&first));
}

#[test]
fn a_try_that_asked_for_a_later_time_counts_as_no_attempt_and_its_message_is_known() {
    let blueprint = Blueprint::new(graph("a -> b"));
    let mut ledger = Ledger::begin(&blueprint);
    for (postponed, attempt, number) in [(true, 1, 2), (true, 1, 3), (false, 2, 4), (true, 2, 5)] {
        let again = Event::Retried { node: "a".into(), round: 1, not_before: 7, postponed, why: None };
        let transition = ledger.apply(&blueprint, again).unwrap();
        assert_eq!(transition.due[0].attempt, number);
        assert_eq!(ledger.entry("a").unwrap().attempt(), attempt);
    }
    let failed = Event::Failed { node: "a".into(), round: 1, why: "down".into(), recoverable: true };
    ledger.apply(&blueprint, failed).unwrap();
    ledger.apply(&blueprint, Event::TriedAgain).unwrap();
    assert_eq!(ledger.entry("a").unwrap().attempt(), 1);
}
