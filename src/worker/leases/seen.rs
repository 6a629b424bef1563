//! Who sees a lease, and what is executed under it that is to be claimed in the record.

use tokio::time::Instant;

use super::held::{HeldLease, HeldLeases, LeasedExecution};
use crate::ports::coordination::Acquired;
use crate::ports::keys;

impl HeldLeases {
    /// Whether others can see a lease that is held: the store answers, and took it.
    pub fn is_seen(&self, run: &str, node: &str) -> bool {
        let is_seen = |held: &HeldLease| held.seen && held.lasts(self.ttl);
        self.is_reachable()
            && self.with_held(|held| held.get(&keys::node_lock(run, node)).is_some_and(is_seen))
    }

    /// Asks for a lease that nobody else can see, however recently the store failed; whether another worker has it.
    pub async fn is_others(&self, run: &str, node: &str) -> bool {
        let key = keys::node_lock(run, node);
        let Some(lease) = self.lease(&key) else {
            return false;
        };
        let asked = Instant::now();
        match self.ask(&lease).await {
            Ok(Acquired::No) => true,
            Ok(_) => {
                self.note_renewal(&key, &lease.owner, asked);
                false
            }
            Err(_) => false,
        }
    }

    /// Notes what a lease is held for, and whether that is claimed in the record. Where the lease cannot be renewed it will be.
    pub fn note_execution(&self, execution: LeasedExecution, is_claimed: bool) {
        let key = keys::node_lock(&execution.run, &execution.node);
        self.with_held(|held| {
            if let Some(held) = held.get_mut(&key) {
                (held.execution, held.is_claimed) = (Some(execution), is_claimed);
            }
        });
    }

    /// Notes that executions are claimed in the record, for as long as their leases are held.
    pub fn note_claimed(&self, executions: &[LeasedExecution]) {
        self.with_held(|all| {
            for execution in executions {
                let held = all.get_mut(&keys::node_lock(&execution.run, &execution.node));
                if let Some(held) = held.filter(|held| held.execution.as_ref() == Some(execution)) {
                    held.is_claimed = true;
                }
            }
        });
    }

    /// The executions under leases that are not claimed in the record.
    pub fn unclaimed(&self) -> Vec<LeasedExecution> {
        self.with_held(|held| {
            held.values().filter(|held| !held.is_claimed).filter_map(|held| held.execution.clone()).collect()
        })
    }
}
