//! The nodes this worker is running: whom to tell when their run is cancelled, and that their runs are alive.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::run_store::RunStore;

/// How often the record is asked whether a run in flight was cancelled. Nodes that take less never cost a question.
const INTERVAL: Duration = Duration::from_millis(500);

/// The nodes in flight, by a number each.
#[derive(Default)]
pub struct InFlight {
    nodes: Mutex<Nodes>,
}

#[derive(Default)]
struct Nodes {
    last: u64,
    /// Run and signal, by number.
    running: BTreeMap<u64, (String, CancellationToken)>,
}

/// A node in flight, until it is dropped.
pub struct Flight<'a> {
    of: &'a InFlight,
    number: u64,
}

impl InFlight {
    /// Notes a node whose signal is `token`.
    pub fn note(&self, run: &str, token: CancellationToken) -> Flight<'_> {
        self.with(|nodes| {
            nodes.last += 1;
            nodes.running.insert(nodes.last, (run.to_owned(), token));
            Flight { of: self, number: nodes.last }
        })
    }

    /// Asks the record about the runs in flight, until `stop`, and passes a cancellation on. While the worker is
    /// `alive`, the record hears once a second that they are too, however long a node takes.
    pub async fn watch(&self, runs_of_record: &RunStore, alive: impl Fn() -> bool, stop: CancellationToken) {
        let mut seen: Vec<String> = Vec::new();
        let mut odd = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let runs: Vec<String> =
                self.with(|nodes| nodes.running.values().map(|(run, _)| run.clone()).collect());
            let lasting: Vec<String> = runs.iter().filter(|run| seen.contains(run)).cloned().collect();
            seen = runs;
            if lasting.is_empty() {
                continue;
            }
            odd = !odd;
            if odd && alive() {
                let kept = runs_of_record.record().keep_alive(&lasting).await;
                let _ = kept.inspect_err(|error| debug!(%error, "could not say that runs are alive"));
            }
            match runs_of_record.record().cancelled(&lasting).await {
                Ok(cancelled) => self.cancel(&cancelled),
                Err(error) => debug!(%error, "could not ask for cancelled runs"),
            }
        }
    }

    fn cancel(&self, runs: &[String]) {
        self.with(|nodes| {
            for (_, token) in nodes.running.values().filter(|(run, _)| runs.contains(run)) {
                token.cancel();
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Nodes) -> T) -> T {
        act(&mut self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.of.with(|nodes| nodes.running.remove(&self.number));
    }
}
