//! Rows of a table: what an answer inside a subflow does to its run.

use super::*;
use crate::protocol::outcome::{Outcome, Taken};
use crate::record::{Change, ReservedKey};
use crate::worker::job::completion::{Completion, complete};
use crate::worker::job::effect::AnsweredBy;
use crate::workflow::ledger::tests::support::{graph, raw};
use crate::workflow::ledger::{NodeState, Pause};
use crate::workflow::notation::matched;

const OUTER: &str = "s -> z";
const INNER: &str = "a -> b";

fn begun() -> Document {
    let mut ledger = Ledger::default();
    ledger.begin_with(&Blueprint::new(graph(OUTER)));
    let reserved = Some(ReservedKey { ledger, ..ReservedKey::default() });
    Document { reserved, found: true, ..Document::default() }
}

fn subflow(outputs: Option<&[(&str, &str)]>, terminals: &[&str]) -> Subflow {
    let outputs = outputs.map(|pairs| {
        pairs.iter().map(|(key, from)| ((*key).to_owned(), (*from).to_owned())).collect::<BTreeMap<_, _>>()
    });
    Subflow {
        blueprint: "inner".into(),
        context: BTreeMap::from([("given".to_owned(), raw("1"))]),
        outputs,
        terminals: terminals.iter().map(|&node| node.into()).collect(),
        limit: Some(Duration::from_millis(50)),
    }
}

fn finished(node: &str, output: &str) -> Answer {
    let taken = matched(&graph(INNER), node, None);
    let taken = taken.into_iter().map(|edge| Taken { edge, input: Some(raw(output)) }).collect();
    let outcome =
        Outcome::Finished { output: Some(raw(output)), action: None, taken, added: vec![], again: None };
    Answer::of(outcome)
}

/// The run after an answer; none where the answer was refused.
fn after(run: &Document, node: &str, answer: &Answer) -> (Option<Document>, Completion) {
    let id: NodeId = node.into();
    let round = run.reserved.as_ref().unwrap().ledger.entry(node).unwrap().round;
    let blueprint = Blueprint::new(graph(if Inside::of(node).is_some() { INNER } else { OUTER }));
    let inner = Blueprint::new(graph(INNER));
    let execution = Execution {
        run: "r",
        node: &id,
        round,
        now: 7,
        queue: "jobs",
        held: &id,
        deferred: false,
        opens: Some(&inner),
        by: AnsweredBy::Attempt(None),
        ran: None,
    };
    let (change, completion) = complete(run, &blueprint, execution, answer).unwrap();
    let after = change.map(|Change { patch, reserved, .. }| run.after(&patch, &reserved));
    (after, completion)
}

fn opened(outputs: Option<&[(&str, &str)]>, terminals: &[&str]) -> Document {
    let outcome = Outcome::Opened(Box::new(subflow(outputs, terminals)));
    after(&begun(), "s", &Answer::of(outcome)).0.unwrap()
}

fn keys(run: &Document) -> Vec<&str> {
    run.values.keys().map(|key| &**key).filter(|key| !key.starts_with("_await")).collect()
}

fn ledger(run: &Document) -> &Ledger {
    &run.reserved.as_ref().unwrap().ledger
}

#[test]
fn a_container_opens_with_a_context_of_its_own_and_a_timer() {
    let run = opened(None, &["b"]);
    assert_eq!(keys(&run), ["_flowcraft/s//given"]);
    assert_eq!(run.visible_json().unwrap().get(), "{}");
    let pending = ledger(&run).pending();
    let named: Vec<(&str, Option<u64>)> = pending.iter().map(|due| (&*due.node, due.not_before)).collect();
    assert_eq!(named, [("_flowcraft/s/a", None), ("_flowcraft/s/", Some(57))]);
}

