//! Runs that workers of the original have a hand in: outputs without a ledger, messages without a round.

use super::super::{Refusal, RunStatus::*, Standing};
use super::support::{Result, Story, stored};

// --- outputs in the row ---

#[test]
fn an_output_that_another_worker_wrote_is_that_node_done() {
    Story::of("a -> b -> c")
        .finds_outputs(&["a"])
        .makes_due(&["b"])
        .stands("a", None, Standing::Done)
        .finishes("b")
        .makes_due(&["c"]);
}

#[test]
fn of_a_chain_that_others_ran_only_the_next_node_is_due() {
    for outputs in [["a", "b"], ["b", "a"]] {
        Story::of("a -> b -> c").finds_outputs(&outputs).makes_due(&["c"]).has_due(&["c"]);
    }
}

#[test]
fn a_run_that_others_finished_is_completed() {
    Story::of("a -> b, a -> c").finds_outputs(&["a", "b", "c"]).makes_due(&[]).is(Completed);
}

#[test]
fn a_join_counts_the_predecessors_that_others_ran() {
    Story::of("a -> j, b -> j")
        .finds_outputs(&["a"])
        .makes_due(&[])
        .has_due(&["b"])
        .finishes("b")
        .makes_due(&["j"]);
    Story::of("a -> j, b -> j").finds_outputs(&["a", "b"]).makes_due(&["j"]);
}

#[test]
fn a_node_in_flight_here_whose_output_another_wrote_is_done() {
    let story = Story::of("a -> b");
    let own = story.finished("a", 1, Result::default());
    story.finds_outputs(&["a"]).has_due(&["b"]).refuses(own, Refusal::NotDue);
}

#[test]
fn outputs_the_ledger_knows_of_are_no_news() {
    let story = Story::of("a -> b, c, d").finishes("a").fails("c").pauses("d");
    let before = stored(&story.ledger);
    assert!(["a", "c", "d"].iter().all(|id| story.ledger.knows_as_done(id)));
    assert!(!story.ledger.knows_as_done("b"));
    let story = story.finds_outputs(&["a", "c", "d"]).makes_due(&[]);
    assert_eq!(stored(&story.ledger), before);
}

#[test]
fn outputs_of_earlier_rounds_are_no_news() {
    let story = Story::of("in -> l, loop l, l -continue-> s -> e -> l")
        .finishes("in")
        .decides("l", "continue")
        .finishes("s")
        .finishes("e");
    let story = story.stands("s", None, Standing::Done);
    let before = stored(&story.ledger);
    assert!(["l", "s", "e"].iter().all(|id| story.ledger.knows_as_done(id)));
    let story = story.finds_outputs(&["in", "l", "s", "e"]).makes_due(&[]);
    assert_eq!(stored(&story.ledger), before);
    story.decides("l", "continue").has_due_in_round("s", 2).finds_outputs(&["s"]).has_due_in_round("s", 2);
}

#[test]
fn an_output_of_no_node_of_the_blueprint_is_no_news() {
    let story = Story::of("a -> b");
    let before = stored(&story.ledger);
    assert_eq!(stored(&story.finds_outputs(&["elsewhere"]).makes_due(&[]).ledger), before);
}

#[test]
fn a_run_that_is_over_takes_over_nothing() {
    let story = Story::of("a -yes-> b").finishes("a").is(Completed);
    assert!(story.ledger.knows_as_done("b"));
    story.finds_outputs(&["b"]).makes_due(&[]).is(Completed);
}

#[test]
fn a_primary_and_its_fallback_that_others_ran_are_one_predecessor() {
    Story::of("a -> p, f -> p, a else f").finds_outputs(&["a", "f"]).makes_due(&["p"]).has_due(&["p"]);
}

#[test]
fn which_branch_another_worker_decided_is_not_guessed() {
    Story::of("a -yes-> b, a -no-> c, a -?-> d, other")
        .finds_outputs(&["a"])
        .makes_due(&[])
        .has_due(&["other"]);
}

