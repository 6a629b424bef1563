//! The stored JSON of a run, to the letter: version 2.0.0 writes and reads it, and so does every later version. A name in the
//! code may change; a name in these texts may not.

use super::{
    Carried, Change, ClientStart, Document, Entry, FollowedBlueprint, Noted, Parent, Patch, RESERVED_KEY,
    ReservedKey, StatusUpdate, Untold, to_raw,
};
use std::time::Duration;

use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{
    Added, Arrival, Claim, EarlierTry, Event, KeptEvent, Ledger, NodeEntry, NodeError, NodeState, Onward,
    Ran, Resume, RunStatus, Stamp, Tries, Why,
};
use crate::workflow::notation::graph;

/// Every field of a node, none of them left out.
const NODE: &str = concat!(
    r#"{"state":"awaiting","round":2,"wave":3,"level":4,"#,
    r#""arrived":{"p":{"wave":3,"level":3},"q":{"wave":2,"level":1,"passed":true}},"#,
    r#""action":"go","replaced":true,"by":"p","fed":true,"done_before":true,"adopted":true,"#,
    r#""details":{"reason":"wait"},"event":"approved","resumed":{"action":"yes","output":1},"#,
    r#""failures":2,"postponed":1,"not_before":1700000000000}"#
);
const JOIN: &str = r#"{"state":"idle","round":0,"wave":0,"level":0}"#;
const ERRORS: &str = r#"[{"node":"a","message":"no"}]"#;
const ADDED: &str = r#"{"c":{"definition":{"uses":"x"},"gather":"j"}}"#;
const EVENTS: &str = r#"[{"name":"approved","payload":7},{"name":"bare"}]"#;

fn json(text: &str) -> Json {
    Json::parse(text.to_owned()).unwrap()
}

