//! What the record says of a run, put into words for an application. Pure.

use crate::error::Result;
use crate::ports::watching::StatusView;
use crate::protocol::watch::{
    FailedAttempt, NodeDescription, NodeFailure, ParentDescription, PauseDescription, RunDescription,
    RunOutcome, StoredResult, WaitsFor,
};
use crate::record::{Document, Parent, ReservedKey, blueprint_named_in, final_result, version_named_in};
use crate::workflow::ledger::{FailedTries, FailedTry, Halt, Ledger, NodeEntry, NodeState, RunStatus};
use crate::workflow::path::{Inside, shown};

/// What is known of a run, by its record and its status row, of which there is one at least.
pub fn describe(run: &str, document: &Document, view: Option<&StatusView>) -> RunDescription {
    let reserved = document.reserved.as_ref();
    let follows = reserved.and_then(|reserved| reserved.blueprint.as_deref());
    let ledger = reserved.map(|reserved| &reserved.ledger);
    let named = || blueprint_named_in(&document.values).map(|id| id.to_string());
    RunDescription {
        run_id: run.to_owned(),
        status: status(ledger, view),
        reason: reason(ledger, view),
        blueprint_id: follows.map(|follows| follows.id.to_string()).or_else(named),
        version: follows
            .map(|follows| follows.version.clone())
            .or_else(|| version_named_in(&document.values)),
        created_at: reserved.and_then(|reserved| reserved.start.as_ref()).map(|start| start.at),
        updated_at: view.and_then(|view| view.updated_at),
        tags: tags(reserved, view),
        deadline: reserved.and_then(ReservedKey::deadline),
        concurrency: reserved.and_then(ReservedKey::concurrency),
        paused: ledger.and_then(Ledger::halt).map(paused),
        parent: reserved.and_then(ReservedKey::parent).map(parent),
        ended_at: ledger.and_then(Ledger::ended_at),
        nodes: ledger.map(nodes).unwrap_or_default(),
    }
}

fn paused(Halt { since, reason }: &Halt) -> PauseDescription {
    PauseDescription { since: *since, reason: reason.clone() }
}

fn parent(Parent { run, node, .. }: &Parent) -> ParentDescription {
    ParentDescription { run_id: run.clone(), node_id: node.clone() }
}

/// What a run is found by. Version 2.0.0 drops it from the record, and leaves the status row as it is.
fn tags(reserved: Option<&ReservedKey>, view: Option<&StatusView>) -> Vec<String> {
    let start = reserved.and_then(|reserved| reserved.start.as_ref());
    let of_row = || view.map(|view| view.tags.clone()).unwrap_or_default();
    start.map_or_else(of_row, |start| start.tags.clone())
}

/// How a run stands, by its status row, and by its record where that is needed.
///
/// # Errors
/// Never for the engine's own types; an error would be a bug.
pub fn outcome(view: &StatusView, document: Option<&Document>) -> Result<RunOutcome> {
    let ledger = document.and_then(|document| document.reserved.as_ref()).map(|reserved| &reserved.ledger);
    let stored = stored(view);
    let payload = match (stored.payload, document) {
        // A table without a place for results.
        (None, Some(document)) if view.status.as_deref() == Some(RunStatus::Completed.as_str()) => {
            let context = document.visible_json()?;
            let whole = final_result::final_result(RunStatus::Completed, "", context.get())?;
            parsed(whole.get()).payload
        }
        (payload, _) => payload,
    };
    Ok(RunOutcome {
        status: status(ledger, Some(view)),
        payload,
        reason: stored.reason.or_else(|| reason(ledger, Some(view))),
        errors: ledger.map(errors).unwrap_or_default(),
    })
}

/// The word of the status row: a run whose result is still to be published goes on there.
fn status(ledger: Option<&Ledger>, view: Option<&StatusView>) -> String {
    let own = || ledger.map_or(RunStatus::Running, |ledger| ledger.status).as_str().to_owned();
    view.and_then(|view| view.status.clone()).unwrap_or_else(own)
}

fn reason(ledger: Option<&Ledger>, view: Option<&StatusView>) -> Option<String> {
    let own = ledger.filter(|ledger| matches!(ledger.status, RunStatus::Failed | RunStatus::Cancelled));
    own.map(Ledger::reason).or_else(|| view.and_then(|view| stored(view).reason))
}

fn stored(view: &StatusView) -> StoredResult {
    view.result.as_deref().map(parsed).unwrap_or_default()
}

/// A client of the user's may have written anything.
fn parsed(result: &str) -> StoredResult {
    serde_json::from_str(result).unwrap_or_default()
}

fn errors(ledger: &Ledger) -> Vec<NodeFailure> {
    let failure = |error: &crate::workflow::ledger::NodeError| NodeFailure {
        node_id: shown(&error.node).into(),
        message: error.message.clone(),
    };
    ledger.errors.iter().map(failure).collect()
}

fn nodes(ledger: &Ledger) -> Vec<NodeDescription> {
    let is_node = |id: &crate::ids::NodeId| Inside::of(id).is_none_or(|inside| !inside.is_instance());
    let nodes = ledger.nodes.iter().filter(|(id, _)| is_node(id));
    nodes.map(|(id, entry)| node(ledger, id, entry)).collect()
}

