//! What memory notes of an execution under its lease, to count the workers that died of it. Redis has the same rules in
//! its scripts (`redis/leases.rs`).

use crate::ports::coordination::{Stage, Start};

/// What stands beside a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// Which execution of the node it is about.
    pub round: Option<u32>,
    /// How many workers died of it.
    pub deaths: u32,
    /// Who has started it, as the owner of the lease; none once that is over.
    pub started: Option<String>,
}

impl Note {
    /// Nothing that need be remembered.
    pub fn is_empty(&self) -> bool {
        self.deaths == 0 && self.started.is_none()
    }

    /// A lease was taken or renewed; how many workers died of the execution that it is for.
    pub fn taken(&mut self, owner: &str, Start { round, stage }: Start) -> u32 {
        if round > self.round && self.round.is_some() {
            // Another execution of the node.
            *self = Self::default();
        }
        // Who asks is alive, whatever became of its last request.
        if self.started.take().is_some_and(|started| worker_of(&started) != worker_of(owner)) {
            self.deaths = self.deaths.saturating_add(1);
        }
        if round.is_some() && round < self.round {
            // An old copy of a message: what it is for is over.
            return 0;
        }
        self.round = round.or(self.round);
        let starts = stage == Stage::Started || (stage == Stage::Starts && self.deaths == 0);
        self.started = starts.then(|| owner.to_owned());
        self.deaths
    }

    /// A lease was given up by `owner`, who had it still or had lost it.
    pub fn released(&mut self, owner: &str, stage: Stage, had_it: bool) {
        let is_started = self.started.as_deref() == Some(owner);
        if stage == Stage::Answered && (had_it || is_started) {
            *self = Self::default();
        } else if is_started {
            self.started = None;
            self.deaths += u32::from(stage == Stage::Died);
        }
    }
}

/// The worker that a lease names as its owner.
fn worker_of(owner: &str) -> &str {
    owner.rsplit_once('#').map_or(owner, |(worker, _)| worker)
}
