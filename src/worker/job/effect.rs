//! What an answer does to a ledger, and to the keys of a context: the part of completion that is the same for a run and for a
//! subflow. Pure: no clock, no server.

use crate::error::Result;
use crate::ids::NodeId;
use crate::protocol::outcome::{Answer, Outcome, Taken};
use crate::record::{Patch, Scope, to_raw};
use crate::time::milliseconds;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Ledger, Pause, Ran, Refusal, TakenEdge, Transition};

/// Where the execution that an answer belongs to stands: which node, in which round.
#[derive(Debug, Clone, Copy)]
pub struct Execution<'a> {
    /// The run.
    pub run: &'a str,
    /// The node, by its id in the run.
    pub node: &'a NodeId,
    /// Its round.
    pub round: u32,
    /// When it was answered, in milliseconds since 1970.
    pub now: u64,
    /// The queue that the jobs it leads to go through.
    pub queue: &'a str,
    /// The node of the message that its worker holds: what the answer makes due is found by it, should the worker die.
    pub held: &'a NodeId,
    /// The adapter publishes results itself.
    pub deferred: bool,
    /// The blueprint of the subflow that the node opens, if it does.
    pub opens: Option<&'a Blueprint>,
    /// Whose answer it is.
    pub by: AnsweredBy<'a>,
    /// When it started, and on which worker; none where its workers died.
    pub ran: Option<Ran<'a>>,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy<'a> {
    /// That of an attempt; by its token, if it has written before its answer.
    Attempt(Option<&'a str>),
    /// No attempt's: its workers died.
    Nobody,
}

/// What an answer that counts does, once the ledger knows of it.
#[derive(Debug, Default)]
pub struct Effect {
    /// The jobs that follow.
    pub due: Vec<DueJob>,
    /// The keys that change.
    pub patch: Patch,
    /// A fallback took the node's place.
    pub replaced: bool,
}

/// What an answer does. `Ok(Err)`: the ledger refuses it. `Err`: a fault of the engine.
pub type Effected = Result<std::result::Result<Effect, Refusal>>;

/// The answer of a node of the run's own blueprint.
///
/// # Errors
/// None that user data can cause.
pub fn effect_outside(
    ledger: &mut Ledger,
    blueprint: &Blueprint,
    execution: Execution<'_>,
    answer: &Answer,
) -> Effected {
    let transition = match ledger.apply(blueprint, event_of(execution, &answer.outcome)) {
        Ok(transition) => transition,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut patch = Scope::of(execution.node).embedded(answer.patch.clone());
    write_results(&mut patch, execution.node, &answer.outcome, &transition)?;
    Ok(Ok(Effect { due: transition.due, patch, replaced: transition.replaced }))
}

/// What an answer is to its ledger.
pub fn event_of(Execution { node, round, now, .. }: Execution<'_>, outcome: &Outcome) -> Event {
    let node = node.clone();
    match outcome {
        Outcome::Finished { action, taken, added, again, .. } => {
            let edges: Vec<TakenEdge> = taken.iter().map(|taken| taken.edge.clone()).collect();
            Event::Finished {
                node,
                round,
                action: action.clone(),
                taken: edges,
                added: added.clone(),
                again: again.clone(),
            }
        }
        Outcome::Failed { why, recoverable } => {
            Event::Failed { node, round, why: why.clone(), recoverable: *recoverable }
        }
        Outcome::Retry { after, postponed, why } => {
            let not_before = now.saturating_add(milliseconds(*after));
            Event::Retried { node, round, not_before, postponed: *postponed, why: why.clone() }
        }
        Outcome::Paused { pause, .. } => Event::Paused { node, round, pause: pause.clone() },
        // It is no event of one ledger: see `opened`.
        Outcome::Opened(_) => Event::Paused { node, round, pause: Pause::default() },
    }
}

/// What a result writes beside what its node wrote: its output, and the inputs that its edges bring.
///
/// # Errors
/// None that user data can cause.
pub fn write_results(
    patch: &mut Patch,
    node: &NodeId,
    outcome: &Outcome,
    transition: &Transition,
) -> Result<()> {
    match outcome {
        Outcome::Finished { output, taken, .. } => {
            match output {
                Some(output) => patch.output(node, output.clone()),
                None => patch.no_output(node),
            }
            for Taken { edge, input } in transition.arrived.iter().filter_map(|&index| taken.get(index)) {
                patch.input(&edge.target, input.clone());
            }
        }
        // Core's own way of saying that a fallback took the node's place.
        Outcome::Failed { .. } if transition.replaced => patch.output(node, to_raw(&())?),
        Outcome::Paused { output: Some(output), .. } => patch.output(node, output.clone()),
        Outcome::Failed { .. }
        | Outcome::Retry { .. }
        | Outcome::Paused { output: None, .. }
        | Outcome::Opened(_) => {}
    }
    Ok(())
}