// The worker that decided wrote its output and published the branch: its message may come any time later.
#[test]
fn a_run_whose_branch_another_worker_decided_is_not_over_yet() {
    let story = Story::of("a -yes-> b, a -no-> c").finds_outputs(&["a"]);
    assert!(!story.ledger.status.is_end(), "{}", stored(&story.ledger));
    story.calls("b", Some(1)).has_due(&["b"]).finishes("b").is(Completed);
}

#[test]
fn the_output_a_paused_node_had_is_no_news_when_it_is_resumed() {
    let story = Story::of("a -yes-> b").pauses("a").resumes("a");
    assert!(story.ledger.knows_as_done("a"));
    story.finds_outputs(&["a"]).has_due(&["a"]).decides("a", "yes").makes_due(&["b"]);
}

#[test]
fn a_node_of_which_is_known_where_it_led_leads_there_and_nowhere_else() {
    let graph = "a -yes-> b -> z, a -no-> c, a -> d";
    for (led, due) in [(&["b"][..], &["b"][..]), (&["c", "d"], &["c", "d"]), (&["d"], &["d"])] {
        let mut story = Story::of(graph);
        let led = [("a".into(), led.iter().map(|id| (*id).into()).collect())].into();
        let mut jobs: Vec<String> = story
            .ledger
            .adopt_led(&story.blueprint, ["a"], &led)
            .iter()
            .map(|due| due.node.to_string())
            .collect();
        jobs.sort();
        assert_eq!(jobs, due);
    }
    // Without a word of it the edge without an action is taken, and the run waits for the branch.
    let mut story = Story::of("a -yes-> b");
    assert!(story.ledger.adopt(&story.blueprint, ["a"]).is_empty() && !story.ledger.status.is_end());
    let mut story = Story::of("a -yes-> b");
    let led = [("a".into(), Vec::new())].into();
    assert!(story.ledger.adopt_led(&story.blueprint, ["a"], &led).is_empty() && story.ledger.status.is_end());
}

// --- messages ---

#[test]
fn a_message_for_a_branch_that_another_worker_decided_makes_it_due() {
    Story::of("a -yes-> b -> d, a -no-> c, other")
        .finds_outputs(&["a"])
        .calls("b", Some(1))
        .has_due(&["b", "other"])
        .finishes("b")
        .makes_due(&["d"]);
}

#[test]
fn a_message_for_a_join_counts_only_when_every_predecessor_is_done() {
    Story::of("a -yes-> j, b -yes-> j, other")
        .finds_outputs(&["a"])
        .calls("j", None)
        .finds_outputs(&["b"])
        .calls("j", Some(1))
        .has_due(&["j", "other"]);
}

#[test]
fn a_message_for_an_any_join_counts_when_one_predecessor_is_done() {
    Story::of("a -yes-> j, b -yes-> j, any j").finds_outputs(&["a"]).calls("j", Some(1));
}

#[test]
fn a_message_that_comes_twice_makes_its_node_due_once() {
    Story::of("a -yes-> b, other")
        .finds_outputs(&["a"])
        .calls("b", Some(1))
        .calls("b", None)
        .finishes("b")
        .calls("b", None);
}

#[test]
fn a_message_that_nothing_justifies_changes_nothing() {
    let story = Story::of("a -> b -> c");
    let before = stored(&story.ledger);
    let story = story.calls("a", None).calls("b", None).calls("c", None).calls("nobody", None);
    assert_eq!(stored(&story.ledger), before);
}

#[test]
fn a_message_for_a_run_that_is_over_changes_nothing() {
    Story::of("a -yes-> b").finishes("a").is(Completed).calls("b", None);
}

#[test]
fn a_run_that_awaited_is_running_once_a_message_made_a_node_due() {
    Story::of("a -yes-> b, other")
        .finds_outputs(&["a"])
        .pauses("other")
        .is(Awaiting)
        .calls("b", Some(1))
        .is(Running);
}
