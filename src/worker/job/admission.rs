//! Admission: what is to be done with a message, given its run and its blueprint. Rules only: no engine, no clock, no
//! server.
//!
//! The worker performs the verdict, loads the run again and asks again, until the verdict is a last one. Each effect on
//! the way is tried once a delivery ([`Tried`]), so this ends.

use std::sync::Arc;

use serde_json::Value;

use crate::protocol::message::JobMessage;
use crate::record::{Document, FollowedBlueprint, blueprint_named_in, version_named_in};
use crate::worker::job::reason::Reason;
use crate::worker::job::verdict::{Disposal, Step, Tried, Verdict};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Ledger, Standing};

/// What is to be done with a message.
pub fn admit(document: &Document, blueprint: &Blueprint, message: &JobMessage, tried: Tried) -> Verdict {
    // First: nothing may be decided by edges the run does not have.
    if let Some(reason) = other_version(document, blueprint) {
        return Verdict::Dispose(Disposal::Reschedule(reason));
    }
    if let Some(disposal) = misplaced(document, blueprint, message) {
        return Verdict::Dispose(disposal);
    }
    if !tried.reopen && may_reopen(document, message) {
        return Verdict::First(Step::Reopen);
    }
    if !tried.take_over && is_unbegun(document) {
        return Verdict::First(Step::Begin);
    }
    if !tried.take_over && others_went_on(document, blueprint) {
        return Verdict::First(Step::Adopt);
    }
    if message.round.is_none() && !tried.call && standing(document, message) == Standing::NotReached {
        return Verdict::First(Step::Call);
    }
    by_round(document, message, tried)
}

/// What is to be done with a message for a node that is there, for the round that it names.
pub fn by_round(document: &Document, message: &JobMessage, tried: Tried) -> Verdict {
    let (ledger, node) = (ledger_of(document), message.node_id.as_str());
    let is_open = || ledger.is_some_and(|ledger| ledger.open_instance(node).is_some());
    if !tried.await_again && matches!(standing(document, message), Standing::Due(_)) && is_open() {
        return Verdict::First(Step::AwaitAgain);
    }
    if let Some(round) = message.round.filter(|_| message.wakes) {
        if !tried.wake && ledger.is_some_and(|ledger| ledger.sleeps(node, round)) {
            return Verdict::First(Step::Wake { round });
        }
        // Awake, it goes on in a round of its own, with this very message.
        if tried.wake
            && let Some(Standing::Due(round)) =
                ledger.map(|ledger| ledger.standing_of_attempt(node, Some(round + 1), message.attempt))
        {
            return match !tried.await_again && is_open() {
                true => Verdict::First(Step::AwaitAgain),
                false => Verdict::Run { round },
            };
        }
    }
    by_standing(document, message)
}

/// What is to be done with a message, by what it finds.
pub fn by_standing(document: &Document, message: &JobMessage) -> Verdict {
    match standing(document, message) {
        Standing::Due(round) => Verdict::Run { round },
        Standing::Done => Verdict::Dispose(match left_by(document, message) {
            left if left.is_empty() => Disposal::Done,
            left => Disposal::Republish(left),
        }),
        Standing::Ended if document.is_unpublished() => Verdict::Dispose(Disposal::PublishResult),
        Standing::Ended => Verdict::Dispose(Disposal::Done),
        Standing::NotReached => {
            let (run, node) = (message.run_id.clone(), message.node_id.clone());
            let reason = Reason::NotReached { run, node };
            Verdict::Dispose(Disposal::DeadLetter { reason, fails_run: false })
        }
    }
}

/// What is to be published again for a message whose node another worker holds the lease of, before there is nothing to do
/// for it; none while only time will tell.
pub fn admit_beside_lease(document: &Document, message: &JobMessage) -> Option<Vec<DueJob>> {
    let sleeps = |round| ledger_of(document).is_some_and(|ledger| ledger.sleeps(&message.node_id, round));
    match standing(document, message) {
        Standing::Done if message.wakes && message.round.is_some_and(sleeps) => None,
        // It may be the lease of a worker that died after its commit.
        Standing::Done => Some(left_by(document, message)),
        Standing::Ended => Some(Vec::new()),
        // The message is kept until the record says that the node is done: the lease's worker may have died, and this
        // may be the only copy.
        Standing::Due(_) | Standing::NotReached => None,
    }
}

/// Whether something led to the node of a message.
pub fn is_reached(document: &Document, message: &JobMessage) -> bool {
    standing(document, message) != Standing::NotReached
}

/// Whether a message that the engine panicked on comes again, as if its worker had died: once, where what it asked for
/// is committed. Else it goes to the dead letters and fails its run.
pub fn comes_again_after_panic(document: &Document, message: &JobMessage, redelivered: bool) -> bool {
    !redelivered && matches!(standing(document, message), Standing::Done | Standing::Ended)
}

/// Why a run that follows another version of the blueprint cannot go on with this one.
pub fn other_version(document: &Document, blueprint: &Blueprint) -> Option<Reason> {
    let other = |started: Value| Reason::OtherVersion {
        blueprint: blueprint.id.clone(),
        started,
        here: blueprint.version.clone(),
    };
    match own_word(document) {
        Some(follows) => (follows.version != blueprint.version).then(|| other(follows.version.clone())),
        None if !was_begun(document, blueprint) => None,
        None => version_named_in(&document.values).filter(|version| *version != blueprint.version).map(other),
    }
}

/// Whether a run is new here, or others have gone on with it.
pub fn needs_taking_over(document: &Document, blueprint: &Blueprint) -> bool {
    is_unbegun(document) || others_went_on(document, blueprint)
}

