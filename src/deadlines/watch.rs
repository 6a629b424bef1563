//! Watches over what one server is asked: the deadline, and what the user hears when it passes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::answering::Answering;
use crate::error::{Code, Error, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::host::{Host, Level, Notice};

/// A server, in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct WatchedServer {
    /// Its name, as a sentence begins.
    pub name: &'static str,
    /// What is being done with it.
    pub operation: &'static str,
    /// The option that says how long it may take.
    pub option: &'static str,
    /// What it means that it does not answer.
    pub code: Code,
    /// How much longer than that option says its answer may take.
    pub grace: Duration,
    /// What becomes of the work.
    pub consequence: &'static str,
}

/// Watches over one server.
pub(super) struct Watch {
    server: WatchedServer,
    /// Who hears of it; none where only the caller does.
    host: Option<Arc<dyn Host>>,
    /// What is known of it.
    pub answering: Arc<Answering>,
    /// It did not answer when it was last asked, and the user knows.
    is_silent: AtomicBool,
    is_held_up: AtomicBool,
}

impl Watch {
    /// A server that answered until now.
    pub fn new(server: WatchedServer, host: Option<Arc<dyn Host>>) -> Self {
        let (is_silent, is_held_up) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { server, host, answering: Arc::default(), is_silent, is_held_up }
    }

    /// Waits for an answer, for as long as its option says and a little longer.
    ///
    /// # Errors
    /// Those of the answer; transient if there is none in time.
    pub async fn answer<T>(&self, limit: Duration, asked: impl Future<Output = Result<T>>) -> Result<T> {
        match self.in_time(limit, asked).await {
            Some(answer) => self.heard(answer),
            None => Err(self.silence(limit)),
        }
    }

    /// The same, where the caller says what the answer means; none if there is none in time.
    pub async fn in_time<T>(&self, limit: Duration, asked: impl Future<Output = T>) -> Option<T> {
        if makes(Mutant::WaitsForEver) {
            return Some(asked.await);
        }
        tokio::time::timeout(limit + self.server.grace, asked).await.ok()
    }

    /// An answer came.
    pub fn heard<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.is_ok() {
            self.is_silent.store(false, Ordering::Relaxed);
            self.is_held_up.store(false, Ordering::Relaxed);
        }
        self.answering.note(answer.as_ref().err());
        answer
    }

    /// No answer came. The user hears of it once, until one comes again.
    pub fn silence(&self, limit: Duration) -> Error {
        let WatchedServer { name, operation, option, code, consequence, .. } = self.server;
        let what = format!("no answer within {} s (option {option})", limit.as_secs_f64());
        if let Some(host) = &self.host
            && !self.is_silent.swap(true, Ordering::Relaxed)
        {
            let message = format!(
                "{name} gives {what}. The connection is given up; {consequence}. If this comes again, look for a proxy, \
                 firewall or load balancer that drops idle connections without a word"
            );
            let about = About { code: Some(code), ..About::default() };
            host.notify(Notice::Log { level: Level::Warn, message, about });
        }
        let error = Error { is_told: self.host.is_some(), ..Error::new(code, operation, what) };
        self.answering.note(Some(&error));
        error
    }

    /// The server says that it cannot do it now. The user hears of it once.
    pub fn held_up(&self, why: &str) {
        if let Some(host) = &self.host
            && !self.is_held_up.swap(true, Ordering::Relaxed)
        {
            let message = format!("{}: {why}", self.server.name);
            let about = About { code: Some(self.server.code), ..About::default() };
            host.notify(Notice::Log { level: Level::Warn, message, about });
        }
    }
}
