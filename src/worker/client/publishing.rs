//! The messages of runs that were started, by a client or by a schedule.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::backoff::Backoff;
use crate::ports::about::About;
use crate::protocol::message::JobMessage;
use crate::record::Carried;
use crate::worker::meters::kinds::{Counter, Of};
use crate::worker::services::Services;
use crate::workflow::ledger::DueJob;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_millis(500);
/// How often the messages are published, before recovery has to.
const PUBLISHES: usize = 3;

/// Jobs of a run to publish.
pub struct JobsToPublish {
    /// The run.
    pub run: String,
    /// The blueprint it follows.
    pub blueprint: String,
    /// What of it is due.
    pub due: Vec<DueJob>,
    /// When that was recorded.
    pub at: Option<u64>,
    /// What goes along with them.
    pub carried: Option<Arc<Carried>>,
    /// When the run fails if it is not over by then: milliseconds since 1970.
    pub deadline: Option<u64>,
}

impl JobsToPublish {
    /// Their messages.
    pub fn messages(&self) -> impl Iterator<Item = JobMessage> + use<'_> {
        let messages = JobMessage::all_due(&self.run, &self.blueprint, &self.due, self.at).into_iter();
        messages.map(|message| message.carrying(self.carried.clone()))
    }
}

/// Publishes what comes when the time of runs is over. Recovery looks for runs whose time is over, too.
pub(super) async fn publish_deadlines(services: &Services, jobs: &[JobsToPublish]) {
    let deadline = |jobs: &JobsToPublish| {
        let node = &jobs.due.first()?.node;
        Some(JobMessage::to_end(&jobs.run, &jobs.blueprint, node, jobs.deadline?))
    };
    let deadlines: Vec<JobMessage> = jobs.iter().filter_map(deadline).collect();
    if !deadlines.is_empty()
        && let Err(error) = services.publisher.forward(&deadlines).await
    {
        debug!(%error, "deadlines of runs were not published");
    }
}

/// Publishes the jobs of runs that were started, in one batch, and counts these runs. That they were started is recorded: what
/// is not confirmed is published by recovery.
pub async fn publish(services: &Services, jobs: &[JobsToPublish]) {
    for JobsToPublish { blueprint, .. } in jobs {
        let of = Of::jobs(blueprint, services.settings.queues.of(blueprint));
        services.meters.count(Counter::RunsStarted, of, 1);
    }
    let mut messages: Vec<JobMessage> = jobs.iter().flat_map(JobsToPublish::messages).collect();
    let mut backoff = Backoff::up_to(LONGEST, &services.platform);
    for attempt in 1..=PUBLISHES {
        publish_deadlines(services, jobs).await;
        let Err(error) = services.publisher.publish(&messages).await else { return };
        if attempt == PUBLISHES || !error.is_transient() {
            let what = match jobs {
                [jobs] => format!("Run '{}' is started", jobs.run),
                jobs => format!("{} runs are started", jobs.len()),
            };
            let words = format!(
                "{what}, and not every message is confirmed: recovery publishes what is missing. {error}"
            );
            let run = if let [jobs] = jobs { Some(jobs.run.clone()) } else { None };
            let about = About { run, ..About::default() };
            return services.notices.warn(about.error(&error), words);
        }
        backoff.wait().await;
        messages = messages.into_iter().map(JobMessage::as_copy).collect();
    }
}
