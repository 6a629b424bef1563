//! The result of a run that ended, where it goes through the adapter's own `publishFinalResult`.
//!
//! The commit that ends the run marks it unpublished. A worker that finds the mark (the job that ended the run, its
//! redelivery, the reconciler) publishes and takes the mark away: at least once, as the README says.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::backoff::Backoff;
use crate::error::{Error, Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::host::Host;
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::record::{Parent, ReservedKey, to_raw};
use crate::time::milliseconds;
use crate::worker::active_nodes::ActiveNodes;
use crate::worker::leases::service::Leases;
use crate::worker::notices::Notices;
use crate::worker::publisher::Publisher;
use crate::worker::runs::service::Runs;
use crate::workflow::ledger::RunStatus;

/// What stands in a node's place in the key of the lease.
const RESULT: &str = "<result>";
/// How often `publishFinalResult` is tried before the worker goes on to other jobs.
const ATTEMPTS: usize = 3;

/// How soon a worker comes back to a run whose end could not be seen to; twice as late each time.
const AGAIN: Duration = Duration::from_secs(5);
/// How often: for an hour and a half in all.
const TIMES: u32 = 10;

/// How long until a worker comes back to a run's end that has been `tried` so often; none where recovery alone looks after it.
pub fn see_to_end_after(tried: u32) -> Option<Duration> {
    (tried < TIMES).then(|| AGAIN * 2_u32.pow(tried))
}

/// Publishes results of runs.
pub struct Results {
    /// User code.
    pub(super) host: Arc<dyn Host>,
    /// The record.
    pub(super) runs: Arc<Runs>,
    /// One worker publishes at a time.
    pub(super) leases: Arc<Leases>,
    /// While a result is being published, its run is alive.
    pub(super) active_nodes: Arc<ActiveNodes>,
    /// The user hears when a result cannot be published.
    pub(super) notices: Notices,
    /// Where the jobs of a parent go to.
    pub(super) publisher: Publisher,
    /// Time.
    pub(super) platform: Platform,
}

/// How a child run ended, as its parent's node reads it: `ChildEnd` of `lib/execution/child-runs.ts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChildEnd<'a> {
    run_id: &'a str,
    status: &'static str,
    reason: &'a str,
}

/// Whether the result of a run is published.
enum Published {
    /// It is, or there is none.
    Already,
    /// Another worker is about to, or died of it a moment ago.
    ByAnother,
}

impl Results {
    /// Publishes the result of a run that has ended; a result that cannot be published does not hold the worker
    /// up. The run's row then says `running` still, so that recovery finds it and tries again.
    ///
    /// # Errors
    /// Only when user code is gone, or the worker aborts: another worker has to publish it.
    pub async fn publish_or_report(&self, run: &str, abort: &CancellationToken) -> Result<()> {
        self.publish_or_report_again(run, 0, abort).await
    }

