//! What the user hears: lines for the logger, events, and that a consumer is lost for good.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::ports::about::About;
use crate::ports::host::{Host, Level, Notice, Span, SpanKind};
use crate::protocol::message::JobMessage;
use crate::record::Milestones;

/// The way to the user's logger and event bus. Telling never waits. Clones share it.
#[derive(Clone)]
pub struct Notices {
    host: Arc<dyn Host>,
}

impl Notices {
    /// Tells this host.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self { host }
    }

    /// A line worth reading.
    pub fn info(&self, about: About, message: String) {
        self.log(Level::Info, about, message);
    }

    /// A line that the operator should look at.
    pub fn warn(&self, about: About, message: String) {
        self.log(Level::Warn, about, message);
    }

    /// A line about something that is stuck.
    pub fn error(&self, about: About, message: String) {
        self.log(Level::Error, about, message);
    }

    /// The worker receives no more jobs from a queue, and nothing it can do will change that.
    pub fn consumer_lost(&self, queue: &str, error: &Error) {
        let message = format!("The worker on '{queue}' receives no more jobs. {error}");
        self.host.notify(Notice::Deaf { message, queue: queue.to_owned() });
    }

    /// The worker takes no jobs until the user fixes the problem.
    pub fn unfit(&self, error: Error) {
        self.host.notify(Notice::Unfit { error });
    }

    /// Whether anybody hears of jobs that are published and done.
    pub fn are_heard(&self) -> bool {
        self.host.listens()
    }

    /// Tells of a job.
    pub fn tell(&self, notice: Notice) {
        self.host.notify(notice);
    }

    /// Tells of a run as a whole, and waits until that is heard.
    ///
    /// # Errors
    /// JavaScript is gone.
    pub async fn tell_of(&self, run: &str, milestones: Milestones) -> Result<()> {
        match self.are_heard() && !milestones.all.is_empty() {
            true => self.host.tell_of(run, milestones).await,
            false => Ok(()),
        }
    }

    /// Tells what was done for jobs that belong to traces, just now, and how long it took.
    pub fn trace(&self, kind: SpanKind, jobs: &[JobMessage], took: Duration) {
        if !self.host.traces() {
            return;
        }
        for job in jobs {
            if let Some(after) = job.trace().map(str::to_owned) {
                let (run, node) = (job.run_id.clone(), job.node_id.clone());
                self.host.notify(Notice::Span(Span { kind, after, run, node, took }));
            }
        }
    }

    fn log(&self, level: Level, about: About, message: String) {
        self.host.notify(Notice::Log { level, message, about });
    }
}
