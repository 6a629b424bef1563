//! A blueprint is replaced while runs follow it: they go on by the new graph.

use super::support::Story;
use crate::workflow::ledger::RunStatus;

#[test]
fn a_join_does_not_wait_for_an_edge_that_is_gone() {
    let story = Story::of("a -> j, b -> j").finishes("a").deploys("a -> j, b");
    story.finishes("b").has_due(&["j"]).finishes("j").is(RunStatus::Completed);
}

#[test]
fn a_join_does_not_wait_for_a_node_that_is_gone() {
    let story = Story::of("a -> j, s -> b -> j").finishes("a").deploys("a -> j, s");
    story.finishes("s").has_due(&["j"]).finishes("j").is(RunStatus::Completed);
}

#[test]
fn it_waits_as_long_as_anything_else_is_in_flight() {
    let story = Story::of("a -> j, b -> j, c -> d").finishes("a").deploys("a -> j, b, c -> d");
    story
        .finishes("b")
        .has_due(&["c"])
        .finishes("c")
        .has_due(&["d"])
        .pauses("d")
        .resumes("d")
        .finishes("d")
        .has_due(&["j"]);
}

#[test]
fn a_failure_lets_go_of_it_too() {
    let story = Story::of("a -> j, b -> j").finishes("a").deploys("a -> j, b");
    story.fails("b").has_due(&["j"]).finishes("j").is(RunStatus::Failed);
}

#[test]
fn a_join_that_nobody_took_an_edge_to_does_not_run() {
    let story = Story::of("a -x-> j, a -y-> k, b -> j").decides("a", "y").deploys("a -x-> j, a -y-> k, b");
    story.finishes("k").finishes("b").is(RunStatus::Completed);
}

#[test]
fn a_join_that_is_gone_is_let_go_of() {
    Story::of("a -> j, b -> j").finishes("a").deploys("a, b").finishes("b").is(RunStatus::Completed);
}

#[test]
fn without_a_deployment_a_join_that_waits_for_a_branch_not_taken_does_not_run() {
    let story = Story::of("a -x-> b, a -y-> c, b -> d, c -> d -> e");
    story.decides("a", "x").finishes("b").has_due(&[]);
}

#[test]
fn what_was_added_for_a_gatherer_that_is_gone_still_asks_for_it() {
    let story = Story::of("s -> g").adds("s", &["s_1", "s_2"], "g").deploys("s");
    story.finishes("s_1").finishes("s_2").has_due(&["g"]);
}
