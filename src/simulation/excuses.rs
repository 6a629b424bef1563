//! When an execution may be followed by another of the same job, and why.

use std::time::Duration;

use super::plan::Trouble;
use super::world::World;

/// Seconds that a lease outlives its worker.
pub const LEASE_SECONDS: u64 = 15;

/// Why a worker's node may be executed again.
#[derive(Debug, Clone)]
pub struct Excuse {
    /// None for all workers.
    pub worker: Option<String>,
    pub from: Duration,
    pub to: Duration,
}

impl World {
    /// From now on for so long, an execution may be followed by another of the same job.
    pub fn excuse(&self, worker: Option<&str>, lasting: Duration) {
        let from = self.story.elapsed();
        let excuse = Excuse { worker: worker.map(str::to_owned), from, to: from + lasting };
        self.with(|workers| workers.excuses.push(excuse));
    }

    /// All excuses.
    pub fn excuses(&self) -> Vec<Excuse> {
        let excuses = self.with(|workers| workers.excuses.clone());
        let (mut excuses, mut unseen): (Vec<Excuse>, Vec<Excuse>) =
            excuses.into_iter().partition(|excuse| excuse.worker.is_some());
        let lasting = Duration::from_secs(LEASE_SECONDS + 5);
        let leaseless = self.faults.leaseless().into_iter();
        unseen.extend(leaseless.map(|from| Excuse { worker: None, from, to: from + lasting }));
        if self.plan.has(Trouble::Absence) {
            unseen.push(Excuse { worker: None, from: Duration::ZERO, to: Duration::MAX });
        }
        if self.plan.has(Trouble::Locks) {
            // What is locked cannot be claimed.
            excuses.extend(unseen);
            return excuses;
        }
        // Where somebody does not see leases, executions are claimed in the record. Only a worker that cannot do that either
        // can tell nobody what it executes.
        let statement = self.plan.timeouts().statement.min(Duration::from_secs(20));
        for (worker, from) in self.faults.unrecorded() {
            let mute = Excuse { worker: Some(worker), from, to: from + statement + lasting };
            if unseen.iter().any(|unseen| unseen.from <= mute.to && mute.from <= unseen.to) {
                excuses.push(mute);
            }
        }
        excuses
    }

    /// How many deaths at most may count for a node that kills nobody: those that had other reasons, and one beside a
    /// node that does kill.
    pub fn unfair_deaths(&self) -> usize {
        let hits = self.with(|workers| workers.hits) as usize;
        hits + self.faults.leaseless().len() + usize::from(self.plan.has(Trouble::Poison))
    }
}