fn node() -> NodeEntry {
    NodeEntry {
        state: NodeState::Awaiting,
        round: 2,
        lap: 3,
        depth: 4,
        arrived: [
            (NodeId::from("p"), Arrival { lap: 3, depth: 3, skipped: false }),
            (NodeId::from("q"), Arrival { lap: 2, depth: 1, skipped: true }),
        ]
        .into_iter()
        .collect(),
        action: Some("go".into()),
        replaced: true,
        by: Some("p".into()),
        fed: true,
        done_before: true,
        adopted: true,
        details: Some(json(r#"{"reason":"wait"}"#)),
        event: Some("approved".into()),
        resumed: Some(Resume { action: Some("yes".into()), output: Some(json("1")) }),
        failures: 2,
        postponed: 1,
        not_before: Some(1_700_000_000_000),
        claim: None,
        ..NodeEntry::default()
    }
}

/// A run of one node and a join that has not been reached.
fn reserved() -> ReservedKey {
    let mut ledger = Ledger {
        status: RunStatus::Awaiting,
        errors: vec![NodeError { node: "a".into(), message: "no".into() }],
        fallback_ran: true,
        events: vec![
            KeptEvent { name: "approved".into(), payload: Some(json("7")) },
            KeptEvent { name: "bare".into(), payload: None },
        ],
        cancelled: Some("enough".into()),
        ..Ledger::default()
    };
    ledger.nodes.insert("a".into(), node().into());
    ledger.nodes.insert("j".into(), NodeEntry::default().into());
    let added = Added { definition: json(r#"{"uses":"x"}"#), gather: Some("j".into()) };
    ledger.added.insert("c".into(), added);
    ReservedKey { ledger, queue: Some("jobs".into()), unpublished: true, ..ReservedKey::default() }
}

#[test]
fn the_reserved_key_is_what_2_0_0_writes() {
    let text = format!(
        r#"{{"ledger":{{"status":"awaiting","nodes":{{"a":{NODE},"j":{JOIN}}},"errors":{ERRORS},"fallback_ran":true,"added":{ADDED},"events":{EVENTS},"cancelled":"enough"}},"queue":"jobs","unpublished":true}}"#
    );
    assert_eq!(to_raw(&reserved()).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(&text).unwrap(), reserved());
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn who_started_a_run_stands_beside_its_ledger_and_may_be_dropped() {
    let start = Some(
        ClientStart { mark: "0123456789abcdef".into(), at: 1_700_000_000_000, ..ClientStart::default() }
            .into(),
    );
    let reserved = ReservedKey { start, ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"start":{"mark":"0123456789abcdef","at":1700000000000}}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);
    let dropped = r#"{"ledger":{"status":"running","nodes":{}}}"#;
    assert_eq!(serde_json::from_str::<ReservedKey>(dropped).unwrap(), ReservedKey::default());
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn the_tags_of_a_run_stand_beside_who_started_it() {
    let start = ClientStart {
        mark: "m".into(),
        at: 7,
        tags: vec!["customer:42".into(), "eu".into()],
        ..ClientStart::default()
    };
    let reserved = ReservedKey { start: Some(start.into()), ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"start":{"mark":"m","at":7,"tags":["customer:42","eu"]}}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn the_parent_of_a_run_stands_beside_who_started_it() {
    let parent = Parent { run: "p".into(), node: "a".into(), round: 2, event: "e".into() };
    let start = ClientStart { mark: "m".into(), at: 7, parent: Some(parent), ..ClientStart::default() };
    let reserved = ReservedKey { start: Some(start.into()), ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"start":{"mark":"m","at":7,"parent":{"runId":"p","nodeId":"a","round":2,"event":"e"}}}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn the_deadline_of_a_run_stands_beside_who_started_it_and_its_journal_says_when_it_goes() {
    let start = ClientStart { mark: "m".into(), at: 7, deadline: Some(99), ..ClientStart::default() };
    let reserved = ReservedKey { start: Some(start.into()), ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"start":{"mark":"m","at":7,"deadline":99}}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);
    assert_eq!(reserved.deadline(), Some(99));

    let before = Document { reserved: Some(reserved.clone()), ..Document::default() };
    let mut later = reserved;
    later.forget_deadline();
    let change = Change { patch: Patch::default(), reserved: later, status: StatusUpdate::Keep };
    let entry = to_raw(&Entry::of(&before, &change)).unwrap().get().to_owned();
    let same = r#"{"ledger":{"status":"running"}}"#.to_owned();
    let grown = before.grown(&[entry, same], 2).unwrap().reserved.unwrap();
    assert_eq!((grown.deadline(), grown.start.unwrap().mark.as_str()), (None, "m"));
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn what_goes_along_with_the_jobs_of_a_run_stands_beside_its_ledger_and_may_be_dropped() {
    let headers = [("traceparent".to_owned(), "00-1".to_owned())].into();
    let carried = Some(Carried { headers, priority: Some(5) }.into());
    let reserved = ReservedKey { carried, ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"carried":{"headers":{"traceparent":"00-1"},"priority":5}}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);

    let before = Document::parse(Some("{}")).unwrap();
    let change = Change { patch: Patch::default(), reserved: reserved.clone(), status: StatusUpdate::Keep };
    let entry = to_raw(&Entry::of(&before, &change)).unwrap().get().to_owned();
    let grown = before.grown(&[entry, r#"{"ledger":{"status":"running"}}"#.into()], 2).unwrap();
    assert_eq!(grown.reserved.unwrap().carried, reserved.carried);
}

/// Optional: 2.0.0 reads the rest, and drops this when it writes the run.
#[test]
fn what_is_still_to_be_told_stands_beside_the_ledger_and_may_be_dropped() {
    let noted = |what| Noted { what, number: 3 };
    let events = vec![noted(Onward::Start), noted(Onward::Resume)];
    let untold = Some(Untold { events, by: Some("a".into()) }.into());
    let reserved = ReservedKey { untold, ..ReservedKey::default() };
    let untold = r#""untold":{"events":[{"what":"start","number":3},{"what":"resume","number":3}],"by":"a"}"#;
    let text = format!(r#"{{"ledger":{{"status":"running","nodes":{{}}}},{untold}}}"#);
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(&text).unwrap(), reserved);

    let before = Document::parse(Some("{}")).unwrap();
    let change = Change { patch: Patch::default(), reserved: reserved.clone(), status: StatusUpdate::Keep };
    let noted = to_raw(&Entry::of(&before, &change)).unwrap().get().to_owned();
    assert!(noted.contains(untold), "{noted}");
    let after = before.after(&change.patch, &reserved);
    let change = Change { reserved: ReservedKey::default(), ..change };
    let told = to_raw(&Entry::of(&after, &change)).unwrap().get().to_owned();
    assert!(told.contains(r#""untold":{"events":[]}"#), "{told}");
    let grown = before.clone().grown(std::slice::from_ref(&noted), 1).unwrap();
    assert_eq!(grown.reserved.unwrap().untold, reserved.untold);
    assert_eq!(before.grown(&[noted, told], 2).unwrap().reserved.unwrap().untold, None);
}

/// Optional, and after what 2.0.0 writes: it reads the rest, and drops this when it writes the run.
#[test]
fn the_blueprint_of_a_run_and_its_other_queues_stand_beside_its_ledger() {
    let follows = FollowedBlueprint { id: "story".into(), version: "2".into() };
    let other_queues = vec!["old".into()];
    let reserved = ReservedKey { blueprint: Some(follows.into()), other_queues, ..ReservedKey::default() };
    let text = r#"{"ledger":{"status":"running","nodes":{}},"blueprint":{"id":"story","version":"2"},"queues":["old"]}"#;
    assert_eq!(to_raw(&reserved).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), reserved);

    let before = Document::parse(Some("{}")).unwrap();
    let change = Change { patch: Patch::default(), reserved: reserved.clone(), status: StatusUpdate::Keep };
    let entry = to_raw(&Entry::of(&before, &change)).unwrap().get().to_owned();
    assert!(entry.contains(r#""blueprint":{"id":"story","version":"2"}"#), "{entry}");
    let grown = before.grown(&[entry, r#"{"ledger":{"status":"running"}}"#.into()], 2).unwrap();
    let grown = grown.reserved.unwrap();
    assert_eq!((grown.blueprint, grown.other_queues), (reserved.blueprint, reserved.other_queues));
}

#[test]
fn what_2_0_0_does_not_know_is_left_out_where_it_says_nothing() {
    let claim = Claim { by: "w1".into(), until: 5, asks: false };
    let claimed = NodeEntry { claim: Some(Box::new(claim)), ..NodeEntry::default() };
    let text = r#"{"state":"idle","round":0,"wave":0,"level":0,"claim":{"by":"w1","until":5}}"#;
    assert_eq!(serde_json::to_string(&claimed).unwrap(), text);
    assert_eq!(serde_json::from_str::<NodeEntry>(text).unwrap(), claimed);
}

#[test]
fn the_failed_attempts_of_a_node_stand_in_its_entry_and_may_be_dropped() {
    let mut ledger = Ledger::begin(&Blueprint::new(graph("a")));
    let before = ledger.clone();
    let why = Why { message: "no".into(), stack: Some("at f".into()) };
    let event =
        Event::Retried { node: "a".into(), round: 1, not_before: 7, postponed: false, why: Some(why) };
    ledger.apply(&Blueprint::new(graph("a")), event).unwrap();
    let earlier = vec![EarlierTry { number: 1, why: "n".into(), ago: Duration::from_millis(50) }];
    let tries = Tries { earlier, last: 2 };
    let ran = Some(Ran { started: 1_700_000_000_000, worker: "w1", tries: Some(&tries) });
    ledger.stamp(&before, Stamp { now: 1_700_000_000_250, node: Some(&"a".into()), ran });
    let text = serde_json::to_string(ledger.entry("a").unwrap()).unwrap();
    let tried =
        r#""tried":[{"m":"n","r":1,"n":1,"e":200,"w":0},{"m":"no","s":"at f","r":1,"n":2,"e":250,"w":0}]"#;
    assert!(text.contains(tried), "{text}");
    assert_eq!(&serde_json::from_str::<NodeEntry>(&text).unwrap(), ledger.entry("a").unwrap());
}

#[test]
fn the_times_of_a_run_stand_in_its_ledger_and_may_be_dropped() {
    let mut ledger = Ledger { status: RunStatus::Completed, ..Ledger::default() };
    ledger.nodes.insert("a".into(), NodeEntry { state: NodeState::Done, ..NodeEntry::default() }.into());
    let mut before = Ledger::default();
    before.nodes.insert("a".into(), NodeEntry { state: NodeState::Due, ..NodeEntry::default() }.into());
    let ran = Some(Ran { started: 1_700_000_000_000, worker: "w1", tries: None });
    ledger.stamp(&before, Stamp { now: 1_700_000_000_250, node: Some(&"a".into()), ran });
    let times = r#""times":{"since":1700000000000,"ended":250,"workers":["w1"]}"#;
    let node = r#""a":{"state":"done","round":0,"wave":0,"level":0,"t":[null,0,250,0]}"#;
    let text = format!(r#"{{"status":"completed","nodes":{{{node}}},{times}}}"#);
    assert_eq!(serde_json::to_string(&ledger).unwrap(), text);
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    let delta = serde_json::to_string(&ledger.since(&before)).unwrap();
    assert_eq!(delta, format!(r#"{{"status":"completed","nodes":{{{node}}},{times}}}"#));
    before.grow(serde_json::from_str(&delta).unwrap());
    assert_eq!(before, ledger);
    before.grow(serde_json::from_str(r#"{"status":"completed"}"#).unwrap());
    assert_eq!(before.times, ledger.times, "an entry of 2.0.0 says nothing of them");
}

#[test]
fn an_empty_reserved_key_is_what_2_0_0_writes() {
    let text = r#"{"ledger":{"status":"running","nodes":{}}}"#;
    assert_eq!(to_raw(&ReservedKey::default()).unwrap().get(), text);
    assert_eq!(serde_json::from_str::<ReservedKey>(text).unwrap(), ReservedKey::default());
}

#[test]
fn the_words_for_states_are_those_of_2_0_0() {
    let states = [NodeState::Idle, NodeState::Due, NodeState::Done, NodeState::Failed, NodeState::Awaiting];
    assert_eq!(serde_json::to_string(&states).unwrap(), r#"["idle","due","done","failed","awaiting"]"#);
    let words = r#"["running","awaiting","completed","failed","cancelled"]"#;
    assert_eq!(serde_json::to_string(&RunStatus::ALL).unwrap(), words);
}

#[test]
fn an_entry_of_the_journal_is_what_2_0_0_writes() {
    let row = format!(
        r#"{{"gone":1,"{RESERVED_KEY}":{{"ledger":{{"status":"running","nodes":{{"j":{JOIN}}}}}}}}}"#
    );
    let before = Document::parse(Some(&row)).unwrap();
    let mut reserved = reserved();
    let join = NodeEntry {
        arrived: [
            (NodeId::from("a"), Arrival { lap: 1, depth: 2, skipped: false }),
            (NodeId::from("b"), Arrival { lap: 1, depth: 1, skipped: true }),
        ]
        .into_iter()
        .collect(),
        ..NodeEntry::default()
    };
    reserved.ledger.nodes.insert("j".into(), join.into());
    let mut patch = Patch { deletes: vec!["gone".into(), "never there".into()], ..Patch::default() };
    patch.set("_outputs.a", json("[1.0]"));
    let change = Change { patch, reserved: reserved.clone(), status: StatusUpdate::Keep };
    let marks = r#"{"j":{"a":{"wave":1,"level":2},"b":{"wave":1,"level":1,"passed":true}}}"#;
    let rest = format!(r#"{{"errors":{ERRORS},"fallback_ran":true,"events":{EVENTS},"cancelled":"enough"}}"#);
    let text = format!(
        r#"{{"deletes":["gone"],"sets":{{"_outputs.a":[1.0]}},"ledger":{{"status":"awaiting","nodes":{{"a":{NODE}}},"marks":{marks},"added":{ADDED},"rest":{rest}}},"queue":"jobs"}}"#
    );
    assert_eq!(to_raw(&Entry::of(&before, &change)).unwrap().get(), text);
    let grown = before.grown(&[text], 1).unwrap();
    assert_eq!(grown.reserved.unwrap().ledger, reserved.ledger);
    assert_eq!(to_raw(&grown.values).unwrap().get(), r#"{"_outputs.a":[1.0]}"#);
}

#[test]
fn an_entry_from_outside_is_what_2_0_0_writes() {
    let before = Document::parse(Some("{}")).unwrap();
    let mut patch = Patch::default();
    patch.set("a", json("null"));
    assert_eq!(to_raw(&Entry::of_patch(&before, &patch)).unwrap().get(), r#"{"sets":{"a":null}}"#);
}
