//! Answers those that ask who executes a node, since they see no leases: the coordination store may be out of reach for them
//! alone. The worker that executes it then claims it in the record.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::mutants::{Mutant, makes};
use crate::worker::services::Services;
use crate::worker::settings::WithoutLeases;

/// Looks for questions about what this worker executes, until `stop`, as often as it renews its leases: well within the time
/// that an answer may take. All looks of one time share a statement, and runs that have not changed are not read again.
pub async fn answer(services: &Services, stop: CancellationToken) {
    let Services { leases, runs, liveness, settings, .. } = services;
    if settings.without_leases == WithoutLeases::Wait || makes(Mutant::AnswersNobody) {
        return;
    }
    let mut beat = tokio::time::interval(Duration::from_secs(settings.lease_seconds) / 3);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let executions = leases.unclaimed();
        if executions.is_empty() || !liveness.is_responsive() {
            continue;
        }
        let asked = runs.asked(executions).await;
        leases.note_claimed(&asked);
        runs.claim_all(asked).await;
    }
}