/// What is to be done with a message that cannot be for its run, or not here.
fn misplaced(document: &Document, blueprint: &Blueprint, message: &JobMessage) -> Option<Disposal> {
    let (run, node) = (message.run_id.clone(), message.node_id.clone());
    let dead = |reason| Some(Disposal::DeadLetter { reason, fails_run: false });
    if let Some(follows) = other_blueprint(document, blueprint, message) {
        return dead(Reason::OtherBlueprint {
            run,
            follows: follows.to_string(),
            named: blueprint.id.clone(),
        });
    }
    let named = || blueprint.id.clone();
    let is_added = || ledger_of(document).is_some_and(|ledger| ledger.added.contains_key(&node));
    if blueprint.node(&node).is_none() && !is_added() {
        // The blueprint was replaced, here or elsewhere. Another worker may have the node still, or already.
        if is_waited_for(document, message) || may_reopen(document, message) {
            return Some(Disposal::Reschedule(Reason::NodeMissing { blueprint: named(), node }));
        }
        return match standing(document, message) {
            Standing::NotReached | Standing::Due(_) => dead(Reason::UnknownNode { blueprint: named(), node }),
            Standing::Done | Standing::Ended => None,
        };
    }
    // A message with a round comes from a run whose row existed. The run was removed since, and a late message does not
    // recreate it.
    if !document.found && message.round.is_some() {
        return dead(Reason::UnknownRun { run, node });
    }
    let is_over = standing(document, message) == Standing::Ended;
    if is_over || blueprint.starts.contains(&node) || was_begun(document, blueprint) {
        return None;
    }
    if !document.found {
        return dead(Reason::UnknownRun { run, node });
    }
    // Where a round is named, it is of an earlier run of that id.
    match message.round {
        None => Some(Disposal::Reschedule(Reason::NoStart { blueprint: named(), node })),
        Some(_) => dead(Reason::NotReached { run, node }),
    }
}

/// Whether the run waits for this message: nobody has begun it, or its node is due in that round, or sleeps until it.
pub fn is_waited_for(document: &Document, message: &JobMessage) -> bool {
    match ledger_of(document) {
        Some(ledger) if !ledger.is_unbegun() => {
            ledger.waits_for(&message.node_id, message.round, message.attempt, message.wakes)
        }
        // Where a round is named, it is of an earlier run of that id.
        _ => message.round.is_none(),
    }
}

/// Whether the run waits for this message, and is paused: its ledger knows what is due. Once the run goes on, that is published.
pub fn is_paused_for(document: &Document, message: &JobMessage) -> bool {
    let paused = ledger_of(document).filter(|ledger| ledger.halt().is_some() && !ledger.is_unbegun());
    paused.is_some_and(|ledger| {
        ledger.waits_for(&message.node_id, message.round, message.attempt, message.wakes)
    })
}

/// Whether the message comes back from the dead letters, and the run ended because of it.
pub fn may_reopen(document: &Document, message: &JobMessage) -> bool {
    message.replayed && ledger_of(document).is_some_and(|ledger| ledger.was_abandoned_at(&message.node_id))
}

/// The other blueprint that the run follows, if it does.
fn other_blueprint(document: &Document, blueprint: &Blueprint, message: &JobMessage) -> Option<Arc<str>> {
    let is_other = |id: &Arc<str>| **id != *blueprint.id;
    match own_word(document) {
        Some(follows) => Some(follows.id.clone()).filter(is_other),
        None if !was_begun(document, blueprint) => None,
        // What the context says may be a word of the user's. A message with a round is the engine's own.
        None if message.round.is_some() && matches!(standing(document, message), Standing::Due(_)) => None,
        None => blueprint_named_in(&document.values).filter(is_other),
    }
}

/// What the engine itself recorded of the blueprint that the run follows.
fn own_word(document: &Document) -> Option<&FollowedBlueprint> {
    document.reserved.as_ref().and_then(|reserved| reserved.blueprint.as_deref())
}

/// Whether a worker began the run. What its context says of a blueprint is the word of version 1 or 2.0.0 then. In a run that none
/// has begun, also if it was cancelled since, it is the user's, and the message decides.
fn was_begun(document: &Document, blueprint: &Blueprint) -> bool {
    ledger_of(document).is_some_and(|ledger| !ledger.nodes.is_empty())
        || document.outputs(blueprint).next().is_some()
}

fn is_unbegun(document: &Document) -> bool {
    ledger_of(document).is_none_or(Ledger::is_unbegun)
}

/// Whether the run has an output that its ledger does not know of.
fn others_went_on(document: &Document, blueprint: &Blueprint) -> bool {
    let unknown = |ledger: &Ledger| document.outputs(blueprint).any(|id| !ledger.knows_as_done(id));
    document.unchecked && ledger_of(document).is_some_and(unknown)
}

/// What a message finds in its run.
pub fn standing(document: &Document, message: &JobMessage) -> Standing {
    let JobMessage { node_id, round, attempt, .. } = message;
    ledger_of(document)
        .map_or(Standing::NotReached, |ledger| ledger.standing_of_attempt(node_id, *round, *attempt))
}

/// The node is done. Where its worker died after the commit, what the result made due may never have been published.
fn left_by(document: &Document, message: &JobMessage) -> Vec<DueJob> {
    match ledger_of(document) {
        Some(ledger) if message.repeated => ledger.due_by(&message.node_id),
        _ => Vec::new(),
    }
}

/// The ledger of a run; none if it has none yet.
pub fn ledger_of(document: &Document) -> Option<&Ledger> {
    document.reserved.as_ref().map(|reserved| &reserved.ledger)
}

#[cfg(test)]
mod tests;
