//! Stories of subflows: the ledger of a run sees the nodes inside as its own.

use super::*;
use crate::workflow::ledger::tests::support::{Story, graph, raw};
use crate::workflow::ledger::tests::times::{START, times};
use crate::workflow::ledger::{Event, Pause, RunStatus, Stamp};

fn instance() -> Instance {
    Instance {
        blueprint: "inner".into(),
        version: serde_json::Value::Null,
        outputs: None,
        terminals: vec![],
        limit: None,
        errors: vec![],
        fallback_ran: false,
        paused: Vec::new(),
        failure: None,
    }
}

/// Opens the subflow of a container that is due, by this graph.
fn open(ledger: &mut Ledger, container: &str, text: &str, until: Option<u64>) -> Vec<DueJob> {
    let blueprint = Blueprint::new(graph(text));
    let (container, instance) = (NodeId::from(container), instance());
    let round = ledger.entry(&container).unwrap().round;
    let opening = Opening { container: &container, round, instance: &instance, blueprint: &blueprint, until };
    ledger.open(&opening).unwrap()
}

fn finished(node: &str, round: u32, text: &str) -> Event {
    let taken = crate::workflow::notation::matched(&graph(text), node, None);
    Event::Finished { node: node.into(), round, action: None, taken, added: vec![], again: None }
}

/// Applies an event inside a container; the status of the instance then.
fn inside_of(ledger: &mut Ledger, container: &str, text: &str, event: Event) -> RunStatus {
    let instance = ledger.open_instance(container).unwrap();
    let before = ledger.inside(container, &instance);
    let mut after = before.clone();
    after.apply(&Blueprint::new(graph(text)), event).unwrap();
    ledger.embed(container, &instance, &before, &after);
    ledger.update_status();
    after.status
}

fn names(due: &[DueJob]) -> Vec<String> {
    due.iter().map(|due| format!("{}@{}", path::shown(&due.node), due.round)).collect()
}

fn state(ledger: &Ledger, node: &str) -> NodeState {
    ledger.entry(node).unwrap().state
}

#[test]
fn a_container_awaits_while_its_nodes_are_due_and_the_run_is_running() {
    let mut ledger = Story::of("s -> z").ledger;
    let due = open(&mut ledger, "s", "a -> b", None);
    assert_eq!(names(&due), ["s/a@1"]);
    assert_eq!((state(&ledger, "s"), ledger.status), (NodeState::Awaiting, RunStatus::Running));
    assert_eq!(names(&ledger.due()), ["s/a@1"]);
    assert_eq!(ledger.awaiting_outside().count(), 0, "nobody inside waits");
    assert_eq!(inside_of(&mut ledger, "s", "a -> b", finished("a", 1, "a -> b")), RunStatus::Running);
    assert_eq!(names(&ledger.due()), ["s/b@1"]);
    assert_eq!(inside_of(&mut ledger, "s", "a -> b", finished("b", 1, "a -> b")), RunStatus::Completed);
    let due = ledger.close(&"s".into(), InstanceEnd::Completed(Some(raw("7")))).unwrap();
    assert_eq!((names(&[due]), names(&ledger.due())), (vec!["s@2".to_owned()], vec!["s@2".to_owned()]));
    let resumed = ledger.entry("s").unwrap().resumed.clone().unwrap();
    assert_eq!((resumed.output, resumed.action), (Some(raw("7")), None));
    assert!(
        ledger.instance("s").is_none() && ledger.close(&"s".into(), InstanceEnd::Completed(None)).is_none()
    );
}

#[test]
fn a_container_that_waits_for_its_turn_still_answers_for_what_failed_in_it() {
    let mut ledger = Story::of("s -> z").ledger;
    open(&mut ledger, "s", "a -> b", None);
    ledger.close(&"s".into(), InstanceEnd::Failed { message: "no".into(), late: false }).unwrap();
    for not_before in [7_000, 9_000] {
        ledger.put_off(&"s".into(), 2, not_before).unwrap();
        assert_eq!(ledger.failed_inside("s").map(|failure| failure.message), Some("no".to_owned()));
    }
}

#[test]
fn rounds_go_on_counting_through_all_instances_of_a_container() {
    let mut ledger = Story::of("s -> z").ledger;
    open(&mut ledger, "s", "a -> b", None);
    inside_of(&mut ledger, "s", "a -> b", finished("a", 1, "a -> b"));
    ledger.close(&"s".into(), InstanceEnd::Failed { message: "no".into(), late: true }).unwrap();
    assert_eq!(state(&ledger, &inside("s", "b")), NodeState::Done, "nothing inside counts any more");
    let failure = ledger.failed_inside("s").unwrap();
    assert_eq!((failure.message.as_str(), failure.late), ("no", true));
    // Its container's job answers for it, and another attempt follows.
    ledger
        .apply(
            &Blueprint::new(graph("s -> z")),
            Event::Retried { node: "s".into(), round: 2, not_before: 99, postponed: false, why: None },
        )
        .unwrap();
    assert_eq!(ledger.failed_inside("s"), None);
    assert_eq!(names(&open(&mut ledger, "s", "a -> b", None)), ["s/a@2"]);
    assert_eq!(names(&ledger.pending()), ["s/a@2"], "the container does not sleep");
    let late = ledger.standing(&inside("s", "b"), Some(1));
    assert_eq!(late, crate::workflow::ledger::Standing::Done);
    let before = ledger.inside("s", &instance());
    assert!(before.clone().apply(&Blueprint::new(graph("a -> b")), finished("a", 1, "a -> b")).is_err());
}