#[test]
fn the_last_node_makes_the_container_due_with_its_output_in_the_same_commit() {
    for (outputs, terminals, expected, given) in [
        (None, &["b"][..], Some("3"), None),
        (None, &["b", "never"], Some(r#"{"b":3}"#), None),
        (None, &["never"], None, None),
        (Some(&[("sum", "b"), ("first", "given")][..]), &["b"], None, Some(("3", "1"))),
    ] {
        let run = after(&opened(outputs, terminals), "_flowcraft/s/a", &finished("a", "2")).0.unwrap();
        assert_eq!(
            keys(&run),
            ["_flowcraft/s//_inputs.b", "_flowcraft/s//_outputs.a", "_flowcraft/s//given"]
        );
        let (run, completion) = after(&run, "_flowcraft/s/b", &finished("b", "3"));
        let run = run.unwrap();
        assert_eq!(completion.due.iter().map(|due| (&*due.node, due.round)).collect::<Vec<_>>(), [("s", 2)]);
        let resumed = ledger(&run).entry("s").unwrap().resumed.clone().unwrap();
        let output = resumed.output.map(|output| output.get().to_owned());
        match given {
            None => assert_eq!((output.as_deref(), keys(&run).len()), (expected, 0)),
            Some((sum, first)) => {
                let whole = r#"{"_executionId":"r","_inputs.b":2,"_outputs.a":2,"_outputs.b":3,"a":2,"b":3,"given":1}"#;
                assert_eq!(output.as_deref(), Some(whole));
                assert_eq!((run.values["sum"].get(), run.values["first"].get()), (sum, first));
            }
        }
        assert_eq!(ledger(&run).entry("_flowcraft/s/").unwrap().state, NodeState::Done);
    }
}

#[test]
fn a_failure_inside_fails_the_instance_and_leaves_the_rest_to_its_container() {
    let run = opened(None, &["b"]);
    let outcome = Outcome::Failed { why: "declined".into(), recoverable: true };
    let (run, completion) = after(&run, "_flowcraft/s/a", &Answer::of(outcome));
    let run = run.unwrap();
    assert_eq!(completion.due.iter().map(|due| &*due.node).collect::<Vec<_>>(), ["s"]);
    let failure = ledger(&run).failed_inside("s").unwrap();
    assert_eq!((failure.message.as_str(), failure.late), ("declined", false));
    assert!(ledger(&run).errors.is_empty() && keys(&run).is_empty());
}

#[test]
fn what_comes_after_the_end_of_an_instance_is_refused() {
    let mut run = opened(None, &["b"]);
    let mut ended = ledger(&run).clone();
    let (due, gone) = expired(&mut ended, &run, &"s".into()).unwrap();
    assert_eq!((&*due.node, gone.deletes.as_slice()), ("s", &["_flowcraft/s//given".to_owned()][..]));
    let late = ended.failed_inside("s").unwrap();
    assert!(late.late, "{}", late.message);
    assert!(expired(&mut ended, &run, &"s".into()).is_none());
    run.reserved.as_mut().unwrap().ledger = ended;
    let (refused, completion) = after(&run, "_flowcraft/s/a", &finished("a", "2"));
    assert!(refused.is_none() && completion.refused == Some(Refusal::NotDue));
}

#[test]
fn what_waits_inside_makes_the_run_wait_under_the_containers_name() {
    let pause = Pause { event: Some("paid".into()), details: Some(raw("{}")), until: None };
    let outcome = Outcome::Paused { pause, output: None };
    let run = after(&opened(None, &["b"]), "_flowcraft/s/a", &Answer::of(outcome)).0.unwrap();
    assert_eq!(ledger(&run).status, RunStatus::Awaiting);
    assert_eq!(run.values["_awaitingNodeIds"].get(), r#"["s"]"#);
    assert_eq!(run.values["_awaitingDetails"].get(), r#"{"s":{"reason":"external_event"}}"#);
    assert_eq!(ledger(&run).event_for("s", "webhook:s").as_deref(), Some("paid"));
    assert_eq!(ledger(&run).event_for("z", "paid"), None);
}

#[test]
fn a_node_of_the_run_cannot_write_what_is_inside() {
    let mut patch = Patch::default();
    patch.set("_flowcraft/s//given", raw("9"));
    patch.set("own", raw("1"));
    let outcome = Outcome::Failed { why: "no".into(), recoverable: true };
    let run = after(&begun(), "s", &Answer { patch, ..Answer::of(outcome) }).0.unwrap();
    assert_eq!(keys(&run), ["own"]);
}
