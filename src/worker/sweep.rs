//! A way through the runs that have fallen silent, to those of them that lost a job.

use std::collections::HashMap;
use std::time::Duration;

use tracing::debug;

use super::engine::Engine;
use super::repair::SILENCE;
use super::revival::Revival;
use crate::error::{Error, Kind, Result};
use crate::ports::record::{StaleRun, StaleSearch};
use crate::time;
use crate::workflow::ledger::Due;

/// Runs looked at in one look.
const PAGE: i64 = 500;
/// Runs whose trouble is taken for their own; one more, and a server is to blame.
const FAILURES: u32 = 3;
/// Runs remembered as not to be repaired here.
const HOPELESS_KEPT: usize = 10_000;

/// A way through the silent runs, a page at a time; each page is seen twice.
#[derive(Default)]
pub(super) struct Sweep {
    /// Runs found silent in the last look, and since when they are.
    suspects: HashMap<String, i64>,
    /// Those of them that can not be repaired here, as long as nothing happens to them.
    hopeless: HashMap<String, i64>,
    /// Where the page begins.
    after: StaleRun,
}

impl Sweep {
    /// Looks at a page; whether it was the last one.
    pub async fn look(
        &mut self,
        engine: &Engine,
        queue: &str,
        at_most: Duration,
        youngest: Option<u64>,
    ) -> Result<bool> {
        let (at_least, after) = (engine.repair.silence(), self.after.clone());
        let search = StaleSearch { at_least, at_most, after, limit: PAGE };
        let page = engine.runs.record().stale(&search).await?;
        // Asked afterwards: with nothing waiting now, nothing of the page can be waiting.
        let passed = Passed::now(engine, queue, youngest, page.is_empty()).await?;
        let mut suspects = HashMap::new();
        let (mut known, mut failures) = (true, 0);
        for silent in &page {
            if self.hopeless.get(&silent.run) == Some(&silent.since) {
                continue;
            }
            if self.suspects.get(&silent.run) != Some(&silent.since) {
                known = false;
            } else if passed.has(silent.since) {
                match repair_one(engine, queue, silent, passed).await {
                    Repaired::Yes => continue,
                    Repaired::NotNow => {}
                    Repaired::NotHere => drop(self.hopeless.insert(silent.run.clone(), silent.since)),
                    // It is this run's trouble, unless it is everybody's.
                    Repaired::Failed(error) if failures < FAILURES => {
                        debug!(%error, run = silent.run, "not repaired");
                        failures += 1;
                    }
                    Repaired::Failed(error) => return Err(error),
                }
            }
            suspects.insert(silent.run.clone(), silent.since);
        }
        self.suspects = suspects;
        if self.hopeless.len() > HOPELESS_KEPT {
            self.hopeless.clear();
        }
        let is_full = i64::try_from(page.len()).unwrap_or(0) == PAGE;
        // A page that was seen twice must not hide what comes after it.
        if known {
            self.after = page.last().filter(|_| is_full).cloned().unwrap_or_default();
        }
        Ok(known && !is_full)
    }
}

/// What became of a run that seems to have lost a job.
enum Repaired {
    /// Its job is published again.
    Yes,
    /// Somebody holds its lease, or saw to it first.
    NotNow,
    /// It has not begun, is of another queue, or has a row that a person has to look at.
    NotHere,
    /// A server is out of reach, or user code threw.
    Failed(Error),
}

async fn repair_one(engine: &Engine, queue: &str, silent: &StaleRun, passed: Passed) -> Repaired {
    let lost = |due: &Due| due.not_before.is_none_or(|at| passed.has_timer(at));
    match engine.revive(&silent.run, Revival { queue: Some(queue), claim: Some(silent), due: &lost }).await {
        Ok(Some(nodes)) if nodes.is_empty() => Repaired::NotNow,
        Ok(Some(nodes)) => {
            let nodes = nodes.into_iter().collect::<Vec<_>>().join("', '");
            engine
                .warn(format!("Run '{}': the job of '{nodes}' was lost; it is published again", silent.run));
            Repaired::Yes
        }
        Ok(None) => Repaired::NotHere,
        Err(error) if !matches!(error.kind(), Kind::Transient | Kind::Refused) => {
            debug!(%error, "not to be repaired here");
            Repaired::NotHere
        }
        Err(error) => Repaired::Failed(error),
    }
}

/// What has left the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    pub drained: bool,
    pub youngest: Option<u64>,
    /// By this worker's clock, in milliseconds since 1970.
    pub now: u64,
}

impl Passed {
    /// What has left the queue by now. Where nobody will ask, the queue is not asked either.
    pub async fn now(engine: &Engine, queue: &str, youngest: Option<u64>, idle: bool) -> Result<Self> {
        let drained = !idle && engine.broker.waiting(queue).await?.unwrap_or(0) == 0;
        Ok(Self { drained, youngest, now: engine.platform.now() })
    }

    /// Whether what was published by then, in microseconds since 1970, has.
    pub fn has(self, moment: i64) -> bool {
        let moment = u64::try_from(moment).unwrap_or(0) / 1000;
        self.drained || self.youngest.is_some_and(|youngest| youngest > moment)
    }

    /// Whether what was to be delivered at a moment, in milliseconds since 1970, has. It came into the queue a
    /// little after its time, and that time is of another clock.
    pub fn has_timer(self, moment: u64) -> bool {
        let margin = time::milliseconds(2 * SILENCE);
        let come = moment.saturating_add(margin);
        come < self.now && (self.drained || self.youngest.is_some_and(|youngest| youngest > come))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_holds_nothing_and_a_silent_one_proves_nothing() {
        assert!(Passed { drained: true, youngest: None, now: 0 }.has(i64::MAX));
        assert!(!Passed { drained: false, youngest: None, now: 0 }.has(0));
    }
}
