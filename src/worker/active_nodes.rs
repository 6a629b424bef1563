//! The nodes this worker is executing: whom to tell when their run is cancelled, and that their runs are alive.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::worker::runs::store::Runs;

/// How often the worker asks the record whether an active run was cancelled. Nodes that take less never cost a question.
const INTERVAL: Duration = Duration::from_millis(500);

/// The nodes this worker is executing, by a number each.
#[derive(Default)]
pub struct ActiveNodes {
    nodes: Mutex<Nodes>,
}

#[derive(Default)]
struct Nodes {
    last: u64,
    /// Run and signal, by number.
    active: BTreeMap<u64, (String, CancellationToken)>,
}

/// A node that is active until this is dropped.
pub struct ActiveNode<'a> {
    of: &'a ActiveNodes,
    number: u64,
}

impl ActiveNodes {
    /// Notes a node whose signal is `token`.
    pub fn note(&self, run: &str, token: CancellationToken) -> ActiveNode<'_> {
        self.with(|nodes| {
            nodes.last += 1;
            nodes.active.insert(nodes.last, (run.to_owned(), token));
            ActiveNode { of: self, number: nodes.last }
        })
    }

    /// Asks the record about the active runs, until `stop`, and passes a cancellation on. While the worker
    /// `is_responsive`, it also tells the record once a second that they are alive, however long a node takes.
    pub async fn watch(&self, runs: &Runs, is_responsive: impl Fn() -> bool, stop: CancellationToken) {
        let mut seen: Vec<String> = Vec::new();
        let mut odd = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let active: Vec<String> =
                self.with(|nodes| nodes.active.values().map(|(run, _)| run.clone()).collect());
            let lasting: Vec<String> = active.iter().filter(|run| seen.contains(run)).cloned().collect();
            seen = active;
            if lasting.is_empty() {
                continue;
            }
            odd = !odd;
            if odd && is_responsive() {
                let kept = runs.keep_alive(&lasting).await;
                let _ = kept.inspect_err(|error| debug!(%error, "could not keep the active runs fresh"));
            }
            match runs.cancelled(&lasting).await {
                Ok(cancelled) => self.cancel(&cancelled),
                Err(error) => debug!(%error, "could not ask for cancelled runs"),
            }
        }
    }

    fn cancel(&self, runs: &[String]) {
        self.with(|nodes| {
            for (_, token) in nodes.active.values().filter(|(run, _)| runs.contains(run)) {
                token.cancel();
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Nodes) -> T) -> T {
        act(&mut self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for ActiveNode<'_> {
    fn drop(&mut self) {
        self.of.with(|nodes| nodes.active.remove(&self.number));
    }
}
