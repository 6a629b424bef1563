//! Looks at runs for the nodes that are being executed: what they read of the context is as it is then.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::debug;

use super::trouble::is_passing_trouble;
use crate::error::{Error, Kind, Result};
use crate::ports::view::{LiveAttempt, LiveRuns, Seen};
use crate::record::{Document, Patch};
use crate::worker::registry::card::LIVE_CONTEXT;
use crate::worker::retry::Retry;
use crate::worker::runs::live::Recorded;
use crate::worker::services::Services;

/// The runs of a worker, as its nodes look at them.
pub struct Looking {
    /// Retries until the worker aborts.
    pub retry: Retry,
    /// Everything else.
    pub services: Arc<Services>,
}

fn unless_stopping(error: Error) -> Result<Option<Seen>> {
    if error.kind() == Kind::Stopping { Ok(None) } else { Err(error) }
}

#[async_trait]
impl LiveRuns for Looking {
    async fn look(&self, run: &str, known: &Document) -> Result<Option<Seen>> {
        let since = Instant::now();
        let looked = self.retry.until_done(|| self.services.runs.newer_than(run, known.clone()));
        tokio::select! {
            biased;
            looked = looked => looked.map(|document| Some(Seen { document, since })).or_else(unless_stopping),
            // Before a server that says nothing has missed its deadline.
            () = self.retry.abort().cancelled() => Ok(None),
        }
    }

    async fn write(&self, run: &str, known: &Document, attempt: &Arc<LiveAttempt>, patch: Patch) -> bool {
        let Services { runs, registry, platform, .. } = &*self.services;
        // A worker of 2.0.0 would not take back what a dead attempt wrote.
        if !registry.agrees_now(LIVE_CONTEXT).await {
            return false;
        }
        attempt.name(|| platform.mark());
        let patch = attempt.embedded(patch);
        let write = || runs.write_live(run, known, attempt, patch.clone());
        let written = tokio::select! {
            biased;
            written = self.retry.unless(is_passing_trouble, write) => written,
            () = self.retry.abort().cancelled() => return false,
        };
        match written {
            Ok(Recorded::Yes(_)) => {
                attempt.note_recorded();
                return true;
            }
            Ok(Recorded::No) => debug!(run, "another attempt writes for the node, or its execution is over"),
            // The answer meets the same, and says it.
            Err(error) => debug!(%error, run, "the node's write is stored with its answer"),
        }
        false
    }
}
