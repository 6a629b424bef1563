//! A started worker's heartbeat.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::gate::HEARTBEAT;
use crate::worker::services::Services;

/// Says again and again that this worker lives, and looks at its fleet; removes it at the end.
pub async fn keep_registered(services: Arc<Services>, stop: CancellationToken) {
    let Services { registry, blueprints, .. } = &*services;
    let since = registry.now();
    while !stop.is_cancelled() {
        let next = tokio::time::Instant::now() + HEARTBEAT;
        let beat = async {
            registry.announce(&registry.card(since, blueprints.met())).await;
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
