//! What was deployed in a simulated world, who lived when, and what clients started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::cancelling::Cancellation;
use super::child::is_child;
use super::dying::DyingStart;
use super::flows::Flow;
use super::pausing::Pause;
use super::plan::Trouble;
use super::schedules::{KeptSchedule, SCHEDULED, is_scheduled};
use super::world::{World, tables};

/// What is to become of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It follows this flow to its end.
    Follows(String),
    /// Nobody can begin it: it fails.
    Fails,
}

/// A deployment: from when on, and its flows.
#[derive(Debug, Clone)]
pub struct Deployment {
    pub since: Duration,
    pub flows: Arc<BTreeMap<String, Flow>>,
}

/// What the promises are checked against.
#[derive(Debug, Default)]
pub struct History {
    /// The runs that clients started.
    pub expected: BTreeMap<String, Expected>,
    /// What was done with schedules.
    pub schedules: Vec<KeptSchedule>,
    /// When a client asked for a run of limited time, and how long it may take.
    pub limits: BTreeMap<String, (Duration, Duration)>,
    /// How many nodes of a run are executed at a time.
    pub concurrencies: BTreeMap<String, u32>,
    /// The starts whose clients may have died, by run.
    pub dying: BTreeMap<String, DyingStart>,
    /// When each worker died: its code ended then.
    pub deaths: BTreeMap<String, Duration>,
    /// What was paused, and when.
    pub pauses: Vec<Pause>,
    /// The calls that cancel runs, by run.
    pub cancellations: BTreeMap<String, Cancellation>,
    /// Their contexts, as they were inserted.
    pub inserted: BTreeMap<String, String>,
    /// The flows that replaced those at the beginning.
    pub deployment: Option<Deployment>,
    /// Since when each worker of the first deployment lives, and until when.
    pub old: BTreeMap<String, (Duration, Option<Duration>)>,
}

impl World {
    /// A worker takes no jobs any more.
    pub fn note_end(&self, worker: &str) {
        let now = self.story.elapsed();
        self.with(|workers| {
            if let Some((_, end)) = workers.history.old.get_mut(worker) {
                *end = Some(now);
            }
        });
    }

    /// The flows of workers that start now.
    pub fn deployed(&self) -> Arc<BTreeMap<String, Flow>> {
        let deployment = self.deployment();
        deployment.map_or_else(|| self.flows.clone(), |deployment| deployment.flows)
    }

    /// The deployment that replaced the first one, if one did.
    pub fn deployment(&self) -> Option<Deployment> {
        self.with(|workers| workers.history.deployment.clone())
    }

    /// Has workers that start from now on have other flows; once.
    pub fn deploy(&self, flows: BTreeMap<String, Flow>) -> bool {
        let deployment = Deployment { since: self.story.elapsed(), flows: Arc::new(flows) };
        self.with(|workers| {
            let is_first = workers.history.deployment.is_none();
            workers.history.deployment.get_or_insert(deployment);
            is_first
        })
    }

    /// Since when each worker of the first deployment lives, and until when.
    pub fn old_workers(&self) -> Vec<(Duration, Option<Duration>)> {
        self.with(|workers| workers.history.old.values().copied().collect())
    }

    /// When a client asked for a run, and how long that may take; none where that is not limited.
    pub fn limit(&self, run: &str) -> Option<(Duration, Duration)> {
        self.with(|workers| workers.history.limits.get(run).copied())
    }

    /// How many nodes of each run are executed at a time, where a client said so.
    pub fn concurrencies(&self) -> BTreeMap<String, u32> {
        self.with(|workers| workers.history.concurrencies.clone())
    }

    /// A client that may die starts a run, or is answered.
    pub fn note_dying(&self, run: &str, flow: &str, is_answered: bool) {
        let start = DyingStart { flow: flow.to_owned(), is_answered };
        self.with(|workers| workers.history.dying.insert(run.to_owned(), start));
    }

    /// The starts whose clients may have died, by run.
    pub fn dying(&self) -> BTreeMap<String, DyingStart> {
        self.with(|workers| workers.history.dying.clone())
    }

    /// A worker dies: its code ends.
    pub fn note_death(&self, worker: &str) {
        let now = self.story.elapsed();
        self.with(|workers| {
            workers.history.deaths.entry(worker.to_owned()).or_insert(now);
        });
    }

    /// When the code of each worker ended that died or has stopped.
    pub fn code_ends(&self) -> BTreeMap<String, Duration> {
        let mut ends = self.stopped();
        ends.extend(self.with(|workers| workers.history.deaths.clone()));
        ends
    }

    /// Something was paused.
    pub fn note_pause(&self, pause: Pause) {
        self.with(|workers| workers.history.pauses.push(pause));
    }

    /// What was paused, and when.
    pub fn pauses(&self) -> Vec<Pause> {
        self.with(|workers| workers.history.pauses.clone())
    }

    /// A client asks to cancel a run, or is answered.
    pub fn note_cancellation(&self, cancellation: Cancellation) {
        self.with(|workers| {
            workers.history.cancellations.insert(cancellation.run.clone(), cancellation);
        });
    }

    /// The calls that cancel runs.
    pub fn cancellations(&self) -> Vec<Cancellation> {
        self.with(|workers| workers.history.cancellations.values().cloned().collect())
    }

    /// A run's context, as it was inserted.
    pub fn inserted(&self, run: &str) -> String {
        self.with(|workers| workers.history.inserted.get(run).cloned().unwrap_or_default())
    }

    /// The runs that clients and schedules started, and what is to become of each.
    pub fn expected(&self) -> BTreeMap<String, Expected> {
        let mut expected = self.with(|workers| workers.history.expected.clone());
        if self.plan.has(Trouble::DyingClients) {
            let there = self.server.runs(&tables()).into_iter();
            let dying = self.dying();
            let started = there.filter_map(|run| Some((dying.get(&run)?.flow.clone(), run)));
            expected.extend(started.map(|(flow, run)| (run, Expected::Follows(flow))));
        }
        if self.plan.schedules > 0 {
            let runs = self.server.runs(&tables()).into_iter().filter(|run| is_scheduled(run));
            expected.extend(runs.map(|run| (run, Expected::Follows(SCHEDULED.to_owned()))));
        }
        if self.plan.parents {
            let children = self.server.runs(&tables()).into_iter().filter(|run| is_child(run));
            let started = |run: &str| expected.get(run).cloned();
            let flow = |run: String| Some((self.flow_of_child(&run, &started)?, run));
            let children: Vec<_> = children.filter_map(flow).collect();
            expected.extend(children.into_iter().map(|(flow, run)| (run, Expected::Follows(flow))));
        }
        expected
    }
}
