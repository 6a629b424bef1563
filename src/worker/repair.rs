//! Repair without a person: jobs that are due, and whose message is lost, are published again.
//!
//! The record says what is due; the queue can not be asked what is in it. But it is a queue: once a message has
//! been delivered, everything published before it has been delivered too, or is lost. So a job is lost when its
//! run has been silent for a while, nobody holds its lease, and since it was first seen so the queue has either
//! been empty or delivered something younger. A backlog, however long, is not a loss.
//!
//! One worker of a queue looks at a time. A running node keeps its run from being silent, so the look is a short
//! query that mostly finds nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::engine::Engine;
use super::revival::Revival;
use super::sweep::{Passed, Sweep};
use crate::error::{Kind, Result};
use crate::ports::keys;
use crate::protocol::message::JobMessage;
use crate::time;
use crate::workflow::ledger::Due;

/// A run silent for this long may have lost a job: several times as long as any delay of our own making.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// Where workers of version 1 share the queue: they neither hold leases nor say that they are alive.
const SILENCE_OF_STRANGERS: Duration = Duration::from_secs(60);
/// How long a stranger is remembered.
const STRANGER_STAYS: Duration = Duration::from_secs(3600);
/// Deliveries this soon after a look may have left the queue before it.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// How far back every look goes.
const RECENT: Duration = Duration::from_secs(600);
/// How far back the others go, and how many looks pass between them.
const ALL: Duration = Duration::from_secs(100 * 365 * 86_400);
const LOOKS_OF_ALL: u32 = 60;
/// How often, in looks, sleeping runs are asked whether one overslept, and how many at a time.
const LOOKS_OF_SLEEPERS: u32 = 6;
const PAGE_OF_SLEEPERS: i64 = 2_000;
/// How long a sleeper that was woken is left alone.
const WOKEN_STAYS: Duration = Duration::from_secs(600);

/// What a worker learns from the messages it gets.
#[derive(Debug, Default)]
pub struct Repair {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// By queue.
    passing: HashMap<String, Passing>,
    stranger: Option<Instant>,
}

/// What passes through a queue.
#[derive(Debug, Default)]
struct Passing {
    /// When the last look was.
    looked: Option<Instant>,
    /// The youngest message delivered since then, by the moment it was made due: milliseconds since 1970.
    youngest: Option<u64>,
}

impl Repair {
    /// A message was delivered.
    pub fn delivered(&self, queue: &str, job: &JobMessage, redelivered: bool) {
        let Some(at) = job.at.filter(|_| !redelivered && !job.repeated && job.not_before.is_none()) else {
            return;
        };
        self.passing(queue, |passing| {
            if passing.looked.is_none_or(|looked| looked.elapsed() > UNDER_WAY) {
                passing.youngest = passing.youngest.max(Some(at));
            }
        });
    }

    /// A message, or an output, is of a worker that is none of ours.
    pub fn met_a_stranger(&self) {
        self.with(|seen| seen.stranger = Some(Instant::now()));
    }

    /// The youngest message delivered since the last look; this is the next one.
    fn look(&self, queue: &str) -> Option<u64> {
        self.passing(queue, |passing| {
            passing.looked = Some(Instant::now());
            passing.youngest.take()
        })
    }

    pub(super) fn silence(&self) -> Duration {
        let among_strangers =
            self.with(|seen| seen.stranger.is_some_and(|met| met.elapsed() < STRANGER_STAYS));
        if among_strangers { SILENCE_OF_STRANGERS } else { SILENCE }
    }