    /// The same for a message that came for it, the `tried`th.
    ///
    /// # Errors
    /// As [`publish_or_report`](Self::publish_or_report).
    pub async fn publish_or_report_again(
        &self,
        run: &str,
        tried: u32,
        abort: &CancellationToken,
    ) -> Result<()> {
        let mut backoff = Backoff::new(&self.platform);
        let mut attempts = 0;
        loop {
            let error = match self.try_to_publish(run).await {
                Err(error) if error.kind() != Kind::Stopping => error,
                // That worker may die of it, or have died.
                Ok(Published::ByAnother) => match self.is_to_come_again(run, tried).await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                },
                published => return published.map(drop),
            };
            if abort.is_cancelled() {
                return Err(error.while_stopping());
            }
            attempts += 1;
            if attempts >= ATTEMPTS && self.is_left_to_others(run, tried, &error).await {
                return Ok(());
            }
            backoff.wait().await;
        }
    }

    /// Leaves a result that could not be published to a message of it, or to recovery, and says so. Where that message cannot be
    /// published either, this worker goes on trying: there may be no recovery, and it holds the last message of the run.
    async fn is_left_to_others(&self, run: &str, tried: u32, error: &Error) -> bool {
        let comes = match error.kind() {
            Kind::Data => Ok(false),
            _ => self.is_to_come_again(run, tried).await,
        };
        let who = match comes {
            Ok(true) => "a message of it",
            Ok(false) => "recovery",
            Err(_) => "this worker",
        };
        let words = format!("The result of run '{run}' could not be published; {who} tries again. {error}");
        self.notices.error(About::run(run).error(error), words);
        comes.is_ok()
    }

    /// Publishes the result of a run that a caller has just ended, or has a worker come back to it.
    ///
    /// # Errors
    /// It is left to recovery: a server is out of reach, or `publishFinalResult` threw.
    pub async fn publish_or_come_back(&self, run: &str) -> Result<()> {
        match self.try_to_publish(run).await {
            Ok(Published::Already) => Ok(()),
            Ok(Published::ByAnother) => self.is_to_come_again(run, 0).await.map(drop),
            Err(error) if error.kind() == Kind::Data => Err(error),
            Err(error) => match self.is_to_come_again(run, 0).await {
                Ok(true) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Has a worker come back to a run whose parent waits for its end. A message does that, also where there is no recovery; later
    /// each time, and not for ever. Whether one does.
    ///
    /// # Errors
    /// The message could not be published, or the run could not be read for the moment.
    async fn is_to_come_again(&self, run: &str, tried: u32) -> Result<bool> {
        let Some(wait) = see_to_end_after(tried) else { return Ok(false) };
        let document = match self.runs.load_ledger(run).await {
            Err(error) if error.kind() == Kind::Data => return Ok(false),
            document => document?,
        };
        let (Some(reserved), Some(blueprint)) = (&document.reserved, document.follows()) else {
            return Ok(false);
        };
        let Some(node) = reserved.parent().and(reserved.ledger.nodes.keys().next()) else { return Ok(false) };
        if makes(Mutant::ForgetsParent) {
            return Ok(false);
        }
        let at = self.platform.now() + milliseconds(wait);
        let message = JobMessage::to_see_to_end(run, &blueprint, node, (at, tried + 1));
        self.publisher.forward(std::slice::from_ref(&message)).await.map(|()| true)
    }

    /// Publishes the result of a run, if it has ended and its result is not published yet.
    ///
    /// # Errors
    /// A server is out of reach, or `publishFinalResult` threw.
    pub async fn publish_pending(&self, run: &str) -> Result<()> {
        self.try_to_publish(run).await.map(drop)
    }

    async fn try_to_publish(&self, run: &str) -> Result<Published> {
        if !self.runs.load_ledger(run).await?.is_unpublished() {
            return Ok(Published::Already);
        }
        // One at a time, however long it takes: only a worker that died is followed by another.
        if !self.leases.take_or_go_without(run, RESULT).await {
            return Ok(Published::ByAnother);
        }
        let publishing = self.active_nodes.note(run, CancellationToken::new());
        let published = self.publish_under_lease(run).await;
        drop(publishing);
        self.leases.give_back(run, RESULT).await;
        published.map(|()| Published::Already)
    }

    /// Looked at again: another worker may have published it, and given the lease back, a moment ago. And again
    /// afterwards: a run that was retried meanwhile may have come to another end, which found the lease taken.
    async fn publish_under_lease(&self, run: &str) -> Result<()> {
        loop {
            let document = self.runs.load(run).await?;
            let Some(reserved) = document.reserved.as_ref().filter(|_| document.is_unpublished()) else {
                return Ok(());
            };
            let ledger = &reserved.ledger;
            let (status, reason) = (ledger.status, ledger.reason());
            if reserved.parent().is_none() || self.runs.defers_results() {
                let context = document.visible_json()?;
                self.host.publish_result(run, status, &reason, &context).await?;
            }
            if makes(Mutant::MarksBeforeTelling) {
                self.runs.mark_published(run, ledger).await?;
            }
            if let Some(parent) = reserved.parent() {
                fault_points::point("child-ended");
                self.tell_parent(parent, ChildEnd { run_id: run, status: status.as_str(), reason: &reason })
                    .await?;
                fault_points::point("parent-told");
            }
            if self.runs.mark_published(run, ledger).await? {
                return Ok(());
            }
        }
    }

    /// Tells the node that waits for a run of its end, if the run is over: it may have ended while nobody could be told.
    ///
    /// # Errors
    /// A server is out of reach.
    pub async fn tell_parent_again(&self, run: &str) -> Result<()> {
        let document = self.runs.load_ledger(run).await?;
        if document.is_unpublished() {
            return self.publish_pending(run).await;
        }
        let Some(reserved) = document.reserved else { return Ok(()) };
        match reserved.parent() {
            Some(parent) if reserved.ledger.status.is_end() => {
                let (status, reason) = (reserved.ledger.status.as_str(), reserved.ledger.reason());
                self.tell_parent(parent, ChildEnd { run_id: run, status, reason: &reason }).await
            }
            _ => Ok(()),
        }
    }

    /// Tells the node that waits for a run that it failed, where its status row alone could be written.
    pub async fn tell_parent_of_failure(&self, run: &str, reason: &str) {
        let Ok(document) = self.runs.load_ledger(run).await else { return };
        let Some(parent) = document.reserved.as_ref().and_then(ReservedKey::parent) else { return };
        let end = ChildEnd { run_id: run, status: RunStatus::Failed.as_str(), reason };
        let error = match self.told(parent, &end).await {
            Ok(jobs) => {
                if let Err(error) = self.publisher.publish(&jobs).await {
                    // The parent's row says what is due: recovery publishes it.
                    debug!(%error, parent = parent.run, "the parent's jobs were not published");
                }
                return;
            }
            Err(error) => error,
        };
        let words = format!(
            "Run '{run}' failed, and its parent, run '{}', could not be told: resume its node '{}'. {error}",
            parent.run, parent.node
        );
        self.notices.error(About::run(run).error(&error), words);
    }

    /// Tells the node that waits for a run of its end; the jobs that follow are published.
    async fn tell_parent(&self, parent: &Parent, end: ChildEnd<'_>) -> Result<()> {
        let jobs = self.told(parent, &end).await?;
        match self.publisher.publish(&jobs).await {
            Err(_) if makes(Mutant::SwallowsRefusal) => Ok(()),
            published => published,
        }
    }

    /// Tells the node that waits for a run of its end. The jobs that follow.
    async fn told(&self, parent: &Parent, end: &ChildEnd<'_>) -> Result<Vec<JobMessage>> {
        let Some(followed) = self.runs.tell_parent(parent, &to_raw(end)?).await? else {
            debug!(run = end.run_id, parent = parent.run, "no node waits for the end of this run any more");
            return Ok(Vec::new());
        };
        Ok(followed.messages(&parent.run))
    }
}
