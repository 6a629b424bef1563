//! What every step of a delivery needs: the services, retries until the worker aborts, and the delivery itself.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::place::Place;
use crate::error::Result;
use crate::ports::view::LiveRuns;
use crate::protocol::message::JobMessage;
use crate::worker::meters::kinds::Of;
use crate::worker::retry::Retry;
use crate::worker::services::Services;
use crate::workflow::ledger::DueJob;

/// What every step of a delivery needs.
#[derive(Clone, Copy)]
pub struct JobContext<'a> {
    /// The engine's services.
    pub services: &'a Services,
    /// Retries until the worker aborts.
    pub retry: &'a Retry,
    /// Where nodes that are being executed look at their runs.
    pub live: &'a Arc<dyn LiveRuns>,
    /// The queue the message came from.
    pub queue: &'a str,
    /// The message as it came.
    pub body: &'a [u8],
    /// What it holds here.
    pub place: &'a Place,
    /// The broker delivered it before and saw no acknowledgement.
    pub redelivered: bool,
}

impl JobContext<'_> {
    /// Cancelled when the worker waits for nothing any more.
    pub fn abort(&self) -> &CancellationToken {
        self.retry.abort()
    }

    /// By what a job is told apart where it is counted.
    pub fn metered<'b>(&'b self, message: &'b JobMessage) -> Of<'b> {
        Of::jobs(message.run_blueprint(), self.services.settings.queues.of(&message.blueprint_id))
    }

    /// Publishes the jobs that the run of `message` made due `at` that moment.
    ///
    /// # Errors
    /// Only when the worker aborts.
    pub async fn publish_due(&self, message: &JobMessage, due: &[DueJob], at: Option<u64>) -> Result<()> {
        let jobs = JobMessage::all_due(&message.run_id, &message.blueprint_id, due, at);
        let jobs: Vec<_> = jobs.into_iter().map(|job| job.carrying(message.carried.clone())).collect();
        self.services.publisher.publish_due(&jobs, self.retry).await
    }

    /// The same for jobs that may have been published before.
    ///
    /// # Errors
    /// As [`publish_due`](Self::publish_due).
    pub async fn publish_copies(&self, message: &JobMessage, due: &[DueJob], at: Option<u64>) -> Result<()> {
        let jobs = JobMessage::copies(&message.run_id, &message.blueprint_id, due, at);
        let jobs: Vec<_> = jobs.into_iter().map(|job| job.carrying(message.carried.clone())).collect();
        self.services.publisher.publish_due(&jobs, self.retry).await
    }
}
