//! Rounds: loops with a controller, plain cycles, and what is slow while they come round.

use super::super::{MAX_DEPTH, Refusal, RunStatus::*, Standing};
use super::support::{Result, Story, stored};

/// As core's builder makes it: the loop is entered and left at its controller.
const LOOP: &str = "in -> l, loop l, l -continue-> s -> e -> l, l -break-> out";

/// The run in front of its loop's first decision.
fn entered(text: &str) -> Story {
    Story::of(text).finishes("in").makes_due(&["l"])
}

#[test]
fn a_loop_goes_round_as_often_as_its_controller_says() {
    let mut story = entered(LOOP);
    for round in 1..=3 {
        story = story
            .has_due_in_round("l", round)
            .decides("l", "continue")
            .makes_due(&["s"])
            .has_due_in_round("s", round)
            .finishes("s")
            .has_due_in_round("e", round)
            .finishes("e")
            .makes_due(&["l"]);
    }
    story.decides("l", "break").makes_due(&["out"]).finishes("out").is(Completed);
}

#[test]
fn a_loop_that_is_left_at_once_does_not_run_its_body() {
    entered(LOOP).decides("l", "break").makes_due(&["out"]).stands("s", None, Standing::NotReached);
}

#[test]
fn a_loop_entered_at_its_body_goes_round_too() {
    let mut story =
        Story::of("in -> s -> e -> l, loop l, l -continue-> s, any s, l -break-> out").finishes("in");
    for round in 1..=3 {
        story = story.has_due_in_round("s", round).finishes("s").finishes("e").decides("l", "continue");
    }
    story.finishes("s").finishes("e").decides("l", "break").finishes("out").is(Completed);
}

#[test]
fn a_late_result_of_an_earlier_round_is_refused() {
    let story = entered(LOOP).decides("l", "continue");
    let late = story.finished("s", 1, Result::default());
    story
        .finishes("s")
        .finishes("e")
        .decides("l", "continue")
        .has_due_in_round("s", 2)
        .refuses(late.clone(), Refusal::NotDue)
        .stands("s", Some(1), Standing::Done)
        .stands("s", None, Standing::Due(2))
        .finishes("s")
        .refuses(late, Refusal::NotDue);
}

#[test]
fn a_message_of_an_earlier_round_finds_a_reset_node_settled() {
    entered(LOOP)
        .decides("l", "continue")
        .finishes("s")
        .finishes("e")
        .stands("s", Some(1), Standing::Done)
        .stands("s", None, Standing::Done);
}

#[test]
fn joins_of_the_body_wait_for_both_branches_in_every_round() {
    let mut story = entered("in -> l, loop l, l -continue-> s -> x -> j -> l, s -> y -> j");
    for _ in 1..=3 {
        story = story
            .decides("l", "continue")
            .finishes("s")
            .finishes("y")
            .makes_due(&[])
            .finishes("x")
            .makes_due(&["j"])
            .finishes("j");
    }
    story.decides("l", "break").is(Completed);
}

#[test]
fn what_the_body_decided_in_one_round_does_not_bind_the_next() {
    entered("in -> l, loop l, l -continue-> s -yes-> x -> l, s -no-> y -> l")
        .decides("l", "continue")
        .decides("s", "yes")
        .finishes("x")
        .decides("l", "continue")
        .decides("s", "no")
        .makes_due(&["y"])
        .finishes("y")
        .makes_due(&["l"]);
}

// --- a slow side branch ---

const SIDE: &str = "in -> l, loop l, l -continue-> s -> e -> l, s -> slow, l -break-> out";

#[test]
fn a_slow_side_branch_in_flight_runs_again_once_it_is_done() {
    entered(SIDE)
        .decides("l", "continue")
        .finishes("s")
        .makes_due(&["e", "slow"])
        .finishes("e")
        .decides("l", "continue")
        .finishes("s")
        .makes_due(&["e"])
        .has_due_in_round("slow", 1)
        .finishes("slow")
        .makes_due(&["slow"])
        .has_due_in_round("slow", 2)
        .finishes("slow")
        .makes_due(&[])
        .finishes("e")
        .decides("l", "break")
        .finishes("out")
        .is(Completed);
}

