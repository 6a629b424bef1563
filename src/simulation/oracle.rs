//! The expected result of a run: the same rules, one job at a time, without servers or faults.

use std::collections::BTreeMap;

use super::flows::{Flow, Turn};
use crate::record::{Patch, ReservedKey};
use crate::worker::job::completion::{Execution, complete};
use crate::workflow::ledger::{Event, Resume, RunStatus};

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub status: RunStatus,
    /// Outputs by node, as JSON.
    pub outputs: BTreeMap<String, String>,
}

/// The expected result of a run of this flow.
pub fn end_of(flow: &Flow) -> End {
    let blueprint = flow.blueprint();
    let mut reserved = ReservedKey::default();
    reserved.ledger.begin_with(&blueprint);
    let mut patch = Patch::default();
    loop {
        if let Some(due) = reserved.ledger.due().into_iter().next() {
            let entry = reserved.ledger.entry(&due.node).cloned().unwrap_or_default();
            let turn = Turn {
                node: &due.node,
                round: due.round,
                attempt: entry.failures + 1,
                resumed: entry.resumed.is_some(),
                now: 0,
            };
            let execution = Execution {
                node: &due.node,
                held: &due.node,
                round: due.round,
                now: 0,
                queue: "jobs",
                deferred: false,
            };
            let completed = complete(reserved.clone(), &blueprint, execution, &flow.answer(&turn));
            let Ok((Some(change), _)) = completed else { panic!("{due:?} is not counted: {completed:?}") };
            patch = patch.then(change.patch);
            reserved = change.reserved;
            continue;
        }
        let Some(node) = reserved.ledger.awaiting().map(|(node, _)| node.clone()).next() else { break };
        let resumed = Event::Resumed { node, with: Resume::default() };
        if let Err(refusal) = reserved.ledger.apply(&blueprint, resumed) {
            panic!("not resumed: {refusal:?}");
        }
    }
    let output = |(key, value): (String, crate::json::Json)| {
        Some((key.strip_prefix(crate::record::OUTPUTS)?.to_owned(), value.get().to_owned()))
    };
    End { status: reserved.ledger.status, outputs: patch.sets.into_iter().filter_map(output).collect() }
}