fn node(ledger: &Ledger, id: &crate::ids::NodeId, entry: &NodeEntry) -> NodeDescription {
    let waits = (entry.state == NodeState::Awaiting)
        .then(|| WaitsFor { event: entry.event.clone(), details: ledger.details_of(id) });
    let failure = ledger.errors.iter().rev().find(|error| error.node == *id);
    let has_failed = entry.state == NodeState::Failed || entry.replaced;
    let moments = ledger.moments(entry);
    NodeDescription {
        node_id: shown(id).into(),
        state: word(entry.state).to_owned(),
        execution: entry.round,
        attempt: entry.attempt(),
        due_at: entry.not_before,
        action: entry.action.clone(),
        waits_for: waits,
        error: failure.filter(|_| has_failed || ledger.status.is_end()).map(|error| error.message.clone()),
        replaced: entry.replaced,
        reached_at: moments.due,
        started_at: moments.started,
        awaiting_since: moments.awaited,
        resumed_at: moments.resumed,
        ended_at: moments.ended,
        worker: moments.worker.map(str::to_owned),
        failed_attempts: failed_attempts(ledger, &entry.tried),
    }
}

fn failed_attempts(ledger: &Ledger, tries: &FailedTries) -> Vec<FailedAttempt> {
    let told = tries.iter().enumerate().map(|(place, tried)| {
        let (ended_at, worker) = ledger.moment_of(tried);
        let &FailedTry { ref message, round, attempt, postponed, .. } = tried;
        FailedAttempt {
            message: message.clone(),
            stack: tries.stack_of(place).map(str::to_owned),
            execution: round,
            attempt,
            postponed,
            ended_at,
            worker: worker.map(str::to_owned),
        }
    });
    told.collect()
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Idle => "idle",
        NodeState::Due => "due",
        NodeState::Done => "done",
        NodeState::Failed => "failed",
        NodeState::Awaiting => "awaiting",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ClientStart;
    use crate::workflow::ledger::tests::support::Story;

    fn view(status: &str, result: Option<&str>) -> StatusView {
        let result = result.map(str::to_owned);
        StatusView {
            status: Some(status.to_owned()),
            result,
            updated_at: Some(7),
            tags: vec!["of-row".into()],
        }
    }

    fn document(ledger: Ledger) -> Document {
        let reserved = ReservedKey { ledger, ..ReservedKey::default() };
        Document { found: true, reserved: Some(reserved), ..Document::default() }
    }

    #[test]
    fn of_a_run_that_goes_on_every_node_that_was_reached_is_described() {
        let story = Story::of("a -> b").finishes("a");
        let told = describe("r", &document(story.ledger), Some(&view("running", None)));
        let nodes: Vec<(&str, &str, u32)> = told
            .nodes
            .iter()
            .map(|node| (node.node_id.as_str(), node.state.as_str(), node.execution))
            .collect();
        assert_eq!(nodes, [("a", "done", 1), ("b", "due", 1)]);
        assert_eq!((told.status.as_str(), told.reason, told.updated_at), ("running", None, Some(7)));
    }

    #[test]
    fn tags_are_those_of_the_start_or_else_those_that_the_row_kept() {
        let told = |start: Option<ClientStart>| {
            let mut run = document(Ledger::default());
            run.reserved =
                run.reserved.map(|reserved| ReservedKey { start: start.map(Into::into), ..reserved });
            describe("r", &run, Some(&view("running", None))).tags
        };
        let start = |tags: &[&str]| ClientStart {
            mark: "m".into(),
            at: 1,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ClientStart::default()
        };
        assert_eq!(told(Some(start(&["own"]))), ["own"]);
        assert!(told(Some(start(&[]))).is_empty());
        assert_eq!(told(None), ["of-row"]);
    }

    #[test]
    fn a_row_that_nothing_is_known_of_says_its_status() {
        let told = describe("r", &Document::default(), Some(&view("failed", Some(r#"{"reason":"why"}"#))));
        assert_eq!((told.status.as_str(), told.reason.as_deref()), ("failed", Some("why")));
        assert!(told.nodes.is_empty());
    }

    #[test]
    fn the_payload_is_that_of_the_row_or_else_made_of_the_context() {
        let stored = r#"{"status":"completed","payload":{"context":{"a":1},"serializedContext":"{}","status":"completed"}}"#;
        let told = outcome(&view("completed", Some(stored)), None).unwrap();
        assert!(told.payload.unwrap().get().starts_with(r#"{"context":{"a":1}"#));
        let run = Document::parse(Some(r#"{"b":2}"#)).unwrap();
        let told = outcome(&view("completed", None), Some(&run)).unwrap();
        assert!(told.payload.unwrap().get().starts_with(r#"{"context":{"b":2}"#));
        let told = outcome(&view("cancelled", Some(r#"{"reason":"no"}"#)), None).unwrap();
        assert_eq!((told.payload, told.reason.as_deref()), (None, Some("no")));
    }

    #[test]
    fn what_somebody_else_wrote_as_a_result_is_no_error() {
        for text in ["7", r#""done""#, "[]", r#"{"payload":null}"#] {
            assert_eq!(outcome(&view("completed", Some(text)), None).unwrap().payload, None, "{text}");
        }
    }
}
