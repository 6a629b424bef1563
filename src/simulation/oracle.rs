//! The expected result of a run: the same rules, one job at a time, without servers or faults.

use std::collections::BTreeMap;

use super::child;
use super::flows::{Flow, NodeTurn};
use crate::ids::NodeId;
use crate::protocol::outcome::Outcome;
use crate::record::Document;
use crate::worker::job::completion::complete;
use crate::worker::job::effect::{AnsweredBy, Execution};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Ledger, Resume, RunStatus};
use crate::workflow::path::Inside;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub status: RunStatus,
    /// Outputs by node, as JSON.
    pub outputs: BTreeMap<String, String>,
}

/// The expected result of a run of this flow, of which `flows` are those that it may run as subflows.
pub fn end_of(flow: &Flow, flows: &BTreeMap<String, Flow>) -> End {
    let blueprint = flow.blueprint();
    let mut run = Document { found: true, ..Document::default() };
    run.reserved.get_or_insert_default().ledger.begin_with(&blueprint);
    loop {
        let ledger = ledger(&run);
        if let Some(due) = ledger.due().into_iter().next() {
            run = after(&run, &due, flow, flows);
            continue;
        }
        let Some(node) = waiting(ledger) else { break };
        let ended = flow.child_of(&node).map(|child| end_of(&flows[child], flows).status);
        let with = Resume { output: ended.and_then(child::end), ..Resume::default() };
        let resumed = Event::Resumed { node, with };
        let mut ledger = ledger.clone();
        if let Err(refusal) = ledger.apply(&blueprint, resumed) {
            panic!("not resumed: {refusal:?}");
        }
        run.reserved.get_or_insert_default().ledger = ledger;
    }
    let output = |(key, value): (&std::sync::Arc<str>, &crate::json::Json)| {
        Some((key.strip_prefix(crate::record::OUTPUTS)?.to_owned(), value.get().to_owned()))
    };
    End { status: ledger(&run).status, outputs: run.values.iter().filter_map(output).collect() }
}

fn ledger(run: &Document) -> &Ledger {
    run.reserved.as_ref().map(|reserved| &reserved.ledger).unwrap_or_else(|| panic!("it has begun"))
}

/// A node that waits or sleeps: a subflow waits by its nodes.
fn waiting(ledger: &Ledger) -> Option<NodeId> {
    let is_node = |id: &NodeId| {
        ledger.open_instance(id).is_none() && Inside::of(id).is_none_or(|inside| !inside.is_instance())
    };
    ledger.awaiting().map(|(id, _)| id).find(|id| is_node(id)).cloned()
}

/// The run after one of its jobs.
fn after(run: &Document, due: &DueJob, flow: &Flow, flows: &BTreeMap<String, Flow>) -> Document {
    let ledger = ledger(run);
    let entry = ledger.entry(&due.node).cloned().unwrap_or_default();
    let inside = Inside::of(&due.node);
    let instance = inside.as_ref().and_then(|inside| ledger.open_instance(&inside.container));
    let own = instance.map_or(flow, |instance| &flows[&*instance.blueprint]);
    let failure = ledger.failed_inside(&due.node);
    let turn = NodeTurn {
        run: "r",
        node: inside.as_ref().map_or(&*due.node, |inside| &*inside.node),
        round: due.round,
        attempt: entry.attempt(),
        resumed: entry.resumed.is_some(),
        given: entry.resumed.as_ref().and_then(|resumed| resumed.output.as_ref()),
        failed: failure.as_ref().map(|failure| failure.message.as_str()),
        now: 0,
    };
    let answer = own.answer(&turn);
    let opens: Option<Blueprint> = match &answer.outcome {
        Outcome::Opened(subflow) => Some(flows[&subflow.blueprint].blueprint()),
        _ => None,
    };
    let execution = Execution {
        run: "r",
        node: &due.node,
        held: &due.node,
        round: due.round,
        now: 0,
        queue: "jobs",
        deferred: false,
        opens: opens.as_ref(),
        by: AnsweredBy::Attempt(None),
        ran: None,
    };
    match complete(run, &own.blueprint(), execution, &answer) {
        Ok((Some(change), _)) => run.after(&change.patch, &change.reserved),
        completed => panic!("{due:?} is not counted: {completed:?}"),
    }
}
