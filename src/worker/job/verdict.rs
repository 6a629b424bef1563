//! What can be done with a message: the words of [`admission`](super::admission). Data only.

use crate::worker::job::reason::Reason;
use crate::workflow::ledger::DueJob;

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Something is to be done first; then the run is loaded and the message admitted again.
    First(Step),
    /// The node is due in this round: run it.
    Run {
        /// The round.
        round: u32,
    },
    /// No node is run for it.
    Dispose(Disposal),
}

/// What is done with a run before the verdict on a message can be a last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The run has no ledger yet: it begins.
    Begin,
    /// Workers of version 1 went on with the run: what they did is taken over.
    Adopt,
    /// The message comes back from the dead letters, and the run ended because of it: the run goes on.
    Reopen,
    /// The message has no round and names a node that nothing led to: a worker of version 1 may have seen its
    /// predecessors done.
    Call,
    /// The time of a sleeping node has come.
    Wake {
        /// The round it sleeps in.
        round: u32,
    },
    /// The time of a container is up: its subflow ends.
    Expire {
        /// The round that the timer is for.
        round: u32,
    },
    /// A container is due although its subflow goes on, by an older client or reconciler: it awaits again.
    AwaitAgain,
}

/// What becomes of a message for which no node is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposal {
    /// Another worker can run it: it goes back to the queue and comes again later.
    Reschedule(Reason),
    /// Nobody can run it: it goes to the dead letters.
    DeadLetter {
        /// Why.
        reason: Reason,
        /// Whether its run cannot go on without it.
        fails_run: bool,
    },
    /// The node is done, and its worker may have died before it published what its result made due.
    Republish(Vec<DueJob>),
    /// The run is over, and its result is not published yet.
    PublishResult,
    /// There is nothing to do.
    Done,
}

impl Verdict {
    /// Whether an outdated blueprint may be the reason for it: the worker then makes sure that it has the one
    /// JavaScript has, before it performs the verdict. (`Run` makes sure of it when it hands the job over.)
    pub fn depends_on_blueprint(&self) -> bool {
        match self {
            Self::First(Step::Begin | Step::Adopt | Step::Call) => true,
            Self::First(Step::Reopen | Step::Wake { .. } | Step::Expire { .. } | Step::AwaitAgain)
            | Self::Run { .. } => false,
            Self::Dispose(Disposal::Reschedule(_) | Disposal::DeadLetter { .. }) => true,
            Self::Dispose(Disposal::Republish(_) | Disposal::PublishResult | Disposal::Done) => false,
        }
    }

    /// Whether outputs of others were looked for before it was decided.
    pub fn has_seen_outputs(&self) -> bool {
        match self {
            Self::First(Step::Begin | Step::Adopt | Step::Reopen) => false,
            Self::First(Step::Call | Step::Wake { .. } | Step::Expire { .. } | Step::AwaitAgain)
            | Self::Run { .. } => true,
            Self::Dispose(Disposal::Reschedule(_) | Disposal::DeadLetter { .. }) => false,
            Self::Dispose(Disposal::Republish(_) | Disposal::PublishResult | Disposal::Done) => true,
        }
    }
}

/// What was tried for this delivery already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// The run was to begin, or to be taken over.
    pub take_over: bool,
    /// The run was to be reopened.
    pub reopen: bool,
    /// The node was called.
    pub call: bool,
    /// The node was woken, or its subflow ended.
    pub wake: bool,
    /// The container was to await again.
    pub await_again: bool,
}

impl Tried {
    /// Notes a step that was made.
    pub fn note(&mut self, step: Step) {
        match step {
            Step::Begin | Step::Adopt => self.take_over = true,
            Step::Reopen => self.reopen = true,
            Step::Call => self.call = true,
            Step::Wake { .. } | Step::Expire { .. } => self.wake = true,
            Step::AwaitAgain => self.await_again = true,
        }
    }
}
