//! A started worker's heartbeat.

use std::sync::Arc;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::gate::HEARTBEAT;
use crate::worker::services::Services;

/// Says again and again that this worker lives, and looks at its fleet; removes it at the end.
pub async fn keep_registered(services: Arc<Services>, stop: CancellationToken) {
    let Services { registry, blueprints, host, .. } = &*services;
    let since = registry.now();
    while !stop.is_cancelled() {
        let next = tokio::time::Instant::now() + HEARTBEAT;
        let beat = async {
            // JavaScript may be busy: then those that were met.
            let own = timeout(HEARTBEAT / 2, host.blueprints()).await.ok().and_then(Result::ok);
            let own = own.unwrap_or_else(|| blueprints.met());
            registry.announce(&registry.card(since, own)).await;
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
