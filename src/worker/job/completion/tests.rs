use super::*;
use crate::json::Json;
use crate::protocol::outcome::Taken;
use crate::record::Patch;
use crate::record::StatusUpdate;
use crate::workflow::blueprint::{DescribedEdge, DescribedNode, Description};
use crate::workflow::ledger::{Attempt, Event, Ledger, Pause, Resume, TakenEdge};

/// `a` and `b` lead to `j`, which joins as asked; `a` has the fallback `f`.
fn blueprint(any: bool) -> Blueprint {
    let node = |id: &str, any, fallback: Option<&str>| DescribedNode {
        id: id.into(),
        uses: String::new(),
        any,
        fallback: fallback.map(Into::into),
        event: None,
        limit: None,
    };
    let edge = |source: &str| DescribedEdge {
        source: source.into(),
        target: "j".into(),
        action: None,
        conditional: false,
    };
    Blueprint::new(Description {
        id: "flow".into(),
        version: serde_json::Value::Null,
        nodes: vec![
            node("a", false, Some("f")),
            node("b", false, None),
            node("j", any, None),
            node("f", false, None),
        ],
        edges: vec![edge("a"), edge("b")],
        starts: vec!["a".into(), "b".into()],
    })
}

fn raw(json: &str) -> Json {
    Json::parse(json.into()).unwrap()
}

fn reserved(ledger: Ledger) -> ReservedKey {
    ReservedKey { ledger, ..ReservedKey::default() }
}

fn run(reserved: ReservedKey) -> Document {
    Document { reserved: Some(reserved), found: true, ..Document::default() }
}

fn execution<'a>(node: &'a NodeId, queue: &'a str) -> Execution<'a> {
    Execution {
        run: "r",
        node,
        held: node,
        round: 1,
        now: 0,
        queue,
        deferred: false,
        opens: None,
        by: AnsweredBy::Attempt(None),
        ran: None,
    }
}

/// A result that takes the node's edge to `j`, with itself as the input.
fn finished(node: &str, output: Option<&str>) -> Answer {
    let edge = TakenEdge { source: node.into(), target: "j".into(), fed: false };
    let taken = vec![Taken { edge, input: output.map(raw) }];
    let outcome =
        Outcome::Finished { output: output.map(raw), action: None, taken, added: vec![], again: None };
    Answer::of(outcome)
}

fn of(outcome: Outcome) -> Answer {
    Answer::of(outcome)
}

/// Completes the execution with the answer of a node in its first round; the change must not be refused.
fn change(ledger: Ledger, blueprint: &Blueprint, node: &str, answer: &Answer) -> (Change, Completion) {
    let node = node.into();
    let execution = execution(&node, "jobs");
    let (change, completion) = complete(&run(reserved(ledger)), blueprint, execution, answer).unwrap();
    (change.unwrap(), completion)
}

fn set<'a>(change: &'a Change, key: &str) -> Option<&'a str> {
    change.patch.sets.get(key).map(|raw| raw.get())
}

#[test]
fn a_result_is_written_with_the_inputs_that_arrived() {
    let blueprint = blueprint(false);
    let (change, completion) = change(Ledger::begin(&blueprint), &blueprint, "a", &finished("a", Some("1")));
    assert_eq!((set(&change, "_outputs.a"), set(&change, "_inputs.j")), (Some("1"), Some("1")));
    assert_eq!(completion, Completion { status: RunStatus::Running, ..Completion::default() });
    assert_eq!(change.status, StatusUpdate::Keep);
}

#[test]
fn an_input_that_came_too_late_is_not_written() {
    let blueprint = blueprint(true);
    let (first, completion) = change(Ledger::begin(&blueprint), &blueprint, "a", &finished("a", Some("1")));
    assert_eq!(completion.due, [DueJob { node: "j".into(), round: 1, attempt: 1, ..DueJob::default() }]);
    let (second, completion) = change(first.reserved.ledger, &blueprint, "b", &finished("b", Some("2")));
    assert_eq!((set(&second, "_outputs.b"), set(&second, "_inputs.j")), (Some("2"), None));
    assert!(!second.patch.deletes.contains(&"_inputs.j".to_owned()));
    assert_eq!(completion.due, []);
}

#[test]
fn a_result_without_output_removes_what_an_earlier_round_left() {
    let blueprint = blueprint(false);
    let (change, _) = change(Ledger::begin(&blueprint), &blueprint, "a", &finished("a", None));
    for key in ["_outputs.a", "_inputs.j"] {
        assert!(set(&change, key).is_none() && change.patch.deletes.contains(&key.to_owned()), "{key}");
    }
}

#[test]
fn a_primary_that_its_fallback_replaces_has_null_as_its_output() {
    let blueprint = blueprint(false);
    let failed = of(Outcome::Failed { why: "broken".into(), recoverable: true });
    let (change, completion) = change(Ledger::begin(&blueprint), &blueprint, "a", &failed);
    assert_eq!(set(&change, "_outputs.a"), Some("null"));
    assert_eq!(completion.due, [DueJob { node: "f".into(), round: 1, attempt: 1, ..DueJob::default() }]);
}

#[test]
fn a_node_that_failed_has_no_output_and_keeps_what_it_wrote() {
    let blueprint = blueprint(false);
    let mut failed = of(Outcome::Failed { why: "broken".into(), recoverable: false });
    failed.patch.set("seen", raw("true"));
    let (change, _) = change(Ledger::begin(&blueprint), &blueprint, "a", &failed);
    assert_eq!((set(&change, "_outputs.a"), set(&change, "seen")), (None, Some("true")));
}