#[test]
fn a_slow_side_branch_keeps_the_run_open_after_its_loop() {
    entered(SIDE)
        .decides("l", "continue")
        .finishes("s")
        .finishes("e")
        .decides("l", "break")
        .finishes("out")
        .is(Running)
        .has_due(&["slow"])
        .finishes("slow")
        .is(Completed);
}

#[test]
fn a_side_branch_that_is_done_in_time_runs_once_a_round_as_well() {
    let mut story = entered(SIDE);
    for round in 1..=2 {
        story = story
            .decides("l", "continue")
            .finishes("s")
            .has_due_in_round("slow", round)
            .finishes("slow")
            .finishes("e");
    }
    story.decides("l", "break").finishes("out").is(Completed);
}

#[test]
fn whether_a_failed_side_branch_runs_in_the_next_round_does_not_depend_on_when_it_failed() {
    let next = |story: Story| story.finishes("e").decides("l", "continue").finishes("s");
    let begun = || entered(SIDE).decides("l", "continue").finishes("s");
    let early = next(begun().fails("slow"));
    let late = next(begun()).fails("slow");
    assert_eq!(early.ledger.due(), late.ledger.due());
}

// --- loops in loops ---

#[test]
fn an_inner_loop_starts_afresh_in_every_round_of_the_outer_one() {
    let text = "in -> o, loop o, o -continue-> a -> i, loop i, i -continue-> b -> i, i -break-> c -> o, o -break-> out";
    let mut story = Story::of(text).finishes("in");
    for _ in 1..=2 {
        story = story.decides("o", "continue").makes_due(&["a"]).finishes("a").makes_due(&["i"]);
        for _ in 1..=3 {
            story = story.decides("i", "continue").makes_due(&["b"]).finishes("b").makes_due(&["i"]);
        }
        story = story.decides("i", "break").makes_due(&["c"]).finishes("c").makes_due(&["o"]);
    }
    story.decides("o", "break").makes_due(&["out"]).finishes("out").is(Completed);
}

#[test]
fn one_loop_after_another_goes_round_by_itself() {
    let text =
        "in -> l, loop l, l -continue-> s -> l, l -break-> m, loop m, m -continue-> t -> m, m -break-> out";
    let mut story = entered(text);
    for _ in 1..=3 {
        story = story.decides("l", "continue").finishes("s");
    }
    story = story.decides("l", "break").makes_due(&["m"]);
    for _ in 1..=2 {
        story = story.decides("m", "continue").makes_due(&["t"]).finishes("t");
    }
    story.stands("s", None, Standing::Done).decides("m", "break").finishes("out").is(Completed);
}

// --- plain cycles ---

const CYCLE: &str = "a -> b -> c -?-> a, c -done-> end, any a, any b, any c";

#[test]
fn a_cycle_of_any_nodes_starts_a_new_round_each_time_it_comes_back() {
    let mut story = Story::starting_at(&["a"], CYCLE);
    for round in 1..=3 {
        story = story
            .has_due_in_round("a", round)
            .finishes("a")
            .finishes("b")
            .has_due_in_round("c", round)
            .takes("c", &["a"]);
    }
    story.finishes("a").finishes("b").decides("c", "done").makes_due(&["end"]).finishes("end").is(Completed);
}

#[test]
fn a_cycle_comes_to_a_node_that_joins_all_only_once() {
    Story::starting_at(&["a"], "a -> b -> a, any a")
        .finishes("a")
        .finishes("b")
        .finishes("a")
        .makes_due(&[])
        .is(Completed);
}

#[test]
fn a_cycle_that_comes_round_to_a_node_in_flight_waits_for_it() {
    Story::starting_at(&["a"], "a -> b -> a, a -> slow, any a, any b, any slow")
        .finishes("a")
        .finishes("b")
        .finishes("a")
        .makes_due(&["b"])
        .has_due_in_round("slow", 1)
        .finishes("slow")
        .has_due_in_round("slow", 2);
}

