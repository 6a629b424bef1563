//! Renewing leases, and saying how far the executions are that they are held for.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::held::{HeldLease, HeldLeases, LeasedExecution};
use crate::mutants::{Mutant, makes};
use crate::ports::coordination::{Acquired, Lease, Stage};
use crate::ports::keys;

impl HeldLeases {
    /// Tells the store how far the execution is that a lease is held for; whether this worker still has the lease, as far
    /// as anybody knows.
    pub async fn tell_stage(&self, run: &str, node: &str, stage: Stage) -> bool {
        let key = keys::node_lock(run, node);
        self.set_stage(&key, stage);
        self.after_renewal(&key).await;
        let Some(lease) = self.lease(&key) else { return false };
        let asked = Instant::now();
        match self.acquire(&lease).await {
            Ok(Acquired::No) => false,
            Ok(_) => {
                self.note_renewal(&key, &lease.owner, asked);
                true
            }
            Err(_) => true,
        }
    }

    /// Waits for a renewal that is on its way. It says an earlier stage, and must not arrive after the present one.
    async fn after_renewal(&self, key: &str) {
        while !makes(Mutant::TellsStagesInDisorder) {
            let mut answered = std::pin::pin!(self.renewed.notified());
            answered.as_mut().enable();
            if !self.with_held(|held| held.get(key).is_some_and(|held| held.is_being_renewed)) {
                return;
            }
            answered.await;
        }
    }

    /// Renews every lease held while the worker is `alive`, until `stop`; takes it again if Redis has forgotten it. What
    /// cannot be renewed is claimed, and what was claimed is claimed again: somebody may still not see the lease.
    pub async fn keep(
        &self,
        alive: impl Fn() -> bool,
        claim: impl Fn(Vec<LeasedExecution>),
        stop: CancellationToken,
    ) {
        let mut beat = tokio::time::interval(Duration::from_millis(self.ttl * 1000 / 3));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            if !alive() {
                warn!("the event loop of JavaScript does not respond: the worker lets its leases run out");
                continue;
            }
            self.release_unanswered().await;
            let held = self.begin_renewal();
            // All at once: they leave together.
            let renewed = join_all(held.iter().map(|lease| self.renew(lease)));
            let (renewed, _) = join(renewed, self.has_forgotten()).await;
            self.end_renewal();
            let renewed = held.iter().zip(renewed);
            let claimed: Vec<LeasedExecution> =
                renewed.filter_map(|(lease, is_renewed)| self.to_claim(lease, is_renewed)).collect();
            if !claimed.is_empty() {
                claim(claimed);
            }
        }
    }

    /// Gives up what the store may have for this worker although it holds none: nobody died.
    async fn release_unanswered(&self) {
        let unanswered = self.with_unanswered(|unanswered| unanswered.values().cloned().collect::<Vec<_>>());
        for lease in unanswered {
            if !self.is_reachable() {
                return;
            }
            // Taken again meanwhile, it is held under the same token.
            if self.with_unanswered(|unanswered| unanswered.remove(&lease.key)).is_some() {
                self.release(&lease).await;
            }
        }
    }

    /// The leases as they are renewed now.
    fn begin_renewal(&self) -> Vec<Lease> {
        self.with_held(|held| {
            let lease = |(key, held): (&String, &mut HeldLease)| {
                held.is_being_renewed = true;
                Lease::new(key, &held.token, self.ttl).of(held.start)
            };
            held.iter_mut().map(lease).collect()
        })
    }

    fn end_renewal(&self) {
        self.with_held(|held| held.values_mut().for_each(|held| held.is_being_renewed = false));
        self.renewed.notify_waiters();
    }

    /// The execution that a lease is held for, if it is to be claimed in the record from now on.
    fn to_claim(&self, lease: &Lease, is_renewed: bool) -> Option<LeasedExecution> {
        self.with_held(|held| {
            let held = held.get_mut(&lease.key).filter(|held| held.token == lease.owner)?;
            held.is_claimed |= !is_renewed;
            let is_to_claim = held.is_claimed && !(is_renewed && makes(Mutant::ForgetsClaims));
            held.execution.clone().filter(|_| is_to_claim)
        })
    }

    /// Renews a lease; whether this worker has it.
    pub(super) async fn renew(&self, lease: &Lease) -> bool {
        let Lease { key, owner, .. } = lease;
        let asked = Instant::now();
        match self.acquire(lease).await {
            Ok(Acquired::No) => {
                debug!(key, "another worker took the lease; the commit decides which result counts");
                return false;
            }
            // Given back while it was being renewed.
            Ok(_) if self.with_held(|held| held.get(key).is_none_or(|own| own.token != *owner)) => {
                self.release(lease).await;
            }
            Ok(_) => self.note_renewal(key, owner, asked),
            Err(error) => {
                warn!(%error, key, "the lease was not renewed");
                return false;
            }
        }
        true
    }
}