#[test]
fn what_a_paused_node_waits_for_is_shown_and_taken_away_again() {
    let blueprint = blueprint(false);
    let paused = of(Outcome::Paused {
        pause: Pause { details: Some(raw(r#"{"reason":"a person"}"#)), ..Pause::default() },
        output: None,
    });
    let (paused, _) = change(Ledger::begin(&blueprint), &blueprint, "b", &paused);
    assert_eq!(set(&paused, "_awaitingNodeIds"), Some(r#"["b"]"#));
    assert_eq!(set(&paused, "_awaitingDetails"), Some(r#"{"b":{"reason":"a person"}}"#));

    let mut ledger = paused.reserved.ledger;
    ledger.apply(&blueprint, Event::Resumed { node: "b".into(), with: Resume::default() }).unwrap();
    let resumed = finalize(reserved(ledger), Patch::default(), false).unwrap();
    assert_eq!(resumed.patch.deletes, ["_awaitingNodeIds", "_awaitingDetails"]);
}

#[test]
fn a_refused_answer_changes_nothing_and_says_why() {
    let blueprint = blueprint(false);
    let node = "j".into();
    let execution = execution(&node, "jobs");
    let answer = finished("j", Some("1"));
    let (change, completion) =
        complete(&run(reserved(Ledger::begin(&blueprint))), &blueprint, execution, &answer).unwrap();
    assert!(change.is_none());
    assert_eq!(completion.refused, Some(Refusal::NotDue));
    assert_eq!(completion.status, RunStatus::Running);
}

#[test]
fn the_run_says_which_blueprint_it_follows_and_where_its_jobs_go() {
    let blueprint = blueprint(false);
    let node = NodeId::from("a");
    let execution = execution(&node, "new");
    // As a worker of 2.0.0 leaves it, of an earlier deployment.
    let left = ReservedKey { queue: Some("old".into()), ..reserved(Ledger::begin(&blueprint)) };
    let (change, _) = complete(&run(left), &blueprint, execution, &finished("a", None)).unwrap();
    let reserved = change.unwrap().reserved;
    assert_eq!(&*reserved.blueprint.unwrap().id, "flow");
    assert_eq!((reserved.queue.as_deref(), reserved.other_queues), (Some("new"), vec!["old".into()]));
}

/// A run whose node `a` has written `k` live, by an attempt of this token.
fn written_by(token: &str) -> Document {
    let (id, value) = (NodeId::from("a"), raw("1"));
    let mut ledger = Ledger::begin(&blueprint(false));
    let by = Attempt { node: &id, round: 1, token };
    ledger.write_live(by, true, [("k", Some(&value))].into_iter(), |_| Some(raw("0"))).unwrap();
    let mut run = run(reserved(ledger));
    run.values.insert("k".into(), value);
    run
}

#[test]
fn the_result_of_an_attempt_that_another_took_over_from_is_refused() {
    let (run, node) = (written_by("second"), NodeId::from("a"));
    for (token, counts) in [(Some("second"), true), (Some("first"), false), (None, false)] {
        let by = AnsweredBy::Attempt(token);
        let execution = Execution { by, ..execution(&node, "q") };
        let (change, completion) =
            complete(&run, &blueprint(false), execution, &finished("a", Some("1"))).unwrap();
        assert_eq!((change.is_some(), completion.refused.is_none()), (counts, counts), "{token:?}");
    }
}

#[test]
fn what_an_attempt_wrote_counts_with_its_answer_and_is_taken_back_where_nobody_answered() {
    let (run, node) = (written_by("first"), NodeId::from("a"));
    for (by, expected) in [(AnsweredBy::Attempt(Some("first")), "1"), (AnsweredBy::Nobody, "0")] {
        let execution = Execution { by, ..execution(&node, "q") };
        let (change, _) = complete(&run, &blueprint(false), execution, &finished("a", Some("1"))).unwrap();
        let Change { patch, reserved, .. } = change.unwrap();
        let after = run.after(&patch, &reserved);
        assert_eq!(after.values.get("k").map(|value| value.get()), Some(expected), "{by:?}");
        assert!(!reserved.ledger.has_writers());
    }
}

#[test]
fn a_value_that_comes_back_is_still_its_writers() {
    let (a, b) = (NodeId::from("a"), NodeId::from("b"));
    let blueprint = blueprint(false);
    let mut ledger = Ledger::begin(&blueprint);
    for (node, before, value) in [(&b, "0", "1"), (&a, "1", "2")] {
        let (by, value) = (Attempt { node, round: 1, token: "first" }, raw(value));
        ledger.write_live(by, true, [("k", Some(&value))].into_iter(), |_| Some(raw(before))).unwrap();
    }
    let mut run = run(reserved(ledger));
    run.values.insert("k".into(), raw("2"));
    for (node, expected) in [(&a, "1"), (&b, "0")] {
        let execution = Execution { by: AnsweredBy::Nobody, ..execution(node, "q") };
        let (change, _) = complete(&run, &blueprint, execution, &finished(node, None)).unwrap();
        let Change { patch, reserved, .. } = change.unwrap();
        run = run.after(&patch, &reserved);
        assert_eq!(run.values.get("k").map(|value| value.get()), Some(expected), "'{node}' died");
    }
}