#[test]
fn whoever_waits_inside_is_resumed_in_place_of_the_container() {
    let mut ledger = Story::of("s -> z").ledger;
    open(&mut ledger, "s", "a, b", None);
    let paused = |node: &str, until| Event::Paused {
        node: node.into(),
        round: 1,
        pause: Pause { until, details: Some(raw(r#"{"reason":"x"}"#)), ..Pause::default() },
    };
    inside_of(&mut ledger, "s", "a, b", paused("a", Some(9)));
    assert_eq!(ledger.awaiting_outside().count(), 0, "something inside is due");
    inside_of(&mut ledger, "s", "a, b", paused("b", None));
    assert_eq!(ledger.status, RunStatus::Awaiting);
    assert_eq!(ledger.awaiting_outside().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["s"]);
    assert_eq!(ledger.who_waits_inside("s"), Some(inside("s", "b")));
    assert_eq!(ledger.who_sleeps_inside("s"), Some(inside("s", "a")));
    assert_eq!(ledger.details_of("s"), Some(raw(r#"{"reason":"x"}"#)));
    // An older client resumed the container itself.
    let with = Resume { action: Some("go".into()), output: None };
    ledger.apply(&Blueprint::unknown(""), Event::Resumed { node: "s".into(), with: with.clone() }).unwrap();
    assert_eq!(names(&ledger.await_again(&"s".into())), ["s/b@2"]);
    assert_eq!(state(&ledger, "s"), NodeState::Awaiting);
    assert_eq!(ledger.entry(&inside("s", "b")).unwrap().resumed, Some(with));
    assert!(ledger.await_again(&"s".into()).is_empty());
}

#[test]
fn instances_nest_and_do_not_know_of_each_other() {
    let mut ledger = Story::of("s, t").ledger;
    open(&mut ledger, "s", "n -> a", None);
    open(&mut ledger, "t", "n -> a", None);
    let n = inside("s", "n");
    open(&mut ledger, &n, "n -> a", None);
    assert_eq!(names(&ledger.due()), ["s/n/n@1", "t/n@1"]);
    inside_of(&mut ledger, &n, "n -> a", finished("n", 1, "n -> a"));
    assert_eq!(names(&ledger.due()), ["s/n/a@1", "t/n@1"]);
    assert!(ledger.is_alone(&inside(&n, "a")) && ledger.is_alone(&inside("t", "n")));
    // The outer one ends, and everything inside with it.
    ledger.close(&"s".into(), InstanceEnd::Completed(None)).unwrap();
    assert_eq!(names(&ledger.due()), ["t/n@1", "s@2"]);
    assert!(ledger.open_instance(&n).is_none());
}

#[test]
fn a_containers_time_is_a_timer_of_the_run() {
    let mut ledger = Story::of("s").ledger;
    let due = open(&mut ledger, "s", "a", Some(50));
    assert_eq!(names(&due), ["s/a@1", "s/@1"]);
    assert!(due[1].wakes && due[1].not_before == Some(50));
    assert!(ledger.pending().contains(&due[1]) && ledger.sleeps(&instance_of("s"), 1));
    ledger.close(&"s".into(), InstanceEnd::Completed(None)).unwrap();
    assert!(!ledger.sleeps(&instance_of("s"), 1));
}

#[test]
fn the_failures_inside_are_kept_with_the_instance_and_fail_no_run() {
    let mut ledger = Story::of("s").ledger;
    open(&mut ledger, "s", "a, b", None);
    let failed = Event::Failed { node: "a".into(), round: 1, why: "no".into(), recoverable: true };
    assert_eq!(inside_of(&mut ledger, "s", "a, b", failed), RunStatus::Running);
    assert!(ledger.errors.is_empty());
    assert_eq!(ledger.instance("s").unwrap().errors.len(), 1);
    assert_eq!(inside_of(&mut ledger, "s", "a, b", finished("b", 1, "a, b")), RunStatus::Failed);
    assert!(ledger.instance("s").unwrap().reason() == "no");
}

#[test]
fn times_inside_stay_until_the_subflow_is_opened_again() {
    let mut ledger = Story::of("s -> z").ledger;
    let mut stamped = |after: u64, change: &dyn Fn(&mut Ledger)| {
        let before = ledger.clone();
        change(&mut ledger);
        ledger.stamp(&before, Stamp { now: START + after, node: None, ran: None });
        ledger.clone()
    };
    let opens = |ledger: &mut Ledger| drop(open(ledger, "s", "a -> b", None));
    let a = inside("s", "a");
    let ledger = stamped(10, &opens);
    assert_eq!([times(&ledger, "s"), times(&ledger, &a)], ["awaited 10", "due 10"]);
    let ends = |ledger: &mut Ledger| drop(ledger.close(&"s".into(), InstanceEnd::Completed(None)));
    let ledger = stamped(30, &ends);
    assert_eq!([times(&ledger, "s"), times(&ledger, &a)], ["awaited 10, resumed 30", "due 10, ended 30"]);
    assert_eq!(times(&ledger, &instance_of("s")), "");
    let ledger = stamped(50, &opens);
    assert_eq!([times(&ledger, "s"), times(&ledger, &a)], ["awaited 50", "due 50"]);
}
