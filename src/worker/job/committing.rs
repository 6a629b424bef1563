//! The commit of an answer: what it means for its run is decided again for each try, by the run as it is then.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::admitting::ToExecute;
use super::completion::{Completion, complete};
use super::context::JobContext;
use super::effect::{AnsweredBy, Execution};
use super::foretold::Foretold;
use super::storing::stored;
use crate::error::{Kind, Result};
use crate::ids::NodeId;
use crate::ports::view::LiveAttempt;
use crate::protocol::message::JobMessage;
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::{Decide, Document};
use crate::worker::settings::Settings;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::Ran;
use crate::workflow::path::{Inside, shown};

/// What a commit came to.
pub struct Committed {
    /// What the answer did to its run.
    pub completion: Completion,
    /// When it was committed, by the record's clock.
    pub at: Option<u64>,
    /// The run after it, if it is known.
    pub document: Option<Document>,
    /// The first try was answered: nothing speaks of another writer or a lost answer.
    pub is_certain: bool,
}

/// An answered node, and what belongs to its commit.
pub struct ToCommit<'a> {
    /// What was executed.
    pub node: ToExecute,
    /// The node of the message that is held.
    pub held: &'a NodeId,
    /// The blueprint of the subflow that the node opens, if it does.
    pub opens: Option<Arc<Blueprint>>,
    /// When its execution started, by the record's clock; none where its workers died.
    pub started: Option<u64>,
    /// Hears what the first decision makes due.
    pub foretold: Foretold,
}

/// Commits an answer. What PostgreSQL cannot store is the node's failure.
///
/// # Errors
/// Only when the worker aborts.
pub async fn commit(
    context: &JobContext<'_>,
    message: &JobMessage,
    to_commit: ToCommit<'_>,
    answer: &Arc<Answer>,
) -> Result<Committed> {
    let runs = &context.services.runs;
    let decision = CompletionInputs::of(context, message, &to_commit);
    let attempts = AtomicU32::new(0);
    let attempt = |answer: &Arc<Answer>| {
        attempts.fetch_add(1, Ordering::Relaxed);
        // A copy of its own message is on its way: that comes again, and not the held one.
        let held = if context.place.is_given_up() { &message.node_id } else { to_commit.held };
        let decide = decision.clone().by(answer.clone(), held.clone());
        runs.commit(&message.run_id, to_commit.node.document.clone(), decide)
    };
    let written = match stored(context, message, answer, || attempt(answer)).await {
        Err(error) if error.kind() == Kind::Data => {
            let why =
                format!("Node '{}': its result cannot be stored. {}", shown(&message.node_id), error.message);
            let outcome = Outcome::Failed { why: why.into(), recoverable: true };
            let failed = Arc::new(Answer { tries: answer.tries.clone(), ..Answer::of(outcome) });
            stored(context, message, &failed, || attempt(&failed)).await?
        }
        written => written?,
    };
    let mut completion = decision.taken();
    let is_certain = attempts.into_inner() == 1;
    if !is_certain {
        // A try whose answer was lost may have been the one that counted: what it led to is still to be published.
        completion.due.append(&mut completion.leftovers);
    }
    Ok(Committed { completion, at: written.at, document: written.document, is_certain })
}

/// Everything an answer is decided by, but the run and the answer.
#[derive(Clone)]
struct CompletionInputs {
    /// The run's id; empty at the top level, where only a node inside a subflow needs it.
    run: String,
    node: NodeId,
    round: u32,
    blueprint: Arc<Blueprint>,
    /// The id of the run's own blueprint, where the node is inside a subflow: it names the queue.
    outer: Option<String>,
    opens: Option<Arc<Blueprint>>,
    /// The attempt that is answered; none where its workers died.
    attempt: Option<Arc<LiveAttempt>>,
    settings: Arc<Settings>,
    started: Option<u64>,
    now: u64,
    deferred: bool,
    /// Somebody listens to events.
    heard: bool,
    /// What was decided last.
    decided: Arc<Mutex<Completion>>,
    foretold: Foretold,
}

impl CompletionInputs {
    fn of(
        context: &JobContext<'_>,
        message: &JobMessage,
        &ToCommit { ref node, ref opens, started, ref foretold, .. }: &ToCommit<'_>,
    ) -> Self {
        let services = context.services;
        let is_inside = Inside::of(&message.node_id).is_some();
        Self {
            run: if is_inside { message.run_id.clone() } else { String::new() },
            node: message.node_id.clone(),
            round: node.round,
            blueprint: node.analysed.blueprint.clone(),
            outer: is_inside.then(|| message.blueprint_id.clone()),
            opens: opens.clone(),
            attempt: started.map(|_| node.attempt.clone()),
            settings: services.settings.clone(),
            started,
            now: services.platform.now(),
            deferred: services.runs.defers_results(),
            heard: services.notices.are_heard(),
            decided: Arc::default(),
            foretold: foretold.clone(),
        }
    }

    fn by(self, answer: Arc<Answer>, held: NodeId) -> Decide {
        Box::new(move |document| {
            let Self { run, node, round, blueprint, opens, now, deferred, .. } = &self;
            let queue = self.settings.queues.of(self.outer.as_deref().unwrap_or(&blueprint.id));
            let (round, now, deferred) = (*round, *now, *deferred);
            let (held, opens) = (&held, opens.as_deref());
            let by = self.attempt.as_ref().map_or(AnsweredBy::Nobody, |by| AnsweredBy::Attempt(by.token()));
            let ran = self.started.map(|started| Ran {
                started,
                worker: &self.settings.worker,
                tries: Some(&answer.tries),
            });
            let execution = Execution { run, node, round, now, queue, held, deferred, opens, by, ran };
            let (mut change, mut completion) = complete(document, blueprint, execution, &answer)?;
            if let Some(change) = &mut change {
                document.refuse_oversized(&change.patch)?;
                if self.heard {
                    completion.milestones = change.comes_to_rest(document.status());
                }
            }
            self.foretold.say(&completion.due);
            *self.decided.lock().unwrap_or_else(PoisonError::into_inner) = completion;
            Ok(change)
        })
    }

    fn taken(&self) -> Completion {
        std::mem::take(&mut *self.decided.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
