//! The nodes this worker is executing: whom to tell when their run is cancelled, and that their runs are alive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::ids::NodeId;
use crate::worker::runs::service::Runs;
use crate::worker::runs::time_limit::LateRun;
use crate::workflow::ledger::Standing;
use crate::workflow::path::Inside;

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
    /// By number.
    active: BTreeMap<u64, Active>,
}

/// A node that is being executed.
struct Active {
    run: String,
    /// When its run fails if it is not over by then: milliseconds since 1970.
    deadline: Option<u64>,
    /// The node and its round, where it may be over before its run is: inside a subflow.
    inside: Option<(NodeId, u32)>,
    signal: CancellationToken,
}

/// A node that is active until this is dropped.
pub struct ActiveNode<'a> {
    of: &'a ActiveNodes,
    number: u64,
}

impl ActiveNodes {
    /// Notes something that is done for a run, and whose signal is `token`.
    pub fn note(&self, run: &str, token: CancellationToken) -> ActiveNode<'_> {
        self.add(Active { run: run.to_owned(), deadline: None, inside: None, signal: token })
    }

    /// Notes a node that is executed in a round, of a run that may have a deadline.
    pub fn note_node(
        &self,
        run: &str,
        (node, round): (&NodeId, u32),
        deadline: Option<u64>,
        token: CancellationToken,
    ) -> ActiveNode<'_> {
        let inside = Inside::of(node).map(|_| (node.clone(), round));
        self.add(Active { run: run.to_owned(), deadline, inside, signal: token })
    }

    fn add(&self, active: Active) -> ActiveNode<'_> {
        self.with(|nodes| {
            nodes.last += 1;
            nodes.active.insert(nodes.last, active);
            ActiveNode { of: self, number: nodes.last }
        })
    }

    /// Asks the record about the active runs, until `stop`, and passes a cancellation on. While the worker
    /// `is_responsive`, it also tells the record once a second that they are alive, however long a node takes.
    pub async fn watch(&self, runs: &Runs, is_responsive: impl Fn() -> bool, stop: CancellationToken) {
        let mut seen: Vec<String> = Vec::new();
        let mut ending = BTreeMap::new();
        let mut odd = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            // What begins from here on may belong to a later round of its node than the record is about to say.
            let (latest, active): (u64, Vec<String>) = self
                .with(|nodes| (nodes.last, nodes.active.values().map(|active| active.run.clone()).collect()));
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
                Ok(cancelled) => self.cancel(&cancelled, latest),
                Err(error) => debug!(%error, "could not ask for cancelled runs"),
            }
            self.cancel_inside(runs, &lasting, latest).await;
            self.end_late_runs(runs, &lasting, &mut ending).await;
        }
    }

    /// Passes on that runs were cancelled, to the executions up to number `latest`: those that there were when the record was asked.
    fn cancel(&self, runs: &[String], latest: u64) {
        self.signal(latest, |active| runs.contains(&active.run));
    }

    /// Gives their signal to the executions up to number `latest` that `are_over`.
    fn signal(&self, latest: u64, are_over: impl Fn(&Active) -> bool) {
        self.with(|nodes| {
            for (_, active) in nodes.active.range(..=latest).filter(|(_, active)| are_over(active)) {
                active.signal.cancel();
            }
        });
    }

    /// Fails runs whose time is over while nodes of them are executed here. Those that could not be ended before are `ending`.
    async fn end_late_runs(&self, runs: &Runs, lasting: &[String], ending: &mut BTreeMap<String, LateRun>) {
        ending.retain(|run, _| lasting.contains(run));
        let now = runs.now();
        let (latest, late): (u64, BTreeSet<String>) = self.with(|nodes| {
            let is_late = |active: &&Active| active.deadline.is_some_and(|deadline| deadline <= now);
            let late = nodes.active.values().filter(is_late).map(|active| active.run.clone());
            (nodes.last, late.filter(|run| lasting.contains(run)).collect())
        });
        for run in late {
            let late = ending.entry(run.clone()).or_insert_with(|| LateRun::new(&run));
            let ended = match late.end(runs, now).await {
                Ok(true) => Ok(true),
                // Another worker did, or somebody has retried it since.
                Ok(false) => runs.load_ledger(&run).await.map(|document| document.has_ended()),
                Err(error) => Err(error),
            };
            match ended {
                Ok(true) => self.cancel(&[run], latest),
                Ok(false) => {}
                Err(error) => debug!(%error, run, "a run whose time is over was not ended"),
            }
        }
    }

    /// Passes on that subflows ended while nodes inside are executed: the time of a container was up.
    async fn cancel_inside(&self, runs: &Runs, lasting: &[String], latest: u64) {
        let inside: BTreeSet<String> = self.with(|nodes| {
            let inside = nodes.active.values().filter(|active| active.inside.is_some());
            inside.map(|active| active.run.clone()).filter(|run| lasting.contains(run)).collect()
        });
        for run in inside {
            let Ok(document) = runs.load_ledger(&run).await else { continue };
            let Some(ledger) = document.reserved.map(|reserved| reserved.ledger) else { continue };
            let is_over =
                |(node, round): &(NodeId, u32)| ledger.standing(node, Some(*round)) != Standing::Due(*round);
            self.signal(latest, |active| active.run == run && active.inside.as_ref().is_some_and(is_over));
        }
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
