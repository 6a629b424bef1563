//! A started worker's heartbeat.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::card::Card;
use super::gate::HEARTBEAT;
use crate::worker::services::Services;

/// Says again and again that this worker lives, and looks at its fleet; removes it at the end.
pub async fn keep_registered(services: Arc<Services>, stop: CancellationToken) {
    let Services { registry, blueprints, host, halts, .. } = &*services;
    let since = registry.now();
    let mut known = BTreeMap::new();
    while !stop.is_cancelled() {
        let next = tokio::time::Instant::now() + HEARTBEAT;
        let beat = async {
            match timeout(HEARTBEAT / 2, host.blueprints()).await {
                Ok(Ok(own)) => known = own,
                // JavaScript may be busy: then those it had, and those that were met.
                _ => known.extend(blueprints.met()),
            }
            // What takes longer is known at the next heartbeat.
            let _ = timeout(HEARTBEAT / 3, blueprints.look_at(&known)).await;
            let card = registry.card(since, known.clone());
            let entries = blueprints.entries(&known);
            let paused = card.queues.iter().filter(|queue| halts.holds_queue(queue)).cloned().collect();
            registry.announce(&Card { paused, entries, ..card }).await;
            registry.look().await;
            tokio::time::sleep_until(next).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = beat => {}
        }
    }
    registry.withdraw().await;
}