#[test]
fn two_edges_that_close_the_same_cycle_are_one_round() {
    Story::starting_at(&["a"], "a -> b -> a, a -> c -> a, any a, any b, any c")
        .finishes("a")
        .finishes("b")
        .makes_due(&["a"])
        .finishes("c")
        .makes_due(&[])
        .has_due(&["a"]);
}

// --- without end ---

#[test]
fn a_loop_without_end_is_ended_as_failed_with_a_reason() {
    let mut story = Story::starting_at(&["a"], "a -> b -> a, any a, any b");
    let mut steps = 0;
    while !story.ledger.status.is_end() {
        let next = story.ledger.due().remove(0).node;
        story = story.finishes(&next);
        steps += 1;
    }
    assert_eq!(steps, MAX_DEPTH);
    assert!(story.ledger.reason().contains("possible infinite loop"), "{}", story.ledger.reason());
    story.is(Failed);
}

#[test]
fn the_ledger_does_not_grow_with_the_rounds() {
    let mut story = entered(LOOP);
    let round = |story: Story| story.decides("l", "continue").finishes("s").finishes("e");
    story = round(round(story));
    let second = stored(&story.ledger).len();
    for _ in 0..500 {
        story = round(story);
    }
    assert!(stored(&story.ledger).len() <= second + 24, "digits only: {}", stored(&story.ledger));
}

// --- what else goes round ---

#[test]
fn dynamic_nodes_are_added_and_gathered_in_every_round() {
    let mut story = entered("in -> l, loop l, l -continue-> scatter -> gather -> l");
    for _ in 1..=2 {
        story = story
            .decides("l", "continue")
            .adds("scatter", &["w1", "w2"], "gather")
            .makes_due(&["w1", "w2"])
            .finishes("w1")
            .makes_due(&[])
            .finishes("w2")
            .makes_due(&["gather"])
            .finishes("gather");
    }
    story.decides("l", "break").is(Completed);
}

#[test]
fn a_fallback_takes_over_in_every_round_in_which_its_primary_fails() {
    entered("in -> l, loop l, l -continue-> p -> e -> l, p else f")
        .decides("l", "continue")
        .fails("p")
        .makes_due(&["f"])
        .finishes("f")
        .makes_due(&["e"])
        .finishes("e")
        .decides("l", "continue")
        .fails("p")
        .makes_due(&["f"])
        .has_due_in_round("f", 2)
        .finishes("f")
        .makes_due(&["e"])
        .finishes("e")
        .decides("l", "continue")
        .finishes("p")
        .makes_due(&["e"]);
}

#[test]
fn a_loop_comes_round_by_way_of_a_fallback() {
    entered("in -> l, loop l, l -continue-> p -ok-> l, p else f, f -> g -> l")
        .decides("l", "continue")
        .fails("p")
        .finishes("f")
        .makes_due(&["g"])
        .finishes("g")
        .makes_due(&["l"]);
}

#[test]
fn what_follows_a_fallback_runs_in_every_round() {
    let mut story = entered("in -> l, loop l, l -continue-> s -> p -> j, p else f, f -> g, s -> e -> l");
    for _ in 1..=2 {
        story = story.decides("l", "continue").finishes("s").fails("p").finishes("f").makes_due(&["g", "j"]);
        story = story.finishes("g").finishes("j").finishes("e");
    }
}

#[test]
fn a_slow_fallback_of_the_round_before_still_counts() {
    let story = entered("in -> l, loop l, l -continue-> s -> e -> l, s -> p, p else f")
        .decides("l", "continue")
        .finishes("s")
        .fails("p")
        .makes_due(&["f"]);
    let first = story.finished("f", 1, Result::default());
    story.finishes("e").decides("l", "continue").finishes("s").fails("p").counts(first);
}
