//! Edges and joins: what becomes due, and when a run is over.

use super::super::{Arrival, Ledger, Refusal, RunStatus::*, Standing};
use super::support::{Result, Story, due, graph, grows_by_what_changed, matched, stored, taken_edge};
use crate::ids::NodeId;

// --- one after the other ---

#[test]
fn a_run_begins_with_its_start_nodes_due_in_round_one() {
    Story::of("a -> b, c").is(Running).has_due(&["a", "c"]).has_due_in_round("a", 1).has_due_in_round("c", 1);
}

#[test]
fn a_chain_goes_on_node_by_node_and_completes() {
    Story::of("a -> b -> c")
        .finishes("a")
        .makes_due(&["b"])
        .is(Running)
        .finishes("b")
        .makes_due(&["c"])
        .is(Running)
        .finishes("c")
        .makes_due(&[])
        .is(Completed);
}

#[test]
fn a_fan_out_makes_every_branch_due_at_once() {
    Story::of("a -> b, a -> c, a -> d").finishes("a").makes_due(&["b", "c", "d"]);
}

#[test]
fn a_run_does_not_end_while_one_of_several_start_nodes_is_due() {
    Story::of("a, b, c")
        .finishes("b")
        .is(Running)
        .finishes("a")
        .is(Running)
        .has_due(&["c"])
        .finishes("c")
        .is(Completed);
}

#[test]
fn an_edge_bound_to_an_action_is_followed_only_by_that_action() {
    Story::of("a -yes-> b, a -no-> c").decides("a", "no").makes_due(&["c"]).finishes("c").is(Completed);
}

#[test]
fn a_branch_not_taken_ends_the_run_when_nothing_else_is_in_flight() {
    Story::of("a -yes-> b -> c").decides("a", "no").makes_due(&[]).is(Completed);
}

// Core's sweep after an empty `nextNodes` would run it; its documentation says otherwise.
#[test]
fn a_node_that_takes_no_edge_does_not_run_its_targets() {
    Story::of("a -> b").takes("a", &[]).makes_due(&[]).is(Completed);
}

// --- `all` ---

#[test]
fn an_all_join_waits_for_every_predecessor_in_either_order() {
    for [first, second] in [["b", "c"], ["c", "b"]] {
        Story::of("a -> b -> j, a -> c -> j")
            .finishes("a")
            .finishes(first)
            .makes_due(&[])
            .is(Running)
            .finishes(second)
            .makes_due(&["j"])
            .finishes("j")
            .is(Completed);
    }
}

#[test]
fn two_edges_of_one_predecessor_are_one_arrival() {
    Story::of("a -x-> j, a -> j, b -> j")
        .takes("a", &["j", "j"])
        .makes_due(&[])
        .finishes("b")
        .makes_due(&["j"]);
}

#[test]
fn a_join_none_of_whose_predecessors_took_its_edge_does_not_run() {
    Story::of("a -> j, b -> j").takes("a", &[]).takes("b", &[]).makes_due(&[]).is(Completed);
}

#[test]
fn a_join_runs_when_the_deeper_predecessor_took_its_edge_and_the_shallower_passed() {
    for order in [["shallow", "deep"], ["deep", "shallow"]] {
        let mut story = Story::of("a -> shallow -?-> j, a -> b -> deep -> j").finishes("a").finishes("b");
        for id in order {
            story = story.finishes(id);
        }
        story.has_due(&["j"]);
    }
}

#[test]
fn a_join_does_not_run_when_the_deepest_predecessor_passed() {
    for order in [["shallow", "deep"], ["deep", "shallow"]] {
        let mut story = Story::of("a -> shallow -> j, a -> b -> deep -?-> j").finishes("a").finishes("b");
        for id in order {
            story = story.finishes(id);
        }
        story.has_due(&[]).is(Completed);
    }
}

#[test]
fn a_join_runs_when_one_of_two_equally_deep_predecessors_took_its_edge() {
    for order in [["took", "passed"], ["passed", "took"]] {
        let mut story = Story::of("a -> took -> j, a -> passed -?-> j").finishes("a");
        for id in order {
            story = story.finishes(id);
        }
        story.has_due(&["j"]);
    }
}

// The nodes of a branch not taken are never done: core's traversal waits for them as well.
#[test]
fn a_join_behind_a_branch_never_reached_does_not_run_and_does_not_hold_the_run_open() {
    Story::of("a -yes-> b -> j, a -> c -> j").takes("a", &["c"]).finishes("c").makes_due(&[]).is(Completed);
}

#[test]
fn the_deepest_arrival_brings_the_input_whichever_is_faster() {
    let story =
        || Story::of("a -> shallow -> j, a -> b -> deep -> j, a -> c -> j").finishes("a").finishes("b");
    let fast = story().finishes("shallow");
    assert_eq!(fast.last.arrived, [0], "nobody deeper came yet");
    assert_eq!(fast.finishes("deep").last.arrived, [0]);
    let slow = story().finishes("deep").finishes("shallow");
    assert!(slow.last.arrived.is_empty(), "the deeper one's input stays");
}

