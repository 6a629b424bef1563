//! Before the first job is taken, the worker looks whether its tables can be worked with. While they cannot, it takes none,
//! says so, and looks again: they may be made or mended later.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::services::Services;
use crate::backoff::Backoff;
use crate::ports::about::About;

const READY: &str = "The tables can be worked with now: the worker takes jobs";

/// Cancels `ready` once the tables can be worked with.
pub async fn make_ready(services: Arc<Services>, ready: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = look(&services) => ready.cancel(),
    }
}

/// Does something once the worker is ready, unless it stops before.
pub async fn once_ready(ready: CancellationToken, stop: CancellationToken, then: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = ready.cancelled() => then.await,
        () = stop.cancelled() => {}
    }
}

/// Looks until the tables can be worked with.
async fn look(services: &Services) {
    let Services { notices, runs, own_health, .. } = services;
    let mut backoff = Backoff::new(&services.platform);
    let mut told: Option<String> = None;
    let mut undeclared = services.settings.queues.consumed().to_vec();
    loop {
        match runs.check().await {
            Ok(words) => {
                if told.is_some() {
                    notices.info(About::default(), READY.to_owned());
                }
                own_health.tables_are(None);
                return words.into_iter().for_each(|words| notices.warn(About::default(), words));
            }
            Err(error) if error.is_transient() => {
                if !error.is_told {
                    notices.warn(About::of(&error), format!("{error}; trying again"));
                }
            }
            Err(error) => {
                own_health.tables_are(Some(&error));
                let words = error.to_string();
                if told.as_ref() != Some(&words) {
                    notices.unfit(error);
                    told = Some(words);
                }
            }
        }
        declare(services, &mut undeclared).await;
        backoff.wait().await;
    }
}

/// What clients publish meanwhile must not be lost: the queues are there, though nobody consumes them.
async fn declare(services: &Services, undeclared: &mut Vec<String>) {
    while let Some(queue) = undeclared.pop() {
        if let Err(error) = services.broker.declare(&queue).await {
            debug!(%error, queue, "the queue was not declared");
            return undeclared.push(queue);
        }
    }
}
