//! What happens to a run and is no node's result: it is told of an event, cancelled, retried, reopened.

use std::sync::Arc;

use super::beginning::take_over;
use super::service::Runs;
use super::state::{Decision, RunState};
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::Projection;
use crate::protocol::message::JobMessage;
use crate::record::Carried;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Event, Ledger, Refusal, RunStatus};

const RETRYING: &str = "Retrying";

/// What follows from something that happened to a run.
#[derive(Debug)]
pub struct FollowUp {
    /// What happened, as the start of a sentence.
    pub operation: &'static str,
    /// The blueprint the run follows, where it says so.
    pub blueprint: String,
    /// The jobs to publish.
    pub due: Vec<DueJob>,
    /// When it was committed, by the server's clock: milliseconds since 1970.
    pub at: Option<u64>,
    /// The jobs were due before, and their messages may be on their way.
    pub again: bool,
    /// What goes along with the run's jobs.
    pub carried: Option<Arc<Carried>>,
}

impl FollowUp {
    /// The messages of the jobs.
    pub fn messages(&self, run: &str) -> Vec<JobMessage> {
        let Self { blueprint, due, at, again, carried, .. } = self;
        let messages = match again {
            true => JobMessage::copies(run, blueprint, due, *at),
            false => JobMessage::all_due(run, blueprint, due, *at),
        };
        messages.into_iter().map(|message| message.carrying(carried.clone())).collect()
    }
}

/// An event that a run is told of from outside.
#[derive(Debug, Clone, Default)]
pub struct SentEvent {
    /// Its name.
    pub name: String,
    /// What it carries.
    pub payload: Option<Json>,
    /// Names this event: a run counts it once, however often it comes under one key.
    pub key: Option<String>,
}

