//! Taking leases: again and again while the coordination store is out of reach, or without it, as the user chose.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::epoch::Forgotten;
use super::held::{HeldLeases, LeasedExecution};
use crate::backoff::Backoff;
use crate::error::{Kind, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::coordination::{Acquired, CoordinationStore, Stage, Start};
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::worker::notices::Notices;
use crate::worker::settings::{Settings, WithoutLeases};

/// How long a worker that waits for leases waits between two tries at most.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A worker's leases.
pub struct Leases {
    held: HeldLeases,
    without: WithoutLeases,
    /// After so many deaths a node fails; zero for never.
    max_deaths: u32,
    notices: Notices,
    platform: Platform,
}

impl Leases {
    /// No lease is held yet.
    pub fn new(
        store: Arc<dyn CoordinationStore>,
        settings: &Settings,
        notices: Notices,
        platform: Platform,
    ) -> Self {
        let held = HeldLeases::new(store, settings.worker.clone(), settings.lease_seconds, platform.clone());
        let Settings { without_leases: without, max_deaths, .. } = *settings;
        Self { held, without, max_deaths, notices, platform }
    }

    /// Takes the lease of a job's node. Where leases cannot be had, does as the user chose.
    ///
    /// # Errors
    /// Only when the worker aborts.
    pub async fn take(&self, job: &JobMessage, abort: &CancellationToken) -> Result<Acquired> {
        let (run, node) = (&job.run_id, &job.node_id);
        let start = self.start_of(job);
        if makes(Mutant::TakesNoLease) {
            return Ok(Acquired::Fresh);
        }
        let mut backoff = Backoff::up_to(LONGEST_WAIT, &self.platform);
        loop {
            let error = match self.watched(self.held.take(run, node, start).await) {
                Err(error) if error.kind() != Kind::Stopping => error,
                taken => return taken,
            };
            if self.without == WithoutLeases::Continue {
                let is_free = self.held.take_unseen(run, node, start);
                return Ok(if is_free { Acquired::Yes } else { Acquired::No });
            }
            if abort.is_cancelled() {
                return Err(error.while_stopping());
            }
            tokio::select! {
                biased;
                () = abort.cancelled() => {}
                () = backoff.wait() => {}
            }
        }
    }

    /// Takes the lease of a job's node without waiting for the store; none where that is out of reach.
    pub async fn take_at_once(&self, job: &JobMessage) -> Option<Acquired> {
        if makes(Mutant::TakesNoLease) {
            return Some(Acquired::Fresh);
        }
        self.watched(self.held.take(&job.run_id, &job.node_id, self.start_of(job)).await).ok()
    }

    /// What the lease of a job notes of its execution.
    fn start_of(&self, job: &JobMessage) -> Option<Start> {
        let counts = self.max_deaths > 0 && !makes(Mutant::CountsNoDeaths);
        counts.then_some(Start { round: job.round, stage: Stage::Starts })
    }

    /// Takes a lease, or one that nobody else can see while the store is out of reach; whether it was free.
    pub async fn take_or_go_without(&self, run: &str, node: &str) -> bool {
        match self.held.take(run, node, None).await {
            Ok(acquired) => acquired.is_taken(),
            Err(_) => self.held.take_unseen(run, node, None),
        }
    }

    /// Whether so many deaths are enough for a node to fail.
    pub fn are_enough(&self, deaths: u32) -> bool {
        self.max_deaths > 0 && deaths >= self.max_deaths
    }

    /// Tells the store that a suspect starts; whether this worker still has its lease.
    pub async fn start_suspect(&self, run: &str, node: &str) -> bool {
        self.held.tell_stage(run, node, Stage::Started).await
    }

    /// Tells the store that a node's code is over, although its lease is kept: nobody dies of it any more.
    pub async fn note_code_over(&self, run: &str, node: &str) {
        self.held.tell_stage(run, node, Stage::Waits).await;
    }

    /// The execution that a lease is held for is answered: its deaths are forgotten with the lease.
    pub fn note_answered(&self, run: &str, node: &str) {
        self.held.note_answered(run, node);
    }

    /// User code is gone, although nobody stopped this worker: what was being executed may be why.
    pub fn desert(&self) {
        self.held.desert();
    }

    /// Whether a lease that was taken has not run out since, as far as this worker can tell.
    pub fn is_current(&self, run: &str, node: &str) -> bool {
        self.held.is_current(run, node) || makes(Mutant::TakesNoLease)
    }

    /// Whether others can see a lease that is held here.
    pub fn is_seen(&self, run: &str, node: &str) -> bool {
        self.held.is_seen(run, node) || makes(Mutant::TakesNoLease)
    }

    /// Notes what a lease is held for, and whether that is claimed in the record.
    pub fn note_execution(&self, execution: LeasedExecution, is_claimed: bool) {
        self.held.note_execution(execution, is_claimed);
    }

    /// Notes that executions are claimed in the record, for as long as their leases are held.
    pub fn note_claimed(&self, executions: &[LeasedExecution]) {
        self.held.note_claimed(executions);
    }

    /// The executions under leases that are not claimed in the record.
    pub fn unclaimed(&self) -> Vec<LeasedExecution> {
        self.held.unclaimed()
    }

    /// Asks for a lease that nobody else can see, however recently the store failed; whether another worker has it.
    pub async fn is_others(&self, run: &str, node: &str) -> bool {
        self.held.is_others(run, node).await
    }

    /// How long another worker's lease from before the loss of the store may still live; none: all have run out.
    pub fn silence_left(&self) -> Option<Duration> {
        self.held.silence_left()
    }

    /// Whether the store has forgotten leases a moment ago.
    pub async fn has_forgotten(&self) -> Forgotten {
        match self.held.has_forgotten().await {
            _ if makes(Mutant::TrustsFlushedStore) => Forgotten::No,
            forgotten => forgotten,
        }
    }

    /// Gives a lease back; done when that is on its way.
    pub async fn give_back(&self, run: &str, node: &str) {
        self.held.give_back(run, node).await;
    }

    /// Takes, or keeps, a lead of `ttl` seconds among the workers; whether this worker has it.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn lead(&self, key: &str, ttl: u64) -> Result<bool> {
        self.watched(self.held.lead(key, ttl).await)
    }

    /// Gives the lead up.
    pub async fn resign(&self, key: &str) {
        self.held.resign(key).await;
    }

    /// Whether a lease can be known to be fresh: the store answers, and remembers what was given up.
    pub fn can_be_fresh(&self) -> bool {
        self.held.can_be_fresh()
    }

    /// Whether the store answered when it was last asked.
    pub fn is_reachable(&self) -> bool {
        self.held.is_reachable()
    }

    /// Renews every lease held while the worker `is_responsive`, until `stop`. What cannot be renewed is claimed, and what was
    /// claimed is claimed again.
    pub async fn keep(
        &self,
        is_responsive: impl Fn() -> bool,
        claim: impl Fn(Vec<LeasedExecution>),
        stop: CancellationToken,
    ) {
        self.held.keep(is_responsive, claim, stop).await;
    }

    /// An answer of the store; the user hears when the store is lost, and when it is back.
    fn watched<T>(&self, answer: Result<T>) -> Result<T> {
        match &answer {
            Ok(_) if self.held.is_back() => {
                let words = "Redis answers again: the worker leases its nodes as before".to_owned();
                self.notices.info(About::default(), words);
            }
            Err(error) if error.kind() != Kind::Stopping && self.held.is_newly_lost() => {
                let how = match self.without {
                    WithoutLeases::Continue => {
                        "the worker claims in PostgreSQL what it executes, at the cost of one more commit a job"
                    }
                    WithoutLeases::Wait => "the worker waits for it",
                };
                let words = format!("Redis is out of reach: {how} (option withoutRedis). {error}");
                self.notices.warn(About::of(error), words);
            }
            _ => {}
        }
        answer
    }
}
