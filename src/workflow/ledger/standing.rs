//! What a message finds in the ledger when it arrives.

use super::entry::{NodeEntry, NodeState};
use super::state::Ledger;
use super::status::RunStatus;

/// What a message finds when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The node is due in this round: run it.
    Due(u32),
    /// That round is over, or the node is not due: there is nothing to run.
    Done,
    /// No edge has led to the node yet.
    NotReached,
    /// The run is over.
    Ended,
}

impl Ledger {
    /// What a message for an attempt at `node` finds. A message without a round means the current one.
    pub fn standing_of_attempt(&self, node: &str, round: Option<u32>, attempt: Option<u32>) -> Standing {
        let outdated = |entry: &NodeEntry| round.is_some() && attempt.unwrap_or(1) <= entry.failures;
        match self.standing(node, round) {
            Standing::Due(_) if self.entry(node).is_some_and(outdated) => Standing::Done,
            standing => standing,
        }
    }

    /// What a message for `node` finds. A message without a round means the current one.
    pub fn standing(&self, node: &str, round: Option<u32>) -> Standing {
        if self.status.is_end() {
            return Standing::Ended;
        }
        match self.entry(node) {
            Some(entry) if round.is_some_and(|round| round < entry.round) => Standing::Done,
            Some(entry) if entry.state == NodeState::Due => Standing::Due(entry.round),
            Some(entry) if entry.state == NodeState::Idle && entry.round == 0 => Standing::NotReached,
            Some(_) => Standing::Done,
            None => Standing::NotReached,
        }
    }

    /// Whether the run waits for this message: its node is due in that round, or sleeps and the message wakes it.
    pub fn waits_for(&self, node: &str, round: Option<u32>, attempt: Option<u32>, wakes: bool) -> bool {
        let is_due = matches!(self.standing_of_attempt(node, round, attempt), Standing::Due(_));
        is_due || (wakes && round.is_some_and(|round| self.sleeps(node, round)))
    }

    /// Whether the run ended because of a job for this node that could not be processed.
    pub fn was_abandoned_at(&self, node: &str) -> bool {
        let is_over = |entry: &NodeEntry| entry.state != NodeState::Due;
        self.status == RunStatus::Failed
            && self.errors.iter().any(|error| error.node == node)
            && !self.entry(node).is_some_and(is_over)
    }
}
