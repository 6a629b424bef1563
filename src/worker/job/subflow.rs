//! What an answer does where it opens a subflow, or comes from inside one. The rules of a ledger see the instance as a run of its
//! own; what it becomes is embedded in the run. Pure: no clock, no server.
//!
//! The commit that settles the last node of an instance ends it: its output is made, its keys are gone, and its container is due
//! again, to decide its edges or to answer for the failure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::effect::{Effect, Effected, Execution, event_of, write_results};
use crate::error::Result;
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::outcome::{Answer, Subflow};
use crate::record::{Document, OUTPUTS, Patch, Scope, Values, given, to_raw};
use crate::time::milliseconds;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Instance, InstanceEnd, Ledger, Opening, Refusal, RunStatus};
use crate::workflow::path::{Inside, inside};

/// Where core's result says which execution it is of.
const EXECUTION_ID: &str = "_executionId";

/// A container opens its subflow.
///
/// # Errors
/// None that user data can cause.
pub fn opened(
    ledger: &mut Ledger,
    document: &Document,
    execution: Execution<'_>,
    (subflow, answer): (&Subflow, &Answer),
) -> Effected {
    let Execution { node: container, round, now, opens, .. } = execution;
    let Some(blueprint) = opens else { return Ok(Err(Refusal::NotDue)) };
    let limit = subflow.limit.map(milliseconds);
    let instance = Instance {
        blueprint: blueprint.id.as_str().into(),
        version: blueprint.version.clone(),
        outputs: subflow.outputs.clone(),
        terminals: subflow.terminals.clone(),
        limit,
        errors: Vec::new(),
        fallback_ran: false,
        paused: Vec::new(),
        failure: None,
    };
    let until = limit.map(|limit| now.saturating_add(limit));
    let due = match ledger.open(&Opening { container, round, instance: &instance, blueprint, until }) {
        Ok(due) => due,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let outside = Scope::of(container).embedded(answer.patch.clone());
    let former = Patch { deletes: document.keys_inside(container), ..Patch::default() };
    let context = Patch { sets: subflow.context.clone(), ..Patch::default() };
    let patch = outside.then(former).then(Scope::inside(container).embedded(context));
    Ok(Ok(Effect { due, patch, replaced: false }))
}

/// A node inside a subflow gives its answer.
///
/// # Errors
/// None that user data can cause.
pub fn effect_inside(
    ledger: &mut Ledger,
    document: &Document,
    (at, blueprint, execution): (&Inside, &Blueprint, Execution<'_>),
    answer: &Answer,
) -> Effected {
    if ledger.status.is_end() {
        return Ok(Err(Refusal::Ended));
    }
    let Inside { container, node } = at;
    let Some(instance) = ledger.open_instance(container) else { return Ok(Err(Refusal::NotDue)) };
    let before = ledger.inside(container, &instance);
    let mut after = before.clone();
    let event = event_of(Execution { node, ..execution }, &answer.outcome);
    let transition = match after.apply(blueprint, event) {
        Ok(transition) => transition,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut own = answer.patch.clone();
    write_results(&mut own, node, &answer.outcome, &transition)?;
    ledger.embed(container, &instance, &before, &after);
    ledger.update_status();
    if after.status.is_end() {
        let instance = Instance { errors: after.errors.clone(), ..instance };
        let ending =
            EndedInstance { run: execution.run, container, instance: &instance, status: after.status };
        let (due, patch) = ending.of(ledger, document, &own)?;
        return Ok(Ok(Effect { due, patch, replaced: transition.replaced }));
    }
    let outside = |due: DueJob| DueJob { node: inside(container, &due.node), ..due };
    let due = transition.due.into_iter().map(outside).collect();
    let patch = Scope::inside(container).embedded(own);
    Ok(Ok(Effect { due, patch, replaced: transition.replaced }))
}

/// The time of a container is up: its instance ends. What changes, and the job that is due; none where it is not open.
pub fn expired(ledger: &mut Ledger, document: &Document, container: &NodeId) -> Option<(DueJob, Patch)> {
    let limit = ledger.open_instance(container)?.limit.map(Duration::from_millis).unwrap_or_default();
    let node = plain(container);
    let message = format!("Node '{node}' timed out after {} ms", limit.as_millis());
    let due = ledger.close(container, InstanceEnd::Failed { message, late: true })?;
    Some((due, Patch { deletes: document.keys_inside(container), ..Patch::default() }))
}

/// An instance of which nothing is in flight any more.
struct EndedInstance<'a> {
    run: &'a str,
    container: &'a NodeId,
    instance: &'a Instance,
    status: RunStatus,
}

impl EndedInstance<'_> {
    /// Ends it: the container's job, and the keys that change. `own` is what its last node wrote.
    fn of(&self, ledger: &mut Ledger, document: &Document, own: &Patch) -> Result<(Vec<DueJob>, Patch)> {
        let container = self.container;
        let mut outside = Patch::default();
        let end = match self.status {
            RunStatus::Completed => {
                let scope = Scope::inside(container);
                let values: Values = scope
                    .entries(&document.values)
                    .map(|(key, value)| (Arc::<str>::from(key), value.clone()))
                    .collect();
                let mut whole = Document { values, ..Document::default() };
                whole.write(own);
                self.give(&whole.values, &mut outside)?
            }
            _ => InstanceEnd::Failed { message: self.instance.reason(), late: false },
        };
        let due = ledger.close(container, end).into_iter().collect();
        let gone = Patch { deletes: document.keys_inside(container), ..Patch::default() };
        Ok((due, gone.then(Scope::of(container).embedded(outside))))
    }

    /// Core's rules for the output of its subflow node, and for the keys that it sets beside it.
    fn give(&self, values: &Values, outside: &mut Patch) -> Result<InstanceEnd> {
        let output_of = |node: &str| values.get(format!("{OUTPUTS}{node}").as_str()).cloned();
        let output = match (&self.instance.outputs, self.instance.terminals.as_slice()) {
            (Some(outputs), _) => {
                for (key, from) in outputs {
                    match given(values, from) {
                        Some(value) => outside.set(key.as_str(), value.clone()),
                        None => outside.deletes.push(key.clone()),
                    }
                }
                Some(self.whole(values)?)
            }
            (None, [only]) => output_of(only),
            (None, terminals) => {
                let outputs = terminals.iter().filter_map(|node| Some((node, output_of(node)?)));
                Some(to_raw(&outputs.collect::<BTreeMap<_, _>>())?)
            }
        };
        if output.is_none() {
            outside.no_output(&plain(self.container));
        }
        Ok(InstanceEnd::Completed(output))
    }

    /// The whole context, as core has it in memory: each output stands under its node's id, too.
    fn whole(&self, values: &Values) -> Result<Json> {
        let run = to_raw(self.run)?;
        let mut whole: BTreeMap<&str, &Json> = BTreeMap::from([(EXECUTION_ID, &run)]);
        whole.extend(values.iter().filter_map(|(key, value)| Some((key.strip_prefix(OUTPUTS)?, value))));
        whole.extend(values.iter().map(|(key, value)| (&**key, value)));
        to_raw(&whole)
    }
}

/// The id of a node in its own blueprint.
fn plain(node: &NodeId) -> NodeId {
    Inside::of(node).map_or_else(|| node.clone(), |inside| inside.node)
}

#[cfg(test)]
mod tests;
