//! Admission inside subflows: what is to be done with a message for a node of an instance, or for the instance itself. Every
//! message comes by [`admit_by`], which asks these rules or those of [`admission`](super::admission). Rules only: no engine, no
//! clock, no server.

use std::sync::Arc;

use crate::mutants::{Mutant, makes};
use crate::protocol::message::JobMessage;
use crate::record::Document;
use crate::worker::job::admission::{
    admit, by_round, by_standing, is_paused_for, is_waited_for, ledger_of, may_reopen, standing,
};
use crate::worker::job::reason::Reason;
use crate::worker::job::verdict::{Disposal, Step, Tried, Verdict};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{Instance, Standing};
use crate::workflow::path::Inside;

/// The blueprint by which a message is decided, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecidedBy<'a> {
    /// That of the run, as the message says.
    Run(&'a str),
    /// That of the subflow that the node stands in.
    Subflow(Arc<str>),
    /// The subflow is over: none.
    Nothing,
}

impl<'a> DecidedBy<'a> {
    /// By which blueprint a message is decided, given its run. For a node of the run's own blueprint the run is not needed.
    pub fn of(message: &'a JobMessage, document: &Document) -> Self {
        match Inside::of(&message.node_id) {
            None => Self::Run(message.run_blueprint()),
            Some(inside) => match instance(document, &inside) {
                Some(instance) => Self::Subflow(instance.blueprint),
                None => Self::Nothing,
            },
        }
    }

    /// Its id.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Run(id) => Some(id),
            Self::Subflow(id) => Some(id),
            Self::Nothing => None,
        }
    }
}

/// What is to be done with a message, inside a subflow or not. `blueprint` is the one that it is decided by.
pub fn admit_by(document: &Document, blueprint: &Blueprint, message: &JobMessage, tried: Tried) -> Verdict {
    if is_paused_for(document, message) && !makes(Mutant::RunsPaused) {
        return Verdict::Dispose(Disposal::Done);
    }
    match Inside::of(&message.node_id) {
        None => admit(document, blueprint, message, tried),
        Some(inside) => admit_inside(document, (&inside, blueprint), message, tried),
    }
}

/// What is to be done with a message for a subflow that is over, or never was.
pub fn admit_after(document: &Document, message: &JobMessage) -> Verdict {
    match by_standing(document, message) {
        // No instance answers for it.
        Verdict::Run { .. } => Verdict::Dispose(Disposal::Done),
        verdict => verdict,
    }
}

fn admit_inside(
    document: &Document,
    (inside, blueprint): (&Inside, &Blueprint),
    message: &JobMessage,
    tried: Tried,
) -> Verdict {
    if inside.is_instance() && tried.wake {
        return admit_container(document, message);
    }
    let Some(instance) = instance(document, inside) else { return admit_after(document, message) };
    if instance.version != blueprint.version {
        let reason = Reason::OtherVersion {
            blueprint: blueprint.id.clone(),
            started: instance.version,
            here: blueprint.version.clone(),
        };
        return Verdict::Dispose(Disposal::Reschedule(reason));
    }
    if inside.is_instance() {
        return admit_timer(document, message, tried);
    }
    let node = &message.node_id;
    let is_added = || ledger_of(document).is_some_and(|ledger| ledger.added.contains_key(node));
    let is_needed = || is_waited_for(document, message) || may_reopen(document, message);
    if blueprint.node(&inside.node).is_none() && !is_added() && is_needed() {
        let reason = Reason::NodeMissing { blueprint: blueprint.id.clone(), node: inside.node.clone() };
        return Verdict::Dispose(Disposal::Reschedule(reason));
    }
    if !tried.reopen && may_reopen(document, message) {
        return Verdict::First(Step::Reopen);
    }
    by_round(document, message, tried)
}

/// The time of a container was up: it is due by this very message.
fn admit_container(document: &Document, message: &JobMessage) -> Verdict {
    let leftovers = ledger_of(document).map(|ledger| ledger.due_by(&message.node_id)).unwrap_or_default();
    Verdict::Dispose(if leftovers.is_empty() { Disposal::Done } else { Disposal::Republish(leftovers) })
}

/// A message for the instance itself is its container's timer.
fn admit_timer(document: &Document, message: &JobMessage, tried: Tried) -> Verdict {
    let ledger = ledger_of(document);
    match (standing(document, message), message.round) {
        (Standing::Due(_), _) if !tried.await_again => Verdict::First(Step::AwaitAgain),
        (_, Some(round)) if ledger.is_some_and(|ledger| ledger.sleeps(&message.node_id, round)) => {
            Verdict::First(Step::Expire { round })
        }
        _ => admit_after(document, message),
    }
}

fn instance(document: &Document, inside: &Inside) -> Option<Instance> {
    ledger_of(document)?.open_instance(&inside.container)
}

#[cfg(test)]
mod tests;