    fn passing<T>(&self, queue: &str, act: impl FnOnce(&mut Passing) -> T) -> T {
        self.with(|seen| match seen.passing.get_mut(queue) {
            Some(passing) => act(passing),
            None => act(seen.passing.entry(queue.to_owned()).or_default()),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks for lost jobs of a queue, again and again, until `stop`.
pub(super) async fn repair(engine: Arc<Engine>, queue: String, stop: CancellationToken) {
    let interval = engine.settings.repair_interval;
    if interval.is_zero() {
        return;
    }
    let key = keys::repair(&queue);
    let mut looks = Looks::default();
    let mut said = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(interval) => {}
        }
        match looks.look(&engine, &queue).await {
            Ok(()) => said = false,
            // Somebody may mend it: a table that is not there yet, a password that has changed.
            Err(error)
                if matches!(error.kind(), Kind::Setup | Kind::Refused)
                    && !std::mem::replace(&mut said, true) =>
            {
                engine.warn(format!("Lost jobs are not looked for at the moment. {error}"));
            }
            Err(error) => debug!(%error, "could not look for lost jobs"),
        }
    }
    engine.leases.resign(&key).await;
}

/// One worker's looks, from one to the next.
#[derive(Default)]
struct Looks {
    count: u32,
    /// Runs that fell silent a short while ago: where lost jobs are mostly found.
    recent: Sweep,
    /// All others, page by page, now and then.
    all: Sweep,
    /// Looks until the next sweep of all.
    rest: u32,
    /// The last of the sleepers' page.
    sleeper: String,
    /// Sleepers that were woken, and when: not again while their messages may wait.
    woken: HashMap<String, Instant>,
}

impl Looks {
    async fn look(&mut self, engine: &Engine, queue: &str) -> Result<()> {
        let term = engine.settings.repair_interval.as_secs().saturating_mul(3) + 2;
        if !engine.watched(engine.leases.lead(&keys::repair(queue), term).await)? {
            *self = Self::default();
            return Ok(());
        }
        self.count = self.count.wrapping_add(1);
        let youngest = engine.repair.look(queue);
        self.recent.look(engine, queue, RECENT, youngest).await?;
        self.rest = self.rest.saturating_sub(1);
        if self.rest == 0 && self.all.look(engine, queue, ALL, youngest).await? {
            self.rest = LOOKS_OF_ALL;
        }
        if self.count.is_multiple_of(LOOKS_OF_SLEEPERS) {
            self.wake_sleepers(engine, queue, youngest).await?;
        }
        Ok(())
    }

    /// Timers are messages too, and their runs may sleep for weeks.
    async fn wake_sleepers(&mut self, engine: &Engine, queue: &str, youngest: Option<u64>) -> Result<()> {
        let page = engine.runs.record().awaiting(&self.sleeper, PAGE_OF_SLEEPERS).await?;
        self.sleeper = page.last.unwrap_or_default();
        self.woken.retain(|_, woken| woken.elapsed() < WOKEN_STAYS);
        let overslept = engine.platform.now().saturating_sub(time::milliseconds(2 * SILENCE));
        let runs = engine.runs.record().overdue(&page.awaiting, overslept).await?;
        let passed = Passed::now(engine, queue, youngest, runs.is_empty()).await?;
        let overdue = |due: &Due| due.not_before.is_some_and(|at| passed.has_timer(at));
        for run in runs {
            if self.woken.contains_key(&run) {
                continue;
            }
            match engine.revive(&run, Revival { queue: Some(queue), claim: None, due: &overdue }).await {
                Ok(nodes) if nodes.as_ref().is_none_or(BTreeSet::is_empty) => {}
                Ok(_) => drop(self.woken.insert(run, Instant::now())),
                Err(error) => debug!(%error, run, "a sleeper was not woken"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(at: u64) -> JobMessage {
        JobMessage {
            at: Some(at),
            ..JobMessage::parse(br#"{"runId":"r","blueprintId":"b","nodeId":"n"}"#).unwrap()
        }
    }

    #[test]
    fn what_was_published_before_a_delivered_message_has_left_the_queue() {
        let repair = Repair::default();
        repair.delivered("q", &job(5_000), false);
        let passed = Passed { drained: false, youngest: repair.look("q"), now: 0 };
        assert!(passed.has(4_999_000) && !passed.has(5_000_000) && !passed.has(6_000_000));
    }

    #[test]
    fn a_message_that_may_have_left_the_queue_before_the_look_proves_nothing() {
        let repair = Repair::default();
        repair.look("q");
        repair.delivered("q", &job(5_000), false);
        assert_eq!(repair.look("q"), None);
    }

    #[test]
    fn a_redelivered_or_delayed_message_proves_nothing() {
        let repair = Repair::default();
        repair.delivered("q", &job(5_000), true);
        repair.delivered("q", &JobMessage { repeated: true, ..job(5_000) }, false);
        repair.delivered("q", &JobMessage { not_before: Some(1), ..job(5_000) }, false);
        assert_eq!(repair.look("q"), None);
    }

    #[test]
    fn what_passes_through_one_queue_proves_nothing_about_another() {
        let repair = Repair::default();
        repair.delivered("q", &job(5_000), false);
        assert_eq!((repair.look("p"), repair.look("q")), (None, Some(5_000)));
    }

    #[test]
    fn strangers_are_given_more_time() {
        let repair = Repair::default();
        assert_eq!(repair.silence(), SILENCE);
        repair.met_a_stranger();
        assert_eq!(repair.silence(), SILENCE_OF_STRANGERS);
    }
}
