//! Retention: runs that have been over for long enough, and old rows of the history, are removed by the fleet itself, in
//! batches, by one worker at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::error::{Kind, Result};
use crate::ports::about::About;
use crate::ports::keys;
use crate::worker::client::remove::RunsToRemove;
use crate::worker::client::service::Client;
use crate::worker::services::Services;
use crate::worker::settings::{RetentionRule, Settings, WithoutLeases};

/// When a worker looks first.
const FIRST: Duration = Duration::from_secs(1);
/// How often it looks while there is something to remove, and while there is nothing.
const BEAT: Duration = Duration::from_secs(60);
const IDLE_BEAT: Duration = Duration::from_secs(300);
/// How many batches of a rule are removed in one look.
const BATCHES: usize = 20;

/// What a fleet removes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retained {
    /// Runs that are over.
    Runs,
    /// Rows of the history.
    History,
}

impl Retained {
    /// What is removed by the settings of a worker.
    pub fn of(settings: &Settings) -> Vec<Self> {
        let runs = (!settings.retention.is_empty()).then_some(Self::Runs);
        let history = settings.history.map(|_| Self::History);
        runs.into_iter().chain(history).collect()
    }

    fn key(self, queue: &str) -> String {
        match self {
            Self::Runs => keys::retention(queue),
            Self::History => keys::history(queue),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Runs => "remove old runs (option retention)",
            Self::History => "remove old rows of the history (option history)",
        }
    }

    /// Removes what is old of it, so many batches; how many rows.
    async fn remove(self, services: &Arc<Services>) -> Result<u64> {
        let client = Client::new(services.clone());
        let mut removed = 0;
        match self {
            Self::Runs => {
                for RetentionRule { statuses, age } in &services.settings.retention {
                    let which =
                        RunsToRemove { statuses: statuses.clone(), tags: Vec::new(), older_than: *age };
                    removed += client.purge_some(which, BATCHES).await?;
                }
            }
            Self::History => {
                if let Some(age) = services.settings.history {
                    removed = client.remove_history(age, BATCHES).await?;
                }
            }
        }
        Ok(removed)
    }
}

/// Removes what is old again and again, until `stop`.
pub async fn retain(services: Arc<Services>, what: Retained, stop: CancellationToken) {
    let key = what.key(services.settings.queues.of(""));
    let (mut wait, mut said) = (FIRST, false);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
        wait = match look(&services, what, &key).await {
            Ok(removed) => {
                said = false;
                if removed > 0 { BEAT } else { IDLE_BEAT }
            }
            // Somebody may mend it: a column that is not there, a privilege.
            Err(error)
                if matches!(error.kind(), Kind::Setup | Kind::Refused)
                    && !std::mem::replace(&mut said, true) =>
            {
                let words = format!("The worker cannot {} until this is fixed. {error}", what.words());
                services.notices.warn(About::of(&error), words);
                IDLE_BEAT
            }
            Err(error) => {
                debug!(%error, ?what, "what is old was not removed");
                BEAT
            }
        };
    }
    services.leases.resign(&key).await;
}

/// Removes what is old, if no other worker does; how many rows.
async fn look(services: &Arc<Services>, what: Retained, key: &str) -> Result<u64> {
    match services.leases.lead(key, IDLE_BEAT.as_secs() * 2).await {
        Ok(true) => {}
        Ok(false) => return Ok(0),
        // Nobody can lead. Every worker removes, and each leaves what another has locked.
        Err(_) if services.settings.without_leases == WithoutLeases::Continue => {}
        Err(error) => return Err(error),
    }
    what.remove(services).await
}

/// Removes what is old, so many batches of each rule; how many runs and rows.
///
/// # Errors
/// The tables cannot be worked with, or the server is out of reach; what was removed until then is gone.
pub async fn remove_old(services: &Arc<Services>) -> Result<u64> {
    let mut removed = 0;
    for what in Retained::of(&services.settings) {
        removed += what.remove(services).await?;
    }
    Ok(removed)
}
