//! Tells the user when the worker takes jobs and when it reconnects, and finds out when a server is back that nobody asks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::judgement::{Health, ServerKind};
use crate::ports::host::{Notice, Readiness};
use crate::ports::keys;
use crate::record::to_raw;
use crate::worker::services::Services;

/// How often a server is asked that was out of reach when it was last asked.
const ASKS_AGAIN: Duration = Duration::from_secs(1);
/// How long nobody may have asked a server anything before it is asked, while somebody asks how the worker is.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Watches over a started worker until `stop`.
pub async fn watch(services: Arc<Services>, stop: CancellationToken) {
    let watched = async {
        let mut told = None;
        let mut asks = Instant::now() + ASKS_AGAIN;
        loop {
            told = tell(&services, told);
            tokio::select! {
                () = services.own_health.change_of_anything() => {}
                () = tokio::time::sleep_until(asks) => {
                    ask(&services).await;
                    asks = Instant::now() + ASKS_AGAIN;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = watched => {}
    }
}

/// Tells what has changed. A loop that hangs is not told of: it could not hear.
fn tell(services: &Services, told: Option<Readiness>) -> Option<Readiness> {
    let health = Health::of(&services.own_health.facts(true));
    let now = match (health.ready, health.reconnects()) {
        (true, _) => Some(Readiness::Ready),
        (false, true) => Some(Readiness::Reconnecting),
        (false, false) => None,
    };
    if let Some(readiness) = now.filter(|_| now != told)
        && let Ok(health) = to_raw(&health)
    {
        services.notices.tell(Notice::Readiness { readiness, health });
    }
    now
}

/// Asks the servers of which nobody knows how they are.
async fn ask(services: &Services) {
    for (server, answering) in services.own_health.servers.all() {
        let is_silent = services.own_health.is_asked() && answering.silent_for() > LONGEST_SILENCE;
        if answering.lost().is_none() && !is_silent {
            continue;
        }
        let asked = match server {
            ServerKind::Postgresql => services.runs.answers().await,
            ServerKind::Rabbitmq => match services.settings.queues.consumed().first() {
                Some(queue) => services.broker.waiting(queue).await.map(drop),
                None => Ok(()),
            },
            ServerKind::Redis => services.store.get(keys::EPOCH).await.map(drop),
        };
        if let Err(error) = asked {
            debug!(%error, "a server did not answer the health check");
        }
    }
}
