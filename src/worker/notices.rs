//! What the user hears: lines for the logger, events, and that a consumer is lost for good.

use std::sync::Arc;

use crate::error::Error;
use crate::ports::host::{Host, Level, Notice};

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
    pub fn info(&self, message: String) {
        self.log(Level::Info, message);
    }

    /// A line that somebody should look at.
    pub fn warn(&self, message: String) {
        self.log(Level::Warn, message);
    }

    /// A line about something that is stuck.
    pub fn error(&self, message: String) {
        self.log(Level::Error, message);
    }

    /// The worker receives no more jobs from a queue, and nothing it can do will change that.
    pub fn consumer_lost(&self, queue: &str, error: &Error) {
        let message = format!("The worker on '{queue}' receives no more jobs. {error}");
        self.host.notify(Notice::Deaf { message });
    }

    /// The worker takes no jobs before somebody mends what is wrong.
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

    fn log(&self, level: Level, message: String) {
        self.host.notify(Notice::Log { level, message });
    }
}