impl Runs {
    /// A job was put back from the dead letters: the run that ended because of it goes on. What follows, without that
    /// job; none where the run did not end because of it.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn reopen(&self, run: &str, node: &str) -> Result<Option<FollowUp>> {
        let reopen = |state: &mut RunState| {
            if !state.ledger().was_abandoned_at(node) {
                return Ok(Decision::Leave(None));
            }
            state.reserved.forget_deadline();
            let due = apply(state.ledger(), Event::TriedAgain)?;
            Ok(Decision::Write(Some((due, state.follows(), state.reserved.carried.clone()))))
        };
        let committed = self.update(run, Projection::Whole, reopen).await?;
        Ok(committed.answer.map(|(due, blueprint, carried)| FollowUp {
            operation: "Reopening",
            blueprint: blueprint.unwrap_or_default().to_string(),
            // The job that is replayed runs at once; what else was due needs its messages.
            due: due.into_iter().filter(|due| due.node != node).collect(),
            at: committed.at,
            again: true,
            carried,
        }))
    }

    /// Tells a run of an event. Nodes that wait for it go on; else it is kept for the first that will. An event
    /// meant for one node, such as a webhook's, is dropped once whoever the blueprint says waits for it is past it. One whose key
    /// the run has heard before changes nothing, also once it is over.
    ///
    /// # Errors
    /// The run has ended, or the server is out of reach.
    pub async fn send_event(
        &self,
        run: &str,
        SentEvent { name, payload, key }: &SentEvent,
        meant_for: Option<(&str, &Blueprint)>,
    ) -> Result<FollowUp> {
        let unknown = Blueprint::unknown("");
        let blueprint = meant_for.map_or(&unknown, |(_, blueprint)| blueprint);
        self.happen(run, "Sending the event", |state| {
            let ledger = state.ledger();
            if let Some(key) = key
                && !ledger.hears(key)
            {
                return Ok(None);
            }
            let node = meant_for.map(|(node, _)| ledger.named(node));
            let meant = meant_for.and_then(|(node, _)| ledger.event_for(node, name));
            let name = meant.unwrap_or_else(|| name.clone());
            let event = Event::Happened { name, payload: payload.clone(), node };
            apply_by(blueprint, ledger, event).map(Some)
        })
        .await
    }

    /// Starts a failed run again from the nodes that failed; one that nothing began, from its start, by this blueprint.
    ///
    /// # Errors
    /// The run has not failed, nothing began it and nothing says which blueprint it follows, or the server is out of reach.
    pub async fn retry(&self, run: &str, beginning: Option<&Blueprint>) -> Result<FollowUp> {
        self.happen(run, RETRYING, |state| {
            let status = state.ledger().status;
            if status != RunStatus::Failed {
                let status = status.as_str();
                return Err(Error::new(
                    Code::RunNotFailed,
                    RETRYING,
                    format!("only a failed run can be retried; this one is {status}"),
                ));
            }
            state.reserved.forget_deadline();
            if !state.ledger().nodes.is_empty() {
                return apply(state.ledger(), Event::TriedAgain).map(Some);
            }
            let Some(blueprint) = beginning else {
                let what = "nothing of it has happened, and it does not say which of this adapter's blueprints it \
                            follows: publish its message again";
                return Err(Error::new(Code::BlueprintUnknown, RETRYING, what));
            };
            apply(state.ledger(), Event::TriedAgain)?;
            let queue = self.settings.queues.of(&blueprint.id);
            take_over(state, blueprint, [queue, queue])?;
            Ok(Some(state.ledger().due()))
        })
        .await
    }

    /// Ends a run: nothing new of it starts. Whether it was still going on.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn cancel(&self, run: &str, reason: &str) -> Result<bool> {
        // What its nodes have written without an answer is taken back: that needs the keys.
        let cancel = |state: &mut RunState, has_keys: bool| {
            state.require_row("Cancelling")?;
            if !has_keys && state.ledger().has_writers() {
                return Ok(Decision::Leave(None));
            }
            state.notes = true;
            let event = Event::Cancelled { reason: reason.to_owned() };
            let cancelled = state.ledger().apply(&Blueprint::unknown(""), event).is_ok();
            Ok(if cancelled { Decision::Write(Some(true)) } else { Decision::Leave(Some(false)) })
        };
        let by_ledger = self.update(run, Projection::Ledger, |state| cancel(state, false)).await?;
        if let Some(cancelled) = by_ledger.answer {
            return Ok(cancelled);
        }
        let by_keys = self.update(run, Projection::Whole, |state| cancel(state, true)).await?;
        Ok(by_keys.answer.unwrap_or_default())
    }

    /// Ends a run whose last nodes version 1 did.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn update_status(&self, run: &str) -> Result<()> {
        let update = |state: &mut RunState| {
            if !state.ledger().is_stuck() {
                return Ok(Decision::Leave(()));
            }
            state.ledger().update_status();
            Ok(Decision::Write(()))
        };
        self.update(run, Projection::Ledger, update).await.map(drop)
    }

    /// Notes that the result of a run is published, where its end is still the one that was published. Whether it is.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn mark_published(&self, run: &str, end: &Ledger) -> Result<bool> {
        let mark = |state: &mut RunState| match state.ledger().has_the_end_of(end) {
            true => Ok(Decision::MarkPublished(())),
            false => Ok(Decision::Leave(())),
        };
        // The status row of a child is written then, and that needs the keys.
        let needed = if self.defers_results() { Projection::Ledger } else { Projection::Whole };
        self.update(run, needed, mark).await.map(|committed| committed.changed)
    }

    /// Something that happens to a run from outside: the change, and the jobs that follow. Where there are none to speak of (not even
    /// an empty list), nothing has changed.
    pub(super) async fn happen(
        &self,
        run: &str,
        operation: &'static str,
        change: impl Fn(&mut RunState) -> Result<Option<Vec<DueJob>>> + Sync,
    ) -> Result<FollowUp> {
        let happen = |state: &mut RunState| {
            state.require_row(operation)?;
            // Workers may have listeners that this engine has not.
            state.notes = true;
            let before = state.reserved.ledger.clone();
            let Some(due) = change(state)? else {
                return Ok(Decision::Leave((Vec::new(), Arc::default(), false, None)));
            };
            let again = state.reserved.ledger == before;
            let carried = state.reserved.carried.clone();
            Ok(Decision::Write((due, state.follows().unwrap_or_default(), again, carried)))
        };
        let committed = self.update(run, Projection::Whole, happen).await?;
        let (due, blueprint, again, carried) = committed.answer;
        Ok(FollowUp { operation, blueprint: blueprint.to_string(), due, at: committed.at, again, carried })
    }
}

/// Applies an event that concerns no edge of the blueprint.
pub(super) fn apply(ledger: &mut Ledger, event: Event) -> Result<Vec<DueJob>> {
    apply_by(&Blueprint::unknown(""), ledger, event)
}

fn apply_by(blueprint: &Blueprint, ledger: &mut Ledger, event: Event) -> Result<Vec<DueJob>> {
    ledger
        .apply(blueprint, event)
        .map(|transition| transition.due)
        .map_err(|refusal| refused(ledger, refusal))
}

/// Why a run cannot be changed so.
pub(super) fn refused(ledger: &Ledger, refusal: Refusal) -> Error {
    let (code, why) = match refusal {
        Refusal::Ended => (Code::RunEnded, format!("the run is over: it is {}", ledger.status.as_str())),
        Refusal::NotDue | Refusal::NotAwaiting => {
            (Code::NodeNotAwaiting, "the node does not wait to be resumed".to_owned())
        }
        Refusal::NotFailed => (Code::RunNotFailed, "the run has not failed".to_owned()),
    };
    Error::new(code, "Changing the run", why)
}
