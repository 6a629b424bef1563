//! Publishing jobs, each into the queue of its blueprint and for the moment it is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Result;
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::broker::{Broker, Outgoing};
use crate::ports::delay;
use crate::ports::host::{Notice, SpanKind};
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::record::Carried;
use crate::worker::meters::kinds::{Counter, Measure, Of};
use crate::worker::meters::service::Meters;
use crate::worker::notices::Notices;
use crate::worker::retry::Retry;
use crate::worker::settings::Settings;

fn headers(carried: &Carried) -> Vec<(String, String)> {
    carried.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// How a job is published.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// The user hears of it.
    Announced,
    /// Without a word.
    Silent,
    /// Without a word, to be delivered after so long, whatever the time is.
    Later(Duration),
}

/// Publishes jobs. Clones share it.
#[derive(Clone)]
pub struct Publisher {
    broker: Arc<dyn Broker>,
    settings: Arc<Settings>,
    notices: Notices,
    platform: Platform,
    meters: Arc<Meters>,
}

impl Publisher {
    /// Publishes through this broker.
    pub fn new(
        broker: Arc<dyn Broker>,
        settings: Arc<Settings>,
        notices: Notices,
        platform: Platform,
        meters: Arc<Meters>,
    ) -> Self {
        Self { broker, settings, notices, platform, meters }
    }

    /// Publishes jobs, confirmed, and says so.
    ///
    /// # Errors
    /// Transient, when one was not confirmed.
    pub async fn publish(&self, jobs: &[JobMessage]) -> Result<()> {
        if jobs.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        self.forward(jobs).await?;
        jobs.iter().for_each(|job| self.announce(job));
        self.notices.trace(SpanKind::Publish, jobs, begun.elapsed());
        if self.meters.are_on() {
            self.meter(jobs, begun.elapsed());
        }
        Ok(())
    }

    fn meter(&self, jobs: &[JobMessage], took: Duration) {
        for job in jobs {
            let queue = self.settings.queues.of(&job.blueprint_id);
            self.meters.count(Counter::JobsPublished, Of::jobs(job.run_blueprint(), queue), 1);
            self.meters.measure(Measure::Publish, Of::queue(queue), took);
        }
    }

    /// Says that a job was published, or is run here without that.
    pub fn announce(&self, job: &JobMessage) {
        if self.notices.are_heard() {
            let queue = self.settings.queues.of(&job.blueprint_id).to_owned();
            self.notices.tell(Notice::Enqueued { job: job.clone(), queue });
        }
    }

    /// Publishes the jobs that a commit made due, for as long as it takes.
    ///
    /// # Errors
    /// Only when the worker aborts.
    pub async fn publish_due(&self, jobs: &[JobMessage], retry: &Retry) -> Result<()> {
        if jobs.is_empty() {
            return Ok(());
        }
        fault_points::point("before-publish");
        if fault_points::is_planned("between-publishes") && jobs.len() > 1 {
            self.publish(&jobs[..1]).await?;
            fault_points::point("between-publishes");
        }
        let jobs = if makes(Mutant::ForgetsSibling) && jobs.len() > 1 { &jobs[1..] } else { jobs };
        if makes(Mutant::AcknowledgesBeforeConfirm) {
            let _ = tokio::time::timeout(std::time::Duration::from_micros(100), self.publish(jobs)).await;
            return Ok(());
        }
        self.until_confirmed(jobs, retry, Manner::Announced).await?;
        fault_points::point("after-publish");
        Ok(())
    }

    /// Publishes a copy of a message that was published before, for as long as it takes, without a word.
    ///
    /// # Errors
    /// Only when the worker aborts.
    pub async fn forward_until_confirmed(&self, job: JobMessage, retry: &Retry) -> Result<()> {
        self.until_confirmed(&[job], retry, Manner::Silent).await
    }

    /// The same, to be delivered after `wait`: for a message that does not say when, since nobody has heard the time yet.
    ///
    /// # Errors
    /// As [`forward_until_confirmed`](Self::forward_until_confirmed).
    pub async fn forward_later(&self, job: JobMessage, wait: Duration, retry: &Retry) -> Result<()> {
        self.until_confirmed(&[job], retry, Manner::Later(wait)).await
    }

    /// Publishes jobs until they are confirmed. From the second attempt on they are copies: the first may have arrived.
    async fn until_confirmed(&self, jobs: &[JobMessage], retry: &Retry, manner: Manner) -> Result<()> {
        let is_first = AtomicBool::new(true);
        let attempt = || async {
            let copies: Option<Vec<_>> = (!is_first.swap(false, Ordering::Relaxed))
                .then(|| jobs.iter().cloned().map(JobMessage::as_copy).collect());
            let jobs = copies.as_deref().unwrap_or(jobs);
            match manner {
                Manner::Announced => self.publish(jobs).await,
                Manner::Silent => self.forward(jobs).await,
                Manner::Later(wait) => self.send(jobs, Some(wait)).await,
            }
        };
        retry.until_done(attempt).await
    }

    /// Publishes jobs without a word: copies of messages that were published before.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn forward(&self, jobs: &[JobMessage]) -> Result<()> {
        self.send(jobs, None).await
    }

    /// Publishes jobs for the moments they are for; those that name none, after `wait`.
    async fn send(&self, jobs: &[JobMessage], wait: Option<Duration>) -> Result<()> {
        let outgoing = jobs.iter().map(|job| Outgoing {
            queue: self.settings.queues.of(&job.blueprint_id).to_owned(),
            delay: match job.not_before {
                Some(moment) => self.platform.until(moment).map(delay::next_delay),
                None => wait.map(delay::next_delay),
            },
            body: job.to_body(),
            headers: job.carried.as_ref().map(|carried| headers(carried)).unwrap_or_default(),
            priority: job.carried.as_ref().and_then(|carried| carried.priority),
        });
        self.broker.publish(outgoing.collect()).await
    }
}
