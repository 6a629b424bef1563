//! Looks at runs for the nodes that are being executed: what they read of the context is as it is then.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::error::{Error, Kind, Result};
use crate::ports::view::{LiveRuns, Seen};
use crate::record::Document;
use crate::worker::retry::Retry;
use crate::worker::runs::store::Runs;

/// The runs of a worker, as its nodes look at them.
pub struct Looking {
    /// The record of the runs.
    pub runs: Arc<Runs>,
    /// Retries until the worker aborts.
    pub retry: Retry,
}

fn unless_stopping(error: Error) -> Result<Option<Seen>> {
    if error.kind() == Kind::Stopping { Ok(None) } else { Err(error) }
}

#[async_trait]
impl LiveRuns for Looking {
    async fn look(&self, run: &str, known: &Document) -> Result<Option<Seen>> {
        let since = Instant::now();
        let looked = self.retry.until_done(|| self.runs.newer_than(run, known.clone()));
        tokio::select! {
            biased;
            looked = looked => looked.map(|document| Some(Seen { document, since })).or_else(unless_stopping),
            // Before a server that says nothing has missed its deadline.
            () = self.retry.abort().cancelled() => Ok(None),
        }
    }
}