// --- `any` ---

#[test]
fn an_any_join_runs_at_its_first_arrival_and_only_then() {
    for [first, second] in [["b", "c"], ["c", "b"]] {
        let story =
            Story::of("a -> b -> j, a -> c -> j, any j").finishes("a").finishes(first).makes_due(&["j"]);
        let story = story.finishes(second).makes_due(&[]);
        assert!(story.last.arrived.is_empty(), "its input is the first one's");
        story.has_due(&["j"]).finishes("j").is(Completed);
    }
}

#[test]
fn an_any_join_that_is_done_does_not_run_again_for_a_late_arrival() {
    Story::of("a -> b -> j, a -> c -> j, any j")
        .finishes("a")
        .finishes("b")
        .finishes("j")
        .is(Running)
        .finishes("c")
        .makes_due(&[])
        .is(Completed);
}

#[test]
fn an_any_join_waits_past_a_predecessor_that_passed() {
    Story::of("a -> j, b -> j, any j").takes("a", &[]).makes_due(&[]).finishes("b").makes_due(&["j"]);
}

// --- twice, late ---

#[test]
fn the_same_event_twice_counts_once() {
    let story = Story::of("a -> b -> c, a -> d");
    let twice = story.finished("a", 1, Result::default());
    story
        .counts(twice.clone())
        .makes_due(&["b", "d"])
        .refuses(twice.clone(), Refusal::NotDue)
        .finishes("b")
        .refuses(twice, Refusal::NotDue);
}

#[test]
fn of_two_different_answers_to_one_job_the_first_counts() {
    let story = Story::of("a -yes-> b, a -no-> c");
    let other = story.finished("a", 1, Result { action: Some("no"), ..Result::default() });
    let failed = story.failed("a", true);
    story
        .decides("a", "yes")
        .refuses(other, Refusal::NotDue)
        .refuses(failed, Refusal::NotDue)
        .has_due(&["b"])
        .finishes("b")
        .is(Completed);
}

#[test]
fn an_answer_for_a_node_nobody_asked_is_refused() {
    let story = Story::of("a -> b");
    let (early, unknown) =
        (story.finished("b", 1, Result::default()), story.finished("nobody", 1, Result::default()));
    let future = story.finished("a", 2, Result::default());
    story
        .refuses(early, Refusal::NotDue)
        .refuses(unknown, Refusal::NotDue)
        .refuses(future, Refusal::NotDue)
        .finishes("a");
}

#[test]
fn nothing_counts_once_the_run_is_over() {
    let story = Story::of("a -> b");
    let late = story.finished("a", 1, Result::default());
    let story = story.finishes("a").finishes("b").is(Completed);
    let late_b = story.finished("b", 1, Result::default());
    story.refuses(late, Refusal::Ended).refuses(late_b, Refusal::Ended);
}

// --- input that an edge decides ---

#[test]
fn a_transform_that_arrived_is_remembered_for_its_target() {
    let story = Story::of("a -> b");
    let event = super::super::Event::Finished {
        node: "a".into(),
        round: 1,
        action: None,
        taken: vec![super::super::TakenEdge { fed: true, ..taken_edge("a", "b") }],
        added: vec![],
        again: None,
    };
    let story = story.counts(event);
    assert!(story.ledger.nodes["b"].fed);
}

#[test]
fn a_transform_that_came_too_late_is_not() {
    let story = Story::of("a -> j, b -> j, any j").finishes("a");
    let event = super::super::Event::Finished {
        node: "b".into(),
        round: 1,
        action: None,
        taken: vec![super::super::TakenEdge { fed: true, ..taken_edge("b", "j") }],
        added: vec![],
        again: None,
    };
    let story = story.counts(event);
    assert!(!story.ledger.nodes["j"].fed);
}

// --- dynamic nodes ---

#[test]
fn dynamic_nodes_are_due_at_once_and_their_gatherer_waits_for_all_of_them() {
    Story::of("scatter -> gather -> end")
        .adds("scatter", &["w1", "w2", "w3"], "gather")
        .makes_due(&["w1", "w2", "w3"])
        .finishes("w3")
        .finishes("w1")
        .makes_due(&[])
        .finishes("w2")
        .makes_due(&["gather"])
        .finishes("gather")
        .makes_due(&["end"])
        .finishes("end")
        .is(Completed);
}

#[test]
fn dynamic_nodes_without_a_gatherer_end_where_they_are() {
    Story::of("a -> b")
        .finishes_with("a", Result { adds: &["w1", "w2"], ..Result::default() })
        .makes_due(&["b", "w1", "w2"])
        .finishes("b")
        .finishes("w1")
        .is(Running)
        .finishes("w2")
        .is(Completed);
}

#[test]
fn a_dynamic_node_may_add_more_for_the_same_gatherer() {
    Story::of("scatter -> gather")
        .adds("scatter", &["w1"], "gather")
        .adds("w1", &["w2"], "gather")
        .makes_due(&["w2"])
        .finishes("w2")
        .makes_due(&["gather"]);
}

