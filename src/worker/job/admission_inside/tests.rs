//! Rows of a table: what is to be done with a message for a node inside a subflow.

use super::*;
use crate::ids::NodeId;
use crate::record::ReservedKey;
use crate::workflow::ledger::tests::support::graph;
use crate::workflow::ledger::{DueJob, InstanceEnd, Ledger, Opening};

/// A run whose container `s` has opened a subflow, with a timer.
fn opened() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.begin_with(&Blueprint::new(graph("s -> z")));
    let instance = Instance {
        blueprint: "inner".into(),
        version: serde_json::Value::Null,
        outputs: None,
        terminals: vec![],
        limit: Some(9),
        errors: vec![],
        fallback_ran: false,
        paused: Vec::new(),
        failure: None,
    };
    let (container, blueprint) = (NodeId::from("s"), Blueprint::new(graph("a -> b")));
    let opening = Opening {
        container: &container,
        round: 1,
        instance: &instance,
        blueprint: &blueprint,
        until: Some(9),
    };
    ledger.open(&opening).unwrap();
    ledger
}

fn run(ledger: Ledger) -> Document {
    let reserved = Some(ReservedKey { ledger, ..ReservedKey::default() });
    Document { reserved, found: true, ..Document::default() }
}

fn message(node: &str, round: u32) -> JobMessage {
    JobMessage::of("r", "outer", &DueJob { node: node.into(), round, attempt: 1, ..DueJob::default() }, None)
}

fn verdict(run: &Document, graph_text: &str, message: &JobMessage) -> Verdict {
    match DecidedBy::of(message, run) {
        DecidedBy::Nothing => admit_after(run, message),
        _ => admit_by(run, &Blueprint::new(graph(graph_text)), message, Tried::default()),
    }
}

#[test]
fn a_message_for_a_node_inside_is_decided_by_its_subflow() {
    let open = run(opened());
    let decided = |node: &str| DecidedBy::of(&message(node, 1), &open).id().map(str::to_owned);
    assert_eq!(decided("_flowcraft/s/a").as_deref(), Some("inner"));
    assert_eq!(decided("s").as_deref(), Some("outer"));
    assert_eq!(decided("_flowcraft/t/a"), None);
    // An older reconciler publishes it under the run's own blueprint.
    let older = JobMessage { blueprint_id: "outer".into(), ..message("_flowcraft/s/a", 1) };
    assert_eq!(verdict(&open, "a -> b", &older), Verdict::Run { round: 1 });
    assert_eq!(message("_flowcraft/s/a", 1).blueprint_id, "_flowcraft/outer");
}

#[test]
fn what_is_not_due_inside_is_done_and_what_is_lacking_comes_again() {
    let open = run(opened());
    let done = Verdict::Dispose(Disposal::Done);
    for (node, round, graph_text, expected) in [
        ("_flowcraft/s/a", 1, "a -> b", Verdict::Run { round: 1 }),
        ("_flowcraft/s/a", 0, "a -> b", done.clone()),
        ("s", 1, "s -> z", done.clone()),
    ] {
        assert_eq!(verdict(&open, graph_text, &message(node, round)), expected, "{node}@{round}");
    }
    let missing = verdict(&open, "b", &message("_flowcraft/s/a", 1));
    assert!(
        matches!(missing, Verdict::Dispose(Disposal::Reschedule(Reason::NodeMissing { ref blueprint, .. })) if blueprint == "story")
    );
    let mut ended = opened();
    ended.close(&"s".into(), InstanceEnd::Completed(None)).unwrap();
    assert_eq!(verdict(&run(ended), "a -> b", &message("_flowcraft/s/a", 1)), done);
}

#[test]
fn the_containers_timer_ends_its_subflow_and_finds_the_containers_job() {
    let timer = JobMessage { wakes: true, ..message("_flowcraft/s/", 1) };
    let mut ledger = opened();
    assert_eq!(verdict(&run(ledger.clone()), "a -> b", &timer), Verdict::First(Step::Expire { round: 1 }));
    let late = InstanceEnd::Failed { message: "late".into(), late: true };
    let due = ledger.close(&"s".into(), late).unwrap();
    ledger.attribute(std::slice::from_ref(&due), &"_flowcraft/s/".into());
    let after = run(ledger);
    let tried = Tried { wake: true, ..Tried::default() };
    let left = Verdict::Dispose(Disposal::Republish(vec![due]));
    assert_eq!(admit_by(&after, &Blueprint::new(graph("a -> b")), &timer, tried), left);
    // Its worker died before it published.
    let again = JobMessage { repeated: true, ..timer.clone() };
    assert_eq!(verdict(&after, "a -> b", &again), left);
    assert_eq!(verdict(&after, "a -> b", &timer), Verdict::Dispose(Disposal::Done));
}

#[test]
fn a_container_that_is_due_while_its_subflow_goes_on_awaits_again() {
    let mut ledger = opened();
    let with = crate::workflow::ledger::Resume::default();
    let resumed = crate::workflow::ledger::Event::Resumed { node: "s".into(), with };
    ledger.apply(&Blueprint::unknown(""), resumed).unwrap();
    assert_eq!(verdict(&run(ledger), "s -> z", &message("s", 2)), Verdict::First(Step::AwaitAgain));
}