#[test]
fn a_gatherer_that_no_edge_leads_to_runs_after_the_dynamic_nodes() {
    Story::starting_at(&["scatter"], "scatter, gather")
        .adds("scatter", &["w1", "w2"], "gather")
        .finishes("w1")
        .makes_due(&[])
        .finishes("w2")
        .makes_due(&["gather"]);
}

#[test]
fn a_gatherer_of_several_scatterers_waits_for_every_ones_nodes() {
    Story::of("s1 -> gather, s2 -> gather")
        .adds("s1", &["w1"], "gather")
        .finishes("w1")
        .makes_due(&[])
        .adds("s2", &["w2"], "gather")
        .makes_due(&["w2"])
        .finishes("w2")
        .makes_due(&["gather"]);
}

#[test]
fn a_dynamic_node_that_fails_leaves_its_gatherer_waiting_and_the_run_failed() {
    Story::of("scatter -> gather")
        .adds("scatter", &["w1", "w2"], "gather")
        .fails("w1")
        .is(Running)
        .finishes("w2")
        .makes_due(&[])
        .failed_because("w1 is broken");
}

#[test]
fn dynamic_nodes_arrive_at_a_gatherer_whose_scatterer_did_not_take_its_edge() {
    Story::of("scatter -more-> gather")
        .adds("scatter", &["w1"], "gather")
        .makes_due(&["w1"])
        .finishes("w1")
        .makes_due(&["gather"]);
}

#[test]
fn the_same_with_one_more_predecessor_works() {
    Story::of("scatter -more-> gather, other -> gather")
        .finishes("other")
        .adds("scatter", &["w1"], "gather")
        .finishes("w1")
        .makes_due(&["gather"]);
}

// --- what a message finds ---

#[test]
fn a_message_finds_its_node_due_settled_not_reached_or_the_run_over() {
    let story = Story::of("a -> b -> j, c -> j")
        .stands("a", Some(1), Standing::Due(1))
        .stands("a", None, Standing::Due(1))
        .stands("b", Some(1), Standing::NotReached)
        .stands("nobody", None, Standing::NotReached)
        .finishes("a")
        .stands("a", Some(1), Standing::Done)
        .stands("a", None, Standing::Done)
        .stands("b", Some(1), Standing::Due(1))
        .finishes("b")
        .stands("j", None, Standing::NotReached)
        .fails("c")
        .is(Failed);
    story.stands("a", Some(1), Standing::Ended).stands("nobody", None, Standing::Ended);
}

#[test]
fn the_jobs_a_result_made_due_are_found_again_while_they_are_due() {
    let story = Story::of("a -> b -> d, a -> c").finishes("a").finishes("b");
    assert_eq!(story.ledger.due_by("a"), [due("c", 1)]);
    assert_eq!(story.ledger.due_by("b"), [due("d", 1)]);
    assert_eq!(story.ledger.due_by("c"), []);
}

#[test]
fn a_join_is_due_by_the_predecessor_that_completed_it() {
    let story = Story::of("a -> j, b -> j").finishes("b").finishes("a");
    assert_eq!(story.ledger.due_by("a"), [due("j", 1)]);
    assert_eq!(story.ledger.due_by("b"), []);
}

// --- in the row ---

#[test]
fn the_stored_ledger_is_small() {
    let mut story = Story::of("n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> n7 -> n8 -> n9");
    for index in 0..10 {
        story = story.finishes(&format!("n{index}"));
    }
    let bytes = stored(&story.is(Completed).ledger).len();
    assert!(bytes <= 10 * 64, "{bytes} bytes for ten nodes");
}

// --- the words themselves ---

#[test]
fn the_stories_match_edges_as_core_does() {
    let graph = graph("a -> b, a -go-> c, a -?-> d, p -> q, p else f, f -> g");
    assert_eq!(matched(&graph, "a", None), [taken_edge("a", "b")]);
    assert_eq!(matched(&graph, "a", Some("go")), [taken_edge("a", "c")]);
    assert_eq!(matched(&graph, "a", Some("other")), [taken_edge("a", "b")]);
    assert_eq!(matched(&graph, "f", None), [taken_edge("f", "g"), taken_edge("p", "q")]);
    assert_eq!(graph.starts, ["a", "p"]);
}

#[test]
fn what_changed_at_a_wide_join_is_one_mark() {
    let wide: Vec<NodeId> = (0..500).map(|number| format!("n{number:03}").into()).collect();
    let mut ledger = Ledger::default();
    let join = NodeId::from("join");
    ledger.entry_or_new(&join).round = 1;
    for id in &wide {
        let before = ledger.clone();
        let mark = Arrival { lap: 1, depth: 2, skipped: false };
        ledger.entry_or_new(&join).arrived.insert(id.clone(), mark);
        grows_by_what_changed(&before, &ledger);
        assert!(serde_json::to_string(&ledger.since(&before)).unwrap().len() < 100);
    }
}
